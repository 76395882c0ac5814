"""A picture: a claim, the rows behind it and a way to draw it. Also the word for one that there is no material for.

In: a snapshot. Out: ``Picture`` or ``Missing``. Nothing here needs Matplotlib before something is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from peft_census.count import Rule
from peft_census.publish.charts.palette import Palette
from peft_census.publish.claims.claim import Claim, common, marked
from peft_census.publish.snapshot_reader import SnapshotLike, card_span, source_label, source_line

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
    """A chart that this snapshot has no material for."""

    name: str
    why: str


def rows_of(snapshot: SnapshotLike, table: str) -> list[dict[str, Any]]:
    """Returns the rows of a counted table; none where the snapshot lacks it."""
    return list(snapshot.table(table).to_pylist()) if table in snapshot.manifest.tables else []


def columns_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Returns the columns of ``rows``."""
    return list(rows[0]) if rows else []


def finding(
    snapshot: SnapshotLike, chart: str, rule: Rule | None, *, said: str, alt: str, population: str, **fields: Any
) -> Claim:
    """Returns the claim of a chart.

    Args:
        snapshot: where the numbers come from.
        picture: its name.
        rule: how cards were counted; None where cards were not.
        said: the sentence to quote, without source and snapshot.
        alt: the chart in words, without its source line.
        population: which cards were considered.
        fields: the other fields of ``Claim`` that have a value.
    """
    none: dict[str, Any] = dict.fromkeys(("technique", "name", "share", "low", "high"))
    return Claim(
        **(none | fields),
        id=chart,
        kind="finding",
        rule=rule.name if rule else None,
        population=population,
        quote=marked(
            snapshot,
            f"{said} ({source_label(snapshot)}, {card_span(snapshot)}; "
            f"{f'rule {rule.name}; ' if rule else ''}peft_census, snapshot {snapshot.id}).",
        ),
        alt_text=marked(snapshot, f"{alt} {source_line(snapshot)}."),
        data=f"{chart}.csv",
        **common(snapshot, rule),
    )
