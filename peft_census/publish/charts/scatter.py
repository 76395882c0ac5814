"""A panel of points with names that overlap neither each other nor a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from peft_census.publish.charts.frame import Frame
from peft_census.publish.charts.marks import Place, Words, marker
from peft_census.publish.charts.measure import MIDDLE, TICK_SIZE, truncate, width
from peft_census.publish.charts.spec import Panel

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Dot:
    """One point: label (empty for none), place, radius in inches, vertical interval, and how it is drawn."""

    technique: str
    label: str
    x: float
    y: float
    radius: float
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

    def draw(self, frame: Frame) -> None:
        frame.across = _padded([d.x for d in self.dots], 0.08)
        frame.up = _padded([v for d in self.dots for v in (d.y, *(d.bounds or ()))], 0.1)
        frame.lines(frame.ticks(frame.up, 5), _tick)
        frame.columns(frame.ticks(frame.across, max(2, frame.wide / 0.7)), _tick, grid=False)
        frame.base("below")
        places = frame.places([(d.x, d.y) for d in self.dots])
        front = sorted(place for place, dot in zip(places, self.dots, strict=True) if dot.front)
        steps = [q for (x, y), (x1, _) in pairwise(front) for q in ((x, y), (x1, y))] + front[-1:]
        frame.stroke(steps, "muted", 1.0)
        bars = [(frame.at_x(d.x), frame.at_y(v)) for d in self.dots for v in d.bounds or ()]
        for low, high in zip(bars[::2], bars[1::2], strict=True):
            frame.stroke([low, high], "ink", 1.2)
        for dot, (x, y) in reversed(list(zip(self.dots, places, strict=True))):
            fill = "background" if dot.hollow else dot.technique
            frame.marks.append(marker("o", x, y, dot.radius, fill, dot.technique))
        taken = [_around(place, dot.radius + 0.015) for place, dot in zip(places, self.dots, strict=True)]
        taken += [_between(a, b) for a, b in pairwise(steps)]
        taken += [_between(low, high) for low, high in zip(bars[::2], bars[1::2], strict=True)]
        for dot, place in zip(self.dots, places, strict=True):
            if dot.label:
                _label(frame, dot, place, taken)


def _tick(value: float) -> str:
    return f"{value:.3g}"


def _padded(values: Sequence[float], part: float) -> tuple[float, float]:
    pad = part * (max(values) - min(values) or abs(max(values)) or 0.1)
    return min(values) - pad, max(values) + pad


def _around(place: Place, radius: float) -> Box:
    return (place[0] - radius, place[1] - radius, place[0] + radius, place[1] + radius)


def _between(one: Place, other: Place) -> Box:
    """Returns a box around a horizontal or vertical line."""
    (x0, x1), (y0, y1) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    return (x0 - 0.02, y0 - 0.02, x1 + 0.02, y1 + 0.02)


def _label(frame: Frame, dot: Dot, place: Place, taken: list[Box]) -> None:
    """Writes the label at the nearest place with space, with a thin line where that is not beside the point.

    Where there is no space, only the data file has the name, unless it is bold: that one stands at the upper edge.
    """
    weight = "bold" if dot.bold else "normal"
    text = truncate(dot.label, 2.6 if dot.bold else 1.6, TICK_SIZE, weight)
    across, up, r = width(text, TICK_SIZE, weight), 0.15, dot.radius + 0.04
    for reach in (0.0, 0.14, 0.3, 0.5):
        for sx, sy in ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1)):
            far = (r + reach) * (0.75 if sx and sy else 1)
            x, y = place[0] + sx * far, place[1] + sy * (far + (0.05 if not sx else 0))
            start = x - {1: 0, -1: across, 0: across / 2}[sx]
            box = (start - 0.02, y - up / 2, start + across + 0.02, y + up / 2)
            inside = box[0] >= frame.x and box[2] <= frame.x + frame.wide
            inside = inside and box[1] >= frame.y - 0.05 and box[3] <= frame.y + frame.tall - 0.02
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                color = dot.technique if dot.bold else "ink"
                base = y + MIDDLE * TICK_SIZE
                frame.marks.append(Words(start, base, text, TICK_SIZE, color, bold=dot.bold))
                if reach:
                    frame.stroke([place, (x, y - sy * 0.06)], "muted", 0.5)
                return
    if dot.bold:
        start, y = min(max(place[0] - across / 2, frame.x), frame.x + frame.wide - across), frame.y + 0.04
        taken.append((start - 0.02, y - up / 2, start + across + 0.02, y + up / 2))
        frame.marks.append(Words(start, y + MIDDLE * TICK_SIZE, text, TICK_SIZE, dot.technique, bold=True))
        frame.stroke([place, (place[0], y + 0.08)], "muted", 0.5)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
