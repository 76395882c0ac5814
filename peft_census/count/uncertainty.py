"""Intervals: how far sampling alone could move a share, and how far the cards nobody could read.

In: votes, as numbers or one-dimensional arrays. Out: bounds with the method that made them, never a NaN.

Three questions, three answers. How sure if cards were independent: ``wilson``, ``weighted_interval``. How sure
when cards of one author, or copies of one card, go together: ``cluster_interval``. What if every unread card went
one way: ``coverage_bounds``. None of them says anything about wrong labels (``label_error``) or about the choice of
a rule (table ``sensitivity``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CONFIDENCE = 0.95
METHOD = "Wilson 95 %"

WEIGHTED = "Wilson 95 % on the effective n (Kish)"
CLUSTERED = "cluster bootstrap 95 %, Wilson on the effective n"
FEW_CLUSTERS = "; few effective clusters"
LINEARISED = "clusters linearised 95 %, Wilson on the effective n"
ALL_ALIKE = "Wilson 95 % on the effective number of clusters; every card votes alike"
ONE_CLUSTER = "Wilson 95 % on one cluster"
NO_BASE = "none: the base is zero"

ENOUGH_CLUSTERS = 30
"""Effective clusters below which the larger of two variances is taken whole; see ``cluster_interval``."""

MOST_PAIRS = 4_096
"""Distinct clusters above which the bootstrap gives way to its linearisation: 2,000 draws then cost over 0.4 s."""


@dataclass(frozen=True)
class Interval:
    """Bounds of a share.

    Args:
        low: lower bound, 0 to 1.
        high: upper bound, 0 to 1.
        method: how they were made, in words.
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

    For divided votes, whose variance is below that of whole votes with the same mean, it is too wide
    rather than too narrow.

    Args:
        numerator: votes, 0 to ``base``; may be fractional.
        base: cards counted, or effective cards; above 0.
    """
    from statsmodels.stats.proportion import proportion_confint  # slow to import; only counting needs it

    low, high = proportion_confint(numerator, base, alpha=1 - CONFIDENCE, method="wilson")
    return float(low), float(high)


def coverage_bounds(numerator: float, base: float, unread: float) -> tuple[float, float]:
    """Returns the share if none of the unread cards voted for the technique, and if all of them did.

    Both take every unread card as counted, which few would be: the bounds hold whatever the cards say (Manski
    1989, Journal of Human Resources 24:343-360). Without any card, read or unread, they are 0 and 1.
    """
    whole = base + unread
    return (numerator / whole, min(1.0, (numerator + unread) / whole)) if whole else (0.0, 1.0)


def kish(weights: Floats) -> float:
    """Returns the effective size of a weighted sample, (Σw)² / Σw² (Kish 1965, Survey Sampling, 11.7); 0 of none."""
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def weighted_interval(numerators: Floats, bases: Floats) -> Interval:
    """Returns Wilson's interval of Σ numerators / Σ bases on Kish's effective size of the bases.

    For votes of unequal weight (downloads) from cards that are independent otherwise.

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
    """Returns an interval of Σ numerators / Σ bases when the cards of a cluster go together.

    The variance V is that of the cluster bootstrap: whole clusters are drawn with replacement, as many as there
    are (Field and Welsh 2007, JRSS B 69:369-390). Clusters with the same sums are interchangeable, so it is drawn
    how often each distinct pair of sums comes up, a multinomial: the same distribution at a fraction of the cost.

    V alone is too small where few clusters hold the rarer outcome and none of the large ones happens to: at 98.4 %
    its interval covers 80 to 94 %, and percentile, BCa and bootstrap-t limits from the same draws do hardly better
    or burst. So it is set beside the variance that the correlation within clusters implies for clusters of these
    sizes (ANOVA estimator of it, Donner 1986, International Statistical Review 54:67-82), which is steadier and
    right when a cluster's size says nothing about its votes. Where that one is the larger, V becomes the mean of
    both, or the larger alone if the clusters are worth fewer than ``ENOUGH_CLUSTERS`` of equal size.

    The limits are Wilson's on the effective sample size share · (1 - share) / V, which respect 0 and 1 and
    keep their coverage near them (Korn and Graubard 1998, Survey Methodology 24:193-201; Franco, Little, Louis and
    Slud 2019, Journal of Survey Statistics and Methodology 7:334-364). They are never narrower than for independent
    cards. ``benchmarks/coverage_of_intervals.py`` shows what they cover and where they fail.

    Where every card votes alike there is no variance to see: each cluster then counts as one card, weighted by
    its size.

    Args:
        numerators: each card's votes for the technique, 0 to its base; one entry a card.
        bases: each card's weight; 0 for cards that are not counted.
        clusters: each card's cluster, any integer code.
        seed: of the draws; the same seed gives the same bounds.
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
    there = base > 0
    return _Sums(votes[there], base[there], squares[there], within[there])


def _sums(codes: Ints, values: Floats) -> Floats:
    return np.bincount(codes, weights=values).astype(np.float64, copy=False)


def _bootstrap_variance(sums: _Sums, share: float, seed: int, draws: int) -> tuple[float, str]:
    """Returns the mean squared deviation of resampled shares from ``share``, and the method."""
    votes, base, counts = _distinct(sums.votes, sums.base)
    n_clusters = int(counts.sum())
    if len(counts) > MOST_PAIRS:
        errors = counts @ np.square(votes - share * base)
        return float(errors / np.square(sums.base.sum()) * n_clusters / (n_clusters - 1)), LINEARISED
    drawn = np.random.default_rng(seed).multinomial(n_clusters, counts / n_clusters, size=draws)
    shares = (drawn @ votes) / (drawn @ base)
    return float(np.mean(np.square(shares - share))), CLUSTERED


def _distinct(votes: Floats, base: Floats) -> tuple[Floats, Floats, Ints]:
    """Returns the distinct pairs and how many clusters have each, in an order that no input order changes."""
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
    """Returns the variance of the share if all cards vary alike and those of a cluster correlate alike."""
    base = float(sums.base.sum())
    spread = float(sums.within.sum() / base - share**2)
    inside = float((sums.within - np.square(sums.votes) / sums.base).sum())
    free = float((sums.base - sums.squares / sums.base).sum())
    together = float((np.square(sums.base) - sums.squares).sum())
    # Without two cards in any cluster nothing is known of the correlation, and nothing depends on it.
    correlation = min(1.0, max(0.0, 1 - inside / (spread * free))) if spread > 0 and free > 0 else 0.0
    return max(0.0, spread) * (float(sums.squares.sum()) + correlation * together) / base**2


def _wilson_on(share: float, size: float) -> tuple[float, float]:
    """Returns Wilson's interval for a share among ``size`` effective cards, which need not be a whole number."""
    return wilson(share * size, size)


def _check(numerators: Floats, bases: Floats, clusters: Ints | None = None) -> None:
    lengths = {len(values) for values in (numerators, bases, clusters) if values is not None}
    if len(lengths) > 1:
        raise ValueError(f"arrays of different length: {sorted(lengths)}")
    # Written so that a NaN fails it too.
    if not bool(np.all((numerators >= 0) & (numerators <= bases * (1 + 1e-9)) & np.isfinite(bases))):
        raise ValueError("every numerator must lie between 0 and its base, and none be missing")
