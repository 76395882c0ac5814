"""Shares of groups of cards: by month, task, library and others, under any rule.

In: evidence, a rule and the names of dimensions. Out: a share for every group and technique, and the tables
``breakdown`` and ``monthly``, which are made of such shares with small groups suppressed: a group of fewer than
``MIN_CARDS`` cards or ``MIN_AUTHORS`` authors says more about one author than about the group. Where only one group of
a dimension is suppressed, the next smallest is suppressed too, so that it cannot be found by subtraction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.arrays import Bools, Ints, compress
from peft_census.count.evidence import Evidence
from peft_census.count.groups import DIMENSIONS, FLOOR, NOT_KNOWN, OTHER, calendar, unfinished_month
from peft_census.count.rules import HEADLINE, HEADLINE_TECHNIQUE, Rule
from peft_census.count.shares import ENOUGH
from peft_census.count.uncertainty import NOTHING, Clusters
from peft_census.count.votes import Votes
from peft_census.errors import UsageError
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.schema.counts import SHARE_COLUMNS

MIN_CARDS, MIN_AUTHORS = 5, 3
TOP_VALUES = 40
"""Values of a dimension shown one by one; the rest are ``other``. Months, quarters and years are all shown."""
TOP_TECHNIQUES = 12
"""Techniques with rows of their own, by votes, in addition to that of the headline."""
MOST_DIMENSIONS = 2

STORED = (HEADLINE, Rule(authorship="human_only"))
"""Rules of the tables ``breakdown`` and ``monthly`` in a snapshot; others are counted on request."""
BROKEN_DOWN = ("month", "task", "base_family", "library", "generator", "downloads", "language", "author_kind")
"""Dimensions of the table ``breakdown``."""


@dataclass(frozen=True)
class ShareQuery:
    """Which shares are asked for.

    Args:
        rules: the rules to count by.
        by: names of up to two dimensions, keys of ``DIMENSIONS``.
        where: dimension to the values that the counted models have.
        techniques: technique ids; by default LoRA and the ``TOP_TECHNIQUES`` with most votes.
        top: number of the largest values of each dimension; the rest are ``other``.

    Raises:
        UsageError: a dimension is unknown or given twice, there are more than two, or ``top`` is below 1.
    """

    rules: tuple[Rule, ...] = (HEADLINE,)
    by: tuple[str, ...] = ()
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    techniques: tuple[str, ...] = ()
    top: int = TOP_VALUES

    def __post_init__(self) -> None:
        for option, names in (("by", self.by), ("where", self.where)):
            if unknown := [name for name in names if name not in DIMENSIONS]:
                raise UsageError(f"{option}: cards have no {unknown[0]!r}", f"possible: {', '.join(DIMENSIONS)}.")
        if len(self.by) > MOST_DIMENSIONS or len(set(self.by)) < len(self.by):
            raise UsageError(f"by {', '.join(self.by)}: not one or two different dimensions", "leave some out.")
        if self.top != TOP_VALUES and not self.by:
            raise UsageError("top has no meaning without by", "name a dimension, such as author.")
        if self.top < 1:
            raise UsageError(f"top {self.top}: not a positive number", "give the number of groups to show.")

    @property
    def columns(self) -> list[str]:
        """The columns of ``models`` that it needs."""
        return [c for name in (*self.by, *self.where) if (c := DIMENSIONS[name].column)]


class Groups:
    """The counted cards of one rule in groups, one for each combination of values that occurs.

    Args:
        by: dimensions.
        top: values of each that are shown one by one.
    """

    def __init__(self, evidence: Evidence, votes: Votes, by: Sequence[str], top: int = TOP_VALUES) -> None:
        self.votes = votes
        self.values: list[tuple[str, ...]] = [()] if len(votes.cards) else []
        self.place: Ints = np.zeros(len(votes.cards), dtype=np.int64)
        for name in by:
            names, codes = _values(evidence, votes, name, top)
            found, self.place = np.unique(self.place * len(names) + codes, return_inverse=True)
            pairs = (divmod(int(i), len(names)) for i in found)
            self.values = [(*self.values[before], names[i]) for before, i in pairs]
        self.cards = np.bincount(self.place, minlength=len(self.values))
        self._clusters = Clusters(votes.weight, votes.counted.authors, self.place, len(self.values))
        self.authors = self._clusters.counts

    def cells(self, technique: str) -> list[dict[str, Any]]:
        """Returns numerator, base, cards, share and interval of each group."""
        at, votes = self.votes.cast(technique)
        sums = np.bincount(self.place[at], votes, len(self.values))
        cells = zip(sums, self._clusters.bases, self.cards, self._clusters.intervals(votes, at), strict=True)
        return [
            {"numerator": float(n), "base": float(base), "cards": int(cards), "share": min(1.0, float(n / base))}
            | interval.cells
            for n, base, cards, interval in cells
        ]


def shares_by(evidence: Evidence, query: ShareQuery) -> pa.Table:
    """Returns the shares that ``query`` asks for: one row for each rule, group and technique.

    Columns: ``rule``, one for each dimension, ``technique``, and those of ``SHARE_COLUMNS``. Weights are those of the
    chosen models: under ``per_author`` an author's cards in all groups together have the weight of one card.

    Raises:
        UsageError: the snapshot lacks a column, no model has a value of ``where``, or a technique is unknown.
    """
    evidence = choose(evidence, query.columns, query.where)
    if unknown := [t for t in query.techniques if t not in evidence.facts]:
        raise UsageError(f"no technique {unknown[0]!r}", "`peft-census techniques` lists them.")
    rows: list[dict[str, Any]] = []
    for rule in query.rules:
        groups = Groups(evidence, evidence.votes(rule), query.by, query.top)
        cells = {technique: groups.cells(technique) for technique in query.techniques or leading(groups.votes)}
        for i, values in enumerate(groups.values):
            head = {"rule": rule.name, **dict(zip(query.by, values, strict=True))}
            rows += [head | {"technique": technique} | of[i] for technique, of in cells.items()]
    names = [pa.field(name, pa.string(), nullable=False) for name in ("rule", *query.by, "technique")]
    return pa.Table.from_pylist(rows, pa.schema([*names, *(pa.field(c.name, c.type) for c in SHARE_COLUMNS)]))


def choose(evidence: Evidence, columns: Sequence[str], where: Mapping[str, Sequence[str]]) -> Evidence:
    """Returns the evidence of the models that have one of the values in every dimension of ``where``.

    Args:
        evidence: of all models.
        columns: the columns of ``models`` that are needed.
        where: dimension to values.

    Raises:
        UsageError: the snapshot lacks a column, or no model has a value.
    """
    for column in columns:
        if column not in evidence.models.schema.names:
            raise UsageError(f"the snapshot has no column {column!r}", "a public copy lacks some; use the snapshot.")
    return evidence.among(_chosen(evidence, where)) if where else evidence


def breakdown(evidence: Evidence, rules: Sequence[Rule] = STORED) -> pa.Table:
    """Returns the ``breakdown`` table: a share for every dimension, value and technique.

    A suppressed cell has one row, without technique, numerator, base and share.

    Args:
        evidence: with the columns of ``groups.GROUP_COLUMNS``; a dimension whose column is missing has no rows.
        rules: any rules.
    """
    rows: list[dict[str, Any]] = []
    for rule in rules:
        votes = evidence.votes(rule)
        for name in BROKEN_DOWN:
            if (column := DIMENSIONS[name].column) and column not in evidence.models.schema.names:
                continue
            groups = Groups(evidence, votes, (name,))
            cells = {technique: groups.cells(technique) for technique in leading(votes)}
            for i, ((value,), hidden) in enumerate(zip(groups.values, _suppressed(groups), strict=True)):
                head = {"rule": rule.name, "dimension": name, "value": value, "suppressed": bool(hidden)}
                shown = [head | of[i] | {"technique": technique} for technique, of in cells.items()]
                rows += [head] if hidden else shown
    return pa.Table.from_pylist(rows, schema=arrow_schema("breakdown"))


def monthly(evidence: Evidence, rules: Sequence[Rule] = STORED) -> pa.Table:
    """Returns the ``monthly`` table: the share of each leading technique in every month.

    A month of fewer than ``MIN_CARDS`` cards has its base and no share. Nor has the last month where it is not over.
    Cards without a date are a row of their own.
    """
    unfinished = unfinished_month(evidence)
    rows: list[dict[str, Any]] = []
    for rule in rules:
        votes = evidence.votes(rule)
        groups = Groups(evidence, votes, ("month",))
        names = [value for (value,) in groups.values]
        for technique in leading(votes):
            found = dict(zip(names, groups.cells(technique), strict=True))
            for name in calendar(names):
                head = {"rule": rule.name, "month": name, "technique": technique}
                rows.append(head | _month_cell(found.get(name), name != unfinished))
    return pa.Table.from_pylist(rows, schema=arrow_schema("monthly"))


def leading(votes: Votes) -> list[str]:
    """Returns the headline's technique, then those with the most votes; none where nothing is counted."""
    totals = sorted(votes.totals().items(), key=lambda item: (-item[1], item[0]))
    if not totals:
        return []
    return list(dict.fromkeys([HEADLINE_TECHNIQUE, *(t for t, _ in totals[:TOP_TECHNIQUES])]))


def _month_cell(cell: dict[str, Any] | None, over: bool) -> dict[str, Any]:
    if cell is not None and over and cell["cards"] >= MIN_CARDS:
        return cell | {"enough": cell["effective_n"] >= ENOUGH}
    few = f"suppressed: fewer than {MIN_CARDS} cards"
    why = "none: no card" if cell is None else few if cell["cards"] < MIN_CARDS else "none: the month is not over"
    base = {"base": 0.0, "cards": 0} if cell is None else {name: cell[name] for name in ("base", "cards")}
    return dict.fromkeys(["numerator", "share", *NOTHING.cells]) | base | {"method": why, "enough": False}


def _values(evidence: Evidence, votes: Votes, name: str, top: int) -> tuple[list[str], Ints]:
    """Returns the values of a dimension and each card's; the rare ones of a long list become ``other``.

    Periods of time come in their order, other values by number of cards, ``other`` last.
    """
    dimension = DIMENSIONS[name]
    if name not in evidence.values:
        evidence.values[name] = dimension.values(evidence).dictionary_encode()
    encoded = evidence.values[name]
    found, codes = compress(encoded.indices.to_numpy(zero_copy_only=False)[votes.cards].astype(np.int64))
    names = encoded.dictionary.take(pa.array(found)).to_pylist()
    sizes = np.bincount(codes, minlength=len(names))
    if dimension.is_time:
        order = sorted(range(len(names)), key=lambda i: (names[i] == NOT_KNOWN, names[i] != FLOOR, names[i]))
    else:
        order = sorted(range(len(names)), key=lambda i: (names[i] == OTHER, -sizes[i], names[i]))
    kept = order if dimension.is_time or len(names) <= top + 1 else [i for i in order[:top] if names[i] != OTHER]
    shown = [names[i] for i in kept] + ([] if len(kept) == len(names) else [OTHER])
    place = np.full(len(names), len(shown) - 1)
    place[kept] = np.arange(len(kept))
    return shown, place[codes]


def _suppressed(groups: Groups) -> Bools:
    """Returns which groups are not shown."""
    suppressed: Bools = (groups.cards < MIN_CARDS) | (groups.authors < MIN_AUTHORS)
    if suppressed.sum() == 1 and len(suppressed) > 1:
        shown = (i for i in range(len(suppressed)) if not suppressed[i])
        suppressed[min(shown, key=lambda i: (groups.cards[i], groups.values[i]))] = True
    return suppressed


def _chosen(evidence: Evidence, where: Mapping[str, Sequence[str]]) -> Bools:
    """Returns which models have one of the values in every dimension of ``where``."""
    chosen = np.ones(evidence.n_cards, dtype=np.bool_)
    for name, wanted in where.items():
        values = DIMENSIONS[name].values(evidence)
        for value in wanted:
            if not pc.any(pc.equal(values, value)).as_py():
                counts = sorted(pc.value_counts(values).to_pylist(), key=lambda c: (-c["counts"], c["values"]))
                some = ", ".join(c["values"] for c in counts[:TOP_VALUES])
                raise UsageError(f"where: no model has {name} {value!r}", f"values, the most frequent first: {some}.")
        chosen &= pc.is_in(values, value_set=pa.array(wanted, pa.string())).to_numpy(zero_copy_only=False)
    return chosen
