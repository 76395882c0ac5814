"""95 % intervals hold the truth 93 to 97 times in a hundred, over 2,000 simulated draws each.

The bench prints the same for more worlds, and where the intervals leave that range.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.coverage_of_intervals import (
    AUTHORS,
    NEAR_DUPLICATES,
    Labelling,
    World,
    cover_clusters,
    cover_corrected,
    cover_wilson,
)

SHARES = pytest.mark.parametrize("share", [0.984, 0.5])


@SHARES
def test_wilson_covers_independent_cards(share: float) -> None:
    """Wilson's interval is right where cards are independent."""
    assert 0.93 <= cover_wilson(share) <= 0.97


@SHARES
@pytest.mark.parametrize("world", [AUTHORS, NEAR_DUPLICATES], ids=["author", "near_duplicate"])
def test_the_cluster_bootstrap_covers_clustered_cards(world: World, share: float) -> None:
    """With few large clusters and many small ones it holds its level where Wilson's interval does not."""
    found = cover_clusters(replace(world, share=share))
    assert 0.93 <= found.clustered <= 0.97
    assert found.naive < 0.87
    assert found.design_effect > 2


@SHARES
def test_the_corrected_share_covers_what_people_would_find(share: float) -> None:
    """Prediction-powered intervals hold the people's share, which the tagger's own interval misses."""
    raw, held, _ = cover_corrected(Labelling(share))
    assert 0.93 <= held <= 0.97
    assert raw < 0.8


def test_few_label_errors_make_the_corrected_interval_too_wide_never_too_narrow() -> None:
    """With one error in a hundred and 300 labels hardly an error is seen; the guard keeps the level."""
    _, held, _ = cover_corrected(Labelling(0.984, labels=300, wrong=0.01, missed=0.01), worlds=300)
    assert held >= 0.95
