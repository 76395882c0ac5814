"""The naive search counts as a simple script would, including its errors."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peft_census.tag import load_taxonomy
from peft_census.tag.naive import NaiveCount, Name, front_matter, peft_names

NAMES, LISTS = peft_names(load_taxonomy().techniques.values())


def count(*cards: str | None, tags: list[list[str] | None] | None = None) -> dict[str, tuple[int, int, int]]:
    """Returns (LoRA alone, exactly one, at least one) by matcher."""
    counted = NaiveCount(NAMES, LISTS)
    batch = pa.record_batch(
        {
            "card": pa.array(cards, pa.string()),
            "tags": pa.array(tags or [None] * len(cards), pa.list_(pa.string())),
        }
    )
    counted.add(batch.slice(0, 1))
    counted.add(batch.slice(1))
    return {t.name: (t.subject, t.one, t.any) for t in counted.tallies}


def test_the_lists_are_those_of_peft() -> None:
    """Every type is searched; the shorter lists omit the types that their names exclude."""
    assert {"lora", "adalora", "miss", "waveft"} <= LISTS["every_type"]
    assert {"miss", "road", "bone"} & LISTS["no_words"] == set() and "adalora" in LISTS["no_words"]
    assert LISTS["first_types"] == {
        "lora",
        "adalora",
        "ia3",
        "loha",
        "lokr",
        "llama_adapter",
        "p_tuning",
        "prefix_tuning",
        "prompt_tuning",
        "multitask_prompt_tuning",
    }


def test_substrings_find_lora_everywhere() -> None:
    """AdaLoRA counts as two techniques and is dropped from exactly one; exploration counts as LoRA."""
    found = count("Trained with LoRA.", "An AdaLoRA adapter.", "An exploration of IA3", "exploration", None)
    assert found["naive/substring/first_types/card"] == (2, 2, 4)


def test_words_find_lora_alone() -> None:
    """Between word boundaries AdaLoRA is AdaLoRA; QLoRA and lora_r are nothing; case does not matter."""
    found = count("a lora", "AdaLoRA", "QLoRA and lora_r", "LORA with prefix-tuning", "IA3")
    assert found["naive/word/first_types/card"] == (1, 3, 4)
    assert found["naive/written/first_types/card"] == (0, 3, 3), "LORA is not how LoRA is written"


def test_ordinary_words_hide_lora() -> None:
    """With every type's name searched, a card that misses the road names three techniques."""
    found = count("LoRA. We miss the road.", "LoRA")
    assert found["naive/word/every_type/card"] == (1, 1, 2)
    assert found["naive/word/no_words/card"] == (2, 2, 2)
    assert found["naive/written/every_type/card"] == (2, 2, 2)


def test_front_matter_is_the_block_at_the_beginning() -> None:
    """A later block, or one that is not closed, is not front matter."""
    cards = [
        "---\ntags:\n- lora\n---\n# IA3",
        "\n---\r\ntags: [ia3]\r\n---\r\nLoRA",
        "text\n---\na: lora\n---\n",
        "---\nlora",
    ]
    assert front_matter(pa.array(cards)).to_pylist() == ["tags:\n- lora", "tags: [ia3]", None, None]
    assert count(*cards)["naive/word/first_types/front_matter"] == (1, 2, 2)


def test_tags_count_where_they_are_the_name() -> None:
    """The Hub's tags are compared whole; the tag of a base model that contains the name does not match."""
    tags = [["lora", "peft"], ["base_model:adapter:x/lora"], None, ["LoRA", "prefix-tuning"], ["Prompt_Tuning"], []]
    assert count(*[None] * 6, tags=tags)["naive/equal/every_type/tags"] == (1, 2, 3)


def test_no_batch_counts_nothing() -> None:
    """Before the first card every count is zero, and every matcher has a name and a meaning."""
    tallies = NaiveCount(NAMES, LISTS).tallies
    assert len(tallies) == len({t.name for t in tallies}) == 21
    assert all((t.subject, t.one, t.any) == (0, 0, 0) and t.meaning and t.name.startswith("naive/") for t in tallies)


@given(st.lists(st.text(st.sampled_from("LoRaloraAdIi3 -_.\n\x00é微"), max_size=40), min_size=1, max_size=4))
def test_re2_agrees_with_python(cards: list[str]) -> None:
    """Arrow's search gives the same result as Python's for any text."""
    found = count(*cards)
    listed = [n for n in NAMES if n.technique in LISTS["first_types"]]
    expected = 0
    for card in cards:
        hits = {n.technique for n in listed if re.search(n.pattern("word")[0], card, re.IGNORECASE | re.ASCII)}
        expected += hits == {"lora"}
    assert found["naive/word/first_types/card"][0] == expected


@pytest.mark.parametrize("name", NAMES, ids=lambda n: n.technique)
def test_every_name_is_found(name: Name) -> None:
    """A name is found with any separator between its words, and as a tag."""
    for separator in ("-", "_", " ", ""):
        text = name.written.replace(" ", separator)
        found = count(f"A {text} adapter", tags=[[text]])
        everywhere = [found[f"naive/{how}/every_type/card"][2] for how in ("substring", "word", "written")]
        assert [*everywhere, found["naive/equal/every_type/tags"][2]] == [1, 1, 1, 1], text
