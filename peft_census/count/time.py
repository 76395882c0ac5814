"""Time: concentration by month, adoption by age, and how many months techniques took to be cited.

The month of a model is the month in which its repository was created; its card may have been edited later. Models older
than the Hub's dates have no age (they are left-censored), and models without a date have no month; both are counted in
rows of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from peft_census.count.arrays import Floats
from peft_census.count.cells import Groups
from peft_census.count.evidence import Evidence
from peft_census.count.groups import FLOOR, NOT_KNOWN, calendar, month_number, unfinished_month
from peft_census.count.rules import HEADLINE, Rule
from peft_census.count.shares import ENOUGH
from peft_census.count.uncertainty import NOTHING
from peft_census.count.votes import Votes
from peft_census.snapshot.schema import arrow_schema

CITED = Rule(vote="any", variants="variants_separate")
"""The rule of adoption: every technique, variants separate, however many a card cites."""
MILESTONES = (1, 10, 100, 1_000)
ANCHORS = {"paper": "paper_month", "release": "released"}
"""What the age of a technique is counted from, and the field of its facts with the date."""

_PERIODS = {FLOOR: "left_censored", NOT_KNOWN: "undated"}
_NO_INTERVAL = dict.fromkeys(NOTHING.cells) | {"method": "none: no card"}


def concentration(evidence: Evidence) -> pa.Table:
    """Returns the ``concentration`` table: how concentrated votes are, in all months and by month.

    ``hhi`` is the sum of squared shares (Herfindahl 1950, Hirschman 1964), ``effective_number`` its inverse, and
    ``shannon_number`` the exponential of Shannon's entropy: the numbers of order 2 and 1 of Hill 1973. All three
    overstate concentration where there are few cards, so they are null below ``ENOUGH`` cards.
    """
    rows: list[dict[str, Any]] = []
    for rule in (
        HEADLINE,
        Rule(vote="fractional"),
        Rule(variants="variants_separate"),
        Rule(vote="fractional", variants="variants_separate"),
    ):
        votes = evidence.votes(rule)
        rows.append({"rule": rule.name, "month": "all", **_concentrated(np.array([*votes.totals().values()]))})
        groups = Groups(evidence, votes, ("month",))
        by_month = [_by_month(groups, votes, technique) for technique in votes.totals()]
        for name in calendar(by_month[0] if by_month else ()):
            if name != NOT_KNOWN:
                sums = np.array([of.get(name, 0.0) for of in by_month])
                rows.append({"rule": rule.name, "month": name, **_concentrated(sums)})
    return pa.Table.from_pylist(rows, schema=arrow_schema("concentration"))


def adoption(evidence: Evidence) -> pa.Table:
    """Returns the ``adoption`` table: cards citing each technique, cumulated by months since paper and release.

    One row for every month from the first card to the last month of the population, with the share of the cards created
    in that month. An age below zero means that the repository is older than the paper: the card was edited later, or
    the tagger is wrong.
    """
    votes = evidence.votes(CITED)
    groups = Groups(evidence, votes, ("month",))
    names, unfinished = [value for (value,) in groups.values], unfinished_month(evidence)
    rows: list[dict[str, Any]] = []
    for technique in sorted(votes.totals()):
        found = dict(zip(names, groups.cells(technique), strict=True))
        with_cards = [name for name, cell in found.items() if cell["numerator"]]
        last = [name for name in names if month_number(name)][-1:] if any(map(month_number, with_cards)) else []
        for anchor, fact in ANCHORS.items():
            start = month_number(getattr(evidence.facts[technique], fact))
            if start is None:
                continue
            total = 0
            for name in calendar([*with_cards, *last]):
                cell = found.get(name, {"numerator": 0.0, "base": 0.0, "share": None} | _NO_INTERVAL)
                total += int(cell["numerator"])
                at = month_number(name)
                kept = {column: cell[column] for column in ("base", "share", *_NO_INTERVAL)}
                age = {
                    "age": None if at is None else at - start,
                    "period": _PERIODS.get(name, "partial" if name == unfinished else "complete"),
                }
                counts = {"cards": int(cell["numerator"]), "cumulative": total}
                rows.append({"technique": technique, "anchor": anchor, "month": name} | age | counts | kept)
    return pa.Table.from_pylist(rows, schema=arrow_schema("adoption"))


def milestones(evidence: Evidence) -> pa.Table:
    """Returns the ``milestones`` table: how many months a technique took to 1, 10, 100 and 1,000 cards.

    Null where the number was not reached, where it was reached before the Hub's dates begin (left-censored), or where
    the date of the technique is not known.
    """
    votes = evidence.votes(CITED)
    groups = Groups(evidence, votes, ("month",))
    rows: list[dict[str, Any]] = []
    for technique in sorted(votes.totals()):
        facts = evidence.facts[technique]
        paper, release = (month_number(getattr(facts, fact)) for fact in ANCHORS.values())
        counts = _by_month(groups, votes, technique)
        undated = counts.pop(NOT_KNOWN, 0.0)
        dated = sorted(counts, key=lambda name: (name != FLOOR, name))
        cumulative = np.cumsum([counts[name] for name in dated])
        for cards in MILESTONES:
            months = np.flatnonzero(cumulative >= cards)
            reached = dated[int(months[0])] if len(months) else None
            at = month_number(reached)
            rows.append(
                {
                    "technique": technique,
                    "paper_month": facts.paper_month,
                    "released": facts.released,
                    "paper_to_release": None if paper is None or release is None else release - paper,
                    "cards": cards,
                    "reached": reached,
                    "left_censored": reached == FLOOR,
                    "from_paper": None if at is None or paper is None else at - paper,
                    "from_release": None if at is None or release is None else at - release,
                    "undated": int(undated),
                }
            )
    return pa.Table.from_pylist(rows, schema=arrow_schema("milestones"))


def _by_month(groups: Groups, votes: Votes, technique: str) -> dict[str, float]:
    """Returns the votes for ``technique`` in every month in which a card is counted."""
    at, cast = votes.cast(technique)
    sums = np.bincount(groups.place[at], cast, len(groups.values))
    return {value: float(n) for (value,), n in zip(groups.values, sums, strict=True)}


def _concentrated(votes: Floats) -> dict[str, Any]:
    base = float(votes.sum())
    cells: dict[str, Any] = {"base": base, "techniques": int((votes > 0).sum()), "enough": base >= ENOUGH}
    if not cells["enough"]:
        return cells | {"hhi": None, "effective_number": None, "shannon_number": None}
    shares = votes[votes > 0] / base
    hhi = float((shares**2).sum())
    entropy = float(-(shares * np.log(shares)).sum())
    return cells | {"hhi": hhi, "effective_number": 1 / hhi, "shannon_number": float(np.exp(entropy))}
