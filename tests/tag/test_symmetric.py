"""No technique is held to a stricter standard than LoRA: each is found in the same sentences.

``data/gold/frames.jsonl`` has sentences of nine languages with a place for a name, which every name of every technique
fills, and cards in which such a name means something else.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from helpers import REPO

from peft_census.pipeline.evaluate import ENOUGH, LabelledCard, read_labels, read_rows
from peft_census.pipeline.frames import PLACE, filled, own_spellings
from peft_census.tag import load_taxonomy, read_card

FILE = REPO / "data/gold/frames.jsonl"
ROWS: list[dict[str, Any]] = [row for _, row in read_rows(FILE)]
FRAMES = [row for row in ROWS if "frame" in row]
OTHER_SENSES = [row for row in ROWS if "text" in row]
TECHNIQUES = load_taxonomy().techniques
COUNTED = [t.id for t in TECHNIQUES.values() if t.kind != "not_peft"]
RECORDED: dict[str, float] = json.loads((REPO / "data/gold/scores.json").read_text(encoding="utf-8"))["frames"][
    "recall"
]
MARGIN = 0.02
"""How far the recall of a technique may be below LoRA's."""
EXCEPTIONS = {"cpt": "CPT nearly always means continued pre-training"}
"""Techniques that need more than a place of a method, and why; their recall does not fall below the recorded one."""


def found(card: str) -> set[str]:
    return {m.technique for m in read_card("acme/zebra", card).mentions if m.location != "name"}


@pytest.fixture(scope="module")
def missed() -> Counter[tuple[str, str]]:
    """How often each technique was missed in each language, and how often another technique was found in its place."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in FRAMES:
        for technique, card in filled(row["frame"]):
            techniques = found(card)
            counts[technique, row["language"]] += technique not in techniques
            for other in techniques - {technique}:
                counts[technique, other] += 1
    return counts


def recall(missed: Counter[tuple[str, str]], technique: str, language: str | None = None) -> float:
    languages = [row["language"] for row in FRAMES if language in (None, row["language"])]
    cards = len(own_spellings(TECHNIQUES[technique])) * len(languages)
    return 1 - sum(missed[technique, name] for name in set(languages)) / cards


def test_the_frames_are_enough() -> None:
    """At least 30 sentences in nine languages; every technique has a name of its own spelling; each card is once."""
    assert len(FRAMES) >= 30
    assert {row["language"] for row in FRAMES} == {"en", "zh", "ja", "ko", "ru", "pt", "es", "de", "fr"}
    assert len({row.get("frame", row.get("text")) for row in ROWS}) == len(ROWS)
    assert all(own_spellings(t) for t in TECHNIQUES.values())
    assert all(row["frame"].count(PLACE) == 1 for row in FRAMES)
    assert len(FRAMES) >= ENOUGH


@pytest.mark.parametrize("technique", COUNTED)
def test_a_technique_is_found_where_lora_is(missed: Counter[tuple[str, str]], technique: str) -> None:
    """Recall is at most two points below LoRA's."""
    least = RECORDED[technique] - 1e-6 if technique in EXCEPTIONS else recall(missed, "lora") - MARGIN
    assert recall(missed, technique) >= least


def test_exceptions_are_needed(missed: Counter[tuple[str, str]]) -> None:
    """No technique is an exception that is found where LoRA is."""
    assert all(recall(missed, technique) < recall(missed, "lora") - MARGIN for technique in EXCEPTIONS)


def test_lora_is_found_in_every_language(missed: Counter[tuple[str, str]]) -> None:
    """LoRA is found in every frame, so that the standard is not a low one."""
    assert recall(missed, "lora") == 1.0


def test_a_longer_name_is_not_also_a_shorter_one(missed: Counter[tuple[str, str]]) -> None:
    """X-LoRA is X-LoRA and not also LoRA: no frame cites a technique that it does not name."""
    assert {pair for pair, n in missed.items() if n and pair[1] in TECHNIQUES} == set()


@pytest.mark.parametrize("row", OTHER_SENSES, ids=lambda row: row["id"])
def test_a_word_of_another_sense_is_not_a_technique(row: dict[str, Any]) -> None:
    """Lily the baker, the road, continued pre-training and the like are not techniques."""
    assert found(row["text"]) == set()


def test_labels_of_frames_are_cards() -> None:
    """The gold set has one labelled card for each name in each frame, and one for each card of another sense."""
    cards = read_labels(FILE)
    names = sum(len(own_spellings(t)) for t in TECHNIQUES.values())
    assert len(cards) == names * len(FRAMES) + len(OTHER_SENSES)
    assert cards[0] == LabelledCard(FRAMES[0]["frame"].replace(PLACE, "LoRA"), ["lora"], ["lora"], id=FRAMES[0]["id"])


def test_the_recorded_recall_is_complete() -> None:
    """``scores.json`` has the recall of every technique on the frames."""
    assert set(RECORDED) == set(TECHNIQUES)
