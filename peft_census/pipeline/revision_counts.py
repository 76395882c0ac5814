"""Counts one source of cards in every way that is compared with a published figure, and keeps the counts of revisions.

In: a prepared source and the figure. Out: its ``SourceCounts``. The counts of a revision are kept in the raw folder, in
a file whose name depends on the revision, the figure, the taxonomy, the tagger and the rules. An interrupted run
resumes from these files; a revision is counted again when one of the others changes.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.collect.base import Source, SourceInfo
from peft_census.count import Evidence
from peft_census.count.attempts import MENTIONS, MODELS, Attempt, Target, explain_gap, rule_attempts, selection_attempts
from peft_census.count.reproduction import CountedSource, Figure, SourceCounts
from peft_census.errors import BadInputError
from peft_census.pipeline.coverage import is_gap
from peft_census.pipeline.progress import Progress, over_batches
from peft_census.pipeline.rule_inputs import rule_inputs
from peft_census.pipeline.settings import settings
from peft_census.pipeline.tagging import tagged
from peft_census.snapshot.files import write_atomically
from peft_census.snapshot.records import read_record, to_json
from peft_census.snapshot.schema import arrow_schema
from peft_census.tag import load_taxonomy
from peft_census.tag.naive import NAIVE_VERSION, NaiveCount, peft_names
from peft_census.tag.near_duplicates import NearDuplicates, with_clusters

REPRODUCTION_VERSION = "2"
"""Raised when the same cards and rules give other counts."""


def count_by_all_rules(source: Source, info: SourceInfo, figure: Figure, progress: Progress) -> SourceCounts:
    """Returns the counts of a prepared source by all rules, selections and naive searches."""
    taxonomy = load_taxonomy()
    naive = NaiveCount(*peft_names(taxonomy.techniques.values()), figure.technique)
    totals = _Totals()

    def cards() -> Iterator[pa.RecordBatch]:
        for batch in over_batches(progress, "tagging cards", source.batches(), source.total()):
            naive.add(batch)
            totals.add(batch)
            yield batch

    near_duplicates = NearDuplicates()
    batches = [
        (models.select(MODELS), mentions.select(MENTIONS))
        for models, mentions in tagged(cards(), near_duplicates=near_duplicates)
    ]
    models = with_clusters(_table("models", MODELS, [batch for batch, _ in batches]), near_duplicates.clusters())
    mentions = _table("mentions", MENTIONS, [batch for _, batch in batches])
    target = Target(figure.technique, int(figure.numerator or 0), int(figure.denominator or 0))
    searches = [
        Attempt("naive", tally.name, tally.meaning, "cards", target.nearness(float(tally.subject), float(tally.one)))
        for tally in naive.tallies
    ]
    facts = taxonomy.facts()
    attempts = [
        *searches,
        *selection_attempts(models, mentions, facts, target),
        *rule_attempts(Evidence(models, mentions, facts), target),
    ]
    counts = SourceCounts(
        totals.source(info),
        sorted(attempts, key=lambda attempt: attempt.order),
        explain_gap(models, mentions, facts, target),
        dict(totals.gaps),
    )
    return counts.of(counts.source)


def _table(name: str, columns: list[str], batches: list[pa.RecordBatch]) -> pa.Table:
    schema = arrow_schema(name)
    return pa.Table.from_batches(batches, pa.schema([schema.field(column) for column in columns]))


@dataclass
class _Totals:
    """Number of cards and texts, dates of the oldest and newest card, and cards that could not be read."""

    cards: int = 0
    with_text: int = 0
    dates: list[datetime] = field(default_factory=list)
    gaps: Counter[str] = field(default_factory=Counter)

    def add(self, cards: pa.RecordBatch) -> None:
        self.cards += cards.num_rows
        self.with_text += cards.num_rows - cards.column("card").null_count
        ends = pc.min_max(pc.coalesce(cards["last_modified"], cards["created_at"])).as_py()
        dates = [date for date in (*self.dates, *ends.values()) if date is not None]
        self.dates = [min(dates), max(dates)] if dates else []
        for status, reason in zip(cards["status"].to_pylist(), cards["reason"].to_pylist(), strict=True):
            if is_gap(status, reason):
                self.gaps[reason or status] += 1

    def source(self, info: SourceInfo) -> CountedSource:
        oldest, newest = (date.date().isoformat() for date in self.dates) if self.dates else (None, None)
        return CountedSource(
            info.kind,
            info.label,
            info.revision,
            content_sha256=info.content_sha256,
            specimen=info.specimen,
            cards=self.cards,
            with_text=self.with_text,
            oldest=oldest,
            newest=newest,
        )


def counts_file(revision: str, figure: Figure) -> Path:
    """Returns the file that keeps the counts of ``revision`` for ``figure`` by the present rules."""
    inputs = {
        "revision": revision,
        "figure": [figure.id, figure.technique, figure.numerator, figure.denominator, figure.dataset],
        "rules": rules_used(),
    }
    key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return settings().raw / "reproduction" / f"{revision[:12]}-{key[:16]}.json"


def rules_used() -> dict[str, Any]:
    """Returns the versions and hashes of everything except the cards that decides the counts."""
    versions = {"naive_version": NAIVE_VERSION, "reproduction_version": REPRODUCTION_VERSION}
    return {key: value for key, value in to_json(rule_inputs()).items() if key != "accuracy"} | versions


def read_counts(file: Path) -> SourceCounts | None:
    """Returns the counts kept in ``file``; None if there is no such file or it is damaged."""
    try:
        return read_record(SourceCounts, json.loads(file.read_text(encoding="utf-8")), file)
    except (OSError, ValueError, BadInputError):
        return None


def save_counts(file: Path, counts: SourceCounts) -> None:
    """Writes ``counts`` to ``file``.

    Raises:
        OutputError: it cannot be written.
    """
    write_atomically(file, json.dumps(to_json(counts), ensure_ascii=False))
