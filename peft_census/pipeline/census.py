"""The stages in order: source → tag → count → publish. The only module that knows all of them.

In: a source and an output folder. Out: a sealed snapshot, or word that it already exists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.collect import registry
from peft_census.collect.base import Source
from peft_census.collect.hub.options import HubOptions
from peft_census.pipeline.evaluate import scores_of_record
from peft_census.pipeline.instruments import InstrumentResults
from peft_census.pipeline.tagging import TagOptions, tagged
from peft_census.settings import settings
from peft_census.snapshot.files import replaced_file
from peft_census.snapshot.lock import exclusive_lock
from peft_census.snapshot.manifest import CardTotals, Manifest, SourceInfo, TaxonomyInfo
from peft_census.snapshot.parquet import GroupedFile
from peft_census.snapshot.records import to_json
from peft_census.snapshot.schema import SCHEMA_VERSION, arrow_schema
from peft_census.snapshot.snapshot import Snapshot, find_by_key, new_snapshot, snapshot_key

__all__ = [
    "Outcome",
    "estimate_cost",
    "find_gaps",
    "is_gap",
    "make_source",
    "rule_inputs",
    "run_census",
    "summary",
    "write_mentions",
]

Progress = Callable[[Iterator[pa.RecordBatch], int], Iterator[pa.RecordBatch]]
"""Wraps batches to show how far they are; gets the number of rows expected."""

REPORT = "report"
"""Folder inside a snapshot that holds its charts, tables and page."""

LOCK = ".lock"
"""File among the snapshots that a census holds while it runs."""


@dataclass(frozen=True)
class Outcome:
    """What a run of the census came to.

    Args:
        snapshot: the sealed snapshot.
        unchanged: True when it was there already and nothing was written.
        gaps: cards that could not be read, or only after repair, by reason.
        instrument_gaps: one line for everything that the instruments beside the cards could not read.
    """

    snapshot: Snapshot
    unchanged: bool
    gaps: dict[str, int]
    instrument_gaps: tuple[str, ...] = ()


def make_source(spec: str, keep_first: bool = False, quiet: bool = False, hub: HubOptions | None = None) -> Source:
    """Returns the source of cards that ``spec`` names, with the folder and batch size of the settings."""
    return registry.make_source(spec, settings().raw, settings().batch_rows, keep_first, quiet, hub)


def estimate_cost(spec: str, quiet: bool = False, hub: HubOptions | None = None) -> tuple[dict[str, Any], str]:
    """Returns what a census of a Hub source would cost, for tools and for people."""
    from peft_census.collect.hub.estimate import estimate

    cost = estimate(make_source(spec, quiet=quiet, hub=hub))
    return cost.as_json(), str(cost)


def run_census(
    source: Source,
    out: Path,
    progress: Progress,
    read_instruments: Callable[[], InstrumentResults | None] = lambda: None,
    tag_options: TagOptions | None = None,
) -> Outcome:
    """Runs all stages and seals a snapshot below ``out``, which is this process's alone meanwhile.

    Args:
        source: the cards.
        out: folder of snapshots.
        progress: shows how far the cards are.
        read_beside: reads the instruments beside the cards, where some were asked for.
        effort: how cards are tagged; by default in this process and without a cache.

    Raises:
        BusyError: another census is at work in ``out``; nothing was asked of any source.
        CensusError: the source cannot be read or the snapshot not be written; nothing is left half-made.
    """
    with exclusive_lock(out / LOCK):
        return _run(source, out, progress, read_instruments(), tag_options)


def _run(
    source: Source, out: Path, progress: Progress, beside: InstrumentResults | None, tag_options: TagOptions | None
) -> Outcome:
    from peft_census.pipeline.counting import count_tables, evidence_of, instruments_of
    from peft_census.pipeline.public_copy import public_view
    from peft_census.publish.folder import publish

    info = source.prepare()
    inputs = rule_inputs() | {"source": info.content_sha256, "specimen": info.specimen}
    if beside:
        inputs["instruments"] = beside.content_sha256
    instrument_gaps = beside.gaps if beside else ()
    key = snapshot_key(inputs)
    if there := find_by_key(key, out):
        return Outcome(there, True, find_gaps(there), instrument_gaps)
    with new_snapshot(out) as writer:
        span = _Span()
        coverage: Counter[tuple[str, str | None]] = Counter()
        for models, mentions in tagged(progress(source.batches(), source.total()), tag_options):
            writer.append("models", models)
            writer.append("mentions", mentions)
            span.add(models)
            coverage.update(_statuses(models))
        writer.finish("models")
        writer.finish("mentions")
        writer.put("coverage", _coverage_table(info, coverage, beside))
        manifest = _manifest(key, info, inputs, span, coverage, beside)
        if beside:
            for name, table in beside.tables.items():
                writer.put(name, table)
        preview = writer.preview(manifest)
        for name, table in count_tables(evidence_of(preview), instruments_of(preview)).items():
            writer.put(name, table)
        publish(public_view(writer.preview(manifest)), writer.path / REPORT, settings().wanted_charts)
        snapshot = writer.write(manifest, out)
    return Outcome(snapshot, False, find_gaps(snapshot), instrument_gaps)


def rule_inputs() -> dict[str, Any]:
    """Returns everything but the cards that decides what a snapshot says."""
    from peft_census.count import RULES_VERSION
    from peft_census.tag import TAGGER_VERSION, corrections_sha256, generators_sha256, load_taxonomy

    taxonomy = load_taxonomy()
    return {
        "taxonomy_sha256": taxonomy.sha256,
        "released": {t: taxonomy.released(t) for t in taxonomy.techniques},
        "generators_sha256": generators_sha256(),
        "corrections_sha256": corrections_sha256(),
        "tagger_version": TAGGER_VERSION,
        "rules_version": RULES_VERSION,
        "accuracy": to_json(scores_of_record()),
    }


def write_mentions(
    source: Source, file: Path, progress: Progress, tag_options: TagOptions | None = None
) -> dict[str, Any]:
    """Writes the mentions of ``source`` to one Parquet file and returns what was done; ``effort`` says how."""
    source.prepare()
    cards = rows = 0
    gaps: Counter[str] = Counter()
    with replaced_file(file) as temporary, GroupedFile(temporary, arrow_schema("mentions")) as writer:
        for models, mentions in tagged(progress(source.batches(), source.total()), tag_options, False):
            cards += models.num_rows
            rows += mentions.num_rows
            for (status, reason), n in _statuses(models).items():
                if is_gap(status, reason):
                    gaps[reason or status] += n
            writer.append(mentions)
    return {"out": str(file), "cards": cards, "mentions": rows, "gaps": gaps}


def find_gaps(snapshot: Snapshot) -> dict[str, int]:
    """Returns how many models could not be read, or only after repair, by reason."""
    gaps: dict[str, int] = {}
    for row in snapshot.table("coverage").to_pylist():
        if is_gap(row["status"], row["reason"]):
            label = row["reason"] or row["status"]
            gaps[label] = gaps.get(label, 0) + row["n"]
    return gaps


def is_gap(status: str, reason: str | None) -> bool:
    """Says whether a model leaves a gap. A card that does not exist, or that its author gates, is none."""
    return status == "failed" or (status == "text" and reason is not None)


def summary(outcome: Outcome) -> dict[str, Any]:
    """Returns what ``census --json`` prints."""
    from peft_census.count import headline

    snapshot = outcome.snapshot
    return {
        "snapshot_id": snapshot.id,
        "snapshot_path": str(snapshot.path),
        "unchanged": outcome.unchanged,
        "specimen": snapshot.manifest.specimen,
        "cards": snapshot.manifest.cards.rows,
        "cards_with_text": snapshot.manifest.cards.with_text,
        "gaps": outcome.gaps,
        "instruments": snapshot.manifest.instruments,
        "instrument_gaps": list(outcome.instrument_gaps),
        "headline": asdict(headline(snapshot.table("shares"))),
    }


def _statuses(models: pa.RecordBatch) -> dict[tuple[str, str | None], int]:
    """Returns how many models there are of each status and reason."""
    pairs = pa.Table.from_batches([models]).group_by(["status", "reason"]).aggregate([([], "count_all")])
    return {(row["status"], row["reason"]): row["count_all"] for row in pairs.to_pylist()}


class _Span:
    """First and last date of the cards: last commit where known, else creation."""

    def __init__(self) -> None:
        self.first: str | None = None
        self.last: str | None = None

    def add(self, models: pa.RecordBatch) -> None:
        dates = pc.coalesce(models["last_modified"], models["created_at"])
        ends = pc.min_max(dates)
        low, high = (ends[k].as_py() for k in ("min", "max"))
        if low is not None:
            self.first = min(filter(None, (self.first, low.date().isoformat())))
            self.last = max(filter(None, (self.last, high.date().isoformat())))


def _coverage_table(
    info: SourceInfo, counts: dict[tuple[str, str | None], int], beside: InstrumentResults | None = None
) -> pa.Table:
    rows: list[dict[str, Any]] = [
        {"source": info.kind, "status": s, "reason": r, "n": n} for (s, r), n in counts.items()
    ]
    rows.sort(key=lambda row: (str(row["status"]), str(row["reason"] or "")))
    rows += beside.coverage if beside else []
    return pa.Table.from_pylist(rows, schema=arrow_schema("coverage"))


def _manifest(
    key: str,
    info: SourceInfo,
    inputs: dict[str, Any],
    span: _Span,
    coverage: dict[tuple[str, str | None], int],
    beside: InstrumentResults | None,
) -> Manifest:
    from peft_census.tag import load_taxonomy

    prefix = "specimen" if info.specimen else span.last or "undated"
    return Manifest(
        snapshot_id=f"{prefix}-{key}",
        schema_version=SCHEMA_VERSION,
        specimen=info.specimen,
        source=info,
        taxonomy=TaxonomyInfo(inputs["taxonomy_sha256"], load_taxonomy().facts()),
        cards=CardTotals(
            rows=sum(coverage.values()),
            with_text=sum(n for (status, _), n in coverage.items() if status == "text"),
            first=span.first,
            last=span.last,
        ),
        generators_sha256=inputs["generators_sha256"],
        corrections_sha256=inputs["corrections_sha256"],
        tagger_version=inputs["tagger_version"],
        rules_version=inputs["rules_version"],
        tables={},
        accuracy=scores_of_record(),
        instruments=beside.about if beside else {},
    )
