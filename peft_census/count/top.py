"""Top lists: who holds the votes of a technique, and how the share changes without them.

In: evidence and a ``TopQuery``. Out: one row for each of the largest groups of cards (authors, base models, single
models and others), with the share of the technique that remains when the group is left out (the leave-one-out
influence). The weights of the other cards stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.arrays import Ints
from peft_census.count.cells import choose
from peft_census.count.evidence import Evidence
from peft_census.count.groups import DIMENSIONS
from peft_census.count.rules import HEADLINE, Rule
from peft_census.count.votes import Votes, exact_sum
from peft_census.errors import UsageError

MODEL = "model"
TOP_BY = (MODEL, *DIMENSIONS)
"""What a top list can be of: single models, or a dimension of groups."""
SORTS = ("votes", "influence")


@dataclass(frozen=True)
class TopQuery:
    """Which top list is asked for.

    Args:
        technique: technique id.
        by: one of ``TOP_BY``.
        rule: the rule to count by; None for the headline's, with variants separate if the technique is a variant.
        where: dimension to the values that the counted models have.
        sort: ``votes``, the groups with most votes for the technique; ``influence``, those without which its share
            changes most, with or without votes for it.
        n: length of the list.

    Raises:
        UsageError: a name is unknown, or ``n`` is below 1.
    """

    technique: str
    by: str = "author"
    rule: Rule | None = None
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sort: str = SORTS[0]
    n: int = 20

    def __post_init__(self) -> None:
        if self.by not in TOP_BY:
            raise UsageError(f"by: there is no {self.by!r}", f"possible: {', '.join(TOP_BY)}.")
        if unknown := [name for name in self.where if name not in DIMENSIONS]:
            raise UsageError(f"where: cards have no {unknown[0]!r}", f"possible: {', '.join(DIMENSIONS)}.")
        if self.sort not in SORTS:
            raise UsageError(f"sort: there is no {self.sort!r}", f"possible: {', '.join(SORTS)}.")
        if self.n < 1:
            raise UsageError(f"{self.n}: not a positive number", "give the length of the list.")

    @property
    def columns(self) -> list[str]:
        """The columns of ``models`` that it needs."""
        return [c for name in (self.by, *self.where) if name != MODEL and (c := DIMENSIONS[name].column)]


@dataclass(frozen=True)
class Top:
    """A top list.

    Args:
        query: what was asked.
        rule: the rule that was used.
        numerator: votes for the technique, of all groups.
        base: the denominator of its share.
        groups: number of groups with a vote for it.
        table: the list, with the columns ``rule``, ``technique``, the name of the dimension, ``numerator`` (votes of
            the group for the technique), ``base`` (all its votes), ``fraction`` (of the technique's votes),
            ``share_without`` (the technique's share without the group; null if nothing else is counted),
            ``influence`` (``share_without`` minus the share) and ``downloads`` (in 30 days, of the counted models; null
            where none is known).
    """

    query: TopQuery
    rule: Rule
    numerator: float
    base: float
    groups: int
    table: pa.Table


def top(evidence: Evidence, query: TopQuery) -> Top:
    """Returns the list that ``query`` asks for, the largest group first; equal ones by downloads, then by name.

    Raises:
        UsageError: the snapshot lacks a column, the technique is unknown or the rule does not count it.
    """
    evidence, rule = choose(evidence, query.columns, query.where), _rule(evidence, query)
    votes = evidence.votes(rule)
    mine = votes.of(query.technique)
    names, group = _groups(evidence, votes, query.by)
    n = len(names)
    downloaded = evidence.downloads[votes.cards]
    numerators, bases, downloads = (np.bincount(group, values, n) for values in (mine, votes.weight, downloaded))
    is_known = np.bincount(group, evidence.downloads_known[votes.cards], n) > 0
    numerator, base = exact_sum(mine), votes.base
    share = numerator / base if base else 0.0
    left_n, left_base = (numerator - numerators).clip(0), (base - bases).clip(0)
    # Nothing is left of a base that consists of one group; sums of thirds then leave a rest.
    left = left_base > base * 1e-9
    without = np.divide(left_n, left_base, out=np.full(n, share), where=left)
    key = numerators if query.sort == "votes" else np.abs(without - share).round(12)
    held = np.flatnonzero(numerators > 0) if query.sort == "votes" else np.arange(n)
    order = sorted(held, key=lambda i: (-key[i], -downloads[i], names[i]))[: query.n]
    rows = [
        {
            "rule": rule.name,
            "technique": query.technique,
            query.by: names[i],
            "numerator": float(numerators[i]),
            "base": float(bases[i]),
            "fraction": float(numerators[i] / numerator) if numerator else 0.0,
            "share_without": float(without[i]) if left[i] else None,
            "influence": float(without[i] - share) if left[i] else None,
            "downloads": int(downloads[i]) if is_known[i] else None,
        }
        for i in order
    ]
    texts = [pa.field(name, pa.string(), nullable=False) for name in ("rule", "technique", query.by)]
    numbers = [(name, pa.float64()) for name in ("numerator", "base", "fraction", "share_without", "influence")]
    table = pa.Table.from_pylist(rows, pa.schema([*texts, *numbers, ("downloads", pa.int64())]))
    return Top(query, rule, numerator, base, int((numerators > 0).sum()), table)


def _rule(evidence: Evidence, query: TopQuery) -> Rule:
    """Returns the rule to count by."""
    technique = query.technique
    if technique not in evidence.facts:
        raise UsageError(f"no technique {technique!r}", "`peft-census techniques` lists them.")
    if evidence.facts[technique].kind == "not_peft":
        raise UsageError(f"{technique} is recorded but never counted", "it is not a PEFT technique.")
    separate = Rule(variants="variants_separate")
    rule = query.rule or (HEADLINE if evidence.counts_as(technique, HEADLINE) == technique else separate)
    if evidence.counts_as(technique, rule) != technique:
        raise UsageError(f"rule {rule.name} does not count {technique} on its own", "add /variants_separate to it.")
    return rule


def _groups(evidence: Evidence, votes: Votes, by: str) -> tuple[list[str], Ints]:
    """Returns the names of the groups of counted cards, and each card's group."""
    values = evidence.models["model_id"] if by == MODEL else DIMENSIONS[by].values(evidence)
    encoded = pc.dictionary_encode(values.take(pa.array(votes.cards)))
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    names: list[str] = encoded.dictionary.to_pylist()
    return names, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
