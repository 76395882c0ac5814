"""How often a technique is cited, next to the results of PEFT's own benchmark.

Each run of the benchmark has one seed and settings chosen by contributors, so the table does not show causes.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from peft_census.count.evidence import Evidence
from peft_census.count.rules import Rule
from peft_census.snapshot.schema import arrow_schema

RULE = Rule(vote="any", variants="variants_separate")

Run = dict[str, Any]
"""A row of the table ``benchmark``."""


def popular(evidence: Evidence, benchmark: pa.Table) -> pa.Table:
    """Returns the ``popular`` table: one row for each finished run, with the share of cards that cite its technique.

    ``technique`` is the variant where the taxonomy has the run's variant under that name, else the type. A run is on
    the Pareto front of its task when no other run is at least as good with as little memory, and better in one of both.

    Args:
        evidence: of all cards.
        benchmark: the ``benchmark`` table.
    """
    votes = evidence.votes(RULE)
    totals, base = votes.totals(), votes.base
    runs = benchmark.to_pylist()
    rows = []
    for run in runs:
        technique = _technique(run, evidence)
        cards = totals.get(technique, 0.0) if technique else None
        kept = ("task", "experiment", "variant", "metric", "value", "memory_max_bytes", "trainable_params")
        rows.append(
            {
                **{name: run[name] for name in kept},
                "technique": technique,
                "rule": RULE.name,
                "cards": cards,
                "base": base,
                "share": cards / base if cards is not None and base else None,
                "on_front": _on_front(run, [r for r in runs if r["task"] == run["task"]]),
            }
        )
    rows.sort(key=lambda r: (r["task"], -r["value"], r["experiment"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema("popular"))


def _technique(run: Run, evidence: Evidence) -> str | None:
    """Returns the technique of a run; None for full fine-tuning."""
    variant = "".join(c for c in (run["variant"] or "").lower() if c.isalnum())
    for technique in evidence.techniques:
        if variant and variant == technique.replace("_", ""):
            return technique
    return run["technique"] if run["technique"] in evidence.facts else None


def _on_front(run: Run, rivals: list[Run]) -> bool | None:
    """Returns whether no rival is better; None where the memory of the run is not known."""
    memory = run["memory_max_bytes"]
    if memory is None:
        return None
    return not any(
        r["memory_max_bytes"] is not None
        and r["value"] >= run["value"]
        and r["memory_max_bytes"] <= memory
        and (r["value"], -r["memory_max_bytes"]) != (run["value"], -memory)
        for r in rivals
    )
