"""Card generators: the tool that wrote a mention, or None for a person."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peft_census.tag import read_card
from peft_census.tag.front_matter import read_front_matter
from peft_census.tag.generators import Generator, find_generated_spans, generators_sha256, load_generators

CARDS = {
    "adapterhub": "An [adapter](https://adapterhub.ml) for the zebra model. It is a LoRA.\n",
    "web_ui_steps": "2. Under **Download custom model or LoRA**, enter `acme/zebra`.\n",
    "api_page": '```python\nbody = {"embeddings": "embeddings_model_id", "lora": "lora_model_id"}\n```\n',
    "fast_dreambooth": "### Zebra Dreambooth model trained by acme with [TheLastBen's fast-DreamBooth](x)\n\nA LoRA.\n",
    "llama_factory": "---\ntags:\n- llama-factory\n- lora\n---\n\nZebras.\n",
    "civitai_migration": "---\ntags:\n- lora\n- migrated\n---\n\nZebras.\n",
    "sd_lora_form": "---\ntags:\n- lora\n- template:sd-lora\n---\n\nZebras.\n",
    "sd_concepts": "# Zebra\n\nThis is a concept taught to Stable Diffusion via Textual Inversion.\n",
    "diffusers": "# Zebra\n\nThese are LoRA adaption weights for acme/base.\n",
    "autotrain": "# Model Trained Using AutoTrain\n\nA LoRA of zebras.\n",
    "simpletuner": "---\ntags:\n- lora\n- simpletuner\n---\n\nZebras.\n",
    "ai_toolkit": "Model trained with AI Toolkit by Ostris.\n\nA LoRA of zebras.\n",
    "replicate": "Trained on Replicate using some trainer.\n\nA LoRA of zebras.\n",
    "trl": "# Zebra\n\nIt has been trained using [TRL](https://github.com/huggingface/trl) and LoRA.\n",
    "unsloth": "# Zebra\n\nThis LoRA was trained 2x faster with [Unsloth](https://example.org).\n",
    "axolotl": "# Zebra\n\n<details><summary>See axolotl config</summary>\n\n```yaml\nadapter: lora\n```\n\n</details>\n",
    "trainer": "<!-- Written with the information the Trainer had access to. -->\n\n# Zebra\n\nA LoRA.\n",
    "mergekit": "This is a merge of pre-trained language models created using [mergekit](x). A LoRA.\n",
    "gguf": "static quants of https://huggingface.co/acme/zebra\n\nA LoRA.\n",
    "peft": "---\nlibrary_name: peft\ntags:\n- lora\n---\n\nZebras.\n\n### Framework versions\n\n- PEFT 0.18.1\n",
}


def test_every_generator_has_a_card_here() -> None:
    """Every generator in generators.toml has a card in this test."""
    assert set(CARDS) == {g.id for g in load_generators()}


@pytest.mark.parametrize("generator", CARDS)
def test_fingerprint(generator: str) -> None:
    """A card with the fingerprint of a tool, and its mentions, are attributed to that tool."""
    reading = read_card("acme/zebra", CARDS[generator])
    assert [g.partition("/")[0] for g in reading.generators] == [generator]
    written = {(m.generator or "").partition("/")[0] for m in reading.mentions if m.location != "name"}
    assert written == {generator}


@pytest.mark.parametrize("generator", load_generators(), ids=lambda g: g.id)
@given(data=st.data())
@settings(max_examples=30)
def test_signs_miss_nothing(generator: Generator, data: st.DataObject) -> None:
    """Every text that a marker matches contains one of the signs."""
    text = data.draw(st.from_regex(generator.marker))
    assert any(sign in text for sign in generator.signs)


def test_a_person_has_no_generator() -> None:
    """A card without fingerprints is attributed to a person."""
    reading = read_card("acme/zebra", "# Zebra\n\nI trained it with LoRA, using the Trainer and PEFT.\n")
    assert reading.generators == []
    assert [m.generator for m in reading.mentions] == [None]


@pytest.mark.parametrize("line", ["- PEFT 0.18.1", "- PEFT: 0.18.1"])
def test_peft_release(line: str) -> None:
    """The release of PEFT follows the id of the generator."""
    card = f"---\ntags:\n- lora\n---\n\nI like LoRA.\n\n{line}\n"
    mentions = read_card("acme/zebra", card).mentions
    assert [(m.location, m.generator) for m in mentions] == [("front_matter", "peft/0.18.1"), ("prose", None)]


def test_development_release() -> None:
    """A development version keeps its full number."""
    card = "---\ntags:\n- lora\n---\n\n- PEFT 0.17.2.dev0\n"
    assert read_card("acme/zebra", card).generators == ["peft/0.17.2.dev0"]


@pytest.mark.parametrize(
    ("release", "writer"),
    [("0.4.0", None), ("0.15.2", None), ("0.16.0", "peft/0.16.0"), ("0.21.2", "peft/0.21.2"), ("1.0.0", "peft/1.0.0")],
)
def test_peft_writes_the_tag_since_0_16(release: str, writer: str | None) -> None:
    """The tag lora in a PEFT card is attributed to the tool from release 0.16.0 on, and to a person before."""
    card = f"---\nlibrary_name: peft\ntags:\n- lora\n---\n\n- PEFT {release}\n"
    reading = read_card("acme/zebra", card)
    assert reading.generators == [f"peft/{release}"]
    assert [m.generator for m in reading.mentions] == [writer]


def test_a_block_ends() -> None:
    """Only the block of a tool is attributed to it; the text around the block is a person's."""
    card = (
        "I trained it with LoRA.\n\n<details><summary>See axolotl config</summary>\n\naxolotl version: `0.4.1`\n"
        "```yaml\nadapter: lora\n```\n\n</details>\n\nAs I said, LoRA.\n"
    )
    assert [m.generator for m in read_card("acme/zebra", card).mentions] == [None, "axolotl/0.4.1", None]


@pytest.mark.parametrize(
    ("card", "generator"),
    [
        (
            "1. Click the **Model tab**.\n2. Under **Download custom model or LoRA**, enter `acme/zebra`.\n",
            "web_ui_steps",
        ),
        ('Call it:\n\n    body = {"seed": 1, "lora": "lora_model_id", "webhook": None}\n', "api_page"),
        ('```\n{"lora_model": null, "lora": "lora_model_id"}\n```\n', "api_page"),
    ],
)
def test_fixed_text_about_other_models(card: str, generator: str) -> None:
    """Fixed text of a tool about other models is cited by the tool and never applied."""
    front = "---\ntags: [gptq]\n---\n\n# Zebra\n\nThe model details are those of the original.\n\n"
    mentions = [m for m in read_card("acme/zebra", front + card).mentions if m.location != "name"]
    assert {(m.technique, m.applied, m.generator) for m in mentions} == {("lora", False, generator)}


def test_spans_lie_in_the_card() -> None:
    """The spans of a generator are inside the card."""
    for card in CARDS.values():
        for written in find_generated_spans(card, read_front_matter(card)):
            assert 0 <= written.start <= written.end <= len(card)


def test_hash_of_the_fingerprints() -> None:
    """The fingerprints have a SHA-256 for the manifest."""
    assert len(generators_sha256()) == 64
