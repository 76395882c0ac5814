"""Properties of any text: nothing raises, the offsets are right, and other cards have no influence."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peft_census.snapshot.schema import arrow_schema, check
from peft_census.tag import read_card, tag
from peft_census.tag.front_matter import read_front_matter

PIECES = """
LoRA|lora|QLoRA|AdaLoRA|use_dora=True|VeRA|prefix tuning|LoraConfig|2106.09685|https://arxiv.org/abs/2106.09685|PEFT|adapter
---|```|~~~|`|# |## Training|## References|=====|@misc{|}|<code>|</code>|<details>|</details>|[|](|)|<|"|'|\\|/|:|- |> |1.
no|not used|without|was trained with|you can|未使用|微调|アダプタ|를|без|tags:|base_model:|widget:|- text:|acme/llama-7b-lora
a.safetensors|&a|*a|!!int|0x|null|{|||,|.|。|--|_|=|false|é|🦓
""".replace("\n", "|").split("|")
cards = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from([p or "|" for p in PIECES] + ["\n", "\r\n", "\n\n", " ", "\r", "\ufeff", "\x00"]), max_size=60
    ).map("".join),
)
quick = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
few = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def batch(texts: list[str | None]) -> pa.RecordBatch:
    """Returns cards ``m/0``, ``m/1`` … as input for the tagger."""
    names = [f"m/{i}" for i in range(len(texts))]
    return pa.RecordBatch.from_arrays(
        [pa.array(names, pa.string()), pa.array(texts, pa.string())], ["model_id", "card"]
    )


@quick
@given(cards)
def test_any_text(card: str) -> None:
    """Any text is read, and the offsets of every mention and rejected candidate are right."""
    reading = read_card("acme/zebra", card)
    for m in reading.mentions:
        assert card[m.start : m.end] == m.matched
    for r in reading.rejected:
        assert card[r.start : r.end] == r.matched
    assert reading.unread_chars == 0


@quick
@given(cards)
def test_any_text_as_front_matter(block: str) -> None:
    """Any text between two delimiters has a parse status."""
    front = read_front_matter(f"---\n{block}\n---\nBody")
    assert front.status in ("parsed", "none", "not_a_mapping", "invalid", "too_large")
    assert 0 <= front.start <= front.end <= front.after


@few
@given(st.binary(max_size=400))
def test_any_bytes(content: bytes) -> None:
    """Bytes that are not UTF-8 are read after replacement of those that cannot be decoded."""
    card = (b"---\ntags: [lora]\n---\nLoRA " + content).decode("utf-8", errors="replace")
    assert [m.technique for m in read_card("acme/zebra", card).mentions[:1]] == ["lora"]


@few
@given(st.lists(st.one_of(st.none(), cards), max_size=6), st.data())
def test_batches_and_order(texts: list[str | None], data: st.DataObject) -> None:
    """The result for a batch is that of its cards one by one, in any order."""
    whole = batch(texts)
    mentions = tag(whole)
    check("mentions", mentions)
    rows = mentions.to_pylist()
    assert rows == [row for i in range(len(texts)) for row in tag(whole.slice(i, 1)).to_pylist()]
    order = data.draw(st.permutations(range(len(texts))))
    shuffled = tag(whole.take(pa.array(order, pa.int64()))).to_pylist()
    assert shuffled == [row for i in order for row in rows if row["model_id"] == f"m/{i}"]


@few
@given(cards)
def test_the_prefilter_hides_nothing(card: str) -> None:
    """A card read alone and in a batch has the same mentions."""
    assert [r["matched"] for r in tag(batch([card])).to_pylist()] == [
        m.matched for m in read_card("m/0", card).mentions
    ]


NEUTRAL = [
    "Zebras live in herds and eat grass.",
    "The evaluation ran on eight cards with a batch of 32 and took two days.",
    "## Licence\n\nApache 2.0, see the file of that name.",
    "| country | herds |\n|---|---|\n| Kenya | 12 |",
    "```python\nprint('zebra')\n```",
    "请注意：斑马吃草。",
    "Write to herds@example.org or see https://example.org/zebra for more.",
]
BASES = [
    "This model was trained with LoRA.",
    "---\ntags: [lora]\n---\n\nA model of zebras.",
    "# Zebra\n\nWe did not use QLoRA.",
    "Tuned with VeRA, a PEFT method.",
    "A model of Vera and Dora.",
]


@pytest.mark.parametrize("paragraph", NEUTRAL)
@pytest.mark.parametrize("base", BASES)
def test_neutral_text_adds_nothing(base: str, paragraph: str) -> None:
    """Unrelated text after a blank line neither adds nor changes a mention."""

    def rows(card: str) -> list[tuple[object, ...]]:
        return [
            (m.technique, m.start, m.location, m.polarity, m.applied) for m in read_card("acme/zebra", card).mentions
        ]

    assert rows(f"{base}\n\n{paragraph}\n") == rows(f"{base}\n")


def test_an_empty_batch() -> None:
    """No cards, no mentions, the same columns."""
    assert tag(batch([])).schema == arrow_schema("mentions")
    assert tag(batch([])).num_rows == 0
