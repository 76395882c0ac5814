"""The tag cache saves work and never shows in the result."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import write_cards

from benchmarks.cards import write_cards as write_made_up
from peft_census.collect.parquet import Files
from peft_census.pipeline import workers
from peft_census.pipeline.progress import Progress
from peft_census.pipeline.tagging import TagOptions, tag_source

CARDS = 400
NAME = "cards.parquet"


@pytest.fixture(autouse=True)
def small_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small sources use the cache, and no sample is drawn unless a test asks for it."""
    monkeypatch.setattr("peft_census.pipeline.tagging.FEW", 0)
    monkeypatch.setattr("peft_census.collect.parquet.SAMPLE", 0)


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cards in four row groups; the same with changes everywhere; the same with changes in the last row group."""
    folder = tmp_path_factory.mktemp("cards")
    write_made_up(CARDS, folder / "old.parquet")
    write_made_up(CARDS, folder / "spread.parquet", changed=0.4)
    old, spread = (pq.read_table(folder / f"{name}.parquet") for name in ("old", "spread"))
    end = pa.concat_tables([old.slice(0, CARDS - CARDS // 4), spread.slice(CARDS - CARDS // 4)])
    for name, table in (("old", old), ("spread", spread), ("end", end)):
        (folder / name).mkdir()
        pq.write_table(table, folder / name / NAME, row_group_size=CARDS // 4)
    return folder


class Notes(Progress):
    """Keeps notes."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


def tables(folder: Path, cache: Path | None, progress: Progress | None = None, decode_all: bool = False) -> list[Any]:
    """Returns models and mentions of the cards in a folder, tagged in this process."""
    source = Files(str(folder / NAME), 40)
    pairs = list(tag_source(source, source.prepare(), TagOptions(1, cache, decode_all), progress or Notes()))
    return [pa.Table.from_batches([pair[i] for pair in pairs]).combine_chunks() for i in (0, 1)]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that gets the number of cards of every reading."""
    counted: list[int] = []
    read = workers.read_here

    def counting(cards: pa.RecordBatch) -> pa.RecordBatch:
        counted.append(cards.num_rows)
        return read(cards)

    monkeypatch.setattr(workers, "read_here", counting)
    return counted


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that gets the number of rows of every batch whose cards were decoded."""
    counted: list[int] = []
    iterate = pq.ParquetFile.iter_batches

    def counting(self: pq.ParquetFile, *arguments: Any, **more: Any) -> Any:
        for batch in iterate(self, *arguments, **more):
            if "card" in batch.schema.names:
                counted.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counting)
    return counted


def test_only_changed_cards_are_read(cards: Path, tmp_path: Path, reads: list[int], decoded: list[int]) -> None:
    """Nothing is decoded if nothing changed, one row group if the changes are there; the tables are always equal."""
    plain = {name: tables(cards / name, None) for name in ("old", "spread", "end")}
    assert plain["old"][1].num_rows > 10 and plain["old"] != plain["end"] != plain["spread"]
    assert tables(cards / "old", tmp_path) == plain["old"]
    for name, rows in (("old", 0), ("end", CARDS // 4), ("old", CARDS // 4), ("spread", CARDS)):
        reads.clear(), decoded.clear()
        assert tables(cards / name, tmp_path) == plain[name]
        assert sum(decoded) == rows
        assert (sum(reads) > 0) == (name != "old" or rows > 0)
    assert len(list(tmp_path.iterdir())) == 1


def test_order_additions_and_removals(cards: Path, tmp_path: Path, reads: list[int]) -> None:
    """Rows in another order, new rows and missing rows are no reason to read known cards again."""
    old = pq.read_table(cards / "old" / NAME)
    tables(cards / "old", tmp_path / "cache")
    new = old.slice(0, 3).set_column(0, "modelId", pa.array(["new/a", "new/b", "new/c"]))
    mixed = pa.concat_tables([old.slice(200), new, old.slice(0, 150).take(list(range(149, -1, -1)))])
    pq.write_table(mixed, tmp_path / NAME)
    plain = tables(tmp_path, None)
    reads.clear()
    assert tables(tmp_path, tmp_path / "cache") == plain
    assert sum(reads) <= 3


def one(tmp_path: Path, **cells: object) -> list[Any]:
    """Returns the tables of one card with the cache in a folder, after a comparison with those without."""
    row = {
        "modelId": "acme/m",
        "card": b"Trained with LoRA.",
        "last_modified": datetime(2025, 1, 1, tzinfo=UTC),
        "tags": ["x"],
    }
    write_cards(tmp_path / NAME, [row | cells])
    done = tables(tmp_path, tmp_path / "cache")
    assert done == tables(tmp_path, None)
    return done


def test_what_makes_a_card_new(tmp_path: Path, reads: list[int]) -> None:
    """Another name, text or configuration is read; other tags, downloads and times are not."""
    later = datetime(2025, 1, 2, tzinfo=UTC)
    for cells, fresh in [
        ({}, 1),
        ({}, 0),
        ({"downloads": 7, "tags": ["base_model:acme/base"]}, 0),
        ({"last_modified": later}, 0),
        ({"modelId": "acme/lora"}, 1),
        ({"card": b"Trained with DoRA.", "last_modified": later}, 1),
        ({"adapter_config": '{"peft_type": "IA3"}'}, 1),
        ({"card": b"Nothing.", "adapter_config": '{"peft_type": "IA3"}'}, 1),
        ({"card": b"Nothing.", "last_modified": later}, 0),
        ({"card": None, "last_modified": later + timedelta(1)}, 0),
        ({"card": None, "last_modified": later + timedelta(1)}, 0),
    ]:
        reads.clear()
        one(tmp_path, **cells)
        assert sum(reads[: len(reads) // 2]) == fresh, cells  # the second half is the run without a cache


@pytest.mark.parametrize("decode_all", [True, False])
def test_a_text_that_changed_without_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decode_all: bool
) -> None:
    """The sample finds it, says so, and every card is compared; ``decode_all`` compares every card without a sample."""
    one(tmp_path)
    write_cards(
        tmp_path / NAME,
        [{"modelId": "acme/m", "card": b"Trained with IA3.", "last_modified": datetime(2025, 1, 1, tzinfo=UTC)}],
    )
    plain, notes = tables(tmp_path, None), Notes()
    if not decode_all:
        monkeypatch.setattr("peft_census.collect.parquet.SAMPLE", 1)
    assert tables(tmp_path, tmp_path / "cache", notes, decode_all) == plain
    assert [("acme/m" in line, "time of the last commit" in line) for line in notes.lines] == [(True, True)] * (
        not decode_all
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: bytes(range(256)) * 64,
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"lora", b"dora", 1),
    ],
)
def test_a_damaged_file_is_reported_and_replaced(
    cards: Path, tmp_path: Path, reads: list[int], damage: Callable[[bytes], bytes]
) -> None:
    """The tables are right, one note names the file, and the next run has an intact cache."""
    plain = tables(cards / "old", tmp_path)
    file = next(tmp_path.iterdir())
    file.write_bytes(damage(file.read_bytes()))
    notes = Notes()
    assert tables(cards / "old", tmp_path, notes) == plain
    assert len(notes.lines) == 1 and "damaged" in notes.lines[0] and str(file) in notes.lines[0]
    reads.clear()
    assert tables(cards / "old", tmp_path, notes) == plain
    assert reads == [0] * len(reads) and len(notes.lines) == 1


def test_another_tagger_ignores_the_file(
    cards: Path, tmp_path: Path, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a change of the tagger every card is read again, and the file is replaced."""
    tables(cards / "old", tmp_path)
    whole, before = sum(reads), next(tmp_path.iterdir())
    monkeypatch.setattr("peft_census.tag.TAGGER_VERSION", "another")
    reads.clear()
    tables(cards / "old", tmp_path)
    assert sum(reads) == whole and next(tmp_path.iterdir()) != before


def test_a_folder_that_cannot_be_used(cards: Path, tmp_path: Path) -> None:
    """The run continues without a cache, and a note says why."""
    (tmp_path / "raw").write_text("a file in the folder's place")
    notes = Notes()
    assert tables(cards / "old", tmp_path / "raw", notes) == tables(cards / "old", None)
    assert len(notes.lines) == 1 and "cannot be used" in notes.lines[0]


def test_a_run_that_ends_early_loses_nothing(cards: Path, tmp_path: Path, reads: list[int]) -> None:
    """What it read is kept, and so is what an earlier run had of the cards that it did not reach."""
    source = Files(str(cards / "old" / NAME), 40)
    for batches in (6, 2):
        running = tag_source(source, source.prepare(), TagOptions(1, tmp_path))
        for _ in range(batches):
            next(running)
        running.close()
    reads.clear()
    tables(cards / "old", None)
    whole = sum(reads)
    reads.clear()
    tables(cards / "old", tmp_path)
    assert 0 < sum(reads) < whole
