"""Disambiguation: an ambiguous name is a mention only in some contexts, and the result names the rule."""

from __future__ import annotations

from functools import partial

import pytest
from pace import within

from peft_census.tag import load_taxonomy, read_card
from peft_census.tag.candidates import Candidate
from peft_census.tag.disambiguation import AcceptedCandidate, Disambiguator, RejectedCandidate, Rejection
from peft_census.tag.front_matter import FrontMatter
from peft_census.tag.location import LocatedCandidate
from peft_census.tag.techniques import Alias, Taxonomy


def decide(
    taxonomy: Taxonomy, rule: str, card: str, start: int, end: int, location: str
) -> AcceptedCandidate | RejectedCandidate:
    """Returns what one rule decides about the candidate ``card[start:end]``, an alias in lower case."""
    candidate = Candidate("lora", start, end, "alias", (Alias("Lo-ra", disambiguation_rule=rule),))
    disambiguator = Disambiguator(card, FrontMatter("none"), taxonomy, lambda _: None)
    accepted, rejected = disambiguator.decide([LocatedCandidate(candidate, location)])
    return [*accepted, *rejected][0]


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
def test_accepted(card: str, technique: str) -> None:
    """In a context that indicates the technique, an ambiguous name is a mention."""
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
    """In any other context it is not."""
    assert read_card("acme/zebra", card).mentions == []


def test_a_rejected_candidate_says_why() -> None:
    """A rejected candidate has its place, the reason and the rule."""
    card = "Reach it over LoRa at 868 MHz."
    (rejected,) = read_card("acme/zebra", card).rejected
    assert (card[rejected.start : rejected.end], rejected.technique) == ("LoRa", "lora")
    assert (rejected.reason, rejected.disambiguation_rule) == (Rejection.EXCLUDED_BY_CONTEXT, "not_radio")


def test_an_accepted_mention_names_its_rule() -> None:
    """An ambiguous name that is a mention names the rule that accepted it; an unambiguous name has no rule."""
    mentions = read_card("acme/zebra", "Tuned with OFT, a PEFT method, not with QLoRA.").mentions
    disambiguation_rules = {m.technique: m.disambiguation_rule for m in mentions}
    assert disambiguation_rules["oft"]
    assert disambiguation_rules["qlora"] is None


def test_named_in_full_elsewhere() -> None:
    """A name is a mention everywhere in a card that names the same technique without ambiguity."""
    card = "Low-rank interconnected adaptation tunes it.\n\n" + "Zebras. " * 60 + "\n\nLily won.\n"
    mentions = read_card("acme/zebra", card).mentions
    assert [(m.technique, bool(m.disambiguation_rule)) for m in mentions] == [("lily", False), ("lily", True)]


@pytest.mark.parametrize(
    "unit",
    [
        "LoRA, ",
        "a",
        "\n- ",
        "_x",
        "(ia)^",
        "peft type: ",
        "fine-tuned with ",
        "\x00",
        " ",
        "prompt ",
        "a_-|,\"' (",
    ],
)
def test_rules_are_fast_on_hostile_text(unit: str) -> None:
    """A rule needs at most a few milliseconds for a window of repetitions."""
    text = unit * 400
    middle = len(text) // 2
    taxonomy = load_taxonomy()
    for rule in taxonomy.disambiguation_rules:
        within(0.05, partial(decide, taxonomy, rule, text, middle, middle + 1, "prose"))
