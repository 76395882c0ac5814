"""The registry of charts. A new chart is one module beside this one and one line in ``CHARTS``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from peft_census.errors import UsageError
from peft_census.publish.charts import (
    adoption,
    breakdown,
    choice,
    concentration,
    funnel,
    generated,
    headline,
    interrupted,
    monthly,
    popular,
    rule_changes,
    sensitivity,
    sources,
    stickiness,
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
        appendix: whether it is drawn only if its name is asked for.
    """

    name: str
    section: str
    make: Callable[[Snapshot, Claim], ChartSpec | Missing]
    appendix: bool = False


CHARTS = (
    ChartEntry(headline.NAME, "Headline", headline.make_chart),
    ChartEntry(monthly.NAME, "Over time", monthly.make_chart),
    ChartEntry(breakdown.NAME, "By task, library and base model", breakdown.make_chart),
    ChartEntry(rule_changes.NAME, "Other counting rules", rule_changes.make_chart),
    ChartEntry(generated.NAME, "Evidence", generated.make_chart),
    ChartEntry(funnel.NAME, "Evidence", funnel.make_chart),
    ChartEntry(sources.NAME, "Other data sources", sources.make_chart),
    ChartEntry(popular.NAME, "Mentions and benchmark results", popular.make_chart),
    ChartEntry(sensitivity.NAME, "Other counting rules", sensitivity.make_chart, appendix=True),
    ChartEntry(adoption.NAME, "Over time", adoption.make_chart, appendix=True),
    ChartEntry(concentration.NAME, "Over time", concentration.make_chart, appendix=True),
    ChartEntry(interrupted.NAME, "Reasons for the share", interrupted.make_chart, appendix=True),
    ChartEntry(stickiness.NAME, "Reasons for the share", stickiness.make_chart, appendix=True),
    ChartEntry(choice.NAME, "Reasons for the share", choice.make_chart, appendix=True),
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
        names: the charts to make; all but the appendix if None.

    Raises:
        UsageError: there is no chart of one of the names.
    """
    unknown = sorted(set(names or ()) - set(chart_names()))
    if unknown:
        raise UsageError(f"no chart {unknown[0]!r}", f"charts: {', '.join(chart_names())}.")
    wanted = (chart for chart in CHARTS if (not chart.appendix if names is None else chart.name in names))
    return [chart.make(snapshot, headline) for chart in wanted]
