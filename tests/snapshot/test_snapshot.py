"""Snapshots: the same input gives the same bytes, and a snapshot is complete or absent."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import write_cards

import peft_census
from peft_census.errors import SnapshotError, UsageError
from peft_census.pipeline.settings import settings
from peft_census.snapshot.manifest import CardTotals, Manifest, SourceInfo, TaxonomyInfo
from peft_census.snapshot.schema import SCHEMA_VERSION, TABLES, arrow_schema, check
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


@pytest.mark.campaign
@pytest.mark.parametrize(("batch_rows", "charts"), [("1", "none"), ("3", "headline"), ("100000", "none")])
def test_every_byte_is_the_same_elsewhere(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_rows: str, charts: str
) -> None:
    """Another folder and another batch size give byte-identical tables, charts, page and manifest."""
    monkeypatch.setenv("PEFT_CENSUS_CHARTS", charts)
    write_cards(tmp_path / "cards.parquet", ROWS)
    run("census", "-s", "cards.parquet", "--out", "one")
    settings.cache_clear()
    monkeypatch.setenv("PEFT_CENSUS_BATCH_ROWS", batch_rows)
    run("census", "-s", "cards.parquet", "--out", "two")
    assert files(Path("one")) == files(Path("two"))
    names = [Path(name).name for name in files(Path("one"))]
    assert "report.html" in names and ("headline.svg" in names) is (charts == "headline")


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


def test_the_manifest_records_what_went_in(run: Any, tmp_path: Path) -> None:
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
    """``load_snapshot`` finds a snapshot by id, start of id, path or 'latest', as pandas frames."""
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


MANIFEST_OF_NOTHING = Manifest(
    snapshot_id="2025-01-01-aaa",
    schema_version=SCHEMA_VERSION,
    specimen=False,
    source=SourceInfo("files", "cards.parquet", "5" * 64),
    taxonomy=TaxonomyInfo("6" * 64, {}),
    cards=CardTotals(0, 0),
    generators_sha256="7" * 64,
    corrections_sha256="8" * 64,
    tagger_version="1",
    rules_version="2",
    tables={},
)


def written(root: Path, name: str, second: int) -> Path:
    """Makes a snapshot without tables, written at ``second``."""
    (root / name).mkdir(parents=True)
    (root / name / MANIFEST).write_text(replace(MANIFEST_OF_NOTHING, snapshot_id=name).to_json())
    os.utime(root / name / MANIFEST, (second, second))
    return root / name


def test_a_public_copy_is_not_taken_for_the_latest(tmp_path: Path) -> None:
    """Neither 'latest', 'previous' nor the start of an id means a public copy while its original exists."""
    shipped = written(tmp_path, "2025-01-01-aaa-public", 1)
    assert find_snapshot("latest", tmp_path).path == shipped
    first = written(tmp_path, "2026-01-01-bbb", 2)
    assert find_snapshot("previous", tmp_path).path == shipped
    second = written(tmp_path, "2026-02-01-ccc", 3)
    written(tmp_path, "2026-02-01-ccc-public", 4)
    assert find_snapshot("latest", tmp_path).path == find_snapshot("2026-02", tmp_path).path == second
    assert find_snapshot("previous", tmp_path).path == first
    assert find_snapshot("2026-02-01-ccc-public", tmp_path).id.endswith("-public")


def test_a_folder_of_snapshots_means_its_latest(tmp_path: Path) -> None:
    """The folder given to --out can be given to --snapshot."""
    written(tmp_path / "mine", "2026-01-01-aaa", 1)
    latest = written(tmp_path / "mine", "2025-01-01-bbb", 2)
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


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask for folders")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o755), (0o027, 0o750), (0o077, 0o700)])
def test_the_umask_decides_who_may_read_a_snapshot(tmp_path: Path, umask: int, mode: int) -> None:
    """The folder of a snapshot has the mode that any new folder has."""
    before = os.umask(umask)
    try:
        with new_snapshot(tmp_path) as writer:
            written = writer.write(MANIFEST_OF_NOTHING, tmp_path)
    finally:
        os.umask(before)
    assert written.path.stat().st_mode & 0o777 == mode


def test_of_two_runs_with_the_same_snapshot_the_first_stays(tmp_path: Path) -> None:
    """The second run returns the existing snapshot and removes its own folder."""
    for _ in range(2):
        with new_snapshot(tmp_path) as writer:
            written = writer.write(MANIFEST_OF_NOTHING, tmp_path)
        assert written.path == tmp_path / MANIFEST_OF_NOTHING.snapshot_id
    assert [p.name for p in tmp_path.iterdir()] == [MANIFEST_OF_NOTHING.snapshot_id]


def test_a_failed_run_leaves_no_trace(tmp_path: Path) -> None:
    """An error while writing removes the temporary folder."""
    with pytest.raises(ZeroDivisionError), new_snapshot(tmp_path) as writer:
        writer.append("coverage", pa.RecordBatch.from_pylist([], schema=arrow_schema("coverage")))
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("table", [t for t in TABLES if t != "cards"])
def test_a_table_with_an_unknown_column_is_rejected(table: str) -> None:
    """A column that is not in the registry is never written."""
    data = arrow_schema(table).empty_table().append_column("extra", pa.array([], pa.int64()))
    with pytest.raises(SnapshotError, match="columns are"):
        check(table, data)


def test_a_value_outside_the_closed_list_is_rejected() -> None:
    """A status that is not in the registry is never written."""
    row = {"source": "files", "status": "perhaps", "reason": None, "n": 1}
    with pytest.raises(SnapshotError, match="perhaps"):
        check("coverage", pa.Table.from_pylist([row], schema=arrow_schema("coverage")))


def test_a_snapshot_of_another_schema_is_rejected(run: Any, tmp_path: Path) -> None:
    """The error names the schema version of the snapshot and that of this release."""
    write_cards(tmp_path / "cards.parquet", ROWS)
    facts = json.loads(run("census", "-s", "cards.parquet", "--json").stdout)
    file = Path(facts["snapshot_path"]) / MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema_version": 0}))
    with pytest.raises(SnapshotError, match="schema 0"):
        read_snapshot(file.parent)
