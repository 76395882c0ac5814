"""How often cards cite a technique, and what PEFT's own benchmark measured for it.

One run and one seed each, settings chosen by contributors. The chart shows no cause.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from peft_census.count.popular import RULE, Standing, standings
from peft_census.publish.charts.bars import TICK_STEPS, percent_tick
from peft_census.publish.charts.layout import NARROW, TICK_SIZE, Panel, make_figure, strip_axes
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import MARGIN, chart_style, width
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows, technique_name
from peft_census.publish.text.numbers import count, percent, plural
from peft_census.snapshot.snapshot import Snapshot

NAME = "popular"
_NOTE = (
    "Each point: the best run of a technique; filled if no run of the task is better in both result and memory. "
    "Bar: error of the test set, 95%; not known for images. One seed each. Correlation only."
)
_TALL, _LEFT, _RIGHT = 2.7, 0.75, 0.1
_LABELS = 8
_PLACES = (
    (0.1, 0, "left"),
    (-0.1, 0, "right"),
    (0, 0.17, "center"),
    (0, -0.17, "center"),
    (0.1, 0.14, "left"),
    (-0.1, 0.14, "right"),
    (0.1, -0.14, "left"),
    (-0.1, -0.14, "right"),
)
"""Where a name may stand beside its point, best first: offset in inches, alignment."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Point:
    """The best run of one technique in one task."""

    technique: str
    name: str
    value: float
    low: float | None
    high: float | None
    share: float
    cards: float
    front: bool


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart of share against result, or why there is none."""
    rows = [r for r in read_rows(snapshot, NAME) if r["technique"] is not None and r["share"] is not None]
    tasks = {t: _points(snapshot, [r for r in rows if r["task"] == t]) for t in sorted({r["task"] for r in rows})}
    if not any(p.cards for points in tasks.values() for p in points):
        return Missing(NAME, "No card cites a technique that PEFT's benchmark measured.")
    claim = _claim(snapshot, rows, tasks)
    lead = claim.technique or ""
    return ChartSpec(NAME, claim, list(rows[0]), rows, lambda wide, palette: _draw(claim, tasks, lead, wide, palette))


def _claim(snapshot: Snapshot, rows: list[dict[str, Any]], tasks: Mapping[str, list[Point]]) -> Claim:
    top = max((p for points in tasks.values() for p in points), key=lambda p: (p.cards, p.technique))
    found = standings(rows, top.technique)
    better = ", ".join(
        f"{count(s.better) if s.better else 'none'} of {count(s.techniques)} scored higher on {s.best['task']}"
        for s in found
    )
    title = f"{top.name} ({percent(top.share)} of cards) is the most cited technique in PEFT's benchmark; {better}"
    base = rows[0]["base"]
    claim = Claim(
        id=NAME,
        population="cards that cite at least one technique; runs of PEFT's method comparison",
        technique=top.technique,
        name=top.name,
        numerator=top.cards,
        base=base,
        share=top.share,
        method="none: one run and one seed each",
        quote=(
            f"{title}. {' '.join(map(_result, found))} {count(top.cards)} of {count(base)} cards that cite a technique "
            f"cite {top.name}"
        ),
        misquote="People use the wrong technique.",
        why_not=f"{plural(len(tasks), 'task')} and one seed each do not measure other uses.",
        caveat=(
            "Contributors chose the settings, and some techniques had more runs than others: the best of many runs is "
            "higher by chance."
        ),
        title=title,
        subtitle=(
            f"Horizontal: result of the best run, variants grouped. Vertical: share of {plural(base, 'card')} that cite "
            f"a technique, logarithmic scale. Rule {RULE.name}."
        ),
        alt_text=f"Points. {title}. {'; '.join(f'{t}: {_points_text(measured)}' for t, measured in tasks.items())}.",
    )
    return about_cards(claim, snapshot, RULE)


def _result(standing: Standing) -> str:
    """Returns the best result of the leader in one task, with its error and how many others cannot be told apart."""
    best = standing.best
    runs = "only run" if best["runs"] == 1 else f"best of {count(best['runs'])} runs"
    text = f"On {best['task']} its {runs} reaches a {best['metric']} of {best['value']:.3f}"
    if standing.similar is None:
        return f"{text}; its test-set error is not known."
    return (
        f"{text} (95% interval for the size of the test set {best['value_low']:.3f}–{best['value_high']:.3f}); "
        f"{plural(standing.similar, 'other technique')} cannot be told apart from it."
    )


def _points(snapshot: Snapshot, rows: Sequence[dict[str, Any]]) -> list[Point]:
    """Returns one point for every technique: its best run."""
    best = {r["technique"]: r for r in rows if r["best"]}
    return [
        Point(
            t,
            technique_name(snapshot, t),
            r["value"],
            r["value_low"],
            r["value_high"],
            r["share"],
            r["cards"],
            bool(r["on_front"]),
        )
        for t, r in sorted(best.items())
    ]


def _points_text(points: list[Point]) -> str:
    """Returns the points of a task as text: cited techniques one by one, the others by their range."""
    cited = [
        f"{p.name} {p.value:.3f}, cited on {count(p.cards)}" for p in sorted(points, key=lambda p: -p.value) if p.cards
    ]
    others = [p.value for p in points if not p.cards]
    if others:
        cited.append(f"{plural(len(others), 'technique')} cited on none, {min(others):.3f} to {max(others):.3f}")
    return ", ".join(cited)


def _draw(claim: Claim, tasks: Mapping[str, list[Point]], lead: str, wide: float, palette: Palette) -> Figure:
    with chart_style(palette):
        layout = [Panel(_TALL, task, _LEFT, _RIGHT) for task in tasks]
        figure, all_axes = make_figure(claim, _NOTE, wide, palette, layout)
        for axes, points in zip(all_axes, tasks.values(), strict=True):
            _draw_task(axes, points, lead, wide, palette)
    return figure


def _draw_task(axes: Axes, points: list[Point], lead: str, wide: float, palette: Palette) -> None:
    cited = [p.share for p in points if p.share > 0]
    low = math.floor(math.log10(min(cited))) if cited else -1
    high = max(math.log10(max(cited)) if cited else 0, low + 1) + 0.25
    floor = low - 0.55
    values = [p.value for p in points]
    values += [end for p in points for end in (p.low, p.high) if end is not None]
    pad = 0.08 * (max(values) - min(values) or 0.1)
    left, right, bottom = min(values) - pad, max(values) + pad, floor - 0.3
    broad = wide - 2 * MARGIN - _LEFT - _RIGHT
    heights = {p: math.log10(p.share) if p.share > 0 else floor for p in points}
    places = {
        p: ((p.value - left) / (right - left) * broad, (y - bottom) / (high - bottom) * _TALL)
        for p, y in heights.items()
    }
    axes.axhspan(bottom, floor + 0.3, color=palette.rule, alpha=0.35, linewidth=0, zorder=0)
    for p, y in heights.items():
        _draw_point(axes, p, y, p.technique == lead, palette)
    taken = [_around(place) for place in places.values()]
    for p in _named(points, lead):
        _label(axes, p.name, places[p], taken, broad, p.technique == lead, palette)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, high)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6 if wide > NARROW else 3, steps=TICK_STEPS))
    axes.xaxis.set_minor_locator(NullLocator())
    powers = list(range(low, math.floor(high) + 1))
    axes.set_yticks([floor, *powers], ["not cited", *(percent_tick(10.0**k) for k in powers)])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.3g}"))
    strip_axes(axes, palette, "y")


def _draw_point(axes: Axes, point: Point, y: float, leads: bool, palette: Palette) -> None:
    color = palette.leader if leads else palette.others
    if point.low is not None and point.high is not None:
        axes.hlines(y, point.low, point.high, color=color, linewidth=1, alpha=0.5, zorder=3)
    axes.plot(
        [point.value],
        [y],
        marker="o",
        markersize=8 if leads else 6,
        markerfacecolor=color if point.front else palette.background,
        markeredgecolor=color,
        markeredgewidth=1.3,
        zorder=4,
        clip_on=False,
    )


def _named(points: list[Point], lead: str) -> list[Point]:
    """Returns the points that get a name: the leader, the most cited, the best of the rest."""
    cited = sorted((p for p in points if p.cards and p.technique != lead), key=lambda p: (-p.cards, p.technique))
    best = sorted((p for p in points if not p.cards), key=lambda p: (-p.value, p.technique))
    return [*(p for p in points if p.technique == lead), *cited[:_LABELS], *best[:4]]


def _label(
    axes: Axes, name: str, place: tuple[float, float], taken: list[Box], broad: float, leads: bool, palette: Palette
) -> None:
    """Writes a name beside its point if there is space; otherwise only the data file has the name."""
    weight = "bold" if leads else "normal"
    across, up = width(name, TICK_SIZE, weight), 0.15
    x, y = place
    for dx, dy, ha in _PLACES:
        start = x + dx - {"left": 0, "right": across, "center": across / 2}[ha]
        box = (start - 0.02, y + dy - up / 2, start + across + 0.02, y + dy + up / 2)
        inside = box[0] >= 0 and box[2] <= broad and box[1] >= 0 and box[3] <= _TALL
        if inside and not any(_overlap(box, other) for other in taken if other != _around(place)):
            taken.append(box)
            axes.annotate(
                name,
                (x / broad, y / _TALL),
                (72 * dx, 72 * dy),
                xycoords="axes fraction",
                textcoords="offset points",
                ha=ha,
                va="center",
                fontsize=TICK_SIZE,
                weight=weight,
                color=palette.leader if leads else palette.ink,
                parse_math=False,
                zorder=6,
                annotation_clip=False,
            )
            return


def _around(place: tuple[float, float]) -> Box:
    x, y = place
    return (x - 0.07, y - 0.07, x + 0.07, y + 0.07)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
