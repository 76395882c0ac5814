"""Readings kept from run to run, so that a census of cards of which few changed costs little more than reading them.

One SQLite file in the raw folder. It holds digests of the texts in which there is nothing to read (most of them, 8
bytes each) and the readings of all other cards, by everything that decides them: model id, text, configuration.
What another version of the tagger, its code or its data made is dropped. It is only ever a shortcut: a damaged file
is reported and begun anew, and one that cannot be used at all is done without.
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
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from peft_census.tagging import News

FILE = "tags.sqlite"
_BYTES = 8
"""Of a text's SHA-256 that say that it is plain; a mix-up among 3 million texts has a chance below one in a million."""
_SAVE_EVERY = 100
_AT_ONCE = 500
_READING = "CREATE TABLE IF NOT EXISTS reading (key BLOB PRIMARY KEY, row TEXT, crc INTEGER) WITHOUT ROWID"
_T = TypeVar("_T")


class TagCache:
    """The readings of earlier runs. Open it with ``with``.

    Args:
        folder: where its file is, or will be.
        note: is told what is wrong with the file.
    """

    def __init__(self, folder: Path, note: Callable[[str], None] = lambda line: None) -> None:
        self.file = folder / FILE
        self.note = note
        self._database: sqlite3.Connection | None = None
        self._lock = Lock()
        self._plain: np.ndarray[Any, np.dtype[np.int64]] = np.array([], np.int64)
        self._news: list[bytes] = []
        self._added = 0

    def __enter__(self) -> TagCache:
        try:
            self._open()
        except sqlite3.OperationalError as error:
            self._do_without(error)
        except (sqlite3.DatabaseError, ValueError) as error:
            self._begin_anew(error)
        except OSError as error:
            self._do_without(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._guarded(self._save, None)
            if self._database:
                self._database.close()
                self._database = None

    def are_plain(self, digests: Sequence[bytes | None]) -> list[bool]:
        """Says of every text, by its SHA-256, whether it is known that there is nothing to read in it."""
        plain = self._plain  # another thread may replace it
        if not len(plain):
            return [False] * len(digests)
        asked = _numbers([digest or bytes(_BYTES) for digest in digests])
        at = np.minimum(np.searchsorted(plain, asked), len(plain) - 1)
        return (plain[at] == asked).tolist()  # type: ignore[no-any-return]

    def readings(self, keys: Sequence[bytes]) -> tuple[list[bytes], pa.RecordBatch]:
        """Returns those of ``keys`` that are known, and their readings in the same order."""
        from peft_census.tag.batch import READINGS

        with self._lock:
            nothing: dict[bytes, dict[str, Any]] = {}
            found = self._guarded(lambda: self._select(keys), nothing)
        return list(found), pa.RecordBatch.from_pylist(list(found.values()), schema=READINGS)

    def add(self, news: News) -> None:
        """Takes in what a batch taught; it is on disk after some batches, and at the end."""
        rows = news.rows.to_pylist() if news.rows is not None else []
        texts = [json.dumps(row, ensure_ascii=False) for row in rows]
        written = [(key, text, _crc(key, text)) for key, text in zip(news.keys, texts, strict=True)]
        with self._lock:
            self._news += news.plain
            self._added += 1
            self._guarded(lambda: self._insert(written), None)
            if self._added % _SAVE_EVERY == 0:
                self._guarded(self._save, None)

    def _select(self, keys: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
        found: dict[bytes, dict[str, Any]] = {}
        if self._database is None:
            return found
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            query = f"SELECT key, row, crc FROM reading WHERE key IN ({','.join('?' * len(some))})"  # noqa: S608
            for key, text, crc in self._database.execute(query, some):
                if _crc(key, text) != crc:
                    raise ValueError("a reading is not the one that was written")
                found[key] = json.loads(text)
        return found

    def _insert(self, rows: list[tuple[bytes, str, int]]) -> None:
        if self._database and rows:
            self._database.executemany("INSERT OR REPLACE INTO reading VALUES (?, ?, ?)", rows)

    def _save(self) -> None:
        if self._database is None:
            return
        if self._news:
            self._plain = np.union1d(self._plain, _numbers(self._news))
            self._news = []
            data = self._plain.tobytes()
            kept = (1, hashlib.sha256(data).hexdigest(), data)
            self._database.execute("INSERT OR REPLACE INTO plain VALUES (?, ?, ?)", kept)
        self._database.commit()

    def _open(self) -> None:
        """Opens the file, makes its tables, and drops what another version wrote.

        Raises:
            sqlite3.DatabaseError, ValueError: the file is damaged.
            sqlite3.OperationalError, OSError: it cannot be used.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        database = self._database = sqlite3.connect(self.file, timeout=5, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("CREATE TABLE IF NOT EXISTS version (id TEXT)")
        database.execute("CREATE TABLE IF NOT EXISTS plain (id INTEGER PRIMARY KEY, sha256 TEXT, digests BLOB)")
        database.execute(
            "CREATE TABLE IF NOT EXISTS reading (key BLOB PRIMARY KEY, row TEXT, crc INTEGER) WITHOUT ROWID"
        )
        if database.execute("SELECT id FROM version").fetchall() != [(version(),)]:
            for table in ("version", "plain", "reading"):
                database.execute(f"DELETE FROM {table}")  # noqa: S608 (names of our own)
            database.execute("INSERT INTO version VALUES (?)", (version(),))
            database.commit()
            database.execute("VACUUM")
        for digest, data in database.execute("SELECT sha256, digests FROM plain"):
            if hashlib.sha256(data).hexdigest() != digest:
                raise ValueError("its digests are not those that were written")
            self._plain = np.frombuffer(data, np.int64)

    def _guarded(self, work: Callable[[], _T], otherwise: _T) -> _T:
        """Returns what ``work`` does; when the file turns out unusable, says so and goes on without it."""
        try:
            return work()
        except sqlite3.OperationalError as error:
            self._do_without(error)
        except (sqlite3.DatabaseError, ValueError, TypeError, pa.ArrowException) as error:
            self._begin_anew(error)
        return otherwise

    def _begin_anew(self, error: Exception) -> None:
        self._close()
        self.note(f"{self.file}: the cache of tags was damaged ({error}); it is made anew")
        try:
            for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
                self.file.with_name(name).unlink(missing_ok=True)
            self._open()
        except (sqlite3.Error, OSError) as again:
            self._do_without(again)

    def _do_without(self, error: Exception) -> None:
        self._close()
        self.note(f"{self.file}: the cache of tags cannot be used ({error}); going on without it")

    def _close(self) -> None:
        if self._database:
            self._database.close()
        self._database, self._plain, self._news = None, np.array([], np.int64), []


def keys_of(cards: pa.RecordBatch, digests: Sequence[bytes | None]) -> list[bytes]:
    """Returns a key for every card: 16 bytes over model id, text and configuration.

    Args:
        cards: a batch with the columns ``tag.batch.INPUTS``.
        digests: SHA-256 of the texts, None where there is none.
    """
    ids, configs = (cards.column(name).to_pylist() for name in ("model_id", "adapter_config"))
    return [
        hashlib.sha256(json.dumps([model_id, digest.hex() if digest else None, config]).encode("ascii")).digest()[:16]
        for model_id, digest, config in zip(ids, digests, configs, strict=True)
    ]


def version() -> str:
    """Returns a digest of all that decides a reading beside the card: the tagger's version, code and data."""
    from peft_census import tag
    from peft_census.tag.batch import READINGS

    told = hashlib.sha256()
    for part in (tag.TAGGER_VERSION, tag.load_taxonomy().sha256, tag.generators_sha256(), tag.corrections_sha256()):
        told.update(part.encode() + b"\0")
    told.update(str(READINGS).encode())
    for file in sorted(Path(tag.__file__).parent.glob("*.*")):
        told.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return told.hexdigest()


def _crc(key: bytes, text: str) -> int:
    return zlib.crc32(text.encode(), zlib.crc32(key))


def _numbers(digests: Sequence[bytes]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.frombuffer(b"".join([digest[:_BYTES] for digest in digests]), np.int64)
