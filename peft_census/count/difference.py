"""Why a share changed: the difference of two counts, divided among groups of cards so that the parts add up.

In: for every card of both snapshots its votes before and after, and its group. Out: exact contributions, as fractions.

The first part is that of changed rules: the same cards, tagged and counted again. The rest is divided among the
groups by Shapley values (Shapley 1953, A value for n-person games): the part of a group is the mean of what it adds
to the share over all orders in which the groups could have changed. No order is preferred, and the parts add up
exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from math import factorial

import numpy as np

from peft_census.count.arrays import Floats, Ints
from peft_census.count.evidence import Evidence
from peft_census.count.rules import Rule
from peft_census.errors import UsageError

GROUPS = {
    "rules": "the tagger or the counting rules changed",
    "new": "new models",
    "deleted": "models no longer listed",
    "edited": "cards that were edited",
    "readable": "cards that can be read now but could not be read before",
    "unreadable": "cards that could be read before but cannot be read now",
    "configuration": "same card, but another adapter_config.json",
    "downloads": "same card, but other downloads (only if the rule weights by them)",
    "same": "same card, same votes",
}
"""Group of cards to its meaning; ``rules`` comes first and is not a group of cards."""


@dataclass(frozen=True)
class Share:
    """Numerator and base as exact numbers."""

    numerator: Fraction
    base: Fraction

    @property
    def value(self) -> Fraction | None:
        """The share; None on a base of zero."""
        return self.numerator / self.base if self.base else None

    def __add__(self, other: Share) -> Share:
        return Share(self.numerator + other.numerator, self.base + other.base)


NOTHING = Share(Fraction(0), Fraction(0))


@dataclass(frozen=True)
class Contribution:
    """What one group of cards adds to the difference.

    Args:
        group: a key of ``GROUPS``.
        cards: models in it.
        before: their votes before.
        after: their votes after.
        contribution: its part of the difference, as a fraction of 1; None where a share is missing.
    """

    group: str
    cards: int
    before: Share
    after: Share
    contribution: Fraction | None


@dataclass(frozen=True)
class Example:
    """A model whose votes changed, and the ids of the techniques counted before and after."""

    group: str
    model_id: str
    before: list[str]
    after: list[str]


@dataclass(frozen=True)
class Comparison:
    """A share in two snapshots, and why it changed.

    Args:
        older: id of the snapshot before.
        newer: id of the snapshot after.
        reasons: why the two snapshots are not of the same population; empty if they are.
        changed_rules: which of taxonomy, tagger and counting rules differ.
        unread: cards that could not be read, before and after.
        retagged: True if the older cards were tagged again.
        parts: parts of the groups; none for different populations.
        examples: some models whose votes changed; none for different populations.
    """

    older: str
    newer: str
    rule: Rule
    technique: str
    before: Share
    after: Share
    reasons: list[str]
    changed_rules: list[str]
    unread: tuple[int, int]
    retagged: bool = False
    parts: list[Contribution] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)

    @property
    def difference(self) -> Fraction | None:
        """The difference of the shares; None where one is missing."""
        return _minus(self.after, self.before)


def card_votes(evidence: Evidence, rule: Rule, technique: str) -> tuple[Floats, Floats]:
    """Returns each model's votes for ``technique``, and its weight in the base.

    Raises:
        UsageError: under ``rule`` the weight of a card depends on other cards.
    """
    if rule.unit in ("authors", "clusters"):
        raise UsageError(
            f"rule {rule.name}: the weight of a card depends on other cards, so the change cannot be divided",
            "compare by a rule without per_author and deduplicated.",
        )
    votes = evidence.votes(rule)
    numerator, base = np.zeros(evidence.n_cards), np.zeros(evidence.n_cards)
    numerator[votes.cards] = votes.of(technique)
    base[votes.cards] = votes.weight
    return numerator, base


def exact_share(numerator: Floats, base: Floats) -> Share:
    """Returns the exact sums; votes are whole numbers or simple fractions."""
    return Share(_sum(numerator), _sum(base))


def difference(group: Ints, names: list[str], states: list[tuple[Floats, Floats]]) -> list[Contribution]:
    """Returns the part of every group, ``rules`` first.

    Args:
        group: for each card a position in ``names``.
        names: groups, keys of ``GROUPS``.
        states: numerators and bases of the same cards, three times: before, before but by the rules of after, and
            after. A card that is absent has zeros.
    """
    before, reread, after = (exact_share(*state) for state in states)
    changed = int(np.any([states[0][i] != states[1][i] for i in (0, 1)], axis=0).sum())
    parts = [Contribution("rules", changed, before, reread, _minus(reread, before))]
    old, new = ([exact_share(n[group == i], d[group == i]) for i in range(len(names))] for n, d in states[1:])
    values = shapley(old, new)
    sizes = np.bincount(group, minlength=len(names))
    known = before.value is not None and reread.value is not None and after.value is not None
    for i, name in enumerate(names):
        parts.append(Contribution(name, int(sizes[i]), old[i], new[i], values[i] if known else None))
    return parts


def shapley(before: list[Share], after: list[Share]) -> list[Fraction]:
    """Returns each group's part of the difference between the shares of the sums; the parts add up exactly.

    Where the base of an intermediate state is zero, its share is that of before; the sum does not depend on it.
    """
    moving = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    start = sum(before, NOTHING)
    values: dict[frozenset[int], Fraction] = {}
    for size in range(len(moving) + 1):
        for chosen in combinations(moving, size):
            total = sum((after[i] if i in chosen else before[i] for i in range(len(before))), NOTHING)
            values[frozenset(chosen)] = total.value if total.value is not None else (start.value or Fraction(0))
    parts = [Fraction(0)] * len(before)
    k = len(moving)
    for i in moving:
        others = [j for j in moving if j != i]
        for size in range(k):
            weight = Fraction(factorial(size) * factorial(k - size - 1), factorial(k))
            for chosen in combinations(others, size):
                parts[i] += weight * (values[frozenset((*chosen, i))] - values[frozenset(chosen)])
    return parts


def rounded(parts: list[Fraction], decimals: int) -> list[Fraction]:
    """Returns ``parts`` rounded so that they add up to their rounded sum (largest remainders first)."""
    unit = Fraction(1, 10**decimals)
    total = round(sum(parts, Fraction(0)) / unit)
    floors = [p // unit for p in parts]
    order = sorted(range(len(parts)), key=lambda i: (floors[i] - parts[i] / unit, i))
    for i in order[: total - sum(floors)]:
        floors[i] += 1
    return [f * unit for f in floors]


def _minus(after: Share, before: Share) -> Fraction | None:
    return None if after.value is None or before.value is None else after.value - before.value


def _sum(values: Floats) -> Fraction:
    distinct, counts = np.unique(values, return_counts=True)
    parts = (Fraction(float(v)).limit_denominator(10_000) * int(n) for v, n in zip(distinct, counts, strict=True))
    return sum(parts, Fraction(0))
