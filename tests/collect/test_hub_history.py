"""The history of the dump over HTTP: its commits, the nearest ones, the missing ones, and the cost."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import planted
import pytest

from peft_census.collect.hub.dump import DATASET
from peft_census.collect.hub.history import Commit, RevisionHistory, by_nearness
from peft_census.errors import SourceError
from tests.collect.conftest import Start
from tests.collect.test_hub_dump import parquet
from tests.replica.catalogue import Dataset, from_generator
from tests.replica.crawl import QUICK
from tests.replica.faults import Faults
from tests.replica.hub import Replica

DAY = date(2026, 6, 15)


def at(day: int, hour: int = 3) -> datetime:
    """An hour of June 2026; days may run into July."""
    return datetime(2026, 6, 1, hour, tzinfo=UTC) + timedelta(days=day - 1)


def daily(server: Replica, days: range, extra: dict[str, bytes] | None = None) -> Dataset:
    """Gives the replica a dump with one commit a day, each with a card of its own."""
    dataset = Dataset(DATASET)
    for day in days:
        dataset.commit({"data/train-0.parquet": parquet([f"a/{day}"]), **(extra or {})}, at(day))
    server.datasets[DATASET] = dataset
    return dataset


def history_in(raw: Path) -> RevisionHistory:
    return RevisionHistory(raw, QUICK, quiet=True)


def test_the_nearest_revisions_are_chosen_over_several_pages(replica: Start, tmp_path: Path) -> None:
    """Two and a half pages of commits are read until enough are older than the day; no card is fetched."""
    server = replica(from_generator(1))
    dataset = daily(server, range(-100, 150))
    walk = history_in(tmp_path).plan(DAY, 3)
    assert [(r.commit.date.day, r.days, r.state) for r in walk.revisions] == [
        (15, 0, "ready"),
        (16, 1, "ready"),
        (14, -1, "ready"),
    ]
    assert [r.dump.shards[0].size for r in walk.revisions if r.dump] == [r.missing_bytes for r in walk.revisions]
    assert len(walk.history.commits) == 200 and not walk.history.complete
    assert server.counts.requests == {"api": walk.requests} and walk.requests == 2 + 2 * 3
    assert server.counts.agents.keys() == {a for a in server.counts.agents if a.startswith("peft_census/")}
    assert dataset.main not in {r.commit.sha for r in walk.revisions}


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([(14, 12), (16, 12), (15, 12)], [(15, 12), (14, 12), (16, 12)]),  # of two equally near, the earlier
        ([(15, 23), (15, 0), (15, 11)], [(15, 11), (15, 23), (15, 0)]),
        ([(1, 3), (30, 3)], [(1, 3), (30, 3)]),
    ],
)
def test_nearness_is_measured_from_noon(moments: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    """The reference is noon, UTC, of the day asked for."""
    commits = tuple(Commit(f"{n:040x}", at(*m)) for n, m in enumerate(moments))
    assert [(c.date.day, c.date.hour) for c in by_nearness(commits, DAY)] == expected


def test_a_missing_revision_is_reported_and_the_others_are_planned(replica: Start, tmp_path: Path) -> None:
    """A listed commit without files is missing, with the Hub's error code; it counts as one of those asked for."""
    dataset = daily(replica(from_generator(1)), range(10, 20))
    dataset.forget(dataset.commits[5][0])
    walk = history_in(tmp_path).plan(DAY, 3)
    assert [(r.days, r.state) for r in walk.revisions] == [(0, "missing"), (1, "ready"), (-1, "ready")]
    assert "RevisionNotFound" in (walk.revisions[0].reason or "")
    assert len(walk.ready) == 2
    with pytest.raises(SourceError, match="is missing"):
        history_in(tmp_path).fetch(walk.revisions[0])


def test_a_commit_that_changed_no_card_is_not_counted(replica: Start, tmp_path: Path) -> None:
    """Revisions with the same shards are counted once, and another one is examined instead."""
    server = replica(from_generator(1))
    dataset = daily(server, range(13, 16))
    same = {"data/train-0.parquet": parquet(["a/15"]), "README.md": b"# words"}
    dataset.commit(same, at(15, 12))
    walk = history_in(tmp_path).plan(DAY, 2)
    assert [(r.days, r.state) for r in walk.revisions] == [(0, "ready"), (0, "same"), (-1, "ready")]
    assert walk.revisions[1].reason == f"the same cards as {walk.revisions[0].commit.sha[:12]}"
    assert [r.missing_files for r in walk.revisions] == [1, 0, 1]


def test_shards_that_revisions_share_are_downloaded_once(replica: Start, tmp_path: Path) -> None:
    """The bytes to download count every file once, and no file that is downloaded already."""
    server = replica(from_generator(1))
    shared = parquet(["b/1", "b/2"])
    daily(server, range(14, 17), {"data/train-1.parquet": shared})
    made = history_in(tmp_path)
    walk = made.plan(DAY, 3)
    assert sum(r.missing_files for r in walk.revisions) == 4
    source, info = made.fetch(walk.revisions[0])
    assert (info.revision, source.total()) == (walk.revisions[0].commit.sha, 3)
    assert [r.missing_files for r in made.plan(DAY, 3).revisions] == [0, 1, 1]


def test_a_list_of_commits_on_another_host_is_refused(
    replica: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is not sent to the host that the Link header names."""
    monkeypatch.setenv("HF_TOKEN", planted.HUB)
    elsewhere = replica(from_generator(1))
    server = replica(from_generator(1), faults=Faults(link_base=elsewhere.base))
    daily(server, range(1, 300))
    with pytest.raises(SourceError, match="refused"):
        history_in(tmp_path).plan(DAY, 3)
    assert elsewhere.counts.requests.total() == 0
    assert server.counts.with_token == server.counts.requests.total() > 0


def test_entries_without_commit_or_date_are_counted_and_left_out(replica: Start, tmp_path: Path) -> None:
    """Malformed entries are counted; the others are used."""
    strange = (None, {}, {"id": "../../x", "date": "2026-06-15T00:00:00.000Z"}, {"id": "a" * 40, "date": "today"})
    server = replica(from_generator(1), faults=Faults(malformed=strange))
    daily(server, range(14, 17))
    walk = history_in(tmp_path).plan(DAY, 5)
    assert (walk.history.unreadable, walk.history.complete, len(walk.ready)) == (4, True, 3)


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(ignores=("end",)), "has no end"),
        (Faults(always={"/commits/": 500}), "HTTP 500"),
        (Faults(always={"/commits/": 404}), "cannot be listed"),
        (Faults(html=1.0), "not JSON"),
    ],
)
def test_a_list_that_cannot_be_read_ends_the_walk(replica: Start, tmp_path: Path, faults: Faults, words: str) -> None:
    """Without a list of commits there is no revision to choose."""
    daily(replica(from_generator(1), faults=faults), range(14, 17))
    with pytest.raises(SourceError, match=words):
        history_in(tmp_path).plan(date(2020, 1, 1), 1)


def test_an_empty_history_is_an_error(replica: Start, tmp_path: Path) -> None:
    """A dataset without a commit and a missing dataset are errors."""
    server = replica(from_generator(1))
    with pytest.raises(SourceError, match="HTTP 401"):
        history_in(tmp_path).plan(DAY, 1)
    server.datasets[DATASET] = Dataset(DATASET)
    with pytest.raises(SourceError, match="lists no commit"):
        history_in(tmp_path).plan(DAY, 1)


def test_failed_requests_are_repeated(replica: Start, tmp_path: Path) -> None:
    """Errors, resets and truncated answers cost attempts, not revisions."""
    faults = Faults(error=0.2, reset=0.1, truncated=0.1, seed=5)
    daily(replica(from_generator(1), faults=faults), range(1, 30))
    walk = history_in(tmp_path).plan(DAY, 4)
    assert [r.state for r in walk.revisions] == ["ready"] * 4
