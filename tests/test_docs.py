"""The docs say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from helpers import REPO

from peft_census.cli import main
from peft_census.gold import score_rows
from peft_census.schema import data_dictionary


def test_the_data_dictionary_is_fresh() -> None:
    """docs/data-dictionary.md is what schema.py generates; `make docs` mends it."""
    assert (REPO / "docs/data-dictionary.md").read_text(encoding="utf-8") == data_dictionary()


@pytest.mark.parametrize("verb", list(main.commands))
def test_every_verb_is_in_the_readme_and_has_an_example(verb: str) -> None:
    """The README names each verb, and its --help shows an example that calls it."""
    assert f"| `{verb}`" in (REPO / "README.md").read_text(encoding="utf-8")
    command = main.commands[verb]
    text = command.get_help(click.Context(command, info_name=verb))
    assert re.search(rf"Examples?:\s+peft-census {verb}\b", text)


@pytest.mark.parametrize("verb", list(main.commands))
def test_every_option_is_explained(verb: str) -> None:
    """No option is without a help text."""
    for parameter in main.commands[verb].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_the_readme_carries_the_figures_of_record() -> None:
    """The README's table of precision and recall is made of data/gold/scores.json; `make docs` mends it."""
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    for row in score_rows():
        assert row in readme, f"the README lacks: {row}"


def test_make_targets_are_explained(tmp_path: Path) -> None:
    """Every phony target of the Makefile has a line of help."""
    text = (REPO / "Makefile").read_text(encoding="utf-8")
    targets = next(line for line in text.splitlines() if line.startswith(".PHONY:")).split()[1:]
    for target in targets:
        assert re.search(rf"^{target}:.*## \w", text, re.MULTILINE), target


def test_nothing_names_a_registry_or_this_machine() -> None:
    """Constraints pin versions without an index address."""
    lines = (REPO / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"#.*|[A-Za-z0-9_.-]+==[0-9A-Za-z.+!-]+", line) for line in lines if line)
