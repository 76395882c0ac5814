"""How often a technique is cited, next to the results of PEFT's own benchmark.

Variants are grouped as in the headline. Each run of the benchmark has one seed and settings chosen by contributors, so
the table does not show causes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from peft_census.count.evidence import Evidence
from peft_census.count.rules import Rule
from peft_census.count.uncertainty import wilson
from peft_census.snapshot.manifest import root_of
from peft_census.snapshot.schema import arrow_schema

RULE = Rule(vote="any")

Run = dict[str, Any]
"""A row of the table ``benchmark`` or ``popular``."""


@dataclass(frozen=True)
class Standing:
    """Where the best run of a technique stands among the best runs of the techniques of one task.

    Args:
        best: its best run, a row of ``popular``.
        techniques: techniques with a run.
        better: techniques whose best run has a higher value.
        similar: other techniques whose ``difference`` may be zero; None where an error is not known.
    """

    best: Run
    techniques: int
    better: int
    similar: int | None


def popular(evidence: Evidence, benchmark: pa.Table) -> pa.Table:
    """Returns the ``popular`` table: one row for each finished run, with the share of cards that cite its technique.

    A run of a variant counts as a run of the technique it derives from. A run is on the Pareto front of its task when
    no other run is at least as good with as little memory, and better in one of both.

    Args:
        evidence: of all cards.
        benchmark: the ``benchmark`` table.
    """
    votes = evidence.votes(RULE)
    totals, base = votes.totals(), votes.base
    runs = [run | {"variant": _variant(run, evidence)} for run in benchmark.to_pylist()]
    for run in runs:
        run["technique"] = _technique(run, evidence)
    size = Counter((r["task"], r["technique"]) for r in runs)
    highest: dict[tuple[str, str | None], float] = {}
    for run in runs:
        key = (run["task"], run["technique"])
        highest[key] = max(run["value"], highest.get(key, run["value"]))
    kept = ("task", "experiment", "technique", "variant", "metric", "value", "memory_max_bytes", "trainable_params")
    rows = []
    for run in runs:
        technique, key = run["technique"], (run["task"], run["technique"])
        cards = totals.get(technique, 0.0) if technique else None
        low, high = _test_set_interval(run)
        rows.append(
            {
                **{name: run[name] for name in kept},
                "rule": RULE.name,
                "cards": cards,
                "base": base,
                "share": cards / base if cards is not None and base else None,
                "value_low": low,
                "value_high": high,
                "runs": size[key],
                "best": run["value"] == highest[key],
                "on_front": _on_front(run, [r for r in runs if r["task"] == run["task"]]),
            }
        )
    rows.sort(key=lambda r: (r["task"], -r["value"], r["experiment"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema("popular"))


def standings(rows: Sequence[Run], technique: str) -> list[Standing]:
    """Returns where ``technique`` stands in each task that measured it, by name of the task.

    Args:
        rows: of the table ``popular``.
    """
    found = []
    for task in sorted({r["task"] for r in rows}):
        best = {r["technique"]: r for r in rows if r["task"] == task and r["technique"] and r["best"]}
        if technique in best:
            mine = best.pop(technique)
            ranges = [difference(mine, other) for other in best.values()]
            similar = None if None in ranges else sum(r is not None and r[0] <= 0 <= r[1] for r in ranges)
            better = sum(other["value"] > mine["value"] for other in best.values())
            found.append(Standing(mine, len(best) + 1, better, similar))
    return found


def difference(one: Run, other: Run) -> tuple[float, float] | None:
    """Returns the 95% interval of the difference of two values, other - one; None where an error is not known.

    It takes the test sets as independent (Newcombe 1998, Statistics in Medicine 17:873-890, method 10). The runs share
    one, so the true error is smaller.
    """
    if one["value_low"] is None or other["value_low"] is None:
        return None
    middle = other["value"] - one["value"]
    below = math.hypot(other["value"] - other["value_low"], one["value_high"] - one["value"])
    above = math.hypot(other["value_high"] - other["value"], one["value"] - one["value_low"])
    return middle - below, middle + above


def _test_set_interval(run: Run) -> tuple[float, float] | tuple[None, None]:
    """Returns Wilson's interval of a share of test questions; nulls where their number is not known."""
    questions = run["test_questions"]
    return wilson(run["value"] * questions, questions) if questions else (None, None)


def _variant(run: Run, evidence: Evidence) -> str | None:
    """Returns the technique id of a run's variant, or PEFT's name of it where the taxonomy has none.

    PEFT writes ``init:mica``, ``use_bdlora``, ``optimizer:lora-fa``.
    """
    name = run["variant"]
    if name is None:
        return None
    letters = "".join(c for c in name.lower().rpartition(":")[2].removeprefix("use_") if c.isalnum())
    variants = (t for t in evidence.techniques if root_of(t, evidence.facts) == run["technique"])
    return next((t for t in variants if t.replace("_", "") == letters), name)


def _technique(run: Run, evidence: Evidence) -> str | None:
    """Returns the technique that a run counts as; None for full fine-tuning and for unknown types."""
    facts = evidence.facts
    measured = run["variant"] if run["variant"] in facts else run["technique"]
    return root_of(measured, facts) if measured in facts else None


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
