"""How near a count comes to a published one, on literal tables."""

from __future__ import annotations

import math

import pytest

from peft_census.count.nearness import Nearness, closed

PUBLISHED = (20509, 20834)


def near(numerator: float, base: float) -> Nearness:
    return Nearness(numerator, base, *PUBLISHED)


@pytest.mark.parametrize(
    ("numerator", "base", "diff", "others", "points", "factor", "odds"),
    [
        # the published counts themselves
        (20509, 20834, (0, 0), 0, 0.0, 1.0, 1.0),
        # 325 of the others dropped: the technique's count is right, half of the story is gone
        (20509, 20509, (0, -325), -325, 1.5599, 651.0, 651.0),
        # others doubled: 650.5 / 325.5
        (20509, 21159, (0, 325), 325, -1.5120, 1.9985, 1.9985),
        # ten times as many of both: the shares agree, the counts do not
        (205090, 208340, (184581, 187506), 2925, 0.0, 9.9998 * 9.9862, 1.00136),
        # nothing at all
        (0, 0, (-20509, -20834), -325, None, 41019.0 * 651.0, None),
    ],
)
def test_a_count_is_near_when_both_counts_are(
    numerator: float,
    base: float,
    diff: tuple[int, int],
    others: int,
    points: float | None,
    factor: float,
    odds: float | None,
) -> None:
    """Both sides of the share are compared, each by its ratio with one half added; shares alone are the odds."""
    row = near(numerator, base).as_row()
    assert (row["diff_numerator"], row["diff_base"], row["diff_others"]) == (*diff, others)
    assert row["diff_points"] == (points if points is None else pytest.approx(points, abs=1e-4))
    assert row["factor"] == pytest.approx(factor, rel=1e-4)
    assert row["odds"] == (odds if odds is None else pytest.approx(odds, rel=1e-4))


def test_too_many_and_too_few_are_equally_far() -> None:
    """Twice and half the others are the same distance away, up to the half that is added."""
    twice, half = near(20509, 20509 + 650.5), near(20509, 20509 + 162.25)
    assert twice.factor == pytest.approx(2.0, rel=1e-9)
    assert half.factor == pytest.approx(2.0, rel=1e-9)


def test_closing_is_measured_along_the_way() -> None:
    """All of the way is 1, none 0, further off below 0; from the goal itself there is no way."""
    far, goal = near(20509, 21159), near(*PUBLISHED)
    assert closed(far, goal) == pytest.approx(1.0)
    assert closed(far, far) == pytest.approx(0.0)
    halfway = near(20509, 20509 + 325.5 * math.sqrt(650.5 / 325.5) - 0.5)
    assert closed(far, halfway) == pytest.approx(0.5)
    assert (closed(halfway, near(20509, 22000)) or 0) < 0
    assert closed(goal, far) is None


def test_no_part_of_next_to_nothing() -> None:
    """A difference of ×1.09 is too small to be divided; ×1.12 is not."""
    goal = near(*PUBLISHED)
    assert closed(near(20509, 20509 + 325.5 * 1.09 - 0.5), goal) is None
    assert closed(near(20509, 20509 + 325.5 * 1.12 - 0.5), goal) == pytest.approx(1.0)
