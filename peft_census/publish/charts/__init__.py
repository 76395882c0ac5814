"""All charts of a snapshot, one module for each kind: what it says, the rows behind it, and how it is drawn.

In: a snapshot and its headline. Out: pictures ready to draw, and a word for each that there is no material for.
"""

from __future__ import annotations

from dataclasses import replace

from peft_census.publish.charts.adoption import adoption_picture
from peft_census.publish.charts.headline import headline_chart
from peft_census.publish.charts.months import concentration_picture, monthly_picture
from peft_census.publish.charts.popular import popular_picture
from peft_census.publish.charts.sensitivity import sensitivity_picture
from peft_census.publish.charts.sources import sources_picture
from peft_census.publish.charts.spec import Missing, Picture
from peft_census.publish.charts.stacked import agreement_picture, origin_picture
from peft_census.publish.claims.claim import Claim
from peft_census.publish.snapshot_reader import SnapshotLike, read_shares, select

__all__ = ["NAMES", "Missing", "Picture", "make_pictures"]

NAMES = (
    "headline",
    "sensitivity",
    "sources",
    "origin",
    "agreement",
    "monthly",
    "adoption",
    "concentration",
    "popular",
)
"""Every picture there can be, in the order of the page."""


def make_pictures(snapshot: SnapshotLike, first: Claim) -> list[Picture | Missing]:
    """Returns the pictures of ``snapshot`` in the order of ``NAMES``; ``first`` is its headline."""
    return [
        _headline_picture(snapshot, first),
        sensitivity_picture(snapshot),
        sources_picture(snapshot, first),
        origin_picture(snapshot, first.technique),
        agreement_picture(snapshot, first.technique),
        monthly_picture(snapshot, first.technique),
        adoption_picture(snapshot, first.technique),
        concentration_picture(snapshot),
        popular_picture(snapshot),
    ]


def _headline_picture(snapshot: SnapshotLike, first: Claim) -> Picture:
    shares = select(read_shares(snapshot), first.rule or "")
    others = [s for s in shares if s.technique != first.technique]
    rows = [vars(s) for s in shares]
    columns = list(rows[0]) if rows else ["rule", "technique", "numerator", "base", "share"]
    claim = replace(first, data="headline.csv")
    return Picture("headline", claim, columns, rows, lambda wide, palette: headline_chart(claim, others, wide, palette))
