"""Counts the tables of a snapshot: reads its tables from disk and applies the rules of ``count``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa

from peft_census.collect.benchmark import read_benchmark
from peft_census.count import (
    GROUP_COLUMNS,
    MENTION_COLUMNS,
    MODEL_COLUMNS,
    STANDARD,
    Evidence,
    ShareQuery,
    Top,
    TopQuery,
    adoption,
    agreement,
    authorship,
    breakdown,
    calibration,
    choice,
    concentration,
    count_shares,
    funnel,
    generated,
    instrument_shares,
    interrupted_series,
    milestones,
    monthly,
    parse_rule,
    popular,
    rule_changes,
    sensitivity,
    shares_by,
    stickiness,
    top,
)
from peft_census.errors import UsageError
from peft_census.snapshot.instruments import Description
from peft_census.snapshot.manifest import peft_types
from peft_census.snapshot.schema.counts import COUNTED_TABLES
from peft_census.snapshot.schema.instruments import INSTRUMENT_TABLES
from peft_census.snapshot.snapshot import Snapshot

Instruments = Mapping[str, pa.Table]
"""The tables of instruments, by name; ``benchmark`` is always there."""

_OF_CARDS: dict[str, Callable[[Evidence], pa.Table]] = {
    "shares": count_shares,
    "rule_changes": rule_changes,
    "sensitivity": sensitivity,
    "funnel": funnel,
    "agreement": agreement,
    "breakdown": breakdown,
    "authorship": authorship,
    "generated": generated,
    "monthly": monthly,
    "adoption": adoption,
    "milestones": milestones,
    "concentration": concentration,
    "interrupted_series": interrupted_series,
    "stickiness": stickiness,
    "choice": choice,
}
_OF_INSTRUMENTS: dict[str, Callable[[Instruments], pa.Table]] = {
    "instrument_shares": instrument_shares,
    "calibration": calibration,
}


def evidence_of(snapshot: Snapshot, columns: Iterable[str] = ()) -> Evidence:
    """Returns the evidence of all cards of ``snapshot``; ``columns`` are more columns of ``models`` that are needed."""
    known = snapshot.schema("models").names
    of_cards = ("config_status", "adapter_files")
    needed = dict.fromkeys([*MODEL_COLUMNS, *GROUP_COLUMNS, *of_cards, *(c for c in columns if c in known)])
    return Evidence(
        snapshot.table("models", [*needed]),
        snapshot.table("mentions", MENTION_COLUMNS),
        snapshot.manifest.taxonomy.techniques,
    )


def instruments_of(snapshot: Snapshot) -> Instruments:
    """Returns the tables of instruments that were read completely; the bundled benchmark where there is none."""
    present = {name: snapshot.table(name) for name in INSTRUMENT_TABLES if name in snapshot.manifest.tables}
    tables = complete_tables(present, snapshot.manifest.instruments)
    if "benchmark" not in tables:
        tables["benchmark"] = read_benchmark(None, peft_types(snapshot.manifest.taxonomy.techniques))[0]
    return tables


def complete_tables(tables: Instruments, descriptions: Mapping[str, Description]) -> dict[str, pa.Table]:
    """Returns ``tables`` without those of partial instruments: a share of a part is not the share of the source."""
    partial = {name for name, found in descriptions.items() if found.state == "partial"}
    return {name: table for name, table in tables.items() if name.partition("_")[0] not in partial}


def count_tables(
    evidence: Evidence, instruments: Instruments, names: Iterable[str] = tuple(COUNTED_TABLES)
) -> dict[str, pa.Table]:
    """Returns the counted tables ``names``, by name; all of them by default."""
    return {name: _count(name, evidence, instruments) for name in names}


def _count(name: str, evidence: Evidence, instruments: Instruments) -> pa.Table:
    if name in _OF_INSTRUMENTS:
        return _OF_INSTRUMENTS[name](instruments)
    return popular(evidence, instruments["benchmark"]) if name == "popular" else _OF_CARDS[name](evidence)


_BY_RULE = {"breakdown": breakdown, "monthly": monthly}
"""Counted tables that can be counted by any rule."""


def count_table(snapshot: Snapshot, name: str, rule: str | None = None) -> pa.Table:
    """Returns one counted table, counted again by the rules of this release.

    An aggregate copy has no rows to count, so its own table is returned.

    Args:
        rule: the rule to count ``breakdown`` or ``monthly`` by; by default those of the snapshot.

    Raises:
        UsageError: there is no counted table ``name``, or it has rules of its own.
    """
    if name not in COUNTED_TABLES:
        raise UsageError(f"no counted table {name!r}", f"the counted tables are: {', '.join(COUNTED_TABLES)}.")
    if rule is not None:
        if name not in _BY_RULE:
            raise UsageError(f"table {name} is not counted by one rule", f"these are: {', '.join(_BY_RULE)}.")
        return _BY_RULE[name](evidence_of(snapshot), [parse_rule(rule)])
    if snapshot.aggregate:
        return snapshot.table(name)
    return count_tables(evidence_of(snapshot), instruments_of(snapshot), [name])[name]


def count_groups(snapshot: Snapshot, query: ShareQuery) -> pa.Table:
    """Returns the shares that ``query`` asks for; see ``count.shares_by``.

    Raises:
        UsageError: the query does not fit the snapshot.
        SnapshotError: an aggregate copy has no models to group.
    """
    return shares_by(evidence_of(snapshot, query.columns), query)


def count_top(snapshot: Snapshot, query: TopQuery) -> Top:
    """Returns the top list that ``query`` asks for; see ``count.top``.

    Raises:
        UsageError: the query does not fit the snapshot.
        SnapshotError: an aggregate copy has no models to list.
    """
    return top(evidence_of(snapshot, query.columns), query)


def count_again(snapshot: Snapshot, rule: str | None = None) -> pa.Table:
    """Returns the ``shares`` table, counted again by the rules of this release.

    Args:
        rule: name of the only rule to count by; by default all standard rules.

    Without a rule the shares of an aggregate copy are those that it holds.

    Raises:
        UsageError: there is no such rule.
    """
    if snapshot.aggregate and rule is None:
        return snapshot.table("shares")
    rules = STANDARD if rule is None else (parse_rule(rule),)
    return count_shares(evidence_of(snapshot), rules)
