"""Every switch of the rules on cards small enough to count by hand, and what must hold for any cards."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peft_census.count import STANDARD, Evidence, count_shares, parse_rule, rule_changes, sensitivity
from peft_census.count import evidence as evidence_module
from peft_census.count.rules import SWITCHES, Rule, specifications
from peft_census.count.shares import ENOUGH
from peft_census.count.switches import Option, switch
from peft_census.errors import SnapshotError, UsageError
from peft_census.snapshot.manifest import TechniqueFacts
from peft_census.snapshot.schema import arrow_schema, check

FACTS = {
    "lora": TechniqueFacts("LoRA", "peft_type", "lora"),
    "qlora": TechniqueFacts("QLoRA", "outside_peft", "lora", variant_of="lora"),
    "dora": TechniqueFacts("DoRA", "variant", "lora", variant_of="lora"),
    "ia3": TechniqueFacts("(IA)^3", "peft_type", "ia3"),
    "locon": TechniqueFacts("LoCon", "outside_peft", "lora"),
    "galore": TechniqueFacts("GaLore", "not_peft", "lora"),
}

MODELS = [
    {"model_id": "ann/1", "author": "ann", "downloads": 100, "near_duplicate": "x"},
    {"model_id": "ann/2", "author": "ann", "downloads": 0, "near_duplicate": "x"},
    {"model_id": "ann/3", "author": "ann", "downloads": None, "near_duplicate": "x"},
    {"model_id": "bob/1", "author": "bob", "downloads": 300, "near_duplicate": "y"},
    {"model_id": "cyd/1", "author": None, "downloads": 50, "near_duplicate": None},
    {"model_id": "cyd/2", "author": None, "downloads": 50, "near_duplicate": None},
    {"model_id": "dan/1", "author": "dan", "downloads": 7, "near_duplicate": "z"},
]


def says(model: str, technique: str, **other: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(arrow_schema("mentions").names)
    row |= {
        "evidence_level": "named",
        "location": "prose",
        "polarity": "affirmed",
        "applied": False,
        "matched": "",
        "form": "alias",
    }
    return row | {"model_id": model, "technique": technique} | other


MENTIONS = [
    says("ann/1", "lora", applied=True),
    says("ann/2", "lora", evidence_level="tagged", location="front_matter", generator="peft"),
    says("ann/3", "lora", polarity="negated"),
    says("bob/1", "ia3"),
    says("bob/1", "lora", location="name"),
    says("cyd/1", "qlora"),
    says("cyd/1", "lora", generator="trl"),
    says("cyd/2", "dora", evidence_level="configured", location=None, applied=True),
    says("dan/1", "locon"),
    says("dan/1", "ia3"),
    says("dan/1", "galore"),
]


def evidence(models: list[dict[str, Any]] = MODELS, mentions: list[dict[str, Any]] = MENTIONS) -> Evidence:
    schema = pa.schema(
        [("model_id", pa.string()), ("author", pa.string()), ("downloads", pa.int64()), ("near_duplicate", pa.string())]
    )
    table = pa.Table.from_pylist(mentions, schema=arrow_schema("mentions"))
    return Evidence(pa.Table.from_pylist(models, schema=schema), table, FACTS)


@pytest.mark.parametrize(
    ("rule", "base", "votes"),
    [
        ("exactly_one", 5, {"lora": 4, "ia3": 1}),
        ("exactly_one/variants_separate", 4, {"lora": 3, "ia3": 1}),
        ("any", 6, {"lora": 4, "ia3": 2, "locon": 1}),
        ("any/variants_separate", 6, {"lora": 4, "qlora": 1, "ia3": 2, "locon": 1}),
        ("fractional", 6, {"lora": 4, "ia3": 1.5, "locon": 0.5}),
        ("any/named_only", 5, {"lora": 3, "ia3": 2, "locon": 1}),
        ("any/tagged_only", 1, {"lora": 1}),
        ("any/configured_only", 1, {"lora": 1}),
        ("any/configured_only/variants_separate", 1, {"dora": 1}),
        ("any/applied_only", 1, {"lora": 1}),
        ("any/human_only/variants_separate", 5, {"lora": 2, "qlora": 1, "ia3": 2, "locon": 1}),
        ("exactly_one/affirmed_only", 4, {"lora": 3, "ia3": 1}),
        ("any/include_names", 6, {"lora": 5, "ia3": 2, "locon": 1}),
        ("exactly_one/include_names", 4, {"lora": 4}),
        ("exactly_one/peft_types", 6, {"lora": 4, "ia3": 2}),
        ("any/variants_separate/peft_types", 6, {"lora": 4, "qlora": 1, "ia3": 2}),
        ("exactly_one/per_author", 3, {"lora": 2, "ia3": 1}),
        ("any/per_author", 4, {"lora": 2, "ia3": 2, "locon": 1}),
        ("exactly_one/deduplicated", 3, {"lora": 2, "ia3": 1}),
        ("exactly_one/downloaded", 3, {"lora": 2, "ia3": 1}),
        ("exactly_one/by_downloads", 450, {"lora": 150, "ia3": 300}),
        ("fractional/by_downloads", 457, {"lora": 150, "ia3": 303.5, "locon": 3.5}),
    ],
)
def test_each_switch_does_what_it_says(rule: str, base: float, votes: dict[str, float]) -> None:
    """Bases and votes of seven cards, counted by hand."""
    counted = evidence().votes(parse_rule(rule))
    assert (counted.base, counted.totals()) == (base, votes)


def test_an_author_is_the_owner_in_the_id_where_none_is_given() -> None:
    """Two cards of cyd share one vote although the author's column is empty."""
    counted = evidence(mentions=[*MENTIONS, says("cyd/2", "dora")]).votes(parse_rule("any/per_author"))
    assert counted.weight.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1, 0.5, 0.5, 1])


def test_a_name_has_one_order_and_says_nothing_twice() -> None:
    """Words come in one order, first words are left out, a name without a vote votes by any."""
    assert parse_rule("human_only/variants_separate/exactly_one").name == "exactly_one/variants_separate/human_only"
    assert parse_rule("exactly_one/variants_grouped/named_or_tagged/cited").name == "exactly_one"
    assert parse_rule("Applied-Only").name == "any/applied_only"
    assert parse_rule("exactly_one/variants_separate").meaning.endswith("each variant counts as a technique of its own")


@pytest.mark.parametrize(
    ("name", "word"), [("", "''"), ("mine", "'mine'"), ("exactly_one/any", "exclude"), ("exactly_one//", "''")]
)
def test_a_name_that_no_rule_has_is_refused_with_the_words_there_are(name: str, word: str) -> None:
    """The error names the word and lists all others."""
    with pytest.raises(UsageError, match=word):
        parse_rule(name)


def test_words_belong_to_one_switch() -> None:
    """Each word is an option of one switch, so that a name can be parsed."""
    words = [word for switch in SWITCHES.values() for word in switch.options]
    assert len(words) == len(set(words))


def test_an_option_is_one_record() -> None:
    """Every option has its words and, unless it is a default, a label; Evidence knows no option by name."""
    source = inspect.getsource(evidence_module)
    for name, line in SWITCHES.items():
        default = next(iter(line.options))
        assert getattr(Rule(), name) == default
        for word, option in line.options.items():
            assert option.word == word and option.meaning and (option.short or word == default)
            assert f'"{word}"' not in source


def test_a_new_switch_is_one_field() -> None:
    """A rule with another switch counts by it: here only techniques whose id begins with a letter before m."""

    @dataclass(frozen=True)
    class WiderRule(Rule):
        alphabet: str = switch(
            "aliases",
            Option("all_letters", "all techniques count"),
            Option("first_half", "half", "half", counts_as=lambda technique, _: technique if technique < "j" else None),
        )

    assert evidence().votes(WiderRule(vote="any")).totals() == {"lora": 4, "ia3": 2, "locon": 1}
    narrow = WiderRule(vote="any", variants="variants_separate", alphabet="first_half")
    assert evidence().votes(narrow).totals() == {"ia3": 2}
    assert narrow.name == "any/variants_separate/first_half"


@given(st.fixed_dictionaries({name: st.sampled_from(list(switch.options)) for name, switch in SWITCHES.items()}))
def test_every_rule_is_found_again_by_its_name(words: dict[str, str]) -> None:
    """Name and rule stand for one another."""
    rule = Rule(**words)
    assert parse_rule(rule.name) == rule


def test_specifications_are_distinct_and_hold_the_standard_rules() -> None:
    """The specification curve counts nothing twice and has every rule about cards that a snapshot keeps."""
    rules = specifications()
    assert len(rules) == len({r.name for r in rules})
    assert set(STANDARD) - {parse_rule("any/configured_only")} <= set(rules)
    assert not any(rule.evidence_level == "configured_only" for rule in rules)


def test_the_sensitivity_table_is_ordered_and_marks_what_is_too_small() -> None:
    """By share, rules without a base last and without a share."""
    table = sensitivity(evidence())
    check("sensitivity", table)
    rows = table.to_pylist()
    shares = [r["share"] for r in rows if r["share"] is not None]
    assert shares == sorted(shares)
    assert not any(r["enough"] for r in rows)
    headline = next(r for r in rows if r["rule"] == "exactly_one")
    assert (headline["numerator"], headline["base"], headline["cards"]) == (4, 5, 5)
    counts = [(r["numerator"], r["base"], r["cards"]) for r in rows]
    assert len(counts) == len(set(counts))
    assert sum(r["rules"] for r in rows) == len(specifications())
    many = [{**m, "model_id": f"a{i}/m", "author": f"a{i}"} for i, m in enumerate(MODELS[:1] * ENOUGH)]
    enough = sensitivity(evidence(many, [says(m["model_id"], "lora") for m in many])).to_pylist()
    assert "exactly_one" in {r["rule"] for r in enough if r["enough"]}
    alone = [{**m, "author": "ann"} for m in many]
    few = sensitivity(evidence(alone, [says(m["model_id"], "lora") for m in alone])).to_pylist()
    assert not any(r["enough"] for r in few), "thirty cards of one author are one card"
    empty = sensitivity(evidence([], [])).to_pylist()
    assert {(r["share"], r["low"], r["base"]) for r in empty} == {(None, None, 0.0)}


def test_the_five_changes_are_shares_of_their_rules() -> None:
    """One row for the headline and each change, the same numbers as under these rules, each with its own base."""
    table = rule_changes(evidence())
    check("rule_changes", table)
    shares = {r["rule"]: r for r in count_shares(evidence()).to_pylist() if r["technique"] == "lora"}
    assert table["rule"].to_pylist() == [
        "exactly_one",
        "exactly_one/variants_separate",
        "exactly_one/human_only",
        "exactly_one/per_author",
        "exactly_one/include_names",
        "exactly_one/applied_only",
    ]
    for row in table.to_pylist():
        assert {k: row[k] for k in row if k != "enough"} == {k: shares[row["rule"]][k] for k in row if k != "enough"}
    assert [row["base"] for row in table.to_pylist()] == [5, 4, 4, 3, 4, 1]


def test_the_sentence_of_a_rule_says_every_option() -> None:
    """Where two options have a verb, the other one is a clause of its own."""
    rule = parse_rule("exactly_one/tagged_only/applied_only")
    assert rule.meaning == (
        "cards that say that they applied exactly one technique; each card counts once; only the front matter of the "
        "card counts"
    )
    assert parse_rule("exactly_one/tagged_only").meaning == (
        "cards that tag in their front matter exactly one technique; each card counts once"
    )


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(specifications()), st.sampled_from(sorted(FACTS)))
def test_configurations_never_move_what_cards_say(rule: Rule, technique: str) -> None:
    """However many adapter_config.json are read, no rule about cards gives another number."""
    more = [says(m["model_id"], technique, evidence_level="configured", location=None, applied=True) for m in MODELS]
    before, after = evidence().votes(rule), evidence(mentions=[*MENTIONS, *more]).votes(rule)
    assert (before.base, before.totals()) == (after.base, after.totals())


def test_a_mention_of_an_unknown_model_or_technique_is_refused() -> None:
    """A snapshot that contradicts itself is not counted."""
    with pytest.raises(SnapshotError, match="'eve/1'"):
        evidence(MODELS, [says("eve/1", "lora")])
    with pytest.raises(SnapshotError, match="'lorax'"):
        evidence(MODELS, [says("ann/1", "lorax")])


MENTION = st.builds(
    says,
    st.sampled_from([m["model_id"] for m in MODELS]),
    st.sampled_from(sorted(FACTS)),
    location=st.sampled_from(["prose", "name", None]),
    polarity=st.sampled_from(["affirmed", "negated"]),
    applied=st.booleans(),
    generator=st.sampled_from([None, "peft"]),
    evidence_level=st.sampled_from(["named", "tagged", "configured"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(MENTION, max_size=25), st.sampled_from(specifications()), st.randoms())
def test_totals_add_up_whatever_the_cards_and_their_order(mentions: list[dict[str, Any]], rule: Rule, rng: Any) -> None:
    """Votes of exactly_one and fractional add up to the base; shuffled cards and mentions give the same numbers."""
    counted = evidence(MODELS, mentions).votes(rule)
    totals = counted.totals()
    if rule.vote == "any":
        assert max(totals.values(), default=0) <= counted.base + 1e-9
    else:
        assert sum(totals.values()) == pytest.approx(counted.base, abs=1e-9)
    models = rng.sample(MODELS, len(MODELS))
    again = evidence(models, rng.sample(mentions, len(mentions))).votes(rule)
    assert (again.base, again.totals()) == (counted.base, totals)


@settings(max_examples=40, deadline=None)
@given(st.lists(MENTION, max_size=25))
def test_published_tables_hold_no_nan(mentions: list[dict[str, Any]]) -> None:
    """Whatever the cards, shares lie between 0 and 1 inside their intervals."""
    table = count_shares(evidence(MODELS, mentions))
    check("shares", table)
    for row in table.to_pylist():
        assert 0 <= row["low"] <= row["share"] + 1e-9 <= row["high"] + 2e-9 <= 1 + 3e-9
