"""What a crawl takes from the store of files, and what it refers to there.

In: the path of a store's index. Out: outcomes in the ledger without a request.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peft_census.collect.file_store import Reference

MODEL_TABLES = {"cards": "model", "configs": "config"}
"""Name of a store to the ledger's table that refers to it."""

_TAKE = """UPDATE model SET status = found_status, reason = found_reason, read_sha = sha, read_gated = gated,
    read_crawl = :crawl, revision = found_revision, attempts = 0, text_sha256 = nullif(found_sha256, '')
  FROM (SELECT model_id AS found_id, sha AS found_sha, status AS found_status, reason AS found_reason,
      max(revision) AS found_revision, text_sha256 AS found_sha256
    FROM store.file WHERE revision IS NOT NULL OR NOT :exact GROUP BY model_id, sha)
  WHERE model_id = found_id AND sha = found_sha AND {to_read}"""
"""Of several texts of one commit, SQLite takes the row with the greatest revision: one that was read at the commit."""

_FORGET = """UPDATE {table} SET read_sha = NULL, status = NULL WHERE status = 'text' AND NOT EXISTS (
  SELECT 1 FROM store.file f WHERE f.model_id = {table}.model_id AND f.sha = {table}.read_sha
    AND f.text_sha256 = {table}.text_sha256)"""


class LedgerFiles:
    """The files of a ledger's models."""

    def __init__(self, db: sqlite3.Connection, to_read: str) -> None:
        self._db, self._take = db, _TAKE.format(to_read=to_read)

    @contextmanager
    def _attached(self, index: Path) -> Iterator[None]:
        self._db.execute("ATTACH ? AS store", (str(index),))
        try:
            yield
        finally:
            self._db.execute("DETACH store")

    def forget_lost(self, kind: str, index: Path) -> None:
        """Makes this run read the texts again that the store has lost."""
        with self._attached(index):
            if self._db.execute(_FORGET.format(table=MODEL_TABLES[kind])).rowcount:
                self._db.execute("UPDATE crawl SET finished = 0 WHERE id = (SELECT max(id) FROM crawl)")

    def take_cards(self, crawl: int, index: Path, exact: bool) -> int:
        """Takes the cards that any crawl read at the listed commit, and returns their number.

        Args:
            crawl: the crawl.
            index: of the store of cards.
            exact: leave out the texts of a dump, whose commit is not known.
        """
        with self._attached(index):
            return self._db.execute(self._take, {"crawl": crawl, "exact": exact}).rowcount

    def references(self, kind: str) -> Iterator[Reference]:
        """Yields the rows of the store that the ledger refers to."""
        query = f"""SELECT model_id, read_sha, coalesce(text_sha256, '') FROM {MODEL_TABLES[kind]}
          WHERE status IN ('text', 'no_card') AND read_sha IS NOT NULL"""  # noqa: S608
        yield from self._db.execute(query)
