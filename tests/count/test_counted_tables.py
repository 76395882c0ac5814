"""The counted tables on cards small enough to count by hand, and what must hold for any."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peft_census.count import (
    Evidence,
    adoption,
    agreement,
    breakdown,
    concentration,
    funnel,
    milestones,
    monthly,
    parse_rule,
)
from peft_census.count.groups import DIMENSIONS, FLOOR, family
from peft_census.snapshot.manifest import TechniqueFacts
from peft_census.snapshot.schema import arrow_schema, check

FACTS = {
    "lora": TechniqueFacts("LoRA", "peft_type", "lora", paper_month="2021-06", released="2023-01-19"),
    "dora": TechniqueFacts(
        "DoRA", "variant", "lora", variant_of="lora", selector="use_dora = true", paper_month="2024-02"
    ),
    "qlora": TechniqueFacts("QLoRA", "outside_peft", "lora", variant_of="lora"),
    "ia3": TechniqueFacts("(IA)^3", "peft_type", "ia3", released="2023-05-10"),
}


def model(model_id: str, **other: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(arrow_schema("models").names)
    return row | {"model_id": model_id, "author": model_id.partition("/")[0], "status": "text"} | other


def says(model_id: str, technique: str, **other: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(arrow_schema("mentions").names)
    row |= {
        "evidence_level": "named",
        "location": "prose",
        "polarity": "affirmed",
        "applied": False,
        "matched": "",
        "form": "alias",
    }
    return row | {"model_id": model_id, "technique": technique} | other


def evidence(models: list[dict[str, Any]], mentions: list[dict[str, Any]]) -> Evidence:
    return Evidence(
        pa.Table.from_pylist(models, schema=arrow_schema("models")),
        pa.Table.from_pylist(mentions, schema=arrow_schema("mentions")),
        FACTS,
    )


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def is_a(model_id: str, technique: str) -> dict[str, Any]:
    return says(model_id, technique, evidence_level="configured", location=None, applied=True)


def rows(table: pa.Table, **wanted: Any) -> list[dict[str, Any]]:
    return [r for r in table.to_pylist() if all(r[k] == v for k, v in wanted.items())]


def test_agreement_counts_the_four_cells() -> None:
    """Of four models that can be checked: one agrees, one cites falsely, one is silent, one is neither."""
    models = [model(f"a/{i}", config_status="parsed" if i < 4 else None) for i in range(6)]
    table = agreement(
        evidence(
            models,
            [says("a/0", "lora"), is_a("a/0", "dora"), says("a/1", "lora"), is_a("a/1", "ia3"), is_a("a/2", "lora"),
             says("a/5", "lora"), says("a/3", "lora", location="name"), is_a("a/3", "ia3")],
        )
    )  # fmt: skip
    check("agreement", table)
    (lora,) = rows(table, variants="variants_grouped", technique="lora")
    cells = ("cites_and_is", "cites_but_is_not", "is_but_does_not_cite", "neither", "checked", "listed")
    assert [lora[c] for c in cells] == [1, 1, 1, 1, 4, 6]
    assert (lora["citing_that_are"], lora["being_that_cite"]) == (0.5, 0.5)
    (ia3,) = rows(table, variants="variants_separate", technique="ia3")
    assert [ia3[c] for c in cells] == [0, 0, 2, 2, 4, 6]
    assert ia3["citing_that_are"] is None
    (dora,) = rows(table, variants="variants_separate", technique="dora")
    assert [dora[c] for c in cells] == [0, 0, 1, 3, 4, 6]


def test_what_no_configuration_shows_is_not_tellable() -> None:
    """A card that cites QLoRA next to a LoRA configuration neither agrees nor disagrees; grouped, it agrees."""
    models = [model(f"a{i}/m", config_status="parsed") for i in range(3)]
    mentions = [says("a0/m", "qlora"), is_a("a0/m", "lora"), says("a1/m", "dora"), is_a("a1/m", "lora")]
    table = agreement(evidence(models, mentions))
    check("agreement", table)
    cells = ("cites_and_is", "cites_but_is_not", "not_tellable", "is_but_does_not_cite", "neither", "citing_that_are")
    (qlora,) = rows(table, variants="variants_separate", technique="qlora")
    assert [qlora[c] for c in cells] == [0, 0, 1, 0, 2, None]
    (dora,) = rows(table, variants="variants_separate", technique="dora")
    assert [dora[c] for c in cells] == [0, 1, 0, 0, 2, 0.0]
    (lora,) = rows(table, variants="variants_grouped", technique="lora")
    assert [lora[c] for c in cells] == [2, 0, 0, 0, 1, 1.0]
    assert {sum(r[c] for c in cells[:5]) for r in table.to_pylist()} == {3}


def test_the_funnel_counts_the_same_models_at_every_step() -> None:
    """Four models with listed files, three with adapter files, of which one card cites what its configuration says."""
    models = [
        model("ann/1", adapter_files=2, config_status="parsed"),
        model("ann/2", adapter_files=1, config_status="parsed"),
        model("bob/1", adapter_files=1, status="no_card"),
        model("cyd/1", adapter_files=0),
        model("dan/1"),
    ]
    mentions = [
        says("ann/1", "qlora", applied=True),
        is_a("ann/1", "lora"),
        says("ann/2", "ia3"),
        is_a("ann/2", "lora"),
        says("cyd/1", "lora"),
        says("dan/1", "lora"),
    ]
    table = funnel(evidence(models, mentions))
    check("funnel", table)
    found = {(r["population"], r["step"]): (r["models"], r["base"]) for r in table.to_pylist()}
    assert found == {
        ("files_listed", "adapter_files"): (3, 4),
        ("files_listed", "card"): (3, 4),
        ("files_listed", "cites"): (3, 4),
        ("files_listed", "applies"): (1, 4),
        ("adapter_files", "card"): (2, 3),
        ("adapter_files", "cites"): (2, 3),
        ("adapter_files", "applies"): (1, 3),
        **{
            (population, step): (n, 2)
            for population in ("configured", "adapter_files_and_configured")
            for step, n in (("card", 2), ("cites", 2), ("applies", 1), ("cites_configured", 1))
        },
    }
    (cites,) = rows(table, population="adapter_files", step="cites")
    assert (cites["base"], cites["share"]) == (3, 2 / 3)
    assert cites["low"] <= cites["wilson_low"] < cites["share"] < cites["high"]


def test_breakdown_suppresses_small_cells_and_one_more() -> None:
    """A cell of two cards is hidden, and with it the next smallest; the others are counted."""
    sizes = {"text": 9, "image": 6, "audio": 2}
    models = [model(f"{tag}{i}/m", pipeline_tag=tag) for tag, n in sizes.items() for i in range(n)]
    mentions = [says(m["model_id"], "ia3" if m["model_id"].endswith("0/m") else "lora") for m in models]
    table = breakdown(evidence(models, mentions))
    check("breakdown", table)
    tags = rows(table, dimension="task", rule="exactly_one")
    assert {r["value"]: r["suppressed"] for r in tags} == {"text": False, "image": True, "audio": True}
    (text,) = rows(table, dimension="task", technique="lora", rule="exactly_one")
    assert (text["numerator"], text["base"], text["share"]) == (8, 9, 8 / 9)


def test_many_cards_of_two_authors_are_too_few() -> None:
    """A cell needs three authors, however many cards."""
    models = [model(f"{owner}/{i}", pipeline_tag="text") for owner in ("ann", "bob") for i in range(20)]
    table = breakdown(evidence(models, [says(m["model_id"], "lora") for m in models]))
    assert [r["suppressed"] for r in rows(table, dimension="task", rule="exactly_one")] == [True]


def test_long_lists_end_in_other() -> None:
    """Beyond forty values the small ones are one."""
    models = [model(f"a{i}-{j}/m", library_name=f"lib{i:02d}") for i in range(60) for j in range(5)]
    table = breakdown(evidence(models, [says(m["model_id"], "lora") for m in models]))
    values = {r["value"]: r["base"] for r in rows(table, dimension="library", technique="lora")}
    assert len(values) == 41
    assert values["other"] == 100


def test_groups_name_what_is_not_known() -> None:
    """Every dimension has a value for every model."""
    models = [
        model("a/1", created_at=day("2022-03-02"), downloads=0, languages=["EN"], generators=["peft/0.18.1"]),
        model("a/2", created_at=day("2025-04-17T05:57:08"), downloads=1234, languages=["en", "de"],
              generators=["peft/0.1", "trl"], base_model="meta-llama/Llama-3.2-1B", library_name="peft", tags=["en", "license:mit"]),
        model("b/3", pipeline_tag=" ", tags=["license:mit", "license:gpl"]),
    ]  # fmt: skip
    cards = evidence(models, [])
    assert {name: dimension.values(cards).to_pylist() for name, dimension in DIMENSIONS.items()} == {
        "month": [FLOOR, "2025-04", "not known"],
        "quarter": [FLOOR, "2025-Q2", "not known"],
        "year": [FLOOR, "2025", "not known"],
        "licence": ["not known", "mit", "several"],
        "author": ["a", "a", "b"],
        "base_model": ["not known", "meta-llama/Llama-3.2-1B", "not known"],
        "task": ["not known"] * 3,
        "base_family": ["not known", "llama", "not known"],
        "library": ["not known", "peft", "not known"],
        "generator": ["peft", "several", "people only"],
        "downloads": ["0", "1,000–9,999", "not known"],
        "language": ["en", "several", "not known"],
        "author_kind": ["2–9 models", "2–9 models", "1 model"],
    }


@pytest.mark.parametrize(
    ("base_model", "expected"),
    [
        ("stabilityai/stable-diffusion-xl-base-1.0", "sdxl"),
        ("runwayml/stable-diffusion-v1-5", "stable_diffusion_1"),
        ("stabilityai/stable-diffusion-3.5-large", "stable_diffusion_3"),
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "tinyllama"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "deepseek"),
        ("FacebookAI/xlm-roberta-base", "xlm_roberta"),
        ("someone/my-own-model", "other"),
    ],
)
def test_families_of_base_models(base_model: str, expected: str) -> None:
    """Special names stand before general ones."""
    assert family(base_model) == expected


def test_months_without_cards_are_gaps_and_small_ones_say_nothing() -> None:
    """January has six cards, March one, the unfinished April six; February is a row without share."""
    models = [model(f"a{i}/m", created_at=day("2025-01-10")) for i in range(6)]
    models += [model(f"b{i}/m", created_at=day("2025-04-10")) for i in range(6)]
    models += [model("z/m", created_at=day("2025-03-01")), model("old/m", created_at=day("2020-01-01")), model("u/m")]
    mentions = [says(m["model_id"], "ia3" if m["model_id"] == "a0/m" else "lora") for m in models]
    table = monthly(evidence(models, mentions))
    check("monthly", table)
    found = [
        (r["month"], r["numerator"], r["base"], r["share"]) for r in rows(table, technique="lora", rule="exactly_one")
    ]
    assert found == [
        (FLOOR, None, 1, None), ("2025-01", 5, 6, 5 / 6), ("2025-02", None, 0, None), ("2025-03", None, 1, None),
        ("2025-04", None, 6, None), ("not known", None, 1, None),
    ]  # fmt: skip
    assert {r["method"] for r in rows(table, month="2025-04")} == {"none: the month is not over"}


def test_months_and_groups_without_text_of_card_generators() -> None:
    """The tables have a second rule: of six cards a generator wrote three, and three people wrote the others."""
    models = [model(f"a{i}/m", created_at=day("2025-01-31"), library_name="peft") for i in range(8)]
    mentions = [says(m["model_id"], "lora", generator="peft/0.18.1" if i < 3 else None) for i, m in enumerate(models)]
    there = evidence(models, mentions)
    for table in (monthly(there), breakdown(there)):
        bases = {(r["rule"], r["base"]) for r in rows(table, technique="lora")}
        assert bases == {("exactly_one", 8), ("exactly_one/human_only", 5)}


@pytest.mark.parametrize("rule", ["fractional", "any/per_author", "any/by_downloads", "any/applied_only"])
def test_months_and_groups_under_any_rule(rule: str) -> None:
    """The bases of all months, and of all libraries, add up to the base of the rule."""
    models = [
        model(f"{'abc'[i % 3]}/{i}", created_at=day(f"2025-0{1 + i % 2}-28"), library_name="peft", downloads=i)
        for i in range(30)
    ]
    mentions = [
        says(m["model_id"], t, applied=True) for i, m in enumerate(models) for t in ("lora", "ia3")[: 1 + i % 2]
    ]
    there = evidence(models, mentions)
    base = pytest.approx(there.votes(parse_rule(rule)).base)
    assert sum(r["base"] for r in rows(monthly(there, [parse_rule(rule)]), technique="lora")) == base
    groups = rows(breakdown(there, [parse_rule(rule)]), technique="lora", dimension="library")
    assert sum(r["base"] for r in groups) == base


def test_adoption_counts_from_paper_and_from_release() -> None:
    """DoRA's paper is of February 2024; a card of January is older than its paper and shows as age -1."""
    models = [model(f"a/{i}", created_at=day(d)) for i, d in enumerate(("2024-01-05", "2024-03-31", "2024-03-01"))]
    table = adoption(evidence(models, [says(m["model_id"], "dora") for m in models]))
    check("adoption", table)
    assert [(r["anchor"], r["age"], r["cards"], r["cumulative"], r["base"], r["share"]) for r in table.to_pylist()] == [
        ("paper", -1, 1, 1, 1, 1.0), ("paper", 0, 0, 1, 0, None), ("paper", 1, 2, 3, 2, 1.0),
    ]  # fmt: skip


def test_no_card_is_lost_and_no_censored_age_is_given() -> None:
    """Of 125 cards that cite LoRA 100 are older than the Hub's dates, 20 have no date, and the last month is partial."""
    models = [model(f"a/{i}", created_at=day("2022-03-02")) for i in range(100)] + [model(f"u/{i}") for i in range(20)]
    models += [model(f"b/{i}", created_at=day("2022-05-07")) for i in range(5)]
    mentions = [says(m["model_id"], "lora") for m in models]
    mentions += [says("b/0", "dora")]
    there = evidence(models, mentions)
    found = [
        (r["month"], r["age"], r["period"], r["cards"], r["cumulative"])
        for r in rows(adoption(there), technique="lora", anchor="paper")
    ]
    assert found == [
        (FLOOR, None, "left_censored", 100, 100), ("2022-05", 11, "partial", 5, 105), ("not known", None, "undated", 20, 125),
    ]  # fmt: skip
    assert [
        (r["cards"], r["reached"], r["left_censored"], r["from_paper"], r["undated"])
        for r in rows(milestones(there), technique="lora")
    ] == [(n, FLOOR, True, None, 20) for n in (1, 10, 100)] + [(1000, None, False, None, 20)]


def test_cards_of_undated_models_only_have_a_row() -> None:
    """Without any date there is no age, but the cards are counted."""
    (row,) = adoption(evidence([model("a/1")], [says("a/1", "dora")])).to_pylist()
    assert (row["month"], row["age"], row["cumulative"]) == ("not known", None, 1)


def test_milestones_are_months_to_a_number_of_cards() -> None:
    """LoRA: 19 months from paper to release, one card after 24 months, ten after 25."""
    models = [model("a/0", created_at=day("2023-06-01"))]
    models += [model(f"b/{i}", created_at=day("2023-07-01")) for i in range(9)]
    table = milestones(evidence(models, [says(m["model_id"], "lora") for m in models]))
    check("milestones", table)
    assert [(r["cards"], r["reached"], r["paper_to_release"], r["from_paper"], r["from_release"]) for r in rows(table)] == [
        (1, "2023-06", 19, 24, 5), (10, "2023-07", 19, 25, 6), (100, None, 19, None, None), (1000, None, 19, None, None),
    ]  # fmt: skip


def test_concentration_of_two_halves_is_two_techniques() -> None:
    """Half and half: HHI 0.5, two effective techniques by both numbers; below thirty cards nothing is said."""
    models = [model(f"a/{i}", created_at=day("2025-01-01")) for i in range(40)]
    table = concentration(evidence(models, [says(m["model_id"], ("lora", "ia3")[i % 2]) for i, m in enumerate(models)]))
    check("concentration", table)
    (whole,) = rows(table, rule="exactly_one", month="all")
    assert (whole["hhi"], whole["effective_number"]) == (0.5, 2.0)
    assert whole["shannon_number"] == pytest.approx(2)
    few = concentration(evidence(models[:10], [says(m["model_id"], "lora") for m in models[:10]]))
    assert {(r["hhi"], r["enough"]) for r in few.to_pylist()} == {(None, False)}


TABLES = {f.__name__: f for f in (agreement, breakdown, monthly, adoption, milestones, concentration, funnel)}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    "case", ["no models", "no cards", "one card", "all lora", "none lora", "no dates", "absent columns"]
)
def test_too_little_is_no_crash(name: str, case: str) -> None:
    """Empty, single, one-sided and undated populations give tables that fit the schema."""
    dated = [model(f"a{i}/m", created_at=day("2024-05-05"), config_status="parsed") for i in range(50)]
    cases = {
        "no models": ([], []),
        "no cards": (dated, []),
        "one card": (dated[:1], [says("a0/m", "lora")]),
        "all lora": (dated, [says(m["model_id"], "lora") for m in dated]),
        "none lora": (dated, [says(m["model_id"], "ia3") for m in dated]),
        "no dates": ([m | {"created_at": None} for m in dated], [says("a0/m", "lora")]),
    }
    models, mentions = cases.get(case, cases["all lora"])
    there = evidence(models, mentions)
    if case == "absent columns":
        there.models = there.models.select(["model_id"])
    table = TABLES[name](there)
    check(name, table)
    for column in table.columns:
        if pa.types.is_floating(column.type):
            assert not any(v != v for v in column.to_pylist() if v is not None)


CARD = st.tuples(
    st.sampled_from(["ann", "bob", "cyd", "dan"]),
    st.sampled_from([None, "2022-03-02", "2024-01-31", "2024-04-01"]),
    st.sampled_from([None, "peft", "diffusers"]),
    st.sets(st.sampled_from(sorted(FACTS)), max_size=2),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(CARD, max_size=40), st.randoms())
def test_tables_add_up_and_do_not_know_the_order_of_cards(cards: list[Any], rng: Any) -> None:
    """Months add up to the dated base, adoption ends at its total, breakdown never exceeds the base."""
    models, mentions = [], []
    for i, (author, created, library, techniques) in enumerate(cards):
        models.append(model(f"{author}/{i}", created_at=day(created) if created else None, library_name=library))
        mentions += [says(f"{author}/{i}", t) for t in sorted(techniques)]
    there = evidence(models, mentions)
    votes = there.votes(parse_rule("exactly_one"))
    months = rows(monthly(there), technique="lora", rule="exactly_one")
    assert sum(r["base"] for r in months) == votes.base
    shown = rows(breakdown(there), dimension="library", suppressed=False, rule="exactly_one")
    cells = {(r["value"], r["base"]) for r in shown}
    assert sum(base for _, base in cells) <= votes.base
    ends = {(r["technique"], r["anchor"]): r["cumulative"] for r in adoption(there).to_pylist()}
    whole = {t: sum(t in c[3] for c in cards) for t in FACTS}
    assert all(whole[t] == n for (t, _), n in ends.items())
    again = evidence(rng.sample(models, len(models)), rng.sample(mentions, len(mentions)))
    for make in TABLES.values():
        assert make(again).equals(make(there))
