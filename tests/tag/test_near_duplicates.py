"""Clusters of near-duplicate cards."""

from __future__ import annotations

import random
import re
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pytest

from peft_census.collect.parquet import find_files
from peft_census.pipeline.sources import make_source
from peft_census.pipeline.tagging import tagged
from peft_census.snapshot.schema import arrow_schema
from peft_census.tag import read_card
from peft_census.tag.batch import inputs, may_have_mentions, read_cards
from peft_census.tag.near_duplicates import CitingCard, NearDuplicates, fingerprints, with_clusters

REAL = Path(__file__).parents[3] / "shared" / "real"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="../shared/real is absent")

CARD = """---
base_model: {base}
---
# {name}
This model is a LoRA adapter for [{base}](https://huggingface.co/{base}), trained for {n} steps on our own data.
Loss at the end: 0.{n}. We searched the internet for letters that people had written to the editors of newspapers
between the wars, removed those with names of private persons, and asked three readers to label the rest by tone.
"""


def card(text: str, model_id: str = "o/model") -> CitingCard:
    return CitingCard(model_id, text, read_card(model_id, text))


def clusters(*cards: CitingCard) -> list[str]:
    near = NearDuplicates()
    found = fingerprints(cards)
    near.add([f.key for f in found], [f.signature for f in found])
    known = near.clusters()
    return [known.get(f.key, f.key) for f in found]


def n_clusters(*cards: CitingCard) -> int:
    return len(set(clusters(*cards)))


def test_cards_that_differ_in_names_numbers_and_links_share_a_key() -> None:
    """Three cards from the same template have the same key; case and white space do not matter."""
    one = CARD.format(base="meta-llama/Llama-3.2-1B", name="my-adapter-1", n=100)
    two = CARD.format(base="Qwen/Qwen2.5-7B", name="chat adapter v2", n=25_000)
    head, _, body = one.partition("\n---\n")
    three = f"{head}\n---\n{body.upper()}".replace("steps", "\r\n steps")
    found = fingerprints(
        [card(one, "ann/my-adapter-1"), card(two, "bob/chat-adapter-v2"), card(three, "ann/my-adapter-1")]
    )
    assert len({f.key for f in found}) == 1


def test_a_number_in_scientific_notation_is_a_number() -> None:
    """``2e-05`` and ``0.0001`` do not tell two cards apart, however short they are."""
    text = "A LoRA adapter for letters to the editor, trained with a learning rate of {}."
    assert len({f.key for f in fingerprints([card(text.format(n)) for n in ("2e-05", "0.0001", "1.5e+3")])}) == 1


@pytest.mark.parametrize(
    "change", [("letters", "essays"), ("the rest", "the rest, twice,"), ("tone.", "tone. It was later merged.")]
)
def test_a_changed_word_and_an_added_sentence_are_near_duplicates(change: tuple[str, str]) -> None:
    """The key differs, the cluster does not."""
    one = CARD.format(base="a/b", name="x", n=1)
    cards = card(one), card(one.replace(*change))
    assert len({f.key for f in fingerprints(cards)}) == 2
    assert n_clusters(*cards) == 1


def test_other_texts_are_other_clusters() -> None:
    """Half of the words in common are not enough."""
    one = CARD.format(base="a/b", name="x", n=1)
    words = one.split()
    other = (
        " ".join(words[: len(words) // 2]) + " LoRA was trained on the minutes of the town council of 1911 and on maps."
    )
    assert n_clusters(card(one), card(other)) == 2


@pytest.mark.parametrize(
    ("this", "that"),
    [("LoRA/QLoRA", "IA3/VeRA"), ("LoRA", "DoRA"), ("LoRA was used", "LoRA was not used")],
)
def test_techniques_are_content(this: str, that: str) -> None:
    """Cards that cite different techniques, or one negated and one not, are never near-duplicates."""
    text = (
        CARD.format(base="a/b", name="x", n=1).replace("a LoRA adapter", "an adapter") + "\nMethod of training: {}.\n"
    )
    assert n_clusters(card(text.format(this)), card(text.format(that))) == 2


def test_techniques_in_tags_and_in_the_name_of_the_model_are_content() -> None:
    """The name of the model is removed from the text, but not what it says about a technique."""
    plain = CARD.format(base="a/b", name="x", n=1)
    tags = [plain.replace("---\n# x", f"tags: [{tag}]\n---\n# x") for tag in ("lora", "adalora")]
    assert n_clusters(*map(card, tags)) == 2
    names = [card(plain.replace("# x", f"# {name}"), f"ann/{name}") for name in ("lora", "dora")]
    assert n_clusters(*names) == 2


def test_a_short_body_is_compared_with_its_front_matter() -> None:
    """Two cards with empty bodies and different front matter are not near-duplicates."""
    texts = [f"---\ntags: [lora]\nlanguage: {language}\n---\n" for language in ("en", "de")]
    assert n_clusters(*map(card, texts)) == 2


def test_clusters_are_closed_and_independent_of_the_order() -> None:
    """A chain of small changes is one cluster with one key, in whatever order its cards come."""
    words = CARD.format(base="a/b", name="x", n=1).split("\n", 4)[4].split()
    chain = []
    for i in range(0, 24, 3):
        words[20 + i] = f"word{chr(97 + i)}"
        chain.append(card(" ".join(words)))
    assert n_clusters(chain[0], chain[-1]) == 2
    first = clusters(*chain)
    assert len(set(first)) == 1
    for seed in range(5):
        order = random.Random(seed).sample(range(len(chain)), len(chain))
        assert clusters(*(chain[i] for i in order)) == [first[i] for i in order]


def test_only_cards_with_a_mention_have_a_fingerprint_and_front_matter_is_kept() -> None:
    """The row of a card contains its base model, languages, key and signature."""
    texts = ["---\nbase_model: [a/b, c/d]\nlanguage: [en, no]\n---\nTrained with LoRA.", "Nothing here.", None]
    batch = pa.RecordBatch.from_pydict(
        {"model_id": ["a/1", "a/2", "a/3"], "card": texts},
        schema=pa.schema([arrow_schema("cards").field(n) for n in ("model_id", "card")]),
    )
    assert may_have_mentions(batch).to_pylist() == [True, False, False]
    first, *others = read_cards(inputs(batch)).to_pylist()
    assert (first["base_model"], first["languages"]) == ("a/b", ["en", "no"])
    assert len(first["near_duplicate"]) == 16
    assert [(card["near_duplicate"], card["signature"], card["mentions"]) for card in others] == [(None, None, [])] * 2


@pytest.fixture(scope="module")
def real() -> list[CitingCard]:
    """The real cards with a mention."""
    cards = []
    for name in ("model_cards", "recent_cards"):
        source = make_source(str(REAL / name), quiet=True)
        source.prepare()
        for batch in source.batches():
            chosen = inputs(batch).filter(may_have_mentions(batch)).to_pylist()
            read = [card(row["card"], row["model_id"]) for row in chosen if row["card"] is not None]
            cards += [c for c in read if c.tagged.mentions]
    return cards


@needs_real
def test_recall_and_precision_on_real_cards(real: list[CitingCard]) -> None:
    """Recall is at least 0.9 at a precision of at least 0.99.

    True pairs cite the same techniques, and their sets of three-word shingles have a Jaccard similarity of 0.8 or more.
    """
    found = clusters(*real)
    words = [c.text[c.tagged.body :].lower().split() for c in real]
    shingles = [{*zip(w, w[1:], w[2:], strict=False)} or {tuple(w)} for w in words]
    techniques = [{m.technique for m in c.tagged.mentions} for c in real]
    true, merged, both = 0, 0, 0
    for i, j in combinations(range(len(real)), 2):
        same = found[i] == found[j]
        common = len(shingles[i] & shingles[j])
        similar = common >= 0.8 * (len(shingles[i]) + len(shingles[j]) - common)
        is_true = techniques[i] == techniques[j] and similar
        true, merged, both = true + is_true, merged + same, both + (is_true and same)
    assert true > 1_000
    assert both / true >= 0.9
    assert both / merged >= 0.99


@needs_real
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: re.sub(r"(?<!\S)\d+(\.\d+)?(?!\S)", "7", c), 0.95),
        (lambda c: re.sub(r"\d(\.\d+)?e-0\d", "0.0001", c), 1.0),
        (lambda c: c + "\n\nThis sentence was added to the end of the card by its author.\n", 0.9),
        (lambda c: re.sub(r"(?<!\S)(with|that|from|this)(?!\S)", "zebra", c, count=1), 0.9),
    ],
)
def test_copies_of_real_cards(real: list[CitingCard], change: object, expected: float) -> None:
    """A copy with one change is a near-duplicate of its original."""
    same, n = 0, 0
    for original in real[::3]:
        body = original.tagged.body
        copy = card(original.text[:body] + change(original.text[body:]), original.model_id)  # type: ignore[operator]
        if {m.technique for m in copy.tagged.mentions} != {m.technique for m in original.tagged.mentions}:
            continue
        same, n = same + (n_clusters(original, copy) == 1), n + 1
    assert n > 50
    assert same / n >= expected


@needs_real
def test_row_groups_and_order_do_not_matter() -> None:
    """Cards in other batches and in another order have the same clusters."""
    cards = pa.Table.from_batches(
        make_source(str(find_files(str(REAL / "model_cards")).paths[1]), quiet=True).batches()
    )

    def found(cards: pa.Table, rows: int) -> dict[str, str]:
        near = NearDuplicates()
        models = [m for m, _ in tagged(cards.to_batches(rows), near_duplicates=near)]
        table = with_clusters(pa.Table.from_batches(models), near.clusters())
        return dict(zip(table["model_id"].to_pylist(), table["near_duplicate"].to_pylist(), strict=True))

    expected = found(cards, 10_000)
    assert len({*expected.values()}) < sum(key is not None for key in expected.values())
    assert found(cards.take(pa.array(range(len(cards) - 1, -1, -1))), 97) == expected
