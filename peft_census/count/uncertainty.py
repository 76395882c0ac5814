"""Intervals of shares: sampling error, and the cards that could not be read.

In: votes, as numbers or one-dimensional arrays. Out: bounds with the name of their method, never a NaN.

``wilson`` and ``weighted_interval`` treat cards as independent. ``cluster_interval`` treats the cards of one author, or
the copies of one card, as correlated. ``coverage_bounds`` gives the worst cases for the unread cards. None of them
covers wrong labels (``label_error``) or the choice of a rule (table ``sensitivity``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from peft_census.count.arrays import Floats, Ints

CONFIDENCE = 0.95
Z = 1.959963984540054
"""The quantile of the normal distribution at (1 + CONFIDENCE) / 2."""
METHOD = "Wilson 95%"

WEIGHTED = "Wilson 95% on the effective n (Kish)"
CLUSTERED = "cluster bootstrap 95%, Wilson on the effective n"
FEW_CLUSTERS = "; few effective clusters"
LINEARIZED = "clusters linearized 95%, Wilson on the effective n"
ALL_ALIKE = "Wilson 95% on the effective number of clusters; all cards vote alike"
ONE_CLUSTER = "Wilson 95% on one cluster"
NO_BASE = "none: the base is zero"

ENOUGH_CLUSTERS = 30
"""Effective clusters below which the larger of two variances is used; see ``cluster_interval``."""

MOST_PAIRS = 4_096
"""Distinct clusters above which the bootstrap is linearized, because 2,000 draws would take more than 0.4 s."""


@dataclass(frozen=True)
class Interval:
    """Bounds of a share.

    Args:
        low: lower bound, 0 to 1.
        high: upper bound, 0 to 1.
        method: how they were computed, in words.
        effective_n: the number of independent, equally weighted cards that would be as informative.
    """

    low: float
    high: float
    method: str
    effective_n: float


@dataclass(frozen=True)
class ClusterInterval(Interval):
    """Bounds of a share of clustered cards.

    Args:
        n_clusters: clusters with a counted card.
    """

    n_clusters: int


def wilson(numerator: float, base: float) -> tuple[float, float]:
    """Returns the Wilson score interval of ``numerator / base`` (Wilson 1927, JASA 22:209-212).

    With z the normal quantile, n the base and p the share, its middle is (p + z²/2n) / (1 + z²/n) and its half width
    z · √(p (1 - p) / n + z²/4n²) / (1 + z²/n). For fractional votes, whose variance is smaller than that of whole votes
    with the same mean, it is too wide rather than too narrow.

    Args:
        numerator: votes, 0 to ``base``; may be fractional.
        base: cards counted, or effective cards; above 0.
    """
    share, square = numerator / base, Z**2
    scale = 1 + square / base
    middle = (share + square / (2 * base)) / scale
    half = Z * math.sqrt(share * (1 - share) / base + square / (4 * base**2)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def coverage_bounds(numerator: float, base: float, unread: float) -> tuple[float, float]:
    """Returns the share if no unread card voted for the technique, and if all unread cards did.

    The bounds hold whatever the unread cards say (Manski 1989, Journal of Human Resources 24:343-360). They are wide,
    because they count every unread card although few would be counted. Without any card they are 0 and 1.
    """
    total = base + unread
    return (numerator / total, min(1.0, (numerator + unread) / total)) if total else (0.0, 1.0)


def kish(weights: Floats) -> float:
    """Returns the effective size of a weighted sample, (Σw)² / Σw² (Kish 1965, Survey Sampling, 11.7); 0 of nothing."""
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def weighted_interval(numerators: Floats, bases: Floats) -> Interval:
    """Returns Wilson's interval of Σ numerators / Σ bases on Kish's effective size of the bases.

    It is for votes of unequal weight (downloads) from cards that are otherwise independent.

    Args:
        numerators: each card's votes for the technique, 0 to its base.
        bases: each card's weight.
    """
    _check(numerators, bases)
    size = kish(bases)
    if not size:
        return Interval(0.0, 1.0, NO_BASE, 0.0)
    return Interval(*_wilson_on(float(numerators.sum() / bases.sum()), size), WEIGHTED, size)


def cluster_interval(
    numerators: Floats, bases: Floats, clusters: Ints, seed: int = 0, draws: int = 2_000
) -> ClusterInterval:
    """Returns an interval of Σ numerators / Σ bases with the cards of a cluster correlated.

    The variance V is that of the cluster bootstrap: whole clusters are drawn with replacement, as many as there are
    (Field and Welsh 2007, JRSS B 69:369-390). Clusters with the same sums are interchangeable, so the draws are
    multinomial draws of the distinct pairs of sums. This has the same distribution and is faster.

    V is too small where few clusters have the rarer outcome and no large cluster has it: at a share of 98.4% its
    interval covers 80% to 94%, and percentile, BCa and bootstrap-t limits from the same draws perform no better or
    diverge. So V is compared with the variance that the correlation within clusters implies for clusters of these sizes
    (with the ANOVA estimator of the correlation, Donner 1986, International Statistical Review 54:67-82). That variance
    is more stable, and right where the size of a cluster is independent of its votes. Where it is larger, V becomes the
    mean of both, or the larger one if the clusters are worth fewer than ``ENOUGH_CLUSTERS`` clusters of equal size.

    The limits are Wilson's on the effective sample size share · (1 - share) / V. They stay within 0 and 1 and keep
    their coverage near both (Korn and Graubard 1998, Survey Methodology 24:193-201; Franco, Little, Louis and Slud
    2019, Journal of Survey Statistics and Methodology 7:334-364). They are never narrower than for independent cards.
    ``benchmarks/coverage_of_intervals.py`` measures their coverage.

    Where all cards vote alike V is zero; each cluster then counts as one card, weighted by its size.

    Args:
        numerators: each card's votes for the technique, 0 to its base.
        bases: each card's weight; 0 for cards that are not counted.
        clusters: each card's cluster, any integer code.
        seed: of the draws.
        draws: resamples.

    Raises:
        ValueError: arrays of different length, negative or missing numbers, a numerator above its base.
    """
    _check(numerators, bases, clusters)
    sums = _by_cluster(numerators, bases, clusters)
    n_clusters, base = len(sums.base), float(sums.base.sum())
    if not base:
        return ClusterInterval(0.0, 1.0, NO_BASE, 0.0, 0)
    share = min(1.0, float(sums.votes.sum()) / base)
    alike = kish(sums.base)
    if n_clusters == 1:
        return ClusterInterval(*_wilson_on(share, 1.0), ONE_CLUSTER, 1.0, 1)
    if share in (0.0, 1.0):
        return ClusterInterval(*_wilson_on(share, alike), ALL_ALIKE, alike, n_clusters)
    drawn, method = _bootstrap_variance(sums, share, seed, draws)
    larger = max(drawn, _working_variance(sums, share))
    few = alike < ENOUGH_CLUSTERS
    variance = larger if few else (drawn + larger) / 2
    independent = base**2 / float(sums.squares.sum())
    size = min(independent, share * (1 - share) / variance) if variance else independent
    return ClusterInterval(*_wilson_on(share, size), method + (FEW_CLUSTERS if few else ""), size, n_clusters)


@dataclass(frozen=True)
class _Sums:
    """Sums over each cluster that has a base: of votes, base, base², votes² / base."""

    votes: Floats
    base: Floats
    squares: Floats
    within: Floats


def _by_cluster(numerators: Floats, bases: Floats, clusters: Ints) -> _Sums:
    if len(clusters) == 0:
        return _Sums(*[np.zeros(0)] * 4)
    first, last = int(clusters.min()), int(clusters.max())
    dense = last - first <= 4 * len(clusters)
    codes = clusters - first if dense else np.unique(clusters, return_inverse=True)[1]
    votes, base = _sums(codes, numerators), _sums(codes, bases)
    if ((bases == 0) | (bases == 1)).all() and ((numerators == 0) | (numerators == 1)).all():
        squares, within = base, votes
    else:
        part = np.divide(np.square(numerators), bases, out=np.zeros(len(bases)), where=bases > 0)
        squares, within = _sums(codes, np.square(bases)), _sums(codes, part)
    counted = base > 0
    return _Sums(votes[counted], base[counted], squares[counted], within[counted])


def _sums(codes: Ints, values: Floats) -> Floats:
    return np.bincount(codes, weights=values).astype(np.float64, copy=False)


def _bootstrap_variance(sums: _Sums, share: float, seed: int, draws: int) -> tuple[float, str]:
    """Returns the mean squared deviation of resampled shares from ``share``, and the method."""
    votes, base, counts = _distinct(sums.votes, sums.base)
    n_clusters = int(counts.sum())
    if len(counts) > MOST_PAIRS:
        errors = counts @ np.square(votes - share * base)
        return float(errors / np.square(sums.base.sum()) * n_clusters / (n_clusters - 1)), LINEARIZED
    drawn = np.random.default_rng(seed).multinomial(n_clusters, counts / n_clusters, size=draws)
    shares = (drawn @ votes) / (drawn @ base)
    return float(np.mean(np.square(shares - share))), CLUSTERED


def _distinct(votes: Floats, base: Floats) -> tuple[Floats, Floats, Ints]:
    """Returns the distinct pairs and how many clusters have each; the result does not depend on the order of cards."""
    # Sums of thirds and sevenths differ in their last digits with the order of the cards.
    votes, base = np.round(votes, 9), np.round(base, 9)
    width = base.max() + 1
    if (votes == np.floor(votes)).all() and (base == np.floor(base)).all() and width**2 < 2**53:
        keys, counts = np.unique((votes * width + base).astype(np.int64), return_counts=True)
        whole, rest = np.divmod(keys, int(width))
        return whole.astype(np.float64), rest.astype(np.float64), counts
    pairs, counts = np.unique(votes + 1j * base, return_counts=True)
    return pairs.real, pairs.imag, counts


def _working_variance(sums: _Sums, share: float) -> float:
    """Returns the variance of the share if all cards have one variance and those of a cluster one correlation."""
    base = float(sums.base.sum())
    spread = float(sums.within.sum() / base - share**2)
    inside = float((sums.within - np.square(sums.votes) / sums.base).sum())
    free = float((sums.base - sums.squares / sums.base).sum())
    together = float((np.square(sums.base) - sums.squares).sum())
    # Where no cluster has two cards, the correlation is not known and has no effect.
    correlation = min(1.0, max(0.0, 1 - inside / (spread * free))) if spread > 0 and free > 0 else 0.0
    return max(0.0, spread) * (float(sums.squares.sum()) + correlation * together) / base**2


def _wilson_on(share: float, size: float) -> tuple[float, float]:
    """Returns Wilson's interval of a share of ``size`` effective cards."""
    return wilson(share * size, size)


def _check(numerators: Floats, bases: Floats, clusters: Ints | None = None) -> None:
    lengths = {len(values) for values in (numerators, bases, clusters) if values is not None}
    if len(lengths) > 1:
        raise ValueError(f"arrays of different length: {sorted(lengths)}")
    # A NaN makes the condition false.
    if not bool(np.all((numerators >= 0) & (numerators <= bases * (1 + 1e-9)) & np.isfinite(bases))):
        raise ValueError("every numerator must lie between 0 and its base, and none be missing")
