"""The layout that all charts share: mark, title, subtitle, panels, note and source line, in any format.

In: a chart, a format and a palette. Out: a figure in which no text touches another. A format is a width, or a width and
a ratio: there the panels stand side by side if it is broad, are stretched to fill the height, and the whole is made
broader, hence relatively smaller, until it fits.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from peft_census.publish.charts.measure import FONT, TICK_SIZE, widest, width, wrap
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.spec import ChartSpec, Look, Panel
from peft_census.publish.claims.claim import Claim


@dataclass(frozen=True)
class Format:
    """A size of charts: width in inches, height / width (None: as high as needed), and the width of its PNG."""

    name: str
    wide: float
    ratio: float | None = None
    pixels: int = 1600


PAGE = Format("page", 8.6)
PHONE = Format("phone", 4.8, pixels=1080)
SOCIAL = (Format("16x9", 9.6, 9 / 16, 1600), Format("4x5", 5.6, 5 / 4, 1080))
"""The formats of social networks."""

_MARGIN, _GAP = 0.3, 0.28
_TITLE, _SUBTITLE, _HEAD, _NOTE = (15.0, 0.27), (9.5, 0.18), (10.5, 0.2), (8.0, 0.15)
"""Sizes of texts: points, and inches from line to line."""

_STYLE: dict[Any, Any] = {
    "font.family": [FONT],
    "font.size": 10.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "peft_census",
    "path.simplify": False,
    "axes.unicode_minus": True,
    "text.parse_math": False,
}
_RIGHT_OF_LAST_TICK = 0.25


@contextmanager
def chart_style(palette: Palette) -> Iterator[None]:
    """Sets the project's style, independent of the user's Matplotlib settings."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A source label may have letters that the bundled font lacks; the SVG keeps them as text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        matplotlib.rcParams.update({"figure.facecolor": palette.background, "axes.facecolor": palette.background})
        matplotlib.rcParams.update({"text.color": palette.ink})
        yield


@dataclass(frozen=True)
class _Block:
    """A panel with its place: column, texts above it, and inches on its four sides."""

    panel: Panel
    column: int
    head: list[str]
    left: float
    right: float
    above: float
    below: float

    @property
    def around(self) -> float:
        """The inches above and below its axes."""
        return self.above + self.below


@dataclass
class _Plan:
    """The texts and blocks of a figure of one width, and the height that it needs."""

    wide: float
    titles: list[str]
    subtitles: list[str]
    key: list[list[tuple[str, str]]]
    notes: list[str]
    blocks: list[_Block]
    columns: int
    banner: float
    tall: float = field(init=False)

    def __post_init__(self) -> None:
        self.tall = self.top + max(self.column(i) for i in range(self.columns)) + self.bottom

    @property
    def top(self) -> float:
        """The inches above the panels."""
        titles = _TITLE[1] * len(self.titles) + _SUBTITLE[1] * len(self.subtitles) + 0.2 * len(self.key)
        return self.banner + _MARGIN + titles + 0.2

    @property
    def bottom(self) -> float:
        """The inches below the panels."""
        return _NOTE[1] * len(self.notes) + 0.14 + _MARGIN * 0.7

    def column(self, number: int) -> float:
        """Returns the height of the panels of a column."""
        blocks = [b for b in self.blocks if b.column == number]
        return sum(b.around + b.panel.tall() for b in blocks) + _GAP * (len(blocks) - 1)


def compose(chart: ChartSpec, form: Format, palette: Palette) -> Figure:
    """Returns the figure of ``chart`` in a format; save it within ``chart_style`` of the same palette."""
    with chart_style(palette):
        wide = form.wide
        plan = _plan(chart, wide, form)
        while form.ratio and plan.tall > wide * form.ratio:
            wide *= 1.03
            plan = _plan(chart, wide, form)
        tall = wide * form.ratio if form.ratio else plan.tall
        figure = Figure(figsize=(wide, tall))
        _write_texts(figure, plan, tall, palette)
        for column in range(plan.columns):
            _draw_column(figure, plan, column, tall, palette)
        if chart.claim.mark:
            _mark(figure, chart.claim, plan.banner / tall, palette)
    return figure


def _plan(chart: ChartSpec, wide: float, form: Format) -> _Plan:
    inner, claim = wide - 2 * _MARGIN, chart.claim
    columns = 2 if form.ratio and form.ratio < 1 and len(chart.panels) > 1 else 1
    broad = (inner - _GAP * (columns - 1)) / columns
    footer = f"{chart.note} {claim.source_line}" if form.ratio else claim.source_line
    notes = [] if form.ratio or not chart.note else wrap(chart.note, inner, _NOTE[0])
    blocks = [_block(panel, broad) for panel in chart.panels]
    return _Plan(
        wide,
        wrap(claim.title, inner, _TITLE[0], "bold"),
        wrap(claim.subtitle, inner, _SUBTITLE[0]),
        key_lines(chart.key, inner),
        [*notes, *wrap(footer.strip(), inner, _NOTE[0])],
        _balance(blocks) if columns == 2 else _align(blocks),
        columns,
        0.36 if claim.mark else 0.0,
    )


def _block(panel: Panel, broad: float) -> _Block:
    head = wrap(panel.head, broad, _HEAD[0], "bold") if panel.head else []
    above = _HEAD[1] * len(head) + (0.06 if head else 0) + panel.above()
    above += 0.19 * len(wrap(panel.y_title, broad, TICK_SIZE)) if panel.y_title else 0
    below = 0.24 + (0.17 * len(wrap(panel.x_title, broad, TICK_SIZE)) if panel.x_title else 0)
    return _Block(panel, 0, head, panel.left(broad), panel.right(broad), above, below)


def _balance(blocks: list[_Block]) -> list[_Block]:
    """Returns the blocks in two columns of heights as equal as their order allows."""
    heights = [b.around + b.panel.tall() for b in blocks]
    cut = min(range(1, len(blocks)), key=lambda i: max(sum(heights[:i]), sum(heights[i:])))
    columns = [_align(blocks[:cut]), _align(blocks[cut:])]
    return [_moved(b, column=i) for i, column in enumerate(columns) for b in column]


def _align(blocks: list[_Block]) -> list[_Block]:
    """Returns the blocks of a column with their axes one below the other."""
    left, right = max(b.left for b in blocks), max(b.right for b in blocks)
    return [_moved(b, left=left, right=right) for b in blocks]


def _moved(block: _Block, **changed: Any) -> _Block:
    return _Block(**{**vars(block), **changed})


def _write_texts(figure: Figure, plan: _Plan, tall: float, palette: Palette) -> None:
    y = plan.banner + _MARGIN
    y = _write(figure, plan.titles, _MARGIN, y, _TITLE, weight="bold") + 0.05
    y = _write(figure, plan.subtitles, _MARGIN, y, _SUBTITLE, color=palette.muted) + 0.05
    for line in plan.key:
        _write_key(figure, line, _MARGIN, y, palette)
        y += 0.2
    y = tall - _MARGIN * 0.7 - _NOTE[1] * len(plan.notes)
    _write(figure, plan.notes, _MARGIN, y, _NOTE, color=palette.muted)


def _write(figure: Figure, lines: Sequence[str], x: float, y: float, size: tuple[float, float], **style: Any) -> float:
    """Writes lines of text, the first one ``y`` inches below the upper edge, and returns where they end."""
    wide, tall = (float(v) for v in figure.get_size_inches())
    for line in lines:
        figure.text(x / wide, 1 - y / tall, line, va="top", fontsize=size[0], **style)
        y += size[1]
    return y


def _draw_column(figure: Figure, plan: _Plan, column: int, tall: float, palette: Palette) -> None:
    blocks = [b for b in plan.blocks if b.column == column]
    spare = tall - plan.top - plan.bottom - plan.column(column)
    whole = sum(b.panel.tall() for b in blocks)
    broad = (plan.wide - 2 * _MARGIN - _GAP * (plan.columns - 1)) / plan.columns
    x, y = _MARGIN + column * (broad + _GAP), plan.top
    for block in blocks:
        panel = block.panel
        high = panel.tall() * min(panel.most(), 1 + max(0.0, spare) / whole)
        under = _write(figure, block.head, x, y, _HEAD, weight="bold") + (0.06 if block.head else 0)
        if panel.y_title:
            titles = wrap(panel.y_title, broad, TICK_SIZE)
            start = x if block.left < 1 else x + block.left - panel.left(broad)
            start = min(start, x + broad - widest(titles, TICK_SIZE))
            _write(figure, titles, start, under, (TICK_SIZE, 0.17), color=palette.muted)
        y += block.above
        box = (x + block.left, y, broad - block.left - block.right, high)
        axes = figure.add_axes((box[0] / plan.wide, 1 - (y + high) / tall, box[2] / plan.wide, high / tall))
        panel.draw(axes, Look(palette, box[2], high, block.left, block.right))
        y += high + block.below + _GAP
        if panel.x_title:
            titles = wrap(panel.x_title, broad, TICK_SIZE)
            under = y - _GAP - 0.17 * len(titles)
            start = min(box[0], x + broad - widest(titles, TICK_SIZE))
            _write(figure, titles, start, under, (TICK_SIZE, 0.17), color=palette.muted)


def key_lines(key: Sequence[tuple[str, str]], broad: float) -> list[list[tuple[str, str]]]:
    """Returns the entries of a key in lines not wider than ``broad`` inches."""
    lines: list[list[tuple[str, str]]] = []
    left = 0.0
    for color, text in key:
        needed = width(text, TICK_SIZE) + 0.35
        if not lines or left + needed > broad:
            lines.append([])
            left = 0.0
        lines[-1].append((color, text))
        left += needed
    return lines


def _write_key(figure: Figure, entries: Sequence[tuple[str, str]], x: float, y: float, palette: Palette) -> None:
    """Draws colored squares with their texts; a color name that starts with ``outline:`` gives an empty square."""
    wide, tall = (float(v) for v in figure.get_size_inches())
    for name, text in entries:
        color = palette.of(name.removeprefix("outline:"))
        face = palette.background if name.startswith("outline:") else color
        place = (x / wide, 1 - (y + 0.112) / tall)
        figure.add_artist(Rectangle(place, 0.1 / wide, 0.1 / tall, facecolor=face, edgecolor=color, linewidth=1.2))
        _write(figure, [text], x + 0.15, y, (TICK_SIZE, 0.19), color=palette.muted)
        x += width(text, TICK_SIZE) + 0.35


def _mark(figure: Figure, claim: Claim, height: float, palette: Palette) -> None:
    """Draws the banner and, over everything, the watermark, so that cropping cannot remove both."""
    banner = Rectangle((0, 1 - height), 1, height, transform=figure.transFigure, color=palette.banner, zorder=4)
    figure.add_artist(banner)
    wide = float(figure.get_figwidth())
    size = min(11.0, 11.0 * (wide - 0.3) / width(claim.mark, 11, "bold"))
    style: dict[str, Any] = {"ha": "center", "va": "center", "weight": "bold"}
    figure.text(0.5, 1 - height / 2, claim.mark, fontsize=size, color=palette.banner_ink, zorder=5, **style)
    words = f"{claim.mark.partition(' ')[0]}\nshares mean nothing"
    style |= {"alpha": 0.08, "rotation": 28}
    figure.text(0.5, (1 - height) / 2, words, fontsize=5 * wide, color=palette.ink, zorder=6, **style)
