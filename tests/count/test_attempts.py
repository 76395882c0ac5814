"""Ways of counting and what each change does, on six cards counted by hand."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from peft_census.count import Evidence
from peft_census.count.attempts import MENTIONS, Attempt, Target, explain_gap, rule_attempts, selection_attempts
from peft_census.snapshot.manifest import TechniqueFacts
from peft_census.snapshot.schema import arrow_schema

FACTS = {
    "lora": TechniqueFacts("LoRA", "peft_type", "lora"),
    "qlora": TechniqueFacts("QLoRA", "outside_peft", "lora", variant_of="lora"),
    "ia3": TechniqueFacts("(IA)^3", "peft_type", "ia3"),
    "road": TechniqueFacts("RoAd", "peft_type", "road"),
    "bitfit": TechniqueFacts("BitFit", "outside_peft", "bitfit"),
}
TARGET = Target("lora", 3, 5)


def mention(model: str, technique: str, **values: Any) -> dict[str, Any]:
    return {
        "model_id": model,
        "technique": technique,
        "evidence_level": "named",
        "location": "prose",
        "polarity": "affirmed",
        "applied": False,
        "generator": None,
        "form": "alias",
        "disambiguation_rule": None,
        "matched": FACTS[technique].name if technique in FACTS else technique,
        "start": 0,
    } | values


# a: LoRA; b: lora, in the front matter, by a tool; c: QLoRA; d: RoAd, under a guard; e: LoRA in code and IA3;
# f: BitFit; g: LoRA in a name only; h: nothing.
MODELS = pa.table(
    {
        "model_id": list("abcdefgh"),
        "author": ["one", "one", "two", "three", "three", "four", "five", "six"],
        "downloads": [9, 9, 0, 9, 9, 9, 9, 9],
        "near_duplicate": ["k", "k", None, None, None, None, None, None],
        "library_name": ["peft", "diffusers", "peft", None, "peft", None, "peft", "peft"],
    }
)
CITED = pa.Table.from_pylist(
    [
        mention("a", "lora"),
        mention("b", "lora", matched="lora", location="front_matter", evidence_level="tagged", generator="peft/0.18.1"),
        mention("c", "qlora"),
        mention("d", "road", disambiguation_rule="adapter_in_list"),
        mention("e", "lora", start=40, form="class", location="code", matched="LoraConfig"),
        mention("e", "ia3", start=90),
        mention("f", "bitfit"),
        mention("g", "lora", location="name"),
    ],
    pa.schema([arrow_schema("mentions").field(name) for name in MENTIONS]),
)


@pytest.fixture
def attempts() -> dict[str, Attempt]:
    return {attempt.rule: attempt for attempt in rule_attempts(Evidence(MODELS, CITED, FACTS), TARGET)}


@pytest.mark.parametrize(
    ("rule", "numerator", "base", "unit"),
    [
        ("exactly_one", 3, 5, "cards"),  # a b c | d f
        ("exactly_one/variants_separate", 2, 5, "cards"),  # a b | c d f
        ("exactly_one/human_only", 2, 4, "cards"),  # a c | d f
        ("exactly_one/include_names", 4, 6, "cards"),  # a b c g | d f
        ("exactly_one/peft_types", 3, 4, "cards"),  # a b c | d: QLoRA is a recipe of a type, BitFit is none
        ("exactly_one/downloaded", 2, 4, "cards"),  # a b | d f
        ("exactly_one/per_author", 2, 4, "authors"),  # one, two | three, four
        ("exactly_one/deduplicated", 2, 4, "clusters"),  # a+b, c | d, f
        ("any", 4, 6, "cards"),  # a b c e | d e f
        ("fractional", 3.5, 6, "cards"),
        ("exactly_one/tagged_only", 1, 1, "cards"),
    ],
)
def test_every_rule_is_applied(
    attempts: dict[str, Attempt], rule: str, numerator: float, base: float, unit: str
) -> None:
    """The counts are those of the rule, in the unit that it counts."""
    attempt = attempts[rule]
    row = attempt.row()
    assert (row["numerator"], row["base"], row["unit"]) == (pytest.approx(numerator), pytest.approx(base), unit)
    assert row["diff_base"] == pytest.approx(base - 5)


def test_selections_are_counted_by_the_headline_rule() -> None:
    """Of the PEFT library a and c name one technique, both LoRA; e counts for LoRA, which it names before IA3."""
    facts = FACTS | {"rag": TechniqueFacts("RAG", "not_peft", "rag")}
    extra = pa.Table.from_pylist([mention("d", "rag", matched="RAG", start=-1)], CITED.schema)
    found = selection_attempts(MODELS, pa.concat_tables([CITED, extra]), facts, TARGET)
    assert {a.rule: (a.near.numerator, a.near.base) for a in found} == {
        "selection/peft_library": (2, 2),
        "selection/first_named": (4, 6),  # a b c e | d f; g names LoRA in a name only
    }
    nothing = selection_attempts(MODELS.slice(0, 0), CITED.slice(0, 0), FACTS, TARGET)
    assert [(a.near.numerator, a.near.base) for a in nothing] == [(0, 0), (0, 0)]


def test_the_nearest_come_first_and_downloads_are_no_cards(attempts: dict[str, Attempt]) -> None:
    """The rule that repeats both counts leads; where several do, the one with the fewest words."""
    assert next(iter(attempts)) == "exactly_one"
    assert attempts["exactly_one"].near.factor == 1.0
    assert list(attempts.values()) == sorted(attempts.values(), key=lambda a: a.order)
    assert not any("by_downloads" in rule for rule in attempts)


def test_each_change_is_counted_alone() -> None:
    """Against a published 2 of 3, dropping a class of evidence moves the cards that rest on it alone."""
    changes = {e.change: e.row() for e in explain_gap(MODELS, CITED, FACTS, Target("lora", 2, 3))}

    def counts(change: str) -> tuple[float, float, float]:
        return changes[change]["numerator"], changes[change]["base"], changes[change]["cards_moved"]

    assert counts("mentions in location front_matter do not count") == (2, 4, -1)  # b is gone
    assert counts("mentions in location code do not count") == (3, 6, 1)  # e names IA3 alone
    assert counts("configuration classes (LoraConfig) are not recognized") == (3, 6, 1)
    assert counts("ambiguous names of other techniques are not recognized") == (3, 4, -1)
    assert counts("LoRA in lower case or capitals is not recognized") == (2, 4, -1)
    assert counts("variants of LoRA are not recognized") == (2, 4, -1)
    assert counts("techniques outside PEFT are not recognized") == (3, 4, -1)
    assert counts("BitFit is not recognized") == (3, 4, -1)
    assert counts("RoAd is not recognized") == (3, 4, -1)
    assert counts("text generated by peft does not count") == (2, 4, -1)
    assert "options of code (lora_r) are not recognized" not in changes, "what changes nothing is no explanation"
    assert "LoRA written out in words is not recognized" not in changes


def test_a_change_says_how_far_it_leads() -> None:
    """Rule exactly_one finds 3 of 5; against 2 of 4 the loss of one LoRA card leads all the way."""
    rows = [effect.row() for effect in explain_gap(MODELS, CITED, FACTS, Target("lora", 2, 4))]
    assert rows[0]["closes"] == pytest.approx(1.0)
    assert (rows[0]["numerator"], rows[0]["base"]) == (2, 4)
    closes = [row["closes"] for row in rows]
    assert closes == sorted(closes, reverse=True) and closes[-1] < 0


def test_no_card_at_all_gives_zeros_and_no_share() -> None:
    """An empty dump is counted like any other."""
    attempts = rule_attempts(Evidence(MODELS.slice(0, 0), CITED.slice(0, 0), FACTS), TARGET)
    assert {(a.near.numerator, a.near.base, a.near.share) for a in attempts} == {(0, 0, None)}
    assert explain_gap(MODELS.slice(0, 0), CITED.slice(0, 0), FACTS, TARGET) == []
