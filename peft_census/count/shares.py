"""Shares: from votes to numerators, bases and intervals.

In: ``Evidence`` and rules. Out: the tables ``shares`` and ``sensitivity``, and the headline.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.arrays import Ints
from peft_census.count.evidence import Evidence, Votes, exact_sum
from peft_census.count.rules import HEADLINE, HEADLINE_TECHNIQUE, STANDARD, Rule, specifications
from peft_census.count.uncertainty import METHOD, cluster_interval, coverage_bounds, weighted_interval, wilson
from peft_census.snapshot.schema import arrow_schema

POPULATION = "all cards"

CLUSTERED = 12
"""Techniques of each rule, by votes, that get the interval by authors; each costs a bootstrap."""

ENOUGH = 30
"""Cards below which a share is marked and takes no part in a range."""


def count_shares(evidence: Evidence, rules: Iterable[Rule] = STANDARD) -> pa.Table:
    """Returns the ``shares`` table: for every rule one row for each technique with a vote.

    Rows are ordered by rule as given, votes (largest first) and technique id.
    """
    rows = []
    for rule in rules:
        votes = evidence.votes(rule)
        totals = sorted(votes.totals().items(), key=lambda item: (-item[1], item[0]))
        authors = evidence.authors[votes.cards]
        for i, (technique, numerator) in enumerate(totals):
            row = _row(rule, votes, technique, numerator) | {"population": POPULATION}
            if i < CLUSTERED or technique == HEADLINE_TECHNIQUE:
                row |= _author_cells(votes, technique, authors)
            if rule.whole_cards:
                low, high = coverage_bounds(numerator, votes.base, evidence.unread)
                row |= {"unread_low": low, "unread_high": high}
            rows.append(row)
    return pa.Table.from_pylist(rows, schema=arrow_schema("shares"))


def sensitivity(evidence: Evidence, technique: str = HEADLINE_TECHNIQUE) -> pa.Table:
    """Returns the ``sensitivity`` table: the share of ``technique`` under every rule of ``specifications``.

    Its range shows how much the headline depends on the choice of a rule (Simonsohn, Simmons and Nelson 2020,
    Specification curve analysis, Nature Human Behaviour 4:1208-1214). Rows are ordered by share; those without a base
    come last.
    """
    rows = []
    for rule in specifications():
        votes = evidence.votes(rule)
        row = _row(rule, votes, technique, exact_sum(votes.of(technique)))
        rows.append(row | {"enough": row["cards"] >= ENOUGH})
    rows.sort(key=lambda r: (r["share"] is None, r["share"], r["rule"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema("sensitivity"))


def _row(rule: Rule, votes: Votes, technique: str, numerator: float) -> dict[str, Any]:
    """Returns the cells that both tables have."""
    base = votes.base
    row: dict[str, Any] = {
        "rule": rule.name,
        "technique": technique,
        "numerator": numerator,
        "base": base,
        "cards": len(votes.cards),
        "share": None,
        "method": "none: the base is zero",
    }
    if not base:
        return row
    if rule.unit == "downloads":
        weighted = weighted_interval(votes.of(technique), votes.weight)
        low, high, method = weighted.low, weighted.high, weighted.method
    else:
        (low, high), method = wilson(numerator, base), METHOD
    return row | {"share": min(1.0, numerator / base), "low": low, "high": high, "method": method}


def _author_cells(votes: Votes, technique: str, authors: Ints) -> dict[str, Any]:
    """Returns the interval with the cards clustered by author.

    It is rounded to ten decimals, because sums of thirds differ in their last digits with the order of the cards.
    """
    clustered = cluster_interval(votes.of(technique), votes.weight, authors)
    return {
        "author_low": round(clustered.low, 10),
        "author_high": round(clustered.high, 10),
        "author_method": clustered.method,
        "effective_n": round(clustered.effective_n, 10),
    }


@dataclass(frozen=True)
class Headline:
    """The share that people quote; all fields from ``share`` on are None where the base is 0.

    Args:
        rule: name of the rule.
        technique: technique id.
        n: cards that count for the technique.
        base: all cards that count.
        share: n / base.
        low: lower bound of Wilson's interval.
        high: upper bound of it.
        author_low: lower bound with the cards clustered by author.
        author_high: upper bound of it.
        effective_n: independent cards that would be as informative.
        unread_low: share if no unread card counted for the technique.
        unread_high: share if all did.
    """

    rule: str
    technique: str
    n: int
    base: int
    share: float | None = None
    low: float | None = None
    high: float | None = None
    author_low: float | None = None
    author_high: float | None = None
    effective_n: float | None = None
    unread_low: float | None = None
    unread_high: float | None = None


def headline(shares: pa.Table) -> Headline:
    """Returns LoRA's share under rule ``exactly_one`` from the table ``shares``."""
    rows = shares.filter(pc.equal(shares["rule"], HEADLINE.name)).to_pylist()
    base = int(rows[0]["base"]) if rows else 0
    for row in rows:
        if row["technique"] == HEADLINE_TECHNIQUE:
            n = int(row["numerator"])
            more = [row[f.name] for f in fields(Headline)[-5:]]
            return Headline(HEADLINE.name, HEADLINE_TECHNIQUE, n, base, n / base, *wilson(n, base), *more)
    if not base:
        return Headline(HEADLINE.name, HEADLINE_TECHNIQUE, 0, 0)
    return Headline(HEADLINE.name, HEADLINE_TECHNIQUE, 0, base, 0.0, *wilson(0, base))
