"""Time: shares by month, adoption by age, and how many months techniques took to be cited.

The month of a model is the month in which its repository was created; its card may have been edited later. Models
without that date are left out. A month without cards has no share, which is a gap and not a zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from peft_census.count.arrays import Floats, Ints
from peft_census.count.breakdown import MIN_CARDS, leading, share_cells
from peft_census.count.evidence import Evidence, Votes
from peft_census.count.groups import FLOOR, NOT_KNOWN, month
from peft_census.count.rules import HEADLINE, Rule
from peft_census.count.shares import ENOUGH
from peft_census.count.uncertainty import NOTHING, Clusters
from peft_census.snapshot.schema import arrow_schema

CITED = Rule(vote="any", variants="variants_separate")
"""The rule of adoption: every technique, variants separate, however many a card cites."""
MILESTONES = (1, 10, 100, 1_000)
ANCHORS = {"paper": "paper_month", "release": "released"}
"""What the age of a technique is counted from, and the field of its facts with the date."""


def monthly(evidence: Evidence, rule: Rule = HEADLINE) -> pa.Table:
    """Returns the ``monthly`` table: the share of each leading technique in every month.

    A month of fewer than ``MIN_CARDS`` cards has its base and no share, as in ``breakdown``.
    """
    dated = Dated(evidence, evidence.votes(rule))
    rows: list[dict[str, Any]] = []
    for technique in leading(dated.votes):
        for name, cells in zip(dated.months, dated.share_cells(technique), strict=True):
            rows.append({"rule": rule.name, "month": name, "technique": technique, **cells})
    return pa.Table.from_pylist(rows, schema=arrow_schema("monthly"))


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
        dated = Dated(evidence, votes)
        table = np.stack([dated.sums(votes.of(t)) for t in votes.totals()]) if votes.totals() else np.zeros((0, 0))
        rows += [
            {"rule": rule.name, "month": name, **_concentrated(table[:, i])} for i, name in enumerate(dated.months)
        ]
    return pa.Table.from_pylist(rows, schema=arrow_schema("concentration"))


def adoption(evidence: Evidence) -> pa.Table:
    """Returns the ``adoption`` table: cards citing each technique, cumulated by months since paper and release.

    One row for every month of age from the first card to the last month of the population. An age below zero means that
    the repository is older than the paper: the card was edited later, or the tagger is wrong.
    """
    votes = evidence.votes(CITED)
    dated = Dated(evidence, votes)
    rows: list[dict[str, Any]] = []
    for technique in sorted(votes.totals()):
        counts = dated.sums(votes.of(technique))[dated.known]
        if not counts.sum():
            continue
        first = int(np.flatnonzero(counts)[0])
        for anchor, fact in ANCHORS.items():
            start = month_number(getattr(evidence.facts[technique], fact))
            if start is None:
                continue
            total = 0.0
            for name, n in list(zip(dated.known_months, counts, strict=True))[first:]:
                total += float(n)
                age = month_number(name) - start  # type: ignore[operator]
                cells = {"age": age, "month": name, "cards": int(n), "cumulative": int(total)}
                rows.append({"technique": technique, "anchor": anchor, **cells})
    return pa.Table.from_pylist(rows, schema=arrow_schema("adoption"))


def milestones(evidence: Evidence) -> pa.Table:
    """Returns the ``milestones`` table: how many months a technique took to 1, 10, 100 and 1,000 cards.

    Null where the number was not reached, or the date of the technique is not known.
    """
    votes = evidence.votes(CITED)
    dated = Dated(evidence, votes)
    rows: list[dict[str, Any]] = []
    for technique in sorted(votes.totals()):
        facts = evidence.facts[technique]
        paper, release = (month_number(getattr(facts, fact)) for fact in ANCHORS.values())
        cumulative = np.cumsum(dated.sums(votes.of(technique))[dated.known])
        for cards in MILESTONES:
            months = np.flatnonzero(cumulative >= cards)
            reached = dated.known_months[int(months[0])] if len(months) else None
            at = month_number(reached)
            rows.append(
                {
                    "technique": technique,
                    "paper_month": facts.paper_month,
                    "released": facts.released,
                    "paper_to_release": None if paper is None or release is None else release - paper,
                    "cards": cards,
                    "reached": reached,
                    "from_paper": None if at is None or paper is None else at - paper,
                    "from_release": None if at is None or release is None else at - release,
                }
            )
    return pa.Table.from_pylist(rows, schema=arrow_schema("milestones"))


class Dated:
    """The months of counted cards: ``FLOOR`` first where there is such a card, then every month from first to last."""

    def __init__(self, evidence: Evidence, votes: Votes) -> None:
        self.votes = votes
        created = "created_at" in evidence.models.schema.names
        values = month(evidence).take(pa.array(votes.cards)).to_pylist() if created else [NOT_KNOWN] * len(votes.cards)
        numbers = [n for v in set(values) if (n := month_number(v)) is not None]
        whole = [_month_name(n) for n in range(min(numbers), max(numbers) + 1)] if numbers else []
        self.months = ([FLOOR] if FLOOR in values else []) + whole
        places = {name: i for i, name in enumerate(self.months)}
        self.place: Ints = np.array([places.get(v, -1) for v in values], dtype=np.int64)
        self.known = slice(len(self.months) - len(whole), None)
        self.known_months = whole
        self.bases = self.sums(votes.weight)
        self.authors = evidence.authors[votes.cards]

    def sums(self, values: Floats) -> Floats:
        """Returns the sum of ``values`` (one for each counted card) in every month."""
        dated = self.place >= 0
        sums = np.bincount(self.place[dated], weights=values[dated], minlength=len(self.months))
        return sums.astype(np.float64)

    def share_cells(self, technique: str) -> list[dict[str, Any]]:
        """Returns the cells of every month; all but the base are null where there are too few cards."""
        dated, votes = self.place >= 0, self.votes
        authors, place = self.authors[dated], self.place[dated]
        clusters = Clusters(votes.weight[dated], authors, place, len(self.months))
        cells = share_cells(votes.of(technique)[dated], clusters, place)
        return [
            cell | {"enough": cell["effective_n"] >= ENOUGH} if cell["base"] >= MIN_CARDS else _suppressed(cell["base"])
            for cell in cells
        ]


def _suppressed(base: float) -> dict[str, Any]:
    why = f"suppressed: fewer than {MIN_CARDS} cards" if base else "none: no card"
    return dict.fromkeys(NOTHING.cells) | {
        "numerator": None,
        "base": base,
        "share": None,
        "method": why,
        "enough": False,
    }


def month_number(date: str | None) -> int | None:
    """Returns months since the year 0 for ``2025-04`` or ``2025-04-17``; None for anything else."""
    if date is None or len(date) < 7 or not (date[:4] + date[5:7]).isdigit() or date[4] != "-":
        return None
    return 12 * int(date[:4]) + int(date[5:7]) - 1


def _month_name(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def _concentrated(votes: Floats) -> dict[str, Any]:
    base = float(votes.sum())
    cells: dict[str, Any] = {"base": base, "techniques": int((votes > 0).sum()), "enough": base >= ENOUGH}
    if not cells["enough"]:
        return cells | {"hhi": None, "effective_number": None, "shannon_number": None}
    shares = votes[votes > 0] / base
    hhi = float((shares**2).sum())
    entropy = float(-(shares * np.log(shares)).sum())
    return cells | {"hhi": hhi, "effective_number": 1 / hhi, "shannon_number": float(np.exp(entropy))}
