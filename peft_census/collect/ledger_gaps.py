"""The gaps of a crawl's listings: models that the Hub did not list, or that could not be taken from its listing.

In: gaps as the listing is read. Out: their numbers by reason, and the last crawl that read every listing to its end.
"""

from __future__ import annotations

import json
import sqlite3

from peft_census.collect.ledger_rows import ListingSummary

_UNPROVED = "SELECT crawl FROM gap WHERE NOT item"


class ListingGaps:
    """The table ``gap`` of a ledger."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, crawl: int, place: str, reason: str, n: int, item: bool = False) -> None:
        """Records that models are missing; the same place and reason count once.

        Args:
            crawl: the crawl.
            place: the listing, its page, or the id of a skipped model.
            reason: why, in words that can be counted.
            n: how many models.
            item: whether the listing itself is complete, because only an item of it was skipped.
        """
        self._db.execute("INSERT OR REPLACE INTO gap VALUES (?, ?, ?, ?, ?)", (crawl, place, reason, n, item))

    def by_reason(self, crawl: int) -> dict[str, int]:
        """Returns how many models are missing from the crawl's listings, by reason."""
        query = "SELECT reason, sum(n) FROM gap WHERE crawl = ? GROUP BY reason ORDER BY reason"
        return dict(self._db.execute(query, (crawl,)).fetchall())

    def is_proved(self, crawl: int) -> bool:
        """Returns whether every listing of the crawl was read to its proved end."""
        return self._db.execute(f"{_UNPROVED} AND crawl = ?", (crawl,)).fetchone() is None

    def listed_before(self, crawl: int, name: str) -> int:
        """Returns how many models the listing ``name`` had in the last crawl that is complete; 0 before the first."""
        query = "SELECT items FROM listing WHERE crawl = ? AND name = ?"
        row = self._db.execute(query, (self._last_proved(crawl), name)).fetchone()
        return int(row[0]) if row else 0

    def all_listed_before(self, crawl: int) -> int:
        """Returns how many models all listings of that crawl had together; 0 before the first."""
        row = self._db.execute("SELECT summary FROM crawl WHERE id = ?", (self._last_proved(crawl),)).fetchone()
        return ListingSummary(**json.loads(row[0])).listed if row else 0

    def _last_proved(self, crawl: int) -> int | None:
        """Returns the last crawl before ``crawl`` whose listings are complete; None if there is none."""
        query = f"SELECT max(id) FROM crawl WHERE id < ? AND listed AND id NOT IN ({_UNPROVED})"  # noqa: S608
        number: int | None = self._db.execute(query, (crawl,)).fetchone()[0]
        return number
