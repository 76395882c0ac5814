"""Snapshots of another release, damaged and malicious snapshots: every command rejects them with one error message."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from helpers import REPO, commands, write_cards

import peft_census
from peft_census.cli.main import main
from peft_census.errors import SnapshotError
from peft_census.pipeline.census import run_census
from peft_census.pipeline.sources import make_source
from peft_census.snapshot.schema import SCHEMA_VERSION

VERBS: dict[str, tuple[str, ...]] = {
    "show": ("show", "{bad}"), "show --json": ("show", "{bad}", "--json"),
    "count": ("count", "--snapshot", "{bad}"), "count --rule": ("count", "--snapshot", "{bad}", "--rule", "any"),
    "count --table": ("count", "--snapshot", "{bad}", "--table", "sensitivity"),
    "count --gold": ("count", "--snapshot", "{bad}", "--gold", "labels.jsonl"),
    "publish": ("publish", "--snapshot", "{bad}", "--out", "out"),
    "publish --since": ("publish", "--snapshot", "{good}", "--since", "{bad}", "--out", "out"),
    "publish --for blog": ("publish", "--snapshot", "{bad}", "--for", "blog", "--out", "out"),
    "publish --for analysts": ("publish", "--snapshot", "{bad}", "--for", "analysts", "--out", "out"),
    "publish --for hub": ("publish", "--snapshot", "{bad}", "--for", "hub", "--repo", "me/x", "--out", "out"),
    "explain": ("explain", "a/m1", "--snapshot", "{bad}"), "sample-gold": ("sample-gold", "2", "--snapshot", "{bad}", "--out", "out"),
    "alternatives": ("alternatives", "--snapshot", "{bad}"), "top": ("top", "--snapshot", "{bad}"),
    "diff older": ("diff", "{bad}", "{good}"), "diff newer": ("diff", "{good}", "{bad}"),
}  # fmt: skip
"""Every command that takes a snapshot, with its options."""


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An intact snapshot."""
    folder = tmp_path_factory.mktemp("intact")
    rows = [{"modelId": f"a/m{i}", "card": "Trained with LoRA."} for i in range(3)]
    write_cards(folder / "cards.parquet", rows)
    return run_census(make_source(str(folder / "cards.parquet")), folder / "s").snapshot.path


def changed(**facts: object) -> Callable[[Path], None]:
    """Returns a function that changes entries of a manifest; None removes the entry."""

    def change(folder: Path) -> None:
        file = folder / "manifest.json"
        manifest = json.loads(file.read_text("utf-8")) | facts
        file.write_text(json.dumps({k: v for k, v in manifest.items() if v is not None}), encoding="utf-8")

    return change


def replaced(text: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / "manifest.json").write_bytes(text) and None  # type: ignore[func-returns-value]


def no_tables(folder: Path) -> None:
    for file in folder.glob("*.parquet"):
        file.unlink()


def cut_tables(folder: Path) -> None:
    for file in folder.glob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-30])


def strange_tables(folder: Path) -> None:
    for file in folder.glob("*.parquet"):
        pq.write_table(pa.table({"model_id": ["x"]}), file)


FACTS = {"sha256": "0" * 64, "rows": 1, "bytes": 1}
BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "older schema": (changed(schema_version=1), "run the census again, or use the release that wrote it"),
    "newer schema": (changed(schema_version=SCHEMA_VERSION + 1), "upgrade peft-census"),
    "no schema": (changed(schema_version=None), "run the census again"),
    "strange schema": (changed(schema_version="two\x1b[2J" * 99), "run the census again"),
    "empty manifest": (replaced(b""), "run the census again"),
    "half a manifest": (replaced(b'{"schema_version": 2, "tab'), "run the census again"),
    "a list": (replaced(b"[1]"), "run the census again"), "bytes": (replaced(b"\xff\xfe\x00"), "run the census again"),
    "a deep manifest": (replaced(b"[" * 200_000), "run the census again"),
    "no tables named": (changed(tables=None), "run the census again"), "no taxonomy": (changed(taxonomy=None), "run the census again"),
    "tables of nothing": (changed(tables={"models": 5}), "run the census again"),
    "a table elsewhere": (changed(tables={"../../cards": FACTS}), "run the census again"),
    "an id that is a path": (changed(snapshot_id="../../x"), "run the census again"),
    "tables missing": (no_tables, "run the census again"), "tables cut": (cut_tables, "run the census again"),
    "tables of other columns": (strange_tables, "run the census again"),
}  # fmt: skip


def spoilt(intact: Path, folder: Path, how: str) -> Path:
    """Returns a copy of a snapshot after ``how``."""
    bad = folder / "spoilt"
    shutil.copytree(intact, bad)
    BAD[how][0](bad)
    return bad


def check_refusal(result: Result, bad: Path, next_step: str) -> None:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1, result.output
    assert result.stdout == "" and result.stderr.count("error:") == 1 and len(result.stderr.splitlines()) == 2
    assert "spoilt" in result.stderr and next_step in result.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_what_it_cannot_read(
    verb: str, intact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One error that names the snapshot and the next step, exit code 1, nothing on stdout, nothing written."""
    monkeypatch.chdir(tmp_path)
    Path("labels.jsonl").write_text('{"model_id": "a/m1"}\n', encoding="utf-8")
    for how, (_, next_step) in BAD.items():
        bad = spoilt(intact, tmp_path, how)
        words = [w.format(bad=bad, good=intact) for w in VERBS[verb]]
        check_refusal(CliRunner().invoke(main, words), bad, next_step)
        shutil.rmtree(bad)
        assert {p.name for p in tmp_path.iterdir()} <= {"labels.jsonl", "data", "out"}, how
        assert not [p for p in tmp_path.rglob("*") if p.suffix in (".parquet", ".json")], how


def test_every_verb_that_takes_a_snapshot_is_tried() -> None:
    """A new command or option that takes a snapshot must be added to the list above."""
    takes = {
        name
        for name, command in commands().items()
        for parameter in command.params
        if parameter.name in ("snapshot", "older", "newer", "since")
    }
    assert takes == {words[0] for words in VERBS.values()}


@pytest.mark.parametrize("how", BAD)
def test_python_refuses_it_as_well(how: str, intact: Path, tmp_path: Path) -> None:
    """load_snapshot, shares and chart raise SnapshotError, which names the snapshot and the next step."""
    bad, next_step = spoilt(intact, tmp_path, how), BAD[how][1]
    tries: tuple[Callable[[], Any], ...] = (
        lambda: peft_census.load_snapshot(bad).models,
        lambda: peft_census.shares(bad),
        lambda: peft_census.chart(bad),
    )
    for attempt in tries:
        with pytest.raises(SnapshotError, match="spoilt") as caught:
            attempt()
        assert next_step in caught.value.hint


@pytest.mark.parametrize("how", BAD)
def test_verify_finds_it(how: str, intact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3 and a finding that names it; a snapshot of another release is never moved."""
    monkeypatch.chdir(tmp_path)
    spoilt(intact, tmp_path / "snapshots", how)
    said = CliRunner().invoke(main, ["verify", "snapshots"])
    assert said.exit_code == 3 and "spoilt" in said.stdout
    CliRunner().invoke(main, ["verify", "snapshots", "--repair"])
    assert (tmp_path / "snapshots/spoilt").is_dir() == (how in ("older schema", "newer schema", "strange schema"))


@pytest.mark.campaign
def test_the_weekly_text_refuses_it(intact: Path, tmp_path: Path) -> None:
    """scripts/changes.py passes the message on and makes no public copy."""
    bad = spoilt(intact, tmp_path, "older schema")
    (tmp_path / "run.json").write_text(json.dumps({"snapshot_path": str(bad)}), encoding="utf-8")
    command = [sys.executable, REPO / "scripts/changes.py", "run.json", "--snapshots", "s", "--text", "t.md"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "spoilt" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "s").exists() and not (tmp_path / "t.md").exists()
