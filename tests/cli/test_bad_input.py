"""Every kind of bad input, through the command line: one clear message, the right exit code, nothing harmed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import REPO, is_root, write_cards

CARD = {"modelId": "acme/one", "card": "Fine-tuned with LoRA."}


def failed(result: Any, code: int, *words: str) -> None:
    """Checks exit code and that the message names all of ``words``."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.count("error:") == 1
    for word in words:
        assert word in result.stderr


def test_a_file_that_is_not_parquet_is_named(run: Any, tmp_path: Path) -> None:
    """A text file given as a source ends with exit code 1 and its name."""
    (tmp_path / "cards.parquet").write_text("not parquet at all")
    failed(run("census", "--source", "cards.parquet"), 1, "cards.parquet", "not a readable Parquet file")


@pytest.mark.parametrize("missing", ["modelId", "card"])
def test_a_missing_column_is_named(run: Any, tmp_path: Path, missing: str) -> None:
    """A file without a required column ends with exit code 1 and names the column."""
    write_cards(tmp_path / "cards.parquet", [{k: v for k, v in CARD.items() if k != missing}])
    failed(run("census", "--source", "cards.parquet"), 1, "cards.parquet", repr(missing), "is missing")


@pytest.mark.parametrize(
    ("column", "value"),
    [("card", 7), ("modelId", 7), ("downloads", "many"), ("tags", "lora"), ("last_modified", "yesterday")],
)
def test_a_wrong_type_is_named(run: Any, tmp_path: Path, column: str, value: object) -> None:
    """A column of another type ends with exit code 1 and names column and type."""
    write_cards(tmp_path / "cards.parquet", [CARD | {column: value}])
    failed(run("census", "--source", "cards.parquet"), 1, "cards.parquet", repr(column), "has type")


def test_an_empty_folder_is_named(run: Any, tmp_path: Path) -> None:
    """A folder without Parquet files ends with exit code 1."""
    (tmp_path / "cards").mkdir()
    failed(run("census", "--source", "cards"), 1, "cards", "no .parquet file")


def test_a_source_that_is_not_there_is_a_usage_error(run: Any) -> None:
    """A path that names nothing ends with exit code 2."""
    failed(run("census", "--source", "nowhere.parquet"), 2, "nowhere.parquet", "names no file")


@pytest.mark.parametrize(
    ("slip", "meant"), [("hub-pai", "hub-api"), ("Specimen", "specimen"), ("hub-dmp@abc", "hub-dump")]
)
def test_a_slip_in_a_sources_name_is_answered_with_the_name(run: Any, slip: str, meant: str) -> None:
    """What is neither a file nor a name, but nearly one, names the one that was meant."""
    failed(run("census", "--source", slip), 2, slip, f"did you mean {meant}?")


@pytest.mark.parametrize("name", ["cards.csv", "cards.JSONL"])
def test_cards_in_another_format_are_told_how_to_come_in(run: Any, tmp_path: Path, name: str) -> None:
    """A table that is no Parquet ends with exit code 2 and the page that converts it."""
    (tmp_path / name).write_text("modelId,card\na/b,Trained with LoRA.\n")
    failed(run("census", "--source", name), 2, name, "read from Parquet", "docs/recipes.md")


@pytest.mark.parametrize("options", [("--ids", "ids.txt"), ("--population", "all"), ("--adapter-configs", "5")])
@pytest.mark.parametrize("source", [(), ("--source", "cards.parquet")])
def test_options_of_the_hub_are_refused_elsewhere(
    run: Any, tmp_path: Path, options: tuple[str, ...], source: tuple[str, ...]
) -> None:
    """A list of ids that no source reads is an error, not a census of something else."""
    write_cards(tmp_path / "cards.parquet", [CARD])
    failed(run("census", *source, *options), 2, options[0], "goes with a source of the Hub", "--source hub-api")


@pytest.mark.parametrize("keep", [0.5, 0.97])
def test_a_truncated_file_is_named(run: Any, tmp_path: Path, keep: float) -> None:
    """A file cut short ends with exit code 1."""
    path = write_cards(tmp_path / "cards.parquet", [CARD | {"modelId": f"acme/{i}"} for i in range(500)])
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    failed(run("census", "--source", "cards.parquet"), 1, "cards.parquet")


def test_a_file_with_a_damaged_page_leaves_nothing_behind(run: Any, tmp_path: Path) -> None:
    """Bytes destroyed inside the data end with exit code 1, and the snapshot folder stays empty."""
    path = tmp_path / "cards.parquet"
    rows = [{"modelId": f"acme/{i}", "card": f"Fine-tuned with LoRA, run {i * 7919}."} for i in range(3000)]
    pq.write_table(pa.Table.from_pylist(rows), path, write_page_checksum=True, compression="zstd")
    column = pq.read_metadata(path).row_group(0).column(1)
    data = bytearray(path.read_bytes())
    middle = (column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size // 2
    data[middle : middle + 64] = bytes(64)
    path.write_bytes(data)
    failed(run("census", "--source", "cards.parquet"), 1, "cards.parquet", "damaged")
    assert [p.name for p in (tmp_path / "data/snapshots").iterdir()] == [".lock"]


def test_a_model_that_occurs_twice_stops_the_run(run: Any, tmp_path: Path) -> None:
    """A duplicate model id ends with exit code 1 and names model, files and the way out."""
    write_cards(tmp_path / "cards/a.parquet", [CARD])
    write_cards(tmp_path / "cards/b.parquet", [CARD | {"card": "something newer"}])
    failed(run("census", "--source", "cards"), 1, "'acme/one'", "a.parquet", "b.parquet", "--keep-first")


def test_the_first_row_of_a_repeated_model_can_be_kept(run: Any, tmp_path: Path) -> None:
    """With --keep-first the run goes on with the first row of each model."""
    write_cards(tmp_path / "cards/a.parquet", [CARD, CARD | {"modelId": "acme/two"}])
    write_cards(tmp_path / "cards/b.parquet", [CARD | {"card": "QLoRA"}])
    result = run("census", "--source", "cards", "--keep-first", "--json")
    assert result.exit_code == 0
    assert '"cards": 2' in result.stdout


def test_a_row_without_model_id_is_named(run: Any, tmp_path: Path) -> None:
    """A null or blank model id ends with exit code 1 and the row's number."""
    write_cards(tmp_path / "cards.parquet", [CARD, {"modelId": None, "card": "x"}])
    failed(run("census", "--source", "cards.parquet"), 1, "cards.parquet", "row 1 has no modelId")


def test_a_null_card_is_counted_as_no_card(run: Any, tmp_path: Path) -> None:
    """A null card is no error: the model is listed, without text."""
    write_cards(tmp_path / "cards.parquet", [CARD, {"modelId": "acme/two", "card": None}])
    result = run("census", "--source", "cards.parquet", "--json")
    assert result.exit_code == 0
    assert '"cards": 2, "cards_with_text": 1' in result.stdout
    assert "no_card (null)" in run("show").stdout


def test_invalid_utf8_is_repaired_and_reported_as_a_gap(run: Any, tmp_path: Path) -> None:
    """A card with broken bytes is read as far as it goes; the run ends with exit code 3 and says so."""
    broken = pa.array([b"Fine-tuned with LoRA \xff\xfe.", b"fine"], pa.binary())
    cards = pa.StringArray.from_buffers(len(broken), broken.buffers()[1], broken.buffers()[2])
    pq.write_table(pa.table({"modelId": ["acme/one", "acme/two"], "card": cards}), tmp_path / "cards.parquet")
    result = run("census", "--source", "cards.parquet", "--json")
    assert result.exit_code == 3
    assert "gap: 1 card: invalid UTF-8" in result.stderr
    assert '"n": 1, "base": 1' in result.stdout


def test_a_model_id_that_is_not_utf8_is_refused(run: Any, tmp_path: Path) -> None:
    """A broken model id cannot be repaired without inventing a model; exit code 1."""
    broken = pa.array([b"acme/\xff"], pa.binary())
    ids = pa.StringArray.from_buffers(1, broken.buffers()[1], broken.buffers()[2])
    pq.write_table(pa.table({"modelId": ids, "card": ["LoRA"]}), tmp_path / "cards.parquet")
    failed(run("census", "--source", "cards.parquet"), 1, "cards.parquet", "UTF-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system cannot play a full disk")
def test_a_full_disk_is_named_and_earlier_snapshots_stay(run: Any, tmp_path: Path) -> None:
    """With no space left the run ends with exit code 1, and the snapshot made before is still whole."""
    write_cards(tmp_path / "cards.parquet", [CARD])
    out = tmp_path / "snapshots"
    write_cards(tmp_path / "earlier.parquet", [CARD, CARD | {"modelId": "acme/earlier"}])
    assert run("census", "--source", "earlier.parquet", "--out", out, "--quiet").exit_code == 0
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    # A limit on file size makes the kernel refuse to write, as a full disk does.
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700)); import peft_census.cli.main as c; c.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "census", "--source", "cards.parquet", "--out", str(out), "--quiet"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert str(out) in done.stderr
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_no_space_is_worded_as_such(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operating system's ENOSPC becomes a sentence about space and --out."""
    import errno

    from peft_census.snapshot.snapshot import SnapshotWriter

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_cards(tmp_path / "cards.parquet", [CARD])
    monkeypatch.setattr(SnapshotWriter, "append", full)
    failed(run("census", "--source", "cards.parquet"), 1, "no space left", "--out", "earlier snapshots are untouched")
    assert [p.name for p in (tmp_path / "data/snapshots").iterdir()] == [".lock"]


def test_a_folder_without_write_permission_is_named(tmp_path: Path) -> None:
    """An output folder one may not write to ends with exit code 1; root gives up its rights to see it."""
    write_cards(tmp_path / "cards.parquet", [CARD])
    (tmp_path / "locked").mkdir(mode=0o555)
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:3]:
        if parent != Path("/") and parent.stat().st_uid == os.getuid():
            parent.chmod(parent.stat().st_mode | 0o055)
    unprivileged = "import os; os.geteuid() == 0 and os.setuid(65534); " if is_root() else ""
    code = (
        "import peft_census.cli.main as c, peft_census.cli.census, peft_census.pipeline.census, peft_census.count, peft_census.publish.folder, peft_census.tag;"
        "import peft_census.collect.parquet, peft_census.pipeline.evaluate, peft_census.pipeline.tag_cache, tqdm; "
        + unprivileged
        + "c.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "census", "--source", "cards.parquet", "--out", "locked", "--quiet"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "no permission to write locked" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_folder_that_cannot_be_made_is_named(run: Any, tmp_path: Path) -> None:
    """A file in the place of the output folder ends with exit code 1 (this binds root as well)."""
    write_cards(tmp_path / "cards.parquet", [CARD])
    (tmp_path / "file").write_text("in the way")
    failed(run("census", "--source", "cards.parquet", "--out", "file/snapshots"), 1, "file/snapshots")


@pytest.mark.parametrize("verb", [("show",), ("count", "--snapshot"), ("publish", "--out", "x", "--snapshot")])
def test_an_unknown_snapshot_is_a_usage_error(run: Any, verb: tuple[str, ...]) -> None:
    """An id that names no snapshot ends with exit code 2 and says where was looked."""
    failed(run(*verb, "2020-01-01-abc"), 2, "2020-01-01-abc", "data/snapshots")


def test_a_damaged_snapshot_is_named(run: Any, tmp_path: Path) -> None:
    """A snapshot whose table was cut ends with exit code 1 and names the file."""
    write_cards(tmp_path / "cards.parquet", [CARD])
    assert run("census", "--source", "cards.parquet").exit_code == 0
    table = next((tmp_path / "data/snapshots").glob("*/shares.parquet"))
    table.write_bytes(table.read_bytes()[:100])
    failed(run("show"), 1, "shares.parquet", "changed since it was written")


def test_an_unknown_option_is_a_usage_error(run: Any) -> None:
    """A misspelt option ends with exit code 2."""
    assert run("census", "--sauce", "x").exit_code == 2


def test_explain_wants_one_card(run: Any) -> None:
    """Neither a model nor a file, or both, ends with exit code 2."""
    failed(run("explain"), 2, "--file")


def test_a_card_file_that_is_not_text_is_named(run: Any, tmp_path: Path) -> None:
    """A README.md in another encoding ends with exit code 1."""
    (tmp_path / "README.md").write_bytes(b"LoRA \xff\xfe\x00")
    failed(run("explain", "--file", "README.md"), 1, "README.md", "UTF-8")


def test_a_bad_setting_is_named(run: Any, tmp_path: Path) -> None:
    """An unknown key in census.toml ends with exit code 2 and lists the known ones."""
    (tmp_path / "census.toml").write_text("colour = 'red'\n")
    failed(run("show"), 2, "colour", "batch_rows")


@pytest.mark.parametrize("labels", ["not json", '{"text": "LoRA"}', '{"text": 7, "cited": [], "applied": []}'])
def test_labels_that_are_none_are_named(run: Any, tmp_path: Path, labels: str) -> None:
    """A file that holds no labelled cards ends with exit code 1."""
    (tmp_path / "labels.jsonl").write_text(labels + "\n")
    failed(run("gold", "labels.jsonl"), 1, "labels.jsonl")
