"""The ledger of instruments: every answer kept as soon as it is read, so that re-running is resuming.

In: answers of GitHub or Civitai under a key. Out: the same answers, in the same order, after any interruption.
One *campaign* is one set of questions to one endpoint. What it holds is never asked again; once it has grown
old it is left alone and a new one is begun, because readings of two months do not mix.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from peft_census.errors import SourceError, output_error
from peft_census.snapshot.lock import exclusive_lock

_SCHEMA = """
CREATE TABLE IF NOT EXISTS campaign (
  id INTEGER PRIMARY KEY, source TEXT NOT NULL, plan_sha256 TEXT NOT NULL, plan TEXT NOT NULL,
  opened_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answer (
  campaign INTEGER NOT NULL REFERENCES campaign(id), key TEXT NOT NULL,
  asked_at TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (campaign, key));
"""
FRESH_DAYS = 6
"""An older campaign is not reused; a weekly census therefore asks anew each week."""


class Campaign:
    """The answers to one set of questions; see ``open_campaign``."""

    def __init__(self, base: sqlite3.Connection, number: int) -> None:
        self._base = base
        self._number = number

    def get(self, key: str) -> dict[str, Any] | None:
        """Returns what was kept under ``key``, or None."""
        row = self._base.execute(
            "SELECT body FROM answer WHERE campaign = ? AND key = ?", (self._number, key)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, key: str, asked_at: datetime, body: dict[str, Any]) -> None:
        """Keeps ``body`` under ``key``; it is on disk when this returns."""
        with self._base:
            self._base.execute(
                "INSERT INTO answer VALUES (?, ?, ?, ?)",
                (self._number, key, asked_at.isoformat(), json.dumps(body)),
            )

    def bodies(self, prefix: str = "") -> Iterator[tuple[str, datetime, dict[str, Any]]]:
        """Yields ``(key, asked_at, body)`` in the order in which they were kept."""
        rows = self._base.execute(
            "SELECT key, asked_at, body FROM answer WHERE campaign = ? AND substr(key, 1, ?) = ? ORDER BY rowid",
            (self._number, len(prefix), prefix),
        )
        for key, asked_at, body in rows:
            yield key, datetime.fromisoformat(asked_at), json.loads(body)

    def drop(self, key: str) -> None:
        """Forgets one answer, so that it is asked for again."""
        with self._base:
            self._base.execute("DELETE FROM answer WHERE campaign = ? AND key = ?", (self._number, key))


@contextmanager
def open_campaign(ledger: Path, source: str, plan: dict[str, Any], fresh: bool = False) -> Iterator[Campaign]:
    """Gives the campaign for ``plan``: a recent one, under way or finished, else a new one.

    Args:
        ledger: SQLite file; its folder is made.
        source: ``github``, ``github_sample`` or ``civitai``.
        plan: everything that decides which questions are asked, the endpoint included. Never a token.
        fresh: start a new campaign whatever the ledger holds.

    Raises:
        BusyError: another process is collecting with this ledger.
        SourceError: the ledger is damaged.
        OutputError: it cannot be written.
    """
    text = json.dumps(plan, sort_keys=True)
    sha = hashlib.sha256(text.encode()).hexdigest()
    try:
        ledger.parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(ledger.with_suffix(".lock")), closing(sqlite3.connect(ledger)) as base:
            base.execute("PRAGMA journal_mode=WAL")
            base.executescript(_SCHEMA)
            found = None if fresh else _last(base, source, sha)
            if found is None:
                with base:
                    made = base.execute(
                        "INSERT INTO campaign (source, plan_sha256, plan, opened_at) VALUES (?, ?, ?, ?)",
                        (source, sha, text, datetime.now(UTC).isoformat()),
                    )
                found = int(made.lastrowid or 0)
            yield Campaign(base, found)
    except sqlite3.DatabaseError as error:
        raise SourceError(f"{ledger}: the ledger is damaged ({error})", "move it away and run again.") from error
    except OSError as error:
        raise output_error(ledger, error) from error


def _last(base: sqlite3.Connection, source: str, sha: str) -> int | None:
    oldest = (datetime.now(UTC) - timedelta(days=FRESH_DAYS)).isoformat()
    row = base.execute(
        "SELECT max(id) FROM campaign WHERE source = ? AND plan_sha256 = ? AND opened_at > ?", (source, sha, oldest)
    ).fetchone()
    return None if row[0] is None else int(row[0])
