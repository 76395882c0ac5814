"""The headline's share by month of creation, and enlarged the shares of the largest other techniques."""

from __future__ import annotations

from typing import Any

from peft_census.count import HEADLINE
from peft_census.count.shares import ENOUGH
from peft_census.publish.charts.lines import Line, Lines, MonthBars, Point, is_month, month_place, years_text
from peft_census.publish.charts.rows import axis_end
from peft_census.publish.charts.spec import ChartSpec, Missing, Panel
from peft_census.publish.charts.wording import carries, who
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows, technique_name
from peft_census.publish.text.numbers import count, interval, month_text, percent, percent_label, plural
from peft_census.snapshot.snapshot import Snapshot

NAME = "monthly"
MOST = 4
"""Other techniques that are drawn."""

_NOTE = (
    "Bands: 95% intervals, clustered by author (sampling error only). Gray: months with an effective sample size below "
    f"{ENOUGH}."
)


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    found = [r for r in read_rows(snapshot, NAME) if r["rule"] == HEADLINE.name and is_month(r["month"])]
    rows = [r for r in found if r["technique"] == headline.technique]
    enough = [r for r in rows if _is_enough(r)]
    if len(enough) < 2 or headline.technique is None:
        return Missing(NAME, "Fewer than two months have enough cards for a share over time.")
    others = _largest(found, headline.technique)
    span = (month_place(rows[0]["month"]), month_place(rows[-1]["month"]))
    name = headline.name or ""
    bars = [(month_place(r["month"]), r["base"], not r["enough"]) for r in rows]
    lead = Line(headline.technique, f"{name} {percent_label(enough[-1]['share'])}", _points(rows), True)
    panels: list[Panel] = [
        Lines(lines=[lead], ends=(0.0, 1.0), span=span, y_title=f"{name}, share of each month's cards")
    ]
    drawn = [Line("others", "All others", [_mirrored(p) for p in lead.points], True)]
    drawn += [Line(r[0]["technique"], technique_name(snapshot, r[0]["technique"]), _bare(r)) for r in others]
    if others:
        end = axis_end([1.05 * p.value for p in drawn[0].points if not p.thin])
        title = "All other techniques and the largest of them, enlarged scale"
        panels.append(Lines(lines=drawn, ends=(0.0, end), span=span, y_title=title, high=1.7))
    panels.append(
        MonthBars(bars=bars, span=span, y_title="Cards of each month", x_title="Month in which the model was created")
    )
    shown = [*rows, *(r for other in others for r in other)]
    return ChartSpec(NAME, _claim(snapshot, headline, rows, enough), list(rows[0]), shown, panels, _NOTE)


def _is_enough(row: dict[str, Any]) -> bool:
    return bool(row["enough"]) and row["share"] is not None


def _largest(rows: list[dict[str, Any]], technique: str) -> list[list[dict[str, Any]]]:
    """Returns the rows of the other techniques with most cards in months that have enough."""
    by: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["technique"] != technique:
            by.setdefault(row["technique"], []).append(row)
    cards = {t: sum(r["numerator"] for r in found if _is_enough(r)) for t, found in by.items()}
    return [by[t] for t in sorted(by, key=lambda t: (-cards[t], t)) if cards[t]][:MOST]


def _points(rows: list[dict[str, Any]]) -> list[Point]:
    return [
        Point(month_place(r["month"]), r["share"], r["low"], r["high"], not r["enough"])
        for r in rows
        if r["share"] is not None
    ]


def _mirrored(point: Point) -> Point:
    """Returns the share of all other techniques in the same month; its interval mirrors that of the headline's."""
    high = None if point.low is None else 1 - point.low
    return Point(point.place, 1 - point.value, None if point.high is None else 1 - point.high, high, point.thin)


def _bare(rows: list[dict[str, Any]]) -> list[Point]:
    """Returns points without intervals, because bands of several lines cannot be told apart."""
    return [Point(p.place, p.value, thin=p.thin) for p in _points(rows)]


def _title(name: str, first: dict[str, Any], last: dict[str, Any], months: list[str]) -> str:
    """Returns the change from the first to the last month, if both are known well and their intervals lie apart."""
    known = all(carries(r["effective_n"], r["low"], r["high"]) for r in (first, last))
    if known and (first["high"] < last["low"] or last["high"] < first["low"]):
        verb = "rose" if last["share"] > first["share"] else "fell"
        return (
            f"{name}'s share {verb} from {percent(first['share'])} ({month_text(first['month'])}) to "
            f"{percent(last['share'])} ({month_text(last['month'])})"
        )
    return f"{name}'s share by month, {years_text(months)}"


def _claim(snapshot: Snapshot, headline: Claim, rows: list[dict[str, Any]], enough: list[dict[str, Any]]) -> Claim:
    first, last, name = enough[0], enough[-1], headline.name or ""
    before, after = percent(first["share"]), percent(last["share"])
    start, end = month_text(first["month"]), month_text(last["month"])
    title = _title(name, first, last, [r["month"] for r in rows])
    points = [f"{month_text(r['month'])} {percent(r['share'])} of {count(r['base'])}" for r in enough]
    claim = Claim(
        id=NAME,
        population="cards of models with a known month of creation",
        technique=headline.technique,
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
            f"{start}; 95% interval {interval(last['low'], last['high'])}, clustered by author"
        ),
        misquote=f"{name} went from {before} to {after} of models.",
        why_not="The months differ in which models a source lists, and a card may have been edited after its month.",
        caveat=(
            f"{count(len(rows) - len(enough))} of {plural(len(rows), 'month')} have an effective sample size below "
            f"{ENOUGH} and are gray."
        ),
        title=title,
        subtitle=who(
            snapshot,
            sum(r["base"] for r in rows),
            "model cards that cite exactly one technique",
            "by month in which the model was created",
            "variants are grouped",
        ),
        alt_text=f"Lines with intervals, by month. {title}. {'; '.join(points)}. The other months have too few cards.",
    )
    return about_cards(claim, snapshot, HEADLINE)
