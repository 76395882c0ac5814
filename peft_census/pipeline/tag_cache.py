"""Caches the readings of cards from run to run, so that only new and changed cards are read.

One SQLite file in the raw folder holds the readings of cards that may cite a technique, by all that decides them: model
id, text and configuration. Other cards are not cached, because searching a text takes no longer than hashing it.
Readings by another version of the tagger, its code or its data are deleted. The result never depends on the cache: a
damaged file is reported and replaced, and a file that cannot be used is reported and ignored.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, TypeVar

import pyarrow as pa

from peft_census import tag
from peft_census.tag.batch import TAGGED_CARDS

FILE = "tags.sqlite"
_SAVE_EVERY = 100
_AT_ONCE = 500
_READING = "CREATE TABLE IF NOT EXISTS reading (key BLOB PRIMARY KEY, row TEXT, crc INTEGER) WITHOUT ROWID"
_T = TypeVar("_T")


class TagCache:
    """The readings of earlier runs. Open it with ``with``.

    Args:
        folder: the folder of its file.
        note: called with a line if the file is damaged or cannot be used.
    """

    def __init__(self, folder: Path, note: Callable[[str], None] = lambda line: None) -> None:
        self.file = folder / FILE
        self.note = note
        self._database: sqlite3.Connection | None = None
        self._lock = Lock()
        self._added = 0

    def __enter__(self) -> TagCache:
        try:
            self._open()
        except sqlite3.OperationalError as error:
            self._disable(error)
        except (sqlite3.DatabaseError, ValueError) as error:
            self._replace(error)
        except OSError as error:
            self._disable(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._guarded(self._save, None)
            if self._database:
                self._database.close()
                self._database = None

    def readings(self, keys: Sequence[bytes]) -> tuple[list[bytes], pa.RecordBatch]:
        """Returns the ``keys`` that have a reading, and their readings in the same order."""
        with self._lock:
            nothing: dict[bytes, dict[str, Any]] = {}
            known = self._guarded(lambda: self._select(keys), nothing)
        return list(known), pa.RecordBatch.from_pylist(list(known.values()), schema=TAGGED_CARDS)

    def add(self, keys: Sequence[bytes], rows: pa.RecordBatch) -> None:
        """Adds readings, one key per row; they are written to disk every few batches and at the end."""
        texts = [json.dumps(row, ensure_ascii=False) for row in rows.to_pylist()]
        written = [(key, text, _crc(key, text)) for key, text in zip(keys, texts, strict=True)]
        with self._lock:
            self._added += 1
            self._guarded(lambda: self._insert(written), None)
            if self._added % _SAVE_EVERY == 0:
                self._guarded(self._save, None)

    def _select(self, keys: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
        known: dict[bytes, dict[str, Any]] = {}
        if self._database is None:
            return known
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            query = f"SELECT key, row, crc FROM reading WHERE key IN ({','.join('?' * len(some))})"  # noqa: S608
            for key, text, crc in self._database.execute(query, some):
                if _crc(key, text) != crc:
                    raise ValueError("a reading has another checksum")
                known[key] = json.loads(text)
        return known

    def _insert(self, rows: list[tuple[bytes, str, int]]) -> None:
        if self._database and rows:
            self._database.executemany("INSERT OR REPLACE INTO reading VALUES (?, ?, ?)", rows)

    def _save(self) -> None:
        if self._database:
            self._database.commit()

    def _open(self) -> None:
        """Opens the file, creates its tables, and deletes readings of another version.

        Raises:
            sqlite3.DatabaseError, ValueError: the file is damaged.
            sqlite3.OperationalError, OSError: it cannot be used.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        database = self._database = sqlite3.connect(self.file, timeout=5, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("CREATE TABLE IF NOT EXISTS version (id TEXT)")
        database.execute(_READING)
        if database.execute("SELECT id FROM version").fetchall() != [(version(),)]:
            for table in ("version", "reading"):
                database.execute(f"DELETE FROM {table}")  # noqa: S608 (names of our own)
            database.execute("INSERT INTO version VALUES (?)", (version(),))
            database.commit()
            database.execute("VACUUM")

    def _guarded(self, work: Callable[[], _T], otherwise: _T) -> _T:
        """Returns the result of ``work``; if the file is not usable, reports it and returns ``otherwise``."""
        try:
            return work()
        except sqlite3.OperationalError as error:
            self._disable(error)
        except (sqlite3.DatabaseError, ValueError, TypeError, pa.ArrowException) as error:
            self._replace(error)
        return otherwise

    def _replace(self, error: Exception) -> None:
        self._close()
        self.note(f"{self.file}: the tag cache was damaged ({error}) and is replaced")
        try:
            for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
                self.file.with_name(name).unlink(missing_ok=True)
            self._open()
        except (sqlite3.Error, OSError) as second:
            self._disable(second)

    def _disable(self, error: Exception) -> None:
        self._close()
        self.note(f"{self.file}: the tag cache cannot be used ({error}); the census continues without it")

    def _close(self) -> None:
        if self._database:
            self._database.close()
        self._database = None


def keys_of(cards: pa.RecordBatch) -> list[bytes]:
    """Returns a key of 16 bytes for each card of a batch with the columns ``tag.batch.INPUTS``."""
    columns = [cards.column(name).cast(pa.binary()).to_pylist() for name in cards.schema.names]
    return [hashlib.sha256(_joined(card)).digest()[:16] for card in zip(*columns, strict=True)]


def _joined(parts: Sequence[bytes | None]) -> bytes:
    """Returns the parts as one unambiguous byte string: each with its length, a missing one as ``-;``."""
    return b"".join(b"-;" if part is None else b"%d;%b" % (len(part), part) for part in parts)


def version() -> str:
    """Returns a digest of what decides a reading besides the card: the tagger's version, code and data."""
    digest = hashlib.sha256()
    for part in (tag.TAGGER_VERSION, tag.load_taxonomy().sha256, tag.generators_sha256(), tag.corrections_sha256()):
        digest.update(part.encode() + b"\0")
    digest.update(str(TAGGED_CARDS).encode())
    for file in sorted(Path(tag.__file__).parent.glob("*.*")):
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _crc(key: bytes, text: str) -> int:
    return zlib.crc32(text.encode(), zlib.crc32(key))
