"""``ChartSpec``: a claim, the rows behind it and its panels. ``Panel``: what every panel says about its size.

A chart module turns rows of counted tables into a claim and panels; ``layout`` turns these into the marks of any format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peft_census.publish.charts.frame import Frame
from peft_census.publish.claims.claim import Claim


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel of a chart; the kinds of panels are subclasses.

    Args:
        head: heading above it.
        x_title: title of the horizontal axis.
        y_title: title of the vertical axis, written above it.
    """

    head: str = ""
    x_title: str = ""
    y_title: str = ""

    def left(self, wide: float) -> float:
        """Returns the inches that names or ticks need left of the axes, in a column ``wide`` inches wide."""
        raise NotImplementedError

    def right(self, wide: float) -> float:
        """Returns the inches that labels need right of the axes."""
        raise NotImplementedError

    def above(self) -> float:
        """Returns the inches that column heads need above the axes."""
        return 0.0

    def tall(self) -> float:
        """Returns the height of the axes where nothing else determines it."""
        raise NotImplementedError

    def most(self) -> float:
        """Returns how many times its height it may be stretched to fill a format."""
        return 3.0

    def draw(self, frame: Frame) -> None:
        """Draws the panel."""
        raise NotImplementedError


@dataclass(frozen=True)
class ChartSpec:
    """One chart before it is drawn.

    Args:
        name: stem of its files.
        claim: what it says; its title, subtitle, source line and alt text are drawn and written from it.
        columns: of ``rows``.
        rows: the numbers that are drawn, which become its CSV.
        panels: from top to bottom.
        note: what a reader needs to know to read the marks.
        key: names of colors, each with what it means.
    """

    name: str
    claim: Claim
    columns: Sequence[str]
    rows: Sequence[dict[str, Any]]
    panels: Sequence[Panel]
    note: str = ""
    key: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Missing:
    """A chart without data, and the reason in one sentence."""

    name: str
    why: str
