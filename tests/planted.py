"""Tokens planted for tests, and the search for them in whatever tests write or print.

In: a folder, or a text. Out: the places that hold a planted token, as it is, in hexadecimal or in base64, also inside
compressed Parquet, gzip, zip and git files. Every token that a test makes up comes from here, so that one search finds
them all. No place where a token is found is printed with the token.
"""

from __future__ import annotations

import base64
import gzip
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MARK = "".join(("Pl4nted", "S3cr3t", "0fTests"))
"""Part of every planted token; put together here, so that no copy of this file holds it."""


def token(kind: str) -> str:
    """Returns a token of that kind, such as ``hf`` or ``ghp``, that the search would find."""
    return f"{kind}_{MARK}"


HUB, GITHUB, CIVITAI = token("hf"), token("ghp"), token("civitai")

ENVIRONMENT = {"HF_TOKEN": HUB, "GITHUB_TOKEN": GITHUB, "CIVITAI_TOKEN": CIVITAI}
"""In the environment of the whole session; tests of life without a token take it away."""

_PIECE = 1 << 26


def _needles() -> tuple[bytes, ...]:
    """Returns the mark as it is, in hexadecimal, and in base64 at each of the three places where it can begin."""
    mark = MARK.encode()
    found = [mark, mark.hex().encode()]
    for before in range(3):
        text = base64.b64encode(b"\0" * before + mark)
        found.append(text[(0, 2, 3)[before] : (before + len(mark)) * 8 // 6])
    return tuple(found)


NEEDLES = _needles()


def holds(data: bytes | str) -> bool:
    """Says whether a text or some bytes hold a planted token."""
    data = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return any(needle in data for needle in NEEDLES)


def leaks(folder: Path) -> list[str]:
    """Returns the files below ``folder`` whose name or content holds a planted token, and how."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        how = "its name" if holds(path.name) else leak(path)
        if how:
            found.append(f"{str(path.relative_to(folder)).replace(MARK, '(secret)')}: {how}")
    return found


def leak(file: Path) -> str:
    """Returns where in a file a planted token is: its bytes, what it holds compressed, or nowhere."""
    try:
        stream = file.open("rb")
    except OSError:  # gone meanwhile, or not for us to read
        return ""
    with stream:
        start = tail = stream.read(_PIECE)
        while tail:
            if holds(tail):
                return "its bytes"
            more = stream.read(_PIECE)
            tail = tail[-200:] + more if more else b""
    for magic, name, inside in _KINDS:
        if start.startswith(magic) and any(holds(part) for part in _readable(inside(file))):
            return name
    return ""


def _readable(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yields parts until one cannot be read: tests damage files on purpose."""
    try:
        yield from parts
    except (pa.ArrowException, OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, sqlite3.Error):
        return


def _parquet(file: Path) -> Iterator[bytes]:
    """Yields the values of every text column, decompressed and decoded."""
    with pq.ParquetFile(file) as opened:
        texts = [
            c.path for c in map(opened.schema.column, range(len(opened.schema))) if c.physical_type == "BYTE_ARRAY"
        ]
        for group in range(opened.num_row_groups if texts else 0):
            for column in opened.read_row_group(group, columns=texts).columns:
                for chunk in column.chunks:
                    values = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
                    yield from (memoryview(buffer).tobytes() for buffer in values.buffers() if buffer)


def _sqlite(file: Path) -> Iterator[bytes]:
    """Yields every row: a long value lies in the file in pieces, and a token may lie across two of them.

    A copy is read, together with what a killed process left in the log beside it; the file itself is not touched.
    """
    with tempfile.TemporaryDirectory() as room:
        for part in (file, file.with_name(f"{file.name}-wal")):
            if part.exists():
                shutil.copyfile(part, Path(room, f"db{part.name.removeprefix(file.name)}"))
        yield from _rows(Path(room, "db"))


def _rows(file: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(file)) as db:
        db.text_factory = bytes
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in db.execute(f'SELECT * FROM "{table.decode()}"'):
                yield b"\n".join(v for v in row if isinstance(v, bytes))


def _zip(file: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(file) as opened:
        yield from (opened.read(name) for name in opened.namelist())


def _gzip(file: Path) -> Iterator[bytes]:
    yield gzip.decompress(file.read_bytes())


def _git_object(file: Path) -> Iterator[bytes]:
    yield zlib.decompress(file.read_bytes())


_KINDS = (
    (b"PAR1", "a Parquet column", _parquet),
    (b"SQLite format 3\0", "a row of SQLite", _sqlite),
    (b"\x1f\x8b", "inside gzip", _gzip),
    (b"PK\x03\x04", "inside zip", _zip),
    (b"x", "a git object", _git_object),
)
