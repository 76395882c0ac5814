"""Guards: an ambiguous name counts only where something settles it, and the answer says what."""

from __future__ import annotations

import pytest

from peft_census.tag import read_card
from peft_census.tag.taxonomy import load


@pytest.mark.parametrize(
    ("card", "technique"),
    [
        ("Tuned with VeRA, a PEFT method.", "vera"),
        ("Tuned with OFT, orthogonal finetuning with PEFT.", "oft"),
        ("We set use_dora=True.", "dora"),
        ("Context-aware prompt tuning (CPT) with PEFT.", "cpt"),
        ("Soft prompts: prompt tuning with 20 virtual tokens and a frozen model.", "prompt_tuning"),
        ('`"peft_type": "MISS"`', "miss"),
        ('`"peft_type": "ROAD"`', "road"),
        ('`"peft_type": "POLY"`', "poly"),
    ],
)
def test_admitted(card: str, technique: str) -> None:
    """With the right words around it, an ambiguous name counts."""
    assert technique in {m.technique for m in read_card("acme/zebra", card).mentions}


@pytest.mark.parametrize(
    "card",
    [
        "Vera wrote this card.",
        "Dora explores the jungle.",
        "The long road home.",
        "We miss you.",
        "Lily is a flower.",
        "Arrow stores columns.",
        "EVA is a vision model.",
        "CPT stands for continued pre-training on a corpus.",
        "Prompt tuning tips: polish your system prompt.",
        "OpenVLA-OFT is a robot policy.",
        "LoRa radio modules at 868 MHz.",
        "A shadow on the bone.",
    ],
)
def test_rejected(card: str) -> None:
    """Without them it does not."""
    assert read_card("acme/zebra", card).mentions == []


def test_a_rejected_candidate_says_why() -> None:
    """A refused candidate keeps its place and the reason."""
    card = "Reach it over LoRa at 868 MHz."
    (rejected,) = read_card("acme/zebra", card).rejected
    assert (card[rejected.start : rejected.end], rejected.technique) == ("LoRa", "lora")
    assert rejected.why


def test_an_admitted_mention_names_its_guard() -> None:
    """An ambiguous name that counts says which guard admitted it; a plain name has none."""
    mentions = read_card("acme/zebra", "Tuned with VeRA, a PEFT method, not with QLoRA.").mentions
    disambiguation_rules = {m.technique: m.disambiguation_rule for m in mentions}
    assert disambiguation_rules["vera"]
    assert disambiguation_rules["qlora"] is None


def test_named_in_full_elsewhere() -> None:
    """A name that another place of the card settles counts everywhere in it."""
    card = "Vector-based random matrix adaptation tunes it.\n\n" + "Zebras. " * 60 + "\n\nVeRA won.\n"
    mentions = read_card("acme/zebra", card).mentions
    assert [(m.technique, bool(m.disambiguation_rule)) for m in mentions] == [("vera", False), ("vera", True)]


def test_guards_do_not_backtrack() -> None:
    """Every guard of the taxonomy gives its answer on a window of repeated text."""
    window = "a_-|,\"' (" * 40
    for disambiguation_rule in load().disambiguation_rules.values():
        assert disambiguation_rule.accepts(window + "X" + window, len(window), len(window) + 1, "prose") in (
            True,
            False,
        )
