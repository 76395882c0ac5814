"""The registry of charts. A new chart is one module beside this one and one line in ``CHARTS``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from peft_census.errors import UsageError
from peft_census.publish.charts import (
    adoption,
    agreement,
    authorship,
    concentration,
    headline,
    monthly,
    popular,
    sensitivity,
    sources,
)
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.claim import Claim
from peft_census.snapshot.snapshot import Snapshot


@dataclass(frozen=True)
class ChartEntry:
    """A chart that can be drawn.

    Args:
        name: stem of its files.
        section: heading on the page under which it stands; headings that the page does not have become new sections.
        make: returns the chart for a snapshot and its headline.
    """

    name: str
    section: str
    make: Callable[[Snapshot, Claim], ChartSpec | Missing]


CHARTS = (
    ChartEntry(headline.NAME, "Headline", headline.make_chart),
    ChartEntry(sensitivity.NAME, "Other counting rules", sensitivity.make_chart),
    ChartEntry(sources.NAME, "Other data sources", sources.make_chart),
    ChartEntry(authorship.NAME, "Evidence", authorship.make_chart),
    ChartEntry(agreement.NAME, "Evidence", agreement.make_chart),
    ChartEntry(monthly.NAME, "Over time", monthly.make_chart),
    ChartEntry(adoption.NAME, "Over time", adoption.make_chart),
    ChartEntry(concentration.NAME, "Over time", concentration.make_chart),
    ChartEntry(popular.NAME, "Mentions and benchmark results", popular.make_chart),
)
"""All charts, in the order of the page."""


def chart_names() -> list[str]:
    """Returns the names of all charts."""
    return [chart.name for chart in CHARTS]


def make_charts(snapshot: Snapshot, headline: Claim, names: Collection[str] | None = None) -> list[ChartSpec | Missing]:
    """Returns the charts of ``snapshot`` in the order of the page.

    Args:
        snapshot: what they show.
        headline: its headline.
        names: the charts to make; all if None.

    Raises:
        UsageError: there is no chart of one of the names.
    """
    unknown = sorted(set(names or ()) - set(chart_names()))
    if unknown:
        raise UsageError(f"no chart {unknown[0]!r}", f"charts: {', '.join(chart_names())}.")
    return [chart.make(snapshot, headline) for chart in CHARTS if names is None or chart.name in names]
