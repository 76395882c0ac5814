"""How often chance alone comes as near to a count as our attempts come to the published one.

Many ways of counting were tried, so that one of them is near to almost any target. Placebo targets show how near: they
are drawn evenly from the range of our own counts, on the scale of the measure, and the nearest attempt to each is
found. A published count to which no attempt is nearer than to most placebo targets says nothing about how it was made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from peft_census.count.arrays import Floats
from peft_census.count.attempts import Attempt
from peft_census.snapshot.records import record

DRAWS = 2_000
"""Placebo targets; a share of them has a standard error of at most 1.1 points."""

NEAR = 1.05
"""The factor within which a count is called near here."""

MIN_VOTES = 30
"""Votes below which a share is not compared."""


@record
class Placebo:
    """How near attempts come to placebo targets.

    Args:
        measure: ``factor`` for both counts, ``odds`` for the share alone.
        attempts: ways of counting.
        distinct: distinct counts among them.
        nearest: the measure of the nearest attempt to the published counts; None without attempts.
        as_near: share of placebo targets with an attempt at least as near; None where ``nearest`` is.
        within: share of placebo targets with an attempt within ``NEAR``; None where ``nearest`` is.
    """

    measure: str
    attempts: int
    distinct: int
    nearest: float | None
    as_near: float | None
    within: float | None


def placebo_targets(attempts: Sequence[Attempt], seed: int = 0) -> list[Placebo]:
    """Returns the chance of nearness by both counts, and by the share alone of attempts with ``MIN_VOTES`` votes."""
    voted = [a for a in attempts if a.near.base >= MIN_VOTES]
    return [_placebo("factor", attempts, seed), _placebo("odds", voted, seed)]


def _placebo(measure: str, attempts: Sequence[Attempt], seed: int) -> Placebo:
    distinct = {(a.source, round(a.near.numerator, 9), round(a.near.base, 9)): a.near for a in attempts}
    if not distinct:
        return Placebo(measure, len(attempts), 0, None, None, None)
    counts = np.array([near.position for near in distinct.values()])
    # The published counts are at the origin.
    points = counts if measure == "factor" else counts[:, :1] - counts[:, 1:]
    low, high = points.min(axis=0), points.max(axis=0)
    targets = np.random.default_rng(seed).uniform(low, high, size=(DRAWS, points.shape[1]))
    nearest = float(np.abs(points).sum(axis=1).min())
    distances = np.array([_nearest(points, target) for target in targets])
    return Placebo(
        measure,
        len(attempts),
        len(distinct),
        float(np.exp(nearest)),
        float(np.mean(distances <= nearest + 1e-9)),
        float(np.mean(distances <= np.log(NEAR))),
    )


def _nearest(points: Floats, target: Floats) -> float:
    return float(np.abs(points - target).sum(axis=1).min())
