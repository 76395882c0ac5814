"""A panel of points with names that overlap neither each other nor a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peft_census.publish.charts.measure import TICK_SIZE, truncate, width
from peft_census.publish.charts.rows import TICK_STEPS, strip_axes
from peft_census.publish.charts.spec import Look, Panel

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Dot:
    """One point: label (empty for none), place, area in square points, vertical interval, and how it is drawn."""

    technique: str
    label: str
    x: float
    y: float
    area: float
    bounds: tuple[float, float] | None = None
    hollow: bool = False
    bold: bool = False
    front: bool = False


@dataclass(frozen=True, kw_only=True)
class Scatter(Panel):
    """Points, the most important first, and a line through those that are on the Pareto front."""

    dots: Sequence[Dot]
    high: float = 2.6

    def left(self, wide: float) -> float:
        return 0.5

    def right(self, wide: float) -> float:
        return 0.1

    def tall(self) -> float:
        return self.high

    def draw(self, axes: Axes, look: Look) -> None:
        ends_x = _padded([d.x for d in self.dots], 0.08)
        ends_y = _padded([v for d in self.dots for v in (d.y, *(d.bounds or ()))], 0.1)
        axes.set_xlim(*ends_x)
        axes.set_ylim(*ends_y)
        front = sorted((d for d in self.dots if d.front), key=lambda d: d.x)
        axes.plot(
            [d.x for d in front],
            [d.y for d in front],
            drawstyle="steps-post",
            color=look.palette.muted,
            linewidth=1,
            zorder=2,
        )
        for dot in reversed(self.dots):
            color = look.palette.of(dot.technique)
            face = look.palette.background if dot.hollow else color
            axes.scatter(
                [dot.x], [dot.y], s=dot.area, facecolor=face, edgecolor=color, linewidth=1.1, zorder=4, clip_on=False
            )
            if dot.bounds:
                axes.vlines(dot.x, *dot.bounds, color=color, linewidth=1.2, zorder=3)
        places = [
            (
                (d.x - ends_x[0]) / (ends_x[1] - ends_x[0]) * look.wide,
                (d.y - ends_y[0]) / (ends_y[1] - ends_y[0]) * look.tall,
            )
            for d in self.dots
        ]
        taken = [_around(place, dot) for place, dot in zip(places, self.dots, strict=True)]
        taken += _line_boxes([place for place, dot in zip(places, self.dots, strict=True) if dot.front])
        taken += [
            (x - 0.02, y - reach, x + 0.02, y + reach)
            for (x, y), dot in zip(places, self.dots, strict=True)
            if dot.bounds
            for reach in [(dot.bounds[1] - dot.bounds[0]) / 2 / (ends_y[1] - ends_y[0]) * look.tall]
        ]
        for dot, place in zip(self.dots, places, strict=True):
            if dot.label:
                _label(axes, dot, place, taken, look)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=max(2, int(look.wide / 0.7)), steps=TICK_STEPS))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=TICK_STEPS))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.3g}"))
        strip_axes(axes, look, "y")


def _padded(values: Sequence[float], part: float) -> tuple[float, float]:
    pad = part * (max(values) - min(values) or abs(max(values)) or 0.1)
    return min(values) - pad, max(values) + pad


def _radius(dot: Dot) -> float:
    """Returns the radius of a point in inches."""
    return float((dot.area / 3.1416) ** 0.5) / 72


def _around(place: tuple[float, float], dot: Dot) -> Box:
    r = _radius(dot) + 0.015
    return (place[0] - r, place[1] - r, place[0] + r, place[1] + r)


def _line_boxes(front: list[tuple[float, float]]) -> list[Box]:
    """Returns boxes around the steps of the line through the front."""
    steps = sorted(front)
    boxes = []
    for (x0, y0), (x1, y1) in pairwise(steps):
        boxes += [(x0, y0 - 0.02, x1, y0 + 0.02), (x1 - 0.02, min(y0, y1), x1 + 0.02, max(y0, y1))]
    return boxes


def _label(axes: Axes, dot: Dot, place: tuple[float, float], taken: list[Box], look: Look) -> None:
    """Writes the label at the nearest place with space, with a thin line where that is not beside the point.

    Where there is no space, only the data file has the name.
    """
    weight = "bold" if dot.bold else "normal"
    text = truncate(dot.label, 2.6 if dot.bold else 1.6, TICK_SIZE, weight)
    across, up, r = width(text, TICK_SIZE, weight), 0.15, _radius(dot) + 0.04
    for reach in (0.0, 0.14, 0.3, 0.5):
        for sx, sy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)):
            far = (r + reach) * (0.75 if sx and sy else 1)
            x, y = place[0] + sx * far, place[1] + sy * (far + (0.05 if not sx else 0))
            start = x - {1: 0, -1: across, 0: across / 2}[sx]
            box = (start - 0.02, y - up / 2, start + across + 0.02, y + up / 2)
            inside = box[0] >= 0 and box[2] <= look.wide and box[1] >= 0.02 and box[3] <= look.tall + 0.05
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                style: dict[str, Any] = {"fontsize": TICK_SIZE, "weight": weight, "va": "center", "zorder": 6}
                ha = {1: "left", -1: "right", 0: "center"}[sx]
                color = look.palette.of(dot.technique) if dot.bold else look.palette.ink
                axes.text(x / look.wide, y / look.tall, text, transform=axes.transAxes, ha=ha, color=color, **style)
                if reach:
                    ends = [(place[0] / look.wide, x / look.wide), (place[1] / look.tall, (y - sy * 0.06) / look.tall)]
                    axes.plot(*ends, transform=axes.transAxes, color=look.palette.muted, linewidth=0.5, zorder=3)
                return


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
