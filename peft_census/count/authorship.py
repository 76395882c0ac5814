"""Where a technique is cited, and who wrote it: people, or the tools that generate cards.

A technique that tools write into every card they generate is cited more often than people mention it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from peft_census.count.evidence import Evidence
from peft_census.count.rules import Rule
from peft_census.snapshot.schema import LOCATIONS, arrow_schema

RULE = Rule(vote="any")
"""Variants are grouped; names of repositories, files and links do not count."""

ANYWHERE = "anywhere"


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
