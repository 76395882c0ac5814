"""The command line's options for sources of cards, the Hub's among them, and how those are told from others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from peft_census.collect.hub.options import POPULATIONS, HubOptions
from peft_census.collect.registry import NAMED

Command = TypeVar("Command", bound=Callable[..., Any])


def hub_options(command: Command) -> Command:
    """Adds the options of the Hub's sources; their names are the fields of ``HubOptions``."""
    options = (
        click.option("--ids", type=click.Path(path_type=Path), help="Hub: the models of this file, one id a line."),
        click.option(
            "--population",
            type=click.Choice(POPULATIONS),
            default="adapters",
            show_default=True,
            help="Hub: models with an adapter or technique tag, or every model.",
        ),
        click.option(
            "--adapter-configs",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="Hub: read adapter_config.json of a declared random sample of N models (each counts a download).",
        ),
        click.option(
            "--accept-shrunk", is_flag=True, help="Hub: take a dump or listing that lost models since the last one."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def source_options(command: Command) -> Command:
    """Adds what says where cards come from."""
    command = hub_options(command)
    command = click.option(
        "--keep-first",
        is_flag=True,
        help="Of models that occur more than once keep the first row instead of stopping.",
    )(command)
    return click.option(
        "--source",
        "-s",
        default="specimen",
        show_default=True,
        metavar="SOURCE",
        help="A Parquet file, folder or glob in the columns of model_cards_with_metadata, or a name: "
        f"{', '.join(NAMED)} (hub-dump takes @REVISION).",
    )(command)


def parse_hub_options(options: dict[str, Any]) -> HubOptions:
    """Takes the Hub's options out of ``options`` and returns them as a record."""
    return HubOptions(**{name: options.pop(name) for name in ("ids", "population", "adapter_configs", "accept_shrunk")})
