"""Intervals: small tables by hand, degenerate cases, and how often they hold the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.coverage_of_intervals import (
    AUTHORS,
    NEAR_DUPLICATES,
    Labelling,
    World,
    cover_clusters,
    cover_corrected,
    cover_wilson,
)
from peft_census.count.label_error import Counts, corrected_share
from peft_census.count.uncertainty import (
    cluster_interval,
    coverage_bounds,
    wilson,
)

SHARES = (0.984, 0.5)


def test_bounds_of_unread_cards() -> None:
    """90 of 100, 25 unread: 90/125 if none, 115/125 if all; nothing read and nothing unread says nothing."""
    assert coverage_bounds(90, 100, 25) == (0.72, 0.92)
    assert coverage_bounds(90, 100, 0) == (0.9, 0.9)
    assert coverage_bounds(0, 0, 0) == (0.0, 1.0)


def test_equal_weights_are_cards_and_unequal_ones_are_fewer() -> None:
    """Weights of seven change nothing; one weight of nine beside nine of one is (18)² / (81 + 9) = 3.6 cards."""
    votes, apart = np.array([1.0] * 8 + [0.0] * 2), np.arange(10)
    sevens = cluster_interval(7 * votes, np.full(10, 7.0), apart)
    assert (sevens.wilson_low, sevens.wilson_high) == pytest.approx(wilson(8, 10))
    heavy = np.array([9.0] + [1.0] * 9)
    found = cluster_interval(heavy * votes, heavy, apart)
    assert (found.wilson_low, found.wilson_high) == pytest.approx(wilson(3.6 * 16 / 18, 3.6))


def test_cards_that_only_repeat_an_author_add_nothing() -> None:
    """Ten authors of one mind with ten cards each are worth ten cards."""
    votes = np.repeat([1.0] * 5 + [0.0] * 5, 10)
    found = cluster_interval(votes, np.ones(100), np.repeat(np.arange(10), 10))
    assert found.clusters == 10
    assert found.effective_n == pytest.approx(10, rel=0.15)
    assert found.low < 0.3
    assert found.high > 0.7


def test_authors_of_one_card_are_independent_cards() -> None:
    """Clusters of one give about Wilson's interval, never a narrower one."""
    votes = np.array([1.0] * 900 + [0.0] * 100)
    found = cluster_interval(votes, np.ones(1000), np.arange(1000))
    low, high = wilson(900, 1000)
    assert found.low <= low + 1e-9
    assert found.high >= high - 1e-9
    assert found.high - found.low == pytest.approx(high - low, rel=0.05)


@pytest.mark.parametrize(
    ("votes", "clusters", "word"),
    [
        ([1, 1, 1], [0, 0, 0], "one author"),
        ([1, 1, 1], [0, 1, 2], "alike"),
        ([0, 0], [0, 1], "alike"),
        ([], [], "zero"),
    ],
)
def test_degenerate_cases_say_what_was_done(votes: list[int], clusters: list[int], word: str) -> None:
    """One cluster, all alike, nothing at all: bounds inside 0 and 1 and a method that says so."""
    found = cluster_interval(np.array(votes, float), np.ones(len(votes)), np.array(clusters, dtype=np.int64))
    assert word in found.method
    assert 0 <= found.low < found.high <= 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=40), st.randoms())
def test_intervals_hold_their_share_and_do_not_know_the_order(cards: list[tuple[int, float]], rng: object) -> None:
    """Whatever the clusters, the share lies inside, nothing is NaN, and shuffled cards give the same."""
    clusters, votes = (np.array(column) for column in zip(*cards, strict=True))
    found = cluster_interval(votes, np.ones(len(votes)), clusters)
    assert 0 <= found.low <= votes.mean() + 1e-9 <= found.high + 2e-9 <= 1 + 3e-9
    turned = cluster_interval(votes[::-1], np.ones(len(votes)), clusters[::-1])
    assert (turned.low, turned.high) == pytest.approx((found.low, found.high), abs=1e-9)


@pytest.mark.parametrize("share", SHARES)
def test_wilson_holds_the_truth_for_independent_cards(share: float) -> None:
    """95 % means 93 to 97 % in 2,000 draws."""
    assert 0.93 <= cover_wilson(share) <= 0.97


@pytest.mark.campaign
@pytest.mark.parametrize("world", [AUTHORS, NEAR_DUPLICATES], ids=["authors", "near-duplicates"])
@pytest.mark.parametrize("share", SHARES)
def test_the_cluster_bootstrap_holds_the_truth_where_wilson_does_not(world: World, share: float) -> None:
    """93 to 97 % in 2,000 draws of clustered cards, where taking them as independent holds less than 92 %."""
    found = cover_clusters(replace(world, share=share))
    assert 0.93 <= found.clustered <= 0.97
    assert found.naive < 0.92


@pytest.mark.campaign
@pytest.mark.parametrize("share", SHARES)
def test_the_corrected_share_holds_the_truth_where_the_raw_one_does_not(share: float) -> None:
    """93 to 97 % in 2,000 labelled samples by stratum."""
    _, held, _ = cover_corrected(Labelling(share))
    assert 0.93 <= held <= 0.97


def test_a_tagger_without_errors_is_not_corrected() -> None:
    """Labels that agree with the tagger leave the share where it is."""
    lora = np.array([1.0] * 80 + [0.0] * 20 + [0.0] * 100)
    one = np.array([1.0] * 100 + [0.0] * 100)
    labelled = np.arange(0, 200, 2)
    counts = Counts(lora, one)
    people = Counts(lora[labelled], one[labelled])
    found = corrected_share(counts, np.zeros(200, dtype=np.int64), people, labelled)
    assert found.share == pytest.approx(0.8)
    assert found.low < 0.8 < found.high
