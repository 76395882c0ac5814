"""Finds templates by their statistics: sentences with a technique that recur in many cards of several authors.

In: mentions with the hash of their sentence. Out: the hashes of templates, and for a report their texts. A tool that
``generators.toml`` does not describe wrote such a sentence, so its mentions are not those of people. Sentences are
counted over all cards, so the result does not depend on the order of the cards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.collect.base import Source
from peft_census.pipeline.coverage import CardCounts
from peft_census.pipeline.progress import SILENT, Progress
from peft_census.pipeline.tagging import IN_PROCESS, TagOptions, tag_source
from peft_census.snapshot.schema import arrow_schema
from peft_census.tag.generators import TEMPLATE
from peft_census.tag.sentences import sentence_around
from peft_census.tag.techniques import HERE

MIN_CARDS, MIN_AUTHORS = 10, 3
"""Cards and authors from which a sentence is a template."""
_COLUMNS = ["model_id", "technique", "location", "start", "end", "generator", "sentence"]


@dataclass(frozen=True)
class Template:
    """A template that no known card generator wrote.

    Args:
        text: its sentence in the card of ``example``.
        technique: the technique that it names.
        location: the part of the card of ``example``.
        cards: number of cards with the sentence.
        authors: number of their authors.
        example: the first model id with the sentence, in alphabetical order.
    """

    text: str
    technique: str
    location: str
    cards: int
    authors: int
    example: str


@dataclass(frozen=True)
class TemplateReport:
    """The templates of a source, the most frequent first.

    Args:
        cards: cards read.
        templates: the templates.
        gaps: number of cards that could not be read as they are, by reason.
    """

    cards: int
    templates: list[Template]
    gaps: dict[str, int] = field(default_factory=dict)


class Sentences:
    """Collects the mentions that have a sentence, and of these only ``columns``."""

    def __init__(self, columns: Sequence[str] = ("model_id", "sentence")) -> None:
        schema = arrow_schema("mentions")
        self._schema = pa.schema([schema.field(name) for name in columns])
        self._batches: list[pa.RecordBatch] = []

    def add(self, mentions: pa.RecordBatch) -> None:
        """Adds the mentions of a batch of cards."""
        chosen = mentions.select(self._schema.names)
        self._batches.append(chosen.filter(pc.is_valid(chosen["sentence"])))

    def table(self) -> pa.Table:
        """Returns what was added."""
        return pa.Table.from_batches(self._batches, self._schema)


def find_templates(mentions: pa.Table, min_cards: int = MIN_CARDS, min_authors: int = MIN_AUTHORS) -> pa.Table:
    """Returns the templates in ``mentions`` (columns ``model_id`` and ``sentence``, without nulls).

    The result has the columns ``sentence``, ``cards`` and ``authors``, and the most frequent template first. The author
    is the owner in the model id.
    """
    once = mentions.group_by(["sentence", "model_id"]).aggregate([])
    once = once.append_column("author", pc.replace_substring_regex(once["model_id"], "/?[^/]*$", ""))
    counted = once.group_by("sentence").aggregate([("model_id", "count"), ("author", "count_distinct")])
    counted = counted.rename_columns(["sentence", "cards", "authors"])
    found = counted.filter((pc.field("cards") >= min_cards) & (pc.field("authors") >= min_authors))
    return found.sort_by([("cards", "descending"), ("authors", "descending"), ("sentence", "ascending")])


def with_templates(mentions: pa.Table, templates: pa.Table) -> pa.Table:
    """Returns ``mentions`` with the generator ``template`` where no known one wrote a sentence of ``templates``."""
    recurs = pc.fill_null(pc.is_in(mentions["sentence"], value_set=templates["sentence"].combine_chunks()), False)
    generator = pc.if_else(recurs, pc.coalesce(mentions["generator"], pa.scalar(TEMPLATE)), mentions["generator"])
    return mentions.set_column(mentions.schema.get_field_index("generator"), "generator", generator)


def report_templates(
    source: Source,
    min_cards: int = MIN_CARDS,
    min_authors: int = MIN_AUTHORS,
    progress: Progress = SILENT,
    tag_options: TagOptions = IN_PROCESS,
) -> TemplateReport:
    """Returns the templates in the cards of ``source`` that no known card generator wrote.

    Raises:
        CensusError: the source cannot be read.
    """
    info = source.prepare()
    counts, sentences = CardCounts(), Sentences(_COLUMNS)
    for cards, mentions in tag_source(source, info, tag_options, progress, with_models=False):
        counts.add(cards)
        sentences.add(mentions)
    found = find_templates(sentences.table(), min_cards, min_authors)
    marked = with_templates(sentences.table(), found)
    unknown = marked.filter(pc.equal(marked["generator"], TEMPLATE))
    last_first = unknown.sort_by([("model_id", "descending"), ("start", "descending")])
    examples = {row["sentence"]: row for row in last_first.to_pylist()}
    texts = _texts(source, {row["model_id"] for row in examples.values()})
    templates = [
        Template(
            _sentence(texts[row["model_id"]], row["start"], row["end"]),
            row["technique"],
            row["location"],
            template["cards"],
            template["authors"],
            row["model_id"],
        )
        for template in found.to_pylist()
        if (row := examples.get(template["sentence"]))
    ]
    return TemplateReport(counts.totals().rows, templates, counts.gaps())


def _texts(source: Source, model_ids: set[str]) -> dict[str, str]:
    """Returns the cards of some models."""
    wanted = pa.array(sorted(model_ids), pa.string())
    texts: dict[str, str] = {}
    for batch in source.batches():
        cards = batch.select(["model_id", "card"]).filter(pc.is_in(batch["model_id"], value_set=wanted))
        texts.update(zip(cards["model_id"].to_pylist(), cards["card"].to_pylist(), strict=True))
    return texts


def _sentence(card: str, start: int, end: int) -> str:
    """Returns the sentence around a mention on one line."""
    line = card.rfind("\n", 0, start) + 1
    after = card.find("\n", end)
    return (
        sentence_around(card, start, end, line, after if after >= 0 else len(card))
        .replace(HERE, card[start:end])
        .strip()
    )
