"""Whether authors stay with the technique of their first card.

Counted are cards that cite exactly one technique, by author and day of creation. The cards of an author's first day
are one decision: an author is counted if all of them cite one technique, and if there is a card of a later day. Every
author has the same weight, divided among the later cards.

An author who repeats a technique may have a habit, or a task or taste that has not changed: the numbers do not separate
these (Heckman 1981, in Rosen (ed.), Studies in Labor Markets, 91-139).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.arrays import Bools, Floats, Ints, compress, flat
from peft_census.count.evidence import Evidence
from peft_census.count.groups import OTHER
from peft_census.count.rules import HEADLINE, HEADLINE_TECHNIQUE
from peft_census.count.segmented import t_quantile
from peft_census.count.shares import ENOUGH
from peft_census.count.uncertainty import NOTHING, Clusters, Interval
from peft_census.snapshot.schema import arrow_schema

LATER, LEFT, GAP = "later", "left", "gap"
ALL = "all"
METHOD = "within months, author-clustered 95%"
TOP, MIN_AUTHORS = 5, 5
"""First techniques with rows of their own besides LoRA, and the authors that each must have; the rest are ``other``."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Choices:
    """Cards that cite exactly one technique and have a date.

    Args:
        techniques: technique ids.
        technique: of each card, the position in ``techniques``.
        author: of each card, any integer code.
        day: of creation, in days since 1970.
    """

    techniques: tuple[str, ...]
    technique: Ints
    author: Ints
    day: Ints


@dataclass(frozen=True)
class _Later:
    """Later cards of the authors who count.

    Args:
        names: groups of techniques.
        author: of each card.
        weight: of each card; those of an author add up to 1.
        month: of creation.
        first: the author's first technique, as a position in ``names``.
        then: the card's technique, likewise.
        same: whether the card repeats the author's first technique.
        year: of the author's first card.
    """

    names: list[str]
    author: Ints
    weight: Floats
    month: Ints
    first: Ints
    then: Ints
    same: Bools
    year: Ints


def stickiness(evidence: Evidence) -> pa.Table:
    """Returns the ``stickiness`` table: what authors cite after their first technique, in all and by year of start."""
    return pa.Table.from_pylist(stickiness_rows(choices(evidence)), schema=arrow_schema("stickiness"))


def choices(evidence: Evidence) -> Choices:
    """Returns the cards that count under the headline's rule and have a date."""
    votes = evidence.votes(HEADLINE)
    if "created_at" not in evidence.models.schema.names:
        nothing = np.zeros(0, dtype=np.int64)
        return Choices(votes.techniques, nothing, nothing, nothing)
    counted = votes.counted
    days = flat(pc.cast(evidence.models["created_at"], pa.date32())).cast(pa.int32())
    day = pc.fill_null(days, -1).to_numpy(zero_copy_only=False).astype(np.int64)[counted.cards]
    dated = day >= 0
    return Choices(votes.techniques, counted.technique[dated].astype(np.int64), counted.authors[dated], day[dated])


def stickiness_rows(cards: Choices) -> list[Row]:
    """Returns the rows of the table."""
    later = _later(cards)
    rows = []
    for year in (None, *np.unique(later.year)):
        inside = later if year is None else _where(later, later.year == year)
        head = {"cohort": ALL if year is None else f"{year}"}
        rows += [head | row for row in (*_transitions(inside), *_leavers(inside), _gap(inside))]
    return rows


def _later(cards: Choices) -> _Later:
    """Returns the later cards of all authors whose first day has one technique."""
    author, n = compress(cards.author)[1], len(np.unique(cards.author))
    first_day = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(first_day, author, cards.day)
    on_first = cards.day == first_day[author]
    lowest, highest = np.full(n, len(cards.techniques)), np.full(n, -1)
    np.minimum.at(lowest, author[on_first], cards.technique[on_first])
    np.maximum.at(highest, author[on_first], cards.technique[on_first])
    kept = ~on_first & (lowest == highest)[author]
    author, technique, day = author[kept], cards.technique[kept], cards.day[kept]
    dates = day.astype("datetime64[D]")
    names, group = _groups(cards.techniques, lowest[np.unique(author)])
    return _Later(
        names,
        author,
        1 / np.bincount(author, minlength=max(1, n))[author],
        dates.astype("datetime64[M]").astype(np.int64),
        group[lowest[author]],
        group[technique],
        technique == lowest[author],
        first_day[author].astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970,
    )


def _groups(techniques: tuple[str, ...], firsts: Ints) -> tuple[list[str], Ints]:
    """Returns the names of the groups, LoRA first and ``other`` last, and the group of each technique."""
    counts = np.bincount(firsts, minlength=len(techniques))
    order = sorted(range(len(techniques)), key=lambda i: (-counts[i], techniques[i]))
    large = [techniques[i] for i in order if counts[i] >= MIN_AUTHORS and techniques[i] != HEADLINE_TECHNIQUE]
    names = [HEADLINE_TECHNIQUE, *large[:TOP], OTHER]
    return names, np.array([names.index(t) if t in names else len(names) - 1 for t in techniques], dtype=np.int64)


def _where(later: _Later, chosen: Bools) -> _Later:
    return _Later(later.names, *(getattr(later, f)[chosen] for f in list(vars(later))[1:]))


def _transitions(later: _Later) -> list[Row]:
    """Returns the share of each technique in the later cards of the authors with each first technique."""
    clusters = Clusters(later.weight, later.author, later.first, len(later.names))
    cards = np.bincount(later.first, minlength=len(later.names))
    rows = []
    for i, then in enumerate(later.names):
        votes = later.weight * (later.then == i)
        sums = np.bincount(later.first, votes, len(later.names))
        for j, (first, found) in enumerate(zip(later.names, clusters.intervals(votes), strict=True)):
            if cards[j]:
                head = {"measure": LATER, "first": first, "later": then, "cards": int(cards[j])}
                rows.append(head | _share(float(sums[j]), found))
    return sorted(rows, key=lambda r: later.names.index(r["first"]))


def _leavers(later: _Later) -> list[Row]:
    """Returns the share of the authors with each first technique who cite another one later."""
    authors, start, place = np.unique(later.author, return_index=True, return_inverse=True)
    first = later.first[start]
    left = (np.bincount(place, ~later.same, len(authors)) > 0).astype(np.float64)
    found = Clusters(np.ones(len(authors)), authors, first, len(later.names)).intervals(left)
    sums, cards = np.bincount(first, left, len(later.names)), np.bincount(later.first, minlength=len(later.names))
    return [
        {"measure": LEFT, "first": name, "later": None, "cards": int(cards[j])} | _share(float(sums[j]), found[j])
        for j, name in enumerate(later.names)
        if cards[j]
    ]


def _share(numerator: float, found: Interval) -> Row:
    base = found.clusters
    kept = {name: cell for name, cell in found.cells.items() if not name.startswith("wilson")}
    enough = min(found.effective_n, base) >= ENOUGH
    return {
        "numerator": round(numerator, 10),
        "base": base,
        "share": min(1.0, round(numerator / base, 10)),
        "enough": enough,
    } | kept


def _gap(later: _Later) -> Row:
    """Returns how much more often LoRA is cited later by authors who began with it than by others, in the same months.

    It is the coefficient of the first technique in a least-squares regression with a constant for each month of the
    later card, so that a trend of all authors does not look like staying. The error is the sandwich's, clustered by
    author.
    """
    began = (later.first == 0).astype(np.float64)
    cites = (later.then == 0).astype(np.float64)
    sides = [len(np.unique(later.author[began == side])) for side in (0, 1)]
    head = {"measure": GAP, "first": HEADLINE_TECHNIQUE, "later": HEADLINE_TECHNIQUE, "base": sum(sides)}
    head |= {"cards": len(began), "numerator": None} | {k: None for k in NOTHING.cells if not k.startswith("wilson")}
    few = head | {"share": None, "enough": False}
    if min(sides) < ENOUGH:
        return few | {"method": f"none: fewer than {ENOUGH} authors who began with LoRA, or with another technique"}
    x = _within(began, later)
    y = _within(cites, later)
    squares = float((later.weight * x * x).sum())
    authors, place = compress(later.author)
    spread = np.bincount(place, later.weight * x * x, len(authors))
    effective = squares**2 / float(np.square(spread).sum()) if squares > 0 else 0.0
    if effective < ENOUGH:
        return few | {"method": f"none: fewer than {ENOUGH} effective authors in the same months"}
    gap = float((later.weight * x * y).sum()) / squares
    scores = np.bincount(place, later.weight * x * (y - gap * x), len(authors))
    fewer = min(sides)
    error = math.sqrt(float(np.square(scores).sum()) * fewer / (fewer - 1)) / squares
    half = t_quantile(min(effective, fewer) - 1) * error
    bounds = {"low": round(max(-1.0, gap - half), 10), "high": round(min(1.0, gap + half), 10)}
    return (
        head | bounds | {"share": round(gap, 10), "method": METHOD, "effective_n": round(effective, 10), "enough": True}
    )


def _within(values: Floats, later: _Later) -> Floats:
    """Returns the values minus the weighted mean of their month."""
    months, place = compress(later.month)
    sums = np.bincount(place, later.weight * values, len(months))
    means: Floats = sums / np.bincount(place, later.weight, len(months))
    return values - means[place]
