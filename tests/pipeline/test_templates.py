"""Templates: a sentence that recurs in cards of several authors is written by a tool, and ``human_only`` ignores it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from helpers import write_cards

from peft_census.count import count_shares, parse_rule
from peft_census.pipeline.census import run_census
from peft_census.pipeline.counting import evidence_of
from peft_census.pipeline.public_copy import public_copy
from peft_census.pipeline.sources import make_source
from peft_census.snapshot.snapshot import Snapshot

Rows = list[dict[str, Any]]

BY_PEOPLE = {
    "few cards": (9, 9, "The look of {name} comes from a LoRA that was baked overnight on {n} drawings."),
    "two authors": (40, 2, "You are looking at number {n} of my collection of LoRA files for portraits."),
    "short": (40, 40, "Trained with LoRA on {n} images."),
    "tag": (40, 40, ""),
    "another technique": (9, 9, "This style file is a LoHa adapter made in {n} minutes by the wizard."),
}
"""Cards, authors and sentence; nothing of it is a template."""


def cards_of(kind: str, n: int, authors: int, sentence: str) -> Rows:
    tag = "" if sentence else "---\ntags:\n- lora\n---\n"
    return [
        {
            "modelId": f"{kind.replace(' ', '-')}-{i % authors}/look-{i}",
            "card": f"{tag}# Look {i}\n\nOf the year {1900 + i}.\n\n{sentence.format(n=i + 3, name=f'look-{i}')}\n",
        }
        for i in range(n)
    ]


BY_A_TOOL = cards_of(
    "wizard",
    12,
    4,
    "This style file is a LoRA adapter made in {n} minutes by the wizard, see https://wizard.test/{name}.",
)
ROWS = [*BY_A_TOOL, *(row for kind, facts in BY_PEOPLE.items() for row in cards_of(kind, *facts))]


def census(folder: Path, rows: Rows) -> Snapshot:
    cards = write_cards(folder / "cards.parquet", rows)
    return run_census(make_source(str(cards)), folder / "snapshots").snapshot


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return census(tmp_path_factory.mktemp("templates"), ROWS)


def by_templates(snapshot: Snapshot) -> set[str]:
    mentions = snapshot.table("mentions", ["model_id", "generator"]).to_pylist()
    return {m["model_id"] for m in mentions if m["generator"] == "template"}


def cards_by_people(snapshot: Snapshot) -> int:
    shares = count_shares(evidence_of(snapshot), [parse_rule("any/human_only")]).to_pylist()
    return int(shares[0]["base"])


def test_only_the_sentence_of_the_unknown_tool_is_a_template(snapshot: Snapshot) -> None:
    assert by_templates(snapshot) == {row["modelId"] for row in BY_A_TOOL}
    assert cards_by_people(snapshot) == len(ROWS) - len(BY_A_TOOL)


def test_the_order_of_the_cards_does_not_matter(snapshot: Snapshot, tmp_path: Path) -> None:
    shuffled = census(tmp_path, random.Random(7).sample(ROWS, len(ROWS)))
    order = [("model_id", "ascending"), ("start", "ascending")]
    assert shuffled.table("mentions").sort_by(order) == snapshot.table("mentions").sort_by(order)


def test_a_public_copy_knows_the_templates_and_holds_no_hash_of_a_sentence(snapshot: Snapshot, tmp_path: Path) -> None:
    copy = public_copy(snapshot, tmp_path)
    assert by_templates(copy) == by_templates(snapshot)
    assert cards_by_people(copy) == cards_by_people(snapshot)
    assert "sentence" not in copy.table("mentions").schema.names


def test_the_command_names_the_sentence_and_leaves_out_known_tools(tmp_path: Path, run: Any) -> None:
    known = "\n2. Under **Download custom model or LoRA**, enter `{0}` and then click the large button below it.\n"
    rows = [row | {"card": row["card"] + known.format(row["modelId"])} for row in ROWS]
    cards = write_cards(tmp_path / "cards.parquet", rows)
    result = run("templates", "--source", cards, "--json", "--no-cache")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    text = "This style file is a LoRA adapter made in 3 minutes by the wizard, see https://wizard.test/look-0."
    facts = {"technique": "lora", "location": "prose", "cards": 12, "authors": 4, "example": "wizard-0/look-0"}
    assert report == {"cards": len(ROWS), "templates": [{"text": text, **facts}], "gaps": {}}
    stricter = run("templates", "--source", cards, "--min-authors", 5, "--no-cache")
    assert stricter.stdout == f"0 templates in {len(ROWS)} cards\n"
