"""Parquet files as people have them: in folders with other things, in older types, with error pages for cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from peft_census.collect.base import card_status
from peft_census.collect.hub.options import read_ids
from peft_census.collect.parquet import MISSING_FILE, Files, find_files


def write(path: Path, **columns: Any) -> None:
    """Writes a file with one card, named after the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = {"modelId": [f"o/{path.stem}"], "card": ["Trained with LoRA."], **columns}
    pq.write_table(pa.table(table), path)


def rows(source: Files) -> list[dict[str, Any]]:
    """Returns the rows of a source."""
    source.prepare()
    return [row for batch in source.batches() for row in batch.to_pylist()]


def test_hidden_files_are_skipped_links_and_capitals_are_read(tmp_path: Path) -> None:
    """What Spark, Jupyter, a desktop and macOS leave in a folder is not a card; the manifest counts it."""
    folder = tmp_path / "cards"
    for name in ("a.parquet", "B.PARQUET", "sub/c.parquet"):
        write(folder / name)
    for name in ("_temporary/0/p.parquet", ".ipynb_checkpoints/a.parquet", ".Trash-1000/x.parquet"):
        write(folder / name)
    (folder / "._a.parquet").write_bytes(b"Mac OS X")
    write(tmp_path / "elsewhere" / "d.parquet")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "sub" / "circle").symlink_to(folder)
    source = Files(str(folder))
    assert sorted(row["model_id"] for row in rows(source)) == ["o/B", "o/a", "o/c", "o/d"]
    assert source.prepare().details["skipped_files"] == 4


def test_a_hidden_folder_that_is_named_is_read(tmp_path: Path) -> None:
    """Only names below the folder that was given are hidden."""
    write(tmp_path / ".cache" / "a.parquet")
    assert len(find_files(str(tmp_path / ".cache")).paths) == 1


def test_a_gap_in_numbered_files_is_a_gap_of_the_source(tmp_path: Path) -> None:
    """Files 0 and 2 of 3 lack one; a single file that was named lacks none."""
    for number in (0, 2):
        write(tmp_path / f"train-{number:05d}-of-00003.parquet")
    assert Files(str(tmp_path)).prepare().gaps == {MISSING_FILE: 1}
    assert Files(str(tmp_path / "*.parquet")).prepare().gaps == {MISSING_FILE: 1}
    assert Files(str(tmp_path / "train-00000-of-00003.parquet")).prepare().gaps == {}
    write(tmp_path / "train-00001-of-00003.parquet")
    assert Files(str(tmp_path)).prepare().gaps == {}


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (pa.array([1_600_000_000_123_456_789], pa.timestamp("ns")), 1_600_000_000_123_456),
        (pa.array([1_600_000_000_123_456_789], pa.timestamp("ns", "UTC")), 1_600_000_000_123_456),
        (pa.array([1_600_000_000], pa.timestamp("s")), 1_600_000_000_000_000),
        (pa.array([2**53], pa.timestamp("s")), None),
        (pa.array([-(2**63)], pa.timestamp("ms")), None),
        (pa.array([18_500], pa.date32()), 18_500 * 86_400_000_000),
        (pa.array([18_500 * 86_400_000], pa.date64()), 18_500 * 86_400_000_000),
    ],
)
def test_times_of_every_unit_are_read(tmp_path: Path, times: pa.Array, expected: int | None) -> None:
    """Parts of a microsecond are cut off; a time that does not fit is null."""
    write(tmp_path / "a.parquet", last_modified=times)
    (row,) = rows(Files(str(tmp_path / "a.parquet")))
    moment = row["last_modified"]
    assert (moment and round(moment.timestamp() * 1_000_000)) == expected
    assert row["reason"] == (None if expected else "unreadable in the listing: last_modified")


def test_int96_times_are_read(tmp_path: Path) -> None:
    """Spark wrote them until version 3."""
    table = pa.table(
        {"modelId": ["o/m"], "card": ["x"], "createdAt": pa.array([1_600_000_000_123_456_789], pa.timestamp("ns"))}
    )
    pq.write_table(table, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    assert rows(Files(str(tmp_path / "a.parquet")))[0]["created_at"].year == 2020


def test_a_number_that_does_not_fit_is_null(tmp_path: Path) -> None:
    """The file is not damaged, and the card is counted as repaired."""
    write(tmp_path / "a.parquet", downloads=pa.array([2**63], pa.uint64()), likes=pa.array([5], pa.uint64()))
    (row,) = rows(Files(str(tmp_path / "a.parquet")))
    assert (row["downloads"], row["likes"]) == (None, 5)
    assert (row["status"], row["reason"]) == ("text", "unreadable in the listing: downloads")


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12345\n"
RESTRICTED = (
    "Access to model o/m is restricted and you are not in the authorized list. "
    "Visit https://huggingface.co/o/m to ask for access."
)
NGINX = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n" + "x" * 3000
HUB = '<!doctype html>\n<html class="">\n<head>\n' + "<meta>" * 300 + "<title>404 – Hugging Face</title>"


@pytest.mark.parametrize(
    ("card", "status"),
    [
        (POINTER, "no_card"),
        (RESTRICTED, "gated"),
        ('{"error": "Access to model o/m is restricted. You must have access to it."}', "gated"),
        ('{"error": "Repository not found"}', "no_card"),
        (NGINX, "no_card"),
        (HUB, "no_card"),
        ("404 Not Found", "no_card"),
        ("Forbidden", "no_card"),
        ("Rate limit exceeded.", "no_card"),
        ("nan", "no_card"),
        ("\ufeff", "no_card"),
        ("\ufeff \n", "no_card"),
        ("# 404 Not Found\n\nA model that tells error pages apart, trained with LoRA.", "text"),
        ('{"error": 1, "a": 1}', "text"),
        ('{"peft_type": "LORA", "r": 8}', "text"),
        ("<html><head><title>My LoRA</title></head></html>", "text"),
        ("Access to the model is described in the paper on LoRA.", "text"),
        ("Forbidden Fruit LoRA", "text"),
        ("None of the layers are frozen.", "text"),
    ],
)
def test_what_a_server_answers_instead_of_a_card_is_not_a_text(tmp_path: Path, card: str, status: str) -> None:
    """Dumps hold such answers; a text that only resembles one stays a card. Both paths agree."""
    assert card_status(card)[0] == status
    write(tmp_path / "a.parquet", card=[card])
    assert rows(Files(str(tmp_path / "a.parquet")))[0]["status"] == status


def test_a_list_of_ids_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Windows editors write one."""
    file = tmp_path / "ids.txt"
    file.write_bytes(b"\xef\xbb\xbfo/m\r\n")
    assert read_ids(file) == ["o/m"]
