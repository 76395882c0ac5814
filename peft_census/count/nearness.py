"""How near a count comes to a published one.

In: two pairs of counts. Out: differences, and one declared measure to sort by. Nothing here decides that two
counts are equal enough: it reports.

A published share of n in b cards holds two counts: the n that name the technique and the b - n that name
another. A count is near when it repeats *both*. So the measure, ``factor``, multiplies the ratio of the one by
the ratio of the other, each taken the way that makes it at least 1: 1 means both counts are the published ones,
2 that one is doubled or halved. Shares alone would not do: 98.4 % of ten cards is not near, and at 98.4 %
nearly everything that matters happens among the few cards on the other side. ``odds`` compares the two counts
with each other only, whatever the number of cards, for the case that the published base was a draw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_HALF = 0.5
"""Added to every count in a ratio, so that none is divided by zero; it moves 325 by less than 0.2 %."""


@dataclass(frozen=True)
class Nearness:
    """A count beside a published one; differences are ours minus theirs.

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
        """The measure: at least 1, and 1 when both counts are the published ones."""
        return math.exp(abs(self._technique) + abs(self._rest))

    @property
    def odds(self) -> float | None:
        """Our odds by theirs: the factor between the shares whatever the number of cards; None at base zero."""
        return math.exp(abs(self._technique - self._rest)) if self.base else None

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
    def _technique(self) -> float:
        return math.log((self.numerator + _HALF) / (self.of_numerator + _HALF))

    @property
    def _rest(self) -> float:
        return math.log((max(0.0, self.others) + _HALF) / (self.of_base - self.of_numerator + _HALF))


def closed(reference: Nearness, changed: Nearness) -> float | None:
    """Returns which part of the way to the published counts a change covers, on the scale of ``log(factor)``.

    1 is all of it, 0 nothing, below 0 a step away. None where there is no way to go.
    """
    way = math.log(reference.factor)
    return None if way < 1e-9 else 1 - math.log(changed.factor) / way
