"""A static site that grows: an index, one folder for each snapshot, the history of the headline, an Atom feed.

In: a snapshot, and the site so far. Out: the site with the snapshot added. ``history.json`` is the state:
all other files at the top are written from it again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

from jinja2 import Environment, PackageLoader, StrictUndefined

from peft_census.errors import OutputError
from peft_census.publish.charts.draw import SUFFIXES, draw_charts
from peft_census.publish.charts.history import NAME, make_chart
from peft_census.publish.charts.spec import ChartSpec
from peft_census.publish.claims.shares import headline_of, make_claims
from peft_census.publish.folder import publish
from peft_census.publish.history import FILES as HISTORY_FILES
from peft_census.publish.history import HistoryRow, history_row, merge_rows, read_history, write_history
from peft_census.publish.report.page import figure
from peft_census.publish.text.numbers import count, day_text, interval, percent
from peft_census.snapshot.files import write_atomically
from peft_census.snapshot.snapshot import Snapshot

SNAPSHOTS, INDEX, FEED = "snapshots", "index.html", "feed.xml"
_ATOM = "http://www.w3.org/2005/Atom"


def add_to_site(snapshot: Snapshot, site: Path, charts: Collection[str] | None = None, address: str = "") -> list[Path]:
    """Adds ``snapshot`` to the site in ``site`` and returns the files at its top.

    Args:
        snapshot: what to add; if the site has it already, it is written again.
        site: the folder; made if missing.
        charts: names of the charts of the snapshot's page; all if None.
        address: where the site is served, for the feed; relative links if empty.

    Raises:
        OutputError: ``site`` has other files and no history, its history cannot be read, or it cannot be written.
    """
    rows = read_history(site / HISTORY_FILES[0])
    if not rows and site.is_dir() and any(site.iterdir()):
        raise OutputError(f"{site} is not a site: it has files but no history.json", "choose a new or empty folder.")
    rows = merge_rows([*rows, history_row(snapshot)])
    publish(snapshot, site / SNAPSHOTS / snapshot.id, charts)
    chart = make_chart(rows, headline_of(make_claims(snapshot)))
    drawn = None
    with TemporaryDirectory() as tmpdir:
        if isinstance(chart, ChartSpec):
            drawn = figure(draw_charts(snapshot, [chart], site, Path(tmpdir))[0])
    write_history(rows, site)
    write_atomically(site / FEED, feed_xml(rows, address))
    write_atomically(site / INDEX, _index(rows, drawn, site))
    names = [*HISTORY_FILES, FEED, *(NAME + suffix for suffix in SUFFIXES if drawn), INDEX]
    return [site / name for name in names]


def feed_xml(rows: Sequence[HistoryRow], address: str = "") -> str:
    """Returns the Atom feed (RFC 4287): one entry for each snapshot, the newest first."""
    base = f"{address.rstrip('/')}/" if address else ""
    feed = ElementTree.Element("feed", xmlns=_ATOM)
    _texts(feed, title="peft_census: which fine-tuning techniques model cards cite", updated=_time(rows[-1]))
    _texts(feed, id=base or "urn:peft-census:history")
    ElementTree.SubElement(feed, "link", rel="self", href=base + FEED)
    _texts(ElementTree.SubElement(feed, "author"), name="The peft_census maintainers")
    for row in reversed(rows):
        entry = ElementTree.SubElement(feed, "entry")
        _texts(entry, title=_finding(row), updated=_time(row), id=f"urn:peft-census:snapshot:{row.snapshot_id}")
        ElementTree.SubElement(entry, "link", href=base + _page(row))
        _texts(entry, summary=_summary(row))
    ElementTree.indent(feed, " ")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(feed, encoding="unicode")}\n'


def _texts(parent: ElementTree.Element, **texts: str) -> None:
    for name, text in texts.items():
        ElementTree.SubElement(parent, name).text = text


def _time(row: HistoryRow) -> str:
    return f"{row.date or '1970-01-01'}T00:00:00Z"


def _page(row: HistoryRow) -> str:
    return f"{SNAPSHOTS}/{row.snapshot_id}/report.html"


def _finding(row: HistoryRow) -> str:
    mark = f"{row.mark}: " if row.mark else ""
    if row.share is None:
        return f"{mark}No card cites exactly one technique"
    return f"{mark}{percent(row.share)} of cards that cite exactly one technique cite {row.technique}"


def _summary(row: HistoryRow) -> str:
    bounds = "" if row.low is None or row.high is None else f", 95% interval {interval(row.low, row.high)}"
    changed = " The counting rules or the tagger changed." if row.rules_changed else ""
    return f"{count(row.numerator)} of {count(row.base)} cards{bounds}. Source: {row.source}.{changed}"


def _index(rows: Sequence[HistoryRow], drawn: dict[str, Any] | None, site: Path) -> str:
    """Returns the index; a snapshot whose folder is missing has no link."""
    environment = Environment(
        loader=PackageLoader("peft_census.publish.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    lines = [
        {
            "day": day_text(row.date) or "not known",
            "finding": _finding(row),
            "summary": _summary(row),
            "id": row.snapshot_id,
            "page": _page(row) if (site / _page(row)).is_file() else "",
        }
        for row in reversed(rows)
    ]
    return environment.get_template("site.html.j2").render(lines=lines, chart=drawn, files=HISTORY_FILES, feed=FEED)
