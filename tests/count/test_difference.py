"""Parting a difference: exact sums, hand-computed parts, and what must hold for any cards."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peft_census.count.difference import Share, difference, rounded, shapley

F = Fraction


def share(n: int, d: int) -> Share:
    return Share(F(n), F(d))


def test_one_group_alone_carries_the_whole_difference() -> None:
    """1 of 2 becomes 3 of 4 by two new cards."""
    assert shapley([share(1, 2), share(0, 0)], [share(1, 2), share(2, 2)]) == [0, F(1, 4)]


def test_two_groups_share_by_the_mean_over_both_orders() -> None:
    """By hand: from 1 of 2, new cards first give 2/3, deleted first 1/1; together 2 of 2."""
    before, after = [share(0, 0), share(0, 1), share(1, 1)], [share(1, 1), share(0, 0), share(1, 1)]
    new = (F(2, 3) - F(1, 2) + (1 - 1)) / 2
    deleted = (F(1, 1) - F(1, 2) + (1 - F(2, 3))) / 2
    assert shapley(before, after) == [new, deleted, 0]
    assert new + deleted == F(1, 2)


def test_our_rules_come_first() -> None:
    """A card read otherwise is our part, and the new card's part is counted from there."""
    states = (
        [np.array([0.0, 0]), np.array([1.0, 0])],
        [np.array([1.0, 0]), np.array([1.0, 0])],
        [np.array([1.0, 0]), np.array([1.0, 1])],
    )
    rules, same, new = difference(np.array([0, 1]), ["same", "new"], [(s[0], s[1]) for s in states])
    assert (rules.cards, rules.contribution) == (1, 1)
    assert (same.contribution, new.contribution) == (0, F(-1, 2))


def test_without_a_base_nothing_is_parted() -> None:
    """A base of zero on one side has no share, so no difference."""
    zero, one = np.zeros(1), np.ones(1)
    parts = difference(np.array([0]), ["new"], [(zero, zero), (zero, zero), (one, one)])
    assert [p.contribution for p in parts] == [None, None]


def test_thirds_are_exact() -> None:
    """Votes of a third add up to whole numbers."""
    votes = np.full(3, 1 / 3)
    parts = difference(np.zeros(3, dtype=np.int64), ["edited"], [(votes, np.ones(3))] * 2 + [(np.ones(3), np.ones(3))])
    assert parts[1].before == share(1, 3)
    assert parts[1].contribution == F(2, 3)


@pytest.mark.parametrize(
    ("parts", "printed"),
    [
        ([F(1, 3)] * 3, [F(34, 100), F(33, 100), F(33, 100)]),
        ([F(1, 6), F(1, 6), F(-1, 3)], [F(17, 100), F(17, 100), F(-34, 100)]),
        ([F(1, 2)], [F(1, 2)]),
        ([], []),
    ],
)
def test_printed_parts_add_up(parts: list[Fraction], printed: list[Fraction]) -> None:
    """Largest remainders are rounded up until the sum is right."""
    assert rounded(parts, 2) == printed
    assert sum(printed) == round(sum(parts, F(0)) * 100) * F(1, 100)


CELL = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda c: share(min(c), max(c)))


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5))
def test_parts_add_up_exactly_and_turn_with_the_sides(cells: list[tuple[Share, Share]]) -> None:
    """Whatever the groups, the parts are the difference; with old and new changed over they change their signs."""
    before, after = [c[0] for c in cells], [c[1] for c in cells]
    start, end = sum(before, share(0, 0)), sum(after, share(0, 0))
    if start.value is None or end.value is None:
        return
    parts = shapley(before, after)
    assert sum(parts) == end.value - start.value
    if all(s.base for s in (*before, *after)):
        assert shapley(after, before) == [-p for p in parts]


@given(st.lists(st.fractions(-1, 1, max_denominator=997), max_size=8), st.integers(0, 4))
def test_rounding_moves_no_part_by_a_unit(parts: list[Fraction], decimals: int) -> None:
    """Every printed part is within one unit of its exact value."""
    assert all(abs(p - r) < F(1, 10**decimals) for p, r in zip(parts, rounded(parts, decimals), strict=True))
