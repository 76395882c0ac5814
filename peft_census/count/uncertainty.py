"""Intervals of shares: sampling error, and the cards that could not be read.

In: votes, as numbers or one-dimensional arrays. Out: bounds with the name of their method, never a NaN.

``wilson`` takes cards as independent. ``Clusters`` and ``cluster_interval`` take the cards of one author, or the
copies of one card, as correlated; theirs is the interval to quote. ``coverage_bounds`` gives the worst cases for the
unread cards. None of them covers wrong labels (``label_error``) or the choice of a rule (table ``sensitivity``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from peft_census.count.arrays import Floats, Ints, compress

CONFIDENCE = 0.95
Z = 1.959963984540054
"""The quantile of the normal distribution at (1 + CONFIDENCE) / 2."""
METHOD = "Wilson 95%"

CLUSTERED = "author-clustered 95%"
FEW_CLUSTERS = "author-clustered (few effective authors) 95%"
ALL_ALIKE = "author-clustered (all cards alike) 95%"
ONE_CLUSTER = "author-clustered (one author) 95%"
NO_BASE = "none: the base is zero"

ALIKE = 1e-12
"""A share this near to 0 or 1 is 0 or 1; sums of thirds may be off by as much."""

ENOUGH_CLUSTERS = 30
"""Effective clusters below which the larger of two variances is used; see ``Clusters``."""


@dataclass(frozen=True)
class Interval:
    """Bounds of a share.

    Args:
        low: lower bound with the cards of a cluster correlated, 0 to 1; the one to quote.
        high: upper bound of it.
        method: how they were computed, in words.
        effective_n: the number of independent, equally weighted cards that would be as informative; at least 1 where
            there is a base.
        wilson_low: lower bound if cards were independent.
        wilson_high: upper bound of it.
        clusters: clusters with a counted card.
    """

    low: float
    high: float
    method: str
    effective_n: float
    wilson_low: float
    wilson_high: float
    clusters: int

    @property
    def cells(self) -> dict[str, Any]:
        """The cells of a counted table, by column."""
        return {name: value for name, value in vars(self).items() if name != "clusters"}


NOTHING = Interval(0.0, 1.0, NO_BASE, 0.0, 0.0, 1.0, 0)
"""The interval without a card."""


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


def cluster_interval(numerators: Floats, bases: Floats, clusters: Ints) -> Interval:
    """Returns the interval of Σ numerators / Σ bases; see ``Clusters``.

    Raises:
        ValueError: as ``Clusters`` and ``Clusters.intervals``.
    """
    return Clusters(bases, clusters).intervals(numerators)[0]


class Clusters:
    """Cards by cluster (author) and cell (a group of cards that has its own share): intervals for any of their votes.

    The variance V of the share p = Σv / Σb of a cell with K clusters, whose sums of votes and bases are v and b, is the
    usual one of a ratio under cluster sampling, K / (K - 1) · Σ(v - p·b)² / (Σb)² (Taylor linearization; Woodruff 1971,
    JASA 66:411-414). A bootstrap of whole clusters gives the same intervals and is slower.

    V is too small where few clusters have the rarer outcome and no large cluster has it. So it is compared with the
    variance that the correlation within clusters implies for clusters of these sizes (with the ANOVA estimator of the
    correlation, Donner 1986, International Statistical Review 54:67-82). That variance is more stable, and right where
    the size of a cluster is independent of its votes. Where it is larger, V becomes the mean of both, or the larger one
    if the clusters are worth fewer than ``ENOUGH_CLUSTERS`` clusters of equal size.

    The limits are Wilson's on the effective sample size p · (1 - p) / V, which is at least 1 and at most the number of
    cards ((Σw)² / Σw² of cards with weights, Kish 1965). They stay within 0 and 1 and keep their coverage near both
    (Korn and Graubard 1998, Survey Methodology 24:193-201; Franco, Little, Louis and Slud 2019, Journal of Survey
    Statistics and Methodology 7:334-364). ``benchmarks/coverage_of_intervals.py`` measures their coverage.

    Where all cards vote alike V is zero; each cluster then counts as one card, weighted by its size. One cluster counts
    as one card.

    Args:
        bases: each card's weight; 0 for cards that are not counted.
        clusters: each card's cluster, any integer code.
        cells: each card's cell, from 0 to ``n_cells`` - 1; by default one cell.
        n_cells: number of cells.

    Raises:
        ValueError: arrays of different length, weights that are negative or missing.
    """

    def __init__(self, bases: Floats, clusters: Ints, cells: Ints | None = None, n_cells: int = 1) -> None:
        _check(bases, bases, clusters, *([] if cells is None else [cells]))
        self._weight = bases
        codes, self._pair = compress(clusters)
        self._cell = np.zeros(len(codes), dtype=np.int64)
        if cells is not None:
            pairs, self._pair = compress(cells * max(1, len(codes)) + self._pair)
            self._cell = pairs // max(1, len(codes))
        self._n_cells = n_cells
        self._base, squares = (_sums(self._pair, of, len(self._cell)) for of in (bases, np.square(bases)))
        self.counts = self._by_cell((self._base > 0).astype(np.float64))
        self.bases = self._by_cell(self._base)
        self._squares, base_squares = self._by_cell(squares), self._by_cell(np.square(self._base))
        self._independent = _ratio(np.square(self.bases), self._squares)
        self._alike = _ratio(np.square(self.bases), base_squares)
        self._free = self._by_cell(self._base - _ratio(squares, self._base))
        self._together = base_squares - self._squares

    def intervals(self, votes: Floats, at: Ints | None = None) -> list[Interval]:
        """Returns the interval of each cell.

        Args:
            votes: the votes of each card, 0 to its weight.
            at: the cards whose votes these are; the others have none. By default all.

        Raises:
            ValueError: another number of cards than weights, or votes that are negative, missing or above the weight.
        """
        if at is None:
            _check(votes, self._weight)
            at = np.flatnonzero(votes)
            votes = votes[at]
        weight, pair = self._weight[at], self._pair[at]
        _check(votes, weight)
        drawn, within = (_sums(pair, of, len(self._cell)) for of in (votes, np.square(votes) / weight))
        shares = np.minimum(1.0, _ratio(self._by_cell(drawn), self.bases))
        sampling = self._sampling_variance(drawn, shares)
        larger = np.maximum(sampling, self._working_variance(drawn, within, shares))
        few = self._alike < ENOUGH_CLUSTERS
        variance = np.where(few, larger, (sampling + larger) / 2)
        spread = shares * (1 - shares)
        sizes = np.where(variance > 0, _ratio(spread, variance), self._independent).clip(1.0, None)
        sizes = np.minimum(sizes, self._independent)
        methods = np.where(few, FEW_CLUSTERS, CLUSTERED).astype(object)
        for where, method, size in ((spread < ALIKE, ALL_ALIKE, self._alike), (self.counts == 1, ONE_CLUSTER, 1.0)):
            methods[where], sizes = method, np.where(where, size, sizes)
        cells = zip(shares, methods, sizes, self._independent, self.counts, strict=True)
        return [_interval(*cell) if cell[-1] else NOTHING for cell in cells]

    def _by_cell(self, values: Floats) -> Floats:
        """Returns the sums over the clusters of each cell."""
        return _sums(self._cell, values, self._n_cells)

    def _sampling_variance(self, votes: Floats, shares: Floats) -> Floats:
        """Returns the linearized variance of the shares, with whole clusters drawn."""
        deviations = self._by_cell(np.square(votes - shares[self._cell] * self._base))
        return _ratio(deviations, np.square(self.bases)) * _ratio(self.counts, self.counts - 1)

    def _working_variance(self, votes: Floats, within: Floats, shares: Floats) -> Floats:
        """Returns the variance of the shares if all cards vary alike and those of a cluster have one correlation."""
        spread = (_ratio(self._by_cell(within), self.bases) - np.square(shares)).clip(0.0, None)
        inside = self._by_cell(within - _ratio(np.square(votes), self._base))
        # Where no cluster has two cards, the correlation is not known and has no effect.
        known = spread * self._free > 0
        correlation = np.where(known, 1 - _ratio(inside, spread * self._free), 0.0).clip(0.0, 1.0)
        return spread * _ratio(self._squares + correlation * self._together, np.square(self.bases))


def _interval(share: float, method: str, size: float, independent: float, clusters: float) -> Interval:
    """Returns the record of one cell.

    It is rounded to ten decimals, because sums of thirds differ in their last digits with the order of the cards.
    """
    bounds = *wilson(share * size, size), *wilson(share * independent, independent)
    low, high, wilson_low, wilson_high = (round(float(bound), 10) for bound in bounds)
    return Interval(low, high, method, round(float(size), 10), wilson_low, wilson_high, int(clusters))


def _sums(codes: Ints, values: Floats, n: int) -> Floats:
    """Returns the sum of the values with each code from 0 to ``n`` - 1."""
    return np.bincount(codes, values, n).astype(np.float64, copy=False)


def _ratio(parts: Floats, wholes: Floats) -> Floats:
    """Returns parts / wholes; 0 where the whole is not positive."""
    return np.divide(parts, wholes, out=np.zeros(len(parts)), where=wholes > 0)


def _check(numerators: Floats, bases: Floats, *codes: Ints) -> None:
    lengths = {len(values) for values in (numerators, bases, *codes)}
    if len(lengths) > 1:
        raise ValueError(f"arrays of different length: {sorted(lengths)}")
    # A NaN makes a condition false.
    inside = numerators is bases or bool((numerators <= bases * (1 + 1e-9)).all())
    if len(numerators) and not (inside and numerators.min() >= 0 and math.isfinite(bases.sum())):
        raise ValueError("every numerator must lie between 0 and its base, and none be missing")
