"""Tags a source of cards and writes the ``mentions`` table alone, without a snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from peft_census.collect.base import Source
from peft_census.errors import UsageError
from peft_census.pipeline.coverage import CardCounts
from peft_census.pipeline.progress import SILENT, Progress
from peft_census.pipeline.tagging import IN_PROCESS, TagOptions, tag_source
from peft_census.snapshot.files import replaced_file
from peft_census.snapshot.parquet import GroupedFile
from peft_census.snapshot.schema import arrow_schema


@dataclass(frozen=True)
class MentionsSummary:
    """What was written.

    Args:
        out: the file.
        cards: cards read.
        mentions: mentions written.
        gaps: number of cards that could not be read as they are, by reason.
    """

    out: str
    cards: int
    mentions: int
    gaps: dict[str, int] = field(default_factory=dict)


def write_mentions(
    source: Source, file: Path, progress: Progress = SILENT, tag_options: TagOptions = IN_PROCESS
) -> MentionsSummary:
    """Writes the mentions of ``source`` to one Parquet file.

    Raises:
        UsageError: ``file`` is a folder.
        CensusError: the source cannot be read, or the file cannot be written.
    """
    if file.is_dir():
        raise UsageError(f"{file} is a folder", "give the Parquet file to write.")
    info = source.prepare()
    counts, n_mentions = CardCounts(), 0
    with replaced_file(file) as temporary, GroupedFile(temporary, arrow_schema("mentions")) as writer:
        for cards, mentions in tag_source(source, info, tag_options, progress, with_models=False):
            counts.add(cards)
            n_mentions += mentions.num_rows
            writer.append(mentions)
    return MentionsSummary(str(file), counts.totals().rows, n_mentions, counts.gaps() | info.gaps)
