"""Writes what the docs take from the code: data dictionary, command line, charts, the README's precision and recall."""

from __future__ import annotations

from pathlib import Path

import click

import peft_census
from peft_census.cli.main import main as main_verb
from peft_census.pipeline.evaluate import score_rows
from peft_census.snapshot.schema import data_dictionary

REPO = Path(__file__).resolve().parent.parent
CHARTS = ("headline", "sensitivity")
"""Charts of the shipped snapshot that the README shows."""
HELP = ["-h", "--help"]
START, END = "<!-- scores -->", "<!-- /scores -->"
HEAD = (
    "| gold set | cards | cited: precision | recall | applied: precision | recall | exactly the right set |",
    "|---|---|---|---|---|---|---|",
)


def command_line() -> str:
    """Returns the help of every verb as Markdown, as it prints 100 columns wide."""
    lines = ["# The command line", "", "What `peft-census VERB --help` prints; made by `make docs`.", ""]
    for name, verb in [("", main_verb), *main_verb.commands.items()]:
        path = f"peft-census {name}".strip()
        context = click.Context(verb, info_name=path, max_content_width=100, terminal_width=100, help_option_names=HELP)
        lines += [f"## {path}", "", "```text", verb.get_help(context), "```", ""]
    return "\n".join(lines)


def main() -> None:
    """Writes all."""
    (REPO / "docs/cli.md").write_text(command_line(), encoding="utf-8")
    (REPO / "docs/data-dictionary.md").write_text(data_dictionary(), encoding="utf-8")
    shipped = next((REPO / "data/snapshots").glob("*-public"))
    for name in CHARTS:
        (REPO / f"docs/img/{name}.svg").write_text(peft_census.chart(shipped, name).svg, encoding="utf-8")
    file = REPO / "README.md"
    before, _, rest = file.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    table = "\n".join((START, *HEAD, *score_rows(), END))
    file.write_text(before + table + after, encoding="utf-8")


if __name__ == "__main__":
    main()
