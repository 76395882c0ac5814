"""The command ``alternatives``."""

from __future__ import annotations

import re

import click

from peft_census.cli.options import open_snapshot, output_options, snapshot_option
from peft_census.cli.output import OutputOptions, print_result
from peft_census.count.alternatives import Limits
from peft_census.pipeline.alternatives import TASKS, find_alternatives
from peft_census.publish.text.alternatives import Swap, alternatives_text
from peft_census.snapshot.records import to_json
from peft_census.tag import load_taxonomy

_UNITS = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}


class Size(click.ParamType[int]):
    """A number of bytes with a unit: ``22GB``, ``50 MB``, ``1.5GiB``."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Returns bytes."""
        units = {unit.lower(): factor for unit, factor in _UNITS.items()}
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*", str(value))
        if found is None or found[2].lower() not in units:
            self.fail(f"{value!r} is not a size such as 22GB; units: {', '.join(_UNITS)}.", param, ctx)
        return round(float(found[1]) * units[found[2].lower()])


@click.command()
@snapshot_option
@click.option("--like", default="lora", show_default=True, metavar="ID", help="The technique to replace.")
@click.option("--task", type=click.Choice(list(TASKS)), default="llm", show_default=True, help="Kind of model.")
@click.option("--memory-below", type=Size(), metavar="SIZE", help="Only runs with less accelerator memory.")
@click.option("--adapter-below", type=Size(), metavar="SIZE", help="Only runs whose saved adapter is smaller.")
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@output_options
def alternatives(
    snapshot: str,
    like: str,
    task: str,
    memory_below: int | None,
    adapter_below: int | None,
    markdown: bool,
    output: OutputOptions,
) -> None:
    """Suggest techniques to test instead of another one.

    Lists up to three techniques with a run in PEFT's benchmark that no other run beats in result, memory and size of
    the adapter together, with the difference from the best run of the technique that they would replace, how often
    cards cite them, and where the settings are. It does not say which is best for your task: compare them on it.

    \b
    Examples:
      peft-census alternatives
      peft-census alternatives --task llm --memory-below 22GB --adapter-below 50MB
    """
    opened = open_snapshot(snapshot)
    found = find_alternatives(opened, like, task, Limits(memory_below, adapter_below))
    techniques = load_taxonomy().techniques
    swaps = {t: Swap(x.name, x.config_class or "", x.since) for t, x in techniques.items()}
    shown = (found.alternatives.replaced, *found.alternatives.found)
    result = {
        "snapshot_id": opened.id,
        "benchmark_commit": found.commit,
        **to_json(found.alternatives),
        "swaps": {run.technique: to_json(swaps[run.technique]) for run in shown},
    }
    print_result(result, alternatives_text(found.alternatives, swaps, found.commit, markdown), output)
