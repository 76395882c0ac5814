"""Mentions of small cards: technique, location, form and evidence level."""

from __future__ import annotations

import itertools
from dataclasses import fields

import pytest

from peft_census.snapshot.schema import arrow_schema
from peft_census.tag import Mention, read_card


def mentions(card: str, model_id: str = "acme/zebra") -> list[Mention]:
    """Returns the mentions of a card after a check that their offsets are right."""
    found = read_card(model_id, card).mentions
    for m in found:
        assert card[m.start : m.end] == m.matched
    return found


def cited(card: str) -> set[str]:
    """Returns the techniques that a card cites outside names."""
    return {m.technique for m in mentions(card) if m.location != "name"}


@pytest.mark.parametrize(
    ("card", "technique"),
    [
        ("Tuned with AdaLoRA.", "adalora"),
        ("Tuned with QLoRA.", "qlora"),
        ("Tuned with VB-LoRA.", "vblora"),
        ("Tuned with X-LoRA, a mixture of experts.", "xlora"),
        ("Tuned with RandLoRA.", "randlora"),
        ("Tuned with DeLoRA, a PEFT method.", "delora"),
        ("Tuned with BOFT.", "boft"),
        ("Tuned with rsLoRA.", "rslora"),
        ("Tuned with LoftQ.", "loftq"),
        ("Tuned with prefix tuning.", "prefix_tuning"),
        ("Tuned with prefix-tuning.", "prefix_tuning"),
        ("Tuned with P-tuning v2.", "p_tuning_v2"),
        ("Tuned with P-tuning.", "p_tuning"),
        ("Tuned with LoHa, in LyCORIS fashion.", None),
        ("Tuned with (IA)^3.", "ia3"),
        ("Tuned with (IA)³.", "ia3"),
        pytest.param(
            "Tuned with IA³, a PEFT method.",
            "ia3",
        ),
        ("Tuned with FourierFT.", "fourierft"),
        ("Tuned with LoRAs.", "lora"),
        ("Tuned with LoRA's defaults.", "lora"),
    ],
)
def test_longest_name_wins(card: str, technique: str | None) -> None:
    """A longer name is a mention of one technique, and not of the shorter name inside it."""
    assert cited(card) == ({technique} if technique else {"loha", "lycoris"})


@pytest.mark.parametrize(
    "card",
    [
        "An exploration of floral patterns.",
        "A LoRaWAN gateway with LoRaWAN sensors.",
        "Explorations, folklorama, deplorable flora.",
        "The road is often long; I miss Lily, and the arrow hit the bone.",
        "Vera and Dora met Eva at the poly club in the shadow.",
        "We continued pre-training (CPT) on a corpus.",
        "Skoðaðu þetta oft, það mun vera gott.",
        "The phonemes are ia1 ia2 ia3 ia4.",
        "Emissions were estimated with the calculator of Lacoste et al. (2019), arXiv 1910.09700.",
        "A 12345.2106.09685123 serial number.",
    ],
)
def test_false_friends(card: str) -> None:
    """Ordinary words and substrings cite nothing."""
    assert mentions(card) == []


@pytest.mark.parametrize(
    ("card", "technique", "matched"),
    [
        ("LoRA微调", "lora", "LoRA"),
        ("通过LoRA训练", "lora", "LoRA"),
        ("LoRAアダプタ", "lora", "LoRA"),
        ("QLoRA를 사용", "qlora", "QLoRA"),
        ("методLoRA", "lora", "LoRA"),
        ("基于AdaLoRA的模型", "adalora", "AdaLoRA"),
    ],
)
def test_neighbours_of_other_scripts(card: str, technique: str, matched: str) -> None:
    """Letters of another script end a name."""
    assert [(m.technique, m.matched) for m in mentions(card)] == [(technique, matched)]


@pytest.mark.parametrize(
    "tags",
    [
        "tags: lora",
        "tags: [lora]",
        "tags: [peft, 'lora']",
        "tags:\n- lora",
        'tags:\n  - "lora"',
        "tags: [1, null, lora]",
    ],
)
def test_tag_only_cards(tags: str) -> None:
    """A tag alone cites the technique, on the evidence level tagged."""
    (mention,) = mentions(f"---\n{tags}\n---\n\nA model of zebras.\n")
    assert (mention.technique, mention.evidence_level, mention.location) == ("lora", "tagged", "front_matter")


def test_tag_in_broken_front_matter() -> None:
    """A tag in invalid YAML is a mention."""
    reading = read_card("acme/zebra", "---\ntags:\n- lora\nbroken: [\n---\n\nText.\n")
    assert reading.front_matter == "invalid"
    assert [(m.technique, m.evidence_level) for m in reading.mentions] == [("lora", "tagged")]


def test_named_level() -> None:
    """A mention in the body has the evidence level named."""
    assert [m.evidence_level for m in mentions("# A LoRA\n\nText on LoRA.\n\n`lora_r`\n")] == ["named"] * 3


def test_negating_table_cell() -> None:
    """A cell that forbids a technique negates it."""
    (mention,) = mentions("| what | rule |\n|---|---|\n| QLoRA | forbidden |\n")
    assert (mention.technique, mention.location, mention.polarity) == ("qlora", "table", "negated")


@pytest.mark.parametrize(
    ("card", "location"),
    [
        ("See [the paper](https://arxiv.org/abs/2106.09685).", "link"),
        ("See https://arxiv.org/abs/2106.09685v2 for it.", "link"),
        ("See arXiv:2106.09685 for it.", "prose"),
        ("@misc{x,\n  eprint={2106.09685},\n}\n", "citation"),
    ],
)
def test_arxiv_ids(card: str, location: str) -> None:
    """The arXiv id of a technique's paper cites it, without applying it in a link or a bibliography."""
    (mention,) = mentions(card)
    assert (mention.technique, mention.form, mention.location) == ("lora", "paper", location)
    assert not (mention.applied and location in ("link", "citation"))


@pytest.mark.parametrize(
    "between",
    [
        " ",
        "\n",
        "\n  ",
        pytest.param(
            "\n            ",
        ),
    ],
)
def test_paper_title(between: str) -> None:
    """The title of a technique's paper cites it, for any white space between its words."""
    (mention,) = mentions(f"@misc{{x,\n  title={{LoRA: Low-Rank Adaptation of{between}Large Language Models}},\n}}\n")
    assert (mention.technique, mention.form, mention.location) == ("lora", "title", "citation")


@pytest.mark.parametrize(
    ("name", "technique"),
    [
        ("LoraConfig", "lora"),
        ("AdaLoraConfig", "adalora"),
        ("IA3Config", "ia3"),
        ("VBLoRAConfig", "vblora"),
        ("PrefixTuningConfig", "prefix_tuning"),
        ("PromptEncoderConfig", "p_tuning"),
        ("HRAConfig", "hra"),
    ],
)
def test_config_classes(name: str, technique: str) -> None:
    """PEFT's config classes cite their techniques."""
    (mention,) = mentions(f"```python\nfrom peft import {name}\n```\n")
    assert (mention.technique, mention.form, mention.location) == (technique, "class", "code")


@pytest.mark.parametrize(
    ("code", "technique"),
    [
        ("use_dora=True", "dora"),
        ("lora_r=8", "lora"),
        ("pipe.load_lora_weights(folder)", "lora"),
        ("vllm serve model --enable-lora", "lora"),
        ("--lora_alpha 16", "lora"),
    ],
)
def test_options(code: str, technique: str) -> None:
    """API calls and options cite their technique."""
    (mention,) = mentions(f"```\n{code}\n```\n")
    assert (mention.technique, mention.location, mention.form) == (technique, "code", "option")


def test_option_switched_off() -> None:
    """An option with the value false negates its technique."""
    (mention,) = mentions("```\nuse_dora=False\n```\n")
    assert (mention.technique, mention.polarity) == ("dora", "negated")


def test_peft_type_value() -> None:
    """A peft_type in a printed configuration cites its technique."""
    assert cited('```json\n{"peft_type": "IA3"}\n```\n') == {"ia3"}


def test_algo_in_a_configuration() -> None:
    """The algorithm in SimpleTuner's configuration overrides its generic tags."""
    card = '---\ntags:\n- lora\n- lycoris\n- simpletuner\n---\n\n# Zebra\n\n```json\n{\n  "algo": "lokr",\n  "factor": 16\n}\n```\n'
    found = {(m.technique, m.applied) for m in mentions(card)}
    assert ("lokr", True) in found
    assert ("lora", True) not in found


def test_axolotl_without_an_adapter() -> None:
    """Empty lora_ keys of a run without adapter do not say that LoRA was applied."""
    card = (
        "# Zebra\n\n<details><summary>See axolotl config</summary>\n\naxolotl version: `0.4.1`\n```yaml\nadapter:\n"
        "lora_model_dir:\nlora_r:\nlora_alpha:\nlora_dropout:\nlora_target_linear:\n```\n\n</details>\n"
    )
    assert not any(m.applied for m in mentions(card))


def test_axolotl_with_an_adapter() -> None:
    """A run whose adapter is qlora applied QLoRA."""
    card = "# Zebra\n\n<details><summary>See axolotl config</summary>\n\n```yaml\nadapter: qlora\nlora_r: 16\n```\n\n</details>\n"
    assert ("qlora", True) in {(m.technique, m.applied) for m in mentions(card)}


def test_example_prompts() -> None:
    """Example prompts in the front matter are not evidence."""
    reading = read_card("acme/zebra", "---\nwidget:\n- text: What is LoRA?\n---\n\nA model of zebras.\n")
    assert reading.mentions == []
    assert [r.matched for r in reading.rejected] == ["LoRA"]


def test_own_names_do_not_cite() -> None:
    """The model's own name is a name at any location."""
    card = "# zebra-lora\n\nzebra-lora is a model of zebras.\n"
    assert {m.location for m in mentions(card, "acme/zebra-lora")} == {"name"}


def test_order() -> None:
    """Mentions are in the order of the text and do not overlap."""
    found = mentions("---\ntags: [lora]\n---\n\nQLoRA, then LoRA/DoRA, then AdaLoRA (arXiv:2303.10512).\n")
    assert len(found) > 4
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


def test_crlf_and_bom() -> None:
    """Offsets count characters of the text as given, BOM and CRLF included."""
    card = "\ufeff---\r\ntags:\r\n- lora\r\n---\r\n\r\nZebra 🦓 with LoRA.\r\n"
    assert [(m.matched, m.location) for m in mentions(card)] == [("lora", "front_matter"), ("LoRA", "prose")]


@pytest.mark.parametrize("card", ["", " ", "Entry not found", "\x00", "---\n---\n"])
def test_nothing_to_find(card: str) -> None:
    """A card without a technique has no mentions."""
    assert mentions(card) == []


def test_a_mention_is_a_row_of_the_table() -> None:
    """The fields of a mention are the columns of the table, in order, except for the model id."""
    assert ["model_id", *(f.name for f in fields(Mention))] == arrow_schema("mentions").names
