"""What ``census --json`` and ``show --json`` print about a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft_census.count.shares import Headline, headline
from peft_census.pipeline.coverage import find_gaps
from peft_census.snapshot.manifest import SourceInfo
from peft_census.snapshot.snapshot import Snapshot


@dataclass(frozen=True)
class CensusSummary:
    """The result of a census.

    Args:
        snapshot_id: the id.
        snapshot_path: the folder.
        unchanged: whether the snapshot existed already.
        specimen: whether its cards were written for this project, so that its shares mean nothing.
        cards: models listed.
        cards_with_text: models with a card.
        gaps: number of models that could not be read as they are, by reason.
        instruments: the description of each instrument, from the manifest.
        instrument_gaps: one line for each thing that an instrument could not read.
        headline: the share that people quote.
    """

    snapshot_id: str
    snapshot_path: Path
    unchanged: bool
    specimen: bool
    cards: int
    cards_with_text: int
    gaps: dict[str, int]
    instruments: dict[str, Any]
    instrument_gaps: tuple[str, ...]
    headline: Headline


@dataclass(frozen=True)
class SnapshotDetails(CensusSummary):
    """A summary with the rows of the ``coverage`` table and the source."""

    coverage: list[dict[str, Any]]
    source: SourceInfo


def summarize(snapshot: Snapshot, unchanged: bool = True, instrument_gaps: tuple[str, ...] = ()) -> CensusSummary:
    """Returns the summary of a snapshot."""
    manifest = snapshot.manifest
    return CensusSummary(
        snapshot_id=snapshot.id,
        snapshot_path=snapshot.path,
        unchanged=unchanged,
        specimen=manifest.specimen,
        cards=manifest.cards.rows,
        cards_with_text=manifest.cards.with_text,
        gaps=find_gaps(snapshot),
        instruments=manifest.instruments,
        instrument_gaps=instrument_gaps,
        headline=headline(snapshot.table("shares")),
    )


def show_details(snapshot: Snapshot) -> SnapshotDetails:
    """Returns the details of a snapshot."""
    coverage = snapshot.table("coverage").to_pylist()
    return SnapshotDetails(**vars(summarize(snapshot)), coverage=coverage, source=snapshot.manifest.source)
