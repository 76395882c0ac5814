"""One set of cards, counted in every way that is set beside a published figure.

In: a prepared source and the figure. Out: one JSON-ready reading: what was read, one row for each way of counting,
one row for each change that might explain the rest. Card texts go through and leave nothing behind but counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.collect.base import Source, SourceInfo
from peft_census.count import Evidence
from peft_census.count.attempts import MENTIONS, MODELS, Target, explain_gap, order, rule_attempts
from peft_census.pipeline.census import is_gap
from peft_census.pipeline.published import Figure
from peft_census.pipeline.tagging import tagged
from peft_census.snapshot.schema import arrow_schema
from peft_census.tag import load_taxonomy
from peft_census.tag.naive import NaiveCount, peft_names

Progress = Callable[[Iterator[pa.RecordBatch], int], Iterator[pa.RecordBatch]]
"""Wraps batches to show how far they are; gets the number of rows expected."""


def count_by_all_rules(source: Source, info: SourceInfo, figure: Figure, progress: Progress) -> dict[str, Any]:
    """Returns the reading of a prepared source.

    Keys: ``source`` (what was read), ``attempts`` and ``changes`` (rows of ``count.attempts``, nearest first, and
    those of the naive search), ``gaps`` (number of cards by reason).
    """
    taxonomy = load_taxonomy()
    naive = NaiveCount(*peft_names(taxonomy.techniques.values()), figure.technique)
    models, mentions, seen = [], [], _Seen()

    def observed() -> Iterator[pa.RecordBatch]:
        for batch in progress(source.batches(), source.total()):
            naive.add(batch)
            seen.add(batch)
            yield batch

    for some_models, some_mentions in tagged(observed()):
        models.append(some_models.select(MODELS))
        mentions.append(some_mentions.select(MENTIONS))
    target = Target(figure.technique, int(figure.numerator or 0), int(figure.denominator or 0))
    attempts: list[dict[str, Any]] = [
        {
            "method": "naive",
            "rule": tally.name,
            "meaning": tally.meaning,
            "unit": "cards",
            **target.nearness(tally.subject, tally.one).as_row(),
        }
        for tally in naive.tallies
    ]
    tables = _table("models", MODELS, models), _table("mentions", MENTIONS, mentions)
    attempts += rule_attempts(Evidence(*tables, taxonomy.facts()), target)
    return {
        "source": {**about(info), **seen.facts()},
        "attempts": sorted(attempts, key=order),
        "changes": explain_gap(*tables, taxonomy.facts(), target),
        "gaps": seen.gaps,
    }


def _table(name: str, columns: list[str], batches: list[pa.RecordBatch]) -> pa.Table:
    schema = arrow_schema(name)
    return pa.Table.from_batches(batches, pa.schema([schema.field(column) for column in columns]))


def about(info: SourceInfo) -> dict[str, Any]:
    """Returns what a report says of a source."""
    return {
        "kind": info.kind,
        "label": info.label,
        "revision": info.revision,
        "committed": None,
        "days": None,
        "state": "read",
        "reason": None,
        "content_sha256": info.content_sha256,
        "specimen": info.specimen,
        "cards": info.details.get("rows"),
        "with_text": None,
        "oldest": None,
        "newest": None,
    }


@dataclass
class _Seen:
    """How many cards there were, with how many texts, of which days, and what was wrong with some."""

    cards: int = 0
    with_text: int = 0
    dates: list[datetime] = field(default_factory=list)
    gaps: dict[str, int] = field(default_factory=dict)

    def add(self, cards: pa.RecordBatch) -> None:
        self.cards += cards.num_rows
        self.with_text += cards.num_rows - cards.column("card").null_count
        ends = pc.min_max(pc.coalesce(cards["last_modified"], cards["created_at"]))
        found = (ends[end].as_py() for end in ("min", "max"))
        known = [moment for moment in (*self.dates, *found) if moment is not None]
        self.dates = [min(known), max(known)] if known else []
        for status, reason in zip(cards["status"].to_pylist(), cards["reason"].to_pylist(), strict=True):
            if is_gap(status, reason):
                self.gaps[reason or status] = self.gaps.get(reason or status, 0) + 1

    def facts(self) -> dict[str, Any]:
        oldest, newest = (moment.date().isoformat() for moment in self.dates) if self.dates else (None, None)
        return {"cards": self.cards, "with_text": self.with_text, "oldest": oldest, "newest": newest}
