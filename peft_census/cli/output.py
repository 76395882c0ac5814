"""What every verb of the command line shares: its options, how it names a snapshot, prints, and ends.

Ids and quotes come from strangers. What a terminal would obey rather than show (escape sequences, characters that
turn the reading direction) is printed as ``\\u001b``, which is also how JSON writes it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from peft_census.errors import DONE, FAILED, GAPS, CensusError

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
        help="Snapshot id, the start of one, its folder, a folder of snapshots, or 'latest'.",
    )(command)


def snapshots_folder() -> Path:
    """Returns the folder of snapshots in the settings."""
    from peft_census.settings import settings

    return settings().snapshots


def open_snapshot(name: str) -> Any:
    """Returns the snapshot that ``name`` means."""
    from peft_census.snapshot.snapshot import find_snapshot

    return find_snapshot(name, snapshots_folder())


_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """Returns ``text`` with what a terminal would obey written out; line ends and tabs stay."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: str, err: bool = False) -> None:
    """Prints a line on stdout, or on stderr, harmless to the terminal it may be."""
    click.echo(harmless(text), err=err)


def note(line: str, quiet: bool = False) -> None:
    """Prints a line on stderr above whatever progress bar is there, unless ``quiet``."""
    from tqdm import tqdm

    if not quiet:
        tqdm.write(harmless(line), file=sys.stderr)


def print_result(facts: dict[str, Any], text: str, as_json: bool) -> None:
    """Prints the text, or the facts as one JSON object."""
    say(json.dumps(facts, ensure_ascii=False, sort_keys=False, default=str) if as_json else text)


def finish(gaps: dict[str, int], quiet: bool, more: tuple[str, ...] = (), source: str = "") -> None:
    """Leaves with exit code 3 and one line a gap when something could not be read as it stands."""
    if not gaps and not more:
        sys.exit(DONE)
    for line in more:
        say(f"gap: {line}", err=True)
    for reason, n in sorted(gaps.items()):
        say(f"gap: {n:,} card{'' if n == 1 else 's'}: {reason}", err=True)
    if gaps and source.startswith("hub"):
        say("run the same command again to retry what failed; nothing that was read is read again", err=True)
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


class CommandGroup(click.Group):
    """Turns CensusError into one message and its exit code; keeps verbs in pipeline order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CensusError as error:
            say(f"error: {error}", err=True)
            ctx.exit(error.exit_code)
        except click.UsageError as error:
            if "unexpected extra argument" in error.message and error.ctx and "--source" in _options(error.ctx):
                raise click.UsageError(f"{error.message}. Cards are named with --source.", error.ctx) from error
            raise
        except KeyboardInterrupt:
            say("stopped; nothing half-made was kept. The same command goes on or begins again.", err=True)
            ctx.exit(FAILED)
        except BrokenPipeError:
            # The reader of our output (head, less) has gone; nothing is left to say, and no traceback helps.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(FAILED)


def _options(ctx: click.Context) -> list[str]:
    return [name for parameter in ctx.command.params for name in parameter.opts]
