"""The command line's options for how cards are tagged; none of them changes what comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from peft_census.cli.output import note

if TYPE_CHECKING:
    from peft_census.pipeline.tagging import TagOptions

Command = TypeVar("Command", bound=Callable[..., Any])


def tag_option_decorator(command: Command) -> Command:
    """Adds --jobs and --no-cache."""
    command = click.option(
        "--no-cache", is_flag=True, help="Read every card anew and keep nothing of it for the next run."
    )(command)
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        help="Processes that read cards; 1 for this one alone.  [default: one a CPU, where many cards are read]",
    )(command)


def make_tag_options(wishes: dict[str, Any], quiet: bool) -> TagOptions:
    """Takes these options out of ``wishes`` and returns how to tag."""
    from peft_census.pipeline.tag_cache import TagCache
    from peft_census.pipeline.tagging import START, TagOptions
    from peft_census.pipeline.workers import usable_cpus
    from peft_census.settings import settings

    jobs, without = wishes.pop("jobs"), wishes.pop("no_cache")
    cache = None if without else TagCache(settings().raw, lambda line: note(line, quiet))
    return TagOptions(jobs or usable_cpus(), cache, 0 if jobs else START)
