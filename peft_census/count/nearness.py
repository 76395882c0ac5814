"""How near a count comes to a published one.

In: our counts and the published ones. Out: differences, and the measure ``factor`` to sort by.

A published share of n in b cards holds two counts: n cards name the technique, and b - n name another. A count is
near when both of its counts are. ``factor`` multiplies the ratios of the two counts, each inverted where it is below
1: it is 1 where both counts are the published ones, and 2 where one of them is doubled or halved. The share alone is
not a measure: 98.4% of ten cards is not near, and at 98.4% most differences are among the few cards that name another
technique. ``odds`` compares the two counts with each other, whatever the number of cards, for the case that the
published base was a sample.
"""

from __future__ import annotations

import math

from peft_census.snapshot.records import record

_HALF = 0.5
"""Added to every count in a ratio, so that none is divided by zero; it changes 325 by less than 0.2%."""

MIN_FACTOR = 1.1
"""Difference to the published counts below which no part of it is computed: it would be a part of next to nothing."""


@record
class Nearness:
    """Our counts and the published ones; differences are ours minus theirs.

    Args:
        numerator: our count of the technique.
        base: our count of all.
        of_numerator: the published count of the technique.
        of_base: the published count of all.
    """

    numerator: float
    base: float
    of_numerator: int
    of_base: int

    @property
    def share(self) -> float | None:
        """Our share; None where the base is zero."""
        return self.numerator / self.base if self.base else None

    @property
    def others(self) -> float:
        """Our count of the rest."""
        return self.base - self.numerator

    @property
    def points(self) -> float | None:
        """Difference of the shares in percentage points; None where the base is zero."""
        return None if self.share is None else 100 * (self.share - self.of_numerator / self.of_base)

    @property
    def factor(self) -> float:
        """The measure: 1 where both counts are the published ones, else above 1."""
        technique, rest = self.position
        return math.exp(abs(technique) + abs(rest))

    @property
    def odds(self) -> float | None:
        """Our odds divided by the published ones, or the inverse, at least 1; None where the base is zero."""
        technique, rest = self.position
        return math.exp(abs(technique - rest)) if self.base else None

    def as_row(self) -> dict[str, float | None]:
        """Returns counts, differences and measures under their column names."""
        return {
            "numerator": self.numerator,
            "others": self.others,
            "base": self.base,
            "share": self.share,
            "diff_numerator": self.numerator - self.of_numerator,
            "diff_others": self.others - (self.of_base - self.of_numerator),
            "diff_base": self.base - self.of_base,
            "diff_points": self.points,
            "factor": self.factor,
            "odds": self.odds,
        }

    @property
    def position(self) -> tuple[float, float]:
        """The logarithms of both ratios, of the technique and of the rest; the published counts are at (0, 0)."""
        return (
            math.log((self.numerator + _HALF) / (self.of_numerator + _HALF)),
            math.log((max(0.0, self.others) + _HALF) / (self.of_base - self.of_numerator + _HALF)),
        )


def closed(reference: Nearness, changed: Nearness) -> float | None:
    """Returns the part of the difference to the published counts that a change removes, on the scale of log(factor).

    1 is all of it and 0 nothing; below 0 the change leads away. None where the difference is below ``MIN_FACTOR``.
    """
    difference = math.log(reference.factor)
    return None if reference.factor < MIN_FACTOR else 1 - math.log(changed.factor) / difference
