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

from peft_census.publish.charts import INK, LEADER, MARGIN, MUTED, OTHERS, PAPER, RULE, SUMMED, chart_style, width, wrap
from peft_census.publish.claims import Claim, break_down
from peft_census.publish.numbers import count, percent, plural
from peft_census.publish.reading import Share, shorten

WIDE, NARROW = 8.6, 4.8
"""Inches: for pages and slides; for phones, where a wide chart shrinks until nobody can read it."""
ROW = 0.31
AXIS_ROOM = 0.34
GAP = 0.16
NAME_SIZE, VALUE_SIZE, HEAD_SIZE = 10.0, 9.5, 10.5
NAMES_AT_MOST = 0.36
"""Part of the chart's width that names may take; longer ones lose their middle."""


@dataclass(frozen=True)
class Bar:
    """One bar: name, share with its interval (None for sums), value in words, colour."""

    name: str
    share: float
    bounds: tuple[float, float] | None
    value: str
    color: str


Panel = tuple[str, list[Bar], float]
"""Heading, bars, and the share at the right end of the axis."""


def headline_chart(claim: Claim, others: Sequence[Share], wide: float = WIDE) -> Figure:
    """Returns the chart of ``claim``.

    Args:
        claim: the headline.
        others: the shares of the other techniques under the claim's rule, most votes first.
        wide: width in inches, ``WIDE`` or ``NARROW``.
    """
    with chart_style():
        if claim.share is None:
            return _draw(claim, [], wide)
        panels = [("", _first_panel(claim, others), 1.0)]
        bars = _small_bars(list(others))
        if bars:
            rest = claim.base - claim.numerator
            cards = "card" if rest == 1 else plural(rest, "card")
            head = f"The other {cards} ({percent(rest / claim.base)}) by technique, on a scale of its own"
            panels.append((head, bars, max(max(b.share, b.bounds[1] if b.bounds else 0) for b in bars)))
        return _draw(claim, panels, wide)


def _first_panel(claim: Claim, others: Sequence[Share]) -> list[Bar]:
    rest = claim.base - claim.numerator
    share, low, high = claim.share or 0.0, claim.low or 0.0, claim.high or 0.0
    techniques = sum(s.numerator > 0 for s in others)
    name = f"{plural(techniques, 'other technique')}" if techniques else "Any other technique"
    return [
        Bar(claim.name or "", share, (low, high), f"{percent(share)}  ·  {count(claim.numerator)}", LEADER),
        # What is not the leader has the mirror image of the leader's interval.
        Bar(name, 1 - share, (1 - high, 1 - low), f"{percent(rest / claim.base)}  ·  {count(rest)}", OTHERS),
    ]


def _small_bars(others: list[Share]) -> list[Bar]:
    shown, summed = break_down(others)
    bars = [
        Bar(s.name, s.share, (s.low, s.high), f"{percent(s.share)}  ·  {count(s.numerator)}", OTHERS) for s in shown
    ]
    if summed:
        votes, share = sum(s.numerator for s in summed), sum(s.share for s in summed)
        bars.append(Bar(f"{len(summed)} others", share, None, f"{percent(share)}  ·  {count(votes)}", SUMMED))
    return bars


def _draw(claim: Claim, panels: list[Panel], wide: float) -> Figure:
    """Returns the figure: title, subtitle, then the panels from top to bottom, measured in inches."""
    inner = wide - 2 * MARGIN
    title, subtitle = wrap(claim.title, inner, 15, "bold"), wrap(claim.subtitle, inner, 9.5)
    note = wrap(_note(panels), inner, 8.5)
    heads = [wrap(head, inner, HEAD_SIZE, "bold") if head else [] for head, _, _ in panels]
    below_title = MARGIN + 0.29 * len(title) + 0.08
    top = below_title + 0.19 * len(subtitle) + 0.12
    body = sum(_head_room(h) + ROW * len(bars) + AXIS_ROOM for h, (_, bars, _) in zip(heads, panels, strict=True))
    tall = top + (body + GAP * (len(panels) - 1) if panels else 1.0) + 0.12 + 0.17 * len(note)
    figure = Figure(figsize=(wide, tall))

    def write(lines: list[str], y: float, step: float, size: float, **style: Any) -> None:
        for i, line in enumerate(lines):
            place = (MARGIN / wide, 1 - (y + step * i) / tall)
            figure.text(*place, line, va="top", fontsize=size, parse_math=False, **style)

    write(title, MARGIN, 0.29, 15, weight="bold")
    write(subtitle, below_title, 0.19, 9.5, color=MUTED)
    left, right = _margins(panels, wide)
    y = top
    for head, (_, bars, most) in zip(heads, panels, strict=True):
        write(head, y + 0.06, 0.2, HEAD_SIZE, weight="bold", color=OTHERS)
        y += _head_room(head)
        high = ROW * len(bars)
        axes = figure.add_axes((left / wide, 1 - (y + high) / tall, 1 - (left + right) / wide, high / tall))
        _draw_bars(axes, bars, most, names=left - MARGIN)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5 if wide > NARROW else 2, steps=[1, 2, 2.5, 5, 10]))
        y += high + AXIS_ROOM + GAP
    if not panels:
        _draw_nothing(figure, wide, top, tall)
    write(note, tall - 0.17 * len(note), 0.17, 8.5, color=MUTED)
    return figure


def _head_room(head: list[str]) -> float:
    return 0.14 + 0.2 * len(head) if head else 0.0


def _margins(panels: list[Panel], wide: float) -> tuple[float, float]:
    """Returns the room for names on the left and values on the right, one for all panels."""
    bars = [bar for _, bars, _ in panels for bar in bars]
    names = max((width(b.name, NAME_SIZE, _weight(b)) for b in bars), default=0)
    values = max((width(b.value, VALUE_SIZE, _weight(b)) for b in bars), default=0)
    return MARGIN + min(names + 0.12, NAMES_AT_MOST * wide), MARGIN + values + 0.14


def _weight(bar: Bar) -> str:
    return "bold" if bar.color == LEADER else "normal"


def _fit(bar: Bar, inches: float) -> str:
    """Returns the bar's name, its middle left out as far as it must be to fit."""
    name, most = bar.name, len(bar.name)
    while width(name, NAME_SIZE, _weight(bar)) > inches and most > 4:
        most -= 1
        name = shorten(bar.name, most)
    return name


def _draw_bars(axes: Axes, bars: list[Bar], most: float, names: float) -> None:
    """Draws horizontal bars with names, whiskers and values; no legend, no frame."""
    for row, bar in enumerate(bars):
        axes.barh(row, bar.share, height=0.66, color=bar.color, zorder=2)
        end = bar.share
        if bar.bounds:
            low, high = bar.bounds
            end = max(end, high)
            axes.plot([low, high], [row, row], color=INK, linewidth=1.1, zorder=3, solid_capstyle="butt")
            axes.plot([low, high], [row, row], "|", color=INK, markersize=5, markeredgewidth=1.1, zorder=3)
        style: dict[str, Any] = {
            "va": "center_baseline",
            "parse_math": False,
            "annotation_clip": False,
            "textcoords": "offset points",
        }
        paper = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5}
        weight, name = _weight(bar), _fit(bar, names - 0.1)
        axes.annotate(name, (0, row), (-7, 0), ha="right", fontsize=NAME_SIZE, weight=weight, **style)
        axes.annotate(bar.value, (end, row), (7, 0), ha="left", fontsize=VALUE_SIZE, weight=weight, bbox=paper, **style)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, most)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.tick_params(axis="x", length=0, labelsize=8.5, labelcolor=MUTED, pad=4)
    axes.grid(axis="x", color=RULE, linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(MUTED)
    for line in [*axes.lines, *axes.get_xgridlines()]:
        line.set_clip_on(False)


def _tick(value: float, _position: int | None = None) -> str:
    """Returns a tick in per cent with the decimals it needs and no more."""
    return f"{float(f'{100 * value:.6g}'):.12f}".rstrip("0").rstrip(".") + " %" if math.isfinite(value) else ""


def _draw_nothing(figure: Figure, wide: float, top: float, tall: float) -> None:
    """Draws an empty frame that says so: no bar, because there is no share, not even of zero."""
    axes = figure.add_axes((MARGIN / wide, 1 - (top + 0.9) / tall, 1 - 2 * MARGIN / wide, 0.8 / tall))
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=MUTED, linestyle=(0, (4, 4)))
    axes.text(0.5, 0.5, "nothing to count", ha="center", va="center", color=MUTED, fontsize=12)


def _note(panels: list[Panel]) -> str:
    if not panels:
        return "A base of zero has no shares; this is a gap, not a zero."
    text = "Bars: share and number of cards. Whiskers: 95 % interval of the sampling alone. To cite is not to use."
    return f"{text} No other technique is cited." if len(panels) == 1 else text
