"""The group of commands. A command's module is imported when the command runs, so ``--help`` is fast.

Results go to stdout; progress, notes and errors go to stderr. ``errors`` has the exit codes.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import click

from peft_census import __version__
from peft_census.cli.streams import discard_stdout, print_error, replace_unprintable
from peft_census.errors import FAILED, CensusError

COMMANDS = {
    "census": ("census:census", "Run all stages and write a snapshot."),
    "estimate": ("census:estimate", "Print the requests and minutes that a census would cost."),
    "tag": ("census:tag", "Tag cards and write only the table of mentions."),
    "templates": ("census:templates", "List sentences with a technique that recur in cards of several authors."),
    "count": ("snapshots:count", "Count a snapshot again by the rules of this release."),
    "top": ("top:top", "List who holds the votes of a technique, and its share without each of them."),
    "history": ("history:history", "Show a share in all snapshots of a folder, with what changed between them."),
    "publish": ("publish:publish", "Write a snapshot's charts, tables, claims and page into a folder."),
    "show": ("snapshots:show", "Show the headline, coverage and provenance of a snapshot."),
    "explain": ("snapshots:explain", "Show what a card cites, on what evidence, and how each rule counts it."),
    "diff": ("snapshots:diff", "Explain why a share differs between two snapshots."),
    "verify": ("snapshots:verify", "Check that snapshots, crawl states and raw files are intact."),
    "alternatives": ("alternatives:alternatives", "Suggest techniques to test instead of another one."),
    "techniques": ("snapshots:techniques", "List the taxonomy, or compare it with a release of PEFT."),
    "gold": ("labels:gold", "Score the tagger on labelled cards."),
    "sample-gold": ("labels:sample_gold", "Draw a random sample of cards for people to label."),
    "reproduce": ("reproduce:reproduce", "Compare our counts with a published figure."),
}
"""Command to its function and its line in the list of commands, in the order of the pipeline."""

STOPPED = "stopped; nothing incomplete was kept. Run the same command again to resume."


NO_MEMORY = (
    "this machine has not enough memory\n  use --jobs 1, or set PEFT_CENSUS_BATCH_ROWS to a smaller number than 2048."
)


class LazyGroup(click.Group):
    """A group that imports commands when they run and turns errors into one message and an exit code."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Returns a command, and imports its module."""
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name][0].partition(":")
        with _on_signals(_exit, signal.SIGINT, signal.SIGTERM):
            command: click.Command = getattr(import_module(f"peft_census.cli.{module}"), function)
        return command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names in the order of the pipeline."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command."""
        if sys.platform in ("linux", "darwin"):
            # Arrow reads this when it is imported. The memory of its default pool grows with the input.
            os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
        replace_unprintable()
        try:
            with _on_signals(_interrupt, signal.SIGTERM):
                return super().invoke(ctx)
        except CensusError as error:
            print_error(f"error: {error}")
            ctx.exit(error.exit_code)
        except MemoryError:
            print_error(f"error: {NO_MEMORY}")
            ctx.exit(FAILED)
        except KeyboardInterrupt:
            print_error(STOPPED)
            ctx.exit(FAILED)
        except BrokenPipeError:
            discard_stdout()  # the program that reads our output, such as head, has exited
            ctx.exit(FAILED)


@contextmanager
def _on_signals(handler: Callable[[int, FrameType | None], object], *signals: signal.Signals) -> Iterator[None]:
    """Handles ``signals`` with ``handler`` while the block runs."""
    before = {}
    try:
        for number in signals:
            before[number] = signal.signal(number, handler)
    except ValueError:  # not in the main thread
        pass
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier or signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    """Exits at once: an exception would end some imports with another error, and nothing is open yet."""
    os.write(2, f"{STOPPED}\n".encode())
    os._exit(FAILED)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="peft-census")
def main() -> None:
    """The open census of parameter-efficient fine-tuning (PEFT).

    Reads model cards, finds the PEFT techniques that each card cites and the evidence for them, counts them by named
    rules, and publishes each share with its uncertainty and provenance.

    \b
    Examples:
      peft-census census                         all stages on the bundled made-up cards
      peft-census census --source cards.parquet  all stages on your own cards
      peft-census show                           the newest snapshot
      peft-census COMMAND --help                 the options of a command, with examples

    \b
    Exit codes:
      0  done
      1  failed
      2  usage error
      3  finished, but something is missing
    """


if __name__ == "__main__":
    main()
