"""``ChartSpec``: a claim, the rows behind it and a function that draws it. ``Missing``: a chart without data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from peft_census.publish.charts.palette import Palette
from peft_census.publish.claims.claim import Claim

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ChartSpec:
    """One chart before it is drawn.

    Args:
        name: stem of its files.
        claim: what it says; its title, subtitle, source line and alt text are drawn and written from it.
        columns: of ``rows``.
        rows: the numbers that are drawn, which become its CSV.
        draw: returns the figure for a width in inches and a palette.
    """

    name: str
    claim: Claim
    columns: Sequence[str]
    rows: Sequence[dict[str, Any]]
    draw: Callable[[float, Palette], Figure]


@dataclass(frozen=True)
class Missing:
    """A chart without data, and the reason in one sentence."""

    name: str
    why: str
