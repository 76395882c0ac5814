"""All charts of a snapshot, one module for each kind: what it says, the rows behind it, and how it is drawn.

In: a snapshot and its headline. Out: pictures ready to draw, and a word for each that there is no material for.
"""

from __future__ import annotations

from dataclasses import replace

from peft_census.publish.charts.adoption import adoption_chart
from peft_census.publish.charts.headline import headline_chart
from peft_census.publish.charts.months import concentration_chart, monthly_chart
from peft_census.publish.charts.popular import popular_chart
from peft_census.publish.charts.sensitivity import sensitivity_chart
from peft_census.publish.charts.sources import sources_chart
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.stacked import agreement_chart, authorship_chart
from peft_census.publish.claims.claim import Claim
from peft_census.publish.snapshot_reader import SnapshotLike, read_shares, select

__all__ = ["NAMES", "ChartSpec", "Missing", "make_charts"]

NAMES = (
    "headline",
    "sensitivity",
    "sources",
    "authorship",
    "agreement",
    "monthly",
    "adoption",
    "concentration",
    "popular",
)
"""Every picture there can be, in the order of the page."""


def make_charts(snapshot: SnapshotLike, first: Claim) -> list[ChartSpec | Missing]:
    """Returns the pictures of ``snapshot`` in the order of ``NAMES``; ``first`` is its headline."""
    return [
        _headline_chart(snapshot, first),
        sensitivity_chart(snapshot),
        sources_chart(snapshot, first),
        authorship_chart(snapshot, first.technique),
        agreement_chart(snapshot, first.technique),
        monthly_chart(snapshot, first.technique),
        adoption_chart(snapshot, first.technique),
        concentration_chart(snapshot),
        popular_chart(snapshot),
    ]


def _headline_chart(snapshot: SnapshotLike, first: Claim) -> ChartSpec:
    shares = select(read_shares(snapshot), first.rule or "")
    others = [s for s in shares if s.technique != first.technique]
    rows = [vars(s) for s in shares]
    columns = list(rows[0]) if rows else ["rule", "technique", "numerator", "base", "share"]
    claim = replace(first, data="headline.csv")
    return ChartSpec(
        "headline", claim, columns, rows, lambda wide, palette: headline_chart(claim, others, wide, palette)
    )
