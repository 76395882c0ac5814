"""Panels of lines with their names at their ends, and of the cards of each month below them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from peft_census.count.groups import NOT_KNOWN
from peft_census.publish.charts.frame import Frame
from peft_census.publish.charts.marks import Shape, Words, box, marker
from peft_census.publish.charts.measure import MIDDLE, TICK_SIZE, avoid_overlap, truncate, widest, width
from peft_census.publish.charts.palette import MARKERS
from peft_census.publish.charts.rows import percent_tick
from peft_census.publish.charts.spec import Panel
from peft_census.publish.text.numbers import count, month_text

_LINE_APART = 0.16
_MOST_LABEL = 0.34
"""Largest part of the width that labels may take."""


@dataclass(frozen=True)
class Point:
    """One point of a line: place on the axis, value with an interval, and whether few cards are behind it."""

    place: int
    value: float
    low: float | None = None
    high: float | None = None
    thin: bool = False


@dataclass(frozen=True)
class Line:
    """A line, ``label`` at its end, in the color of ``technique``."""

    technique: str
    label: str
    points: Sequence[Point]
    bold: bool = False

    @property
    def last(self) -> Point:
        """Its last point that many cards are behind; its last one if there is none."""
        return next((p for p in reversed(self.points) if not p.thin), self.points[-1])


@dataclass(frozen=True, kw_only=True)
class Lines(Panel):
    """A panel of lines.

    Args:
        lines: to draw.
        ends: of the vertical axis.
        span: first and last place of the horizontal axis.
        high: height in inches.
        months: whether places are months (``month_place``); otherwise they are numbers.
        tick: text of a value of the vertical axis.
        logarithmic: whether the vertical axis is.
    """

    lines: Sequence[Line]
    ends: tuple[float, float]
    span: tuple[int, int]
    high: float = 2.0
    months: bool = True
    tick: Callable[[float], str] = percent_tick
    logarithmic: bool = False

    def left(self, wide: float) -> float:
        return widest([self.tick(v) for v in (*self.ends, 0.1234 * self.ends[1])], TICK_SIZE) + 0.12

    def right(self, wide: float) -> float:
        needed = max(width(line.label, TICK_SIZE, "bold" if line.bold else "normal") for line in self.lines)
        return min(needed + 0.3, _MOST_LABEL * wide)

    def tall(self) -> float:
        return max(self.high, _LINE_APART * len(self.lines) + 0.2)

    def draw(self, frame: Frame) -> None:
        frame.across, frame.up, frame.logarithmic = (
            (self.span[0] - 0.7, self.span[1] + 0.7),
            self.ends,
            self.logarithmic,
        )
        values = frame.ticks(self.ends, max(2, frame.tall / 0.4))
        if self.logarithmic:
            values = [10.0**k for k in range(9) if self.ends[0] <= 10.0**k <= self.ends[1]]
        frame.lines(values, self.tick)
        _draw_places(frame, self.span, self.months)
        for line in self.lines:
            self._draw_line(frame, line)
        self._name_lines(frame)

    def _draw_line(self, frame: Frame, line: Line) -> None:
        kind = MARKERS.get(line.technique, "o")
        for run in _runs(line.points, self.months):
            half = 0.2 if len(run) == 1 else 0.0
            if run[0].low is not None:
                upper = [(p.place + d, p.high or 0.0) for p in run for d in ((-half, half) if half else (0.0,))]
                lower = [(p.place + d, p.low or 0.0) for p in run for d in ((-half, half) if half else (0.0,))]
                places = frame.places([*upper, *reversed(lower)])
                frame.marks.append(Shape(places=places, fill=line.technique, alpha=0.18))
            points = [(float(p.place), p.value) for p in run]
            if not self.months:  # steps: a number of cards holds until the next month
                points = [q for (x, y), (x1, _) in pairwise(points) for q in ((x, y), (x1, y))] + points[-1:]
            frame.stroke(frame.places(points), line.technique, 2.0 if line.bold else 1.3)
            if self.months:
                frame.marks += [marker(kind, *frame.places([q])[0], 0.024, line.technique) for q in points]
        if line.bold:
            thin = [(p.place, p.value) for p in line.points if p.thin]
            frame.marks += [marker(kind, *place, 0.024, "faint") for place in frame.places(thin)]

    def _name_lines(self, frame: Frame) -> None:
        """Writes the labels right of the axes, moved apart, with a thin line to the end of their line."""
        ends = [(frame.at_x(line.last.place), frame.at_y(line.last.value)) for line in self.lines]
        low, high = frame.y + 0.05, frame.y + frame.tall - 0.05
        edge = frame.x + frame.wide
        moved = avoid_overlap([y for _, y in ends], _LINE_APART, low, high)
        for line, (x, end), y in zip(self.lines, ends, moved, strict=True):
            if abs(end - y) > 0.03 or line.last.place < self.span[1]:
                frame.stroke([(x, end), (edge, end), (edge + 0.12, y)], line.technique, 0.5, 0.6)
            weight = "bold" if line.bold else "normal"
            text = truncate(line.label, frame.right - 0.16, TICK_SIZE, weight)
            base = y + MIDDLE * TICK_SIZE
            frame.marks.append(Words(edge + 0.16, base, text, TICK_SIZE, line.technique, bold=line.bold))


@dataclass(frozen=True, kw_only=True)
class MonthBars(Panel):
    """The cards of each month: pairs of place and number; months with few cards are faint."""

    bars: Sequence[tuple[int, float, bool]]
    span: tuple[int, int]

    @property
    def _largest(self) -> float:
        return max(n for _, n, _ in self.bars)

    def left(self, wide: float) -> float:
        return width(count(self._largest), TICK_SIZE) + 0.12

    def right(self, wide: float) -> float:
        return 0.25

    def tall(self) -> float:
        return 0.6

    def draw(self, frame: Frame) -> None:
        frame.across, frame.up = (self.span[0] - 0.7, self.span[1] + 0.7), (0.0, 1.05 * self._largest)
        frame.lines([self._largest], count)
        _draw_places(frame, self.span, True)
        for place, n, thin in self.bars:
            (left, top), (right, bottom) = frame.places([(place - 0.4, n), (place + 0.4, 0.0)])
            frame.marks.append(box(left, top, right - left, bottom - top, "faint" if thin else "muted"))


def is_month(month: str) -> bool:
    """Says whether the value of a column ``month`` is one month of the calendar."""
    return month not in ("all", NOT_KNOWN) and not month.startswith("before")


def month_place(month: str) -> int:
    """Returns the position of a month like 2025-05 on the axis."""
    year, number = month.split("-")
    return 12 * int(year) + int(number) - 1


def years_text(months: Sequence[str]) -> str:
    """Returns the years of months in order: ``2024``, ``2023–2025``."""
    first, last = months[0][:4], months[-1][:4]
    return first if first == last else f"{first}–{last}"


def _runs(points: Sequence[Point], unbroken: bool) -> list[list[Point]]:
    """Returns the runs of points that are not thin; a missing month ends a run if ``unbroken``."""
    runs: list[list[Point]] = []
    last = None
    for point in points:
        if not point.thin:
            if last is None or (unbroken and point.place != last.place + 1):
                runs.append([])
            runs[-1].append(point)
        last = None if point.thin else point
    return runs


def _draw_places(frame: Frame, span: tuple[int, int], months: bool) -> None:
    """Draws the horizontal axis; the ticks of months stand at the same month of each year if the span allows it."""
    frame.base("below")
    first, last = span
    if not months:
        frame.columns(frame.ticks((first, last), max(2, frame.wide / 0.6), whole=True), count, grid=False)
        return
    step = next((s for s in (1, 2, 3, 6, 12, 24, 36, 60, 120) if (last - first) / s < frame.wide / 0.8), 240)
    places = [p for p in range(first, last + 1) if p % step == 0] or [first]
    frame.columns(places, lambda p: _month_tick(int(p), step), grid=False)


def _month_tick(place: int, step: int) -> str:
    name = month_text(f"{place // 12}-{place % 12 + 1:02}")
    return name[-4:] if step >= 12 else f"{name[:3]} {name[-4:]}"
