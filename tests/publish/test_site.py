"""The site grows by one snapshot at a time, and its history, feed and index agree."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
from browser import Opened, running

from peft_census.errors import OutputError
from peft_census.publish.charts.history import make_chart
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.shares import headline_of, make_claims
from peft_census.publish.history import HistoryRow, history_row, merge_rows, read_history
from peft_census.publish.site import add_to_site, feed_xml
from peft_census.snapshot.snapshot import Snapshot

ATOM = "{http://www.w3.org/2005/Atom}"
EVIL = '"><script>alert(1)</script>&'


@pytest.fixture
def at(make_snapshot: Any) -> Callable[..., Snapshot]:
    """Builds a snapshot of a day, tagged by a version of the tagger."""

    def make(day: str, tagger: str = "1", **more: Any) -> Snapshot:
        snapshot: Snapshot = make_snapshot(**more)
        cards = replace(snapshot.manifest.cards, last=day)
        manifest = replace(snapshot.manifest, snapshot_id=f"{day}-x", cards=cards, tagger_version=tagger)
        return replace(snapshot, manifest=manifest)

    return make


def test_a_site_grows_and_a_repeated_snapshot_is_one_row(tmp_path: Path, at: Callable[..., Snapshot]) -> None:
    """Three snapshots in any order give three pages and rows by day; adding one again changes no byte."""
    site = tmp_path / "site"
    for snapshot in (at("2026-01-12"), at("2026-01-05"), at("2026-01-19", tagger="2")):
        files = add_to_site(snapshot, site, ["headline"])
    assert all(file.is_file() for file in files)
    rows = read_history(site / "history.json")
    assert [row.date for row in rows] == ["2026-01-05", "2026-01-12", "2026-01-19"]
    assert [row.rules_changed for row in rows] == [False, False, True]
    assert sorted(p.name for p in (site / "snapshots").iterdir()) == [row.snapshot_id for row in rows]
    assert pq.read_table(site / "history.parquet").column("share").to_pylist() == [row.share for row in rows]
    told = list(csv.DictReader((site / "history.csv").read_text(encoding="utf-8").splitlines()))
    assert [line["snapshot_id"] for line in told] == [row.snapshot_id for row in rows]
    before = {p: p.read_bytes() for p in site.rglob("*") if p.is_file()}
    add_to_site(at("2026-01-19", tagger="2"), site, ["headline"])
    assert {p: p.read_bytes() for p in site.rglob("*") if p.is_file()} == before


def test_the_chart_marks_changed_rules(at: Callable[..., Snapshot]) -> None:
    """One dot with interval for each snapshot of the newest source, the newest first; a change of the rules is named."""
    rows = merge_rows(history_row(at(day, tagger)) for day, tagger in (("2026-01-05", "1"), ("2026-01-12", "2")))
    headline = headline_of(make_claims(at("2026-01-12")))
    chart = make_chart([replace(rows[0], source="another"), *rows], headline)
    assert isinstance(chart, ChartSpec)
    shown = chart.panels[0].rows  # type: ignore[attr-defined]
    assert [row.name for row in shown] == ["12 January 2026 (rules changed)", "5 January 2026"]
    assert shown[0].color != shown[1].color and shown[0].bounds == (rows[1].low, rows[1].high)
    assert "rules changed" in chart.claim.alt_text
    assert isinstance(make_chart(rows[:1], headline), Missing)


def test_the_feed_is_atom(at: Callable[..., Snapshot]) -> None:
    """Feed and entries have what RFC 4287 requires; links are absolute with an address; names are escaped."""
    rows = merge_rows(history_row(at(day, label=EVIL)) for day in ("2026-01-05", "2026-01-12"))
    feed = ElementTree.fromstring(feed_xml(rows, "https://example.org/x/"))
    assert feed.tag == f"{ATOM}feed"
    for element in (feed, *feed.findall(f"{ATOM}entry")):
        assert all(element.findtext(f"{ATOM}{name}") for name in ("title", "id", "updated"))
    assert feed.find(f"{ATOM}author") is not None
    links = [link.get("href", "") for link in feed.iter(f"{ATOM}link")]
    assert len(links) == 3 and all(link.startswith("https://example.org/x/") for link in links)
    assert feed.findtext(f"{ATOM}updated") == "2026-01-12T00:00:00Z"
    assert EVIL in (feed.findtext(f"{ATOM}entry/{ATOM}summary") or "")


def test_a_folder_of_something_else_is_no_site(tmp_path: Path, at: Callable[..., Snapshot]) -> None:
    """Files without a history, and a damaged history, stop it and stay as they are."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match=r"no history\.json"):
        add_to_site(at("2026-01-05"), tmp_path, [])
    for text in ("{", "{}", '[{"day": 1}]'):
        (tmp_path / "history.json").write_text(text)
        with pytest.raises(OutputError, match=r"history\.json"):
            add_to_site(at("2026-01-05"), tmp_path, [])
        assert (tmp_path / "history.json").read_text() == text


def test_a_snapshot_without_a_share_is_a_row(at: Callable[..., Snapshot]) -> None:
    """An empty base has no share and no dot, but a line in index and feed."""
    row = history_row(at("2026-01-05", rows=[]))
    assert row.share is None and json.loads(json.dumps(vars(row)))["base"] == 0
    assert isinstance(row, HistoryRow) and "No card cites exactly one technique" in feed_xml([row])


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_the_index_is_read_in_a_browser(tmp_path: Path, at: Callable[..., Snapshot], screen: str) -> None:
    """axe finds nothing, nothing sticks out or is asked from outside, hostile labels are text, and links lead to pages."""
    for day in ("2026-01-05", "2026-01-12"):
        add_to_site(at(day, label=EVIL), tmp_path / "site", [])
    with running() as browser:
        page = Opened(browser, tmp_path / "site/index.html", screen, "light")
        try:
            assert page.violations() == [] and page.overflow() <= 0
            assert page.complaints == [] and page.asked == []
            assert EVIL in page.page.locator("main").inner_text()
            for link in page.page.locator("main a").all():
                assert (tmp_path / "site" / str(link.get_attribute("href"))).is_file()
        finally:
            page.close()
