"""The text of numbers and dates, the same in sentences, charts, tables and the page.

In: fractions, counts, ISO dates. Out: strings. A share that is not zero is never printed as 0%, and a share that is
not the whole is never printed as 100%.
"""

from __future__ import annotations

from datetime import date

_EPSILON = 1e-12
"""Bounds of intervals end at 0.9999999999999999 as often as at 1."""
_MAX_DECIMALS = 12
_MIN_SHOWN, _MAX_SHOWN = 0.001, 0.9995
"""Shares nearer to 0 or 1 are not printed as a number."""


def percent(share: float) -> str:
    """Returns a fraction in percent, for a sentence: ``98.4%``, ``0.29%``, ``fewer than 0.1%``."""
    return percent_label(share).replace("<", "fewer than ").replace(">", "more than ")


def percent_label(share: float) -> str:
    """Returns a fraction in percent, for a label or a cell: ``98.4%``, ``0.29%``, ``<0.1%``."""
    if _EPSILON < share < _MIN_SHOWN:
        return "<0.1%"
    if _MAX_SHOWN <= share < 1 - _EPSILON:
        return ">99.9%"
    return f"{_digits(share, _decimals(share))}%"


def interval(low: float, high: float) -> str:
    """Returns two fractions as a range in percent, ``98.3–98.6%``, with enough decimals that the ends differ."""
    more = 0
    ends = [_digits(low, _decimals(low)), _digits(high, _decimals(high))]
    while high - low > _EPSILON and float(ends[0]) == float(ends[1]) and more < _MAX_DECIMALS:
        more += 1
        ends = [_digits(end, _decimals(end) + more) for end in (low, high)]
    return f"{ends[0]}–{ends[1]}%"


def count(number: float) -> str:
    """Returns a count with thousands separators; fractions of votes get the decimals that they need."""
    nearest = round(number)
    if abs(number - nearest) < 1e-9:
        return f"{nearest:,}"
    places = 1
    while places < _MAX_DECIMALS and float(f"{number:.{places}f}") in (0, nearest):
        places += 1
    return f"{number:,.{places}f}"


def size_text(effective_n: float) -> str:
    """Returns an effective sample size: ``1.8``, ``29``, ``1,214``."""
    return f"{effective_n:.1f}".removesuffix(".0") if effective_n < 9.95 else f"{effective_n:,.0f}"


def plural(number: float, noun: str) -> str:
    """Returns ``1 card``, ``2 cards``."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def month_text(month: str) -> str:
    """Returns ``2025-05`` as ``May 2025``."""
    return f"{date.fromisoformat(f'{month}-01'):%B %Y}"


def day_text(day: str) -> str:
    """Returns ``2025-05-02`` as ``2 May 2025``; a text that is not an ISO date stays as it is."""
    try:
        read = date.fromisoformat(day)
    except ValueError:
        return day
    return f"{read.day} {read:%B %Y}"


def _decimals(share: float) -> int:
    """Returns one decimal from 1% up, enough for two significant digits below, and enough to stay below 100%."""
    if share <= _EPSILON or share >= 1 - _EPSILON:
        return 0
    exponent = int(f"{100 * share:.1e}".split("e")[1])  # of the rounded number: 0.999% is 1.0%
    places = 1 - min(exponent, 0)
    while places < _MAX_DECIMALS and float(f"{100 * share:.{places}f}") == 100:
        places += 1
    return places


def _digits(share: float, places: int) -> str:
    return f"{100 * share:.{places if _decimals(share) else 0}f}"


def factor_text(factor: float) -> str:
    """Returns a factor: ×1.05, ×238, ×1.2e6."""
    if factor >= 1e6:
        return f"×{factor:.1e}".replace("e+0", "e").replace("e+", "e")
    return f"×{factor:.2f}" if factor < 100 else f"×{factor:,.0f}"


def votes_text(votes: float) -> str:
    """Returns a number of votes, with one decimal if it is not whole."""
    return count(votes) if abs(votes - round(votes)) < 1e-9 else f"{votes:,.1f}"


def points(difference: float) -> str:
    """Returns a difference of two fractions in percentage points, with its sign: ``+3.1``, ``−0.02``, ``0``."""
    if abs(difference) < _EPSILON:
        return "0"
    return f"{'−' if difference < 0 else '+'}{_digits(abs(difference), _decimals(abs(difference)))}"


def signed(number: float) -> str:
    """Returns a number with its sign."""
    nearest = round(number)
    return f"{nearest:+,}" if nearest or number == 0 else f"{number:+.1f}"
