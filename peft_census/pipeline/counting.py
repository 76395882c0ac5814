"""From a snapshot to its counted tables: where the tables on disk meet the rules of ``count``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyarrow as pa

from peft_census.count import (
    GROUP_COLUMNS,
    MENTION_COLUMNS,
    MODEL_COLUMNS,
    STANDARD,
    Evidence,
    adoption,
    agreement,
    authorship,
    breakdown,
    concentration,
    count_shares,
    milestones,
    monthly,
    parse_rule,
    popular,
    sensitivity,
)
from peft_census.errors import UsageError
from peft_census.snapshot.schema.counts import COUNTED_TABLES
from peft_census.snapshot.snapshot import Snapshot


def evidence_of(snapshot: Snapshot) -> Evidence:
    """Returns a snapshot's evidence, ready to be counted under any rule."""
    return Evidence(
        snapshot.table("models", [*MODEL_COLUMNS, *GROUP_COLUMNS, "config_status"]),
        snapshot.table("mentions", MENTION_COLUMNS),
        snapshot.manifest.taxonomy.techniques,
    )


def count_tables(
    evidence: Evidence, benchmark: pa.Table, names: Iterable[str] = tuple(COUNTED_TABLES)
) -> dict[str, pa.Table]:
    """Returns the counted tables that a snapshot keeps, or those named."""
    makers: dict[str, Callable[[Evidence], pa.Table]] = {
        "shares": count_shares,
        "sensitivity": sensitivity,
        "agreement": agreement,
        "breakdown": breakdown,
        "authorship": authorship,
        "monthly": monthly,
        "adoption": adoption,
        "milestones": milestones,
        "concentration": concentration,
        "popular": lambda evidence: popular(evidence, benchmark),
    }
    return {name: makers[name](evidence) for name in names}


def benchmark_of(snapshot: Snapshot) -> pa.Table:
    """Returns PEFT's benchmark: the snapshot's own where it was made with one, else the bundled table."""
    if "benchmark" in snapshot.manifest.tables:
        return snapshot.table("benchmark")
    from peft_census.collect.benchmark import read_benchmark

    techniques = snapshot.manifest.taxonomy.techniques
    return read_benchmark(None, {f.peft_type: t for t, f in techniques.items() if f.peft_type})[0]


def count_table(snapshot: Snapshot, name: str) -> pa.Table:
    """Returns one counted table of a snapshot by today's rules; of an aggregate copy the one that it holds.

    Raises:
        UsageError: there is no counted table of that name.
    """
    if name not in COUNTED_TABLES:
        raise UsageError(f"no counted table {name!r}", f"there are: {', '.join(COUNTED_TABLES)}.")
    if snapshot.aggregate:
        return snapshot.table(name)
    return count_tables(evidence_of(snapshot), benchmark_of(snapshot), [name])[name]


def count_again(snapshot: Snapshot, rule: str | None = None) -> pa.Table:
    """Returns the ``shares`` of a snapshot by today's rules: the standard ones, or the one named.

    Without a rule the shares of an aggregate copy are those that it holds.

    Raises:
        UsageError: there is no such rule.
    """
    if snapshot.aggregate and rule is None:
        return snapshot.table("shares")
    rules = STANDARD if rule is None else (parse_rule(rule),)
    return count_shares(evidence_of(snapshot), rules)
