"""The ledger of a crawl of the Hub: every model listed, and what became of its card.

In: pages of the listing, outcomes of reading. Out: what is still to read, and all models in order of id.
SQLite in WAL mode; each call is one transaction, so a process may be killed anywhere. Holds no card text
(``shards`` does) and no secret. Wall-clock times stay in here: nothing made from the ledger shows them.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft_census.collect.ledger_sql import NOTE, NOTE_CONFIG, SCHEMA, TO_READ, UPSERT
from peft_census.collect.raw_shards import Outcome
from peft_census.errors import SourceError, output_error


@dataclass(frozen=True)
class ListingCursor:
    """One listing under way: its filter, where its next page is, how many pages are in."""

    name: str
    next: str | None
    pages: int
    items: int
    done: bool


class Ledger:
    """The ledger in ``folder``.

    Args:
        folder: the crawl's folder below ``data/raw``; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self._prepare()
        except OSError as error:
            raise output_error(folder, error) from error
        except sqlite3.DatabaseError as error:
            raise SourceError(
                f"{self.path}: cannot be opened ({error})", "remove this folder to crawl from the start."
            ) from error

    def _prepare(self) -> None:
        """Sets the file up; a file that is no ledger is closed again."""
        try:
            self._db.row_factory = sqlite3.Row
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(SCHEMA)
        except sqlite3.DatabaseError:
            self._db.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # ---- crawls and their listings

    def open_crawl(self, oldest: float) -> int:
        """Returns the crawl to go on with; a new one where the last is finished, stale or wants a new listing.

        Args:
            oldest: seconds after which an unfinished crawl's listing is too old to go on with.
        """
        now = time.time()
        with self._transaction() as db:
            last = db.execute("SELECT * FROM crawl ORDER BY id DESC LIMIT 1").fetchone()
            if last and not last["finished"] and not last["relist"] and now - last["started_at"] < oldest:
                return int(last["id"])
            return int(db.execute("INSERT INTO crawl (started_at) VALUES (?)", (now,)).lastrowid or 0)

    def last_crawl(self) -> int:
        """Returns the newest crawl; 0 before the first."""
        return int(self._one("SELECT coalesce(max(id), 0) FROM crawl"))

    def is_listed(self, crawl: int) -> bool:
        """Returns whether the crawl's listing is complete."""
        return bool(self._one("SELECT listed FROM crawl WHERE id = ?", crawl))

    def walk(self, crawl: int, name: str) -> ListingCursor:
        """Returns how far a walk has come; a fresh one where it has not begun."""
        row = self._db.execute("SELECT * FROM walk WHERE crawl = ? AND name = ?", (crawl, name)).fetchone()
        if row is None:
            return ListingCursor(name, None, 0, 0, False)
        return ListingCursor(name, row["next"], row["pages"], row["items"], bool(row["done"]))

    def add_page(
        self, crawl: int, name: str, items: Sequence[dict[str, Any]], malformed: int, following: str | None
    ) -> None:
        """Stores a page's models and the place of the next page, both or neither."""
        with self._transaction() as db:
            db.executemany(UPSERT, [{**item, "crawl": crawl} for item in items])
            db.execute(
                """INSERT INTO walk VALUES (:crawl, :name, :next, 1, :items, :malformed, :done)
                ON CONFLICT (crawl, name) DO UPDATE SET next = :next, pages = pages + 1, items = items + :items,
                malformed = malformed + :malformed, done = :done""",
                {
                    "crawl": crawl,
                    "name": name,
                    "next": following,
                    "items": len(items),
                    "malformed": malformed,
                    "done": following is None,
                },
            )

    def previously_listed(self, crawl: int) -> int:
        """Returns how many models the last complete listing before ``crawl`` had."""
        found = self._one("SELECT summary FROM crawl WHERE id < ? AND listed ORDER BY id DESC LIMIT 1", crawl)
        return int(json.loads(found)["listed"]) if found else 0

    def n_listed(self, crawl: int) -> int:
        """Returns how many models the crawl has listed so far."""
        return int(self._one("SELECT count(*) FROM model WHERE crawl = ?", crawl))

    def close_listing(self, crawl: int, missing: str) -> dict[str, int]:
        """Marks the listing complete, settles what needs no reading, and returns the counts.

        Args:
            crawl: the crawl.
            missing: the reason to give for models that were listed before and are no longer.
        """
        asked = {"crawl": crawl}
        with self._transaction() as db:

            def count(condition: str) -> int:
                return int(db.execute(f"SELECT count(*) FROM model WHERE {condition}", asked).fetchone()[0])  # noqa: S608

            summary = {
                "listed": count("crawl = :crawl"),
                "new": count("crawl = :crawl AND first_crawl = :crawl"),
                "changed": count("crawl = :crawl AND first_crawl < :crawl AND read_sha IS NOT sha"),
                "unchanged": count(f"crawl = :crawl AND NOT ({TO_READ})"),
                "missing": count("crawl < :crawl AND status IS NOT 'gone'"),
            }
            db.execute(
                """UPDATE model SET status = 'gone', reason = :missing, revision = NULL,
                shard = NULL, row = NULL, text_sha256 = NULL
                WHERE crawl < :crawl AND status IS NOT 'gone'""",
                {**asked, "missing": missing},
            )
            db.execute(
                """UPDATE model SET status = 'gone', reason = absent, read_sha = NULL, read_crawl = :crawl,
                revision = NULL, shard = NULL, row = NULL, text_sha256 = NULL
                WHERE crawl = :crawl AND absent IS NOT NULL""",
                asked,
            )
            db.execute(
                f"""UPDATE model SET status = 'no_card', reason = 'no README.md', read_sha = sha, read_gated = gated,
                revision = sha, attempts = 0, shard = NULL, row = NULL, text_sha256 = NULL
                WHERE has_readme = 0 AND sha IS NOT NULL AND {TO_READ}""",  # noqa: S608
                asked,
            )
            db.execute(
                f"""UPDATE model SET status = 'failed', reason = 'the listing names no commit', read_sha = NULL,
                revision = NULL, shard = NULL, row = NULL, text_sha256 = NULL
                WHERE sha IS NULL AND {TO_READ}""",  # noqa: S608
                asked,
            )
            summary["to_read"] = count(f"sha IS NOT NULL AND {TO_READ}")
            db.execute(
                "UPDATE crawl SET listed = 1, summary = :s WHERE id = :crawl", {**asked, "s": json.dumps(summary)}
            )
        return summary

    def summary(self, crawl: int) -> dict[str, int]:
        """Returns the counts of a complete listing: listed, new, changed, unchanged, missing, to_read."""
        return dict(json.loads(self._one("SELECT summary FROM crawl WHERE id = ?", crawl)))

    def finish(self, crawl: int) -> None:
        """Marks the crawl finished: nothing is left to read. The next run lists anew."""
        with self._transaction() as db:
            db.execute("UPDATE crawl SET finished = 1 WHERE id = ?", (crawl,))

    def ask_relisting(self, crawl: int) -> None:
        """Lets the next run list anew, because reading cannot succeed with what was listed."""
        with self._transaction() as db:
            db.execute("UPDATE crawl SET relist = 1 WHERE id = ?", (crawl,))

    # ---- cards

    def to_read(self, crawl: int, after: str, limit: int) -> list[sqlite3.Row]:
        """Returns the next models (id, sha, gated, last_modified) to read, in order of id, beyond ``after``."""
        return self._db.execute(
            f"""SELECT model_id, sha, gated, last_modified FROM model
            WHERE model_id > :after AND sha IS NOT NULL AND {TO_READ} ORDER BY model_id LIMIT :limit""",  # noqa: S608
            {"crawl": crawl, "after": after, "limit": limit},
        ).fetchall()

    def n_to_read(self, crawl: int) -> int:
        """Returns how many listed models are still to read."""
        return int(
            self._db.execute(
                f"SELECT count(*) FROM model WHERE sha IS NOT NULL AND {TO_READ}",  # noqa: S608
                {"crawl": crawl},
            ).fetchone()[0]
        )

    def note(self, crawl: int, kind: str, outcomes: Iterable[Outcome], shard: int | None) -> None:
        """Notes outcomes; those of a shard come in the order of its rows.

        Args:
            crawl: the crawl.
            kind: ``cards`` or ``configs``.
            outcomes: what was read.
            shard: the sealed shard that holds them; None for failures, which are in no shard.
        """
        statement = NOTE if kind == "cards" else NOTE_CONFIG
        with self._transaction() as db:
            if shard is not None:
                db.execute("INSERT OR IGNORE INTO shard VALUES (?, ?)", (kind, shard))
            for row, outcome in enumerate(outcomes):
                sealed = shard is not None and outcome.text is not None
                db.execute(
                    statement,
                    {
                        **vars(outcome),
                        "crawl": crawl,
                        "shard": shard if sealed else None,
                        "row": row if sealed else None,
                        "text_sha256": outcome.text_sha256,
                    },
                )

    def noted_shards(self, kind: str) -> set[int]:
        """Returns the numbers of the shards that the ledger knows."""
        return {int(r[0]) for r in self._db.execute("SELECT number FROM shard WHERE kind = ?", (kind,))}

    def forget_shard(self, kind: str, number: int) -> None:
        """Lets the texts of a shard that is no longer there be read again."""
        table = "model" if kind == "cards" else "config"
        with self._transaction() as db:
            db.execute(f"UPDATE {table} SET read_sha = NULL, status = NULL WHERE shard = ?", (number,))  # noqa: S608
            db.execute("DELETE FROM shard WHERE kind = ? AND number = ?", (kind, number))
            db.execute("UPDATE crawl SET finished = 0 WHERE id = (SELECT max(id) FROM crawl)")

    def known(self, model_id: str) -> sqlite3.Row | None:
        """Returns the row of one model."""
        row: sqlite3.Row | None = self._db.execute("SELECT * FROM model WHERE model_id = ?", (model_id,)).fetchone()
        return row

    def has_config(self, crawl: int) -> Iterator[tuple[str, str]]:
        """Yields id and sha of every listed model whose files include an adapter_config.json."""
        yield from self._db.execute(
            "SELECT model_id, sha FROM model WHERE crawl = ? AND has_config = 1 AND sha IS NOT NULL", (crawl,)
        )

    def config(self, model_id: str) -> sqlite3.Row | None:
        """Returns what is known of one model's adapter_config.json."""
        row: sqlite3.Row | None = self._db.execute("SELECT * FROM config WHERE model_id = ?", (model_id,)).fetchone()
        return row

    # ---- the result

    def counts(self) -> dict[str, int]:
        """Returns how many models have each status."""
        return {str(s): int(n) for s, n in self._db.execute("SELECT status, count(*) FROM model GROUP BY status")}

    def failures(self) -> list[tuple[str, int]]:
        """Returns the reasons of failed models with their numbers, the most frequent first."""
        return [
            (str(r), int(n))
            for r, n in self._db.execute(
                "SELECT reason, count(*) FROM model WHERE status = 'failed' GROUP BY reason ORDER BY 2 DESC, 1"
            )
        ]

    def models(self, crawl: int) -> Iterator[sqlite3.Row]:
        """Yields every model that the crawl listed, in the order of ids."""
        yield from self._db.execute("SELECT * FROM model WHERE crawl = ? ORDER BY model_id", (crawl,))

    # ---- facts about the crawl

    def fact(self, key: str) -> str | None:
        """Returns a stored fact (seed, last dump …)."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def keep_fact(self, key: str, value: str) -> None:
        """Stores a fact."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _one(self, query: str, *values: object) -> Any:
        row = self._db.execute(query, values).fetchone()
        return None if row is None else row[0]
