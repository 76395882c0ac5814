"""Intervals: how far sampling alone could move a share.

They say nothing about wrong labels or about the choice of a rule; those are measured on gold cards and
shown by counting under several rules.
"""

from __future__ import annotations

CONFIDENCE = 0.95
METHOD = "Wilson 95 %"


def wilson(numerator: float, base: float) -> tuple[float, float]:
    """Returns the Wilson score interval of ``numerator / base`` (Wilson 1927, JASA 22:209-212).

    For divided votes, whose variance is below that of whole votes with the same mean, it is too wide
    rather than too narrow.

    Args:
        numerator: votes, 0 to ``base``; may be fractional.
        base: cards counted, at least 1.
    """
    from statsmodels.stats.proportion import proportion_confint  # slow to import; only counting needs it

    low, high = proportion_confint(numerator, base, alpha=1 - CONFIDENCE, method="wilson")
    return float(low), float(high)
