"""Popular against good: how often a technique is cited beside what PEFT's own benchmark measured.

One run and one seed each, settings chosen by contributors: the table shows two facts side by side and no cause.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from peft_census.count.evidence import Evidence
from peft_census.count.rules import Rule
from peft_census.snapshot.schema import arrow_schema

RULE = Rule(vote="any", variants="variants_separate")


def popular(evidence: Evidence, benchmark: pa.Table) -> pa.Table:
    """Returns the ``popular`` table: one row a finished run, with the share of cards that cite its technique.

    ``technique`` is the variant where the taxonomy knows the run's variant under that name, else the type. A run
    is on the front of its task when no other is at least as good with as little memory, and better in one of both.

    Args:
        evidence: a snapshot's.
        benchmark: the ``benchmark`` table.
    """
    votes = evidence.votes(RULE)
    totals, base = votes.totals(), votes.base
    runs = benchmark.to_pylist()
    rows = []
    for run in runs:
        technique = _technique(run, evidence)
        cards = totals.get(technique, 0.0) if technique else None
        rows.append(
            {
                "task": run["task"],
                "experiment": run["experiment"],
                "technique": technique,
                "variant": run["variant"],
                "rule": RULE.name,
                "cards": cards,
                "base": base,
                "share": cards / base if cards is not None and base else None,
                "metric": run["metric"],
                "value": run["value"],
                "memory_max_bytes": run["memory_max_bytes"],
                "trainable_params": run["trainable_params"],
                "on_front": _on_front(run, [r for r in runs if r["task"] == run["task"]]),
            }
        )
    rows.sort(key=lambda r: (r["task"], -r["value"], r["experiment"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema("popular"))


def _technique(run: dict[str, Any], evidence: Evidence) -> str | None:
    """Returns the technique that a run stands for; None for full fine-tuning."""
    plain = "".join(c for c in (run["variant"] or "").lower() if c.isalnum())
    for technique in evidence.techniques:
        if plain and plain == technique.replace("_", ""):
            return technique
    return run["technique"] if run["technique"] in evidence.facts else None


def _on_front(run: dict[str, Any], rivals: list[dict[str, Any]]) -> bool | None:
    """Says whether no rival is better; None where the run's memory is not known."""
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
