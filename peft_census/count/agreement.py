"""Cited against configured: whether cards and ``adapter_config.json`` name the same technique."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from peft_census.count.arrays import Bools
from peft_census.count.evidence import Evidence
from peft_census.count.rules import SWITCHES, Rule
from peft_census.count.uncertainty import Clusters
from peft_census.snapshot.schema import arrow_schema


def agreement(evidence: Evidence) -> pa.Table:
    """Returns the ``agreement`` table: for each technique, how often citing and being configured go together.

    Only models whose adapter_config.json could be read and has a known type are compared; ``listed`` is the number of
    all models. The file is read for a declared sample at most, so ``checked`` is not a census. A technique that leaves
    no trace in that file (QLoRA, LoRA+) is not compared: its cards are ``not_tellable``.
    """
    comparable = evidence.is_status("config_status", "parsed")
    checked = int(comparable.sum())
    rows: list[dict[str, Any]] = []
    for variants in SWITCHES["variants"].options:
        cited = _by_technique(evidence, Rule(vote="any", variants=variants), comparable)
        configured = _by_technique(
            evidence, Rule(vote="any", variants=variants, evidence_level="configured_only"), comparable
        )
        block: list[dict[str, Any]] = []
        for technique in sorted(cited.keys() | configured.keys()):
            none = np.zeros(evidence.n_cards, dtype=np.bool_)
            citing, being = cited.get(technique, none), configured.get(technique, none)
            tellable = evidence.facts[technique].in_configuration
            agreeing, only_citing = int((citing & being).sum()), int((citing & ~being).sum())
            block.append(
                {
                    "variants": variants,
                    "technique": technique,
                    "listed": evidence.n_cards,
                    "checked": checked,
                    "cites_and_is": agreeing,
                    "cites_but_is_not": only_citing if tellable else 0,
                    "not_tellable": 0 if tellable else only_citing,
                    "is_but_does_not_cite": int((being & ~citing).sum()),
                    "neither": int((comparable & ~citing & ~being).sum()),
                    **_share("citing_that_are", citing & being, citing if tellable else none, evidence),
                    **_share("being_that_cite", citing & being, being, evidence),
                }
            )
        rows += sorted(block, key=lambda r: (-r["cites_and_is"], r["technique"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema("agreement"))


def _by_technique(evidence: Evidence, rule: Rule, comparable: Bools) -> dict[str, Bools]:
    """Returns for each technique which of the comparable models count for it under ``rule``."""
    card, technique = evidence.pairs(rule)
    kept = comparable[card]
    found: dict[str, Bools] = {}
    for position in np.unique(technique[kept]):
        members = np.zeros(evidence.n_cards, dtype=np.bool_)
        members[card[kept & (technique == position)]] = True
        found[evidence.techniques[position]] = members
    return found


def _share(name: str, part: Bools, whole: Bools, evidence: Evidence) -> dict[str, Any]:
    """Returns the share of ``part`` in ``whole`` with its interval; nulls where the whole is empty."""
    base = int(whole.sum())
    found = Clusters(whole.astype(np.float64), evidence.authors).intervals((part & whole).astype(np.float64))[0]
    cells = {
        "": int((part & whole).sum()) / base if base else None,
        "_low": found.low if base else None,
        "_high": found.high if base else None,
        "_method": found.method,
        "_effective_n": found.effective_n if base else None,
    }
    return {name + column: value for column, value in cells.items()}
