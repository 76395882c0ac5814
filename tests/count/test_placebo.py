"""How near attempts come to placebo targets, where the answer is known by geometry."""

from __future__ import annotations

import math

import pytest

from peft_census.count.attempts import Attempt
from peft_census.count.nearness import Nearness
from peft_census.count.placebo import NEAR, placebo_targets


def attempts(*shares: float, base: float = 1e6, target: float = 0.5) -> list[Attempt]:
    """Returns attempts with these shares of ``base`` cards, for a published share ``target`` of as many."""
    published = (int(target * base), int(base))
    nears = [Nearness(share * base, base, *published) for share in shares]
    return [Attempt("rule", str(i), "", "cards", near) for i, near in enumerate(nears)]


def share_of(odds: float) -> float:
    return odds / (1 + odds)


def test_by_odds_the_chance_is_the_covered_part_of_the_range() -> None:
    """Shares at odds 1, e and e²: targets within log 1.05 of one of them cover four such widths of a range of 2."""
    _, by_share = placebo_targets(attempts(*(share_of(math.exp(i)) for i in range(3)), target=share_of(1.2)))
    assert by_share.within == pytest.approx(4 * math.log(NEAR) / 2, abs=0.02)
    assert by_share.nearest == pytest.approx(1.2, rel=1e-3)
    assert by_share.as_near == pytest.approx(4 * math.log(1.2) / 2, abs=0.03)


def test_equal_counts_are_one() -> None:
    """Ten attempts with the counts of one are no nearer to anything: 11 ways of counting, two distinct counts."""
    once, often = attempts(0.2, 0.8), attempts(0.2, *[0.8] * 10)
    for few, many in zip(placebo_targets(once), placebo_targets(often), strict=True):
        assert (few.attempts, many.attempts) == (2, 11)
        assert (few.distinct, few.within, few.as_near) == (many.distinct, many.within, many.as_near)
        assert many.distinct == 2


def test_a_published_count_that_is_hit_exactly_is_nearer_than_chance() -> None:
    """One exact hit among few, spread counts: hardly a placebo target is as near."""
    by_counts, by_share = placebo_targets(attempts(0.01, 0.5, 0.99))
    assert by_counts.nearest == pytest.approx(1) and by_share.nearest == pytest.approx(1)
    assert by_counts.as_near == 0 and by_share.as_near == 0
    assert by_share.within is not None and 0 < by_share.within < 0.03


def test_small_counts_take_no_part_in_shares() -> None:
    """A share of 29 votes is not compared; without attempts nothing is known."""
    by_counts, by_share = placebo_targets(attempts(0.5, base=29))
    assert (by_counts.attempts, by_share.attempts) == (1, 0)
    assert (by_share.nearest, by_share.as_near, by_share.within) == (None, None, None)
