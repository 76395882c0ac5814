"""Stored answers of GitHub and Civitai: each is written as soon as it is read, so that running again resumes.

In: answers under a key. Out: the same answers in the same order, after any interruption. One *campaign* holds the
answers to one set of questions to one endpoint. A stored answer is not requested again. A campaign older than
``FRESH_DAYS`` is not continued, because readings of different months must not mix.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from peft_census.errors import SourceError, output_error
from peft_census.snapshot.database import close_sealed, database_error, open_checked
from peft_census.snapshot.lock import exclusive_lock
from peft_census.snapshot.records import read_record, to_json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS campaign (
  id INTEGER PRIMARY KEY, source TEXT NOT NULL, plan_sha256 TEXT NOT NULL, plan TEXT NOT NULL,
  opened_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answer (
  campaign INTEGER NOT NULL REFERENCES campaign(id), key TEXT NOT NULL,
  asked_at TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (campaign, key));
"""
FRESH_DAYS = 6
"""An older campaign is not continued; a weekly census therefore asks again each week."""
_HINT = "run `peft-census verify --repair`, then run this again."
Body = TypeVar("Body")


class Campaign:
    """The stored answers to one set of questions; see ``open_campaign``."""

    def __init__(self, base: sqlite3.Connection, number: int, store: Path) -> None:
        self._base, self._number, self._store = base, number, store

    def get(self, key: str, kind: type[Body]) -> Body | None:
        """Returns the answer under ``key`` as a ``kind`` (a record); None if there is none."""
        row = self._base.execute(
            "SELECT body FROM answer WHERE campaign = ? AND key = ?", (self._number, key)
        ).fetchone()
        return self._read(row[0], key, kind) if row else None

    def put(self, key: str, asked_at: datetime, body: object) -> None:
        """Stores ``body`` (a record) under ``key``; it is on disk when this returns."""
        self._base.execute(
            "INSERT INTO answer VALUES (?, ?, ?, ?)",
            (self._number, key, asked_at.isoformat(), json.dumps(to_json(body))),
        )

    def answers(self, prefix: str, kind: type[Body]) -> Iterator[tuple[str, datetime, Body]]:
        """Yields ``(key, asked_at, body)`` in the order in which they were stored."""
        rows = self._base.execute(
            "SELECT key, asked_at, body FROM answer WHERE campaign = ? AND substr(key, 1, ?) = ? ORDER BY rowid",
            (self._number, len(prefix), prefix),
        )
        for key, asked_at, body in rows:
            yield key, datetime.fromisoformat(asked_at), self._read(body, key, kind)

    def times(self, prefix: str = "") -> list[datetime]:
        """Returns when each answer was requested."""
        rows = self._base.execute(
            "SELECT asked_at FROM answer WHERE campaign = ? AND substr(key, 1, ?) = ?",
            (self._number, len(prefix), prefix),
        )
        return [datetime.fromisoformat(asked_at) for (asked_at,) in rows]

    def drop(self, key: str) -> None:
        """Removes one answer, so that it is requested again."""
        self._base.execute("DELETE FROM answer WHERE campaign = ? AND key = ?", (self._number, key))

    def earlier(self, prefix: str) -> Campaign | None:
        """Returns the last campaign before this one with the same questions and an answer under ``prefix``."""
        row = self._base.execute(
            "SELECT max(a.id) FROM campaign a JOIN campaign b ON b.id = ? AND a.id < b.id AND a.source = b.source "
            "AND a.plan_sha256 = b.plan_sha256 JOIN answer ON campaign = a.id AND substr(key, 1, ?) = ?",
            (self._number, len(prefix), prefix),
        ).fetchone()
        return None if row[0] is None else Campaign(self._base, int(row[0]), self._store)

    def _read(self, body: str, key: str, kind: type[Body]) -> Body:
        return read_record(kind, json.loads(body), f"{self._store}, answer {key}", SourceError, _HINT)


@contextmanager
def open_campaign(store: Path, source: str, plan: dict[str, Any], fresh: bool = False) -> Iterator[Campaign]:
    """Gives the campaign for ``plan``: a recent one, finished or not, else a new one.

    Args:
        store: SQLite file; its folder is made.
        source: ``github``, ``github_sample`` or ``civitai``.
        plan: everything that decides which questions are asked, the endpoint included. Never a token.
        fresh: start a new campaign even if there is a recent one.

    Raises:
        BusyError: another process is collecting with this store.
        SourceError: the store is damaged.
        OutputError: it cannot be written.
    """
    text = json.dumps(plan, sort_keys=True)
    sha = hashlib.sha256(text.encode()).hexdigest()
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(store.with_suffix(".lock")):
            base = open_checked(store)
            try:
                base.executescript(_SCHEMA)
                number = None if fresh else _last(base, source, sha)
                if number is None:
                    inserted = base.execute(
                        "INSERT INTO campaign (source, plan_sha256, plan, opened_at) VALUES (?, ?, ?, ?)",
                        (source, sha, text, datetime.now(UTC).isoformat()),
                    )
                    number = int(inserted.lastrowid or 0)
                yield Campaign(base, number, store)
            finally:
                close_sealed(base, store)
    except sqlite3.Error as error:
        raise database_error(store, error, _HINT) from error
    except OSError as error:
        raise output_error(store, error) from error


def _last(base: sqlite3.Connection, source: str, sha: str) -> int | None:
    """Returns the newest recent campaign; one that a clock which was ahead has opened in the future is not recent."""
    now = datetime.now(UTC)
    row = base.execute(
        "SELECT max(id) FROM campaign WHERE source = ? AND plan_sha256 = ? AND opened_at > ? AND opened_at <= ?",
        (source, sha, (now - timedelta(days=FRESH_DAYS)).isoformat(), now.isoformat()),
    ).fetchone()
    return None if row[0] is None else int(row[0])
