"""``peft-census reproduce`` over HTTP: a published figure compared with revisions of the dump, end to end."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import planted
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from peft_census.collect.hub.dump import DATASET
from peft_census.errors import DONE, FAILED, GAPS
from tests.collect.conftest import Start
from tests.replica.catalogue import Dataset, from_generator
from tests.replica.faults import Faults
from tests.replica.hub import Replica

CANARY = "canary sentence of a card"


def shard(n_lora: int, n_other: int) -> bytes:
    """A shard with the given numbers of cards that name only LoRA, or only AdaLoRA."""
    cards = ["We trained a LoRA."] * n_lora + ["We trained an AdaLoRA."] * n_other + ["no technique"]
    ids = [f"owner-{i % 7}/model-{i}" for i in range(len(cards))]
    sink = io.BytesIO()
    pq.write_table(
        pa.table({"modelId": ids, "card": [f"# {i}\n{c} {CANARY}" for i, c in zip(ids, cards, strict=True)]}), sink
    )
    return sink.getvalue()


@pytest.fixture
def dump() -> Dataset:
    """Three days with growing numbers of cards; the files of the middle one are missing."""
    dataset = Dataset(DATASET)
    for day, counts in ((14, (30, 2)), (15, (31, 2)), (16, (32, 3))):
        dataset.commit({"data/train-00000-of-00001.parquet": shard(*counts)}, datetime(2026, 6, day, 3, tzinfo=UTC))
    dataset.forget(dataset.commits[1][0])
    return dataset


@pytest.fixture
def server(replica: Start, dump: Dataset) -> Replica:
    started = replica(from_generator(1))
    started.datasets[DATASET] = dump
    return started


def exactly_one(report: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Returns (LoRA, base) under rule exactly_one by source."""
    return {r["source"]: (r["numerator"], r["base"]) for r in report["attempts"] if r["rule"] == "exactly_one"}


def test_a_walk_counts_what_is_there_and_says_what_is_gone(server: Replica, dump: Dataset, run: Any) -> None:
    """Two of three revisions are counted; the missing one is a gap and sets the exit code."""
    result = run("reproduce", "beyond-lora", "--revisions", "3", "--json", "--quiet")
    assert result.exit_code == GAPS
    report = json.loads(result.stdout)
    older, gone, newer = (sha for sha, _ in dump.commits)
    states = [(s["revision"], s["state"], s["days"]) for s in report["sources"]]
    assert states == [(gone, "missing", 0), (newer, "read", 1), (older, "read", -1)]
    assert exactly_one(report) == {newer[:12]: (32, 35), older[:12]: (30, 32)}
    assert report["first"] == newer[:12]
    assert [g for g in report["gaps"] if gone[:12] in g and "RevisionNotFound" in g]
    assert f"gap: revision {gone[:12]} of 2026-06-15" in result.stderr
    dates = [c for c in report["changes"] if c["group"] == "date"]
    assert [(c["change"], c["numerator"], c["base"], c["cards_moved"]) for c in dates] == [
        (f"read on 2026-06-14, revision {older[:12]}", 30, 32, -3)
    ]
    assert report["walk"]["whole_history"] and report["walk"]["commits_listed"] == 3


def test_a_dry_run_fetches_no_card(server: Replica, run: Any, tmp_path: Path) -> None:
    """It names revisions and bytes and downloads no shard."""
    told = json.loads(run("reproduce", "beyond-lora", "--dry-run", "--json", "--quiet").stdout)
    assert told["bytes"] == len(shard(30, 2)) + len(shard(32, 3)) and told["files"] == 2
    text = run("reproduce", "beyond-lora", "--dry-run").stdout
    assert "to download:" in text and "no card was fetched" in text and "RevisionNotFound" in text
    assert server.counts.requests["resolvers"] == 0
    assert not list(tmp_path.rglob("*.parquet")) and not (tmp_path / "data/raw/reproduction").exists()


def test_a_broken_walk_goes_on_where_it_stopped(server: Replica, run: Any, replica: Start, dump: Dataset) -> None:
    """A second run downloads nothing and counts nothing again."""
    first = json.loads(run("reproduce", "beyond-lora", "--json", "--quiet").stdout)
    shards = server.counts.requests["resolvers"]
    assert shards == 2
    for file in Path("data/raw").rglob("*.parquet"):
        file.unlink()
    again = run("reproduce", "beyond-lora", "--json")
    assert json.loads(again.stdout) == first
    assert server.counts.requests["resolvers"] == shards
    assert again.stderr.count("counted before") == 2
    told = json.loads(run("reproduce", "beyond-lora", "--dry-run", "--json").stdout)
    assert (told["bytes"], told["files"]) == (0, 0)
    kept = sorted(Path("data/raw/reproduction").glob("*.json"))
    kept[0].write_text("{", encoding="utf-8")
    assert json.loads(run("reproduce", "beyond-lora", "--json", "--quiet").stdout) == first
    assert server.counts.requests["resolvers"] == shards + 1, "an unreadable reading is counted again"


def test_files_of_an_earlier_walk_serve_a_census_of_the_dump(server: Replica, dump: Dataset, run: Any) -> None:
    """``reproduce`` and the source hub-dump share their raw files."""
    run("reproduce", "beyond-lora", "--json", "--quiet")
    before = server.counts.requests["resolvers"]
    assert run("census", "--source", f"hub-dump@{dump.commits[0][0]}", "--quiet").exit_code == DONE
    assert server.counts.requests["resolvers"] == before


def test_a_revision_that_is_no_dump_is_a_gap(server: Replica, dump: Dataset, run: Any) -> None:
    """Wrong columns or damaged files affect only their own revision; the reason names no path on this machine."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": ["a"]}), sink)
    foreign = dump.commit({"data/train-0.parquet": sink.getvalue()}, datetime(2026, 6, 15, 11, tzinfo=UTC))
    result = run("reproduce", "beyond-lora", "--json", "--quiet")
    report = json.loads(result.stdout)
    assert result.exit_code == GAPS and len(exactly_one(report)) == 2
    [reason] = [s["reason"] for s in report["sources"] if s["revision"] == foreign]
    assert reason == "00000.parquet: column 'modelId' is missing"


def test_without_one_readable_revision_the_walk_fails(replica: Start, dump: Dataset, run: Any) -> None:
    """The error has the reason and names the alternatives."""
    started = replica(from_generator(1), faults=Faults(always={"/resolve/": 404}))
    started.datasets[DATASET] = dump
    result = run("reproduce", "beyond-lora", "--quiet")
    assert result.exit_code == FAILED
    assert "not one of 3 revisions could be read" in result.stderr and "--source PATH" in result.stderr


def test_a_history_that_begins_too_late_is_a_gap(server: Replica, run: Any) -> None:
    """The report names the distance if the nearest revision is months away."""
    result = run("reproduce", "beyond-lora", "--around", "2026-01-01", "--revisions", "1", "--quiet")
    assert result.exit_code == GAPS
    assert "no revision within 7 days of 2026-01-01: the nearest is 164 days away" in result.stderr


def test_what_is_written_holds_no_card_and_no_token(
    server: Replica, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Markdown, CSV and JSON agree; they and the stored counts hold no card text and no token."""
    monkeypatch.setenv("HF_TOKEN", planted.HUB)
    result = run("reproduce", "beyond-lora", "--out", "report")
    assert result.exit_code == GAPS
    out = tmp_path / "report"
    assert sorted(p.name for p in out.iterdir()) == [
        "attempts.csv",
        "changes.csv",
        "reproduction.json",
        "reproduction.md",
    ]
    report = json.loads((out / "reproduction.json").read_text(encoding="utf-8"))
    with (out / "attempts.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(report["attempts"]) > 1000
    assert [float(r["factor"]) for r in rows] == [r["factor"] for r in report["attempts"]]
    texts = [*out.iterdir(), *(tmp_path / "data/raw/reproduction").iterdir()]
    for text in (result.stdout, result.stderr, *(p.read_text(encoding="utf-8") for p in texts)):
        assert CANARY not in text and not planted.holds(text) and str(tmp_path) not in text
    assert server.counts.with_token > 0
