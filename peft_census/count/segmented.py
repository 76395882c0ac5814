"""Segmented regression of one series of cards around a date, with errors clustered by author.

In: cards with a month, an outcome and an author. Out: the change of level and slope at a month, with intervals.

The mean of the outcome in month m is a + b·m before the date and has a change of level and a change of slope from the
date on (Wagner, Soumerai, Zhang and Ross-Degnan 2002, Journal of Clinical Pharmacy and Therapeutics 27:299-309; Bernal,
Cummins and Gasparrini 2017, International Journal of Epidemiology 46:348-355). Every card has the same weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from peft_census.count.arrays import Bools, Floats, Ints, compress
from peft_census.count.uncertainty import ENOUGH_CLUSTERS, Z

WINDOW = 12
"""Months before the date, and from it on, that are compared."""
LEAST_MONTHS = 6
"""Months with a card on each side below which nothing is estimated."""
LEAST_OF_EACH = 10
"""Authors with each outcome below which nothing is estimated."""


@dataclass(frozen=True)
class Series:
    """Cards of one series.

    Args:
        month: of creation, as a ``month_number``.
        outcome: 0 or 1.
        author: any integer code.
    """

    month: Ints
    outcome: Floats
    author: Ints

    def where(self, chosen: Bools) -> Series:
        """Returns the chosen cards."""
        return Series(self.month[chosen], self.outcome[chosen], self.author[chosen])

    def around(self, at: int, end: int) -> Series:
        """Returns the cards in the window around ``at`` and before ``end``."""
        return self.where((self.month >= at - WINDOW) & (self.month < min(at + WINDOW, end)))


@dataclass(frozen=True)
class Change:
    """The change at a month.

    Args:
        values: the value expected at that month without a change, the change of level, the change of slope per month.
        errors: their standard errors.
        authors: the authors of the cards.
        effects: what each of ``authors`` changes in ``values``.
        effective_authors: authors of equal size that would be as informative, on the side with fewer.
    """

    values: Floats
    errors: Floats
    authors: Ints
    effects: Floats
    effective_authors: float

    def minus(self, other: Change) -> Change:
        """Returns the difference of two changes; an author of cards of both is one cluster."""
        authors, place = compress(np.concatenate([self.authors, other.authors]))
        effects = np.zeros((len(authors), len(self.values)))
        np.add.at(effects, place, np.concatenate([self.effects, -other.effects]))
        fewer = min(self.effective_authors, other.effective_authors)
        return Change(self.values - other.values, _errors(effects), authors, effects, fewer)

    def interval(self, which: int) -> tuple[float, float]:
        """Returns the 95% interval of one of ``values``, within -1 and 1."""
        half = t_quantile(self.effective_authors - 1) * self.errors[which]
        return max(-1.0, float(self.values[which] - half)), min(1.0, float(self.values[which] + half))


def level_change(series: Series, at: int) -> float | None:
    """Returns the change of level at ``at`` without its error; None where a side has too few months."""
    if too_few_months(series, at):
        return None
    cells = np.bincount(series.month - series.month.min())
    seen = np.flatnonzero(cells)
    sums = np.bincount(series.month - series.month.min(), series.outcome)[seen]
    design, n = _design(seen + series.month.min(), at), cells[seen].astype(np.float64)
    found = np.linalg.solve((design * n[:, None]).T @ design, design.T @ sums)
    return float(found[2])


def change(series: Series, at: int) -> Change | str:
    """Returns the change at ``at``, or why none is estimated.

    The errors are those of the jackknife that leaves out one author at a time, which hold with clusters of unequal size
    better than the sandwich (Cameron and Miller 2015, Journal of Human Resources 50:317-372; MacKinnon, Nygaard Nielsen
    and Webb 2023, Journal of Applied Econometrics 38:671-694).
    """
    if too_few_months(series, at):
        return f"none: fewer than {LEAST_MONTHS} months with cards on one side"
    sides = series.month >= at
    fewer = min(effective_number(series.author[sides]), effective_number(series.author[~sides]))
    if fewer < ENOUGH_CLUSTERS:
        return f"none: fewer than {ENOUGH_CLUSTERS} effective authors on one side"
    if min(len(np.unique(series.author[series.outcome == value])) for value in (0, 1)) < LEAST_OF_EACH:
        return f"none: fewer than {LEAST_OF_EACH} authors with one of the outcomes"
    authors, place = compress(series.author)
    design = _design(series.month, at)
    squares = np.empty((len(authors), 4, 4))
    for i in range(4):
        for j in range(i, 4):
            squares[:, i, j] = squares[:, j, i] = np.bincount(place, design[:, i] * design[:, j], len(authors))
    products = np.stack([np.bincount(place, column * series.outcome, len(authors)) for column in design.T], axis=1)
    whole, target = squares.sum(axis=0), products.sum(axis=0)
    found = np.linalg.solve(whole, target)
    without = np.linalg.pinv(whole - squares, hermitian=True) @ (target - products)[:, :, None]
    effects = (found - without[:, :, 0])[:, [0, 2, 3]]
    return Change(found[[0, 2, 3]], _errors(effects), authors, effects, fewer)


def too_few_months(series: Series, at: int) -> bool:
    """Says whether fewer than ``LEAST_MONTHS`` months have a card on one side of ``at``."""
    months = np.unique(series.month)
    return min(int((months < at).sum()), int((months >= at).sum())) < LEAST_MONTHS


def effective_number(clusters: Ints) -> float:
    """Returns the number of clusters of equal size that would be as informative, (Σn)² / Σn²; 0 without a card."""
    sizes = np.bincount(compress(clusters)[1]).astype(np.float64)
    return float(sizes.sum() ** 2 / np.square(sizes).sum()) if len(sizes) else 0.0


def t_quantile(freedom: float) -> float:
    """Returns Student's t at (1 + ``CONFIDENCE``) / 2, by its expansion (Abramowitz and Stegun 1964, 26.7.5).

    Its error is below 0.001 from 10 degrees of freedom on.
    """
    z = Z
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def _errors(effects: Floats) -> Floats:
    """Returns the jackknife's standard errors."""
    n = len(effects)
    errors: Floats = np.sqrt(np.square(effects).sum(axis=0) * (n - 1) / n)
    return errors


def _design(month: Ints, at: int) -> Floats:
    """Returns the columns of the regression: constant, months since ``at``, change of level, change of slope."""
    since = (month - at).astype(np.float64)
    after = since >= 0
    return np.stack([np.ones(len(since)), since, after, since * after], axis=1)
