"""Shares and counts become text in one way only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peft_census.publish.text.numbers import count, day_text, interval, month_text, percent, percent_label, plural


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.9844, "98.4%"),
        (0.0372, "3.7%"),
        (0.0, "0%"),
        (1.0, "100%"),
        (0.9999999999999999, "100%"),
        (0.5, "50.0%"),
        (20833 / 20834, "more than 99.9%"),
        (0.9996, "more than 99.9%"),
        (0.9994, "99.9%"),
        (0.0029, "0.29%"),
        (0.00999, "1.0%"),
        (0.000996, "fewer than 0.1%"),
        (1 / 20834, "fewer than 0.1%"),
        (0.001, "0.10%"),
    ],
)
def test_a_share_has_at_most_three_digits(share: float, text: str) -> None:
    """A share has one decimal, below 1% two digits; near 0 and 1 a limit is printed instead of a number."""
    assert percent(share) == text
    assert percent_label(share) == text.replace("fewer than ", "<").replace("more than ", ">")


@given(st.integers(1, 10**9 - 1), st.integers(2, 10**9))
def test_only_nothing_prints_as_nothing_and_only_all_as_all(n: int, base: int) -> None:
    """No share between 0 and 1 is printed as 0% or 100%."""
    if n < base:
        label = percent_label(n / base)
        assert 0 < float(label.strip("<>%")) < 100
        assert label[0].isdigit() or label in ("<0.1%", ">99.9%")


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.98262, 0.98600, "98.3–98.6%"),
        (0.50001, 0.50040, "50.00–50.04%"),
        (0.0000085, 0.000272, "0.00085–0.027%"),
        (0.64567, 1.0, "64.6–100%"),
        (0.0, 0.354, "0–35.4%"),
        (0.25, 0.25, "25.0–25.0%"),
    ],
)
def test_the_ends_of_an_interval_can_be_told_apart(low: float, high: float, text: str) -> None:
    """An interval gets the decimals that keep its ends different."""
    assert interval(low, high) == text


@pytest.mark.parametrize(
    ("votes", "text"),
    [(20509, "20,509"), (20509.0, "20,509"), (1, "1"), (0, "0"), (0.5, "0.5"), (2.03, "2.03"), (20704.5, "20,704.5")],
)
def test_counts_have_english_separators_and_no_idle_decimals(votes: float, text: str) -> None:
    """Whole votes print whole; divided ones keep enough decimals not to look whole."""
    assert count(votes) == text


def test_one_card_is_not_one_cards() -> None:
    """A single thing is named in the singular."""
    assert (plural(1, "card"), plural(2000, "card")) == ("1 card", "2,000 cards")


def test_dates_are_text_in_sentences() -> None:
    """A month and a day are written out; what is not a date stays as it is."""
    assert (month_text("2025-05"), day_text("2025-05-02")) == ("May 2025", "2 May 2025")
    assert day_text("yesterday") == "yesterday"
