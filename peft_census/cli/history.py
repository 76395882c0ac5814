"""The command ``history``."""

from __future__ import annotations

from pathlib import Path

import click

from peft_census.cli.options import output_options
from peft_census.cli.output import OutputOptions
from peft_census.cli.streams import print_error
from peft_census.cli.table import TableOptions, table_options, write_table
from peft_census.pipeline.history import history as shares_over_time
from peft_census.pipeline.settings import settings
from peft_census.publish.text.terminal import history_text


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--rule", multiple=True, metavar="NAME", help="Only this rule.  [default: all that snapshots hold]")
@click.option("--technique", default="lora", show_default=True, metavar="ID", help="The technique.")
@table_options
@output_options
def history(
    folder: Path | None, rule: tuple[str, ...], technique: str, target: TableOptions, output: OutputOptions
) -> None:
    """Show a share in all snapshots of a folder, with what changed between them.

    FOLDER is a folder of snapshots (default: data/snapshots). A change of the tagger, the taxonomy or the counting
    rules is shown apart from a change of the data: it also moves the share.

    \b
    Examples:
      peft-census history --rule exactly_one
      peft-census history --technique qlora --rule any/variants_separate --format csv --out qlora.csv
    """
    found = shares_over_time(folder or settings().snapshots, rule, technique)
    if not output.quiet:
        for name, reason in found.skipped.items():
            print_error(f"skipped {name}: {reason}")
    result = {"history": found.table.to_pylist(), "skipped": found.skipped}
    write_table(found.table, result, history_text(found.table), target, output)
