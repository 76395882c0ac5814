"""Snapshots: same input same bytes, written once, never half."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import REPO, write_cards

import peft_census
from peft_census.errors import SnapshotError, UsageError
from peft_census.snapshot.schema import TABLES, arrow_schema, check
from peft_census.snapshot.schema.counts import COUNTED_TABLES
from peft_census.snapshot.snapshot import MANIFEST, find_snapshot, new_snapshot, read_snapshot

ROWS = [
    {"modelId": f"acme/m{i}", "author": "acme", "downloads": i, "tags": ["x"], "card": text}
    for i, text in enumerate(
        [
            "---\ntags:\n- lora\n---\nAn adapter.",
            "Fine-tuned with AdaLoRA.",
            "We used QLoRA and plain LoRA.",
            "A full fine-tune.",
            "Entry not found",
            None,
            "",
            "LoRA微调的模型",
        ]
    )
]


def files(folder: Path) -> dict[str, bytes]:
    """Returns every file below ``folder`` by relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_second_run_says_unchanged_and_writes_nothing(run: Any, tmp_path: Path) -> None:
    """The same cards and rules give the same id; the second run leaves every byte and time as it was."""
    write_cards(tmp_path / "cards.parquet", ROWS)
    first = json.loads(run("census", "-s", "cards.parquet", "--json").stdout)
    before = {
        p: (p.read_bytes(), p.stat().st_mtime_ns) for p in Path("data").rglob("*") if p.is_file() and p.name != ".lock"
    }
    second = run("census", "-s", "cards.parquet", "--json")
    assert json.loads(second.stdout) == first | {"unchanged": True}
    assert {
        p: (p.read_bytes(), p.stat().st_mtime_ns) for p in Path("data").rglob("*") if p.is_file() and p.name != ".lock"
    } == before
    assert "unchanged" in run("census", "-s", "cards.parquet").stdout


@pytest.mark.parametrize("batch_rows", ["1", "3", "100000"])
def test_every_byte_is_the_same_elsewhere(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_rows: str
) -> None:
    """Another folder and another batch size give byte-identical tables, charts, page and manifest."""
    from peft_census.settings import settings

    write_cards(tmp_path / "cards.parquet", ROWS)
    run("census", "-s", "cards.parquet", "--out", "one")
    settings.cache_clear()
    monkeypatch.setenv("PEFT_CENSUS_BATCH_ROWS", batch_rows)
    run("census", "-s", "cards.parquet", "--out", "two")
    assert files(Path("one")) == files(Path("two"))
    assert any(name.endswith("report/report.html") for name in files(Path("one")))


def test_other_cards_give_another_id(run: Any, tmp_path: Path) -> None:
    """A changed card changes the id."""
    write_cards(tmp_path / "a.parquet", ROWS)
    write_cards(tmp_path / "b.parquet", [*ROWS[:-1], ROWS[-1] | {"card": "DoRA adapter, LoRA rank 8"}])
    ids = {json.loads(run("census", "-s", f, "--json").stdout)["snapshot_id"] for f in ("a.parquet", "b.parquet")}
    assert len(ids) == 2


def test_a_snapshot_holds_no_card_text(run: Any, tmp_path: Path) -> None:
    """Sentences of cards do not appear in any file of a snapshot."""
    secret = "quite-unmistakable-sentence-of-a-card"
    write_cards(tmp_path / "cards.parquet", [{"modelId": "acme/x", "card": f"{secret}. Trained with LoRA. {secret}"}])
    run("census", "-s", "cards.parquet")
    for data in files(Path("data/snapshots")).values():
        assert secret.encode() not in data
    table = pq.read_table(next(Path("data/snapshots").glob("*/mentions.parquet")))
    assert table["matched"].to_pylist() == ["LoRA"]


def test_the_manifest_tells_what_went_in(run: Any, tmp_path: Path) -> None:
    """The manifest names source, content hash, taxonomy, versions, rows and file hashes, and no path."""
    write_cards(tmp_path / "cards.parquet", ROWS)
    facts = json.loads(run("census", "-s", tmp_path / "cards.parquet", "--json").stdout)
    text = (Path(facts["snapshot_path"]) / MANIFEST).read_text()
    manifest = json.loads(text)
    assert str(tmp_path) not in text
    assert manifest["source"]["kind"] == "files"
    assert manifest["cards"]["rows"] == len(ROWS)
    assert manifest["cards"]["with_text"] == 5
    assert set(manifest["tables"]) == {"models", "mentions", "coverage", *COUNTED_TABLES}
    assert manifest["tables"]["models"]["rows"] == len(ROWS)
    assert manifest["taxonomy"]["techniques"]["qlora"]["variant_of"] == "lora"
    read_snapshot(Path(facts["snapshot_path"])).verify()


def test_tables_follow_the_registry(run: Any, tmp_path: Path) -> None:
    """Every table on disk has the columns and types of the registry."""
    write_cards(tmp_path / "cards.parquet", ROWS)
    run("census", "-s", "cards.parquet")
    snapshot = find_snapshot("latest", Path("data/snapshots"))
    for name in snapshot.manifest.tables:
        table = snapshot.table(name)
        assert table.schema.equals(arrow_schema(name)), name
        check(name, table)


def test_load_snapshot_gives_frames(run: Any, tmp_path: Path) -> None:
    """The public door finds a snapshot by id, start of id, path or 'latest', as pandas frames."""
    write_cards(tmp_path / "cards.parquet", ROWS)
    facts = json.loads(run("census", "-s", "cards.parquet", "--json").stdout)
    for name in (facts["snapshot_id"], facts["snapshot_id"][:12], facts["snapshot_path"], "latest"):
        frames = peft_census.load_snapshot(name)
        assert frames.id == facts["snapshot_id"]
        assert len(frames.models) == len(ROWS)
        assert set(frames.mentions.technique) == {"lora", "adalora", "qlora"}
    with pytest.raises(AttributeError, match="no table 'cards'"):
        _ = frames.cards
    with pytest.raises(UsageError):
        peft_census.load_snapshot("nothing")


def sealed(root: Path, name: str, second: int) -> Path:
    """Makes a folder that looks like a snapshot sealed at ``second``."""
    (root / name).mkdir(parents=True)
    shipped = next((REPO / "data/snapshots").glob("*-public")) / MANIFEST
    facts = json.loads(shipped.read_text(encoding="utf-8")) | {"snapshot_id": name}
    (root / name / MANIFEST).write_text(json.dumps(facts))
    os.utime(root / name / MANIFEST, (second, second))
    return root / name


def test_a_public_copy_is_not_taken_for_the_latest(tmp_path: Path) -> None:
    """Neither 'latest', 'previous' nor the start of an id means a copy while its original is there."""
    shipped = sealed(tmp_path, "2025-01-01-aaa-public", 1)
    assert find_snapshot("latest", tmp_path).path == shipped
    first = sealed(tmp_path, "2026-01-01-bbb", 2)
    assert find_snapshot("previous", tmp_path).path == shipped
    second = sealed(tmp_path, "2026-02-01-ccc", 3)
    sealed(tmp_path, "2026-02-01-ccc-public", 4)
    assert find_snapshot("latest", tmp_path).path == find_snapshot("2026-02", tmp_path).path == second
    assert find_snapshot("previous", tmp_path).path == first
    assert find_snapshot("2026-02-01-ccc-public", tmp_path).id.endswith("-public")


def test_a_folder_of_snapshots_means_its_latest(tmp_path: Path) -> None:
    """What --out was given can be given to --snapshot."""
    sealed(tmp_path / "mine", "2026-01-01-aaa", 1)
    latest = sealed(tmp_path / "mine", "2025-01-01-bbb", 2)
    assert find_snapshot(str(tmp_path / "mine"), tmp_path / "elsewhere").path == latest


def test_a_notebook_in_a_folder_below_finds_the_snapshots(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """load_snapshot looks for data/snapshots from the working directory upwards."""
    write_cards(tmp_path / "cards.parquet", ROWS)
    run("census", "-s", "cards.parquet")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert len(peft_census.load_snapshot().models) == len(ROWS)


def test_a_failed_run_leaves_no_trace(tmp_path: Path) -> None:
    """An error while writing removes the half-made folder."""
    with pytest.raises(ZeroDivisionError), new_snapshot(tmp_path) as writer:
        writer.append("coverage", pa.RecordBatch.from_pylist([], schema=arrow_schema("coverage")))
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("table", [t for t in TABLES if t != "cards"])
def test_a_table_with_a_strange_column_is_refused(table: str) -> None:
    """A column that the registry does not know never reaches a file."""
    data = arrow_schema(table).empty_table().append_column("extra", pa.array([], pa.int64()))
    with pytest.raises(SnapshotError, match="columns are"):
        check(table, data)


def test_a_value_outside_the_closed_list_is_refused() -> None:
    """A status that the registry does not list never reaches a file."""
    row = {"source": "files", "status": "perhaps", "reason": None, "n": 1}
    with pytest.raises(SnapshotError, match="perhaps"):
        check("coverage", pa.Table.from_pylist([row], schema=arrow_schema("coverage")))


def test_a_snapshot_of_another_schema_is_refused(run: Any, tmp_path: Path) -> None:
    """A manifest with another schema version is named instead of misread."""
    write_cards(tmp_path / "cards.parquet", ROWS)
    facts = json.loads(run("census", "-s", "cards.parquet", "--json").stdout)
    file = Path(facts["snapshot_path"]) / MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema_version": 0}))
    with pytest.raises(SnapshotError, match="schema 0"):
        read_snapshot(file.parent)
