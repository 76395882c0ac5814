"""Votes of cards for techniques under one rule, and their sums.

In: which cards cite which techniques, with what weight, from ``Evidence``. Out: votes, exact totals, and intervals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from peft_census.count.arrays import Bools, Floats, Ints
from peft_census.count.uncertainty import Clusters, Interval

MANY_PARTS = 10_000_000
"""Votes that are divided into more parts are added as they are."""


@dataclass(frozen=True)
class Counted:
    """The cards that count under a rule, and which techniques they cite.

    Args:
        cards: their row numbers in ``models``, ascending.
        size: how many techniques each cites.
        place: for each pair of card and technique the position in ``cards``, ascending.
        technique: for each pair the position of the technique; small numbers, which are compared faster.
        weight: weight of each card.
        authors: a number for the author of each card.
    """

    cards: Ints
    size: Ints
    place: Ints
    technique: npt.NDArray[np.int16]
    weight: Floats
    authors: Ints
    _citing: dict[int, Ints] = field(default_factory=dict, repr=False)

    def citing(self, technique: int) -> Ints:
        """Returns the positions in ``cards`` of those that cite a technique."""
        if technique not in self._citing:
            self._citing[technique] = self.place[self.technique == technique]
        return self._citing[technique]

    @cached_property
    def base(self) -> float:
        """The denominator: the weight of all cards counted."""
        return exact_sum(self.weight)

    @cached_property
    def clusters(self) -> Clusters:
        """The cards by author, for intervals."""
        return Clusters(self.weight, self.authors)

    def among(self, chosen: Bools, weight: Floats) -> Counted:
        """Returns the ``chosen`` cards (one entry for each card) with these weights."""
        if chosen.all():
            return replace(self, weight=weight)
        pairs = chosen[self.place]
        place = (np.cumsum(chosen) - 1)[self.place[pairs]]
        technique, authors = self.technique[pairs], self.authors[chosen]
        return Counted(self.cards[chosen], self.size[chosen], place, technique, weight[chosen], authors)


@dataclass(frozen=True)
class Votes:
    """The votes of one rule.

    Args:
        techniques: technique ids.
        counted: the cards that count.
        divided: whether the weight of a card is divided among the techniques that it cites.
    """

    techniques: tuple[str, ...]
    counted: Counted
    divided: bool

    @property
    def cards(self) -> Ints:
        """Row numbers in ``models`` of the cards counted, ascending."""
        return self.counted.cards

    @property
    def weight(self) -> Floats:
        """Weight of each of ``cards``."""
        return self.counted.weight

    @property
    def base(self) -> float:
        """The denominator: the weight of all cards counted."""
        return self.counted.base

    def totals(self) -> dict[str, float]:
        """Returns the votes of every technique that got any, by technique id."""
        present = np.flatnonzero(np.bincount(self.counted.technique))
        return {self.techniques[t]: exact_sum(self.cast(self.techniques[t])[1]) for t in present}

    def cast(self, technique: str) -> tuple[Ints, Floats]:
        """Returns the positions in ``cards`` of those that vote for ``technique``, and their votes."""
        if technique not in self.techniques:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        at = self.counted.citing(self.techniques.index(technique))
        votes = self.counted.weight[at]
        return at, votes / self.counted.size[at] if self.divided else votes

    def of(self, technique: str) -> Floats:
        """Returns the votes of each of ``cards`` for ``technique``; 0 where it votes for others only."""
        votes = np.zeros(len(self.cards))
        at, cast = self.cast(technique)
        votes[at] = cast
        return votes

    def interval(self, technique: str) -> Interval:
        """Returns the interval of the share of ``technique``."""
        at, votes = self.cast(technique)
        return self.counted.clusters.intervals(votes, at)[0]


def exact_sum(values: Floats) -> float:
    """Returns the sum of votes; it does not depend on their order.

    Divided votes (thirds, sevenths) are added as fractions, so that seven sevenths are one.
    """
    if (values == np.floor(values)).all():
        return float(values.sum())  # exact below 2^53
    parts = np.rint(1 / np.maximum(values, 1 / MANY_PARTS))
    unit = 1 / np.maximum(parts, 1) == values
    counts = np.bincount(parts[unit].astype(np.int64))
    found = np.flatnonzero(counts)
    others, repeats = np.unique(values[~unit], return_counts=True)
    return math.fsum([*(counts[found] / found), *(others * repeats)])
