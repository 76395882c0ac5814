"""SOURCE=hub-dump and SOURCE=hub: pinned, downloaded once, checked; one population from dump and API."""

from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import planted
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from peft_census.collect.http.rate_limit import TimeIsUpError
from peft_census.collect.hub.api import HubApi
from peft_census.collect.hub.api_with_dump import HubApiWithDump
from peft_census.collect.hub.download import Shard
from peft_census.collect.hub.dump import DATASET, HubDump, _shard
from peft_census.collect.hub.estimate import estimate
from peft_census.collect.hub.options import HubOptions
from peft_census.errors import SourceError, UsageError
from tests.collect.conftest import Start
from tests.collect.test_hub_census import stopping
from tests.replica.catalogue import Dataset, from_generator
from tests.replica.crawl import QUICK, cards
from tests.replica.faults import Faults
from tests.replica.hub import Replica


def parquet(ids: list[str], text: str = "# {}\n", day: int = 1) -> bytes:
    """A shard in the dump's columns."""
    sink = io.BytesIO()
    when = pa.array([datetime(2026, 11, day, tzinfo=UTC)] * len(ids), pa.timestamp("us", tz="UTC"))
    columns = {"modelId": ids, "last_modified": when, "card": [text.format(i) * 30 for i in ids]}
    pq.write_table(pa.table(columns), sink, compression="none")
    return sink.getvalue()


def with_dump(server: Replica, files: dict[str, bytes]) -> Dataset:
    """Gives the replica a dump."""
    dataset = Dataset(DATASET)
    dataset.commit(files)
    server.datasets[DATASET] = dataset
    return dataset


def dump(raw: Path, revision: str | None = None, **options: bool) -> HubDump:
    """A quiet source."""
    return HubDump(raw, revision, limits=QUICK, quiet=True, **options)


TWO = {
    "data/train-00000-of-00002-1f2e.parquet": parquet(["a/1", "a/2"]),
    "data/train-00001-of-00002.parquet": parquet(["b/1"]),
}


def test_a_dump_is_listed_pinned_and_downloaded_once(replica: Start, tmp_path: Path) -> None:
    """The shards are listed over several pages, whatever their names; a second run downloads nothing."""
    server = replica(from_generator(1))
    extra = {f"data/train-0000{i}-of-5.parquet": parquet([f"c/{i}"]) for i in range(5)}
    dataset = with_dump(server, {"README.md": b"# x", "data/test-0.parquet": b"no", **TWO, **extra})
    first = dump(tmp_path)
    info = first.prepare()
    assert (info.kind, info.revision, first.total()) == ("hub-dump", dataset.main, 8)
    assert [r["model_id"] for r in cards(first).to_pylist()][:2] == ["a/1", "a/2"]
    requests = server.counts.requests["resolvers"]
    assert requests == 7
    assert dump(tmp_path).prepare() == info
    assert server.counts.requests["resolvers"] == requests


def test_a_revision_can_be_named(replica: Start, tmp_path: Path) -> None:
    """An older commit can be read; the check for a smaller dump does not apply to it."""
    dataset = with_dump(replica(from_generator(1)), {"data/train-0.parquet": parquet(["a/1"])})
    old = dataset.main
    dataset.commit(TWO)
    dump(tmp_path).prepare()
    made = dump(tmp_path, old)
    assert made.prepare().revision == old
    assert made.total() == 1
    with pytest.raises(SourceError, match="RevisionNotFound"):
        dump(tmp_path, "0" * 40).prepare()
    with pytest.raises(UsageError, match="not a revision"):
        dump(tmp_path, "../../main")


def test_a_broken_download_is_resumed(replica: Start, tmp_path: Path) -> None:
    """After a truncated body only the rest is requested; the result is complete."""
    server = replica(from_generator(1), faults=Faults(truncated=0.6, reset=0.1, error=0.1, seed=8))
    body = parquet([f"a/{i}" for i in range(500)])
    with_dump(server, {"data/train-0.parquet": body})
    made = HubDump(tmp_path, limits=type(QUICK)(**{**vars(QUICK), "attempts": 25}), quiet=True)
    made.prepare()
    assert made.total() == 500
    assert server.counts.ranges and all(r.startswith("bytes=") for r in server.counts.ranges)
    assert list((made.folder / "files").glob("*.part")) == []


def test_a_time_limit_interrupts_a_download(replica: Start, tmp_path: Path) -> None:
    """The run ends while it downloads, and the next one asks for the rest only."""
    server = replica(from_generator(1))
    with_dump(server, {"data/train-0.parquet": parquet([f"a/{i:060}" for i in range(500)])})
    made = HubDump(tmp_path, limits=QUICK, quiet=True, clock=stopping(4))
    with pytest.raises(TimeIsUpError):
        made.prepare()
    (part,) = (made.folder / "files").glob("*.part")
    have = part.stat().st_size
    assert have > 0
    assert dump(tmp_path).prepare().revision is not None
    assert server.counts.ranges == [f"bytes={have}-"]


def test_a_download_begun_by_a_killed_run_is_resumed(replica: Start, tmp_path: Path) -> None:
    """The partial file is kept and the rest requested; if the hash does not match, the download starts again."""
    server = replica(from_generator(1))
    body = parquet(["a/1", "a/2"])
    with_dump(server, {"data/train-0.parquet": body})
    made = dump(tmp_path)
    with made.session() as client:
        target = made._local(made.find(client).shards[0])
    target.parent.mkdir(parents=True)
    target.with_suffix(".part").write_bytes(body[:700])
    made.prepare()
    assert server.counts.ranges == ["bytes=700-"]
    target.unlink()
    target.with_suffix(".part").write_bytes(b"x" * 700)
    dump(tmp_path).prepare()
    assert target.read_bytes() == body


def test_a_cdn_gets_no_token(replica: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards can come from another host. That host gets no token, and no file holds the signed address."""
    monkeypatch.setenv("HF_TOKEN", planted.HUB)
    cdn = replica(from_generator(1), faults=Faults(truncated=0.3, seed=2))
    server = replica(from_generator(1))
    with_dump(server, TWO)
    cdn.datasets, server.cdn_base = server.datasets, cdn.base
    made = dump(tmp_path)
    made.prepare()
    assert made.total() == 3
    assert cdn.counts.requests.total() >= 2 and cdn.counts.with_token == 0
    assert server.counts.with_token > 0
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert not [p for p in files if b"s3cr3t" in p.read_bytes() or planted.leak(p)]


def test_a_dump_that_shrank_or_grew_older_is_refused(replica: Start, tmp_path: Path) -> None:
    """The error names the last good dump; --accept-shrunk accepts the new one."""
    dataset = with_dump(replica(from_generator(1)), {"data/train-0.parquet": parquet(["a/1", "a/2"], day=9)})
    good = dataset.main
    dump(tmp_path).prepare()
    dataset.commit({"data/train-0.parquet": parquet(["a/1"], day=9)})
    with pytest.raises(SourceError, match=f"(?s)has 1 rows, the last had 2.*hub-dump@{good}"):
        dump(tmp_path).prepare()
    dataset.commit({"data/train-0.parquet": parquet(["a/1", "a/2", "a/3"], day=3)})
    with pytest.raises(SourceError, match="no card newer than 2026-11-03"):
        dump(tmp_path).prepare()
    assert dump(tmp_path, accept_shrunk=True).prepare().revision == dataset.main
    dump(tmp_path).prepare()


def test_content_with_a_wrong_hash_is_never_taken(replica: Start, tmp_path: Path) -> None:
    """All attempts fail, and no file is left."""
    server = replica(from_generator(1))
    dataset = with_dump(server, TWO)
    made = dump(tmp_path)
    with made.session() as client:
        found = made.find(client)
        dataset.revisions[dataset.main] = {k: b"y" * len(v) for k, v in TWO.items()}
        with pytest.raises(SourceError, match="does not match the listed hash"):
            made.fetch(client, found)
    assert list((made.folder / "files").glob("*")) == []


@pytest.mark.parametrize(
    "path", ["../../etc/train-0.parquet", "data/../train.parquet", "/train.parquet", "data/x/train.parquet"]
)
def test_a_path_that_leads_elsewhere_is_no_shard(path: str) -> None:
    """Names from the server select files; they do not become paths on this machine."""
    assert _shard({"type": "file", "path": path, "oid": "a" * 40, "size": 1}) is None


def test_a_shard_without_a_sound_hash_is_refused() -> None:
    """A hash that could be a path is an error."""
    with pytest.raises(SourceError, match="without hash"):
        _shard({"type": "file", "path": "data/train-0.parquet", "oid": "../../x", "size": 1})
    assert _shard({"type": "file", "path": "train-0.parquet", "oid": "a" * 40, "size": 1}) == Shard(
        "train-0.parquet", 1, "a" * 40, False
    )


def hub_with_dump(replica: Start, n: int) -> tuple[Replica, list[str]]:
    """A replica whose dump has two of three cards, half of them at an older change."""
    catalogue = from_generator(n)
    server = replica(catalogue)
    models = [m for m in catalogue.models.values() if "README.md" in m.files and not m.gated]
    rows = [(m, i) for i, m in enumerate(models) if i % 3]
    table = pa.table(
        {
            "modelId": [m.id for m, _ in rows],
            "last_modified": pa.array(
                [
                    datetime.fromisoformat(m.last_modified) if i % 2 else datetime(2022, 1, 1, tzinfo=UTC)
                    for m, i in rows
                ],
                pa.timestamp("us", tz="UTC"),
            ),
            "card": [m.files["README.md"].decode() for m, _ in rows],
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    with_dump(server, {"data/train-0.parquet": sink.getvalue()})
    return server, [m.id for m, i in rows if i % 2]


def test_dump_and_api_make_one_population(replica: Start, tmp_path: Path) -> None:
    """Cards of the listed change come from the dump, all others from the API, none twice."""
    server, from_dump = hub_with_dump(replica, 300)
    made = HubApiWithDump(tmp_path, HubOptions("all"), QUICK, quiet=True, worth_a_dump=100)
    info = made.prepare()
    rows = cards(made).to_pylist()
    assert {r["model_id"] for r in rows if r["status"] == "text" and r["revision"] is None} == set(from_dump)
    assert not any(server.counts.asked[m, "README.md"] for m in from_dump)
    assert server.served_twice() == []
    plain = HubApi(tmp_path, HubOptions("all"), QUICK, quiet=True)
    plain.prepare()
    same = ("model_id", "status", "reason", "card", "downloads")
    assert [[r[c] for c in same] for r in rows] == [[r[c] for c in same] for r in cards(plain).to_pylist()]
    assert info.details["dump"] == {"dataset": DATASET, "revision": server.datasets[DATASET].main}


def test_a_small_crawl_needs_no_dump(replica: Start, tmp_path: Path) -> None:
    """If few cards are missing, only the API is used."""
    server, _ = hub_with_dump(replica, 100)
    HubApiWithDump(tmp_path, HubOptions("all"), QUICK, quiet=True).prepare()
    assert not any("datasets" in path for path in server.counts.paths)


def test_an_estimate_reads_no_card_and_its_listing_is_not_wasted(replica: Start, tmp_path: Path) -> None:
    """It counts the requests of a census; the census then uses the same listing."""
    catalogue = from_generator(200)
    server = replica(catalogue)
    told = estimate(HubApi(tmp_path, HubOptions("all"), QUICK, quiet=True))
    assert server.readme_requests() == 0
    to_read = sum("README.md" in m.files for m in catalogue.models.values())
    assert told.changes == {"listed": 200, "new": 200, "changed": 0, "unchanged": 0, "missing": 0, "to_read": to_read}
    assert told.requests == {"resolvers": 2 * to_read}
    assert told.plan["api"] == (1_000_000, 300)
    assert "200 new" in str(told) and told.as_json()["spent"] == told.spent == server.counts.requests.total()
    pages = server.counts.pages
    HubApi(tmp_path, HubOptions("all"), QUICK, quiet=True).prepare()
    assert server.counts.pages == pages
    assert server.counts.requests["resolvers"] <= told.requests["resolvers"]


def test_an_estimate_of_the_dump_downloads_nothing(replica: Start, tmp_path: Path) -> None:
    """Sizes come from the dataset's list of files."""
    server = replica(from_generator(1))
    with_dump(server, TWO)
    told = estimate(dump(tmp_path))
    assert told.bytes == sum(map(len, TWO.values()))
    assert told.changes == {"shards": 2, "shards_to_download": 2}
    assert server.counts.requests["resolvers"] == 0
    dump(tmp_path).prepare()
    assert estimate(dump(tmp_path)).bytes == 0


def test_an_estimate_of_dump_and_api_names_both(replica: Start, tmp_path: Path) -> None:
    """In the worst case the dump supplies no card, so that all are requested one by one."""
    server, _ = hub_with_dump(replica, 100)
    told = estimate(HubApiWithDump(tmp_path, HubOptions("all"), QUICK, quiet=True, worth_a_dump=10))
    assert Counter(told.changes)["to_read_at_most"] > 80
    assert told.requests["resolvers"] == 2 * told.changes["to_read_at_most"] + 1
    assert server.readme_requests() == 0
