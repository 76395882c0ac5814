"""The aggregate copy of a snapshot: counted tables only, and no cell of fewer than five models.

In: a snapshot or its public copy. Out: a snapshot next to it whose id ends in ``-aggregate``, without models and
mentions. Techniques with a small cell are summed as ``other``; if that sum is still small, the next smallest technique
is added, so that no small cell can be computed by subtraction. A small row that cannot be merged is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from peft_census.count import OTHER, STANDARD, Evidence, Rule, parse_rule
from peft_census.count.authorship import ALL
from peft_census.count.cells import MIN_CARDS
from peft_census.count.shares import POPULATION
from peft_census.count.uncertainty import NOTHING, Clusters
from peft_census.count.votes import Votes, exact_sum
from peft_census.errors import UsageError
from peft_census.pipeline.counting import count_tables, instruments_of
from peft_census.pipeline.public_copy import evidence_of_rows, find_copy, public_manifest, public_rows
from peft_census.snapshot.manifest import TechniqueFacts
from peft_census.snapshot.schema import OTHER_STATUS, arrow_schema
from peft_census.snapshot.schema.counts import COUNTED_TABLES
from peft_census.snapshot.snapshot import AGGREGATE, PUBLIC, Snapshot, new_snapshot

Row = dict[str, Any]
K = TypeVar("K", str, int)

FEW = MIN_CARDS
"""Models that a cell must hold."""

OTHER_FACTS = TechniqueFacts("other techniques", OTHER, OTHER)
"""Facts of the technique that stands for all small ones."""

NO_INTERVAL = dict.fromkeys(NOTHING.cells)
_SEVERAL = "none: several techniques together"
_SUPPRESSED = f"suppressed: months of fewer than {FEW} cards"


def aggregate_copy(snapshot: Snapshot, root: Path) -> Snapshot:
    """Returns the aggregate copy of ``snapshot`` below ``root``, which is created if it does not exist.

    Raises:
        UsageError: ``snapshot`` is an aggregate copy already, or the copy in ``root`` was made with other withheld
            models.
        OutputError: ``root`` cannot be written.
    """

    if snapshot.aggregate:
        raise UsageError(f"snapshot {snapshot.id} is an aggregate copy already", "it can be published unchanged.")
    rows = public_rows(snapshot)
    manifest = public_manifest(snapshot.manifest, snapshot.id.removesuffix(PUBLIC) + AGGREGATE, rows.cards)
    techniques = {**snapshot.manifest.taxonomy.techniques, OTHER: OTHER_FACTS}
    manifest = replace(manifest, aggregate=True, taxonomy=replace(manifest.taxonomy, techniques=techniques))
    if found := find_copy(manifest, root):
        return found
    evidence = evidence_of_rows(rows, snapshot.manifest)
    tables = {name: t.to_pylist() for name, t in count_tables(evidence, instruments_of(snapshot)).items()}
    if snapshot.public:  # it has no rows of instruments to count these from
        tables |= {name: snapshot.table(name).to_pylist() for name in ("instrument_shares", "calibration", "popular")}
    with new_snapshot(root, public=True) as writer:
        for name in COUNTED_TABLES:
            merged = merge(name, tables[name], evidence)
            writer.put(name, pa.Table.from_pylist(merged, schema=arrow_schema(name, public=True)))
        coverage = merge_coverage(rows.coverage.to_pylist())
        writer.put("coverage", pa.Table.from_pylist(coverage, schema=arrow_schema("coverage", public=True)))
        return writer.write(manifest, root)


def merge(name: str, rows: list[Row], evidence: Evidence) -> list[Row]:
    """Returns the rows of a counted table without small cells."""
    if name == "shares":
        return merge_shares(rows, evidence)
    if name in ("sensitivity", "rule_changes"):
        return [row for row in rows if _large_under(parse_rule(row["rule"]), row["technique"], evidence)]
    if name == "breakdown":
        return merge_breakdown(rows)
    if name == "monthly":
        return merge_months(rows)
    if name == "adoption":
        return thin_out(rows)
    if name == "generated":
        return merge_generated(rows)

    if name == "choice":
        return [row for row in rows if row["month"] == "all" and _has_large_parts(row)]
    if name == "stickiness":
        return merge_stickiness(rows)
    if name == "milestones":
        large = [row for row in rows if _large(row["cards"])]
        return [row if _large(row["undated"]) else row | {"undated": None} for row in large]
    if name == "popular":
        return [row if (row["cards"] or 0) >= FEW else row | {"cards": None, "share": None} for row in rows]
    if name == "funnel":
        return [row for row in rows if _large(row["models"]) and _large(row["base"] - row["models"])]
    return [row for row in rows if all(_large(row[cell]) for cell in CELLS[name])]


CELLS = {
    "authorship": ("cards", "human", "generated_only"),
    "agreement": ("cites_and_is", "cites_but_is_not", "not_tellable", "is_but_does_not_cite", "neither"),
    "concentration": ("base",),
    "interrupted_series": ("base",),
    "instrument_shares": ("numerator",),
    "calibration": (),
}
"""Columns that count models, of the tables whose small rows are left out."""


def merge_generated(rows: list[Row]) -> list[Row]:
    """Returns the rows of ``generated``; the periods of a technique only where no cell of any of them is small."""
    small = {r["technique"] for r in rows if not _is_large_row(r)}
    return [r for r in rows if _is_large_row(r) and (r["technique"] not in small or r["period"] == ALL)]


def merge_stickiness(rows: list[Row]) -> list[Row]:
    """Returns ``stickiness`` without years, which differ from the whole by few authors, and without small cells.

    The shares of later techniques add up to 1, so all of a first technique are left out if one is small.
    """
    whole = [r for r in rows if r["cohort"] == "all"]
    small = {(r["measure"], r["first"]) for r in whole if not _has_large_parts(r)}
    return [r for r in whole if (r["measure"], r["first"]) not in small]


def _has_large_parts(row: Row) -> bool:
    votes = row["base"] if row["numerator"] is None else row["numerator"]
    return row["base"] >= FEW and _large(votes) and _large(row["base"] - votes)


def _is_large_row(row: Row) -> bool:
    return _large(row["generated_only"]) and _large(row["cards"] - row["generated_only"])


def _large(n: float | None) -> bool:
    """Returns whether a cell may be shown: it is empty, or it counts enough."""
    return not n or n >= FEW


def _models(votes: Votes, technique: str) -> int:
    return int(np.count_nonzero(votes.of(technique)))


def _large_under(rule: Rule, technique: str, evidence: Evidence) -> bool:
    votes = evidence.votes(rule)
    n = _models(votes, technique)
    return n >= FEW and _large(len(votes.cards) - n)


def merge_shares(rows: list[Row], evidence: Evidence) -> list[Row]:
    """Returns ``shares`` with the small techniques of every rule as ``other``; a card counts once for it."""
    merged: list[Row] = []
    order = {rule.name: i for i, rule in enumerate(STANDARD)}
    for name, group in groupby(sorted(rows, key=lambda r: order[r["rule"]]), key=lambda r: r["rule"]):
        votes = evidence.votes(parse_rule(name))
        cells = list(group)
        sizes = {row["technique"]: _models(votes, row["technique"]) for row in cells}
        small = _small(sizes, partial(_models_together, votes))
        merged += [row for row in cells if row["technique"] not in small]
        if _models_together(votes, small) < FEW:
            continue
        together, base = _together(votes, small), votes.base
        clusters = Clusters(votes.weight, evidence.authors[votes.cards])
        head = {"rule": name, "population": POPULATION, "technique": OTHER, "base": base, "cards": len(votes.cards)}
        numerator = exact_sum(together)
        share = {"numerator": numerator, "share": min(1.0, numerator / base)}
        merged.append(head | share | clusters.intervals(together)[0].cells)
    return merged


def _together(votes: Votes, techniques: Iterable[str]) -> Any:
    """Returns each card's votes for any of ``techniques``, at most its weight."""
    total = sum((votes.of(technique) for technique in techniques), np.zeros(len(votes.cards)))
    return np.minimum(total, votes.weight)


def _models_together(votes: Votes, techniques: Iterable[str]) -> int:
    return int(np.count_nonzero(_together(votes, techniques)))


def _small(sizes: Mapping[K, float], together: Callable[[list[K]], float]) -> list[K]:
    """Returns the cells that are merged: the small ones, and the next smallest while these are few together."""
    order = sorted(sizes, key=lambda cell: (sizes[cell], cell))
    small = [cell for cell in order if sizes[cell] < FEW]
    for cell in order[len(small) :]:
        if not 0 < together(small) < FEW:
            break
        small.append(cell)
    return small


def _total(sizes: Mapping[K, float], chosen: Iterable[K]) -> float:
    return sum(sizes[cell] for cell in chosen)


def merge_breakdown(rows: list[Row]) -> list[Row]:
    """Returns ``breakdown`` with suppressed values as one, and the small techniques of a value as ``other``.

    Its rule counts cards with exactly one technique, so that the techniques of a value add up to its base.
    """
    merged: list[Row] = []
    for _, group in groupby(rows, key=lambda r: (r["rule"], r["dimension"])):
        cells = list(group)
        hidden = [row for row in cells if row["suppressed"]]
        shown = [row for row in cells if not row["suppressed"]]
        for _, of_value in groupby(shown, key=lambda r: r["value"]):
            merged += _fold(list(of_value))
        if hidden and not any(row["value"] == OTHER for row in shown):
            merged.append(hidden[0] | {"value": OTHER})
    return merged


def merge_months(rows: list[Row]) -> list[Row]:
    """Returns ``monthly`` with the small techniques of a month as ``other``, and small months as one without share."""
    merged: list[Row] = []
    few: dict[str, float] = {}
    by_month = sorted(rows, key=lambda r: (r["rule"], r["month"]))
    for rule, of_rule in groupby(by_month, key=lambda r: r["rule"]):
        months = {month: list(cells) for month, cells in groupby(of_rule, key=lambda r: r["month"])}
        bases = {month: cells[0]["base"] for month, cells in months.items() if cells[0]["base"]}
        hidden = _small(bases, partial(_total, bases))
        merged += [row for month in bases if month not in hidden for row in _fold(months[month])]
        few[rule] = _total(bases, hidden)
    empty = NO_INTERVAL | {"numerator": None, "share": None, "method": _SUPPRESSED, "enough": False}
    merged += [{"rule": r, "month": OTHER, "technique": OTHER, "base": n} | empty for r, n in few.items() if n >= FEW]
    return merged


def _fold(cells: list[Row]) -> list[Row]:
    """Returns the techniques of one value or month, the small ones as ``other``."""
    base = cells[0]["base"]
    numerators = {row["technique"]: row["numerator"] or 0.0 for row in cells}
    unlisted = base - sum(numerators.values())
    small = _small(
        {technique: int(n) for technique, n in numerators.items()},
        lambda chosen: unlisted + sum(numerators[technique] for technique in chosen),
    )
    rest = unlisted + sum(numerators[technique] for technique in small)
    kept = [row for row in cells if row["technique"] not in small]
    if rest < FEW:
        return kept
    more = NO_INTERVAL | {"numerator": float(rest), "share": float(rest / base), "method": _SEVERAL}
    return [*kept, cells[0] | {"technique": OTHER} | more]


def thin_out(rows: list[Row]) -> list[Row]:
    """Returns ``adoption`` with months taken together until they hold enough cards.

    Base and share are left out where they would show a small cell, or where months were taken together.
    """
    merged: list[Row] = []
    empty = dict.fromkeys(("base", "share", *NOTHING.cells))
    for _, group in groupby(rows, key=lambda r: (r["technique"], r["anchor"])):
        waiting = 0
        for row in group:
            waiting += row["cards"]
            if waiting >= FEW:
                whole = waiting == row["cards"] and _large(row["base"] - waiting)
                merged.append(row | {"cards": waiting} | ({} if whole else empty))
                waiting = 0
    return merged


def merge_coverage(rows: list[Row]) -> list[Row]:
    """Returns ``coverage`` with small reasons of a status as one, then small statuses of a source as one."""
    by_reason = _pooled(rows, ("source", "status"), {"reason": OTHER})
    return _pooled(by_reason, ("source",), {"status": OTHER_STATUS, "reason": None})


def _pooled(rows: list[Row], keys: tuple[str, ...], label: Row) -> list[Row]:
    """Returns ``rows`` with the small ones of every group, and the next smallest while these are few, as one."""
    pooled: list[Row] = []
    last = "status" not in keys
    for _, group in groupby(rows, key=lambda r: [r[key] for key in keys]):
        cells = list(group)
        sizes = {i: row["n"] for i, row in enumerate(cells) if row["n"]}
        small = [cells[i] for i in _small(sizes, partial(_total, sizes if last else dict.fromkeys(sizes, 0)))]
        if len(small) < 2 and not last:
            pooled += cells
            continue
        pooled += [row for row in cells if row not in small]
        n = sum(row["n"] for row in small)
        if n >= FEW or (n and not last):
            pooled.append(cells[0] | label | {"n": n})
    return pooled
