"""Shares: from votes to numerators, bases and intervals.

In: ``Evidence`` and rules. Out: the tables ``shares``, ``rule_changes`` and ``sensitivity``, and the headline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.evidence import Evidence
from peft_census.count.rules import HEADLINE, HEADLINE_TECHNIQUE, ONE_CHANGE, STANDARD, Rule, specifications
from peft_census.count.uncertainty import NOTHING, coverage_bounds
from peft_census.count.votes import Votes, exact_sum
from peft_census.snapshot.schema import arrow_schema

POPULATION = "all cards"

ENOUGH = 30
"""Effective cards below which a share is marked and takes no part in a range."""


def count_shares(evidence: Evidence, rules: Iterable[Rule] = STANDARD) -> pa.Table:
    """Returns the ``shares`` table: for every rule that counts a card one row for each technique with a vote, and LoRA.

    Rows are ordered by rule as given, votes (largest first) and technique id.
    """
    rows: list[dict[str, Any]] = []
    for rule in rules:
        votes = evidence.votes(rule)
        if not votes.base:
            continue
        totals = {HEADLINE_TECHNIQUE: 0.0} | votes.totals()
        for technique, numerator in sorted(totals.items(), key=lambda item: (-item[1], item[0])):
            row = _row(rule, votes, technique, numerator) | {"population": POPULATION}
            if rule.whole_cards:
                low, high = coverage_bounds(numerator, votes.base, evidence.unread)
                row |= {"unread_low": low, "unread_high": high}
            rows.append(row)
    return pa.Table.from_pylist(rows, schema=arrow_schema("shares"))


def rule_changes(evidence: Evidence) -> pa.Table:
    """Returns the ``rule_changes`` table: the headline's share, and that with one option of its rule changed.

    One row for the headline's rule and each of ``ONE_CHANGE``, in this order.
    """
    counted = [(rule, evidence.votes(rule)) for rule in (HEADLINE, *ONE_CHANGE)]
    rows = [_headline_row(rule, votes, _numerator(votes)) for rule, votes in counted]
    return pa.Table.from_pylist(rows, schema=arrow_schema("rule_changes"))


def sensitivity(evidence: Evidence) -> pa.Table:
    """Returns the ``sensitivity`` table: the headline's share under ``specifications``, each distinct count once.

    Rules that count the same cards and votes are one row, named after the one with the fewest options. The range shows
    how much the headline depends on the choice of a rule (Simonsohn, Simmons and Nelson 2020, Specification curve
    analysis, Nature Human Behaviour 4:1208-1214). Rows are ordered by share; those without a base come last.
    """
    distinct: dict[tuple[float, float, int], tuple[tuple[int, int], dict[str, Any]]] = {}
    rules: Counter[tuple[float, float, int]] = Counter()
    # Rules that count the same cards follow one another, so that these are selected and grouped by author once.
    for place, rule in sorted(enumerate(specifications()), key=lambda item: _counted_cards(item[1])):
        votes = evidence.votes(rule)
        numerator, order = _numerator(votes), (len(rule.changed), place)
        count = (numerator, votes.base, len(votes.cards))
        rules[count] += 1
        if count not in distinct or order < distinct[count][0]:
            distinct[count] = order, _headline_row(rule, votes, numerator)
    rows = [row | {"rules": rules[count]} for count, (_, row) in distinct.items()]
    rows.sort(key=lambda r: (r["share"] is None, r["share"], r["rule"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema("sensitivity"))


def _counted_cards(rule: Rule) -> tuple[list[str], bool, str]:
    """Returns what decides which cards a rule counts, and with what weight."""
    return [option.word for option in rule.selecting], rule.single, rule.weighting


def _numerator(votes: Votes) -> float:
    return exact_sum(votes.cast(HEADLINE_TECHNIQUE)[1])


def _headline_row(rule: Rule, votes: Votes, numerator: float) -> dict[str, Any]:
    """Returns the headline's technique under ``rule``, and whether its effective sample size is enough."""
    row = _row(rule, votes, HEADLINE_TECHNIQUE, numerator)
    return row | {"enough": (row["effective_n"] or 0) >= ENOUGH}


def _row(rule: Rule, votes: Votes, technique: str, numerator: float) -> dict[str, Any]:
    """Returns the cells that all tables of shares have; share and bounds are null where the base is zero."""
    base = votes.base
    head = {
        "rule": rule.name,
        "technique": technique,
        "numerator": numerator,
        "base": base,
        "cards": len(votes.cards),
    }
    if not base:
        return head | dict.fromkeys(NOTHING.cells) | {"share": None, "method": NOTHING.method}
    return head | {"share": min(1.0, numerator / base)} | votes.interval(technique).cells


@dataclass(frozen=True)
class Headline:
    """The share that people quote; all fields from ``share`` on are None where the base is 0.

    Args:
        rule: name of the rule.
        technique: technique id.
        n: cards that count for the technique.
        base: all cards that count.
        share: n / base.
        low: lower bound of the interval to quote, with the cards clustered by author.
        high: upper bound of it.
        method: how it was computed.
        effective_n: independent cards that would be as informative.
        wilson_low: lower bound of Wilson's interval, which takes cards as independent.
        wilson_high: upper bound of it.
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
    method: str | None = None
    effective_n: float | None = None
    wilson_low: float | None = None
    wilson_high: float | None = None
    unread_low: float | None = None
    unread_high: float | None = None


def headline(shares: pa.Table) -> Headline:
    """Returns LoRA's share under rule ``exactly_one`` from the table ``shares``.

    The share is None where no card counts, and in an aggregate copy that leaves out a small cell.
    """
    rows = shares.filter(pc.equal(shares["rule"], HEADLINE.name)).to_pylist()
    base = int(rows[0]["base"]) if rows else 0
    for row in rows:
        if row["technique"] == HEADLINE_TECHNIQUE:
            more = {f.name: row[f.name] for f in fields(Headline)[4:]}
            return Headline(HEADLINE.name, HEADLINE_TECHNIQUE, int(row["numerator"]), base, **more)
    return Headline(HEADLINE.name, HEADLINE_TECHNIQUE, 0, base)
