"""Cited against configured: where a card and the file beside it can be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.evidence import Evidence, Ints
from peft_census.count.rules import SWITCHES, Rule
from peft_census.count.uncertainty import METHOD, wilson
from peft_census.snapshot.schema import arrow_schema


def agreement(evidence: Evidence) -> pa.Table:
    """Returns the ``agreement`` table: per technique, how citing and being configured go together.

    Only models whose adapter_config.json could be read and has a known type can be compared; ``listed`` says out
    of how many. The file is read for a declared sample at most, so ``checked`` is no census.
    """
    if "config_status" not in evidence.models.schema.names:
        return arrow_schema("agreement").empty_table()
    checkable = pc.fill_null(pc.equal(evidence.models["config_status"], "parsed"), False).to_numpy()
    checked = int(checkable.sum())
    rows: list[dict[str, Any]] = []
    for variants in SWITCHES["variants"]:
        is_so = _wide(evidence, Rule(vote="any", variants=variants, evidence_level="configured_only"), checkable)
        named, tagged = (
            _wide(evidence, Rule(vote="any", variants=variants, evidence_level=evidence_level), checkable)
            for evidence_level in ("named_only", "tagged_only")
        )
        cites = np.union1d(named, tagged)
        both = np.intersect1d(cites, is_so)
        n = len(evidence.techniques)
        counts = [np.bincount(wide % n, minlength=n) for wide in (cites, is_so, both)]
        for i, technique in enumerate(evidence.techniques):
            citing, being, agreeing = (int(c[i]) for c in counts)
            if not citing and not being:
                continue
            rows.append(
                {
                    "variants": variants,
                    "technique": technique,
                    "listed": evidence.n_cards,
                    "checked": checked,
                    "cites_and_is": agreeing,
                    "cites_but_is_not": citing - agreeing,
                    "is_but_does_not_cite": being - agreeing,
                    "neither": checked - citing - being + agreeing,
                    **_part("citing_that_are", agreeing, citing),
                    **_part("being_that_cite", agreeing, being),
                    "method": METHOD,
                }
            )
    rows.sort(key=lambda r: (list(SWITCHES["variants"]).index(r["variants"]), -r["cites_and_is"], r["technique"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema("agreement"))


def _wide(evidence: Evidence, rule: Rule, checkable: Any) -> Ints:
    """Returns one number for each pair of a checkable card and a technique."""
    card, technique = evidence.pairs(rule)
    kept = checkable[card].astype(np.bool_)
    pairs: Ints = card[kept] * len(evidence.techniques) + technique[kept]
    return pairs


def _part(name: str, n: int, base: int) -> dict[str, Any]:
    if not base:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    low, high = wilson(n, base)
    return {name: n / base, f"{name}_low": low, f"{name}_high": high}
