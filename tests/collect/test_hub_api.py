"""SOURCE=hub-api from end to end: resumable, incremental and complete, with the same result under every fault."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import planted
import pytest

from peft_census.collect.http.hub import Limits
from peft_census.collect.hub.api import HubApi
from peft_census.collect.hub.options import HubOptions
from peft_census.collect.ledger import Ledger
from peft_census.collect.raw_shards import SCHEMA, Shards
from peft_census.errors import BusyError, SourceError, UsageError
from peft_census.snapshot.manifest import Retrieval
from peft_census.snapshot.schema import check
from tests.collect.conftest import Start
from tests.replica.catalogue import Catalogue, Record, commit_of, from_generator
from tests.replica.crawl import QUICK, cards
from tests.replica.faults import Faults, Windows
from tests.replica.hub import Replica

ALL_FAULTS = Faults(error=0.05, reset=0.01, truncated=0.01, wrong_length=0.005, html=0.005)
TODAY = "2026-11-01T00:00:00.000Z"


def source(raw: Path, population: str = "all", limits: Limits = QUICK, **options: object) -> HubApi:
    """A quiet source."""
    return HubApi(raw, HubOptions(population, **options), limits, quiet=True)  # type: ignore[arg-type]


def readable(catalogue: Catalogue) -> list[str]:
    """Ids of the models whose card can be read without a token."""
    return sorted(m.id for m in catalogue.models.values() if not m.gated and "README.md" in m.files)


def crawl_with_all_faults(replica: Start, tmp_path: Path, n: int, quotas: dict[str, int], window: float) -> Replica:
    """Crawls twice, without and with faults, and compares."""
    catalogue = from_generator(n)
    server = replica(catalogue)
    smooth = source(tmp_path / "smooth")
    info, table = smooth.prepare(), cards(smooth)
    assert sorted(server.counts.served) == sorted(
        (m, catalogue.models[m].sha, "README.md") for m in readable(catalogue)
    )
    server.counts.served.clear()
    server.faults, server.windows = ALL_FAULTS, Windows(quotas, window)
    rough = source(tmp_path / "rough")
    assert rough.prepare() == info
    assert cards(rough).equals(table)
    assert len(server.counts.served) == len(readable(catalogue))
    assert server.served_twice() == []
    assert (rough.folder / "problems.jsonl").stat().st_size > 0
    return server


def test_a_crawl_with_all_faults_ends_as_one_without(replica: Start, tmp_path: Path) -> None:
    """Every readable card is served completely once, and both crawls give the same cards."""
    server = crawl_with_all_faults(replica, tmp_path, 400, {"api": 40, "resolvers": 250, "pages": 10}, 1.0)
    assert server.windows.refused["resolvers"] == 0


@pytest.mark.slow
def test_a_crawl_of_20000_with_all_faults_ends_as_one_without(replica: Start, tmp_path: Path) -> None:
    """The same at full size."""
    begun = time.monotonic()
    server = crawl_with_all_faults(replica, tmp_path, 20_000, {"api": 100, "resolvers": 2500, "pages": 10}, 5.0)
    print(f"{time.monotonic() - begun:.0f} s, {server.counts.requests}, refused {server.windows.refused}")  # noqa: T201


def test_every_model_listed_has_a_row_with_a_status(replica: Start, tmp_path: Path) -> None:
    """The rows have the schema of the cards table and are in order of id, whether there is a text, no card or a gate."""
    catalogue = from_generator(300)
    server = replica(catalogue)
    made = source(tmp_path)
    made.prepare()
    for batch in made.batches():
        check("cards", batch)
    rows = cards(made).to_pylist()
    assert [r["model_id"] for r in rows] == sorted(catalogue.models)
    assert made.total() == 300
    text = {r["model_id"]: r["card"] for r in rows if r["status"] == "text"}
    assert text == {m: catalogue.models[m].files["README.md"].decode() for m in readable(catalogue)}
    gated = {m.id for m in catalogue.models.values() if m.gated and "README.md" in m.files}
    assert {r["model_id"] for r in rows if r["status"] == "gated"} == gated
    assert {r["reason"] for r in rows if r["status"] == "no_card"} == {"no README.md"}
    assert server.readme_requests() == len(text) + len(gated)  # none for models that list no README.md
    assert all(r["revision"] == catalogue.models[r["model_id"]].sha for r in rows if r["status"] != "gated")


def test_the_default_population_is_the_union_of_adapter_tags(replica: Start, tmp_path: Path) -> None:
    """Each tag has one listing. A model with several tags is read once; a model without any is not read."""
    catalogue = from_generator(60)
    catalogue.put(Record("o/only-dora", commit_of(9), "d" * 24, "2025-01-01T00:00:00.000Z", "", {}, ("dora",)))
    server = replica(catalogue)
    made = source(tmp_path, "adapters")
    info = made.prepare()
    assert made.total() == 21
    assert info.details["population"] == "adapters" and "peft" in info.details["tags"]  # type: ignore[operator]
    assert server.served_twice() == []
    assert server.counts.counted_downloads == server.counts.raw == 0


def second_crawl(
    replica: Start, tmp_path: Path, n: int, changed: int, new: int, deleted: int
) -> tuple[int, dict[str, int]]:
    """Crawls, changes the Hub, crawls again; returns the README requests and the summary of the second crawl."""
    catalogue = from_generator(n)
    server = replica(catalogue)
    source(tmp_path).prepare()
    ids = readable(catalogue)
    for model_id in ids[:changed]:
        catalogue.change(model_id, f"# changed {model_id}\n")
    for model_id in ids[-deleted:]:
        catalogue.delete(model_id)
    for i in range(new):
        catalogue.put(Record(f"new/m{i:04d}", commit_of("new", i), f"{i:024x}", TODAY, "", {"README.md": b"# n\n"}))
    before = server.readme_requests()
    again = source(tmp_path)
    again.prepare()
    with closing(Ledger(again.folder)) as ledger:
        summary = ledger.summary(ledger.last_crawl())._asdict()
    statuses = Counter(row["status"] for row in cards(again).to_pylist())
    assert "gone" not in statuses and statuses["text"] == len(ids) - deleted + new
    return server.readme_requests() - before, summary


def test_a_second_crawl_reads_only_what_is_new_or_changed(replica: Start, tmp_path: Path) -> None:
    """20 changed and 5 new models cost 25 README requests; the summary counts them and the 2 deleted ones."""
    requests, summary = second_crawl(replica, tmp_path, 400, changed=20, new=5, deleted=2)
    assert requests == 25
    assert summary == {"listed": 403, "new": 5, "changed": 20, "unchanged": 378, "missing": 2, "to_read": 25}


@pytest.mark.slow
def test_a_second_crawl_at_full_size(replica: Start, tmp_path: Path) -> None:
    """200 changed, 50 new, 20 deleted of 5,000."""
    requests, summary = second_crawl(replica, tmp_path, 5000, changed=200, new=50, deleted=20)
    assert requests == 250
    assert (summary["changed"], summary["new"], summary["missing"], summary["to_read"]) == (200, 50, 20, 250)


def test_a_third_crawl_without_changes_gives_the_same_content(replica: Start, tmp_path: Path) -> None:
    """A deleted model is in no later table; that table equals the one of a first crawl."""
    catalogue = from_generator(100)
    server = replica(catalogue)
    first = source(tmp_path)
    first.prepare()
    deleted = readable(catalogue)[3]
    assert deleted in cards(first)["model_id"].to_pylist()
    catalogue.delete(deleted)
    second = source(tmp_path).prepare()
    before = server.readme_requests()
    third = source(tmp_path)
    assert third.prepare() == second
    assert server.readme_requests() == before
    assert deleted not in cards(third)["model_id"].to_pylist()
    new = source(tmp_path / "new")
    assert new.prepare() == second and cards(new) == cards(third)


def test_failed_cards_are_counted_and_tried_again_without_a_new_listing(replica: Start, tmp_path: Path) -> None:
    """A model that answers 500 has the status failed, a reason and its attempts; the next run requests only this model."""
    catalogue = from_generator(60)
    server = replica(catalogue)
    bad = readable(catalogue)[7]
    server.faults.always[f"{bad}/resolve"] = 500
    first = source(tmp_path)
    first.prepare()
    rows = {r["model_id"]: r for r in cards(first).to_pylist()}
    assert (rows[bad]["status"], rows[bad]["reason"], rows[bad]["card"]) == (
        "failed",
        "HTTP 500 after 6 attempts",
        None,
    )
    with closing(Ledger(first.folder)) as ledger:
        known = ledger.model(bad)
    assert known is not None and known.attempts == 12
    server.faults.always.clear()
    pages, requests = server.counts.pages, server.readme_requests()
    second = source(tmp_path)
    second.prepare()
    assert (server.counts.pages, server.readme_requests()) == (pages, requests + 1)
    assert {r["status"] for r in cards(second).to_pylist() if r["model_id"] == bad} == {"text"}


def test_a_hub_that_goes_away_ends_the_crawl_and_keeps_what_was_read(replica: Start, tmp_path: Path) -> None:
    """After the allowed number of failures in a row the crawl stops; a later run resumes."""
    catalogue = from_generator(300)
    server = replica(catalogue)
    limits = Limits(**{**vars(QUICK), "attempts": 2, "failures_in_a_row": 10, "shard_rows": 20})
    server.faults.always["/owner-2"] = 503
    with pytest.raises(SourceError, match=r"\d+ cards in a row"):
        source(tmp_path, limits=limits).prepare()
    server.faults.always.clear()
    served = server.counts.served.copy()
    made = source(tmp_path, limits=limits)
    made.prepare()
    assert len(served) > 100 and server.served_twice() == []
    assert made.total() == 300


def written_models(folder: Path) -> set[str]:
    """Returns the models whose cards are in the shards of a killed crawl, recorded in its ledger or not."""
    shards = Shards(folder.parent / "cards")
    return {outcome.model_id for number in shards.numbers() for outcome in shards.outcomes(number)}


def kill_again_and_again(replica: Start, tmp_path: Path, n: int, kills: int, shard_rows: int) -> None:
    """Kills crawls at random times, lets the last one finish, and compares it with an undisturbed one."""
    catalogue = from_generator(n)
    server = replica(catalogue)
    whole = source(tmp_path / "whole")
    info, table = whole.prepare(), cards(whole)
    needed = server.readme_requests()
    server.counts.asked.clear()
    server.faults = Faults(delay=0.001)
    raw, dice = tmp_path / "killed", random.Random(7)
    folder = source(raw).folder
    command = [sys.executable, "-m", "tests.replica.crawl", str(raw), "all", str(shard_rows)]
    for death in range(kills + 1):
        sealed = written_models(folder)
        before = {m: server.counts.asked[m, "README.md"] for m in sealed}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stdout.readline() == "begun\n"
            if death < kills:
                until = server.counts.requests.total() + dice.randint(0, 2 * n // kills)
                while server.counts.requests.total() < until:
                    time.sleep(0.001)
                process.kill()
            ended = process.stdout.read().strip()
        assert process.returncode == (-9 if death < kills else 0)
        assert all(server.counts.asked[m, "README.md"] == before[m] for m in sealed)
    assert ended == info.content_sha256
    assert server.readme_requests() - needed <= kills * (shard_rows + 2 * 4)
    final = source(raw)
    assert final.prepare() == info
    assert cards(final).equals(table)


@pytest.mark.campaign
def test_a_crawl_killed_four_times_ends_as_an_undisturbed_one(replica: Start, tmp_path: Path) -> None:
    """``kill -9`` loses at most the shard in progress; no card in a shard is requested again."""
    kill_again_and_again(replica, tmp_path, n=240, kills=4, shard_rows=15)


@pytest.mark.slow
def test_a_crawl_killed_fifty_times_ends_as_an_undisturbed_one(replica: Start, tmp_path: Path) -> None:
    """The same at full size."""
    kill_again_and_again(replica, tmp_path, n=4000, kills=50, shard_rows=25)


def test_a_shard_that_was_written_but_not_recorded_is_used(replica: Start, tmp_path: Path) -> None:
    """A kill between the rename of a shard and its record in the index loses nothing; partial files are removed."""
    catalogue = from_generator(50)
    server = replica(catalogue)
    made = source(tmp_path)
    info = made.prepare()
    with made.store("cards") as store:
        store.forget(1)
    left = made.store_folder("cards") / ".000009.parquet.1.partial"
    left.write_bytes(b"half")
    os.utime(left, (1e9, 1e9))
    before = server.readme_requests()
    assert source(tmp_path).prepare() == info
    assert server.readme_requests() == before
    assert not left.exists()


def test_a_shard_that_was_removed_is_read_again(replica: Start, tmp_path: Path) -> None:
    """A lost raw file costs the requests for its cards; the result is the same."""
    server = replica(from_generator(50))
    made = source(tmp_path)
    info = made.prepare()
    next(made.store_folder("cards").glob("000001-*.parquet")).unlink()
    before = server.readme_requests()
    assert source(tmp_path).prepare() == info
    assert server.readme_requests() > before


def test_a_damaged_shard_is_named(replica: Start, tmp_path: Path) -> None:
    """A changed byte is an error that names the file to remove."""
    replica(from_generator(50))
    made = source(tmp_path)
    made.prepare()
    shard = next(made.store_folder("cards").glob("000001-*.parquet"))
    data = bytearray(shard.read_bytes())
    data[-2:] = b"xx"
    shard.write_bytes(data)
    with pytest.raises(SourceError, match=r"000001-\w+\.parquet: damaged raw shard"):
        cards(made)


def test_no_file_of_a_crawl_holds_the_token(
    replica: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger, shards, problem log and log lines do not hold it, even if a server repeats the token."""
    token = planted.HUB
    monkeypatch.setenv("HF_TOKEN", token)
    caplog.set_level("DEBUG")
    server = replica(from_generator(40), faults=Faults(error=0.2, malformed=({"id": f"../{token}"},)))
    made = source(tmp_path)
    info = made.prepare()
    assert server.counts.with_token == server.counts.requests.total()
    assert token not in repr(info) + caplog.text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert planted.leaks(tmp_path) == []


def test_problems_are_json_lines_and_never_show_a_secret(replica: Start, tmp_path: Path) -> None:
    """Each line is one object with the keys when, stage, where and what."""
    from peft_census.collect.problem_log import Problems

    with Problems(tmp_path / "problems.jsonl", (planted.HUB,)) as problems:
        problems.record("hub-api", "o/m", f"the server said {planted.HUB}")
    (line,) = (tmp_path / "problems.jsonl").read_text(encoding="utf-8").splitlines()
    assert {k: v for k, v in json.loads(line).items() if k != "when"} == {
        "stage": "hub-api",
        "where": "o/m",
        "what": "the server said (secret)",
    }
    replica(from_generator(30), faults=Faults(error=0.3))
    made = source(tmp_path)
    made.prepare()
    lines = (made.folder / "problems.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines and all(set(json.loads(text)) == {"when", "stage", "where", "what"} for text in lines)


def test_a_listing_that_lost_half_its_models_is_refused(replica: Start, tmp_path: Path) -> None:
    """No model is marked as deleted until the smaller listing is accepted."""
    catalogue = from_generator(40)
    replica(catalogue)
    source(tmp_path).prepare()
    for model_id in list(catalogue.models)[:25]:
        catalogue.delete(model_id)
    with pytest.raises(SourceError, match="lists 15 models; the last complete listing had 40"):
        source(tmp_path).prepare()
    accepted = source(tmp_path, accept_shrunk=True)
    accepted.prepare()
    assert cards(accepted).num_rows == accepted.total() == 15


def test_two_runs_in_one_folder_are_refused(replica: Start, tmp_path: Path) -> None:
    """The second run is an error and changes nothing."""
    replica(from_generator(5))
    first = source(tmp_path)
    with first.session(), pytest.raises(BusyError, match="another census is running"):
        source(tmp_path).prepare()


def test_a_list_of_ids_is_a_population_of_its_own(replica: Start, tmp_path: Path) -> None:
    """Each id is looked up and read; ids that do not exist have the status gone."""
    server = replica(from_generator(30))
    names = tmp_path / "mine.txt"
    names.write_text("# mine\nowner-001/model-0000001\n\nnobody/nothing # typo\n", encoding="utf-8")
    made = HubApi(tmp_path, HubOptions(ids=names), QUICK, quiet=True)
    made.prepare()
    assert [(r["model_id"], r["status"]) for r in cards(made).to_pylist()] == [
        ("nobody/nothing", "gone"),
        ("owner-001/model-0000001", "text"),
    ]
    assert server.counts.pages == 0


@pytest.mark.parametrize("line", ["../x", "a/b/c", "https://huggingface.co/a/b"])
def test_a_line_that_is_no_id_is_named(tmp_path: Path, line: str) -> None:
    """The error has the file and the line number."""
    names = tmp_path / "mine.txt"
    names.write_text(f"o/m\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"mine\.txt, line 2"):
        HubApi(tmp_path, HubOptions(ids=names))


def test_adapter_configs_are_read_for_a_declared_sample_only(replica: Start, tmp_path: Path) -> None:
    """Five are asked for and five are read, once; the manifest has the seed and the number of eligible models."""
    catalogue = from_generator(300)
    server = replica(catalogue)
    made = source(tmp_path, adapter_configs=5)
    info = made.prepare()
    with_config = [r for r in cards(made).to_pylist() if r["adapter_config"] is not None]
    gated = sum(catalogue.models[m].gated is not False for m, file in server.counts.asked if file != "README.md")
    assert len(with_config) + gated == 5
    assert all(json.loads(r["adapter_config"])["peft_type"] == "LORA" for r in with_config)
    assert info.details["adapter_configs"] == {"asked": 5, "seed": 20261123, "eligible": 100, "chosen": 5}
    again = source(tmp_path, adapter_configs=5)
    assert again.prepare() == info
    asked = [n for (_, file), n in server.counts.asked.items() if file == "adapter_config.json"]
    assert asked == [1] * 5
    with pytest.raises(UsageError, match="seed 20261123"):
        source(tmp_path, adapter_configs=5, seed=1).prepare()


def test_without_being_asked_no_adapter_config_is_read(replica: Start, tmp_path: Path) -> None:
    """Reading that file counts as a download."""
    server = replica(from_generator(60))
    source(tmp_path).prepare()
    assert not any(file == "adapter_config.json" for _, file in server.counts.asked)


def test_an_old_unfinished_crawl_is_listed_again(replica: Start, tmp_path: Path) -> None:
    """Cards that were read are not read again."""
    catalogue = from_generator(40)
    server = replica(catalogue)
    server.faults.always[f"{readable(catalogue)[0]}/resolve"] = 500
    made = source(tmp_path)
    made.prepare()
    ledger = Ledger(made.folder)
    assert ledger.open_crawl(86_400) == 1
    assert ledger.open_crawl(0) == 2
    ledger.close()
    server.faults.always.clear()
    pages, requests = server.counts.pages, server.readme_requests()
    source(tmp_path).prepare()
    assert (server.counts.pages > pages, server.readme_requests() - requests) == (True, 1)


def test_a_crawl_begun_by_a_clock_that_was_ahead_is_not_resumed(
    replica: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise its listing would count as fresh until that day."""
    replica(from_generator(5))
    made, now = source(tmp_path), time.time()
    with closing(Ledger(made.folder)) as ledger:
        monkeypatch.setattr("peft_census.collect.ledger.time.time", lambda: now + 400 * 86_400)
        ahead = ledger.open_crawl(86_400)
        monkeypatch.setattr("peft_census.collect.ledger.time.time", lambda: now)
        assert ledger.open_crawl(86_400) == ahead + 1


def test_a_crawl_records_its_days_by_the_servers_clock(replica: Start, tmp_path: Path) -> None:
    """A crawl that is interrupted and resumed names the first and the last day, whatever the clock of this machine."""
    catalogue = from_generator(40)
    server = replica(catalogue)
    server.faults.always[f"{readable(catalogue)[0]}/resolve"] = 500
    server.clock = lambda: datetime(2031, 3, 4, tzinfo=UTC).timestamp()
    day = date(2031, 3, 4)
    assert source(tmp_path).prepare().retrieved == Retrieval(day, day)
    server.faults.always.clear()
    server.clock = lambda: datetime(2031, 3, 6, tzinfo=UTC).timestamp()
    assert source(tmp_path).prepare().retrieved == Retrieval(day, date(2031, 3, 6))


def test_shards_are_read_back_in_order_of_id(tmp_path: Path) -> None:
    """Where the shards of two crawls overlap, each text is at its shard and row."""
    from peft_census.collect.raw_shards import Outcome

    shards = Shards(tmp_path)
    first, _ = shards.write([Outcome(f"o/{i:04d}", "a" * 40, "text", text=f"t{i}") for i in range(998, -1, -2)])
    second, ordered = shards.write([Outcome(f"o/{i:04d}", "a" * 40, "text", text=f"t{i}") for i in range(1, 999, 2)])
    assert [o.model_id for o in ordered] == sorted(o.model_id for o in ordered)
    assert [shards.text(((first, second)[i % 2], i // 2)) for i in range(998)] == [f"t{i}" for i in range(998)]
    assert shards.outcomes(second)[3].text == "t7"
    assert SCHEMA.names[0] == "model_id"
