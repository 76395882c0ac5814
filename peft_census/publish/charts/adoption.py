"""Cards that cite each technique, summed by months since its paper and since its first PEFT release.

The oldest technique has had the longest time to be cited. Curves aligned by age show whether it is ahead of the others
at the same age.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from peft_census.count import parse_rule
from peft_census.publish.charts.layout import NARROW, TICK_SIZE, Panel, avoid_overlap, make_figure, strip_axes, truncate
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import chart_style, width
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows, technique_name
from peft_census.publish.text.numbers import count, plural
from peft_census.snapshot.snapshot import Snapshot

NAME = "adoption"
MOST = 6
"""Curves in one panel."""

_RULE = parse_rule("any/variants_separate")
_HEADS = {"paper": "Months since the technique's paper", "release": "Months since its first release in PEFT"}
_NOTE = "Variants are counted separately, and a card counts for every technique it cites. Cards may have been edited."
_TALL = 2.3
_BOTTOM = 0.8
"""Lower end of the logarithmic axis, in cards."""


@dataclass(frozen=True)
class Curve:
    """One technique: ages in months, and the cards up to each age."""

    technique: str
    name: str
    ages: list[int]
    cards: list[int]

    @property
    def label(self) -> str:
        """Its name and its cards at the last age."""
        return f"{self.name} {count(self.cards[-1])}"

    def at(self, age: int) -> int:
        """Returns the cards up to ``age``; 0 before the first."""
        pairs = zip(reversed(self.ages), reversed(self.cards), strict=True)
        return next((n for a, n in pairs if a <= age), 0)


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the curves, or why there are none."""
    rows = read_rows(snapshot, NAME)
    panels = {a: curves for a in _HEADS if (curves := _curves(snapshot, rows, a, headline.technique))}
    if "paper" not in panels:
        return Missing(NAME, "No card with a known month cites a technique with a known paper, so there is no age.")
    lead = next((c for c in panels["paper"] if c.technique == headline.technique), panels["paper"][0])
    claim = _claim(snapshot, panels, lead)
    drawn = {c.technique for curves in panels.values() for c in curves}
    kept = [row for row in rows if row["technique"] in drawn]
    return ChartSpec(
        NAME, claim, list(kept[0]), kept, lambda wide, palette: _draw(claim, panels, lead.technique, wide, palette)
    )


def _claim(snapshot: Snapshot, panels: Mapping[str, list[Curve]], lead: Curve) -> Claim:
    others = [(c, min(lead.ages[-1], c.ages[-1])) for c in panels["paper"] if c is not lead]
    rival, age = next(((c, age) for c, age in others if age >= 0), (None, lead.ages[-1]))
    title = f"{plural(age, 'month')} after its paper, {lead.name} was cited on {plural(lead.at(age), 'card')}"
    if rival is not None:
        title += f"; {rival.name}, at the same age, on {count(rival.at(age))}"
    lines = [
        f"{_HEADS[anchor]}: "
        + ", ".join(f"{c.name} {plural(c.cards[-1], 'card')} at {plural(c.ages[-1], 'month')}" for c in curves)
        for anchor, curves in panels.items()
    ]
    claim = Claim(
        id=NAME,
        population="cards of models with a known month of creation",
        technique=lead.technique,
        name=lead.name,
        numerator=lead.at(age),
        base=lead.cards[-1],
        method="full count of the cards read; no interval",
        quote=title,
        misquote=f"{lead.name} is the fastest-growing technique.",
        why_not="The Hub grew as well: a technique published when it was small had fewer cards at the same age.",
        caveat="Cards older than the paper were edited later or mistagged. They count from their month.",
        title=title,
        subtitle=f"Cumulative number of cards that cite each technique, logarithmic scale. Rule {_RULE.name}.",
        alt_text=f"Curves by age. {title}. {'; '.join(lines)}.",
    )
    return about_cards(claim, snapshot, _RULE)


def _curves(snapshot: Snapshot, rows: Sequence[dict[str, Any]], anchor: str, technique: str | None) -> list[Curve]:
    """Returns the curves of one panel, most cards first: the headline's technique and the largest others."""
    curves: dict[str, Curve] = {}
    for row in rows:
        if row["anchor"] == anchor and row["cumulative"] > 0:
            name = technique_name(snapshot, row["technique"])
            curve = curves.setdefault(row["technique"], Curve(row["technique"], name, [], []))
            curve.ages.append(row["age"])
            curve.cards.append(row["cumulative"])
    kept = sorted(curves.values(), key=lambda c: (c.technique != technique, -c.cards[-1], c.technique))[:MOST]
    return sorted(kept, key=lambda c: (-c.cards[-1], c.technique))


def _draw(claim: Claim, panels: Mapping[str, list[Curve]], lead: str, wide: float, palette: Palette) -> Figure:
    with chart_style(palette):
        curves = [c for found in panels.values() for c in found]
        right = min(max(width(c.label, TICK_SIZE, "bold") for c in curves) + 0.25, 0.4 * wide)
        left = max(width(count(c.cards[-1]), TICK_SIZE) for c in curves) + 0.3
        layout = [Panel(_TALL, _HEADS[anchor], left, right) for anchor in panels]
        figure, all_axes = make_figure(claim, _NOTE, wide, palette, layout)
        for axes, found in zip(all_axes, panels.values(), strict=True):
            _draw_panel(axes, found, lead, right, wide, palette)
    return figure


def _draw_panel(axes: Axes, curves: list[Curve], lead: str, right: float, wide: float, palette: Palette) -> None:
    """Draws curves with their names at their ends, moved apart where they would overlap."""
    top = max(10, max(c.cards[-1] for c in curves) * 1.3)
    inches = _TALL / (math.log10(top) - math.log10(_BOTTOM))
    ends = [(math.log10(c.cards[-1]) - math.log10(_BOTTOM)) * inches for c in curves]
    for curve, place in zip(curves, avoid_overlap(ends, 0.17, 0.07, _TALL - 0.05), strict=True):
        leads = curve.technique == lead
        color = palette.leader if leads else palette.others
        style: dict[str, Any] = {"drawstyle": "steps-post", "solid_joinstyle": "round"}
        axes.plot(
            curve.ages, curve.cards, color=color, linewidth=2.4 if leads else 1.3, zorder=4 if leads else 3, **style
        )
        axes.plot(curve.ages[-1:], curve.cards[-1:], color=color, marker="o", markersize=4, zorder=5, clip_on=False)
        _label(axes, curve, place / _TALL, right - 0.2, color, "bold" if leads else "normal", palette)
    axes.set_xlim(min(0, *(c.ages[0] for c in curves)) - 0.5, max(c.ages[-1] for c in curves) + 0.5)
    axes.set_yscale("log")
    axes.set_ylim(_BOTTOM, top)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticks([10**k for k in range(int(math.log10(top)) + 1)])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: count(v)))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7 if wide > NARROW else 3, integer=True, steps=[1, 2, 3, 6, 10]))
    strip_axes(axes, palette, "y")


def _label(axes: Axes, curve: Curve, place: float, inches: float, color: str, weight: str, palette: Palette) -> None:
    """Writes the label of a curve right of the axes, at the fraction ``place`` of their height."""
    figure: Any = axes.figure
    edge: Any = axes.transAxes + ScaledTranslation(0.13, 0, figure.dpi_scale_trans)
    arrow = {"arrowstyle": "-", "color": palette.gap, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3, "relpos": (0, 0.5)}
    axes.annotate(
        truncate(curve.label, inches, TICK_SIZE, weight),
        (curve.ages[-1], curve.cards[-1]),
        (1, place),
        xycoords="data",
        textcoords=edge,
        ha="left",
        va="center",
        fontsize=TICK_SIZE,
        weight=weight,
        color=color,
        parse_math=False,
        annotation_clip=False,
        arrowprops=arrow,
        zorder=6,
    )
