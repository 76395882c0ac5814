"""Panels of rows: a name, a bar or a dot with its interval, and columns of values under heads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from peft_census.publish.charts.frame import Frame
from peft_census.publish.charts.marks import Stroke, Words, box, marker
from peft_census.publish.charts.measure import MIDDLE, NAME_SIZE, TICK_SIZE, VALUE_SIZE, truncate, widest, width
from peft_census.publish.charts.spec import Panel

ROW = 0.27
"""Inches from one row to the next."""

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

    def draw(self, frame: Frame) -> None:
        frame.across = self.ends
        frame.columns(frame.ticks(self.ends, min(5.0, frame.wide / 0.7)), percent_tick)
        frame.base("left")
        if self.line is not None:
            x = frame.at_x(self.line)
            places = [(x, frame.y), (x, frame.y + frame.tall)]
            frame.marks.append(Stroke(places=places, color="muted", width=0.9, dash=(4, 3)))
        high = frame.tall / len(self.rows)
        edges = list(accumulate(self._column_widths(), initial=frame.x + frame.wide))[1:]
        for i, row in enumerate(self.rows):
            middle = frame.y + (i + 0.5) * high
            if self.dots:
                _draw_dot(frame, row, middle)
            else:
                self._draw_bar(frame, row, middle, high)
            if row.bounds:
                frame.stroke([(frame.at_x(v), middle) for v in row.bounds], "ink", 1.3)
            if self.dots and row.share is not None:
                radius = 0.055 if row.bold else 0.045
                frame.marks.append(marker("o", frame.at_x(row.share), middle, radius, row.color))
            _write_row(frame, row, middle, edges)
        for head, right in zip(self.columns, edges, strict=True):
            frame.marks.append(Words(right, frame.y - 0.06, head, TICK_SIZE, "muted", "end"))

    def _draw_bar(self, frame: Frame, row: Row, middle: float, high: float) -> None:
        start = 0.0
        for part, color in zip(row.parts, self.parts, strict=True) if row.parts else [(row.share or 0.0, row.color)]:
            left, right = frame.at_x(start), frame.at_x(start + part)
            frame.marks.append(box(left, middle - 0.33 * high, right - left, 0.66 * high, color))
            start += part


def _draw_dot(frame: Frame, row: Row, middle: float) -> None:
    if row.diamond is not None:
        frame.marks.append(marker("D", frame.at_x(row.diamond), middle, 0.045, "background", row.color))


def _write_row(frame: Frame, row: Row, middle: float, edges: Sequence[float]) -> None:
    """Writes the name left of the axes and the values in columns right of it."""
    name = truncate(row.name, frame.left - 0.1, NAME_SIZE, row.weight)
    base = middle + MIDDLE * NAME_SIZE
    frame.marks.append(Words(frame.x - 0.1, base, name, NAME_SIZE, anchor="end", bold=row.bold))
    for value, right in zip(row.values, edges, strict=False):
        base = middle + MIDDLE * VALUE_SIZE
        frame.marks.append(Words(right, base, value, VALUE_SIZE, anchor="end", bold=row.bold))


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


def percent_tick(value: float) -> str:
    """Returns a tick in percent with the decimals it needs and no more."""
    return f"{float(f'{100 * value:.6g}'):.12f}".rstrip("0").rstrip(".") + "%" if math.isfinite(value) else ""


def tick_width(texts: Sequence[str]) -> float:
    """Returns the inches that tick labels need left of an axis."""
    return widest(texts, TICK_SIZE) + 0.12
