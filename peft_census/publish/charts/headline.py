"""The headline chart: the leading technique against all the rest, and the rest under a glass.

In: the headline claim and the other shares under its rule. Out: a figure for ``save_chart``. Two panels,
because a bar of 98 % and bars of a hundredth of a per cent cannot share a scale and both be read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peft_census.publish.charts.layout import (
    NAME_SIZE,
    NARROW,
    VALUE_SIZE,
    WIDE,
    Panel,
    make_figure,
    strip_axes,
    truncate,
)
from peft_census.publish.charts.palette import LIGHT, Palette
from peft_census.publish.charts.save import chart_style, width
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import break_down
from peft_census.publish.snapshot_reader import Share
from peft_census.publish.text.numbers import count, percent, plural

ROW = 0.31
"""Inches from one bar to the next."""
NAMES_AT_MOST = 0.36
"""Part of the chart's width that names may take; longer ones lose their middle."""


@dataclass(frozen=True)
class Bar:
    """One bar: name, share with its interval (None for sums), value in words, colour, and whether it leads."""

    name: str
    share: float
    bounds: tuple[float, float] | None
    value: str
    color: str
    leads: bool = False

    @property
    def weight(self) -> str:
        """The weight of its letters."""
        return "bold" if self.leads else "normal"


BarPanel = tuple[str, list[Bar], float]
"""Heading, bars, and the share at the right end of the axis."""


def headline_chart(claim: Claim, others: Sequence[Share], wide: float = WIDE, palette: Palette = LIGHT) -> Figure:
    """Returns the chart of ``claim``.

    Args:
        claim: the headline.
        others: the shares of the other techniques under the claim's rule, most votes first.
        wide: width in inches, ``WIDE`` or ``NARROW``.
        palette: the colours.
    """
    with chart_style(palette):
        if claim.share is None:
            return _draw(claim, [], wide, palette)
        panels = [("", _first_panel(claim, others, palette), 1.0)]
        bars = _small_bars(list(others), palette)
        if bars:
            rest = claim.base - claim.numerator
            cards = "card" if rest == 1 else plural(rest, "card")
            head = f"The other {cards} ({percent(rest / claim.base)}) by technique, on a scale of its own"
            panels.append((head, bars, max(max(b.share, b.bounds[1] if b.bounds else 0) for b in bars)))
        return _draw(claim, panels, wide, palette)


def _first_panel(claim: Claim, others: Sequence[Share], palette: Palette) -> list[Bar]:
    rest = claim.base - claim.numerator
    share, low, high = claim.share or 0.0, claim.low or 0.0, claim.high or 0.0
    techniques = sum(s.numerator > 0 for s in others)
    name = f"{plural(techniques, 'other technique')}" if techniques else "Any other technique"
    return [
        Bar(
            claim.name or "", share, (low, high), f"{percent(share)}  ·  {count(claim.numerator)}", palette.leader, True
        ),
        # What is not the leader has the mirror image of the leader's interval.
        Bar(name, 1 - share, (1 - high, 1 - low), f"{percent(rest / claim.base)}  ·  {count(rest)}", palette.others),
    ]


def _small_bars(others: list[Share], palette: Palette) -> list[Bar]:
    shown, summed = break_down(others)
    bars = [
        Bar(s.name, s.share, (s.low, s.high), f"{percent(s.share)}  ·  {count(s.numerator)}", palette.others)
        for s in shown
    ]
    if summed:
        votes, share = sum(s.numerator for s in summed), sum(s.share for s in summed)
        bars.append(Bar(f"{len(summed)} others", share, None, f"{percent(share)}  ·  {count(votes)}", palette.summed))
    return bars


def _draw(claim: Claim, panels: list[BarPanel], wide: float, palette: Palette) -> Figure:
    """Returns the figure: the sheet with one panel of bars each."""
    bars = [bar for _, bars, _ in panels for bar in bars]
    names = min(max((width(b.name, NAME_SIZE, b.weight) for b in bars), default=0) + 0.12, NAMES_AT_MOST * wide)
    values = max((width(b.value, VALUE_SIZE, b.weight) for b in bars), default=0) + 0.14
    rooms = [Panel(ROW * len(bars), head, names, values) for head, bars, _ in panels]
    figure, axes = make_figure(
        claim.title, claim.subtitle, _note(panels), wide, palette, rooms or [Panel(0.8, below=0.1)]
    )
    if not panels:
        _draw_nothing(axes[0], palette)
    for room, (_, bars, most) in zip(axes, panels, strict=False):
        draw_bars(room, bars, most, names, palette)
        room.xaxis.set_major_locator(MaxNLocator(nbins=5 if wide > NARROW else 2, steps=[1, 2, 2.5, 5, 10]))
    return figure


def draw_bars(axes: Axes, bars: list[Bar], most: float, names: float, palette: Palette) -> None:
    """Draws horizontal bars with names (``names`` inches of room), whiskers and values; no legend, no frame."""
    for row, bar in enumerate(bars):
        axes.barh(row, bar.share, height=0.66, color=bar.color, zorder=2)
        end = bar.share
        if bar.bounds:
            low, high = bar.bounds
            end = max(end, high)
            axes.plot([low, high], [row, row], color=palette.ink, linewidth=1.1, zorder=3, solid_capstyle="butt")
            axes.plot([low, high], [row, row], "|", color=palette.ink, markersize=5, markeredgewidth=1.1, zorder=3)
        style: dict[str, Any] = {
            "va": "center_baseline",
            "parse_math": False,
            "annotation_clip": False,
            "textcoords": "offset points",
            "weight": bar.weight,
        }
        paper = {"facecolor": palette.paper, "edgecolor": "none", "pad": 1.5}
        name = truncate(bar.name, names - 0.1, weight=bar.weight)
        axes.annotate(name, (0, row), (-7, 0), ha="right", fontsize=NAME_SIZE, **style)
        axes.annotate(bar.value, (end, row), (7, 0), ha="left", fontsize=VALUE_SIZE, bbox=paper, **style)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, most)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(FuncFormatter(percent_tick))
    strip_axes(axes, palette)
    for line in [*axes.lines, *axes.get_xgridlines()]:
        line.set_clip_on(False)


def percent_tick(value: float, _position: int | None = None) -> str:
    """Returns a tick in per cent with the decimals it needs and no more."""
    return f"{float(f'{100 * value:.6g}'):.12f}".rstrip("0").rstrip(".") + " %" if math.isfinite(value) else ""


def _draw_nothing(axes: Axes, palette: Palette) -> None:
    """Draws an empty frame that says so: no bar, because there is no share, not even of zero."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=palette.muted, linestyle=(0, (4, 4)))
    axes.text(0.5, 0.5, "nothing to count", ha="center", va="center", color=palette.muted, fontsize=12)


def _note(panels: list[BarPanel]) -> str:
    if not panels:
        return "A base of zero has no shares; this is a gap, not a zero."
    text = "Bars: share and number of cards. Whiskers: 95 % interval of the sampling alone. To cite is not to use."
    return f"{text} No other technique is cited." if len(panels) == 1 else text
