"""One chart for a notebook, drawn in memory and shown as SVG.

In: a snapshot and the name of a chart. Out: a ``Chart``; without data, one that says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import pandas as pd

from peft_census.publish.charts.layout import PAGE
from peft_census.publish.charts.palette import DARK, LIGHT
from peft_census.publish.charts.registry import make_charts
from peft_census.publish.charts.save import draw, svg_text
from peft_census.publish.charts.spec import Missing
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import headline_of, make_claims
from peft_census.snapshot.snapshot import Snapshot


@dataclass(frozen=True)
class Chart:
    """A chart as a notebook shows it.

    Args:
        name: of the chart.
        claim: what it says, with the sentence to quote; None without data.
        data: the rows that are drawn.
        svg: the drawing.
        why: why there is no data; empty if there is.
    """

    name: str
    claim: Claim | None
    data: pd.DataFrame
    svg: str
    why: str

    def _repr_svg_(self) -> str | None:
        return self.svg or None

    def _repr_html_(self) -> str | None:
        return None if self.svg else f"<p>No chart <em>{escape(self.name)}</em>: {escape(self.why)}</p>"

    def __repr__(self) -> str:
        return f"<chart {self.name}: {self.claim.alt_text if self.claim else self.why}>"


def draw_chart(snapshot: Snapshot, name: str, dark: bool = False) -> Chart:
    """Returns the chart ``name`` of ``snapshot``.

    Raises:
        UsageError: there is no chart of that name.
    """
    (chart,) = make_charts(snapshot, headline_of(make_claims(snapshot)), [name])
    if isinstance(chart, Missing):
        return Chart(name, None, pd.DataFrame(), "", chart.why)
    svg = svg_text(draw(chart, PAGE), chart.claim, DARK if dark else LIGHT)
    return Chart(name, chart.claim, pd.DataFrame(chart.rows, columns=list(chart.columns)), svg, "")
