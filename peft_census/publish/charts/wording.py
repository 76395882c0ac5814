"""What the texts of charts share: when a finding may be stated, and who was counted when."""

from __future__ import annotations

from peft_census.count.shares import ENOUGH
from peft_census.publish.snapshot_reader import card_span
from peft_census.publish.text.numbers import count
from peft_census.publish.text.wording import capitalized
from peft_census.snapshot.snapshot import Snapshot

WIDEST = 0.2
"""Width of an interval above which its share is not stated as a finding."""

INTERVALS = "Lines: 95% intervals, clustered by author (sampling error only)."


def carries(effective_n: float | None, low: float | None, high: float | None) -> bool:
    """Says whether a share is known well enough to be a title: effective sample size and width of its interval."""
    if effective_n is None or low is None or high is None:
        return False
    return effective_n >= ENOUGH and high - low <= WIDEST


def who(snapshot: Snapshot, n: float, what: str, *more: str) -> str:
    """Returns a subtitle: how many of what, when, and more sentences.

    Args:
        snapshot: gives the dates.
        n: how many.
        what: the unit, in the plural.
        more: sentences without a full stop.
    """
    first = f"{count(n)} {what if n != 1 else what.replace('cards that cite', 'card that cites', 1)}"
    return ". ".join([f"{first}, {card_span(snapshot)}", *(capitalized(text) for text in more)]) + "."
