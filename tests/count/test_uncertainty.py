"""The clustered interval by hand, against plain resampling, and in the corners where formulas break.

How often it holds the truth is in ``test_intervals``.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peft_census.count.uncertainty import (
    ALL_ALIKE,
    CLUSTERED,
    CONFIDENCE,
    FEW_CLUSTERS,
    NO_BASE,
    NOTHING,
    ONE_CLUSTER,
    Clusters,
    Interval,
    Z,
    cluster_interval,
    wilson,
)


def interval(votes: list[float], clusters: list[int], bases: list[float] | None = None) -> Interval:
    """Returns the interval of cards given as lists; every base is 1 where none are given."""
    base = np.ones(len(votes)) if bases is None else np.array(bases, dtype=float)
    return cluster_interval(np.array(votes, dtype=float), base, np.array(clusters, dtype=np.int64))


def authors(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Returns votes and authors of cards whose authors are of one mind mostly."""
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(n), rng.integers(1, 9, n))
    minds = rng.random(n) < 0.8
    return (minds[clusters] ^ (rng.random(len(clusters)) < 0.1)).astype(float), clusters


def test_wilson_has_the_values_of_statsmodels() -> None:
    """The values are those of ``proportion_confint(method="wilson")`` of statsmodels 0.15.0; whole and divided votes."""
    expected = {
        (0, 10): (0.0, 0.27753279986288926),
        (5, 10): (0.23659309051256394, 0.7634069094874361),
        (10, 10): (0.7224672001371106, 1.0),
        (1 / 3, 2.5): (0.00999939183644305, 0.7008978346265589),
        (7111, 7485): (0.9448625762294411, 0.954742527850424),
        (20509, 20834): (0.9826263011316081, 0.985996098644645),
    }
    for (numerator, base), bounds in expected.items():
        assert wilson(numerator, base) == pytest.approx(bounds, abs=1e-15)
    assert NormalDist().inv_cdf((1 + CONFIDENCE) / 2) == pytest.approx(Z, abs=1e-14)


def test_wilsons_column_is_on_the_effective_number_of_cards() -> None:
    """Equal weights give Wilson's interval of the cards; one heavy card makes it wider."""
    votes, authors_of = [1.0] * 8 + [0.0] * 2, list(range(10))
    plain = interval([5 * v for v in votes], authors_of, [5.0] * 10)
    assert (plain.wilson_low, plain.wilson_high) == pytest.approx(wilson(8, 10))
    heavy = [20.0] + [1.0] * 9
    found = interval([v * w for v, w in zip(votes, heavy, strict=True)], authors_of, heavy)
    size = 29**2 / 409
    assert (found.wilson_low, found.wilson_high) == pytest.approx(wilson(27 / 29 * size, size))


def test_two_authors_of_two_cards_by_hand() -> None:
    """Deviations 1 and -1: variance 2 · 2 / 4² = 1/4, that of one card; so the effective size is one."""
    found = interval([1, 1, 0, 0], [1, 1, 2, 2])
    assert found.effective_n == pytest.approx(1.0)
    assert found.clusters == 2
    assert found.method == FEW_CLUSTERS
    assert (found.low, found.high) == pytest.approx(wilson(0.5, 1))
    assert (found.wilson_low, found.wilson_high) == pytest.approx(wilson(2, 4))


def test_the_effective_size_is_never_below_one() -> None:
    """Three authors whose linearized variance exceeds that of one card still count as one card."""
    votes, clusters = [1.0] * 40 + [0.0] * 40, [1] * 39 + [3] + [2] * 40
    assert interval(votes, clusters).effective_n >= 1
    assert interval([1, 1, 1, 0, 0, 0], [1, 1, 1, 2, 2, 2]).effective_n == 1


def test_the_working_variance_by_hand() -> None:
    """Authors 3 of 4 and 1 of 2: variance 2/9 a card, within 5/16, so no correlation is left and 6 cards are 6."""
    found = interval([1, 1, 1, 0, 1, 0], [1, 1, 1, 1, 2, 2])
    # share 2/3; inside = 3 - 9/4 + 1 - 1/2 = 5/4; free = 4: 1 - (5/4) / (2/9 · 4) is below 0.
    assert found.effective_n == pytest.approx(6.0)


def test_the_variance_is_that_of_drawing_whole_clusters() -> None:
    """The effective size is near that of resampling whole clusters one by one."""
    votes, clusters = authors(1)
    n = clusters.max() + 1
    sums, sizes = np.bincount(clusters, weights=votes), np.bincount(clusters)
    rng = np.random.default_rng(7)
    drawn = rng.integers(0, n, (4_000, n))
    shares = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    share = votes.mean()
    by_hand = share * (1 - share) / np.mean((shares - share) ** 2)
    found = cluster_interval(votes, np.ones(len(votes)), clusters)
    # The working variance is the larger here or hardly the smaller: the effective number is at most by_hand.
    assert found.effective_n < by_hand * 1.05
    assert found.effective_n > by_hand * 0.8
    assert found.method == CLUSTERED


def test_neither_order_nor_codes_matter() -> None:
    """Shuffled cards and renamed authors give the same bounds to the last digit, also with divided votes."""
    votes, clusters = authors(2)
    base = np.ones(len(votes))
    for parts in (votes, votes / 3, votes / 7):
        first = cluster_interval(parts, base, clusters)
        order = np.random.default_rng(0).permutation(len(votes))
        assert cluster_interval(parts[order], base, clusters[order] * 10**9 - 5) == first


def test_cells_are_counted_as_if_alone() -> None:
    """The interval of each cell is that of its cards alone; a cell without cards has none."""
    votes, clusters = authors(5)
    cells = np.random.default_rng(2).integers(0, 5, len(votes))
    weights = np.random.default_rng(3).integers(0, 3, len(votes)).astype(float)
    found = Clusters(weights, clusters, cells, 6).intervals(votes * weights)
    for cell in range(5):
        mine = cells == cell
        assert found[cell] == cluster_interval(votes[mine] * weights[mine], weights[mine], clusters[mine])
    assert found[5] == NOTHING


def test_cards_that_are_not_counted_change_nothing() -> None:
    """A card of base 0 adds neither votes nor an author."""
    votes, clusters = authors(3)
    more = cluster_interval(
        np.append(votes, 0.0), np.append(np.ones(len(votes)), 0.0), np.append(clusters, clusters.max() + 1)
    )
    assert more == cluster_interval(votes, np.ones(len(votes)), clusters)


def test_divided_votes() -> None:
    """Thirds that add up to whole numbers in one author are drawn as such; the interval holds the share."""
    third = 1 / 3
    found = interval([third, third, third, 1, 0] * 20, [i // 5 * 2 + (i % 5 > 2) for i in range(100)])
    assert found.low < 2 / 5 < found.high
    assert found.effective_n <= 100


@pytest.mark.parametrize(
    ("votes", "clusters", "method", "size"),
    [
        ([], [], NO_BASE, 0),
        ([1, 0, 1], [7, 7, 7], ONE_CLUSTER, 1),
        ([1, 1, 1], [7, 7, 7], ONE_CLUSTER, 1),
        ([1, 1, 1], [1, 1, 2], ALL_ALIKE, 9 / 5),
        ([0, 0, 0], [1, 1, 2], ALL_ALIKE, 9 / 5),
    ],
)
def test_degenerate_cards_get_an_honest_answer(
    votes: list[float], clusters: list[int], method: str, size: float
) -> None:
    """No card, one author, all LoRA, none LoRA: bounds by the number of effective authors, and the method says so."""
    found = interval(votes, clusters)
    assert found.method == method
    assert found.effective_n == pytest.approx(size)
    assert not math.isnan(found.low + found.high)
    if votes:
        assert (found.low, found.high) == pytest.approx(wilson(size * sum(votes) / len(votes), size))


def test_zero_bases_are_no_base() -> None:
    """Cards that all have base 0 give no interval, not a NaN."""
    assert interval([0, 0], [1, 2], bases=[0, 0]) == NOTHING == Interval(0.0, 1.0, NO_BASE, 0.0, 0.0, 1.0, 0)


@pytest.mark.parametrize(
    ("votes", "bases", "clusters"),
    [
        ([1.0, 0.0], [1.0], [1, 2]),
        ([1.0, 0.0], [1.0, 1.0], [1]),
        ([2.0], [1.0], [1]),
        ([-1.0], [1.0], [1]),
        ([math.nan], [1.0], [1]),
        ([1.0], [math.inf], [1]),
    ],
)
def test_impossible_votes_are_refused(votes: list[float], bases: list[float], clusters: list[int]) -> None:
    """Arrays that do not fit, votes beyond their base and missing numbers are errors, not intervals."""
    with pytest.raises(ValueError, match=r"different length|between 0 and its base"):
        cluster_interval(np.array(votes), np.array(bases), np.array(clusters))


CARD = st.tuples(st.sampled_from([0.0, 0.25, 1 / 3, 1.0]), st.sampled_from([0.0, 0.5, 1.0, 40.0]), st.integers(-3, 5))


@given(st.lists(CARD, max_size=30))
def test_bounds_are_always_bounds(cards: list[tuple[float, float, int]]) -> None:
    """Whatever the cards, 0 ≤ low ≤ share ≤ high ≤ 1, and clustering never adds information."""
    parts, bases, clusters = (np.array([card[i] for card in cards], dtype=float) for i in range(3))
    found = cluster_interval(parts * bases, bases, clusters.astype(np.int64))
    assert 0 <= found.low <= found.high <= 1
    assert found.effective_n <= (bases.sum() ** 2 / np.square(bases).sum() if bases.sum() else 0) + 1e-9
    assert found.effective_n >= 1 or not bases.sum()
    if bases.sum():
        share = float((parts * bases).sum() / bases.sum())
        assert found.low <= share + 1e-9
        assert found.high >= share - 1e-9
