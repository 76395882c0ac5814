"""From a snapshot to its counted tables: where the tables on disk meet the rules of ``count``."""

from __future__ import annotations

import pyarrow as pa

from peft_census.count import (
    MENTION_COLUMNS,
    MODEL_COLUMNS,
    STANDARD,
    Evidence,
    count_shares,
    parse_rule,
    sensitivity,
)
from peft_census.snapshot import Snapshot


def evidence_of(snapshot: Snapshot) -> Evidence:
    """Returns a snapshot's evidence, ready to be counted under any rule."""
    return Evidence(
        snapshot.table("models", MODEL_COLUMNS),
        snapshot.table("mentions", MENTION_COLUMNS),
        snapshot.manifest["taxonomy"]["techniques"],
    )


def count_tables(evidence: Evidence) -> dict[str, pa.Table]:
    """Returns every counted table that a snapshot keeps, by name."""
    return {"shares": count_shares(evidence), "sensitivity": sensitivity(evidence)}


def count_again(snapshot: Snapshot, rule: str | None = None) -> pa.Table:
    """Returns the ``shares`` of a snapshot by today's rules: the standard ones, or the one named.

    Raises:
        UsageError: there is no such rule.
    """
    rules = STANDARD if rule is None else (parse_rule(rule),)
    return count_shares(evidence_of(snapshot), rules)
