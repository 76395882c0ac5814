"""Panels of rows: a name, a bar or a dot with its interval, and columns of values under heads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peft_census.publish.charts.measure import NAME_SIZE, TICK_SIZE, VALUE_SIZE, truncate, widest, width
from peft_census.publish.charts.spec import Look, Panel

ROW = 0.27
"""Inches from one row to the next."""

TICK_STEPS = [1, 2, 2.5, 5, 10]
_COLUMN_GAP = 0.18
_MOST_NAME = 0.36
"""Largest part of the width that names may take, unless the axes keep ``_LEAST_AXES`` inches."""
_LEAST_AXES = 1.2


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        name: on the left.
        share: length of the bar or place of the dot; None without one.
        bounds: the interval, if there is one.
        values: one text for each column of the panel.
        color: name of a color or id of a technique.
        bold: whether it is emphasized.
        parts: lengths of the parts of a bar, whose sum is ``share``; their colors are those of the panel.
        diamond: place of a second mark, the published figure.
    """

    name: str
    share: float | None = None
    bounds: tuple[float, float] | None = None
    values: Sequence[str] = ()
    color: str = "others"
    bold: bool = False
    parts: Sequence[float] = ()
    diamond: float | None = None

    @property
    def weight(self) -> str:
        """The font weight of its name and values."""
        return "bold" if self.bold else "normal"


@dataclass(frozen=True, kw_only=True)
class Rows(Panel):
    """A panel of rows.

    Args:
        rows: from top to bottom.
        columns: heads of the values.
        ends: of the axis.
        dots: whether rows are dots, not bars from 0.
        parts: colors of the parts of bars.
        line: a share that a vertical line marks.
    """

    rows: Sequence[Row]
    columns: Sequence[str] = ("Share", "Cards")
    ends: tuple[float, float] = (0.0, 1.0)
    dots: bool = False
    parts: Sequence[str] = ()
    line: float | None = None

    def left(self, wide: float) -> float:
        needed = max(width(r.name, NAME_SIZE, r.weight) for r in self.rows) + 0.12
        return min(needed, max(_MOST_NAME * wide, wide - self.right(wide) - _LEAST_AXES))

    def right(self, wide: float) -> float:
        return sum(self._column_widths())

    def above(self) -> float:
        return 0.2 if any(self.columns) else 0.0

    def tall(self) -> float:
        return ROW * len(self.rows)

    def most(self) -> float:
        return 2.2

    def _column_widths(self) -> list[float]:
        return [
            max(
                width(head, TICK_SIZE),
                *(width(r.values[i], VALUE_SIZE, r.weight) for r in self.rows if len(r.values) > i),
            )
            + _COLUMN_GAP
            for i, head in enumerate(self.columns)
        ]

    def draw(self, axes: Axes, look: Look) -> None:
        palette = look.palette
        axes.set_xlim(*self.ends)
        axes.set_ylim(len(self.rows) - 0.5, -0.5)
        axes.set_yticks([])
        axes.xaxis.set_major_locator(MaxNLocator(nbins=ticks_in(look.wide), steps=TICK_STEPS))
        axes.xaxis.set_major_formatter(FuncFormatter(percent_tick))
        strip_axes(axes, look)
        if self.dots:
            self._draw_dots(axes, look)
        else:
            self._draw_bars(axes, look)
        if self.line is not None:
            axes.axvline(self.line, color=palette.muted, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        whiskers = [
            [(max(r.bounds[0], self.ends[0]), i), (min(r.bounds[1], self.ends[1]), i)]
            for i, r in enumerate(self.rows)
            if r.bounds
        ]
        axes.add_collection(LineCollection(whiskers, colors=palette.ink, linewidths=1.3, zorder=3), autolim=False)
        self._write(axes, look)

    def _draw_bars(self, axes: Axes, look: Look) -> None:
        for i, row in enumerate(self.rows):
            start = 0.0
            pairs = zip(row.parts, self.parts, strict=True) if row.parts else [(row.share or 0.0, row.color)]
            for part, color in pairs:
                axes.barh(i, part, left=start, height=0.66, color=look.palette.of(color), zorder=2)
                start += part

    def _draw_dots(self, axes: Axes, look: Look) -> None:
        style: dict[str, Any] = {"linestyle": "none", "zorder": 4, "clip_on": False}
        for i, row in enumerate(self.rows):
            color = look.palette.of(row.color)
            if row.diamond is not None:
                axes.plot([row.diamond], [i], marker="D", markersize=6, mfc=look.palette.background, mec=color, **style)
            if row.share is not None:
                axes.plot([row.share], [i], marker="o", markersize=8 if row.bold else 6.5, color=color, **style)

    def _write(self, axes: Axes, look: Look) -> None:
        """Writes names left of the axes, values in columns right of it, and the heads of the columns."""
        edges, edge = [], 1.0
        for column in self._column_widths():
            edge += column / look.wide
            edges.append(edge)
        style: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center_baseline"}
        for i, row in enumerate(self.rows):
            name = truncate(row.name, look.left - 0.1, NAME_SIZE, row.weight)
            axes.text(-0.1 / look.wide, i, name, ha="right", fontsize=NAME_SIZE, weight=row.weight, **style)
            for value, right in zip(row.values, edges, strict=False):
                axes.text(right, i, value, ha="right", fontsize=VALUE_SIZE, weight=row.weight, **style)
        y = 1 + 0.06 / look.tall
        for head, right in zip(self.columns, edges, strict=True):
            axes.text(
                right, y, head, transform=axes.transAxes, ha="right", fontsize=TICK_SIZE, color=look.palette.muted
            )


def strip_axes(axes: Axes, look: Look, grid: str = "x") -> None:
    """Hides all spines but one and all tick marks, and draws a light grid along ``grid``."""
    palette = look.palette
    axes.tick_params(axis="both", length=0, labelsize=TICK_SIZE, labelcolor=palette.muted, pad=4)
    axes.grid(axis=grid, color=palette.rule, linewidth=0.7, zorder=0)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    for side in ("top", "right", "bottom" if grid == "x" else "left"):
        axes.spines[side].set_visible(False)
    axes.spines["left" if grid == "x" else "bottom"].set_color(palette.muted)


def ticks_in(inches: float) -> int:
    """Returns how many ticks in percent an axis of this length has space for."""
    return max(1, min(5, int(inches / 0.7)))


def axis_end(shares: Sequence[float]) -> float:
    """Returns the end of an axis on which every share is at or below the last tick."""
    largest = max([*shares, 1e-6])
    magnitude = 10.0 ** math.floor(math.log10(largest))
    return min(
        1.0, next(s * magnitude for s in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if s * magnitude >= largest - 1e-12)
    )


def axis_start(shares: Sequence[float]) -> float:
    """Returns the start of an axis of dots: the next ten percent below all shares."""
    return max(0.0, math.floor(10 * min(shares, default=0.0)) / 10)


def percent_tick(value: float, _position: int | None = None) -> str:
    """Returns a tick in percent with the decimals it needs and no more."""
    return f"{float(f'{100 * value:.6g}'):.12f}".rstrip("0").rstrip(".") + "%" if math.isfinite(value) else ""


def tick_width(texts: Sequence[str]) -> float:
    """Returns the inches that tick labels need left of an axis."""
    return widest(texts, TICK_SIZE) + 0.12
