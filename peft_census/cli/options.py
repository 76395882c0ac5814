"""Options that several commands share. A command receives each group of options as one frozen record."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from peft_census.cli.output import OutputOptions
from peft_census.collect.hub.options import POPULATIONS, HubOptions
from peft_census.collect.instrument import InstrumentConfig
from peft_census.collect.instruments import INSTRUMENTS, checked_config
from peft_census.collect.registry import NAMED
from peft_census.count import HEADLINE, ShareQuery, parse_rule
from peft_census.count.cells import TOP_VALUES
from peft_census.count.groups import DIMENSIONS
from peft_census.errors import UsageError
from peft_census.pipeline.settings import settings
from peft_census.pipeline.tagging import TagOptions
from peft_census.snapshot.instruments import CivitaiFrame
from peft_census.snapshot.snapshot import Snapshot, find_snapshot

Function = Callable[..., None]
Decorator = Callable[[Function], Function]


class SourceCommand(click.Command):
    """A command that reads cards. It has no arguments; an argument is answered with the option for it."""

    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the options.

        Raises:
            click.UsageError: there is an argument.
        """
        if rest := super().parse_args(ctx, args):
            raise click.UsageError(f"unexpected argument {rest[0]!r}. Name the cards with --source.", ctx)
        return rest


@dataclass(frozen=True)
class SourceOptions:
    """Where the cards come from.

    Args:
        spec: a path or URL of Parquet, or the name of a source.
        keep_first: keep the first row of each model that occurs twice.
        hub: the options of the Hub's sources.
        engine: ``local`` or ``spark``, which tags the cards.
        master: where Spark runs; None for its default.
    """

    spec: str
    keep_first: bool
    hub: HubOptions
    engine: str
    master: str | None


@dataclass(frozen=True)
class InstrumentOptions:
    """Which instruments are read; ``config`` is None for none."""

    config: InstrumentConfig | None


def option_group(argument: str, parse: Callable[..., object], *options: Decorator) -> Decorator:
    """Returns a decorator that adds options to a command.

    Args:
        argument: the argument in which the command receives the record.
        parse: makes the record; its parameters are the names of the options.
        options: the options, in the order of the help text.
    """
    names = tuple(inspect.signature(parse).parameters)

    def decorate(function: Function) -> Function:
        @wraps(function)
        def with_record(**values: Any) -> None:
            record = parse(**{name: values.pop(name) for name in names})
            function(**{argument: record}, **values)

        command: Function = with_record
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def parse_hub_options(ids: Path | None, population: str, adapter_configs: int, accept_shrunk: bool) -> HubOptions:
    """Returns the options of the Hub's sources."""
    return HubOptions(population, ids, adapter_configs, accept_shrunk=accept_shrunk)


def parse_source_options(
    source: str,
    keep_first: bool,
    engine: str,
    master: str | None,
    ids: Path | None,
    population: str,
    adapter_configs: int,
    accept_shrunk: bool,
) -> SourceOptions:
    """Returns the options of a source.

    Raises:
        UsageError: an option does not go with the engine.
    """
    if keep_first and engine == "spark":
        raise UsageError("--keep-first does not work with --engine spark", "remove the repeated rows first.")
    if master is not None and engine != "spark":
        raise UsageError("--master needs --engine spark", "add it, or leave out --master.")
    hub = parse_hub_options(ids, population, adapter_configs, accept_shrunk)
    return SourceOptions(source, keep_first, hub, engine, master)


def parse_tag_options(jobs: int | None, no_cache: bool, verify_unchanged: bool) -> TagOptions:
    """Returns how to tag."""
    return TagOptions(jobs, None if no_cache else settings().raw, verify_unchanged)


def parse_instrument_options(
    with_: tuple[str, ...],
    readings: int,
    sample: int,
    seed: int,
    calibrate: Path | None,
    civitai: str,
    civitai_order: str,
    civitai_types: str,
    benchmark: Path | None,
    fresh: bool,
) -> InstrumentOptions:
    """Returns which instruments are read.

    Raises:
        UsageError: an instrument is unknown, or a number is not valid.
    """
    names = split_names(*with_)
    if not names:
        return InstrumentOptions(None)
    if civitai != "all" and not civitai.isdecimal():
        raise UsageError(f"--civitai {civitai}: not a number of models", "give a number, or 'all'.")
    frame = CivitaiFrame(0 if civitai == "all" else int(civitai), civitai_order, split_names(civitai_types))
    config = InstrumentConfig(names, readings, sample, seed, calibrate, frame, benchmark, fresh)
    return InstrumentOptions(checked_config(config))


def split_names(*texts: str) -> tuple[str, ...]:
    """Returns the names in ``texts``, split at commas and spaces, each once."""
    return tuple(dict.fromkeys(name for text in texts for name in text.replace(",", " ").split()))


_PATH = click.Path(path_type=Path)

_HUB = (
    click.option("--ids", type=_PATH, metavar="FILE", help="Hub: read the models in this file, one id per line."),
    click.option(
        "--population",
        type=click.Choice(POPULATIONS),
        default="adapters",
        show_default=True,
        help="Hub: read models with an adapter or technique tag, or all models.",
    ),
    click.option(
        "--adapter-configs",
        type=click.IntRange(min=0),
        default=0,
        metavar="N",
        help="Hub: also read adapter_config.json of a random sample of N models. The Hub counts each as a download.",
    ),
    click.option(
        "--accept-shrunk",
        is_flag=True,
        help="Hub: accept a dump or a listing that is much smaller than the last one.",
    ),
)

_ENGINES = click.Choice(["local", "spark"])
hub_options = option_group("hub", parse_hub_options, *_HUB)

source_options = option_group(
    "source",
    parse_source_options,
    click.option(
        "--source",
        "-s",
        default="specimen",
        show_default=True,
        help="A Parquet file, folder or glob (a path or an s3://, gs:// or hf:// URL) with the columns of "
        "model_cards_with_metadata, or a name: "
        f"{', '.join(NAMED)} (or hub-dump@REVISION, hub-metadata@models.parquet).",
    ),
    click.option("--keep-first", is_flag=True, help="Keep the first row of a model that occurs twice; do not stop."),
    click.option("--engine", type=_ENGINES, default="local", show_default=True, help="What reads and tags the cards."),
    click.option("--master", metavar="URL", help="Where Spark (docs/scale.md) runs: local[4], spark://host:7077 …"),
    *_HUB,
)

tag_options = option_group(
    "tagging",
    parse_tag_options,
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        help="Number of processes that read cards.  [default: one per CPU if there are many cards]",
    ),
    click.option("--no-cache", is_flag=True, help="Ignore the tag cache: read every card, and do not save the result."),
    click.option(
        "--verify-unchanged",
        is_flag=True,
        help="Decode every card and compare its hash with that of the last run; without it, cards whose last commit is "
        "the same are taken over, and one in a hundred is compared.",
    ),
)

instrument_options = option_group(
    "instruments",
    parse_instrument_options,
    click.option(
        "--with",
        "with_",
        multiple=True,
        metavar="NAMES",
        help=f"Also read these data sources: {', '.join(INSTRUMENTS)} (separated by commas, or repeat the option).",
    ),
    click.option("--readings", default=3, show_default=True, help="GitHub: complete readings per query."),
    click.option("--sample", default=0, show_default=True, help="GitHub: requests to spend on a sample of files."),
    click.option("--seed", default=0, show_default=True, help="GitHub: seed of the sample."),
    click.option("--calibrate", type=_PATH, help="GitHub: a clone of huggingface/peft to compare the counts with."),
    click.option("--civitai", default="all", show_default=True, metavar="N|all", help="Civitai: number of models."),
    click.option("--civitai-order", default="Oldest", show_default=True, help="Civitai: order of the models."),
    click.option("--civitai-types", default="", metavar="TYPES", help="Civitai: only models of these types."),
    click.option("--benchmark", type=_PATH, help="Benchmark: a clone of huggingface/peft, not the bundled table."),
    click.option("--fresh", is_flag=True, help="Discard the stored answers of GitHub and Civitai."),
)

output_options = option_group(
    "output",
    OutputOptions,
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
    click.option("--quiet", "-q", is_flag=True, help="Print no progress and no notes on stderr."),
)


@dataclass(frozen=True)
class GroupOptions:
    """Which groups of cards to count; see ``ShareQuery``."""

    by: tuple[str, ...]
    where: dict[str, list[str]]
    technique: tuple[str, ...]
    top: int

    def __bool__(self) -> bool:
        """Whether any of them is given."""
        return bool(self.by or self.where or self.technique or self.top != TOP_VALUES)

    def query(self, rule: str | None) -> ShareQuery:
        """Returns the question; by default the rule is that of the headline."""
        rules = (HEADLINE if rule is None else parse_rule(rule),)
        return ShareQuery(rules, self.by, self.where, self.technique, self.top)


def conditions(where: tuple[str, ...]) -> dict[str, list[str]]:
    """Returns dimension to the values in ``NAME=VALUE``.

    Raises:
        UsageError: a condition has no equals sign.
    """
    found: dict[str, list[str]] = {}
    for condition in where:
        name, equals, value = condition.partition("=")
        if not equals:
            raise UsageError(
                f"--where {condition}: not a condition", f"write NAME=VALUE; names: {', '.join(DIMENSIONS)}."
            )
        found.setdefault(name, []).append(value)
    return found


def parse_group_options(
    by: tuple[str, ...], where: tuple[str, ...], technique: tuple[str, ...], top: int
) -> GroupOptions:
    """Returns which groups to count; raises as ``conditions``."""
    return GroupOptions(split_names(*by), conditions(where), split_names(*technique), top)


where_option = click.option(
    "--where",
    multiple=True,
    metavar="NAME=VALUE",
    help="Only models with this value; several values of one name are alternatives.",
)

group_options = option_group(
    "groups",
    parse_group_options,
    click.option("--by", multiple=True, metavar="NAME", help=f"Shares by one or two of: {', '.join(DIMENSIONS)}."),
    where_option,
    click.option("--technique", multiple=True, metavar="ID", help="Only these techniques, in groups."),
    click.option("--top", default=TOP_VALUES, show_default=True, metavar="N", help="The largest N values of --by."),
)

snapshot_option = click.option(
    "--snapshot",
    default="latest",
    show_default=True,
    metavar="ID|PATH",
    help="A snapshot: its id, the start of its id, its folder, a folder of snapshots, 'latest' or 'previous'.",
)


def open_snapshot(name: str) -> Snapshot:
    """Returns the snapshot that ``name`` means, in the folder of the settings.

    Raises:
        UsageError: no snapshot matches, or more than one.
    """
    return find_snapshot(name, settings().snapshots)
