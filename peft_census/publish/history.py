"""The history of the headline on a site: one row for every snapshot, as Parquet, CSV and JSON.

``pipeline.history`` has the shares of the snapshots in a folder, under every rule. A site keeps its rows, because
its snapshots need not be there any more. Columns of the same name mean the same.

In: snapshots, and the rows of earlier ones. Out: rows in the order of their days, and their files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from peft_census.errors import OutputError
from peft_census.publish.claims.shares import headline_of, make_claims
from peft_census.publish.snapshot_reader import mark_of, source_label
from peft_census.publish.text.table import Table
from peft_census.snapshot.files import write_atomically
from peft_census.snapshot.records import read_record, record
from peft_census.snapshot.snapshot import Snapshot

FILES = ("history.json", "history.csv", "history.parquet")


_TYPES = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}


@record
class HistoryRow:
    """The headline of one snapshot.

    Args:
        date: when its source was read last, else the day of its newest card, as an ISO date; empty if neither is known.
        snapshot_id: the snapshot.
        source: name of the data set.
        mark: that its cards are made up or from a test server; else empty.
        with_text: cards with text.
        rule: how the headline was counted.
        technique: display name; None without a share.
        numerator: cards that cite the technique.
        base: cards that the rule counts.
        share: numerator / base; None on a base of zero.
        low: lower bound of its 95% interval.
        high: upper bound.
        effective_n: its effective sample size.
        tagger_version: version of the tagger.
        rules_version: version of the counting rules.
        taxonomy_sha256: hash of the techniques.
        rules_changed: whether one of the last three differs from the snapshot before of the same source: shares before
            and after are then not comparable.
    """

    date: str
    snapshot_id: str
    source: str
    mark: str
    with_text: int
    rule: str | None
    technique: str | None
    numerator: float
    base: float
    share: float | None
    low: float | None
    high: float | None
    effective_n: float | None
    tagger_version: str
    rules_version: str
    taxonomy_sha256: str
    rules_changed: bool = False

    @property
    def rules(self) -> tuple[str, str, str]:
        """What decides how cards are tagged and counted."""
        return self.tagger_version, self.rules_version, self.taxonomy_sha256


def history_row(snapshot: Snapshot) -> HistoryRow:
    """Returns the row of ``snapshot``."""
    manifest, claim = snapshot.manifest, headline_of(make_claims(snapshot))
    return HistoryRow(
        date=manifest.day or "",
        snapshot_id=snapshot.id,
        source=source_label(snapshot),
        mark=mark_of(snapshot),
        with_text=manifest.cards.with_text,
        rule=claim.rule,
        technique=claim.name,
        numerator=claim.numerator,
        base=claim.base,
        share=claim.share,
        low=claim.low,
        high=claim.high,
        effective_n=claim.effective_n,
        tagger_version=manifest.tagger_version,
        rules_version=manifest.rules_version,
        taxonomy_sha256=manifest.taxonomy.sha256,
    )


def merge_rows(rows: Iterable[HistoryRow]) -> list[HistoryRow]:
    """Returns one row for each snapshot, the last given, ordered by day, with ``rules_changed`` set."""
    kept = sorted({row.snapshot_id: row for row in rows}.values(), key=lambda row: (row.date, row.snapshot_id))
    last: dict[str, tuple[str, str, str]] = {}
    merged = []
    for row in kept:
        changed = last.get(row.source, row.rules) != row.rules
        last[row.source] = row.rules
        merged.append(replace(row, rules_changed=changed))
    return merged


def read_history(file: Path) -> list[HistoryRow]:
    """Returns the rows in a ``history.json``; none if the file does not exist.

    Raises:
        OutputError: the file is not a history.
    """
    hint = "restore it, or choose another folder with --out."
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise OutputError(f"{file} is not JSON: {error}", hint) from error
    return _read(rows, file, hint)


def _read(rows: object, file: Path, hint: str) -> list[HistoryRow]:
    if not isinstance(rows, list):
        raise OutputError(f"{file} is not a list of snapshots", hint)
    return [read_record(HistoryRow, row, file, OutputError, hint) for row in rows]


def write_history(rows: Sequence[HistoryRow], folder: Path) -> None:
    """Writes the files of ``FILES`` into ``folder``."""
    records, names = [asdict(row) for row in rows], [f.name for f in fields(HistoryRow)]
    schema = pa.schema([(f.name, _TYPES[str(f.type).removesuffix(" | None")]) for f in fields(HistoryRow)])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(records, schema=schema), sink)
    texts = (json.dumps(records, ensure_ascii=False, indent=1) + "\n", Table.of(names, records).csv())
    for name, data in zip(FILES, (*texts, sink.getvalue().to_pybytes()), strict=True):
        write_atomically(folder / name, data)
