"""What a chart is made of: texts, lines, shapes and discs in inches from the upper left corner, in named colors.

A chart is laid out once for each format. The same marks become the light and the dark SVG and PNG (``save``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Place = tuple[float, float]


@dataclass(frozen=True)
class Words:
    """A line of text whose baseline starts, is centered (``middle``) or ends at a place.

    Args:
        x, y: the place.
        text: the words.
        size: in points.
        color: name of a color of the palette.
        anchor: ``start``, ``middle`` or ``end``.
        bold: whether it is.
        alpha: opacity.
        angle: degrees counterclockwise.
        tick: whether it names a value of an axis.
    """

    x: float
    y: float
    text: str
    size: float
    color: str = "ink"
    anchor: str = "start"
    bold: bool = False
    alpha: float = 1.0
    angle: float = 0.0
    tick: bool = False


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """A line through places; width and dashes in points."""

    places: Sequence[Place]
    color: str
    width: float
    alpha: float = 1.0
    dash: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A filled polygon, with an edge if it has a color of its own."""

    places: Sequence[Place]
    fill: str
    alpha: float = 1.0
    edge: str = ""


@dataclass(frozen=True, kw_only=True)
class Disc:
    """A circle with an edge."""

    x: float
    y: float
    radius: float
    fill: str
    edge: str


Mark = Words | Stroke | Shape | Disc


@dataclass
class Sheet:
    """A chart in one format: its size in inches and its marks, the first one at the back."""

    wide: float
    tall: float
    marks: list[Mark] = field(default_factory=list)


def box(x: float, y: float, wide: float, tall: float, fill: str, edge: str = "") -> Shape:
    """Returns a rectangle by its upper left corner."""
    return Shape(places=[(x, y), (x + wide, y), (x + wide, y + tall), (x, y + tall)], fill=fill, edge=edge)


_UNITS: dict[str, Sequence[Place]] = {
    "s": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "D": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    "^": ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
    "v": ((0, 1.2), (1.1, -0.8), (-1.1, -0.8)),
    "p": ((-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4), (1.2, 0.4), (0.4, 0.4), (0.4, 1.2), (-0.4, 1.2),
          (-0.4, 0.4), (-1.2, 0.4), (-1.2, -0.4), (-0.4, -0.4)),
}  # fmt: skip
"""Markers: square, diamond, triangles, cross."""


def marker(kind: str, x: float, y: float, radius: float, fill: str, edge: str = "") -> Mark:
    """Returns a marker, by default a disc, with an edge of its own color if none is given."""
    if kind not in _UNITS:
        return Disc(x=x, y=y, radius=radius, fill=fill, edge=edge or fill)
    places = [(x + radius * dx, y + radius * dy) for dx, dy in _UNITS[kind]]
    return Shape(places=places, fill=fill, edge=edge or fill)
