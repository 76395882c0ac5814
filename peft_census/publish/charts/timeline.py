"""A line over months above bars of how many cards each month has. A month with too few cards is a hatched gap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peft_census.count.groups import NOT_KNOWN
from peft_census.publish.charts.bars import TICK_STEPS
from peft_census.publish.charts.layout import NARROW, TICK_SIZE, VALUE_SIZE, Panel, make_figure, strip_axes
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import chart_style, width
from peft_census.publish.claims.claim import Claim
from peft_census.publish.text.numbers import count

GAPS = "Hatched: months with too few cards for a value."


@dataclass(frozen=True)
class Month:
    """One month: its position on the axis, its cards, and its value with an interval, or None."""

    place: int
    base: float
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Scale:
    """The vertical axis: its ends, the text of a tick and of a value."""

    ends: tuple[float, float]
    tick: Callable[[float, int | None], str]
    text: Callable[[float], str]


def is_month(month: str) -> bool:
    """Says whether the value of a column ``month`` is one month of the calendar."""
    return month not in ("all", NOT_KNOWN) and not month.startswith("before")


def month_place(month: str) -> int:
    """Returns the position of a month like 2025-05 on the axis."""
    year, number = month.split("-")
    return 12 * int(year) + int(number) - 1


def draw_timeline(
    claim: Claim, months: Sequence[Month], note: str, scale: Scale, wide: float, palette: Palette
) -> Figure:
    """Returns the chart of ``claim``."""
    with chart_style(palette):
        largest = max(month.base for month in months)
        ticks = [scale.tick(v, None) for v in (*scale.ends, sum(scale.ends) / 3)]
        left = max(width(text, TICK_SIZE) for text in (*ticks, count(largest))) + 0.15
        panels = [Panel(2.3, "", left, 0.25, 0.06), Panel(0.7, "Cards of each month", left, 0.25)]
        figure, (top, bottom) = make_figure(claim, note, wide, palette, panels)
        for axes in (top, bottom):
            axes.set_xlim(months[0].place - 0.7, months[-1].place + 0.7)
        _draw_line(top, months, scale, palette)
        bottom.bar([m.place for m in months], [m.base for m in months], width=0.8, color=palette.muted, zorder=2)
        bottom.set_ylim(0, 1.05 * largest)
        bottom.set_yticks([largest], [count(largest)])
        bottom.set_xticks(*_month_ticks(months, 6 if wide > NARROW else 3))
        strip_axes(bottom, palette, "y")
    return figure


def _draw_line(axes: Axes, months: Sequence[Month], scale: Scale, palette: Palette) -> None:
    """Draws the line with its band, the gaps, and the values of the first and the last month."""
    gap = float("nan")
    values = [gap if month.value is None else month.value for month in months]
    style: dict[str, Any] = {
        "color": palette.leader,
        "linewidth": 1.8,
        "marker": "o",
        "markersize": 3.5,
        "clip_on": False,
    }
    axes.plot([m.place for m in months], values, zorder=4, **style)
    for run in _runs(months, lambda m: m.low is not None and m.value is not None):
        places = [m.place for m in run] if len(run) > 1 else [run[0].place - 0.25, run[0].place + 0.25]
        bounds = run if len(run) > 1 else run * 2
        lows, highs = [m.low or 0 for m in bounds], [m.high or 0 for m in bounds]
        axes.fill_between(places, lows, highs, color=palette.leader, alpha=0.22, linewidth=0, zorder=3)
    for run in _runs(months, lambda m: m.value is None):
        hatch: dict[str, Any] = {"facecolor": "none", "edgecolor": palette.rule, "hatch": "////", "linewidth": 0}
        axes.axvspan(run[0].place - 0.5, run[-1].place + 0.5, zorder=1, **hatch)
    axes.set_ylim(*scale.ends)
    axes.set_xticks([])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=TICK_STEPS))
    axes.yaxis.set_major_formatter(FuncFormatter(scale.tick))
    strip_axes(axes, palette, "y")
    valued = [month for month in months if month.value is not None]
    for month, ha in ((valued[0], "left"), (valued[-1], "right")):
        _label(axes, month, ha, scale, palette)


def _label(axes: Axes, month: Month, ha: str, scale: Scale, palette: Palette) -> None:
    value = month.value or 0.0
    axes.annotate(
        scale.text(value),
        (month.place, value),
        (0, 10 if value < sum(scale.ends) / 2 else -12),
        textcoords="offset points",
        ha=ha,
        va="center",
        fontsize=VALUE_SIZE,
        weight="bold",
        color=palette.leader,
        bbox={"facecolor": palette.background, "edgecolor": "none", "pad": 1.0},
        zorder=6,
        annotation_clip=False,
    )


def _runs(months: Sequence[Month], fits: Callable[[Month], bool]) -> list[list[Month]]:
    """Returns the runs of months that ``fits`` holds for."""
    runs: list[list[Month]] = [[]]
    for month in months:
        if fits(month):
            runs[-1].append(month)
        else:
            runs.append([])
    return [run for run in runs if run]


def _month_ticks(months: Sequence[Month], largest: int) -> tuple[list[int], list[str]]:
    """Returns at most about ``largest`` ticks, at the same month of the year if the span allows it."""
    first, last = months[0].place, months[-1].place
    step = next((s for s in (1, 2, 3, 6, 12, 24, 36, 60, 120) if (last - first) / s <= largest), 240)
    places = [p for p in range(first, last + 1) if p % step == 0] or [first]
    return places, [f"{p // 12}-{p % 12 + 1:02}" for p in places]
