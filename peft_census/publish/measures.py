"""What publishing reads of the tables ``instrument_shares`` and ``calibration``.

In: a snapshot that may have these tables. Out: one ``Measure`` for each way of counting on GitHub and Civitai.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from peft_census.publish.snapshot_reader import read_rows
from peft_census.snapshot.snapshot import Snapshot


@dataclass(frozen=True)
class InstrumentShare:
    """The share of one technique in a measure; the bounds are those of the measure's method."""

    technique: str
    numerator: float
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Measure:
    """One way of counting with one instrument.

    Args:
        instrument: ``github`` or ``civitai``.
        name: which measure, as in ``instrument_shares``.
        base: the denominator.
        base_meaning: what the denominator is, as text.
        method: what ``low`` and ``high`` of the shares are.
        first: day of the first answer used.
        last: day of the last.
        parts: shares, largest first.
        missing: techniques without a complete reading; they are not zeros.
    """

    instrument: str
    name: str
    base: float
    base_meaning: str
    method: str
    first: str
    last: str
    parts: tuple[InstrumentShare, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Calibration:
    """Files that GitHub reports for one repository, and files counted in a checkout of it."""

    scope: str
    reported: int
    counted: int


def read_measures(snapshot: Snapshot) -> list[Measure]:
    """Returns the measures in the order of the table; none if the snapshot has none."""
    rows = read_rows(snapshot, "instrument_shares")
    return [_measure(list(group)) for _, group in groupby(rows, lambda row: (row["instrument"], row["measure"]))]


def read_calibration(snapshot: Snapshot, measure: Measure) -> Calibration | None:
    """Returns the calibration of ``measure``; None if there is none."""
    rows = [r for r in read_rows(snapshot, "calibration") if r["measure"] == measure.name]
    return Calibration(rows[0]["scope"], rows[0]["reported"], rows[0]["counted"]) if rows else None


def _measure(rows: list[dict[str, Any]]) -> Measure:
    head = rows[0]
    return Measure(
        head["instrument"],
        head["measure"],
        head["base"],
        head["base_meaning"],
        head["method"],
        head["first"],
        head["last"],
        tuple(
            InstrumentShare(r["technique"], r["numerator"], r["share"], r["low"], r["high"])
            for r in rows
            if r["numerator"] is not None
        ),
        tuple(r["technique"] for r in rows if r["numerator"] is None),
    )
