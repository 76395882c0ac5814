"""The headline of every snapshot of one source, as dots with intervals, with changes of the rules marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from peft_census.publish.charts.rows import Row, Rows, axis_start
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.wording import INTERVALS
from peft_census.publish.claims.claim import Claim
from peft_census.publish.history import HistoryRow
from peft_census.publish.text.numbers import count, day_text, interval, percent, percent_label

NAME = "history-chart"
MOST = 52
"""Snapshots that are drawn, the newest first: a year of weeks."""

_NOTE = f"{INTERVALS} A share after a change of the rules is not comparable with those before it."
_KEY = (("lora", "same rules as the snapshot before"), ("second", "rules changed"))


def make_chart(rows: Sequence[HistoryRow], headline: Claim) -> ChartSpec | Missing:
    """Returns the chart of the snapshots of the newest row's source, or why there is none.

    Args:
        rows: merged, by day.
        headline: of the newest snapshot; gives technique, source line and marks.
    """
    same = [row for row in rows if row.share is not None and row.source == rows[-1].source][-MOST:]
    if len(same) < 2:
        return Missing(NAME, "There is one snapshot of this source so far.")
    shown = [_row(row) for row in reversed(same)]
    start = axis_start([row.low or 0.0 for row in same])
    name = headline.name or "the technique"
    panel = Rows(rows=shown, ends=(start, 1.0), dots=True, x_title=f"{name}'s share of the cards")
    lines = [f"{_name(row)}: {percent(row.share or 0)} ({interval(row.low or 0, row.high or 0)})" for row in same]
    title = f"{name}'s share in each snapshot"
    claim = replace(
        headline,
        id=NAME,
        kind="finding",
        title=title,
        sentence=title,
        subtitle=f"Cards that cite exactly one technique, in {count(len(same))} snapshots of {same[-1].source}, newest first.",
        alt_text=f"Dots with intervals. {title}. {'; '.join(lines)}. {headline.source_line}.",
        data=f"{NAME}.csv",
    )
    records = [asdict(row) for row in same]
    return ChartSpec(NAME, claim, list(records[0]), records, [panel], _NOTE, _KEY)


def _name(row: HistoryRow) -> str:
    return day_text(row.date) + (" (rules changed)" if row.rules_changed else "")


def _row(row: HistoryRow) -> Row:
    values = (percent_label(row.share or 0.0), count(row.base))
    bounds = (row.low, row.high) if row.low is not None and row.high is not None else None
    return Row(_name(row), row.share, bounds, values, "second" if row.rules_changed else "lora", row.rules_changed)
