"""Malicious Parquet files give one clear error or counted gaps, in bounded memory, and never a crash."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.hostile import DONE, SEED, sized
from tests.hostile.conftest import environment

CARD = "Trained with LoRA."
IDS = pa.array([f"a/m{i}" for i in range(3)])
CARDS = pa.array([CARD] * 3)
MOST_BYTES = 3_000_000_000
"""Limit on the address space of a process."""


Census = Callable[..., tuple[int, str]]


@pytest.fixture
def census(run: Any) -> Census:
    """Runs a census of ``cards.parquet`` in this process; returns the exit code and stderr."""

    def census(folder: Path) -> tuple[int, str]:
        done = run("census", "-s", folder / "cards.parquet", "--out", folder / "out", "--quiet")
        return checked(folder, done.exit_code, done.stderr)

    return census


def limited_census(folder: Path, limit: bool = True) -> tuple[int, str]:
    """Runs a census of ``cards.parquet`` in a process with limited memory; returns the exit code and stderr."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))

    command = [sys.executable, "-m", "peft_census", "census", "-s", "cards.parquet", "--out", "out", "--quiet"]
    done = subprocess.run(
        command, cwd=folder, env=environment(ARROW_DEFAULT_MEMORY_POOL="system", OPENBLAS_NUM_THREADS="1"), text=True,
        capture_output=True, timeout=240, preexec_fn=limited if limit else None,
    )  # fmt: skip
    return checked(folder, done.returncode, done.stderr)


def checked(folder: Path, code: int, err: str) -> tuple[int, str]:
    """Returns its arguments; fails on a traceback, an unknown exit code or an incomplete snapshot."""
    DONE["censuses of hostile or damaged files"] += 1
    assert "Traceback" not in err, err
    assert code in (0, 1, 2, 3), (code, err)
    seen = [p.name for p in (folder / "out").glob("[!.]*")] if (folder / "out").exists() else []
    assert len(seen) == (code in (0, 3)), (seen, err)
    return code, err


def write(folder: Path, **columns: pa.Array) -> None:
    pq.write_table(pa.table(columns), folder / "cards.parquet")


READABLE: dict[str, pa.Array] = {
    "dictionary": CARDS.dictionary_encode(),
    "large_string": CARDS.cast(pa.large_string()),
    "binary": CARDS.cast(pa.binary()),
    "string_view": CARDS.cast(pa.string_view()),
    "null": pa.nulls(3),
}
REFUSED: dict[str, pa.Array] = {
    "nested": pa.array([{"text": CARD}] * 3),
    "list": pa.array([[CARD]] * 3),
    "number": pa.array([1, 2, 3]),
    "decimal": pa.array([Decimal("1.5")] * 3),
    "map": pa.array([[("a", CARD)]] * 3, pa.map_(pa.string(), pa.string())),
    "bool": pa.array([True, False, None]),
    "deep": pa.array([[[[[[[[[CARD]]]]]]]]] * 3),
}
STRANGE: dict[str, pa.Array] = {
    "ns": pa.array([datetime(1700, 1, 1), None, datetime(2200, 1, 1)], pa.timestamp("ns")),
    "s without location": pa.array([0, 2**40, None], pa.timestamp("s")),
    "date": pa.array([date(1, 1, 1), date(9999, 12, 31), None]),
    "far": pa.array([2**62, -(2**62), None], pa.timestamp("us", "UTC")),
    "location": pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * 3, pa.timestamp("us", "Pacific/Kiritimati")),
    "text": pa.array(["yesterday", "2024-01-01", ""]),
}


@pytest.mark.parametrize("name", READABLE)
def test_any_kind_of_text_is_read(tmp_path: Path, census: Census, name: str) -> None:
    """A card's column may be text of any sort, or nothing at all."""
    write(tmp_path, modelId=IDS, card=READABLE[name])
    assert census(tmp_path)[0] == 0


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_text_is_refused_by_name(tmp_path: Path, census: Census, name: str) -> None:
    """The error names file and column."""
    write(tmp_path, modelId=IDS, card=REFUSED[name])
    code, said = census(tmp_path)
    assert code == 1 and "cards.parquet" in said and "'card'" in said


@pytest.mark.parametrize("name", STRANGE)
def test_strange_times_stop_nothing_or_are_refused(tmp_path: Path, census: Census, name: str) -> None:
    """Times that no calendar has are refused with the file's name, read, or a gap; they never break a run."""
    write(tmp_path, modelId=IDS, card=CARDS, createdAt=STRANGE[name], last_modified=STRANGE[name])
    code, said = census(tmp_path)
    gap = code == 3 and "unreadable in the listing: createdAt, last_modified" in said
    assert code == 0 or gap or (code == 1 and "cards.parquet" in said), said


@pytest.mark.campaign
def test_a_hundred_thousand_columns(tmp_path: Path) -> None:
    """Columns that are not known are not read."""
    n = sized(10_000, 100_000)
    names = ["modelId", "card", *(f"c{i}" for i in range(n))]
    pq.write_table(pa.table([IDS, CARDS, *([pa.nulls(3, pa.int8())] * n)], names), tmp_path / "cards.parquet")
    assert limited_census(tmp_path, limit=False)[0] == 0


@pytest.mark.campaign
def test_a_bomb_of_one_letter(tmp_path: Path) -> None:
    """A card of 400 million letters in a file of some kilobytes is cut, in bounded memory."""
    size = sized(60_000_000, 400_000_000)
    write(tmp_path, modelId=pa.array(["a/bomb"]), card=pa.array(["LoRA " + "x" * size]))
    assert (tmp_path / "cards.parquet").stat().st_size < size / 10
    code, said = limited_census(tmp_path)
    assert code in (0, 1, 3), said


@pytest.mark.campaign
def test_a_bomb_of_one_card_said_often(tmp_path: Path) -> None:
    """A file of some kilobytes whose rows all point to one long card: an error that names it, or cards cut short."""
    n, size = sized(6_000, 20_000), sized(800_000, 5_000_000)
    often = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), pa.array(["LoRA " + "x" * size]))
    table = pa.table({"modelId": [f"a/m{i}" for i in range(n)], "card": often})
    pq.write_table(table, tmp_path / "cards.parquet", dictionary_pagesize_limit=1 << 30)
    assert (tmp_path / "cards.parquet").stat().st_size < n * size / 1000
    code, said = limited_census(tmp_path)
    assert code in (0, 3) or (code == 1 and "cards.parquet" in said), said


def test_many_rows_of_nothing(tmp_path: Path, census: Census) -> None:
    """Millions of empty cards in one row group, which compress to nothing, are models without a card."""
    n = sized(200_000, 3_000_000)
    write(tmp_path, modelId=pa.array([f"a/{i}" for i in range(n)]), card=pa.array([""] * n))
    assert census(tmp_path)[0] == 0


def test_names_that_are_paths(tmp_path: Path, census: Census) -> None:
    """Ids like paths, with NUL, of any length, of control characters: rows like any other, and no file elsewhere."""
    names = [
        "../../etc/passwd",
        "/abs/olute",
        "a\0b",
        "x" * 100_000,
        "\x1b[31mred\x07",
        "CON",
        "a/..",
        "‮evil",
        "=cmd()",
    ]
    write(tmp_path, modelId=pa.array(names), card=pa.array([CARD] * len(names)))
    assert census(tmp_path)[0] == 0
    assert {p.name for p in tmp_path.iterdir()} <= {"cards.parquet", "out", "data"}


def changed(data: bytes, dice: random.Random) -> bytes:
    """Returns a Parquet file after an accident: cut short, bytes flipped, a piece put elsewhere."""
    cut: list[Callable[[], bytes]] = [
        lambda: data[: dice.randrange(len(data))],
        lambda: data[:at] + bytes([data[at] ^ (1 << dice.randrange(8))]) + data[at + 1 :],
        lambda: data[:at] + dice.randbytes(20) + data[at + 20 :],
        lambda: data[at:] + data[:at],
        lambda: b"PAR1" + dice.randbytes(300) + b"PAR1",
    ]
    at = dice.randrange(len(data) - 21)
    return dice.choice(cut)()


def test_damaged_files(tmp_path: Path, census: Census) -> None:
    """However a file is damaged: an error that names it, or cards that are still whole."""
    n = 60
    table = pa.table(
        {
            "modelId": [f"a/m{i}" for i in range(n)],
            "card": [f"{CARD} {i}" * 20 for i in range(n)],
            "downloads": list(range(n)),
        }
    )
    pq.write_table(table, tmp_path / "cards.parquet", write_page_checksum=True)
    data, dice = (tmp_path / "cards.parquet").read_bytes(), random.Random(SEED)
    refused = 0
    for i in range(sized(4, 40)):
        place = tmp_path / str(i)
        place.mkdir()
        (place / "cards.parquet").write_bytes(changed(data, dice))
        code, said = census(place)
        assert code in (0, 1, 3) and (code != 1 or "cards.parquet" in said), said
        refused += code == 1
    assert refused > 0
