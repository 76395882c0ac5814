"""The headline finds what is in a dump of known counts, for LoRA as for all other techniques."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from helpers import write_cards
from planted_dump import LORA, OTHERS, planted_dump

from peft_census.count import HEADLINE, Evidence
from peft_census.pipeline.sources import make_source
from peft_census.pipeline.tagging import tagged
from peft_census.snapshot.manifest import root_of
from peft_census.tag import load_taxonomy


def counted(folder: Path, lora: int) -> Counter[str]:
    """Returns the cards of each technique under the headline's rule, which are those that were planted."""
    rows, planted = planted_dump(lora)
    source = make_source(str(write_cards(folder / "dump.parquet", rows)))
    source.prepare()
    batches = list(tagged(source.batches(), None))
    models, mentions = (pa.Table.from_batches(part) for part in zip(*batches, strict=True))
    votes = Evidence(models, mentions, load_taxonomy().facts()).votes(HEADLINE)
    cards = Counter({technique: round(n) for technique, n in votes.totals().items()})
    assert cards == planted
    return cards


def others(cards: Counter[str]) -> int:
    return cards.total() - cards["lora"]


def test_the_headline_finds_every_planted_card(tmp_path: Path) -> None:
    """A twentieth of the cards of LoRA, and all others."""
    cards = counted(tmp_path, LORA // 20)
    assert (cards["lora"], others(cards)) == (LORA // 20, OTHERS)
    techniques = load_taxonomy().techniques
    roots = {root_of(t.id, techniques) for t in techniques.values() if t.kind != "not_peft"}
    assert set(cards) == roots


@pytest.mark.campaign
def test_the_headline_finds_every_card_of_the_whole_dump(tmp_path: Path) -> None:
    """All 20,509 cards of LoRA and 325 others."""
    cards = counted(tmp_path, LORA)
    assert (cards["lora"], others(cards)) == (20_509, 325)
