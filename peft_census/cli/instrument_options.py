"""The command line's part for instruments: their options, the bar they run behind, and what they would cost."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from peft_census.cli.output import note, say
from peft_census.cli.source_options import hub_options, parse_hub_options

Command = TypeVar("Command", bound=Callable[..., Any])


def instrument_options(command: Command) -> Command:
    """Adds the options of the instruments beside the cards; their names are the fields of ``InstrumentConfig``."""
    folder = click.Path(path_type=Path)
    options = (
        click.option(
            "--with",
            "given",
            multiple=True,
            metavar="NAMES",
            help="Instruments to read beside the cards: github, civitai, benchmark (repeat, or with commas).",
        ),
        click.option("--readings", default=3, show_default=True, help="GitHub: complete readings of each query."),
        click.option("--sample", default=0, show_default=True, help="GitHub: requests for a sample of files."),
        click.option("--seed", default=0, show_default=True, help="GitHub: seed of that sample."),
        click.option("--calibrate", type=folder, help="GitHub: a checkout of huggingface/peft to compare with."),
        click.option("--civitai", default="all", show_default=True, metavar="N|all", help="Civitai: how many models."),
        click.option("--civitai-order", "order", default="Oldest", show_default=True, help="Civitai: the order."),
        click.option("--civitai-types", "types", default="", metavar="TYPES", help="Civitai: only these types."),
        click.option("--benchmark", type=folder, help="Benchmark: a checkout of peft instead of the bundled table."),
        click.option("--fresh", is_flag=True, help="Ask GitHub and Civitai anew, whatever was read before."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def run_instruments(wanted: Any, quiet: bool) -> Any:
    """Runs the wanted instruments behind a bar that counts answers and models; None where none is named."""
    if wanted is None:
        return None
    from tqdm import tqdm

    from peft_census.pipeline.instruments import collect_instruments

    with tqdm(unit=" answers", disable=quiet, file=sys.stderr, delay=1, mininterval=0.5) as bar:
        return collect_instruments(wanted, lambda line: note(line, quiet), bar.update)


@click.command()
@click.option("--source", "-s", help="A source of the Hub: 'hub-dump[@REVISION]', 'hub-api' or 'hub'.")
@hub_options
@instrument_options
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else.")
def estimate(source: str | None, quiet: bool, as_json: bool, **wishes: Any) -> None:
    """Tell how many requests and minutes a census of the Hub, or instruments, would cost.

    For the Hub the listing is read (the census goes on from it), or the dump's list of files; no card. For
    instruments nothing is asked.

    \b
    Examples:
      peft-census estimate --source hub-api
      peft-census estimate --with github,civitai --sample 200 --civitai 10000
    """
    from peft_census.pipeline.census import estimate_cost
    from peft_census.pipeline.instruments import estimate as cost
    from peft_census.pipeline.instruments import estimate_text, make_instrument_config
    from peft_census.snapshot.records import to_json

    hub = parse_hub_options(wishes)
    costs = cost(make_instrument_config(**wishes))
    facts_of_costs = to_json(costs)
    if source is None:
        say(json.dumps(facts_of_costs) if as_json else estimate_text(costs) or "nothing named; see --source and --with")
        return
    facts, text = estimate_cost(source, quiet, hub)
    say(json.dumps({**facts, "instruments": facts_of_costs}) if as_json else f"{text}\n{estimate_text(costs)}".rstrip())
