"""What every verb of the command line shares: its options, how it names a snapshot, prints, and ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from peft_census.errors import DONE, GAPS

Command = TypeVar("Command", bound=Callable[..., Any])


def output_options(command: Command) -> Command:
    """Adds --quiet and --json."""
    command = click.option("--quiet", "-q", is_flag=True, help="No progress and no notes on stderr.")(command)
    return click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else.")(command)


def snapshot_option(command: Command) -> Command:
    """Adds --snapshot."""
    return click.option(
        "--snapshot",
        default="latest",
        show_default=True,
        metavar="ID|PATH",
        help="Snapshot id, the start of one, a folder, or 'latest'.",
    )(command)


def snapshots_folder() -> Path:
    """Returns the folder of snapshots in the settings."""
    from peft_census.settings import settings

    return settings().snapshots


def the_snapshot(name: str) -> Any:
    """Returns the snapshot that ``name`` means."""
    from peft_census.snapshot import find_snapshot

    return find_snapshot(name, snapshots_folder())


def print_result(facts: dict[str, Any], text: str, as_json: bool) -> None:
    """Prints the text, or the facts as one JSON object."""
    click.echo(json.dumps(facts, ensure_ascii=False, sort_keys=False, default=str) if as_json else text)


def finish(gaps: dict[str, int], quiet: bool, more: tuple[str, ...] = (), source: str = "") -> None:
    """Leaves with exit code 3 and one line a gap when something could not be read as it stands."""
    if not gaps and not more:
        sys.exit(DONE)
    for line in more:
        click.echo(f"gap: {line}", err=True)
    for reason, n in sorted(gaps.items()):
        click.echo(f"gap: {n:,} card{'' if n == 1 else 's'}: {reason}", err=True)
    if gaps and source.startswith("hub"):
        click.echo("run the same command again to retry what failed; nothing that was read is read again", err=True)
    sys.exit(GAPS)


def show_progress(quiet: bool, unit: str) -> Callable[[Iterator[Any], int], Iterator[Any]]:
    """Returns a wrapper that shows a bar on stderr, counting rows, unless ``quiet`` or not a terminal."""

    def wrap(batches: Iterator[Any], total: int) -> Iterator[Any]:
        from tqdm import tqdm

        with tqdm(total=total, unit=f" {unit}", disable=quiet, file=sys.stderr, delay=1, mininterval=0.5) as bar:
            for batch in batches:
                yield batch
                bar.update(batch.num_rows)

    return wrap
