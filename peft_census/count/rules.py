"""The counting rules: from mentions to shares.

A card *cites* a technique when it mentions it anywhere but inside a name (repository id, file name, URL,
the model's own name). Denied techniques are cited too: "LoRA was not used" speaks of LoRA. Techniques of
kind ``not_peft`` are recorded where they stand and never counted.

Sampling is the smallest of the errors here: whether a variant counts as LoRA moves the headline more than
any interval. So every rule is counted twice, with variants rolled up and split, and both are published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.uncertainty import METHOD, wilson
from peft_census.schema import VARIANT_MODES, arrow_schema

RULES_VERSION = "1"
"""Raised when any rule would give another number for the same mentions."""

Facts = Mapping[str, Mapping[str, Any]]
"""Technique id to its facts (``kind``, ``variant_of`` …) as a snapshot's manifest keeps them."""


@dataclass(frozen=True)
class Rule:
    """A named way to count.

    Args:
        name: as in the ``rule`` column.
        meaning: one sentence for people.
        max_techniques: cards citing more are left out; None for no limit.
        divided: one vote a card, split evenly over its techniques, instead of one vote a technique.
    """

    name: str
    meaning: str
    max_techniques: int | None = None
    divided: bool = False


RULES = (
    Rule("blog", "cards that cite exactly one technique", max_techniques=1),
    Rule("any", "cards that cite at least one technique; a card counts for each it cites"),
    Rule("fractional", "cards that cite at least one technique; one vote a card, split evenly", divided=True),
)

POPULATION = "all cards"


def cited_pairs(mentions: pa.Table, facts: Facts, variants: str) -> pa.Table:
    """Returns the distinct (model_id, technique) pairs that count as citing.

    Args:
        mentions: columns ``model_id``, ``technique``, ``zone``.
        facts: techniques of the snapshot's taxonomy.
        variants: ``rolled_up`` or ``split``.
    """
    counted = [t for t, f in facts.items() if f["kind"] != "not_peft"]
    keep = pc.and_(
        pc.fill_null(pc.not_equal(mentions["zone"], "name"), True),
        pc.is_in(mentions["technique"], pa.array(counted, pa.string())),
    )
    pairs = mentions.select(["model_id", "technique"]).filter(keep)
    if variants == "rolled_up":
        roots = {t: root(t, facts) for t in counted}
        names = pc.unique(pairs["technique"])
        mapped = pa.array([roots[t] for t in names.to_pylist()], pa.string())
        technique = mapped.take(pc.index_in(pairs["technique"], names).combine_chunks()) if len(names) else mapped
        pairs = pairs.set_column(1, "technique", pa.chunked_array([technique], pa.string()))
    return pairs.group_by(["model_id", "technique"]).aggregate([])


def root(technique: str, facts: Facts) -> str:
    """Returns the technique that ``technique`` is a variant of, at the end of the chain."""
    while (parent := facts[technique]["variant_of"]) is not None:
        technique = parent
    return technique


def count_shares(mentions: pa.Table, facts: Facts) -> pa.Table:
    """Returns the ``shares`` table: every rule, rolled up and split.

    Rows are ordered by rule, variants, votes (largest first) and technique id.
    """
    parts = []
    for variants in VARIANT_MODES:
        pairs = cited_pairs(mentions, facts, variants)
        per_card = pairs.group_by("model_id").aggregate([("technique", "count")])
        pairs = pairs.join(per_card, "model_id", coalesce_keys=True)
        parts += [_count(rule, variants, pairs) for rule in RULES]
    order = {rule.name: i for i, rule in enumerate(RULES)}
    rows = [row for part in parts for row in part]
    rows.sort(key=lambda r: (order[r["rule"]], VARIANT_MODES.index(r["variants"]), -r["numerator"], r["technique"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema("shares"))


def _count(rule: Rule, variants: str, pairs: pa.Table) -> list[dict[str, Any]]:
    """Returns one row a technique for one rule; ``pairs`` also has ``technique_count`` of its card."""
    if rule.max_techniques is not None:
        pairs = pairs.filter(pc.less_equal(pairs["technique_count"], rule.max_techniques))
    base = pc.count_distinct(pairs["model_id"]).as_py()
    # A card with k techniques gives each 1/k: summing counts by k first keeps the result exact and
    # independent of the order of cards.
    by_size = pairs.group_by(["technique", "technique_count"]).aggregate([("model_id", "count")])
    votes: dict[str, list[tuple[int, int]]] = {}
    for row in by_size.to_pylist():
        votes.setdefault(row["technique"], []).append((row["technique_count"], row["model_id_count"]))
    rows = []
    for technique, sizes in votes.items():
        numerator = sum(n / (k if rule.divided else 1) for k, n in sorted(sizes))
        low, high = wilson(numerator, base)
        rows.append(
            {
                "rule": rule.name,
                "variants": variants,
                "population": POPULATION,
                "technique": technique,
                "numerator": float(numerator),
                "base": base,
                "share": numerator / base,
                "low": low,
                "high": high,
                "method": METHOD,
            }
        )
    return rows


SUBJECT = "lora"
"""The technique whose share is the headline: the published figure that the census sets out to check."""


def headline(shares: pa.Table) -> dict[str, Any]:
    """Returns the number that people quote: LoRA's share under rule ``blog``, variants rolled up.

    Keys: rule, variants, technique, n, base, share, low, high. Without a single card that cites exactly one
    technique the base is 0 and share, low and high are None.
    """
    keep = pc.and_(pc.equal(shares["rule"], "blog"), pc.equal(shares["variants"], "rolled_up"))
    rows = shares.filter(keep).to_pylist()
    base = rows[0]["base"] if rows else 0
    n = sum(int(row["numerator"]) for row in rows if row["technique"] == SUBJECT)
    low, high = wilson(n, base) if base else (None, None)
    return {
        "rule": "blog",
        "variants": "rolled_up",
        "technique": SUBJECT,
        "n": n,
        "base": base,
        "share": n / base if base else None,
        "low": low,
        "high": high,
    }
