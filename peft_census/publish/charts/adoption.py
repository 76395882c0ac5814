"""Adoption by age: cards that cite a technique, summed up by months since its paper and since its first release.

The oldest technique has had the longest time to be cited. Curves that start at the same age show whether it is
ahead of the others at their age as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from peft_census.count import parse_rule
from peft_census.publish.charts.layout import NARROW, TICK_SIZE, Panel, avoid_overlap, make_figure, strip_axes, truncate
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import chart_style, width
from peft_census.publish.charts.spec import ChartSpec, Missing, columns_of, finding, rows_of
from peft_census.publish.claims.claim import Claim
from peft_census.publish.snapshot_reader import SnapshotLike, technique_name
from peft_census.publish.text.numbers import count, plural

NAME = "adoption"
MOST = 6
"""Curves in one panel."""

_RULE = parse_rule("any/variants_separate")
_HEADS = {"paper": "Months since the technique's paper", "release": "Months since its first release in PEFT"}
_NOTE = "Every technique under its own name, however many a card cites. A card may have been edited after its month."
_TALL = 2.3

Curve = tuple[str, str, list[int], list[int]]
"""Technique id, name, ages in months, cards up to each age."""


def adoption_chart(snapshot: SnapshotLike, technique: str | None) -> ChartSpec | Missing:
    """Returns the age-aligned curves, or why there are none."""
    rows = rows_of(snapshot, "adoption")
    panels = {a: found for a in _HEADS if (found := _curves(snapshot, rows, a, technique))}
    if "paper" not in panels:
        return Missing(
            NAME, "No card with a known month cites a technique whose paper is dated, so there is no age to align."
        )
    curves = panels["paper"]
    lead = next((c for c in curves if c[0] == technique), curves[0])
    rival = next((c for c in curves if c is not lead and _shared_age(lead, c) is not None), None)
    if rival is not None:
        age = _shared_age(lead, rival) or 0
        title = (
            f"{plural(age, 'month')} after its paper, {lead[1]} was cited on {plural(_at(lead, age), 'card')}; "
            f"{rival[1]}, at that age, on {count(_at(rival, age))}"
        )
    else:
        age = lead[2][-1]
        title = f"{plural(age, 'month')} after its paper, {lead[1]} is cited on {plural(lead[3][-1], 'card')}"
    drawn = {c[0] for found in panels.values() for c in found}
    kept = [row for row in rows if row["technique"] in drawn]
    told = [
        f"{_HEADS[anchor]}: "
        + ", ".join(f"{c[1]} {plural(c[3][-1], 'card')} at {plural(c[2][-1], 'month')}" for c in found)
        for anchor, found in panels.items()
    ]
    claim = finding(
        snapshot,
        NAME,
        _RULE,
        population="cards of models with a known month of creation",
        technique=lead[0],
        name=lead[1],
        numerator=_at(lead, age),
        base=lead[3][-1],
        method="full count of the cards read; no interval",
        said=title,
        misquote=f"{lead[1]} is the fastest-growing technique.",
        why_not="The Hub itself grew: a technique published when it was small meets fewer cards at the same age.",
        caveat="Cards older than the paper were edited later or misread; they count from their month.",
        title=title,
        subtitle=f"Cards that cite each technique, summed up, on a logarithmic scale. Rule {_RULE.name}.",
        alt=f"Curves by age. {title}. {'; '.join(told)}.",
    )
    return ChartSpec(
        NAME, claim, columns_of(kept), kept, lambda wide, palette: _draw(claim, panels, lead[0], wide, palette)
    )


def _curves(snapshot: SnapshotLike, rows: Sequence[dict[str, Any]], anchor: str, technique: str | None) -> list[Curve]:
    """Returns the curves of one panel, most cards first: the headline's technique and the largest others."""
    found: dict[str, Curve] = {}
    for row in rows:
        if row["anchor"] == anchor and row["cumulative"] > 0:
            name = technique_name(snapshot, row["technique"])
            _, _, ages, cards = found.setdefault(row["technique"], (row["technique"], name, [], []))
            ages.append(row["age"])
            cards.append(row["cumulative"])
    ordered = sorted(found.values(), key=lambda c: (c[0] != technique, -c[3][-1], c[0]))[:MOST]
    return sorted(ordered, key=lambda c: (-c[3][-1], c[0]))


def _shared_age(one: Curve, other: Curve) -> int | None:
    """Returns the last age that both have reached; None before the papers."""
    age = min(one[2][-1], other[2][-1])
    return age if age >= 0 else None


def _at(curve: Curve, age: int) -> int:
    """Returns the cards up to ``age``; none before the first."""
    return next((n for a, n in zip(reversed(curve[2]), reversed(curve[3]), strict=True) if a <= age), 0)


def _draw(claim: Claim, panels: dict[str, list[Curve]], lead: str, wide: float, palette: Palette) -> Figure:
    with chart_style(palette):
        labels = [_label(c) for found in panels.values() for c in found]
        right = min(max(width(t, TICK_SIZE, "bold") for t in labels) + 0.25, 0.4 * wide)
        left = max(width(count(c[3][-1]), TICK_SIZE) for found in panels.values() for c in found) + 0.3
        rooms = [Panel(_TALL, _HEADS[anchor], left, right) for anchor in panels]
        figure, all_axes = make_figure(claim.title, claim.subtitle, _NOTE, wide, palette, rooms)
        for axes, curves in zip(all_axes, panels.values(), strict=True):
            _draw_panel(axes, curves, lead, right, wide, palette)
    return figure


def _label(curve: Curve) -> str:
    return f"{curve[1]} {count(curve[3][-1])}"


def _draw_panel(axes: Any, curves: list[Curve], lead: str, right: float, wide: float, palette: Palette) -> None:
    """Draws curves with their names at their ends, moved apart where they would touch."""
    top = max(10, max(c[3][-1] for c in curves) * 1.3)
    first, last = min(min(c[2][0] for c in curves), 0), max(c[2][-1] for c in curves)
    inches = _TALL / (math.log10(top) - math.log10(0.8))
    ends = [(math.log10(c[3][-1]) - math.log10(0.8)) * inches for c in curves]
    places = avoid_overlap(ends, 0.17, 0.07, _TALL - 0.05)
    for curve, place in zip(curves, places, strict=True):
        leads = curve[0] == lead
        color, weight = (palette.leader, "bold") if leads else (palette.others, "normal")
        axes.plot(
            curve[2],
            curve[3],
            color=color,
            linewidth=2.4 if leads else 1.3,
            zorder=4 if leads else 3,
            drawstyle="steps-post",
            solid_joinstyle="round",
        )
        axes.plot(curve[2][-1:], curve[3][-1:], color=color, marker="o", markersize=4, zorder=5, clip_on=False)
        size = TICK_SIZE
        axes.annotate(
            truncate(_label(curve), right - 0.2, size, weight),
            (curve[2][-1], curve[3][-1]),
            (1, place / _TALL),
            xycoords="data",
            textcoords=_right_edge(axes),
            ha="left",
            va="center",
            fontsize=size,
            weight=weight,
            color=color,
            parse_math=False,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": palette.gap,
                "linewidth": 0.6,
                "shrinkA": 0,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
            zorder=6,
        )
    axes.set_xlim(first - 0.5, last + 0.5)
    axes.set_yscale("log")
    axes.set_ylim(0.8, top)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticks([10**k for k in range(int(math.log10(top)) + 1)])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: count(v)))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7 if wide > NARROW else 3, integer=True, steps=[1, 2, 3, 6, 10]))
    strip_axes(axes, palette, "y")


def _right_edge(axes: Any) -> Any:
    """Returns coordinates in parts of the axes, an inch's tenth to the right."""
    from matplotlib.transforms import ScaledTranslation

    return axes.transAxes + ScaledTranslation(0.13, 0, axes.figure.dpi_scale_trans)
