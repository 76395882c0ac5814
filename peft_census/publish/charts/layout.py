"""The layout that all charts share: title, subtitle, panels from top to bottom, a note.

In: a claim and the height of every panel, in inches. Out: a figure with empty axes that no text touches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import MARGIN, width, wrap
from peft_census.publish.claims.claim import Claim
from peft_census.publish.snapshot_reader import shorten

WIDE, NARROW = 8.6, 4.8
"""Width in inches: for pages and slides; for phones."""

NAME_SIZE, VALUE_SIZE, TICK_SIZE = 10.0, 9.5, 8.5
"""Points: names of bars and lines, their values, and ticks."""

_TITLE, _TITLE_STEP = 15.0, 0.29
_SUBTITLE, _SUBTITLE_STEP = 9.5, 0.19
_HEAD, _HEAD_STEP = 10.5, 0.2
_NOTE, _NOTE_STEP = 8.5, 0.17
_GAP = 0.16


@dataclass(frozen=True)
class Panel:
    """The size of one panel, in inches.

    Args:
        tall: height of its axes.
        head: heading above it; no heading if empty.
        left: space left of the axes inside the margin, for names or ticks.
        right: space right of the axes.
        below: space under the axes, for ticks.
        above: space between heading and axes, for a legend.
    """

    tall: float
    head: str = ""
    left: float = 0.0
    right: float = 0.0
    below: float = 0.34
    above: float = 0.0


def make_figure(
    claim: Claim, note: str, wide: float, palette: Palette, panels: Sequence[Panel]
) -> tuple[Figure, list[Axes]]:
    """Returns a figure ``wide`` inches wide with the title and subtitle of ``claim``, and the axes of its panels.

    Call it, and draw, within ``save.chart_style(palette)``.
    """
    inner = wide - 2 * MARGIN
    titles, subtitles = wrap(claim.title, inner, _TITLE, "bold"), wrap(claim.subtitle, inner, _SUBTITLE)
    notes = wrap(note, inner, _NOTE) if note else []
    heads = [wrap(p.head, inner, _HEAD, "bold") if p.head else [] for p in panels]
    below_title = MARGIN + _TITLE_STEP * len(titles) + 0.08
    top = below_title + _SUBTITLE_STEP * len(subtitles) + 0.12
    body = sum(_head_height(h) + p.above + p.tall + p.below for h, p in zip(heads, panels, strict=True))
    tall = top + body + _GAP * (len(panels) - 1) + 0.12 + _NOTE_STEP * len(notes)
    figure = Figure(figsize=(wide, tall))

    def write(lines: list[str], y: float, step: float, size: float, **style: Any) -> None:
        for i, line in enumerate(lines):
            place = (MARGIN / wide, 1 - (y + step * i) / tall)
            figure.text(*place, line, va="top", fontsize=size, parse_math=False, **style)

    write(titles, MARGIN, _TITLE_STEP, _TITLE, weight="bold")
    write(subtitles, below_title, _SUBTITLE_STEP, _SUBTITLE, color=palette.muted)
    y, axes = top, []
    for head, panel in zip(heads, panels, strict=True):
        write(head, y + 0.06, _HEAD_STEP, _HEAD, weight="bold", color=palette.muted)
        y += _head_height(head) + panel.above
        left, right = MARGIN + panel.left, MARGIN + panel.right
        box = (left / wide, 1 - (y + panel.tall) / tall, 1 - (left + right) / wide, panel.tall / tall)
        axes.append(figure.add_axes(box))
        y += panel.tall + panel.below + _GAP
    write(notes, tall - _NOTE_STEP * len(notes), _NOTE_STEP, _NOTE, color=palette.muted)
    return figure, axes


def strip_axes(axes: Axes, palette: Palette, grid: Literal["x", "y"] = "x") -> None:
    """Hides all spines but one and all tick marks, and draws a light grid along ``grid``."""
    axes.tick_params(axis="both", length=0, labelsize=TICK_SIZE, labelcolor=palette.muted, pad=4)
    axes.grid(axis=grid, color=palette.rule, linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "bottom" if grid == "x" else "left"):
        axes.spines[side].set_visible(False)
    axes.spines["left" if grid == "x" else "bottom"].set_color(palette.muted)


def label_width(names: Sequence[str], wide: float, most: float = 0.36, weight: str = "normal") -> float:
    """Returns the inches that ``names`` need left of their bars, at most the fraction ``most`` of the width."""
    return min(max((width(n, NAME_SIZE, weight) for n in names), default=0.0) + 0.12, most * wide)


def truncate(name: str, inches: float, size: float = NAME_SIZE, weight: str = "normal") -> str:
    """Returns ``name``, without its middle if it is wider than ``inches``."""
    fitted, most = name, len(name)
    while width(fitted, size, weight) > inches and most > 4:
        most -= 1
        fitted = shorten(name, most)
    return fitted


def avoid_overlap(wanted: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Returns positions as near to ``wanted`` as possible, in the same order and at least ``apart`` from one another.

    Positions stay between ``low`` and ``high`` if there is space for all.
    """
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    groups: list[tuple[float, list[int]]] = []  # mean of the wanted positions, members; placed around the mean
    for i in order:
        groups.append((wanted[i], [i]))
        while len(groups) > 1 and _top(groups[-2], apart) + apart > _bottom(groups[-1], apart) + 1e-12:
            (m1, g1), (m2, g2) = groups[-2:]
            groups[-2:] = [((m1 * len(g1) + m2 * len(g2)) / (len(g1) + len(g2)), g1 + g2)]
    places = [0.0] * len(wanted)
    for mean, members in groups:
        for k, i in enumerate(members):
            places[i] = mean + apart * (k - (len(members) - 1) / 2)
    floor = low
    for i in order:
        places[i] = max(places[i], floor)
        floor = places[i] + apart
    ceiling = high
    for i in reversed(order):
        places[i] = min(places[i], ceiling)
        ceiling = places[i] - apart
    return places


def _bottom(group: tuple[float, list[int]], apart: float) -> float:
    return group[0] - apart * (len(group[1]) - 1) / 2


def _top(group: tuple[float, list[int]], apart: float) -> float:
    return group[0] + apart * (len(group[1]) - 1) / 2


def _head_height(head: list[str]) -> float:
    return 0.14 + _HEAD_STEP * len(head) if head else 0.0
