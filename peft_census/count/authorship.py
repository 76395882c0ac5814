"""Where the evidence stands and who wrote it: people, or the tools that fill in cards.

A technique that tools write into every card they make is cited more often than people speak of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from peft_census.count.evidence import Bools, Evidence, Ints
from peft_census.count.rules import Rule
from peft_census.snapshot.schema import LOCATIONS, arrow_schema

RULE = Rule(vote="any")
"""Variants count as the technique they vary; names of repositories, files and links do not count."""

ANYWHERE = "anywhere"


CONFIGURATION = "configuration"
"""What stands in the place of a location for ``adapter_config.json``."""


def authorship(evidence: Evidence) -> pa.Table:
    """Returns the ``origin`` table: for each technique the cards that cite it, by location and by who wrote the words."""
    card, technique, location, tool = evidence.places(RULE)
    seen = (technique >= 0) & (location != LOCATIONS.index("name"))
    rows: list[dict[str, Any]] = []
    for position in np.unique(technique[seen]):
        mine = seen & (technique == position)
        parts = [(ANYWHERE, mine), *((z, mine & (location == i)) for i, z in enumerate([*LOCATIONS, CONFIGURATION]))]
        rows += [
            {"rule": RULE.name, "technique": evidence.techniques[position], "location": z, **_cards(card[m], tool[m])}
            for z, m in parts
            if m.any()
        ]
    return pa.Table.from_pylist(rows, schema=arrow_schema("authorship"))


def _cards(card: Ints, tool: Bools) -> dict[str, int]:
    """Returns how many cards there are, and how many of them hold words of people."""
    cards, human = len(np.unique(card)), len(np.unique(card[~tool]))
    return {"cards": cards, "human": human, "generated_only": cards - human}
