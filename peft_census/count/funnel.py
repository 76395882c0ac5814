"""What models have and what their cards say: adapter files, a configuration, a card, a citation, in the same models.

A model with adapter files was trained with some technique, whether or not its card says so. The funnel is shown beside
the headline, which counts only what cards say.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from peft_census.count.arrays import Bools
from peft_census.count.evidence import Evidence
from peft_census.count.rules import Rule
from peft_census.count.uncertainty import Clusters
from peft_census.snapshot.schema import arrow_schema


def funnel(evidence: Evidence) -> pa.Table:
    """Returns the ``funnel`` table: for each population of models how many reach each step; see the schema.

    A population without a model has no rows. Steps are not nested: each is counted in the whole population.
    """
    cites, applies, configured = (
        _pairs(evidence, rule)
        for rule in (
            Rule(vote="any"),
            Rule(vote="any", use="applied_only"),
            Rule(vote="any", evidence_level="configured_only"),
        )
    )
    has_files, parsed = evidence.adapter_files > 0, evidence.is_status("config_status", "parsed")
    said = {
        "card": evidence.is_status("status", "text"),
        "cites": _any(evidence, cites),
        "applies": _any(evidence, applies),
    }
    agreeing = {"cites_configured": _any(evidence, np.intersect1d(cites, configured))}
    populations = {
        "files_listed": (evidence.adapter_files >= 0, {"adapter_files": has_files} | said),
        "adapter_files": (has_files, said),
        "configured": (parsed, said | agreeing),
        "adapter_files_and_configured": (has_files & parsed, said | agreeing),
    }
    rows: list[dict[str, Any]] = []
    for population, (members, steps) in populations.items():
        clusters = Clusters(members.astype(np.float64), evidence.authors)
        base = int(members.sum())
        for step, reached in steps.items() if base else ():
            models = int((members & reached).sum())
            head = {"population": population, "step": step, "models": models, "base": base, "share": models / base}
            rows.append(head | clusters.intervals((members & reached).astype(np.float64))[0].cells)
    return pa.Table.from_pylist(rows, schema=arrow_schema("funnel"))


def _pairs(evidence: Evidence, rule: Rule) -> Any:
    """Returns one number for each card and technique that counts under ``rule``."""
    card, technique = evidence.pairs(rule)
    return card * len(evidence.techniques) + technique


def _any(evidence: Evidence, pairs: Any) -> Bools:
    """Returns for each model whether it has a pair."""
    found = np.zeros(evidence.n_cards, dtype=np.bool_)
    found[pairs // max(1, len(evidence.techniques))] = True
    return found
