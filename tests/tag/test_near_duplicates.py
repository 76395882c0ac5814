"""Keys of near-duplicate cards."""

from __future__ import annotations

import pyarrow as pa
import pytest

from peft_census.snapshot.schema import arrow_schema
from peft_census.tag.batch import inputs, may_have_mentions, read_cards
from peft_census.tag.near_duplicates import near_duplicate_keys

CARD = """---
base_model: {base}
---
# {name}
This model is a LoRA adapter for [{base}](https://huggingface.co/{base}), trained for {n} steps on our own data.
Loss at the end: 0.{n}.
"""


def keys(*cards: tuple[str, str]) -> list[str]:
    bodies = [card.find("\n---\n", 4) + 5 if card.startswith("---") else 0 for _, card in cards]
    return near_duplicate_keys([c[0] for c in cards], [c[1] for c in cards], bodies)


def test_cards_that_differ_in_names_numbers_and_links_share_a_key() -> None:
    """Three cards from the same template have the same key; case and white space do not matter."""
    one = CARD.format(base="meta-llama/Llama-3.2-1B", name="my-lora-1", n=100)
    two = CARD.format(base="Qwen/Qwen2.5-7B", name="chat adapter v2", n=25_000)
    head, _, body = one.partition("\n---\n")
    three = f"{head}\n---\n{body.upper()}".replace("steps", "\r\n steps")
    assert len(set(keys(("ann/my-lora-1", one), ("bob/chat-adapter-v2", two), ("ann/my-lora-1", three)))) == 1


@pytest.mark.parametrize("more", ["It was later merged.", "它是用 LoRA 训练的。", "not"])
def test_one_more_word_is_another_card(more: str) -> None:
    """Words in any script count."""
    card = CARD.format(base="a/b", name="x", n=1)
    assert len(set(keys(("o/model", card), ("o/model", card + more)))) == 2


def test_the_key_of_a_short_body_includes_the_front_matter() -> None:
    """Two cards with empty bodies and different tags are not near-duplicates."""
    assert len(set(keys(("a/model", "---\ntags: [lora]\n---\n"), ("b/model", "---\ntags: [dora]\n---\n")))) == 2


def test_only_cards_with_a_mention_get_a_key_and_front_matter_is_kept() -> None:
    """The row of a card contains its base model, languages and key."""
    texts = ["---\nbase_model: [a/b, c/d]\nlanguage: [en, no]\n---\nTrained with LoRA.", "Nothing here.", None]
    batch = pa.RecordBatch.from_pydict(
        {"model_id": ["a/1", "a/2", "a/3"], "card": texts},
        schema=pa.schema([arrow_schema("cards").field(n) for n in ("model_id", "card")]),
    )
    assert may_have_mentions(batch).to_pylist() == [True, False, False]
    first, *others = read_cards(inputs(batch)).to_pylist()
    assert (first["base_model"], first["languages"]) == ("a/b", ["en", "no"])
    assert len(first["near_duplicate"]) == 16
    assert [(card["near_duplicate"], card["mentions"]) for card in others] == [(None, [])] * 2
