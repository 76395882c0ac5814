"""The command line's verb ``reproduce``: a published figure beside our counts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from peft_census.cli.output import finish, note, output_options, print_result, show_progress
from peft_census.errors import UsageError

_REVISIONS = 5


@click.command()
@click.argument("publication", metavar="PUBLICATION")
@click.option("--source", "-s", metavar="PATH", help="A dump at hand (file, folder, glob) instead of the network.")
@click.option("--keep-first", is_flag=True, help="Of models that occur more than once keep the first row.")
@click.option(
    "--around",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day whose nearest revisions of the dump are read.  [default: the publication's likely day]",
)
@click.option(
    "--revisions",
    type=click.IntRange(1, 50),
    metavar="N",
    help=f"How many revisions of the dump to read.  [default: {_REVISIONS}]",
)
@click.option("--dry-run", is_flag=True, help="Tell which revisions and how many bytes would be read; fetch nothing.")
@click.option("--out", "-o", type=click.Path(path_type=Path), metavar="FOLDER", help="Write Markdown, CSV and JSON.")
@click.option("--top", type=click.IntRange(1), default=12, show_default=True, help="Rows to show of each table.")
@output_options
def reproduce(publication: str, out: Path | None, top: int, quiet: bool, as_json: bool, **wishes: Any) -> None:
    """Report how near our counts come to a published figure, and what would explain the rest.

    Reads revisions of the public dump around a day, or a dump at hand, and counts each under every rule and under
    naive searches. It reports and never asserts: what was not published cannot be repeated.

    \b
    Examples:
      peft-census reproduce beyond-lora --dry-run
      peft-census reproduce beyond-lora --revisions 3 --out beyond-lora
      peft-census reproduce beyond-lora --source cards.parquet
    """
    from peft_census.pipeline.published import find_publication
    from peft_census.publish.text.reproduction import plan_text, reproduction_text, write_reproduction

    told = find_publication(publication)
    if wishes["source"] is not None and (wishes["around"] or wishes["revisions"]):
        raise UsageError("--around and --revisions choose among the dump's revisions", "leave out --source, or them.")
    facts = _plan_or_report(told, quiet, **wishes)
    if wishes["dry_run"]:
        print_result(facts, plan_text(facts), as_json)
        return
    files = [str(f) for f in write_reproduction(facts, out, top)] if out else []
    text = reproduction_text(facts, top)
    print_result({**facts, "files": files}, "\n".join([text, *(["", *files] if files else [])]), as_json)
    finish({}, quiet, tuple(facts["gaps"]))


def _plan_or_report(
    told: Any, quiet: bool, source: str | None, keep_first: bool, around: Any, revisions: int | None, dry_run: bool
) -> dict[str, Any]:
    from peft_census.pipeline import reproduce as work

    if source is not None:
        if dry_run:
            return work.make_local_plan(source, keep_first)
        return work.reproduce_source(told, source, keep_first, show_progress(quiet, "cards"))
    from peft_census.collect.hub.history import RevisionHistory
    from peft_census.settings import settings

    past = RevisionHistory(settings().raw, quiet=quiet, batch_rows=settings().batch_rows)
    day = around.date() if isinstance(around, datetime) else told.likely
    walk = past.plan(day, revisions or _REVISIONS)
    plan = work.make_plan(told, walk)
    if dry_run:
        return plan

    note(f"reading {plan['what']}: {plan['bytes'] / 1e6:,.1f} MB to download", quiet)
    return work.reproduce_past(told, walk, past, show_progress(quiet, "cards"), lambda line: note(line, quiet))
