"""Stored answers of the instruments."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from peft_census.collect.ledger import Ledger
from peft_census.collect.response_store import FRESH_DAYS, open_campaign
from peft_census.errors import BusyError, OutputError, SourceError
from peft_census.snapshot.database import digest_file
from peft_census.snapshot.records import record

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PLAN = {"endpoint": "https://api.github.com"}


@record
class Body:
    """An answer as it is stored."""

    n: int


def test_answers_come_back_in_order(tmp_path: Path) -> None:
    """Stored answers are there after reopening, in the order of storing."""
    store = tmp_path / "raw" / "l.sqlite"
    with open_campaign(store, "github", PLAN) as campaign:
        campaign.put("b", NOW, Body(1))
        campaign.put("a", NOW, Body(2))
    with open_campaign(store, "github", PLAN) as campaign:
        assert list(campaign.answers("", Body)) == [("b", NOW, Body(1)), ("a", NOW, Body(2))]
        assert list(campaign.answers("a", Body)) == [("a", NOW, Body(2))]
        assert campaign.get("a", Body) == Body(2)
        assert campaign.get("c", Body) is None
        campaign.drop("b")
        assert [k for k, _, _ in campaign.answers("", Body)] == ["a"]
        assert campaign.times() == [NOW]


def test_an_answer_of_another_release_is_named(tmp_path: Path) -> None:
    """An answer that this release did not store is an error that names file and key."""
    with open_campaign(tmp_path / "l.sqlite", "github", PLAN) as campaign:
        campaign.put("a", NOW, {"m": 1})
        with pytest.raises(SourceError, match=r"l\.sqlite, answer a"):
            campaign.get("a", Body)


def test_another_plan_is_another_campaign(tmp_path: Path) -> None:
    """Answers of a replica are never used for the real site, nor those of one source for another."""
    store = tmp_path / "l.sqlite"
    with open_campaign(store, "github", PLAN) as campaign:
        campaign.put("a", NOW, Body(1))
    for source, plan in (("github", {"endpoint": "http://127.0.0.1:1"}), ("civitai", PLAN)):
        with open_campaign(store, source, plan) as campaign:
            assert campaign.get("a", Body) is None


def test_old_and_unwanted_campaigns_are_not_reused(tmp_path: Path) -> None:
    """A new campaign is opened if the last is older than some days, or if the caller asks for it."""
    store = tmp_path / "l.sqlite"
    with open_campaign(store, "github", PLAN) as campaign:
        campaign.put("a", NOW, Body(1))
    with open_campaign(store, "github", PLAN, fresh=True) as campaign:
        assert campaign.get("a", Body) is None
        campaign.put("a", NOW, Body(1))
    for days in (-FRESH_DAYS - 1, 400):  # also one that a clock which was ahead has opened
        opened = (datetime.now(UTC) + timedelta(days=days)).isoformat()
        with sqlite3.connect(store) as base:
            base.execute("UPDATE campaign SET opened_at = ?", (opened,))
        base.close()
        digest_file(store).unlink()
        with open_campaign(store, "github", PLAN) as campaign:
            assert campaign.get("a", Body) is None
            campaign.put("a", NOW, Body(1))


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    """A second run with the same store is an error."""
    store = tmp_path / "l.sqlite"
    with (
        open_campaign(store, "github", PLAN),
        pytest.raises(BusyError, match="another census"),
        open_campaign(store, "github", PLAN),
    ):
        pass


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    """A file that is not a store is an error that names it."""
    store = tmp_path / "l.sqlite"
    store.write_bytes(b"not a database, but long enough to be read as one" * 20)
    with pytest.raises(SourceError, match="damaged"), open_campaign(store, "github", PLAN):
        pass


def test_a_full_disk_is_not_called_damage(tmp_path: Path) -> None:
    """SQLite reports it as a fault of the database; the error says what it is."""
    with (
        pytest.raises(OutputError, match=r"no space left while writing .*l\.sqlite"),
        open_campaign(tmp_path / "l.sqlite", "github", PLAN) as campaign,
    ):
        campaign._base.execute("PRAGMA max_page_count = 1")
        campaign.put("a", NOW, {"text": "x" * 100_000})
    with pytest.raises(OutputError, match=r"no space left while writing .*ledger\.sqlite"), Ledger(tmp_path) as ledger:
        ledger._db.execute("PRAGMA max_page_count = 1")
        ledger.keep_fact("a", "x" * 100_000)
