"""What the command line prints besides results: help, progress, and errors of the terminal itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pytest
from click.testing import CliRunner
from helpers import REPO, commands, write_cards

from peft_census.cli.main import COMMANDS, main
from peft_census.cli.output import TerminalProgress
from peft_census.collect import progress
from peft_census.pipeline.settings import settings

CARDS = [{"modelId": "acme/one", "card": "Trained with LoRA."}, {"modelId": "acme/two", "card": "Größe: 大. AdaLoRA."}]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_list_of_commands_says_what_their_help_says(name: str) -> None:
    """The line of a command in `--help` is the first sentence of its own help."""
    text = commands()[name].help or ""
    assert COMMANDS[name][1] == " ".join(text.partition("\n\n")[0].split())


def test_an_unknown_command_is_a_usage_error(run: Any) -> None:
    """Click names the command; the exit code is 2."""
    result = run("sensus")
    assert result.exit_code == 2
    assert "No such command 'sensus'" in result.stderr


def test_estimate_needs_something_to_estimate(run: Any) -> None:
    """Without --source and --with the exit code is 2."""
    result = run("estimate")
    assert result.exit_code == 2
    assert "--source" in result.stderr and "--with" in result.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "iso-8859-1", "ascii", "gbk"])
def test_characters_that_the_terminal_lacks_are_replaced(run: Any, tmp_path: Path, encoding: str) -> None:
    """Text has replacement characters, JSON has escapes; neither ends with an error."""
    write_cards(tmp_path / "cards.parquet", CARDS)
    assert run("census", "-s", "cards.parquet", "--quiet").exit_code == 0
    runner = CliRunner(charset=encoding)
    text = runner.invoke(main, ["explain", "acme/two"])
    assert text.exit_code == 0 and "acme/two" in text.stdout
    facts = runner.invoke(main, ["show", "--json"])
    assert facts.exit_code == 0 and facts.stdout_bytes.isascii() and json.loads(facts.stdout)["cards"] == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_standard_output_is_one_error() -> None:
    """Writing to /dev/full ends with exit code 1 and one message."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "peft_census", "techniques"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPO,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot write to standard output: No space left on device")
    assert len(done.stderr.splitlines()) == 2


def test_sigterm_stops_like_an_interrupt(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM prints what Ctrl-C prints and exits with 1; the earlier handler is back afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("peft_census.cli.census.run_census", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    result = run("census", "--quiet")
    assert result.exit_code == 1
    assert result.stderr.startswith("stopped; nothing incomplete was kept.")
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("error", [MemoryError, pa.ArrowMemoryError])
def test_too_little_memory_is_one_error(run: Any, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    """It says what to change and is not a traceback."""

    def fails(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("peft_census.cli.census.run_census", fails)
    result = run("census", "--quiet")
    assert result.exit_code == 1 and "not enough memory" in result.stderr and "PEFT_CENSUS_BATCH_ROWS" in result.stderr


def test_long_stages_are_named_on_stderr(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stage of a census that takes long is named; with --quiet none is."""
    monkeypatch.setattr("peft_census.collect.progress.DELAY", 0.001)
    result = run("census", "--json")
    for stage in ("reading the source", "tagging cards", "counting", "drawing charts"):
        assert stage in result.stderr
    assert json.loads(result.stdout)["specimen"] is True
    assert run("census", "--json", "--quiet", "--out", "quiet").stderr == ""


def test_without_a_terminal_progress_is_plain_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line every so often, also while nothing advances: stage, done and total, quota, time to finish."""
    monkeypatch.setattr(progress, "DELAY", 0.01)
    monkeypatch.setattr(progress, "EVERY", 0.01)
    lines: list[str] = []
    with progress.progress("reading", "cards", 1000) as bar:
        bar.update(400)
        bar.set_postfix_str("12 of 500 requests left", refresh=False)
        while len(lines) < 3:
            lines += capsys.readouterr().err.splitlines()
    assert all("\r" not in line and line.startswith("reading: ") for line in lines)
    shown = r"reading: 400 of 1,000 cards, 00:00 elapsed, 00:0\d to finish, 12 of 500 requests left"
    assert re.fullmatch(shown, lines[-1])


def test_short_stages_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A stage that ends before the delay prints nothing; a note is always printed, with escapes."""
    shown = TerminalProgress()
    with shown.stage("counting"):
        pass
    with shown.stage("tagging cards", 10, "cards") as advance:
        advance(10)
    assert capsys.readouterr().err == ""
    shown.note("a \x1b[31mnote")
    assert capsys.readouterr().err == "a \\u001b[31mnote\n"


def test_a_settings_file_may_have_a_byte_order_mark(run: Any, tmp_path: Path) -> None:
    """census.toml is read with and without one; environment variables come first."""
    (tmp_path / "census.toml").write_bytes(b'\xef\xbb\xbfbatch_rows = 7\nsnapshots = "elsewhere"\n')
    assert settings().batch_rows == 7
    assert settings().snapshots == Path("elsewhere")


@pytest.mark.parametrize(("name", "value"), [("BATCH_ROWS", "0"), ("BATCH_ROWS", "many"), ("CHARTS", "some")])
def test_a_bad_environment_variable_is_named(run: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The error names the variable and ends with exit code 2."""
    monkeypatch.setenv(f"PEFT_CENSUS_{name}", value)
    result = run("show")
    assert result.exit_code == 2
    assert f"PEFT_CENSUS_{name}" in result.stderr


def test_every_help_text_has_an_example_and_plain_options() -> None:
    """Each command shows an example that calls it, and explains each option in a sentence."""
    for name, command in commands().items():
        text = command.get_help(click.Context(command, info_name=name, help_option_names=["-h", "--help"]))
        assert re.search(rf"Examples?:\s+peft-census {name}\b", text), name
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help and option.help[0].isupper(), f"{name} {option.name}"
