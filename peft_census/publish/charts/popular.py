"""Popular beside good: how often cards cite a technique, and what PEFT's own benchmark measured for it.

One run and one seed each, settings chosen by contributors. Two facts side by side; the chart shows no cause.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from peft_census.count import parse_rule
from peft_census.publish.charts.headline import percent_tick
from peft_census.publish.charts.layout import NARROW, TICK_SIZE, Panel, make_figure, strip_axes
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import MARGIN, chart_style, width
from peft_census.publish.charts.spec import ChartSpec, Missing, columns_of, finding, rows_of
from peft_census.publish.claims.claim import Claim
from peft_census.publish.snapshot_reader import SnapshotLike, technique_name
from peft_census.publish.text.numbers import count, percent, plural

NAME = "popular"
_RULE = parse_rule("any/variants_separate")
_NOTE = (
    "Each point: the best run of a technique; filled where no run of the task is better in result and memory. "
    "One run and one seed each. Beside each other, not because of each other."
)
_TALL = 2.7
_LABELS = 8


@dataclass(frozen=True)
class Point:
    """The best run of one technique in one task."""

    technique: str
    name: str
    value: float
    share: float
    cards: float
    front: bool


def popular_chart(snapshot: SnapshotLike) -> ChartSpec | Missing:
    """Returns the chart of share against result, or why there is none."""
    rows = [r for r in rows_of(snapshot, "popular") if r["technique"] is not None and r["share"] is not None]
    tasks = {t: _points(snapshot, [r for r in rows if r["task"] == t]) for t in sorted({r["task"] for r in rows})}
    if not any(p.cards for points in tasks.values() for p in points):
        return Missing(NAME, "No card cites a technique that PEFT's benchmark measured.")
    task, points = next((t, p) for t, p in tasks.items() if any(x.cards for x in p))
    top = max(points, key=lambda p: (p.cards, p.technique))
    better = [p for p in points if p.value > top.value]
    metric = next(r["metric"] for r in rows if r["task"] == task)
    beaten = f"is behind {count(len(better))} of them in {metric}" if better else f"is also first in {metric}"
    title = f"{top.name}, cited on {percent(top.share)}, most of {count(len(points))} techniques measured on {task}, {beaten}"
    base = rows[0]["base"]
    told = [f"{t}: {_told(measured)}" for t, measured in tasks.items()]
    claim = finding(
        snapshot,
        NAME,
        _RULE,
        population="cards that cite at least one technique; runs of PEFT's method comparison",
        technique=top.technique,
        name=top.name,
        numerator=top.cards,
        base=base,
        share=top.share,
        method="none: one run and one seed each",
        said=f"{title}, at {top.value:.3f} in its best run; {count(top.cards)} of {count(base)} cards that cite a technique cite it",
        misquote="People use the wrong technique.",
        why_not="Two tasks, one model and one run each say nothing of other uses, and being cited is not being used.",
        caveat="Settings were chosen by contributors; how hard a technique was tuned differs.",
        title=title,
        subtitle=(
            f"Across: {metric} of the best run; up: share of {plural(base, 'card')} that cite a technique, on a logarithmic "
            f"scale. Rule {_RULE.name}."
        ),
        alt=f"Points. {title}. {'; '.join(told)}.",
    )
    return ChartSpec(
        NAME, claim, columns_of(rows), rows, lambda wide, palette: _draw(claim, tasks, top.technique, wide, palette)
    )


def _points(snapshot: SnapshotLike, rows: Sequence[dict[str, Any]]) -> list[Point]:
    """Returns one point for every technique: its best run."""
    best: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["technique"] not in best or row["value"] > best[row["technique"]]["value"]:
            best[row["technique"]] = row
    front = {r["technique"] for r in rows if r["on_front"]}
    return [
        Point(t, technique_name(snapshot, t), r["value"], r["share"], r["cards"], t in front)
        for t, r in sorted(best.items())
    ]


def _told(points: list[Point]) -> str:
    """Returns the points of a task in words: those that a card cites one by one, the others by their range."""
    cited = [
        f"{p.name} {p.value:.3f}, cited on {count(p.cards)}" for p in sorted(points, key=lambda p: -p.value) if p.cards
    ]
    silent = [p.value for p in points if not p.cards]
    if silent:
        cited.append(f"{plural(len(silent), 'technique')} cited on none, {min(silent):.3f} to {max(silent):.3f}")
    return ", ".join(cited)


def _draw(claim: Claim, tasks: dict[str, list[Point]], lead: str, wide: float, palette: Palette) -> Figure:
    with chart_style(palette):
        left = 0.75
        rooms = [Panel(_TALL, task, left, 0.1) for task in tasks]
        figure, all_axes = make_figure(claim.title, claim.subtitle, _NOTE, wide, palette, rooms)
        for axes, points in zip(all_axes, tasks.values(), strict=True):
            _draw_task(axes, points, lead, wide - 2 * MARGIN - left - 0.1, wide, palette)
    return figure


def _draw_task(axes: Any, points: list[Point], lead: str, broad: float, wide: float, palette: Palette) -> None:
    cited = [p.share for p in points if p.share > 0]
    low = math.floor(math.log10(min(cited))) if cited else -1
    high = max(math.log10(max(cited)) if cited else 0, low + 1) + 0.25
    floor = low - 0.55
    values = [p.value for p in points]
    pad = 0.08 * (max(values) - min(values) or 0.1)
    x0, x1 = min(values) - pad, max(values) + pad

    def place(p: Point) -> tuple[float, float]:
        y = math.log10(p.share) if p.share > 0 else floor
        return (p.value - x0) / (x1 - x0) * broad, (y - floor + 0.3) / (high - floor + 0.3) * _TALL

    axes.axhspan(floor - 0.3, floor + 0.3, color=palette.rule, alpha=0.35, linewidth=0, zorder=0)
    for p in points:
        color = palette.leader if p.technique == lead else palette.others
        y = math.log10(p.share) if p.share > 0 else floor
        face = color if p.front else palette.paper
        axes.plot(
            [p.value],
            [y],
            marker="o",
            markersize=8 if p.technique == lead else 6,
            markerfacecolor=face,
            markeredgecolor=color,
            markeredgewidth=1.3,
            zorder=4,
            clip_on=False,
        )
    taken = [(x - 0.07, y - 0.07, x + 0.07, y + 0.07) for x, y in map(place, points)]
    for p in _worth_naming(points, lead):
        _label(
            axes, p, place(p), taken, broad, palette.leader if p.technique == lead else palette.ink, p.technique == lead
        )
    axes.set_xlim(x0, x1)
    axes.set_ylim(floor - 0.3, high)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6 if wide > NARROW else 3, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_minor_locator(NullLocator())
    powers = list(range(low, math.floor(high) + 1))
    axes.set_yticks([floor, *powers], ["not cited", *(percent_tick(10.0**k) for k in powers)])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.3g}"))
    strip_axes(axes, palette, "y")


def _worth_naming(points: list[Point], lead: str) -> list[Point]:
    """Returns the points to name, first the leader, then the most cited, then the best of the rest."""
    cited = sorted((p for p in points if p.cards and p.technique != lead), key=lambda p: (-p.cards, p.technique))
    best = sorted((p for p in points if not p.cards), key=lambda p: (-p.value, p.technique))
    return [*(p for p in points if p.technique == lead), *cited[:_LABELS], *best[:4]]


def _label(
    axes: Any,
    p: Point,
    at: tuple[float, float],
    taken: list[tuple[float, float, float, float]],
    broad: float,
    color: str,
    bold: bool,
) -> None:
    """Writes a name beside its point where nothing else stands; a name without room is left to the data file."""
    weight = "bold" if bold else "normal"
    across, up = width(p.name, TICK_SIZE, weight), 0.15
    x, y = at
    for dx, dy, ha in (
        (0.1, 0, "left"),
        (-0.1, 0, "right"),
        (0, 0.17, "center"),
        (0, -0.17, "center"),
        (0.1, 0.14, "left"),
        (-0.1, 0.14, "right"),
        (0.1, -0.14, "left"),
        (-0.1, -0.14, "right"),
    ):
        start = x + dx - {"left": 0, "right": across, "center": across / 2}[ha]
        box = (start - 0.02, y + dy - up / 2, start + across + 0.02, y + dy + up / 2)
        inside = box[0] >= 0 and box[2] <= broad and box[1] >= 0 and box[3] <= _TALL
        mine = (x - 0.07, y - 0.07, x + 0.07, y + 0.07)
        if inside and not any(_touch(box, other) for other in taken if other != mine):
            taken.append(box)
            axes.annotate(
                p.name,
                (x / broad, y / _TALL),
                (72 * dx, 72 * dy),
                xycoords="axes fraction",
                textcoords="offset points",
                ha=ha,
                va="center",
                fontsize=TICK_SIZE,
                weight=weight,
                color=color,
                parse_math=False,
                zorder=6,
                annotation_clip=False,
            )
            return


def _touch(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
