"""The command ``reproduce``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from peft_census.cli.options import output_options
from peft_census.cli.output import OutputOptions, finish, print_result
from peft_census.count.reproduction import ReadingPlan
from peft_census.pipeline.reproduce import REVISIONS
from peft_census.pipeline.reproduce import reproduce as run
from peft_census.publish.published import find_publication
from peft_census.publish.text.reproduction import plan_text, reproduction_json, reproduction_text, write_reproduction


@click.command()
@click.argument("publication", metavar="PUBLICATION")
@click.option("--source", "-s", metavar="PATH", help="A local dump (file, folder or glob); nothing is downloaded.")
@click.option("--keep-first", is_flag=True, help="Keep the first row of a model that occurs twice; do not stop.")
@click.option(
    "--around",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Read the revisions of the dump nearest to this day.  [default: the probable day of the publication's data]",
)
@click.option(
    "--revisions",
    type=click.IntRange(1, 50),
    metavar="N",
    help=f"Number of revisions to read.  [default: {REVISIONS}]",
)
@click.option("--dry-run", is_flag=True, help="Print the revisions and bytes that would be read, and read nothing.")
@click.option("--out", "-o", type=click.Path(path_type=Path), metavar="FOLDER", help="Write Markdown, CSV and JSON.")
@click.option("--top", type=click.IntRange(1), default=12, show_default=True, help="Rows to print of each table.")
@output_options
def reproduce(
    publication: str,
    source: str | None,
    keep_first: bool,
    around: datetime | None,
    revisions: int | None,
    dry_run: bool,
    out: Path | None,
    top: int,
    output: OutputOptions,
) -> None:
    """Compare our counts with a published figure.

    Reads revisions of the public dump from around a day, or a local dump, and counts each by every rule and by simple
    text searches. The report says how near each count comes to the published one, and what would explain the
    difference. It does not claim a reproduction, because the publication leaves too much open.

    \b
    Examples:
      peft-census reproduce beyond-lora --dry-run
      peft-census reproduce beyond-lora --revisions 3 --out beyond-lora
      peft-census reproduce beyond-lora --source cards.parquet
    """
    day = around.date() if around else None
    published = find_publication(publication)
    result = run(published, source, keep_first, day, revisions, dry_run, output.quiet, output.progress)
    if isinstance(result, ReadingPlan):
        print_result(result, plan_text(result), output)
        return
    files = [str(file) for file in write_reproduction(result, out, top)] if out else []
    text = "\n".join([reproduction_text(result, top), *(["", *files] if files else [])])
    print_result({**reproduction_json(result), "files": files}, text, output)
    finish({}, tuple(result.gaps))
