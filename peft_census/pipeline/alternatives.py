"""Techniques to test instead of another, from a snapshot's tables ``popular`` and ``benchmark``."""

from __future__ import annotations

from dataclasses import dataclass

from peft_census.collect.benchmark import bundled_commit
from peft_census.count.alternatives import Alternatives, Limits, alternatives
from peft_census.errors import UsageError
from peft_census.pipeline.counting import count_table, instruments_of
from peft_census.snapshot.instruments import BenchmarkDescription
from peft_census.snapshot.manifest import root_of
from peft_census.snapshot.snapshot import Snapshot
from peft_census.tag import load_taxonomy

TASKS = {"llm": "MetaMathQA", "image": "image-gen"}
"""Kind of model to the task of PEFT's benchmark."""


@dataclass(frozen=True)
class Found:
    """The alternatives, and the commit of PEFT at which the benchmark was read."""

    alternatives: Alternatives
    commit: str | None


def find_alternatives(snapshot: Snapshot, like: str, task: str, limits: Limits) -> Found:
    """Returns techniques to test instead of ``like``.

    Args:
        snapshot: whose cards say how often a technique is cited.
        like: technique id; a variant stands for its root.
        task: a key of ``TASKS``.
        limits: what the runs must stay below.

    Raises:
        UsageError: there is no technique ``like``, or the benchmark has no run of it.
    """
    taxonomy = load_taxonomy()
    if like not in taxonomy.techniques:
        raise UsageError(f"no technique {like!r}", "`peft-census techniques` lists them.")
    popular = count_table(snapshot, "popular").to_pylist()
    benchmark = instruments_of(snapshot)["benchmark"].to_pylist()
    found = alternatives(popular, benchmark, root_of(like, taxonomy.techniques), TASKS[task], limits)
    about = snapshot.manifest.instruments.get("benchmark")
    return Found(found, about.commit if isinstance(about, BenchmarkDescription) else bundled_commit())
