"""The axes of a panel: scales from values to inches, ticks with their grid, and the list that marks are added to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from peft_census.publish.charts.marks import Mark, Place, Stroke, Words
from peft_census.publish.charts.measure import MIDDLE, TICK_SIZE

_STEPS = [1, 2, 2.5, 5, 10]


@dataclass
class Frame:
    """The space of one panel.

    Args:
        marks: what is drawn.
        x, y: upper left corner of the axes, in inches from that of the chart.
        wide, tall: size of the axes.
        left, right: inches for names or ticks left of the axes, and for labels right of them.
        across, up: ends of the axes in values.
        logarithmic: whether the vertical axis is.
    """

    marks: list[Mark]
    x: float
    y: float
    wide: float
    tall: float
    left: float
    right: float
    across: tuple[float, float] = (0.0, 1.0)
    up: tuple[float, float] = (0.0, 1.0)
    logarithmic: bool = False

    def at_x(self, value: float) -> float:
        """Returns the place of a value on the horizontal axis, at most its ends."""
        low, high = self.across
        return self.x + self.wide * min(1.0, max(0.0, (value - low) / (high - low)))

    def at_y(self, value: float) -> float:
        """Returns the place of a value on the vertical axis, at most its ends."""
        low, high = (math.log10(v) if self.logarithmic else v for v in self.up)
        scaled = math.log10(max(value, self.up[0])) if self.logarithmic else value
        return self.y + self.tall * (1 - min(1.0, max(0.0, (scaled - low) / (high - low))))

    def places(self, points: Sequence[tuple[float, float]]) -> list[Place]:
        """Returns the places of pairs of values."""
        return [(self.at_x(x), self.at_y(y)) for x, y in points]

    def ticks(self, ends: tuple[float, float], most: float, whole: bool = False) -> list[float]:
        """Returns at most about ``most`` round values between ``ends``."""
        steps = [1, 2, 3, 6, 10] if whole else _STEPS
        found = MaxNLocator(nbins=max(1, int(most)), steps=steps, integer=whole).tick_values(*ends)
        slack = 1e-9 * (ends[1] - ends[0])
        return [float(v) for v in found if ends[0] - slack <= v <= ends[1] + slack]

    def columns(self, values: Sequence[float], text: Callable[[float], str], grid: bool = True) -> None:
        """Draws ticks of the horizontal axis below it, with lines up through the axes."""
        for value in values:
            x = self.at_x(value)
            if grid:
                self.stroke([(x, self.y), (x, self.y + self.tall)], "rule", 0.7)
            self._tick(text(value), x, self.y + self.tall + 0.17, "middle")

    def lines(self, values: Sequence[float], text: Callable[[float], str]) -> None:
        """Draws ticks of the vertical axis left of it, with lines across the axes."""
        for value in values:
            y = self.at_y(value)
            self.stroke([(self.x, y), (self.x + self.wide, y)], "rule", 0.7)
            self._tick(text(value), self.x - 0.06, y + MIDDLE * TICK_SIZE, "end")

    def base(self, side: str) -> None:
        """Draws the left or the lower edge of the axes."""
        corner = (self.x, self.y + self.tall)
        end = (self.x, self.y) if side == "left" else (self.x + self.wide, corner[1])
        self.stroke([corner, end], "muted", 0.9)

    def stroke(self, places: Sequence[Place], color: str, width: float, alpha: float = 1.0) -> None:
        """Draws a line."""
        self.marks.append(Stroke(places=places, color=color, width=width, alpha=alpha))

    def _tick(self, text: str, x: float, y: float, anchor: str) -> None:
        self.marks.append(Words(x=x, y=y, text=text, size=TICK_SIZE, color="muted", anchor=anchor, tick=True))
