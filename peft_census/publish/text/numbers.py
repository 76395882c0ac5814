"""Numbers in words: the one place where a share or a count becomes text.

In: fractions and counts. Out: strings for sentences, charts, tables and the page, so that all of them round
alike. A share that is not zero never prints as 0, and one that is not everything never prints as 100: the
small shares are half of the story here.
"""

from __future__ import annotations

_EPSILON = 1e-12  # intervals from libraries end at 0.9999999999999999 as often as at 1
_MOST_DECIMALS = 12


def percent(share: float) -> str:
    """Returns ``share`` (a fraction) in per cent.

    One decimal from 1 % up, two significant digits below, and near 100 % as many as keep it from 100.
    """
    return f"{_digits(share, _decimals(share))} %"


def interval(low: float, high: float) -> str:
    """Returns ``low`` to ``high`` in per cent, with decimals enough to tell one from the other."""
    more = 0
    ends = [_digits(low, _decimals(low)), _digits(high, _decimals(high))]
    while high - low > _EPSILON and float(ends[0]) == float(ends[1]) and more < _MOST_DECIMALS:
        more += 1
        ends = [_digits(end, _decimals(end) + more) for end in (low, high)]
    return f"{ends[0]}–{ends[1]} %"


def count(votes: float) -> str:
    """Returns ``votes`` with English thousands separators; divided votes get as many decimals as they need."""
    nearest = round(votes)
    if abs(votes - nearest) < 1e-9:
        return f"{nearest:,}"
    places = 1
    while places < _MOST_DECIMALS and float(f"{votes:.{places}f}") in (0, nearest):
        places += 1
    return f"{votes:,.{places}f}"


def plural(number: float, noun: str) -> str:
    """Returns ``1 card``, ``2 cards``."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _decimals(share: float) -> int:
    if share <= _EPSILON or share >= 1 - _EPSILON:
        return 0
    exponent = int(f"{100 * share:.1e}".split("e")[1])  # of the rounded number: 0.999 % is 1.0 %
    places = 1 - min(exponent, 0)
    while places < _MOST_DECIMALS and float(f"{100 * share:.{places}f}") == 100:
        places += 1
    return places


def _digits(share: float, places: int) -> str:
    """Returns 100 × share; an exact 0 or 100 stays without decimals."""
    return f"{100 * share:.{places if _decimals(share) else 0}f}"
