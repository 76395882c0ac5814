"""The headline's share by month in which the models were created."""

from __future__ import annotations

from typing import Any

from peft_census.count import HEADLINE
from peft_census.count.shares import ENOUGH
from peft_census.publish.charts.bars import percent_tick
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.timeline import GAPS, Month, Scale, draw_timeline, is_month, month_place
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows, technique_name
from peft_census.publish.text.numbers import count, month_text, percent, percent_label, plural
from peft_census.publish.text.wording import interval_text
from peft_census.snapshot.snapshot import Snapshot

NAME = "monthly"
_NOTE = f"Band: 95% interval, clustered by author (sampling error only). {GAPS}"
_SCALE = Scale((0.0, 1.0), percent_tick, percent_label)


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    rows = [
        r
        for r in read_rows(snapshot, NAME)
        if r["technique"] == headline.technique and r["rule"] == HEADLINE.name and is_month(r["month"])
    ]
    if sum(_has_share(r) for r in rows) < 2 or headline.technique is None:
        return Missing(NAME, "Fewer than two months have enough cards for a share over time.")
    claim = _claim(snapshot, headline.technique, rows)
    months = [
        Month(month_place(r["month"]), r["base"], r["share"] if r["enough"] else None, r["low"], r["high"])
        for r in rows
    ]
    return ChartSpec(
        NAME,
        claim,
        list(rows[0]),
        rows,
        lambda wide, palette: draw_timeline(claim, months, _NOTE, _SCALE, wide, palette),
    )


def _has_share(row: dict[str, Any]) -> bool:
    return bool(row["enough"]) and row["share"] is not None


def _claim(snapshot: Snapshot, technique: str, rows: list[dict[str, Any]]) -> Claim:
    valued, name = [r for r in rows if _has_share(r)], technique_name(snapshot, technique)
    first, last = valued[0], valued[-1]
    before, after = percent(first["share"]), percent(last["share"])
    start, end = month_text(first["month"]), month_text(last["month"])
    title = f"{name}'s monthly share: {before} in {start}, {after} in {end}"
    points = [f"{month_text(r['month'])} {percent(r['share'])} of {count(r['base'])}" for r in valued]
    claim = Claim(
        id=NAME,
        population="cards of models with a known month of creation",
        technique=technique,
        name=name,
        numerator=last["numerator"],
        base=last["base"],
        share=last["share"],
        low=last["low"],
        high=last["high"],
        method=last["method"],
        effective_n=last["effective_n"],
        quote=(
            f"Of {count(last['base'])} model cards created in {end} that cite exactly one technique, "
            f"{count(last['numerator'])} ({after}) cite {name}, compared with {before} of {count(first['base'])} in "
            f"{start}; {interval_text(last['low'], last['high'], last['method'], last['effective_n'])}"
        ),
        misquote=f"{name} went from {before} to {after} of models.",
        why_not="The months differ in which models a source lists, and a card may have been edited after its month.",
        caveat=(
            f"{count(len(rows) - len(valued))} of {plural(len(rows), 'month')} have an effective sample size below {ENOUGH} and are "
            "left out."
        ),
        title=title,
        subtitle=(
            f"n = {count(sum(r['base'] for r in rows))} cards that cite exactly one technique, by month of creation. "
            f"Rule {HEADLINE.name}."
        ),
        alt_text=f"Line with an interval, by month. {title}. {'; '.join(points)}. The other months have too few cards.",
    )
    return about_cards(claim, snapshot, HEADLINE)
