"""Options that several verbs of the command line share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def source_options(command: Command) -> Command:
    """Where cards come from."""
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
        help="'specimen'; a Parquet file, folder or glob in the columns of model_cards_with_metadata; or "
        "'hub-dump[@REVISION]', 'hub-api', 'hub'.",
    )(command)


def hub_options(command: Command) -> Command:
    """What to take from the Hub."""
    for option in reversed(
        (
            click.option("--ids", type=click.Path(path_type=Path), help="Hub: the models of this file, one id a line."),
            click.option(
                "--population",
                type=click.Choice(["adapters", "all"]),
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
    ):
        command = option(command)
    return command


def output_options(command: Command) -> Command:
    """How results are told."""
    command = click.option("--quiet", "-q", is_flag=True, help="No progress and no notes on stderr.")(command)
    return click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else.")(command)


def snapshot_option(command: Command) -> Command:
    """Which snapshot."""
    return click.option(
        "--snapshot",
        default="latest",
        show_default=True,
        metavar="ID|PATH",
        help="Snapshot id, the start of one, a folder, or 'latest'.",
    )(command)
