"""The layout that all charts share: mark, title, subtitle, panels, note and source line, in any format.

In: a chart and a format. Out: marks, in which no text touches another. A format is a width, or a width and
a ratio: there the panels stand side by side if it is broad, are stretched to fill the height, and the whole is made
broader, hence relatively smaller, until it fits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from peft_census.publish.charts.frame import Frame
from peft_census.publish.charts.marks import Sheet, Words, box
from peft_census.publish.charts.measure import CAPITAL, MIDDLE, TICK_SIZE, widest, width, wrap
from peft_census.publish.charts.spec import ChartSpec, Panel


@dataclass(frozen=True)
class Format:
    """A size of charts: width in inches, height / width (None: as high as needed), and the width of its PNG."""

    name: str
    wide: float
    ratio: float | None = None
    pixels: int = 1400


PAGE = Format("page", 8.6)
PHONE = Format("phone", 4.8, pixels=1080)
SOCIAL = (Format("16x9", 9.6, 9 / 16, 1600), Format("4x5", 5.6, 5 / 4, 1080))
"""The formats of social networks."""

_MARGIN, _GAP = 0.3, 0.28
_TITLE, _SUBTITLE, _HEAD, _NOTE = (15.0, 0.27), (9.5, 0.18), (10.5, 0.2), (8.0, 0.15)
_AXIS_TITLE = (TICK_SIZE, 0.17)
"""Sizes of texts: points, and inches from line to line."""
_TURN = math.radians(28)
"""Angle of the watermark."""


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


def compose(chart: ChartSpec, form: Format) -> Sheet:
    """Returns the marks of ``chart`` in a format."""
    wide = form.wide
    plan = _plan(chart, wide, form)
    while form.ratio and plan.tall > wide * form.ratio:
        wide *= 1.03
        plan = _plan(chart, wide, form)
    sheet = Sheet(wide, wide * form.ratio if form.ratio else plan.tall)
    _write_texts(sheet, plan)
    for column in range(plan.columns):
        _draw_column(sheet, plan, column)
    if chart.claim.mark:
        _mark(sheet, chart.claim.mark, plan.banner)
    return sheet


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


def _write_texts(sheet: Sheet, plan: _Plan) -> None:
    y = _write(sheet, plan.titles, _MARGIN, plan.banner + _MARGIN, _TITLE, "ink", bold=True) + 0.05
    y = _write(sheet, plan.subtitles, _MARGIN, y, _SUBTITLE, "muted") + 0.05
    for line in plan.key:
        _write_key(sheet, line, _MARGIN, y)
        y += 0.2
    _write(sheet, plan.notes, _MARGIN, sheet.tall - _MARGIN * 0.7 - _NOTE[1] * len(plan.notes), _NOTE, "muted")


def _write(
    sheet: Sheet, lines: Sequence[str], x: float, y: float, size: tuple[float, float], color: str, bold: bool = False
) -> float:
    """Writes lines of text, the first one below ``y``, and returns where they end."""
    for line in lines:
        base = y + 0.02 + CAPITAL * size[0]
        sheet.marks.append(Words(x=x, y=base, text=line, size=size[0], color=color, bold=bold))
        y += size[1]
    return y


def _draw_column(sheet: Sheet, plan: _Plan, column: int) -> None:
    blocks = [b for b in plan.blocks if b.column == column]
    spare = sheet.tall - plan.top - plan.bottom - plan.column(column)
    whole = sum(b.panel.tall() for b in blocks)
    broad = (plan.wide - 2 * _MARGIN - _GAP * (plan.columns - 1)) / plan.columns
    x, y = _MARGIN + column * (broad + _GAP), plan.top
    for block in blocks:
        panel = block.panel
        high = panel.tall() * min(panel.most(), 1 + max(0.0, spare) / whole)
        under = _write(sheet, block.head, x, y, _HEAD, "ink", bold=True) + (0.06 if block.head else 0)
        if panel.y_title:
            start = x if block.left < 1 else x + block.left - panel.left(broad)
            _write_title(sheet, panel.y_title, start, under, x, broad)
        y += block.above
        inner = broad - block.left - block.right
        panel.draw(Frame(sheet.marks, x + block.left, y, inner, high, block.left, block.right))
        y += high + block.below + _GAP
        if panel.x_title:
            under = y - _GAP - _AXIS_TITLE[1] * len(wrap(panel.x_title, broad, TICK_SIZE))
            _write_title(sheet, panel.x_title, x + block.left, under, x, broad)


def _write_title(sheet: Sheet, title: str, start: float, y: float, x: float, broad: float) -> None:
    """Writes the title of an axis at ``start``, or further left if it would leave the column."""
    titles = wrap(title, broad, TICK_SIZE)
    _write(sheet, titles, min(start, x + broad - widest(titles, TICK_SIZE)), y, _AXIS_TITLE, "muted")


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


def _write_key(sheet: Sheet, entries: Sequence[tuple[str, str]], x: float, y: float) -> None:
    """Draws colored squares with their texts; a color name that starts with ``outline:`` gives an empty square."""
    for name, text in entries:
        color = name.removeprefix("outline:")
        sheet.marks.append(box(x, y + 0.02, 0.1, 0.1, color if name == color else "background", color))
        _write(sheet, [text], x + 0.15, y, (TICK_SIZE, 0.19), "muted")
        x += width(text, TICK_SIZE) + 0.35


def _mark(sheet: Sheet, mark: str, height: float) -> None:
    """Draws the banner and, over everything, the watermark, so that cropping cannot remove both."""
    sheet.marks.append(box(0, 0, sheet.wide, height, "banner"))
    size = min(11.0, 11.0 * (sheet.wide - 0.3) / width(mark, 11, "bold"))
    middle = sheet.wide / 2
    base = height / 2 + MIDDLE * size
    sheet.marks.append(Words(middle, base, mark, size, "banner_ink", "middle", bold=True))
    size = 5 * sheet.wide
    for line, text in enumerate((mark.partition(" ")[0], "shares mean nothing")):
        # the second line stands below the first one, at a right angle to it
        down = (line - 0.3) * 1.3 * size / 72
        x, y = middle + down * math.sin(_TURN), (height + sheet.tall) / 2 + down * math.cos(_TURN)
        angle = math.degrees(_TURN)
        sheet.marks.append(Words(x, y, text, size, "ink", "middle", bold=True, alpha=0.08, angle=angle))
