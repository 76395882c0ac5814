"""The commands that read cards: ``census``, ``estimate``, ``tag`` and ``templates``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from peft_census.cli.options import (
    InstrumentOptions,
    SourceCommand,
    SourceOptions,
    hub_options,
    instrument_options,
    output_options,
    source_options,
    tag_options,
)
from peft_census.cli.output import OutputOptions, finish, print_result
from peft_census.collect.base import Source
from peft_census.collect.http.rate_limit import SYSTEM_CLOCK, Clock, clock_until
from peft_census.collect.hub.options import HubOptions
from peft_census.collect.instrument import Cost
from peft_census.errors import UsageError
from peft_census.pipeline.census import run_census
from peft_census.pipeline.instruments import estimate_instruments
from peft_census.pipeline.mentions import write_mentions
from peft_census.pipeline.settings import settings
from peft_census.pipeline.sources import estimate_source, is_estimable, make_source
from peft_census.pipeline.spark import spark_files
from peft_census.pipeline.summary import summarize
from peft_census.pipeline.tagging import TagOptions
from peft_census.pipeline.templates import MIN_AUTHORS, MIN_CARDS, report_templates
from peft_census.publish.text.numbers import plural
from peft_census.publish.text.terminal import describe_run


@click.command(cls=SourceCommand)
@source_options
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder of snapshots.  [default: data/snapshots]")
@click.option(
    "--stop-after",
    type=click.FloatRange(min=0),
    metavar="MINUTES",
    help="Stop collecting after this time; what is left is a gap, and the next run reads it.",
)
@click.option("--dry-run", is_flag=True, help="Print what the census would cost (see estimate), and read no card.")
@instrument_options
@tag_options
@output_options
def census(
    source: SourceOptions,
    out: Path | None,
    stop_after: float | None,
    dry_run: bool,
    instruments: InstrumentOptions,
    tagging: TagOptions,
    output: OutputOptions,
) -> None:
    """Run all stages and write a snapshot.

    The stages read the cards, tag them, count the techniques, and draw charts, tables and a page. The id of the
    snapshot is derived from its content: if the same cards were counted by the same rules before, nothing is written.

    If the command is interrupted, run it again: what was downloaded is not downloaded again.

    \b
    Examples:
      peft-census census
      peft-census census --source cards.parquet --out my-snapshots
      peft-census census --source 'dumps/*.parquet' --json | jq .headline
      peft-census census --source cards.parquet --with github,civitai,benchmark
      peft-census census --source hub-api
      peft-census census --source hub --dry-run
      peft-census census --source s3://bucket/cards --engine spark --master spark://host:7077
    """
    if dry_run:
        _print_estimate(source.spec if is_estimable(source.spec) else None, source.hub, instruments, output)
        return
    clock = clock_until(stop_after)
    folder = out or settings().snapshots
    with opened(source, output, clock) as cards:
        outcome = run_census(cards, folder, output.progress, instruments.config, tagging, clock)
    summary = summarize(outcome.snapshot, outcome.unchanged, outcome.instrument_gaps)
    print_result(summary, describe_run(outcome.snapshot, outcome.unchanged), output)
    finish(summary.gaps, summary.instrument_gaps, source.spec)


@click.command(cls=SourceCommand)
@click.option(
    "--source",
    "-s",
    "spec",
    metavar="SOURCE",
    help="A source of the Hub: hub-dump[@REVISION], hub-metadata, hub-api, hub.",
)
@hub_options
@instrument_options
@output_options
def estimate(spec: str | None, hub: HubOptions, instruments: InstrumentOptions, output: OutputOptions) -> None:
    """Print the requests and minutes that a census would cost.

    For a source of the Hub this reads the listing, from which the census then resumes, or the list of files of the
    dump. It reads no card. For the instruments it sends no request.

    \b
    Examples:
      peft-census estimate --source hub-api
      peft-census estimate --with github,civitai --sample 200 --civitai 10000
    """
    if spec is None and instruments.config is None:
        raise UsageError("there is nothing to estimate", "name a source with --source, or instruments with --with.")
    _print_estimate(spec, hub, instruments, output)


@contextmanager
def opened(source: SourceOptions, output: OutputOptions, clock: Clock = SYSTEM_CLOCK) -> Iterator[Source]:
    """Gives the source of the cards, with the engine that tags them."""
    if source.engine == "spark":
        with spark_files(source.spec, source.master) as files:
            yield files
    else:
        yield make_source(source.spec, source.keep_first, output.quiet, source.hub, clock)


def _print_estimate(spec: str | None, hub: HubOptions, instruments: InstrumentOptions, output: OutputOptions) -> None:
    """Prints the cost of a source of the Hub, if there is one, and of the instruments."""
    costs = estimate_instruments(instruments.config)
    lines = [_cost_line(name, cost) for name, cost in costs.items()]
    if spec is None:
        print_result(costs, "\n".join(lines) or "no request: the cards are on this machine", output)
        return
    cost = estimate_source(spec, output.quiet, hub)
    print_result({**cost.as_json(), "instruments": costs}, "\n".join([str(cost), *lines]), output)


def _cost_line(name: str, cost: Cost) -> str:
    if cost.requests is None:
        return f"{name:<10} {cost.note}"
    most = cost.requests_if_incomplete
    extra = f"; at most {most:,} requests if readings are incomplete" if most else ""
    return f"{name:<10} {cost.requests:,} requests, {cost.minutes:,} minutes{extra}"


@click.command(cls=SourceCommand)
@source_options
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="Parquet file to write.")
@tag_options
@output_options
def tag(source: SourceOptions, out: Path, tagging: TagOptions, output: OutputOptions) -> None:
    """Tag cards and write only the table of mentions.

    \b
    Examples:
      peft-census tag --source cards.parquet --out mentions.parquet
      peft-census tag --source 'dump/*.parquet' --out mentions.parquet --engine spark --master 'local[2]'
    """
    with opened(source, output) as cards:
        summary = write_mentions(cards, out, output.progress, tagging)
    text = f"{plural(summary.mentions, 'mention')} in {plural(summary.cards, 'card')} → {summary.out}"
    print_result(summary, text, output)
    finish(summary.gaps, source=source.spec)


@click.command(cls=SourceCommand)
@source_options
@click.option("--min-cards", default=MIN_CARDS, show_default=True, type=click.IntRange(min=2), help="Cards at least.")
@click.option(
    "--min-authors", default=MIN_AUTHORS, show_default=True, type=click.IntRange(min=1), help="Authors at least."
)
@tag_options
@output_options
def templates(
    source: SourceOptions, min_cards: int, min_authors: int, tagging: TagOptions, output: OutputOptions
) -> None:
    """List sentences with a technique that recur in cards of several authors.

    A tool wrote such a sentence. Those of the card generators that generators.toml describes are left out. A census
    counts the mentions in a sentence that recurs in at least 10 cards of at least 3 authors as generated.

    \b
    Example:
      peft-census templates --source cards.parquet
    """
    with opened(source, output) as cards:
        report = report_templates(cards, min_cards, min_authors, output.progress, tagging)
    lines = [
        f"{plural(t.cards, 'card')} by {plural(t.authors, 'author')}, {t.technique} in {t.location}: {t.text}\n"
        f"    first in {t.example}"
        for t in report.templates
    ]
    total = f"{plural(len(report.templates), 'template')} in {plural(report.cards, 'card')}"
    print_result(report, "\n".join([*lines, total]), output)
    finish(report.gaps, source=source.spec)
