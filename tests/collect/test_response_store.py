"""The ledger of instruments."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from peft_census.collect.response_store import FRESH_DAYS, open_campaign
from peft_census.errors import BusyError, SourceError

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PLAN = {"endpoint": "https://api.github.com"}


def test_answers_come_back_in_order(tmp_path: Path) -> None:
    """What was kept is there after reopening, in the order of keeping."""
    ledger = tmp_path / "raw" / "l.sqlite"
    with open_campaign(ledger, "github", PLAN) as campaign:
        campaign.put("b", NOW, {"n": 1})
        campaign.put("a", NOW, {"n": 2})
    with open_campaign(ledger, "github", PLAN) as campaign:
        assert [(k, b["n"]) for k, _, b in campaign.bodies()] == [("b", 1), ("a", 2)]
        assert campaign.get("a") == {"n": 2}
        assert campaign.get("c") is None
        campaign.drop("b")
        assert [k for k, _, _ in campaign.bodies()] == ["a"]


def test_another_plan_is_another_campaign(tmp_path: Path) -> None:
    """Answers of a replica never serve a run against the real site, nor one source another."""
    ledger = tmp_path / "l.sqlite"
    with open_campaign(ledger, "github", PLAN) as campaign:
        campaign.put("a", NOW, {})
    for source, plan in (("github", {"endpoint": "http://127.0.0.1:1"}), ("civitai", PLAN)):
        with open_campaign(ledger, source, plan) as campaign:
            assert campaign.get("a") is None


def test_old_and_unwanted_campaigns_are_not_reused(tmp_path: Path) -> None:
    """A campaign older than some days, or one the caller does not want, is left and a new one begun."""
    ledger = tmp_path / "l.sqlite"
    with open_campaign(ledger, "github", PLAN) as campaign:
        campaign.put("a", NOW, {})
    with open_campaign(ledger, "github", PLAN, fresh=True) as campaign:
        assert campaign.get("a") is None
        campaign.put("a", NOW, {})
    old = (datetime.now(UTC) - timedelta(days=FRESH_DAYS + 1)).isoformat()
    with sqlite3.connect(ledger) as base:
        base.execute("UPDATE campaign SET opened_at = ?", (old,))
    base.close()
    with open_campaign(ledger, "github", PLAN) as campaign:
        assert campaign.get("a") is None


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    """A second run on the same ledger stops with a clear line."""
    ledger = tmp_path / "l.sqlite"
    with (
        open_campaign(ledger, "github", PLAN),
        pytest.raises(BusyError, match="another census"),
        open_campaign(ledger, "github", PLAN),
    ):
        pass


def test_a_damaged_ledger_is_named(tmp_path: Path) -> None:
    """A file that is no ledger gives one clear line with its name."""
    ledger = tmp_path / "l.sqlite"
    ledger.write_bytes(b"not a database, but long enough to be read as one" * 20)
    with pytest.raises(SourceError, match="damaged"), open_campaign(ledger, "github", PLAN):
        pass
