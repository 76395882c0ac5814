"""The cache of tags: a shortcut that never shows in the result."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.cards import write_cards as write_made_up
from peft_census.collect.parquet import Files
from peft_census.pipeline.tag_cache import FILE
from peft_census.pipeline.tagging import TagOptions, tagged

CARDS = 400


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of cards, and the same with two in five of them changed."""
    folder = tmp_path_factory.mktemp("cards")
    write_made_up(CARDS, folder / "cards.parquet")
    write_made_up(CARDS, folder / "changed.parquet", changed=0.4)
    return folder


def tables(file: Path, cache: Path | None, note: Callable[[str], None] = lambda line: None) -> list[pa.Table]:
    """Returns models and mentions of a file, tagged in this process with the cache in a folder."""
    pairs = list(tagged(Files(str(file), 40).batches(), TagOptions(1, cache), note=note))
    return [pa.Table.from_batches([pair[i] for pair in pairs]).combine_chunks() for i in (0, 1)]


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Returns a list that gets the number of cards of every reading from now on."""
    from peft_census.pipeline import workers

    counted: list[int] = []
    read = workers.read_here

    def counting(cards: pa.RecordBatch) -> pa.RecordBatch:
        counted.append(cards.num_rows)
        return read(cards)

    monkeypatch.setattr("peft_census.pipeline.workers.read_here", counting)
    return counted


def test_known_cards_are_not_read_again(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run reads nothing, one over changed cards only those; the tables are those of a run without."""
    reads = count_reads(monkeypatch)
    plain = [tables(cards / name, None) for name in ("cards.parquet", "changed.parquet")]
    whole = sum(reads[: len(reads) // 2])
    assert whole > 10
    reads.clear()
    assert tables(cards / "cards.parquet", tmp_path) == plain[0]
    assert sum(reads) == whole
    reads.clear()
    assert tables(cards / "cards.parquet", tmp_path) == plain[0]
    assert reads == []
    assert tables(cards / "changed.parquet", tmp_path) == plain[1]
    assert 0 < sum(reads) < whole


def test_a_key_is_the_model_the_text_and_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another name, text or configuration is read anew; other tags or downloads are not."""
    from peft_census.collect.base import cards_batch

    def made(**cells: object) -> list[pa.Table]:
        row = {"model_id": "acme/m", "card": "Trained with LoRA.", "tags": ["x"], "status": "text"} | cells
        batch = cards_batch({name: [value] for name, value in row.items()}, 1)
        filler = [cards_batch({"model_id": [f"acme/f{i}"], "status": ["no_card"]}, 1) for i in range(5)]
        done = list(tagged(iter([batch, *filler]), TagOptions(1, tmp_path)))
        assert done[0] == next(iter(tagged(iter([batch]))))
        return done

    reads = count_reads(monkeypatch)
    for cells, fresh in [
        ({}, 1),
        ({}, 0),
        ({"downloads": 7, "tags": ["base_model:acme/base"]}, 0),
        ({"model_id": "acme/lora"}, 1),
        ({"card": "Trained with DoRA."}, 1),
        ({"adapter_config": '{"peft_type": "IA3"}'}, 1),
        ({"card": "Nothing.", "adapter_config": '{"peft_type": "IA3"}'}, 1),
        ({"card": "Nothing."}, 0),
        ({"card": "Nothing.", "adapter_config": '{"peft_type": "LORA"}'}, 1),
    ]:
        reads.clear()
        done = made(**cells)
        assert sum(reads[:-1]) == fresh, cells  # the last is the run without a cache
        assert done[0][1].num_rows == (0 if cells == {"card": "Nothing."} else done[0][1].num_rows)


@pytest.mark.parametrize("damage", ["noise", "half", "row"])
def test_a_damaged_file_is_reported_and_made_anew(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """Whatever befell the file, the tables are right, the damage is told, and the next run has a sound cache."""
    plain = tables(cards / "cards.parquet", tmp_path)
    file = tmp_path / FILE
    if damage == "noise":
        file.write_bytes(bytes(range(256)) * 64)
    elif damage == "half":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        with sqlite3.connect(file) as database:
            database.execute("UPDATE reading SET row = replace(row, 'lora', 'dora')")
        database.close()
    notes: list[str] = []
    assert tables(cards / "cards.parquet", tmp_path, notes.append) == plain
    assert len(notes) == 1 and "damaged" in notes[0] and str(file) in notes[0]
    reads = count_reads(monkeypatch)
    if damage in ("row", "half"):  # found out in the middle of a run, which had read some cards by then
        tables(cards / "cards.parquet", tmp_path)
        reads.clear()
    assert tables(cards / "cards.parquet", tmp_path, notes.append) == plain
    assert reads == [] and len(notes) == 1


def test_what_another_version_wrote_is_dropped(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change of the tagger every card is read anew, and nothing old is kept."""
    tables(cards / "cards.parquet", tmp_path)
    reads = count_reads(monkeypatch)
    monkeypatch.setattr("peft_census.tag.TAGGER_VERSION", "another")
    tables(cards / "changed.parquet", tmp_path)
    with sqlite3.connect(tmp_path / FILE) as database:
        assert database.execute("SELECT count(*) FROM reading").fetchone() == (sum(reads),)
        assert database.execute("SELECT count(*) FROM version").fetchone() == (1,)
    database.close()


def test_a_file_in_use_or_out_of_reach_is_done_without(cards: Path, tmp_path: Path) -> None:
    """A cache that cannot be opened costs a note, not the run."""
    plain = tables(cards / "cards.parquet", None)
    (tmp_path / "raw").write_text("a file in the folder's place")
    notes: list[str] = []
    assert tables(cards / "cards.parquet", tmp_path / "raw", notes.append) == plain
    assert len(notes) == 1 and "cannot be used" in notes[0]


def test_a_run_that_breaks_off_keeps_what_it_read(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before an error need not be read again."""
    running = tagged(Files(str(cards / "cards.parquet"), 40).batches(), TagOptions(1, tmp_path))
    for _ in range(5):
        next(running)
    running.close()
    reads = count_reads(monkeypatch)
    tables(cards / "cards.parquet", None)
    whole = sum(reads)
    reads.clear()
    tables(cards / "cards.parquet", tmp_path)
    assert 0 < sum(reads) < whole
