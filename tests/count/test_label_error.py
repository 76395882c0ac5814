"""The correction for label errors, compared with computations by hand and with the library."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from helpers import REPO

from benchmarks.coverage_of_intervals import Labelling, cover_corrected
from peft_census.count.label_error import ENOUGH_ERRORS, METHOD, NO_BASE, UNBOUNDED, Corrected, Counts, corrected_share
from peft_census.count.uncertainty import wilson
from peft_census.errors import UsageError

LORA, OTHER, NONE = (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)


def counts(*cards: tuple[float, float]) -> Counts:
    """Returns votes of cards given as (for LoRA, at all)."""
    table = np.array(cards, dtype=float).reshape(-1, 2)
    return Counts(table[:, 0], table[:, 1])


def two_strata(first: list[tuple[float, float]], second: list[tuple[float, float]], **more: float) -> Corrected:
    """Returns the correction for 80 cards counted as LoRA and 20 not counted, by labels of either."""
    labelled = np.array([*range(len(first)), *range(80, 80 + len(second))])
    strata = np.repeat([0, 1], [80, 20])
    return corrected_share(counts(*[LORA] * 80, *[NONE] * 20), strata, counts(*first, *second), labelled, **more)


def test_two_strata_by_hand() -> None:
    """8 of 10 and 0 of 5 are LoRA, 1 and 1 another: 64 of 80 · 0.9 + 20 · 0.2 = 76 cards."""
    found = two_strata([LORA] * 8 + [OTHER, NONE], [OTHER] + [NONE] * 4)
    assert found.numerator == pytest.approx(64)
    assert found.base == pytest.approx(76)
    assert found.share == pytest.approx(64 / 76)
    assert [(s.cards, s.labels, s.differing) for s in found.strata] == [(80, 10, 2), (20, 5, 1)]
    assert (found.labels, found.differing, found.method) == (15, 3, METHOD)
    assert found.low < 64 / 76 < found.high


def test_the_interval_by_hand() -> None:
    """The bounds solve (votes - R · base)² = z² · variance: of labels, of cards, of one supposed error."""
    found = two_strata([LORA] * 45 + [OTHER] * 10 + [NONE] * 5, [OTHER] * 3 + [NONE] * 17)
    numerator, base = 0.8 * 45 / 60, 0.8 * 55 / 60 + 0.2 * 3 / 20
    assert found.share == pytest.approx(numerator / base)
    for ratio in (found.low, found.high):
        # Of votes - R · base: in the first stratum 60 of 80 cards drawn without replacement, in the second all.
        drawn = np.array([1 - ratio] * 45 + [-ratio] * 10 + [0] * 5)
        labels = 0.8**2 * (1 - 60 / 80) * drawn.var(ddof=1) / 60
        cards = base**2 * ratio * (1 - ratio) / (100 * base)
        supposed = (0.8 / 60) ** 2
        assert (numerator - base * ratio) ** 2 == pytest.approx(1.959964**2 * (labels + cards + supposed))


def test_all_cards_labelled_is_wilson() -> None:
    """With every card labelled only the sampling of cards is left: Wilson's interval of people's counts."""
    found = two_strata([LORA] * 70 + [OTHER] * 10, [NONE] * 20)
    assert (found.low, found.high) == pytest.approx(wilson(70, 80))
    halved = two_strata([LORA] * 70 + [OTHER] * 10, [NONE] * 20, design_effect=2.0)
    assert (halved.low, halved.high) == pytest.approx(wilson(35, 40))


def test_a_sample_without_errors_does_not_prove_that_there_are_none() -> None:
    """If all labels agree, the share stays and the interval is wider than without label errors."""
    found = two_strata([LORA] * 10, [NONE] * 5)
    assert found.share == 1.0
    assert found.differing == 0 < ENOUGH_ERRORS
    assert found.low < wilson(80, 80)[0] - 0.05
    more = two_strata([LORA] * 40, [NONE] * 5)
    assert found.low < more.low


def test_no_unseen_error_is_supposed_where_the_tagger_had_nothing_to_judge() -> None:
    """A stratum without candidates adds no supposed error; an error found there counts."""
    agreed = counts(*[LORA] * 80, *[NONE] * 2)
    strata, labelled = np.repeat([0, 1], [80, 20]), np.arange(82)
    tagger = counts(*[LORA] * 80, *[NONE] * 20)
    plain = corrected_share(tagger, strata, agreed, labelled)
    silent = corrected_share(tagger, strata, agreed, labelled, silent=frozenset({1}))
    assert (silent.low, silent.high) == pytest.approx(wilson(80, 80))
    assert plain.low < silent.low
    found = corrected_share(tagger, strata, counts(*[LORA] * 80, OTHER, NONE), labelled, silent=frozenset({1}))
    assert found.share == pytest.approx(80 / 90)


def test_within_a_stratum_it_is_the_librarys_estimate() -> None:
    """In one stratum where the tagger's word varies, the means are ppi-python's, weighed as it weighs them."""
    import ppi_py

    rng = np.random.default_rng(5)
    said = (rng.random(400) < 0.6).astype(float)
    read = np.where(rng.random(100) < 0.1, 1 - said[:100], said[:100])
    found = corrected_share(
        Counts(said, np.ones(400)), np.zeros(400, dtype=np.int64), Counts(read, np.ones(100)), np.arange(100)
    )
    columns = [np.column_stack([v, 1 - v, np.ones(len(v))]) for v in (read, said[:100], said)]
    assert found.share == pytest.approx(ppi_py.ppi_mean_pointestimate(*columns)[0])
    low, high = ppi_py.ppi_mean_ci(*columns, alpha=0.05)
    assert found.high - found.low < 1.2 * (high[0] - low[0])


def test_labels_that_count_nothing_say_nothing() -> None:
    """Where people count no card there is no share, and the bounds are 0 and 1."""
    found = two_strata([NONE] * 10, [NONE] * 5)
    assert (found.share, found.low, found.high, found.method) == (None, 0.0, 1.0, NO_BASE)


def test_labels_too_few_to_bound_the_base_bound_nothing() -> None:
    """One counted card among many labels of little use leaves the ratio open on both sides."""
    strata = np.zeros(1_000, dtype=np.int64)
    people = counts(LORA, *[NONE] * 9)
    found = corrected_share(counts(*[NONE] * 1_000), strata, people, np.arange(10))
    assert (found.low, found.high, found.method) == (0.0, 1.0, UNBOUNDED)


def test_a_stratum_without_two_labels_is_refused() -> None:
    """One label gives no variance; a stratum of one card needs only one."""
    with pytest.raises(ValueError, match="stratum 1: 1 of 20 cards"):
        two_strata([LORA] * 10, [NONE])
    alone = corrected_share(
        counts(LORA, LORA, OTHER), np.array([0, 0, 1]), counts(LORA, LORA, OTHER), np.array([0, 1, 2])
    )
    assert alone.share == pytest.approx(2 / 3)


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error for a missing ppi-python names the extra to install."""
    monkeypatch.setitem(sys.modules, "ppi_py", None)
    with pytest.raises(UsageError, match=r"'\.\[gold\]'"):
        two_strata([LORA] * 10, [NONE] * 5)


def test_the_library_does_not_silence_our_warnings() -> None:
    """Importing ppi_py sets a filter that hides every warning; ours are as they were."""
    before = list(warnings.filters)
    two_strata([LORA] * 10, [NONE] * 5)
    assert list(warnings.filters) == before


def test_few_errors_make_the_interval_too_wide_never_too_narrow() -> None:
    """With one error in a hundred and 300 labels few errors are seen; the supposed error keeps the coverage."""
    _, held, _ = cover_corrected(Labelling(0.984, labels=300, wrong=0.01, missed=0.01), worlds=300)
    assert held >= 0.95


def test_the_docs_name_the_number_of_differing_labels() -> None:
    """docs/method.md says from how many differing labels on the interval covers 95%."""
    text = (REPO / "docs/method.md").read_text(encoding="utf-8")
    assert f"fewer than {ENOUGH_ERRORS} differing labels the interval is wider" in " ".join(text.split())
