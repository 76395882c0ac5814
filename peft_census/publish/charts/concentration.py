"""The effective number of techniques by month: how far the mentions concentrate on few techniques."""

from __future__ import annotations

from typing import Any

from peft_census.count import parse_rule
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.timeline import GAPS, Month, Scale, draw_timeline, is_month, month_place
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows
from peft_census.publish.text.numbers import count, month_text
from peft_census.snapshot.snapshot import Snapshot

NAME = "concentration"
_RULE = parse_rule("exactly_one/variants_separate")
_NOTE = f"The minimum is 1: all cards cite the same technique. {GAPS}"


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    rows = [r for r in read_rows(snapshot, NAME) if r["rule"] == _RULE.name]
    whole = next((r for r in rows if r["month"] == "all"), None)
    rows = [r for r in rows if is_month(r["month"])]
    valued = [r for r in rows if r["enough"] and r["effective_number"] is not None]
    if whole is None or whole["effective_number"] is None or len(valued) < 2:
        return Missing(NAME, "Fewer than two months have enough cards for an effective number of techniques.")
    claim = _claim(snapshot, whole, valued)
    months = [Month(month_place(r["month"]), r["base"], r["effective_number"] if r["enough"] else None) for r in rows]
    top = max(2.0, 1.08 * max(r["effective_number"] for r in valued))
    scale = Scale((1.0, top), lambda value, _: f"{value:.4g}", lambda value: f"{value:.2f}")
    return ChartSpec(
        NAME,
        claim,
        list(rows[0]),
        rows,
        lambda wide, palette: draw_timeline(claim, months, _NOTE, scale, wide, palette),
    )


def _claim(snapshot: Snapshot, whole: dict[str, Any], valued: list[dict[str, Any]]) -> Claim:
    first, last = valued[0], valued[-1]
    title = (
        f"Diversity: effective number of techniques {_value(first)} in {month_text(first['month'])}, {_value(last)} in "
        f"{month_text(last['month'])}"
    )
    points = [f"{month_text(r['month'])} {_value(r)} of {count(r['techniques'])} cited" for r in valued]
    base, cited = count(whole["base"]), count(whole["techniques"])
    claim = Claim(
        id=NAME,
        population="cards of models with a known month of creation",
        numerator=whole["base"],
        base=whole["base"],
        method="inverse of the sum of squared shares (Hill number of order 2); no interval",
        quote=(
            f"The {base} model cards that cite exactly one technique are as diverse as if they cited {_value(whole)} "
            f"techniques equally often; they cite {cited}"
        ),
        misquote=f"Only {_value(whole)} techniques are in use.",
        why_not="The effective number weights techniques by how often cards cite them. Rare techniques exist as well.",
        caveat="With few cards the number is too small, because rare techniques are missing from the sample.",
        title=title,
        subtitle=(
            f"Effective number of techniques (1 / sum of squared shares), variants separate. All months: "
            f"{_value(whole)} of {cited} cited. n = {base} cards. Rule {_RULE.name}."
        ),
        alt_text=f"Line by month. {title}. {'; '.join(points)}. The other months have too few cards.",
    )
    return about_cards(claim, snapshot, _RULE)


def _value(row: dict[str, Any]) -> str:
    return f"{row['effective_number']:.2f}"
