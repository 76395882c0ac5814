"""Panels of lines with their names at their ends, and of the cards of each month below them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from peft_census.count.groups import NOT_KNOWN
from peft_census.publish.charts.measure import TICK_SIZE, avoid_overlap, truncate, widest, width
from peft_census.publish.charts.palette import MARKERS
from peft_census.publish.charts.rows import TICK_STEPS, percent_tick, strip_axes
from peft_census.publish.charts.spec import Look, Panel
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
    tick: Callable[[float, int | None], str] = percent_tick
    logarithmic: bool = False

    def left(self, wide: float) -> float:
        return widest([self.tick(v, None) for v in (*self.ends, 0.1234 * self.ends[1])], TICK_SIZE) + 0.12

    def right(self, wide: float) -> float:
        needed = max(width(line.label, TICK_SIZE, "bold" if line.bold else "normal") for line in self.lines)
        return min(needed + 0.3, _MOST_LABEL * wide)

    def tall(self) -> float:
        return max(self.high, _LINE_APART * len(self.lines) + 0.2)

    def draw(self, axes: Axes, look: Look) -> None:
        axes.set_xlim(self.span[0] - 0.7, self.span[1] + 0.7)
        if self.logarithmic:
            axes.set_yscale("log")
        axes.set_ylim(*self.ends)
        for line in self.lines:
            self._draw_line(axes, line, look)
        self._name_lines(axes, look)
        _set_places(axes, self.span, self.months, look)
        if self.logarithmic:
            axes.yaxis.set_minor_locator(NullLocator())
            axes.set_yticks([10.0**k for k in range(math.ceil(math.log10(self.ends[0])), 9) if 10.0**k <= self.ends[1]])
        else:
            axes.yaxis.set_major_locator(MaxNLocator(nbins=max(2, int(look.tall / 0.4)), steps=TICK_STEPS))
        axes.yaxis.set_major_formatter(FuncFormatter(self.tick))
        strip_axes(axes, look, "y")

    def _draw_line(self, axes: Axes, line: Line, look: Look) -> None:
        color, marker = look.palette.of(line.technique), MARKERS.get(line.technique, ".")
        style: dict[str, Any] = {"color": color, "linewidth": 2.0 if line.bold else 1.3, "zorder": 4}
        for run in _runs(line.points, self.months):
            places = [p.place for p in run]
            if run[0].low is not None:
                ends = places if len(run) > 1 else [places[0] - 0.2, places[0] + 0.2]
                bounds = run if len(run) > 1 else run * 2
                lows, highs = [p.low or 0.0 for p in bounds], [p.high or 0.0 for p in bounds]
                axes.fill_between(ends, lows, highs, color=color, alpha=0.18, linewidth=0, zorder=2)
            mark = {"drawstyle": "steps-post"} if not self.months else {"marker": marker, "markersize": 3.5}
            axes.plot(places, [p.value for p in run], **style, **mark)
        thin = [p for p in line.points if p.thin]
        if thin and line.bold:
            faint: dict[str, Any] = {"linestyle": "none", "color": look.palette.faint, "zorder": 3}
            axes.plot([p.place for p in thin], [p.value for p in thin], marker=marker, markersize=3.5, **faint)

    def _name_lines(self, axes: Axes, look: Look) -> None:
        """Writes the labels right of the axes, moved apart, with a thin line to the end of their line."""
        low, high = (self._scaled(v) for v in self.ends)
        wanted = [
            (self._scaled(max(line.last.value, self.ends[0])) - low) / (high - low) * look.tall for line in self.lines
        ]
        places = avoid_overlap(wanted, _LINE_APART, 0.05, look.tall - 0.05)
        edge = self.span[1] + 0.7
        inch = (self.span[1] - self.span[0] + 1.4) / look.wide
        for line, want, place in zip(self.lines, wanted, places, strict=True):
            color = look.palette.of(line.technique)
            y = (
                10 ** (low + place / look.tall * (high - low))
                if self.logarithmic
                else low + place / look.tall * (high - low)
            )
            if abs(want - place) > 0.03 or line.last.place < self.span[1]:
                ends = [line.last.place, edge, edge + 0.12 * inch]
                axes.plot(
                    ends,
                    [line.last.value, line.last.value, y],
                    color=color,
                    linewidth=0.5,
                    alpha=0.6,
                    clip_on=False,
                    zorder=3,
                )
            weight = "bold" if line.bold else "normal"
            text = truncate(line.label, look.right - 0.16, TICK_SIZE, weight)
            axes.text(
                edge + 0.16 * inch, y, text, va="center", fontsize=TICK_SIZE, weight=weight, color=color, zorder=6
            )

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


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

    def draw(self, axes: Axes, look: Look) -> None:
        colors = [look.palette.faint if thin else look.palette.muted for _, _, thin in self.bars]
        axes.bar([p for p, _, _ in self.bars], [n for _, n, _ in self.bars], width=0.8, color=colors, zorder=2)
        axes.set_xlim(self.span[0] - 0.7, self.span[1] + 0.7)
        axes.set_ylim(0, 1.05 * self._largest)
        axes.set_yticks([self._largest], [count(self._largest)])
        _set_places(axes, self.span, True, look)
        strip_axes(axes, look, "y")


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


def _set_places(axes: Axes, span: tuple[int, int], months: bool, look: Look) -> None:
    """Sets the ticks of the horizontal axis, at the same month of each year if the span allows it."""
    axes.xaxis.set_minor_locator(NullLocator())
    if not months:
        axes.xaxis.set_major_locator(
            MaxNLocator(nbins=max(2, int(look.wide / 0.6)), integer=True, steps=[1, 2, 3, 6, 10])
        )
        return
    first, last = span
    most = look.wide / 0.8
    step = next((s for s in (1, 2, 3, 6, 12, 24, 36, 60, 120) if (last - first) / s < most), 240)
    places = [p for p in range(first, last + 1) if p % step == 0] or [first]
    if step >= 12:
        axes.set_xticks(places, [str(p // 12) for p in places])
    else:
        names = [month_text(f"{p // 12}-{p % 12 + 1:02}") for p in places]
        axes.set_xticks(places, [f"{n[:3]} {n[-4:]}" for n in names])
