"""Horizontal bars of two or three segments, with a legend above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peft_census.publish.charts.bars import ROW, TICK_STEPS, label_bar, percent_tick, value_style
from peft_census.publish.charts.layout import NARROW, VALUE_SIZE, Panel, label_width, make_figure, strip_axes
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import MARGIN, chart_style, width
from peft_census.publish.claims.claim import Claim
from peft_census.publish.text.numbers import count


@dataclass(frozen=True)
class StackedBar:
    """One bar: name, lengths of its segments, value as text."""

    name: str
    parts: Sequence[float]
    value: str


def draw_stacked(
    claim: Claim,
    bars: Sequence[StackedBar],
    legend: Sequence[str],
    note: str,
    wide: float,
    palette: Palette,
    shares: bool = False,
) -> Figure:
    """Returns the chart of ``claim``; with ``shares`` every bar is scaled to 100%."""
    with chart_style(palette):
        names = label_width([bar.name for bar in bars], wide, 0.34)
        values = max(width(bar.value, VALUE_SIZE) for bar in bars) + 0.14
        columns = len(legend) if wide > NARROW else 1
        above = 0.3 + 0.2 * (len(legend) // columns - 1)
        panel = Panel(ROW * len(bars), "", names, values, above=above)
        figure, (axes,) = make_figure(claim, note, wide, palette, [panel])
        looks = _looks(palette)[: len(legend)]
        for row, bar in enumerate(bars):
            _draw_bar(axes, row, bar, looks, names, shares)
        axes.set_xlim(0, 1.0 if shares else max(sum(bar.parts) for bar in bars))
        axes.set_ylim(len(bars) - 0.5, -0.5)
        axes.set_yticks([])
        nbins = 4 if wide > NARROW else 2
        axes.xaxis.set_major_locator(MaxNLocator(nbins=nbins, steps=TICK_STEPS, integer=not shares))
        axes.xaxis.set_major_formatter(FuncFormatter(percent_tick if shares else lambda v, _: count(v)))
        strip_axes(axes, palette)
        edge = -names / (wide - 2 * MARGIN - names - values)
        _draw_legend(axes, [Patch(label=t, **look) for t, look in zip(legend, looks, strict=True)], columns, edge)
    return figure


def _draw_bar(
    axes: Axes, row: int, bar: StackedBar, looks: Sequence[dict[str, Any]], names: float, shares: bool
) -> None:
    whole = sum(bar.parts) if shares else 1
    start = 0.0
    for part, look in zip(bar.parts, looks, strict=True):
        axes.barh(row, part / whole, left=start, height=0.66, zorder=2, **look)
        start += part / whole
    label_bar(axes, row, bar.name, names)
    axes.annotate(bar.value, (1, row), (7, 0), xycoords=axes.get_yaxis_transform(), **value_style())


def _draw_legend(axes: Axes, patches: list[Patch], columns: int, edge: float) -> None:
    axes.legend(
        handles=patches,
        ncols=columns,
        loc="lower left",
        bbox_to_anchor=(edge, 1.0),
        borderaxespad=0.3,
        frameon=False,
        fontsize=9,
        handlelength=1.2,
        handleheight=0.9,
        borderpad=0,
        columnspacing=1.4,
        labelspacing=0.25,
    )


def _looks(palette: Palette) -> list[dict[str, Any]]:
    """Returns the styles of the segments; they differ in gray as well, the last one by its hatching."""
    return [
        {"facecolor": palette.leader, "edgecolor": palette.leader, "linewidth": 0.5},
        {"facecolor": palette.others, "edgecolor": palette.others, "linewidth": 0.5},
        {"facecolor": palette.background, "edgecolor": palette.gap, "hatch": "////", "linewidth": 0.5},
    ]
