"""Shares: from votes to numerators, bases and intervals.

In: ``Evidence`` and rules. Out: rows of the tables ``shares`` and ``sensitivity``, and the headline.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.evidence import Evidence, Ints, Votes, exact_sum
from peft_census.count.rules import HEADLINE, HEADLINE_TECHNIQUE, STANDARD, Rule, specifications
from peft_census.count.uncertainty import METHOD, cluster_interval, coverage_bounds, weighted_interval, wilson
from peft_census.snapshot.schema import arrow_schema

POPULATION = "all cards"

CLUSTERED = 12
"""Techniques of each rule, by votes, that get the interval by authors; it costs a bootstrap each."""

ENOUGH = 30
"""Cards that a share needs before it takes part in a range; below, it is listed and marked."""


def count_shares(evidence: Evidence, rules: Iterable[Rule] = STANDARD) -> pa.Table:
    """Returns the ``shares`` table: for every rule one row for each technique that got a vote.

    Rows are ordered by rule as given, votes (largest first) and technique id.
    """
    rows = []
    for rule in rules:
        votes = evidence.votes(rule)
        totals = sorted(votes.totals().items(), key=lambda item: (-item[1], item[0]))
        authors = evidence.authors[votes.cards]
        for i, (technique, numerator) in enumerate(totals):
            row = _row(rule, votes, technique, numerator)
            if i < CLUSTERED or technique == HEADLINE_TECHNIQUE:
                row |= _author_cells(votes, technique, authors)
            if rule.whole_cards:
                bounds = coverage_bounds(numerator, votes.base, evidence.unread)
                row |= {"unread_low": bounds[0], "unread_high": bounds[1]}
            rows.append(row)
    return pa.Table.from_pylist(rows, schema=arrow_schema("shares"))


def sensitivity(evidence: Evidence, technique: str = HEADLINE_TECHNIQUE) -> pa.Table:
    """Returns the ``sensitivity`` table: the share of ``technique`` under every rule of ``specifications``.

    Its range is the honest uncertainty of the headline (Simonsohn, Simmons and Nelson 2020, Specification curve
    analysis, Nature Human Behaviour 4:1208-1214). Rows are ordered by share; those without a base come last.
    """
    rows = []
    for rule in specifications():
        votes = evidence.votes(rule)
        row = _row(rule, votes, technique, exact_sum(votes.of(technique)))
        rows.append({k: v for k, v in row.items() if k != "population"} | {"enough": row["cards"] >= ENOUGH})
    rows.sort(key=lambda r: (r["share"] is None, r["share"], r["rule"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema("sensitivity"))


def _row(rule: Rule, votes: Votes, technique: str, numerator: float) -> dict[str, Any]:
    base, cards = votes.base, len(votes.cards)
    row: dict[str, Any] = {
        "rule": rule.name,
        "population": POPULATION,
        "technique": technique,
        "numerator": numerator,
        "base": base,
        "cards": cards,
        "share": None,
        "low": None,
        "high": None,
        "method": "none: the base is zero",
    }
    if not base:
        return row
    if rule.weighting == "by_downloads":
        naive = weighted_interval(votes.of(technique), votes.weight)
        low, high, method = naive.low, naive.high, naive.method
    else:
        (low, high), method = wilson(numerator, base), METHOD
    return row | {"share": min(1.0, numerator / base), "low": low, "high": high, "method": method}


def _author_cells(votes: Votes, technique: str, authors: Ints) -> dict[str, Any]:
    """Returns the interval that takes the cards of an author together.

    Rounded to ten decimals: sums of thirds differ in their last digits with the order of the cards.
    """
    found = cluster_interval(votes.of(technique), votes.weight, authors)
    return {
        "author_low": round(found.low, 10),
        "author_high": round(found.high, 10),
        "author_method": found.method,
        "effective_n": round(found.effective_n, 10),
    }


MORE = ("author_low", "author_high", "effective_n", "unread_low", "unread_high")
"""Columns of ``shares`` that the headline repeats."""


def headline(shares: pa.Table) -> dict[str, Any]:
    """Returns the number that people quote: LoRA's share under rule ``exactly_one``.

    Keys: rule, technique, n, base, share, low, high, and those of ``MORE``. Without a single card that cites
    exactly one technique the base is 0 and all that follow are None.
    """
    rows = shares.filter(pc.equal(shares["rule"], HEADLINE.name)).to_pylist()
    base = int(rows[0]["base"]) if rows else 0
    mine: dict[str, Any] = next((row for row in rows if row["technique"] == HEADLINE_TECHNIQUE), {})
    n = int(mine.get("numerator", 0))
    low, high = wilson(n, base) if base else (None, None)
    return {
        "rule": HEADLINE.name,
        "technique": HEADLINE_TECHNIQUE,
        "n": n,
        "base": base,
        "share": n / base if base else None,
        "low": low,
        "high": high,
        **{key: mine.get(key) for key in MORE},
    }
