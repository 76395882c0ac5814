"""Where a technique is cited, and who wrote it: people, or the tools that generate cards.

A technique that tools write into every card they generate is cited more often than people mention it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from peft_census.count.arrays import Bools, Ints
from peft_census.count.evidence import Evidence
from peft_census.count.groups import FLOOR, NOT_KNOWN, month
from peft_census.count.rules import HEADLINE_TECHNIQUE, Rule
from peft_census.count.uncertainty import Clusters
from peft_census.snapshot.schema import LOCATIONS, arrow_schema

RULE = Rule(vote="any")
"""Variants are grouped; names of repositories, files and links do not count."""

ANYWHERE = "anywhere"

TAGGED_SINCE = "2025-07"
"""Month of PEFT 0.16.0, the first release that writes the tag ``lora`` into the cards of LoRA adapters."""

ALL, BEFORE, SINCE = "all", f"before {TAGGED_SINCE}", f"since {TAGGED_SINCE}"
PERIODS = (ALL, BEFORE, SINCE, NOT_KNOWN)
"""Periods of creation in the table ``generated``."""


def authorship(evidence: Evidence) -> pa.Table:
    """Returns the ``authorship`` table: for each technique the cards that cite it, by location and by author."""
    kinds, technique = evidence.kinds, evidence.counted_as(RULE)
    cites = (technique >= 0) & ~kinds.in_name & ~kinds.at_level("configured")
    rows: list[dict[str, Any]] = []
    for position in np.unique(technique[cites]):
        mine = cites & (technique == position)
        places = {ANYWHERE: mine}
        places |= {name: mine & (kinds.location == i) for i, name in enumerate(LOCATIONS)}
        for location, entries in places.items():
            cards = len(np.unique(kinds.card[entries]))
            human = len(np.unique(kinds.card[entries & ~kinds.generated]))
            cells = {"cards": cards, "human": human, "generated_only": cards - human}
            if cards:
                head = {"rule": RULE.name, "technique": evidence.techniques[position], "location": location}
                rows.append(head | cells)
    return pa.Table.from_pylist(rows, schema=arrow_schema("authorship"))


def generated(evidence: Evidence) -> pa.Table:
    """Returns the ``generated`` table: cards that only tools make cite the headline's technique, or another one.

    One row for the technique and one (technique null) for all others together, in every period of creation.
    """
    kinds, technique = evidence.kinds, evidence.counted_as(RULE)
    cites = (technique >= 0) & ~kinds.in_name & ~kinds.at_level("configured")
    names = np.array([*evidence.techniques, ""], dtype=object)
    leads = names[technique] == HEADLINE_TECHNIQUE
    period = _periods(evidence)
    rows = []
    for name, entries in ((HEADLINE_TECHNIQUE, cites & leads), (None, cites & ~leads)):
        cards = np.unique(kinds.card[entries])
        only_tools = ~np.isin(cards, kinds.card[entries & ~kinds.generated])
        for place, when in enumerate(PERIODS):
            inside = np.ones(len(cards), dtype=np.bool_) if when == ALL else period[cards] == place
            rows += _generated_row(evidence, name, when, cards[inside], only_tools[inside])
    return pa.Table.from_pylist(rows, schema=arrow_schema("generated"))


def _periods(evidence: Evidence) -> Ints:
    """Returns the position of each model's period in ``PERIODS``."""
    if "created_at" not in evidence.models.schema.names:
        return np.full(evidence.n_cards, PERIODS.index(NOT_KNOWN))
    months = month(evidence).dictionary_encode()
    periods = [
        NOT_KNOWN if m == NOT_KNOWN else BEFORE if m == FLOOR or m < TAGGED_SINCE else SINCE
        for m in months.dictionary.to_pylist()
    ]
    places = np.array([PERIODS.index(p) for p in periods], dtype=np.int64)
    at: Ints = places[months.indices.to_numpy(zero_copy_only=False)]
    return at


def _generated_row(
    evidence: Evidence, name: str | None, when: str, cards: Any, only_tools: Bools
) -> list[dict[str, Any]]:
    if not len(cards):
        return []
    clusters = Clusters(np.ones(len(cards)), evidence.authors[cards])
    n, found = int(only_tools.sum()), clusters.intervals(only_tools.astype(np.float64))[0]
    head = {"rule": RULE.name, "technique": name, "period": when, "cards": len(cards), "generated_only": n}
    return [head | {"share": n / len(cards)} | found.cells]
