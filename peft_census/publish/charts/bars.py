"""Horizontal bars with names, whiskers and values, and the ticks of axes in percent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peft_census.publish.charts.layout import (
    NAME_SIZE,
    NARROW,
    VALUE_SIZE,
    label_width,
    strip_axes,
    truncate,
)
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import width

ROW = 0.31
"""Inches from one bar to the next."""

TICK_STEPS = [1, 2, 2.5, 5, 10]


@dataclass(frozen=True)
class Bar:
    """One bar: name, share with its interval (None for sums), value as text, color, and whether it leads."""

    name: str
    share: float
    bounds: tuple[float, float] | None
    value: str
    color: str
    leads: bool = False

    @property
    def weight(self) -> str:
        """The font weight of its name and value."""
        return "bold" if self.leads else "normal"


def bar_room(bars: Sequence[Bar], wide: float) -> tuple[float, float]:
    """Returns the inches that ``bars`` need left of the axes for names and right of it for values."""
    if not bars:
        return 0.0, 0.0
    names = max(label_width([bar.name], wide, weight=bar.weight) for bar in bars)
    return names, max(width(bar.value, VALUE_SIZE, bar.weight) for bar in bars) + 0.14


def draw_bars(axes: Axes, bars: Sequence[Bar], end: float, names: float, wide: float, palette: Palette) -> None:
    """Draws ``bars`` on an axis from 0 to ``end``, with ``names`` inches for their names; no legend, no frame."""
    for row, bar in enumerate(bars):
        axes.barh(row, bar.share, height=0.66, color=bar.color, zorder=2)
        right = bar.share
        if bar.bounds:
            right = max(right, bar.bounds[1])
            axes.plot(bar.bounds, [row, row], color=palette.ink, linewidth=1.1, zorder=3, solid_capstyle="butt")
            axes.plot(bar.bounds, [row, row], "|", color=palette.ink, markersize=5, markeredgewidth=1.1, zorder=3)
        label_bar(axes, row, bar.name, names, bar.weight)
        box = {"facecolor": palette.background, "edgecolor": "none", "pad": 1.5}
        axes.annotate(bar.value, (right, row), (7, 0), bbox=box, **value_style(bar.weight))
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, end)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5 if wide > NARROW else 2, steps=TICK_STEPS))
    axes.xaxis.set_major_formatter(FuncFormatter(percent_tick))
    strip_axes(axes, palette)
    for line in [*axes.lines, *axes.get_xgridlines()]:
        line.set_clip_on(False)


def label_bar(axes: Axes, row: int, name: str, inches: float, weight: str = "normal", size: float = NAME_SIZE) -> None:
    """Writes the name of a bar left of the axes, truncated to ``inches``."""
    text = truncate(name, inches - 0.1, size, weight)
    style = {**value_style(weight), "ha": "right", "fontsize": size}
    axes.annotate(text, (0, row), (-7, 0), xycoords=axes.get_yaxis_transform(), **style)


def value_style(weight: str = "normal") -> dict[str, Any]:
    """Returns the style of a text at the end of a bar, seven points to the right."""
    return {
        "ha": "left",
        "va": "center_baseline",
        "fontsize": VALUE_SIZE,
        "weight": weight,
        "parse_math": False,
        "annotation_clip": False,
        "textcoords": "offset points",
    }


def percent_tick(value: float, _position: int | None = None) -> str:
    """Returns a tick in percent with the decimals it needs and no more."""
    return f"{float(f'{100 * value:.6g}'):.12f}".rstrip("0").rstrip(".") + "%" if math.isfinite(value) else ""
