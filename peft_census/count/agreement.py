"""Cited against configured: whether cards and ``adapter_config.json`` name the same technique."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.arrays import Bools, Ints
from peft_census.count.evidence import Evidence
from peft_census.count.rules import SWITCHES, Rule
from peft_census.count.uncertainty import METHOD, wilson
from peft_census.snapshot.schema import arrow_schema


def agreement(evidence: Evidence) -> pa.Table:
    """Returns the ``agreement`` table: for each technique, how often citing and being configured go together.

    Only models whose adapter_config.json could be read and has a known type are compared; ``listed`` is the number of
    all models. The file is read for a declared sample at most, so ``checked`` is not a census.
    """
    if "config_status" not in evidence.models.schema.names:
        return arrow_schema("agreement").empty_table()
    comparable = pc.fill_null(pc.equal(evidence.models["config_status"], "parsed"), False).to_numpy().astype(np.bool_)
    checked = int(comparable.sum())
    n = len(evidence.techniques)
    rows: list[dict[str, Any]] = []
    for variants in SWITCHES["variants"].options:
        named, tagged, configured = (
            _pairs(evidence, Rule(vote="any", variants=variants, evidence_level=level), comparable)
            for level in ("named_only", "tagged_only", "configured_only")
        )
        cited = np.union1d(named, tagged)
        counts = [np.bincount(p % n, minlength=n) for p in (cited, configured, np.intersect1d(cited, configured))]
        block: list[dict[str, Any]] = []
        for i, technique in enumerate(evidence.techniques):
            citing, being, agreeing = (int(c[i]) for c in counts)
            if not citing and not being:
                continue
            block.append(
                {
                    "variants": variants,
                    "technique": technique,
                    "listed": evidence.n_cards,
                    "checked": checked,
                    "cites_and_is": agreeing,
                    "cites_but_is_not": citing - agreeing,
                    "is_but_does_not_cite": being - agreeing,
                    "neither": checked - citing - being + agreeing,
                    **_share("citing_that_are", agreeing, citing),
                    **_share("being_that_cite", agreeing, being),
                    "method": METHOD,
                }
            )
        rows += sorted(block, key=lambda r: (-r["cites_and_is"], r["technique"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema("agreement"))


def _pairs(evidence: Evidence, rule: Rule, comparable: Bools) -> Ints:
    """Returns one number for each pair of a comparable card and a technique that it counts for."""
    card, technique = evidence.pairs(rule)
    kept = comparable[card]
    pairs: Ints = card[kept] * len(evidence.techniques) + technique[kept]
    return pairs


def _share(name: str, n: int, base: int) -> dict[str, float | None]:
    if not base:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    low, high = wilson(n, base)
    return {name: n / base, f"{name}_low": low, f"{name}_high": high}
