"""The state of a crawl of the Hub: every model listed, and the outcome of reading its card.

In: pages of the listing, outcomes of reading. Out: what is still to read, and all models in order of id. SQLite in WAL
mode; each call is one transaction, so that a process can be killed at any time. Holds no card text (``file_store``
does) and no secret. The times in here are of no consequence for a snapshot.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any

from peft_census.collect.ledger_files import LedgerFiles
from peft_census.collect.ledger_gaps import ListingGaps
from peft_census.collect.ledger_rows import (
    ADD_DAY,
    ADD_PAGE,
    SCHEMA,
    VERSION,
    ConfigRow,
    FileRequest,
    ListedModel,
    ListingCursor,
    ListingSummary,
    ModelRow,
)
from peft_census.collect.raw_shards import Outcome
from peft_census.errors import SourceError, output_error
from peft_census.snapshot.database import close_sealed, database_error, open_checked, transaction
from peft_census.snapshot.manifest import Retrieval

LEDGER = "ledger.sqlite"
_HINT = "run `peft-census verify --repair`, or remove this folder to crawl from the start."

_TO_READ = """crawl = :crawl AND (status IS NULL OR status = 'failed'
  OR (status = 'gone' AND read_crawl IS NOT :crawl) OR read_sha IS NOT sha
  OR (status = 'gated' AND read_gated IS NOT gated))"""
"""A listed model whose card must be read: new, changed, failed, listed again, or with another gate."""

_WITH_CONFIG = "crawl = :crawl AND has_config = 1 AND sha IS NOT NULL"

_NO_TEXT = "text_sha256 = NULL"

_UPSERT = f"""INSERT INTO model (crawl, first_crawl, {", ".join(ListedModel._fields)})
  VALUES (:crawl, :crawl, {", ".join(":" + c for c in ListedModel._fields)}) ON CONFLICT (model_id)
  DO UPDATE SET crawl = :crawl, {", ".join(f"{c} = excluded.{c}" for c in ListedModel._fields[1:])}"""  # noqa: S608

_RECORD = {
    "cards": """UPDATE model SET status = :status, reason = :reason, read_sha = :sha, read_gated = :gated,
      read_crawl = :crawl, revision = :revision, text_sha256 = :text_sha256,
      attempts = CASE WHEN read_sha IS :sha THEN attempts ELSE 0 END + :attempts WHERE model_id = :model_id""",
    "configs": """INSERT OR REPLACE INTO config
      (model_id, read_sha, status, reason, attempts, text_sha256)
      VALUES (:model_id, :sha, :status, :reason, :attempts, :text_sha256)""",
}

_RESOLVE_WITHOUT_READING = (
    f"""UPDATE model SET status = 'gone', reason = :missing, revision = NULL, {_NO_TEXT}
      WHERE crawl < :crawl AND status IS NOT 'gone'""",  # noqa: S608
    f"""UPDATE model SET status = 'gone', reason = absent, read_sha = NULL, read_crawl = :crawl, revision = NULL,
      {_NO_TEXT} WHERE crawl = :crawl AND absent IS NOT NULL""",  # noqa: S608
    f"""UPDATE model SET status = 'no_card', reason = 'no README.md', read_sha = sha, read_gated = gated,
      revision = sha, attempts = 0, {_NO_TEXT} WHERE has_readme = 0 AND sha IS NOT NULL AND {_TO_READ}""",  # noqa: S608
    f"""UPDATE model SET status = 'failed', reason = 'the listing names no commit', read_sha = NULL,
      revision = NULL, {_NO_TEXT} WHERE sha IS NULL AND {_TO_READ}""",  # noqa: S608
)
"""Models that are no longer listed, do not exist, have no README.md, or no commit: in this order."""

_MODEL = f"SELECT {', '.join(ModelRow._fields)} FROM model"  # noqa: S608
_CONFIG = f"SELECT {', '.join(ConfigRow._fields)} FROM config WHERE model_id = ?"  # noqa: S608


class Ledger:
    """The crawl state in ``folder``.

    Args:
        folder: the crawl's folder below ``data/raw``; created if it is missing.

    Raises:
        OutputError: the folder cannot be written.
        SourceError: the file is damaged, or from another release.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = open_checked(self.path)
            self._prepare()
            self.gaps, self.files = ListingGaps(self._db), LedgerFiles(self._db, _TO_READ)
        except OSError as error:
            raise output_error(folder, error) from error
        except sqlite3.Error as error:
            raise database_error(self.path, error, _HINT) from error

    def _prepare(self) -> None:
        """Creates the tables. Closes a file that is not a ledger of this release."""
        try:
            for pragma in ("synchronous = NORMAL", "cache_size = -65536"):
                self._db.execute(f"PRAGMA {pragma}")
            if not self._one("SELECT count(*) FROM sqlite_master WHERE name = 'model'"):
                self._db.executescript(SCHEMA + f"PRAGMA user_version = {VERSION};")
            elif self._one("PRAGMA user_version") != VERSION:
                raise SourceError(f"{self.path}: written by another release", _HINT)
        except (sqlite3.DatabaseError, SourceError):
            self._db.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        close_sealed(self._db, self.path)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            raise database_error(self.path, error, _HINT) from error

    def _one(self, query: str, *values: object) -> Any:
        """Returns the first column of the first row; None if there is no row."""
        row = self._db.execute(query, values).fetchone()
        return None if row is None else row[0]

    def _count(self, condition: str, crawl: int) -> int:
        query = f"SELECT count(*) FROM model WHERE {condition}"  # noqa: S608
        return int(self._db.execute(query, {"crawl": crawl}).fetchone()[0])

    # ---- crawls and their listings

    def open_crawl(self, oldest: float) -> int:
        """Returns the crawl to resume; a new one if the last is finished, too old, begun by a clock that was ahead, or
        needs a new listing.

        Args:
            oldest: age in seconds up to which an unfinished crawl is resumed.
        """
        now = time.time()
        with transaction(self._db) as db:
            resumable = (
                "id = (SELECT max(id) FROM crawl) AND NOT finished AND NOT relist AND started_at BETWEEN ? AND ?"
            )
            last = self._one(f"SELECT id FROM crawl WHERE {resumable}", now - oldest, now)  # noqa: S608
            return last or int(db.execute("INSERT INTO crawl (started_at) VALUES (?)", (now,)).lastrowid or 0)

    def add_day(self, crawl: int, day: date) -> None:
        """Records that the server answered on ``day``."""
        with transaction(self._db) as db:
            db.execute(ADD_DAY, {"crawl": crawl, "day": day.isoformat()})

    def retrieved(self, crawl: int) -> Retrieval | None:
        """Returns the days on which the server answered; None before its first answer."""
        first, last = self._db.execute("SELECT first_day, last_day FROM crawl WHERE id = ?", (crawl,)).fetchone()
        return Retrieval(date.fromisoformat(first), date.fromisoformat(last)) if first else None

    def last_crawl(self) -> int:
        """Returns the newest crawl; 0 before the first."""
        return int(self._one("SELECT coalesce(max(id), 0) FROM crawl"))

    def is_listed(self, crawl: int) -> bool:
        """Returns whether the crawl's listing is complete."""
        return bool(self._one("SELECT listed FROM crawl WHERE id = ?", crawl))

    def cursor(self, crawl: int, name: str) -> ListingCursor:
        """Returns the progress of a listing; one that has not begun has no pages."""
        query = "SELECT next, pages, items, done FROM listing WHERE crawl = ? AND name = ?"
        row = self._db.execute(query, (crawl, name)).fetchone()
        return ListingCursor(*row) if row else ListingCursor()

    def add_page(self, crawl: int, name: str, models: list[ListedModel], malformed: int, following: str | None) -> None:
        """Stores a page's models and the address of the next page, both or neither."""
        page = {"crawl": crawl, "name": name, "next": following, "done": following is None}
        with transaction(self._db) as db:
            db.executemany(_UPSERT, ({**model._asdict(), "crawl": crawl} for model in models))
            db.execute(ADD_PAGE, {**page, "items": len(models), "malformed": malformed})

    def n_no_longer_listed(self, crawl: int) -> int:
        """Returns how many models were listed by earlier crawls and are not by this one."""
        return self._count("crawl < :crawl AND status IS NOT 'gone'", crawl)

    def n_listed(self, crawl: int) -> int:
        """Returns how many models the crawl has listed so far."""
        return self._count("crawl = :crawl", crawl)

    def close_listing(self, crawl: int, missing: str) -> None:
        """Marks the listing read, and sets the status of models that need no reading.

        Args:
            crawl: the crawl.
            missing: the reason for models that were listed before and are no longer. They stay as they are if the
                listing was not proved to be complete.
        """
        with transaction(self._db) as db:
            before = {
                "listed": self.n_listed(crawl),
                "new": self._count("crawl = :crawl AND first_crawl = :crawl", crawl),
                "changed": self._count("crawl = :crawl AND first_crawl < :crawl AND read_sha IS NOT sha", crawl),
                "unchanged": self._count(f"crawl = :crawl AND NOT ({_TO_READ})", crawl),
                "missing": self.n_no_longer_listed(crawl),
            }
            for statement in _RESOLVE_WITHOUT_READING[0 if self.gaps.is_proved(crawl) else 1 :]:
                db.execute(statement, {"crawl": crawl, "missing": missing})
            summary = ListingSummary(**before, to_read=self.n_to_read(crawl))
            db.execute("UPDATE crawl SET listed = 1, summary = ? WHERE id = ?", (json.dumps(summary._asdict()), crawl))

    def summary(self, crawl: int) -> ListingSummary:
        """Returns the counts of a complete listing."""
        return ListingSummary(**json.loads(self._one("SELECT summary FROM crawl WHERE id = ?", crawl)))

    def finish(self, crawl: int) -> None:
        """Marks the crawl finished: nothing is left to read. The next run lists again."""
        with transaction(self._db) as db:
            db.execute("UPDATE crawl SET finished = 1 WHERE id = ?", (crawl,))

    def ask_relisting(self, crawl: int) -> None:
        """Makes the next run list again, because reading cannot succeed with what was listed."""
        with transaction(self._db) as db:
            db.execute("UPDATE crawl SET relist = 1 WHERE id = ?", (crawl,))

    # ---- files

    def to_read(self, crawl: int, after: str, limit: int) -> list[FileRequest]:
        """Returns the next cards to read, in order of model id, beyond ``after``."""
        query = f"""SELECT model_id, sha, gated FROM model
            WHERE model_id > :after AND sha IS NOT NULL AND {_TO_READ} ORDER BY model_id LIMIT :limit"""  # noqa: S608
        rows = self._db.execute(query, {"crawl": crawl, "after": after, "limit": limit})
        return [FileRequest(*row) for row in rows.fetchall()]

    def n_to_read(self, crawl: int) -> int:
        """Returns how many cards are still to read."""
        return self._count(f"sha IS NOT NULL AND {_TO_READ}", crawl)

    def record(self, crawl: int, kind: str, outcomes: Iterable[Outcome]) -> None:
        """Stores outcomes of reading ``kind``, ``cards`` or ``configs``; their texts are in the store already."""
        with transaction(self._db) as db:
            for outcome in outcomes:
                facts = {"crawl": crawl, "text_sha256": outcome.text_sha256}
                db.execute(_RECORD[kind], {**vars(outcome), **facts})

    def give_up(self, crawl: int, reason: str) -> None:
        """Makes failures of the cards that are still to read; the next run reads them."""
        failed = f"status = 'failed', reason = :reason, read_sha = NULL, revision = NULL, {_NO_TEXT}"
        with transaction(self._db) as db:
            db.execute(
                f"UPDATE model SET {failed} WHERE status IS NOT 'failed' AND {_TO_READ}",  # noqa: S608
                {"crawl": crawl, "reason": reason},
            )

    # ---- models

    def model(self, model_id: str) -> ModelRow | None:
        """Returns one model; None if it was never listed."""
        row = self._db.execute(f"{_MODEL} WHERE model_id = ?", (model_id,)).fetchone()
        return ModelRow(*row) if row else None

    def models(self, crawl: int) -> Iterator[ModelRow]:
        """Yields every model that the crawl listed, in order of id."""
        yield from map(ModelRow._make, self._db.execute(f"{_MODEL} WHERE crawl = ? ORDER BY model_id", (crawl,)))

    def with_config(self, crawl: int) -> Iterator[FileRequest]:
        """Yields the ``adapter_config.json`` of every listed model that has one."""
        query = f"SELECT model_id, sha FROM model WHERE {_WITH_CONFIG}"  # noqa: S608
        for model_id, sha in self._db.execute(query, {"crawl": crawl}):
            yield FileRequest(model_id, sha)

    def n_with_config(self, crawl: int) -> int:
        """Returns how many listed models have an ``adapter_config.json``."""
        return self._count(_WITH_CONFIG, crawl)

    def config(self, model_id: str) -> ConfigRow | None:
        """Returns the outcome for one model's ``adapter_config.json``; None if it was never read."""
        row = self._db.execute(_CONFIG, (model_id,)).fetchone()
        return ConfigRow(*row) if row else None

    def n_failed(self) -> int:
        """Returns how many models have the status ``failed``."""
        return int(self._one("SELECT count(*) FROM model WHERE status = 'failed'"))

    # ---- facts about the crawl

    def fact(self, key: str) -> str | None:
        """Returns a stored fact: the seed of the sample, the dump of a crawl."""
        value: str | None = self._one("SELECT value FROM meta WHERE key = ?", key)
        return value

    def keep_fact(self, key: str, value: str) -> None:
        """Stores a fact."""
        with transaction(self._db) as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
