"""Claims have everything needed to print a number, and never say that a card's model uses a technique."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from literal_snapshot import EXACTLY_ONE, NAMES, share_rows

from peft_census.errors import SnapshotError
from peft_census.publish.claims.shares import BARS, break_down, make_claims
from peft_census.publish.snapshot_reader import clean, read_shares, select, shorten


def by_id(claims):
    return {c.id: c for c in claims}


def test_every_snapshot_has_the_same_kinds_of_claims(make_snapshot) -> None:
    """The claims are the headline, the same under other rules, the three largest others, and coverage."""
    assert [c.id for c in make_claims(make_snapshot())] == [
        "headline",
        "exactly_one/variants_separate.lora",
        "any.lora",
        "fractional.lora",
        "exactly_one.adalora",
        "exactly_one.llama_adapter",
        "exactly_one.ia3",
        "coverage",
    ]


def test_the_headline_says_share_counts_base_source_interval_and_snapshot(make_snapshot) -> None:
    """The sentence to quote needs no context."""
    headline = make_claims(make_snapshot())[0]
    assert headline.quote == (
        "Of 20,834 model cards that cite exactly one technique (cards.parquet, cards dated 2 March 2022 to "
        "30 April 2025), 20,509 (98.4%) cite LoRA; variants count as the technique they derive from (QLoRA as LoRA) "
        "(author-clustered 95% interval 98.3–98.6%, effective sample size 10,417; rule exactly_one; peft_census, "
        "snapshot 2025-04-30-0123456789ab)."
    )
    assert headline.effective_n == 10417
    assert headline.misquote == "98.4% of models use LoRA."
    assert headline.title == "98.4% of cards that cite exactly one technique cite LoRA"
    assert headline.subtitle.startswith("n = 20,834 cards that cite exactly one technique")
    assert headline.source_line == "Source: peft_census, snapshot 2025-04-30-0123456789ab. Data: cards.parquet"


def test_no_sentence_to_quote_says_use(make_snapshot) -> None:
    """Only the sentence that must not be written says *use*."""
    for claim in make_claims(make_snapshot()):
        assert " use " not in f" {claim.quote} {claim.title} ".replace(".", " ")
        assert " use " in claim.misquote


def test_the_caveat_says_what_a_few_misread_cards_would_do(make_snapshot) -> None:
    """As many misread cards again as there are others would move 98.4% to 96.9%."""
    assert "Only 325 cards of the base cite another technique" in make_claims(make_snapshot())[0].caveat
    assert "would move the share to 96.9%" in make_claims(make_snapshot())[0].caveat


def test_fractional_votes_are_called_votes(make_snapshot) -> None:
    """Under rule fractional a technique gets votes, not cards."""
    claim = by_id(make_claims(make_snapshot()))["fractional.lora"]
    assert "LoRA gets 20,704.5 of 21,360 votes (96.9%)" in claim.quote


def test_coverage_counts_what_could_not_be_read(make_snapshot) -> None:
    """The claim has the numbers listed, read and missing, and no interval."""
    claim = by_id(make_claims(make_snapshot()))["coverage"]
    assert (claim.numerator, claim.base, claim.low, claim.high) == (25000, 30000, None, None)
    assert "25,000 (83.3%) have a card with text; 5,000 have none or could not be read" in claim.quote


def test_the_alt_text_names_every_bar(make_snapshot) -> None:
    """The alt text has every number of the chart."""
    alt = make_claims(make_snapshot())[0].alt_text
    for words in (
        "LoRA 20,509 of 20,834 cards (98.4%",
        "all other techniques together 325 (1.6%)",
        "AdaLoRA 310 (1.5%)",
        "LLaMA-Adapter (adaption prompt) 14 (fewer than 0.1%)",
        "(IA)³ 1 (fewer than 0.1%)",
    ):
        assert words in alt


def test_a_base_of_zero_is_a_claim_without_a_share(make_snapshot) -> None:
    """If no card cites exactly one technique, the claim has no share and says why."""
    headline, coverage = make_claims(make_snapshot([]))
    assert (headline.kind, headline.base, headline.share, headline.low, headline.technique) == (
        "empty",
        0,
        None,
        None,
        None,
    )
    assert headline.title == "No card cites exactly one technique, so there is no share to show"
    assert "none of them cites any" in headline.quote
    assert coverage.id == "coverage"


def test_cards_that_all_cite_several_leave_the_headline_empty_and_the_other_rules_full(make_snapshot) -> None:
    """Rule any counts cards even if rule exactly_one counts none."""
    rows = share_rows("any", 4, {"lora": (4, 1.0, 0.51, 1.0), "ia3": (3, 0.75, 0.3, 0.95)})
    headline, rival, _coverage = make_claims(make_snapshot(rows))
    assert "cards that cite several are counted under other rules" in headline.quote
    assert rival.id == "any.lora"
    assert rival.title == "100% of cards that cite at least one technique cite LoRA"


def test_a_specimen_marks_every_sentence_that_could_be_quoted(make_snapshot) -> None:
    """Every quote of a specimen says that its shares mean nothing."""
    for claim in make_claims(make_snapshot(specimen=True)):
        assert claim.specimen
        assert claim.quote.startswith("SPECIMEN · made-up cards · shares mean nothing. ")
        assert claim.alt_text.startswith("SPECIMEN")


def test_claims_cannot_be_changed(make_snapshot) -> None:
    """A claim is frozen."""
    with pytest.raises(AttributeError):
        make_claims(make_snapshot())[0].quote = "x"


def test_a_technique_without_a_name_stops_publishing(make_snapshot) -> None:
    """The error names the snapshot and the technique that its manifest does not describe."""
    with pytest.raises(SnapshotError, match=r"2025-04-30-0123456789ab: technique 'adalora'"):
        make_claims(make_snapshot(names={"lora": ("LoRA", None)}))


@pytest.mark.parametrize(
    ("others", "shown", "summed"), [(0, 0, 0), (12, 12, 0), (13, 13, 0), (14, 12, 2), (40, 12, 28)]
)
def test_small_shares_are_summed_only_where_two_or_more_are_left(
    make_snapshot, others: int, shown: int, summed: int
) -> None:
    """ "1 others" never appears."""
    names = {f"t{i:02}": (f"Technique {i}", None) for i in range(others)}
    votes = {t: (50 - i, 0.01, 0.005, 0.02) for i, t in enumerate(names)}
    rows = read_shares(make_snapshot(share_rows("exactly_one", 5000, votes), names=names))
    parts = break_down(select(rows, "exactly_one"))
    assert (len(parts[0]), len(parts[1])) == (shown, summed)
    assert BARS == 12


def test_hostile_names_are_made_harmless_and_short(make_snapshot) -> None:
    """Control and direction marks, line breaks and lone surrogates leave a name; a long one loses its middle."""
    assert clean("a\nb\x00c\u202ed\ud800e\ufffff") == "a b\ufffdc\ufffdd\ufffde\ufffdf"
    assert shorten("x" * 200, 60) == f"{'x' * 39}…{'x' * 20}"
    names = NAMES | {"lora": ("L" * 500, None)}
    assert "L" * 61 not in str(asdict(make_claims(make_snapshot(names=names))[0]))


def test_shares_are_read_in_one_order_whatever_the_order_in_the_table(make_snapshot) -> None:
    """Rule, variants, votes and technique decide the order."""
    rows = share_rows("any/variants_separate", 20834, EXACTLY_ONE) + share_rows("exactly_one", 20834, EXACTLY_ONE)
    read = read_shares(make_snapshot(rows[::-1]))
    assert [(s.rule, s.technique) for s in read] == [
        (rule, t) for rule in ("exactly_one", "any/variants_separate") for t in EXACTLY_ONE
    ]


def test_the_headline_names_the_leader_where_another_technique_leads(make_snapshot) -> None:
    """The headline is LoRA's share, and its title names the technique with a larger share."""
    votes = {"adalora": (97, 0.752, 0.671, 0.818), "lora": (32, 0.248, 0.182, 0.329)}
    headline = make_claims(make_snapshot(share_rows("exactly_one", 129, votes)))[0]
    assert headline.technique == "lora"
    assert headline.title == ("24.8% of cards that cite exactly one technique cite LoRA; AdaLoRA leads with 75.2%")


def test_a_counted_zero_is_a_share_of_zero(make_snapshot) -> None:
    """If cards are counted and none cites LoRA, its share is 0% with an interval, not missing."""
    votes = {"adalora": (10, 1.0, 0.722, 1.0), "lora": (0, 0.0, 0.0, 0.2775)}
    headline = make_claims(make_snapshot(share_rows("exactly_one", 10, votes)))[0]
    assert (headline.kind, headline.numerator, headline.base, headline.share) == ("share", 0, 10, 0.0)
    assert headline.quote.startswith("Of 10 model cards that cite exactly one technique")
    assert "0 (0%) cite LoRA" in headline.quote
    assert headline.high == 0.2775


def test_a_headline_that_a_copy_leaves_out_is_not_a_zero(make_snapshot) -> None:
    """An aggregate copy without LoRA's row has no share, and does not say that no card counts."""
    headline = make_claims(make_snapshot(share_rows("exactly_one", 10, {"adalora": (10, 1.0, 0.722, 1.0)})))[0]
    assert (headline.kind, headline.share) == ("empty", None)
    assert "leaves out cells of few cards" in headline.quote
    assert "no model card cites" not in headline.quote
