"""The effective number of techniques by month: how far the mentions concentrate on few techniques."""

from __future__ import annotations

from typing import Any

from peft_census.count import parse_rule
from peft_census.count.shares import ENOUGH
from peft_census.publish.charts.lines import Line, Lines, MonthBars, Point, is_month, month_place, years_text
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.wording import who
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows
from peft_census.publish.text.numbers import count, month_text
from peft_census.snapshot.snapshot import Snapshot

NAME = "concentration"
_RULE = parse_rule("exactly_one/variants_separate")
_NOTE = (
    f"1: all cards cite the same technique. Gray: months with fewer than {ENOUGH} cards, for which it is not computed."
)


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    rows = [r for r in read_rows(snapshot, NAME) if r["rule"] == _RULE.name]
    whole = next((r for r in rows if r["month"] == "all"), None)
    rows = [r for r in rows if is_month(r["month"])]
    valued = [r for r in rows if r["enough"] and r["effective_number"] is not None]
    if whole is None or whole["effective_number"] is None or len(valued) < 2:
        return Missing(NAME, "Fewer than two months have enough cards for an effective number of techniques.")
    points = [Point(month_place(r["month"]), r["effective_number"]) for r in valued]
    top = max(2.0, 1.08 * max(p.value for p in points))
    span = (month_place(rows[0]["month"]), month_place(rows[-1]["month"]))
    line = Line("lora", _value(valued[-1]), points, True)
    bars = [(month_place(r["month"]), r["base"], not r["enough"]) for r in rows]
    panels = [
        Lines(
            lines=[line],
            ends=(1.0, top),
            span=span,
            tick=lambda v: f"{v:.3g}",
            y_title="Effective number of techniques",
        ),
        MonthBars(bars=bars, span=span, y_title="Cards of each month", x_title="Month in which the model was created"),
    ]
    return ChartSpec(NAME, _claim(snapshot, whole, valued), list(rows[0]), rows, panels, _NOTE)


def _claim(snapshot: Snapshot, whole: dict[str, Any], valued: list[dict[str, Any]]) -> Claim:
    title = f"How many techniques share the mentions, by month, {years_text([r['month'] for r in valued])}"
    points = [f"{month_text(r['month'])} {_value(r)} of {count(r['techniques'])} cited" for r in valued]
    base, cited = count(whole["base"]), count(whole["techniques"])
    claim = Claim(
        id=NAME,
        population="cards of models with a known month of creation",
        numerator=whole["base"],
        base=whole["base"],
        method="inverse of the sum of squared shares (Hill number of order 2); no interval",
        quote=(
            f"The {base} model cards that cite exactly one technique are as diverse as if {_value(whole)} techniques "
            f"were cited equally often; they cite {cited}"
        ),
        misquote=f"Only {_value(whole)} techniques are in use.",
        why_not="The effective number weights techniques by how often cards cite them. Rare techniques exist as well.",
        caveat="With few cards the number is too small, because rare techniques are missing from the sample.",
        title=title,
        subtitle=who(
            snapshot,
            whole["base"],
            "model cards that cite exactly one technique",
            "variants are separate",
            f"all months: {_value(whole)} effective of {cited} cited techniques (1 / sum of squared shares)",
        ),
        alt_text=f"Line by month. {title}. {'; '.join(points)}. The other months have too few cards.",
    )
    return about_cards(claim, snapshot, _RULE)


def _value(row: dict[str, Any]) -> str:
    return f"{row['effective_number']:.2f}"
