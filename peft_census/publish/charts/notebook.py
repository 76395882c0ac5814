"""One chart for a notebook: drawn in memory, shown as SVG, with the claim that it shows.

In: a snapshot and the name of a picture. Out: a ``Chart``; where there is no material, one that says why.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from peft_census.errors import UsageError
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import HEADLINE, make_claims
from peft_census.publish.snapshot_reader import SnapshotLike


@dataclass(frozen=True)
class Chart:
    """A chart as a notebook shows it.

    Args:
        name: of the picture.
        claim: what it says, with the sentence to quote; None where there is nothing to draw.
        data: the rows that are drawn.
        svg: the drawing.
        why: why there is none; empty where there is one.
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


def draw_chart(snapshot: SnapshotLike, name: str, dark: bool = False) -> Chart:
    """Returns the chart ``name`` of ``snapshot``.

    Raises:
        UsageError: there is no chart of that name.
    """
    from peft_census.publish.charts import NAMES, Missing, make_charts
    from peft_census.publish.charts.layout import WIDE
    from peft_census.publish.charts.palette import DARK, LIGHT
    from peft_census.publish.charts.save import save_chart

    if name not in NAMES:
        raise UsageError(f"no chart {name!r}", f"there are: {', '.join(NAMES)}.")
    first = next(c for c in make_claims(snapshot) if c.id == HEADLINE)
    chart = next(p for p in make_charts(snapshot, first) if p.name == name)
    if isinstance(chart, Missing):
        return Chart(name, None, pd.DataFrame(), "", chart.why)
    palette, claim = DARK if dark else LIGHT, chart.claim
    with tempfile.TemporaryDirectory() as room:
        files = save_chart(
            chart.draw(WIDE, palette),
            Path(room) / name,
            base=claim.subtitle,
            source_line=claim.source_line,
            snapshot_id=claim.snapshot_id,
            alt_text=claim.alt_text,
            specimen=claim.specimen,
            palette=palette,
            png=False,
        )
        svg = files.svg.read_text(encoding="utf-8")
    return Chart(name, claim, pd.DataFrame(chart.rows, columns=list(chart.columns)), svg, "")
