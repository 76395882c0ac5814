"""Cards that cite each technique, summed by months since its paper and since its first PEFT release.

The oldest technique has had the longest time to be cited. Curves aligned by age show whether it is ahead of the others
at the same age.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peft_census.count import parse_rule
from peft_census.publish.charts.lines import Line, Lines, Point
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.wording import who
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows, technique_name
from peft_census.publish.text.numbers import count, plural
from peft_census.snapshot.snapshot import Snapshot

NAME = "adoption"
MOST = 6
"""Curves in one panel."""

_RULE = parse_rule("any/variants_separate")
_HEADS = {"paper": "Since the technique's paper", "release": "Since its first release in PEFT"}
_NOTE = "A card counts for every technique it cites, variants separate. Cards older than the paper count from month 0: they were edited later."


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the curves, or why there are none."""
    rows = [row for row in read_rows(snapshot, NAME) if row["period"] == "complete"]
    panels = {a: lines for a in _HEADS if (lines := _lines(snapshot, rows, a, headline.technique))}
    if "paper" not in panels:
        return Missing(NAME, "No card with a known month cites a technique with a known paper, so there is no age.")
    drawn = {line.technique for lines in panels.values() for line in lines}
    kept = [row for row in rows if row["technique"] in drawn]
    layout = [
        Lines(
            head=_HEADS[anchor],
            lines=lines,
            ends=(0.8, max(10.0, 1.3 * max(line.points[-1].value for line in lines))),
            span=(0, max(line.points[-1].place for line in lines)),
            months=False,
            logarithmic=True,
            tick=lambda v: count(round(v)),
            y_title="Cards so far, logarithmic scale",
            x_title="Months",
        )
        for anchor, lines in panels.items()
    ]
    return ChartSpec(NAME, _claim(snapshot, panels), list(kept[0]), kept, layout, _NOTE)


def _lines(snapshot: Snapshot, rows: Sequence[dict[str, Any]], anchor: str, lead: str | None) -> list[Line]:
    """Returns the curves of one panel, most cards first: the headline's technique and the largest others."""
    points: dict[str, list[Point]] = {}
    for row in rows:
        if row["anchor"] == anchor and row["cumulative"] > 0:
            ages = points.setdefault(row["technique"], [])
            if row["age"] <= 0:
                ages.clear()
            ages.append(Point(max(0, row["age"]), row["cumulative"]))
    kept = sorted(points, key=lambda t: (t != lead, -points[t][-1].value, t))[:MOST]
    kept.sort(key=lambda t: (-points[t][-1].value, t))
    return [Line(t, f"{technique_name(snapshot, t)} {count(points[t][-1].value)}", points[t], t == lead) for t in kept]


def _claim(snapshot: Snapshot, panels: dict[str, list[Line]]) -> Claim:
    lines = [
        f"{_HEADS[anchor]}: "
        + ", ".join(
            f"{line.label.rpartition(' ')[0]} {plural(line.points[-1].value, 'card')} at {plural(line.points[-1].place, 'month')}"
            for line in drawn
        )
        for anchor, drawn in panels.items()
    ]
    first = panels["paper"][0]
    title = "Cards that cite each technique, by its age"
    cards = first.points[-1].value
    claim = Claim(
        id=NAME,
        population="cards of models with a known month of creation",
        technique=first.technique,
        name=technique_name(snapshot, first.technique),
        numerator=cards,
        base=cards,
        method="full count of the cards read; no interval",
        quote=f"{title}. {'; '.join(lines)}",
        misquote="The technique with the steepest curve is the fastest-growing one.",
        why_not="The Hub grew as well: a technique published when it was small had fewer cards at the same age.",
        caveat="Cards older than the paper were edited later or mistagged. They count from month 0.",
        title=title,
        subtitle=who(
            snapshot,
            cards,
            f"model cards that cite {technique_name(snapshot, first.technique)}, the most cited technique",
            "the six most cited techniques",
        ),
        alt_text=f"Curves by age. {title}. {'; '.join(lines)}.",
    )
    return about_cards(claim, snapshot, _RULE)
