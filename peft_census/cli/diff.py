"""The verb ``diff`` of the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from peft_census.cli.output import open_snapshot, say
from peft_census.errors import DONE, GAPS, output_error


@click.command()
@click.argument("older")
@click.argument("newer")
@click.option("--rule", default="exactly_one", show_default=True, metavar="NAME", help="The rule to count both by.")
@click.option("--technique", default="lora", show_default=True, metavar="ID", help="Whose share.")
@click.option("--cards", metavar="SOURCE", help="What the older snapshot was made from, to read it with today's rules.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json", "html"]),
    default="text",
    show_default=True,
    help="For a terminal, a pull request, a program, or a browser.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option("--out", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def diff(older: str, newer: str, rule: str, technique: str, cards: str | None, form: str, out: Path | None) -> None:
    """Tell why a share moved between two snapshots.

    New, deleted and edited cards, coverage, and what our own rules changed: the parts add up to the difference.
    Two different populations are put side by side without a trend, and the exit code is 3.

    \b
    Examples:
      peft-census diff previous latest
      peft-census diff 2026-11-16 2026-11-23 --cards last-week.parquet --format markdown
    """
    from peft_census.count import parse_rule
    from peft_census.pipeline.census import make_source
    from peft_census.pipeline.compare import compare
    from peft_census.publish.text.difference import (
        difference_facts,
        difference_html,
        difference_markdown,
        difference_text,
    )

    before, after = open_snapshot(older), open_snapshot(newer)
    found = compare(before, after, parse_rule(rule), technique, make_source(cards) if cards else None)
    names = before.manifest.taxonomy.techniques | after.manifest.taxonomy.techniques
    name = str(names[technique]["name"])
    told = {
        "text": lambda: difference_text(found, name),
        "markdown": lambda: difference_markdown(found, name),
        "json": lambda: json.dumps(difference_facts(found), ensure_ascii=False),
        "html": lambda: difference_html(found, name),
    }[form]()
    if out is None:
        say(told)
    else:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(told, encoding="utf-8", newline="\n")
        except OSError as error:
            raise output_error(out, error) from error
    sys.exit(GAPS if found.frames else DONE)
