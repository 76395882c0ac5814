"""The sweep for planted tokens can fail: it finds one in every kind of file and in every kind of output."""

from __future__ import annotations

import base64
import gzip
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import planted
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import REPO

TEXT = f"the server said: Bearer {planted.HUB}."


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder outside pytest's, which the sweep of this very session would search."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def parquet(file: Path) -> None:
    """Compressed hard, behind other text, so that the bytes of the file do not show the token."""
    texts = [f"{'x' * 100}{i}" for i in range(2000)] + [TEXT * 3]
    pq.write_table(pa.table({"n": list(range(2001)), "s": texts}), file, compression="zstd", compression_level=19, use_dictionary=False, write_statistics=False)  # fmt: skip


def nested(file: Path) -> None:
    tags = [["a"] * 50, [TEXT * 3] * 50]
    pq.write_table(pa.table({"tags": tags}), file, compression="gzip", write_statistics=False)


def dictionary(file: Path) -> None:
    column = pa.array(["a" * 50, TEXT * 3] * 50).dictionary_encode()
    pq.write_table(pa.table({"s": column}), file, compression="zstd", write_statistics=False)


def torn(file: Path) -> None:
    """Pages of 512 bytes, and a value so long that the token lies across two of them."""
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA page_size = 512")
        db.execute("CREATE TABLE answer (text TEXT)")
        db.executemany(
            "INSERT INTO answer VALUES (?)", [("x" * n + planted.HUB + "y" * 600,) for n in range(500, 1010)]
        )
        db.commit()


def write_ahead(file: Path) -> None:
    """A log that is not yet in the database."""
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE answer (text TEXT)")
        db.execute("INSERT INTO answer VALUES (?)", (TEXT,))
        db.commit()
        (file.parent / "kept-wal").write_bytes(file.with_name(file.name + "-wal").read_bytes())


def torn_in_the_log(file: Path) -> None:
    """What a killed process leaves: an empty database, and in its log a row with the token across two pages."""
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA page_size = 512")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE answer (text TEXT)")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("INSERT INTO answer VALUES (?)", ("x" * 700 + planted.HUB + "y" * 1006,))  # 508 bytes a page
        db.commit()
        left = {part: part.read_bytes() for part in (file, file.with_name(f"{file.name}-wal"))}
    for part, data in left.items():
        part.write_bytes(data)


def zipped(file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.txt", TEXT * 3)


KINDS: dict[str, Callable[[Path], object]] = {
    "page.html": lambda file: file.write_text(f"<p>{TEXT}</p>", encoding="utf-8"),
    "chart.svg": lambda file: file.write_text(f"<svg><desc>{TEXT}</desc></svg>", encoding="utf-8"),
    "run.log": lambda file: file.write_text("line\n" * 1000 + TEXT, encoding="utf-8"),
    "inline.html": lambda file: file.write_bytes(b"data:image/svg+xml;base64," + base64.b64encode(b"<svg>" + TEXT.encode())),
    "hex.json": lambda file: file.write_text(f'"{TEXT.encode().hex()}"', encoding="ascii"),
    "cards.parquet": parquet, "nested.parquet": nested, "dictionary.parquet": dictionary,
    "ledger.sqlite": torn, "young.sqlite": write_ahead, "killed.sqlite": torn_in_the_log,
    "labels.jsonl.gz": lambda file: file.write_bytes(gzip.compress((TEXT * 3).encode())),
    "package.whl": zipped,
    "objects-3f": lambda file: file.write_bytes(zlib.compress(b"blob 99\0" + (TEXT * 3).encode())),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_token_is_found_in_every_kind_of_file(room: Path, name: str) -> None:
    """Also where it is compressed, encoded or torn in two; the place is told, the token is not."""
    (room / "honest.txt").write_text("nothing", encoding="utf-8")
    KINDS[name](room / name)
    found = planted.leaks(room)
    assert found and not any("honest" in line or planted.holds(line) for line in found)


@pytest.mark.parametrize("name", ["cards.parquet", "nested.parquet", "killed.sqlite", "labels.jsonl.gz", "package.whl", "objects-3f"])  # fmt: skip
def test_what_is_compressed_is_read_and_not_only_looked_at(room: Path, name: str) -> None:
    """The bytes of these files do not show the token: it is found inside."""
    KINDS[name](room / name)
    assert not planted.holds((room / name).read_bytes())
    assert planted.leak(room / name) not in ("", "its bytes")


def test_a_token_in_a_file_name_and_across_two_readings_is_found(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in pieces that overlap."""
    monkeypatch.setattr(planted, "_PIECE", 512)
    (room / "long.txt").write_text("x" * 500 + TEXT + "x" * 500, encoding="utf-8")
    (room / planted.HUB).touch()
    assert sorted(planted.leaks(room)) == ["hf_(secret): its name", "long.txt: its bytes"]


def test_damaged_files_stop_no_search(room: Path) -> None:
    """What cannot be read is searched as bytes, and the search goes on."""
    for name, magic in (("a.parquet", b"PAR1"), ("b.sqlite", b"SQLite format 3\0"), ("c.gz", b"\x1f\x8b"), ("d.zip", b"PK\x03\x04"), ("e", b"xyz")):  # fmt: skip
        (room / name).write_bytes(magic + b"\xff" * 99)
    assert planted.leaks(room) == []


LEAKING = {
    "a file": "(tmp_path / 'x.txt').write_text(token)",
    "print": "print(token)",
    "a log line": "logging.getLogger('x').warning('%s', token)",
    "a process": "subprocess.run([sys.executable, '-c', 'import os; print(os.environ[\"HF_TOKEN\"])'], capture_output=True)",
    "the command line": "CliRunner().invoke(click.Command('x', callback=lambda: click.echo(token)))",
    "an error": "CliRunner().invoke(click.Command('x', callback=lambda: int(token)))",
    "captured": "print(token); capsys.readouterr()",
}


@pytest.mark.campaign
@pytest.mark.parametrize("processes", [0, 2])
def test_a_session_in_which_a_token_gets_out_fails(room: Path, processes: int) -> None:
    """All tests pass, but the session ends with exit code 1 and names each test or file that leaked."""
    head = "import logging, os, subprocess, sys\nimport click\nfrom click.testing import CliRunner\n"
    leaks = list(LEAKING.values())
    body = "\n".join(
        f"def test_leaky_{i}(tmp_path, capsys):\n    token = os.environ['HF_TOKEN']\n    {leak}\n"
        for i, leak in enumerate(leaks)
    )
    (room / "test_it.py").write_text(head + body, encoding="utf-8")
    (room / "conftest.py").write_text("from tests.conftest import pytest_configure\n", encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPO / "tests"), str(REPO)])}
    options = f"-q -p no:cacheprovider --numprocesses {processes} test_it.py --basetemp".split()
    command = [sys.executable, "-m", "pytest", *options, room / "base"]
    done = subprocess.run(command, cwd=room, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{len(leaks)} passed" in done.stdout and "planted tokens found" in done.stdout
    assert re.search(r"searched \d+ files and \d+ outputs for planted tokens in [\d.]+ s", done.stdout)
    for i, how in enumerate(LEAKING):
        assert ("x.txt: its bytes" if how == "a file" else f"test_leaky_{i}: ") in done.stdout, how


def test_the_sweep_of_this_session_listens(request: pytest.FixtureRequest) -> None:
    """The plugin is at work, and it has heard something."""
    sweep = request.config.pluginmanager.get_plugin("sweep")
    subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, check=True)
    assert sweep is not None and sweep.heard > 0
    assert all(os.environ[name] == value for name, value in planted.ENVIRONMENT.items())
