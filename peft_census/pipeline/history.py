"""The history of a share: one row for each snapshot in a folder and each rule.

The shares are those that the snapshots hold, counted by the rules of their time. What changed since the snapshot before
stands in two columns, because a new tagger moves a share as new cards do: ``data_changed`` and ``rules_changed``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.errors import SnapshotError, UsageError
from peft_census.pipeline.compare import changed_rules
from peft_census.snapshot.snapshot import Snapshot, read_snapshot, snapshots_in

_SHARES = ("share", "low", "high", "numerator", "base", "method")
COLUMNS = pa.schema(
    [
        pa.field("snapshot_id", pa.string(), nullable=False),
        ("date", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("technique", pa.string(), nullable=False),
        *((name, pa.string() if name == "method" else pa.float64()) for name in _SHARES),
        ("models", pa.int64()),
        ("with_text", pa.int64()),
        ("tagger_version", pa.string()),
        ("rules_version", pa.string()),
        ("taxonomy_sha256", pa.string()),
        ("data_changed", pa.bool_()),
        ("rules_changed", pa.string()),
    ]
)


@dataclass(frozen=True)
class History:
    """The history, and the snapshots that could not be read.

    Args:
        table: the columns ``COLUMNS``, by date: that of the retrieval, or of the newest card where it is not known.
            ``data_changed`` and ``rules_changed`` compare with the snapshot before of the same source, and are null for
            the first; ``rules_changed`` names what changed.
        skipped: folder to the reason.
    """

    table: pa.Table
    skipped: dict[str, str]


def history(folder: Path, rules: Sequence[str] = (), technique: str = "lora") -> History:
    """Returns the shares of ``technique`` in all snapshots of a folder.

    A copy is left out where the snapshot itself is there, and an aggregate copy where a public one is.

    Args:
        folder: a folder of snapshots.
        rules: names of the rules; by default all that the snapshots hold. A snapshot that lacks one has no share.
        technique: technique id.

    Raises:
        UsageError: no snapshot can be read, or none holds a rule.
    """
    snapshots, skipped = [], {}
    for path in snapshots_in(folder):
        try:
            snapshots.append(read_snapshot(path))
        except SnapshotError as error:
            skipped[path.name] = error.what
    if not snapshots:
        why = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise UsageError(f"{folder}: no snapshot to read{' (' + why + ')' if why else ''}", "run a census first.")
    rows: list[dict[str, Any]] = []
    before: dict[str, Snapshot] = {}
    for snapshot in sorted(snapshots, key=_age):
        rows += _rows(snapshot, before.get(snapshot.manifest.source.kind), rules, technique)
        before[snapshot.manifest.source.kind] = snapshot
    for rule in rules:
        if not any(row["rule"] == rule and "base" in row for row in rows):
            held = dict.fromkeys(r for s in snapshots for r in s.table("shares")["rule"].unique().to_pylist())
            raise UsageError(f"no snapshot holds shares under rule {rule!r}", f"they hold: {', '.join(held)}.")
    return History(pa.Table.from_pylist(rows, COLUMNS), skipped)


def _age(snapshot: Snapshot) -> tuple[str, int, int, str]:
    """Orders snapshots by date; those of one day by the version of their rules."""
    manifest = snapshot.manifest
    return manifest.day or "", int(manifest.tagger_version), int(manifest.rules_version), snapshot.id


def _rows(snapshot: Snapshot, before: Snapshot | None, rules: Sequence[str], technique: str) -> list[dict[str, Any]]:
    manifest = snapshot.manifest
    head = {
        "snapshot_id": snapshot.id,
        "date": manifest.day,
        "source": manifest.source.kind,
        "models": manifest.cards.rows,
        "with_text": manifest.cards.with_text,
        "tagger_version": manifest.tagger_version,
        "rules_version": manifest.rules_version,
        "taxonomy_sha256": manifest.taxonomy.sha256,
    }
    if before is not None:
        head["data_changed"] = before.manifest.source.content_sha256 != manifest.source.content_sha256
        head["rules_changed"] = ", ".join(changed_rules(before, snapshot))
    shares = snapshot.table("shares")
    names = rules or shares["rule"].unique().to_pylist()
    mine = shares.filter(pc.equal(shares["technique"], technique)).to_pylist()
    found = {row["rule"]: row for row in mine}
    base = dict(zip(shares["rule"].to_pylist(), shares["base"].to_pylist(), strict=True))
    none = {name: {"numerator": 0.0, "share": 0.0, "base": total} for name, total in base.items()}
    cells = none | {name: {key: row[key] for key in _SHARES} for name, row in found.items()}
    return [head | {"rule": name, "technique": technique} | cells.get(name, {}) for name in names]
