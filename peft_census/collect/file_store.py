"""The store of a file that all sources of the Hub read (``README.md``, ``adapter_config.json``): one per endpoint.

In: outcomes of reading the file at a commit. Out: texts, by model, commit and hash, whichever crawl read them. Texts
are in raw shards; an index in SQLite holds the shard and row of each. The index holds nothing that the shards do not: a
lost one is made again. Only the process that has the lock of the endpoint writes; others may read at the same time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from peft_census.collect.raw_shards import Outcome, Shards
from peft_census.errors import SourceError, output_error
from peft_census.snapshot.database import close_sealed, database_error, open_checked, transaction

INDEX = "index.sqlite"
_VERSION = 1
_HINT = "run `peft-census verify --repair`, or remove this file: the next run makes it again from the raw shards."
_MOST_ROWS, _MOST_BYTES = 50_000, 64_000_000
"""Size of a shard that a compaction writes."""

_SCHEMA = f"""
CREATE TABLE file (
  model_id TEXT NOT NULL, sha TEXT NOT NULL, text_sha256 TEXT NOT NULL, status TEXT NOT NULL, reason TEXT,
  revision TEXT, shard INTEGER NOT NULL, row INTEGER NOT NULL,
  PRIMARY KEY (model_id, sha, text_sha256)) WITHOUT ROWID;
CREATE INDEX by_shard ON file (shard);
CREATE TABLE shard (number INTEGER PRIMARY KEY, replaced INTEGER NOT NULL DEFAULT 0);
PRAGMA user_version = {_VERSION};
"""
_ADD = """INSERT INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (model_id, sha, text_sha256)
  DO UPDATE SET revision = coalesce(revision, excluded.revision)"""
"""A text that a dump supplied has no revision until a crawl reads the same text at the commit."""
_ROWS_AND_LIVE = """SELECT number, count(f.model_id), count(l.model_id) FROM shard
  LEFT JOIN file f ON f.shard = number
  LEFT JOIN live l ON l.model_id = f.model_id AND l.sha = f.sha AND l.text_sha256 = f.text_sha256
  WHERE NOT replaced GROUP BY number"""
_LIVE_OF_OLD = """SELECT f.model_id, f.sha, f.status, f.reason, f.revision, f.shard, f.row FROM file f
  JOIN live l ON l.model_id = f.model_id AND l.sha = f.sha AND l.text_sha256 = f.text_sha256
  WHERE f.shard IN (SELECT number FROM old) ORDER BY f.model_id"""

Reference = tuple[str, str, str]
"""Model, commit and SHA-256 of the text (empty without text) of a row that a crawl state refers to."""


class FileStore:
    """The store in ``folder``.

    Args:
        folder: created if it is missing.

    Raises:
        OutputError: the folder cannot be written.
        SourceError: the index is damaged, or from another release.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / INDEX
        self._shards = Shards(folder)
        try:
            self._db = open_checked(self.path)
            if not self._db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'file'").fetchone()[0]:
                self._db.executescript(_SCHEMA)
            elif self._db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                self._db.close()
                raise SourceError(f"{self.path}: written by another release", _HINT)
        except OSError as error:
            raise output_error(folder, error) from error
        except sqlite3.Error as error:
            raise database_error(self.path, error, _HINT) from error

    def __enter__(self) -> FileStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        close_sealed(self._db, self.path)
        if isinstance(error, sqlite3.Error):
            raise database_error(self.path, error, _HINT) from error

    def reconcile(self) -> None:
        """Makes the index agree with the shards: after a killed run, the removal of a file, or a compaction."""
        replaced = {int(n) for (n,) in self._db.execute("SELECT number FROM shard WHERE replaced")}
        self._shards.remove(replaced)
        existing = set(self._shards.numbers())
        recorded = {int(n) for (n,) in self._db.execute("SELECT number FROM shard")}
        for number in sorted(recorded - existing):
            self.forget(number)
        for number in sorted(existing - recorded):
            self._record(number, self._shards.outcomes(number))

    def forget(self, number: int) -> None:
        """Removes a shard from the index, so that the crawls that refer to its texts read them again."""
        with transaction(self._db) as db:
            db.execute("DELETE FROM file WHERE shard = ?", (number,))
            db.execute("DELETE FROM shard WHERE number = ?", (number,))

    def write(self, outcomes: list[Outcome]) -> None:
        """Stores outcomes in a new shard."""
        self._record(*self._shards.write(outcomes))

    def _record(self, number: int, ordered: list[Outcome]) -> None:
        with transaction(self._db) as db:
            db.execute("INSERT INTO shard (number) VALUES (?)", (number,))
            db.executemany(_ADD, [(*_key(o), o.status, o.reason, o.revision, number, i) for i, o in enumerate(ordered)])

    def text(self, model_id: str, sha: str | None, text_sha256: str | None) -> str | None:
        """Returns a text; None if the store has no such text. Fast in the order of model ids."""
        query = "SELECT shard, row FROM file WHERE model_id = ? AND sha = ? AND text_sha256 = ?"
        place = self._db.execute(query, (model_id, sha, text_sha256)).fetchone()
        return None if place is None else self._shards.text(place)

    def find(self, model_id: str, sha: str) -> Outcome | None:
        """Returns the outcome of reading the file at a commit; None if no crawl read it."""
        query = """SELECT status, reason, revision, shard, row FROM file
          WHERE model_id = ? AND sha = ? AND revision IS NOT NULL"""
        found = self._db.execute(query, (model_id, sha)).fetchone()
        if found is None:
            return None
        status, reason, revision, *place = found
        return Outcome(model_id, sha, status, reason, revision, text=self._shards.text((place[0], place[1])))

    def bytes(self) -> int:
        """Returns the size of all shards."""
        return self._shards.bytes()

    def compact(self, references: Iterable[Reference]) -> int:
        """Replaces the shards of which at most half the rows are referred to, and returns their number.

        The rows that are left are written to new shards. A killed compaction leaves each row in its old shard, its new
        one, or both. The next run deletes the old files, so that a process that reads at the moment still finds them.
        """
        with transaction(self._db) as db:
            db.execute("CREATE TEMP TABLE live (model_id, sha, text_sha256, PRIMARY KEY (model_id, sha, text_sha256))")
            db.execute("CREATE TEMP TABLE old (number INTEGER PRIMARY KEY)")
            db.executemany("INSERT OR IGNORE INTO live VALUES (?, ?, ?)", references)
            old = [n for n, rows, live in db.execute(_ROWS_AND_LIVE).fetchall() if 2 * live <= rows]
            db.executemany("INSERT INTO old VALUES (?)", ((n,) for n in old))
            db.execute(f"CREATE TEMP TABLE moving AS {_LIVE_OF_OLD}")
        chunk: list[Outcome] = []
        size = 0
        for model_id, sha, status, reason, revision, *place in self._db.execute("SELECT * FROM moving ORDER BY rowid"):
            text = self._shards.text((place[0], place[1]))
            chunk.append(Outcome(model_id, sha, status, reason, revision, text=text))
            size += len(chunk[-1].text or "")
            if len(chunk) >= _MOST_ROWS or size >= _MOST_BYTES:
                self._move(chunk)
                chunk, size = [], 0
        self._move(chunk)
        with transaction(self._db) as db:
            db.execute("DELETE FROM file WHERE shard IN (SELECT number FROM old)")
            db.execute("UPDATE shard SET replaced = 1 WHERE number IN (SELECT number FROM old)")
            for temporary in ("live", "old", "moving"):
                db.execute(f"DROP TABLE {temporary}")
        return len(old)

    def _move(self, outcomes: list[Outcome]) -> None:
        """Writes rows to a new shard and makes the index refer to it."""
        if outcomes:
            number, ordered = self._shards.write(outcomes)
            move = "UPDATE file SET shard = ?, row = ? WHERE model_id = ? AND sha = ? AND text_sha256 = ?"
            with transaction(self._db) as db:
                db.execute("INSERT INTO shard (number) VALUES (?)", (number,))
                db.executemany(move, [(number, i, *_key(o)) for i, o in enumerate(ordered)])


def _key(outcome: Outcome) -> Reference:
    return outcome.model_id, outcome.sha, outcome.text_sha256 or ""
