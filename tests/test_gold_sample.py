"""From a snapshot to cards to label, and from labels to a corrected share, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers import write_cards

from peft_census.cli import main

LORA, IA3 = "We trained it with LoRA.", "We trained it with PEFT and (IA)^3."
CARDS = 400


def card(i: int) -> dict[str, Any]:
    """Returns one of 240 LoRA, 80 (IA)^3 and 80 silent cards."""
    text = [LORA, LORA, LORA, IA3, "Nothing."][i % 5]
    return {"modelId": f"a{i}/m{i:03d}", "author": f"a{i}", "card": f"# Model {i}\n\n{text}\n"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command line in a folder with one snapshot."""
    monkeypatch.chdir(tmp_path)
    write_cards(tmp_path / "cards.parquet", [card(i) for i in range(CARDS)])

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    assert call("census", "-q", "-s", "cards.parquet").exit_code == 0
    return call


def read(file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]


def label(file: str, wrong: Callable[[int], bool] = lambda i: False) -> None:
    """Fills in what the cards say, and (IA)^3 for the LoRA cards that ``wrong`` names."""
    lines = read(file)
    for line in lines:
        i = int(line["model_id"].rpartition("m")[2])
        truth = ["lora", "lora", "lora", "ia3", None][i % 5]
        if truth == "lora" and wrong(i):
            truth = "ia3"
        line |= {"cited": [truth] if truth else [], "applied": [], "name_only": [], "negated": []}
    Path(file).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def test_a_sample_is_drawn_the_same_by_the_same_seed(run: Callable[..., Result]) -> None:
    """Distinct cards with their probabilities, no label and no text; another seed draws others."""
    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        assert run("sample-gold", "60", "--out", f"{name}.jsonl", "--seed", str(seed)).exit_code == 0
    first = read("a.jsonl")
    assert first == read("b.jsonl") != read("c.jsonl")
    assert len({line["model_id"] for line in first}) == len(first) == 60
    assert all(line["cited"] is None for line in first)
    assert not any(LORA in json.dumps(line) for line in first)
    strata = {line["stratum"]: (line["stratum_cards"], line["probability"]) for line in first}
    for letter, (cards, probability) in strata.items():
        drawn = sum(line["stratum"] == letter for line in first)
        assert probability == pytest.approx(drawn / cards)
    assert sum(1 / line["probability"] for line in first) == pytest.approx(CARDS)


def test_labels_that_agree_leave_the_share_and_others_move_it(run: Callable[..., Result]) -> None:
    """The share by the labels is the tagger's where they agree, and falls where people read (IA)^3 for LoRA."""
    for name, wrong in (("right.jsonl", lambda i: False), ("wrong.jsonl", lambda i: i % 4 == 0)):
        assert run("sample-gold", "200", "--out", name).exit_code == 0
        label(name, wrong)
    right = json.loads(run("count", "--gold", "right.jsonl", "--json").stdout)["corrected"]
    assert right["raw"]["share"] == 0.75
    assert right["corrected"]["share"] == pytest.approx(0.75)
    wrong = json.loads(run("count", "--gold", "wrong.jsonl", "--json").stdout)["corrected"]
    assert wrong["raw"]["share"] == 0.75
    assert wrong["corrected"]["low"] < 0.75 * 0.75 < wrong["corrected"]["high"] < 0.75
    text = run("count", "--gold", "wrong.jsonl").stdout
    assert "by the labels" in text
    assert "by the tagger" in text


@pytest.mark.parametrize("case", ["unlabelled", "elsewhere", "no sample", "too many", "twice", "a line lost"])
def test_what_is_no_sample_of_this_snapshot_is_refused(run: Callable[..., Result], case: str) -> None:
    """Every refusal names the file or the number and says what to do."""
    if case == "too many":
        result = run("sample-gold", str(CARDS + 1), "--out", "x.jsonl")
        assert result.exit_code == 2
        assert str(CARDS) in result.output
        return
    assert run("sample-gold", "60", "--out", "x.jsonl").exit_code == 0
    if case == "twice":
        result = run("sample-gold", "60", "--out", "x.jsonl")
        assert result.exit_code == 2
        assert "there already" in result.output
        return
    if case != "unlabelled":
        label("x.jsonl")
    lines = read("x.jsonl")
    if case == "elsewhere":
        lines = [line | {"snapshot_id": "2020-01-01-000000000000"} for line in lines]
    if case == "no sample":
        lines = [{k: v for k, v in line.items() if k != "probability"} for line in lines]
    if case == "a line lost":
        lines = lines[1:]
    Path("x.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    result = run("count", "--gold", "x.jsonl")
    assert result.exit_code in (1, 2)
    assert "x.jsonl" in result.output or "snapshot" in result.output
    assert "Traceback" not in result.output
