"""The counting rules on cards small enough to count by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest

from peft_census.count import Evidence, count_shares, headline, parse_rule
from peft_census.count.shares import Headline
from peft_census.count.uncertainty import wilson
from peft_census.snapshot.manifest import TechniqueFacts

FACTS = {
    "lora": TechniqueFacts("LoRA", "peft_type", "lora"),
    "qlora": TechniqueFacts("QLoRA", "outside_peft", "lora", variant_of="lora"),
    "qdora": TechniqueFacts("QDoRA", "outside_peft", "lora", variant_of="dora"),
    "dora": TechniqueFacts("DoRA", "variant", "lora", variant_of="lora"),
    "ia3": TechniqueFacts("(IA)^3", "peft_type", "ia3"),
    "galore": TechniqueFacts("GaLore", "not_peft", "lora"),
}


def mentions(*rows: tuple[str, str, str]) -> pa.Table:
    """Returns a mentions table from (model, technique, location)."""
    return pa.table(
        {n: pa.array([r[i] for r in rows], pa.string()) for i, n in enumerate(["model_id", "technique", "location"])}
    )


CARDS = mentions(
    ("a", "lora", "prose"),
    ("a", "lora", "front_matter"),
    ("b", "qlora", "code"),
    ("b", "lora", "prose"),
    ("c", "ia3", "prose"),
    ("d", "ia3", "table"),
    ("d", "lora", "prose"),
    ("e", "lora", "name"),
    ("f", "galore", "prose"),
    ("f", "qdora", "prose"),
    ("g", "galore", "prose"),
)


def evidence(table: pa.Table) -> Evidence:
    """Returns the evidence of a mentions table alone."""
    ids = pa.array(sorted(set(table["model_id"].to_pylist())), pa.string())
    return Evidence(pa.table({"model_id": ids}), table, FACTS)


def votes(rule: str, table: pa.Table = CARDS) -> tuple[float, dict[str, float]]:
    """Returns base and votes by technique."""
    counted = evidence(table).votes(parse_rule(rule))
    return counted.base, counted.totals()


def test_exactly_one_counts_cards_with_one_technique() -> None:
    """With variants separate, b has two techniques and does not count; grouped, QLoRA and LoRA are one."""
    assert votes("exactly_one/variants_separate") == (3, {"lora": 1, "ia3": 1, "qdora": 1})
    assert votes("exactly_one") == (4, {"lora": 3, "ia3": 1})


def test_any_counts_a_card_for_each_technique() -> None:
    """Shares of rule any may add up to more than one."""
    assert votes("any/variants_separate") == (5, {"lora": 3, "ia3": 2, "qlora": 1, "qdora": 1})
    assert votes("any") == (5, {"lora": 4, "ia3": 2})


def test_fractional_gives_one_vote_a_card() -> None:
    """Votes of rule fractional add up to its base."""
    base, split = votes("fractional/variants_separate")
    assert split == {"lora": 2.0, "ia3": 1.5, "qlora": 0.5, "qdora": 1.0}
    assert sum(split.values()) == base == 5


def test_names_and_techniques_outside_peft_proper_do_not_count() -> None:
    """A mention inside a name and a technique of kind not_peft add nothing anywhere."""
    alone = count_shares(evidence(mentions(("e", "lora", "name"), ("g", "galore", "prose"))))
    assert alone.to_pylist() == [row for row in alone.to_pylist() if row["rule"] == "exactly_one/include_names"]
    assert headline(alone) == Headline("exactly_one", "lora", n=0, base=0, share=None, low=None, high=None)


def test_configurations_count_under_their_own_rule_only() -> None:
    """What adapter_config.json says is not what the card says."""
    table = pa.table({"model_id": ["a"], "technique": ["ia3"], "evidence_level": ["configured"]})
    assert votes("exactly_one", table) == (0, {})
    assert votes("exactly_one/configured_only", table) == (1, {"ia3": 1})


def test_order_of_mentions_is_irrelevant() -> None:
    """Reversing the mentions gives the same table, row by row."""
    turned = CARDS.take(list(reversed(range(CARDS.num_rows))))
    assert count_shares(evidence(turned)).equals(count_shares(evidence(CARDS)))


def test_the_headline_is_loras_share() -> None:
    """The headline is LoRA under rule exactly_one; its interval is that by author, here one author worth one card."""
    head = headline(count_shares(evidence(CARDS)))
    assert (head.technique, head.n, head.base, head.share) == ("lora", 3, 4, 0.75)
    assert (head.low, head.high, head.effective_n) == pytest.approx((*wilson(0.75, 1), 1))
    assert (head.wilson_low, head.wilson_high) == pytest.approx((0.3006, 0.9544), abs=1e-4)


def test_lora_has_a_row_wherever_a_card_counts() -> None:
    """A counted zero is a row with an interval; without a card there is no row."""
    table = count_shares(evidence(mentions(("ann/c", "ia3", "prose"), ("bob/d", "ia3", "table"))))
    zero = headline(table)
    assert (zero.n, zero.base, zero.share, zero.low) == (0, 2, 0.0, 0.0)
    assert (zero.high, zero.effective_n) == pytest.approx((wilson(0, 2)[1], 2))


def test_the_published_interval_comes_out() -> None:
    """20,509 of 20,834 gives the interval that the published figures give: 98.26 to 98.60 %."""
    low, high = wilson(20_509, 20_834)
    assert (round(100 * low, 2), round(100 * high, 2)) == (98.26, 98.60)


def test_no_mentions_give_an_empty_table() -> None:
    """Counting nothing is no error."""
    assert count_shares(evidence(mentions())).num_rows == 0
