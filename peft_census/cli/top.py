"""The command ``top``."""

from __future__ import annotations

import click

from peft_census.cli.options import (
    conditions,
    open_snapshot,
    output_options,
    snapshot_option,
    where_option,
)
from peft_census.cli.output import OutputOptions
from peft_census.cli.table import TableOptions, table_options, write_table
from peft_census.count import TopQuery, parse_rule
from peft_census.count.top import SORTS, TOP_BY
from peft_census.pipeline.counting import count_top
from peft_census.publish.text.terminal import top_text


@click.command()
@click.argument("technique", default="lora", metavar="[TECHNIQUE]")
@snapshot_option
@click.option("--by", default="author", show_default=True, metavar="NAME", help=f"One of: {', '.join(TOP_BY)}.")
@click.option(
    "--rule", metavar="NAME", help="The rule.  [default: exactly_one, for variants exactly_one/variants_separate]"
)
@where_option
@click.option("--sort", type=click.Choice(SORTS), default=SORTS[0], show_default=True, help="What comes first.")
@click.option("-n", "n", type=click.IntRange(min=1), default=20, show_default=True, help="Length of the list.")
@table_options
@output_options
def top(
    technique: str,
    snapshot: str,
    by: str,
    rule: str | None,
    where: tuple[str, ...],
    sort: str,
    n: int,
    target: TableOptions,
    output: OutputOptions,
) -> None:
    """List who holds the votes of a technique, and its share without each of them.

    --sort influence lists the authors (models, base models ...) without which the share changes most, also those that
    do not cite the technique.

    \b
    Examples:
      peft-census top
      peft-census top dora --by model --where year=2026
      peft-census top lora --by base_model --rule any -n 50 --format csv --out base-models.csv
      peft-census top lora --sort influence
    """
    query = TopQuery(technique, by, None if rule is None else parse_rule(rule), conditions(where), sort, n)
    opened = open_snapshot(snapshot)
    found = count_top(opened, query)
    result = {
        "snapshot_id": opened.id,
        "numerator": found.numerator,
        "base": found.base,
        "groups": found.groups,
        "top": found.table.to_pylist(),
    }
    write_table(found.table, result, top_text(opened, found), target, output)
