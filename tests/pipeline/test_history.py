"""The history of a share over five snapshots, with one change of our own rules."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from helpers import write_cards

import peft_census
from peft_census.errors import UsageError

CARDS = ["Trained with LoRA.", "Trained with IA3.", "Trained with LoRA and IA3.", "Trained with QLoRA.", "No method."]


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five snapshots: weeks 1 to 3 with one more card each; week 3 again by another tagger; week 4."""
    from click.testing import CliRunner

    from peft_census.cli.main import main
    from peft_census.pipeline.settings import settings

    folder = tmp_path_factory.mktemp("weeks")
    settings.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        for week, version in [(1, "3"), (2, "3"), (3, "3"), (3, "4"), (4, "4")]:
            patch.setattr("peft_census.pipeline.rule_inputs.TAGGER_VERSION", version)
            changed = datetime(2026, 10, 7 * week, tzinfo=UTC)
            rows = [{"modelId": f"a/{i}", "card": CARDS[i], "last_modified": changed} for i in range(week + 1)]
            cards = write_cards(folder / "cards" / f"week{week}.parquet", rows)
            arguments = ["census", "--source", str(cards), "--out", str(folder / "snapshots"), "--quiet", "--no-cache"]
            assert CliRunner().invoke(main, arguments).exit_code == 0
    settings.cache_clear()
    return folder / "snapshots"


def test_a_change_of_rules_stands_apart_from_a_change_of_data(weeks: Path) -> None:
    """Four new data, one new tagger; the shares are those of the snapshots, in the order of their dates."""
    frame = peft_census.history(weeks, "exactly_one")
    assert frame.date.tolist() == ["2026-10-07", "2026-10-14", "2026-10-21", "2026-10-21", "2026-10-28"]
    assert frame.data_changed.tolist() == [None, True, True, False, True]
    assert frame.rules_changed.fillna("-").tolist() == ["-", "", "", "tagger", ""]
    assert frame[["numerator", "base"]].values.tolist() == [[1, 2], [1, 2], [2, 3], [2, 3], [2, 3]]
    assert frame.with_text.tolist() == [2, 3, 4, 4, 5]
    assert frame.share.tolist() == pytest.approx([1 / 2, 1 / 2, 2 / 3, 2 / 3, 2 / 3])
    assert frame.tagger_version.tolist() == ["3", "3", "3", "4", "4"]


def test_every_rule_has_a_row_and_no_vote_is_zero(weeks: Path) -> None:
    """Each rule of the snapshots is there; a technique without a vote has a share of zero, and no interval."""
    frame = peft_census.history(weeks)
    rules = peft_census.shares(peft_census.load_snapshot(weeks)).rule.unique()
    assert len(frame) >= 5 * len(rules) - 5 and set(rules) <= set(frame.rule)
    qlora = peft_census.history(weeks, "exactly_one/variants_separate", "qlora")
    assert qlora.numerator.tolist() == [0, 0, 1, 1, 1]
    assert qlora.share[0] == 0 and qlora.low.isna().tolist() == [True, True, False, False, False]


def test_the_command_marks_what_changed(run: Any, weeks: Path) -> None:
    """The row after the change of the tagger says so, and no other does."""
    shown = [line for line in run("history", weeks, "--rule", "exactly_one").stdout.splitlines() if "2026-" in line]
    assert [("OUR RULES (tagger)" in line, line.endswith("data")) for line in shown] == [
        (False, False),
        (False, True),
        (False, True),
        (True, False),
        (False, True),
    ]
    assert len(json.loads(run("history", weeks, "--json").stdout)["history"]) == len(peft_census.history(weeks))


def test_copies_and_damaged_snapshots(run: Any, weeks: Path, tmp_path: Path) -> None:
    """A copy is left out where the snapshot is there; a damaged snapshot is named and skipped."""
    shutil.copytree(weeks, tmp_path / "some")
    first, second, *_ = sorted((tmp_path / "some").glob("2*"))
    shutil.copytree(first, tmp_path / "some" / f"{first.name}-public")
    (second / "manifest.json").write_text("{}")
    result = run("history", tmp_path / "some", "--rule", "exactly_one")
    assert result.exit_code == 0 and f"skipped {second.name}" in result.stderr
    assert result.stdout.count("2026-") == 8  # date and id of four snapshots


def test_what_is_not_there_is_an_error(weeks: Path, tmp_path: Path) -> None:
    """An empty folder, and a rule that no snapshot holds."""
    with pytest.raises(UsageError, match="no snapshot to read"):
        peft_census.history(tmp_path)
    with pytest.raises(UsageError, match="they hold: exactly_one"):
        peft_census.history(weeks, "exactly_one/tagged_only")
