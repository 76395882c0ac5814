"""The census, stage by stage: read the cards, tag them, count, publish, and write one snapshot.

In: a source of cards and the folder of snapshots. Out: an ``Outcome``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from peft_census.collect.base import Source
from peft_census.collect.http.rate_limit import SYSTEM_CLOCK, Clock
from peft_census.collect.instrument import InstrumentConfig
from peft_census.collect.instruments import CollectedInstruments
from peft_census.pipeline.counting import count_tables, evidence_of, instruments_of
from peft_census.pipeline.coverage import CardCounts
from peft_census.pipeline.instruments import collect_instruments, coverage_rows
from peft_census.pipeline.progress import SILENT, Progress
from peft_census.pipeline.public_copy import public_view
from peft_census.pipeline.rule_inputs import RuleInputs, rule_inputs
from peft_census.pipeline.settings import settings
from peft_census.pipeline.tagging import IN_PROCESS, TagOptions, tag_source
from peft_census.pipeline.templates import Sentences, find_templates, with_templates
from peft_census.publish.folder import publish
from peft_census.snapshot.lock import exclusive_lock
from peft_census.snapshot.manifest import Manifest, SourceInfo, TaxonomyInfo
from peft_census.snapshot.records import to_json
from peft_census.snapshot.schema import SCHEMA_VERSION, arrow_schema
from peft_census.snapshot.snapshot import (
    LOCK,
    REPORT,
    Snapshot,
    SnapshotWriter,
    find_by_key,
    new_snapshot,
    snapshot_key,
)
from peft_census.tag import load_taxonomy
from peft_census.tag.near_duplicates import NearDuplicates, with_clusters


@dataclass(frozen=True)
class Outcome:
    """The result of a census.

    Args:
        snapshot: the snapshot.
        unchanged: whether it existed already, so that nothing was written.
        instrument_gaps: one line for each thing that the instruments could not read.
    """

    snapshot: Snapshot
    unchanged: bool
    instrument_gaps: tuple[str, ...] = ()


def run_census(
    source: Source,
    out: Path,
    progress: Progress = SILENT,
    instruments: InstrumentConfig | None = None,
    tag_options: TagOptions = IN_PROCESS,
    clock: Clock = SYSTEM_CLOCK,
) -> Outcome:
    """Runs all stages and writes a snapshot below ``out``.

    Args:
        source: the cards.
        out: the folder of snapshots; locked while the census runs.
        progress: receives the progress of each stage.
        instruments: the instruments to read; None for none.
        tag_options: how to tag.
        clock: for the waits of the instruments.

    Raises:
        BusyError: another census writes to ``out``; the source was not asked for anything.
        CensusError: the source cannot be read, or the snapshot cannot be written; nothing incomplete is left.
    """
    with exclusive_lock(out / LOCK):
        results = collect_instruments(instruments, progress, clock)
        with progress.stage("reading the source"):
            info = source.prepare()
        if skipped := info.details.get("skipped_files"):
            progress.note(f"skipped {skipped} files whose name, or folder's name, begins with a dot or an underscore")
        rules = rule_inputs()
        key = _key(rules, info, results)
        if existing := find_by_key(key, out):
            return Outcome(existing, True, results.gaps)
        with new_snapshot(out) as writer:
            counts = _tag(source, info, writer, progress, tag_options)
            rows = counts.rows(info.kind, info.gaps) + coverage_rows(results)
            writer.put("coverage", pa.Table.from_pylist(rows, schema=arrow_schema("coverage")))
            for name, table in results.tables.items():
                writer.put(name, table)
            manifest = _manifest(key, info, rules, counts, results)
            with progress.stage("counting"):
                _count(writer, manifest)
            with progress.stage("drawing charts"):
                publish(public_view(writer.preview(manifest)), writer.path / REPORT, settings().chart_names)
            return Outcome(writer.write(manifest, out), False, results.gaps)


def _key(rules: RuleInputs, info: SourceInfo, results: CollectedInstruments) -> str:
    """Returns the part of the snapshot id that is derived from the content and the rules."""
    inputs = to_json(rules) | {"source": info.content_sha256, "specimen": info.specimen}
    if results.descriptions:
        inputs["instruments"] = results.content_sha256()
    return snapshot_key(inputs)


def _tag(
    source: Source, info: SourceInfo, writer: SnapshotWriter, progress: Progress, tag_options: TagOptions
) -> CardCounts:
    """Writes the tables ``models`` and ``mentions``."""
    counts, sentences, near_duplicates = CardCounts(), Sentences(), NearDuplicates()
    for models, mentions in tag_source(source, info, tag_options, progress, near_duplicates=near_duplicates):
        writer.append("models", models)
        writer.append("mentions", mentions)
        counts.add(models)
        sentences.add(mentions)
    with progress.stage("finding near-duplicates"):
        writer.rewrite("models", partial(with_clusters, clusters=near_duplicates.clusters()))
    writer.finish("models")
    with progress.stage("finding templates"):
        if len(templates := find_templates(sentences.table())):
            writer.rewrite("mentions", partial(with_templates, templates=templates))
    writer.finish("mentions")
    return counts


def _count(writer: SnapshotWriter, manifest: Manifest) -> None:
    """Writes the counted tables."""
    draft = writer.preview(manifest)
    for name, table in count_tables(evidence_of(draft), instruments_of(draft)).items():
        writer.put(name, table)


def _manifest(
    key: str, info: SourceInfo, rules: RuleInputs, counts: CardCounts, results: CollectedInstruments
) -> Manifest:
    totals = counts.totals()
    return Manifest(
        snapshot_id=f"{'specimen' if info.specimen else totals.last or 'undated'}-{key}",
        schema_version=SCHEMA_VERSION,
        specimen=info.specimen,
        source=info,
        taxonomy=TaxonomyInfo(rules.taxonomy_sha256, load_taxonomy().facts()),
        cards=totals,
        generators_sha256=rules.generators_sha256,
        corrections_sha256=rules.corrections_sha256,
        tagger_version=rules.tagger_version,
        rules_version=rules.rules_version,
        tables={},
        accuracy=rules.accuracy,
        instruments=results.descriptions,
    )
