"""Cited, negated and applied in otherwise plain cards: advice, comparison, other versions, values that say no."""

from __future__ import annotations

import pytest

from peft_census.tag import read_card

PLAIN = "---\nlicense: mit\nlanguage: en\n---\n\n# Zebra\n\nA language model of zebras, made for stories.\n\n"
ADAPTER = "---\nlibrary_name: peft\ntags: [lora]\n---\n\n# Zebra\n\n"


def summary(card: str) -> dict[str, str]:
    """Returns what the card says of each technique outside names: cited, negated or applied."""
    result: dict[str, str] = {}
    for mention in read_card("acme/zebra", card).mentions:
        if mention.location == "name":
            continue
        said = "applied" if mention.applied else "negated" if mention.polarity == "negated" else "cited"
        if result.get(mention.technique) != "applied" and said != "cited":
            result[mention.technique] = said
        result.setdefault(mention.technique, said)
    return result


CASES = {
    "passive": ("QLoRA was used for fine-tuning. Its successor will try DoRA.", {"qlora": "applied", "dora": "cited"}),
    "passive-linked": ("[QLoRA](https://arxiv.org/abs/2305.14314) was used for fine-tuning.", {"qlora": "applied"}),
    "obtained": (
        "This checkpoint was obtained by using the method **QLoRA** with PEFT.",
        {"qlora": "applied"},
    ),
    "merged": ("Merged with a SuperHOT 8k LoRA.", {"lora": "applied"}),
    "merging": ("Merging the LoRAs into the model gave this checkpoint.", {"lora": "applied"}),
    "web-ui": (
        "1. Click the **Model tab**.\n2. Under **Download custom model or LoRA**, enter `acme/zebra`.",
        {"lora": "cited"},
    ),
    "request-body": ('```python\nbody = {\n  "seed": None,\n  "lora": "lora_model_id",\n}\n```', {"lora": "cited"}),
    "request-body-unfenced": ('Call it:\n\n    "lora":  "lora_model_id",\n    "webhook": None', {"lora": "cited"}),
    "earlier": (
        "The motivation is similar to my earlier textual inversion embedding, which went wrong.",
        {"textual_inversion": "cited"},
    ),
    "next-version": (
        "This is v6, a LoRA of zebras. v7, the next version, uses rsLoRA.",
        {"lora": "applied", "rslora": "cited"},
    ),
    "chinese-advice": ("可以使用LoRA进行有监督微调。", {"lora": "cited"}),
    "chinese-advice-after": ("使用LoRA进行微调时，建议学习率为1e-4，推荐您参考教程。", {"lora": "cited"}),
    "japanese-advice": ("LoRAでの追加学習を推奨します。", {"lora": "cited"}),
    "chinese": ("本模型使用LoRA微调。", {"lora": "applied"}),
    "japanese": ("本モデルはLoRAで学習した。", {"lora": "applied"}),
    "commented-out": (
        "```yaml\nbase_model: acme/base\n# adapter: qlora\n# lora_r: 16\nlearning_rate: 1e-5\n```",
        {"qlora": "cited", "lora": "cited"},
    ),
    "commented-out-dora": ("```yaml\n# peft_use_dora: true\nlearning_rate: 1e-5\n```", {"dora": "cited"}),
    "one-no": (
        "```yaml\nadapter: lora\nlora_r: 8\npeft_use_dora: false\n```",
        {"lora": "applied", "dora": "negated"},
    ),
    "step-not-done": ("This version did not go through the LoRA step.", {"lora": "negated"}),
    "not-performed": ("We did not perform the LoRA finetune.", {"lora": "negated"}),
    "step-skipped": ("We skipped the LoRA step.", {"lora": "negated"}),
    "not-the-other": ("We trained AdaLoRA, not DoRA.", {"adalora": "applied", "dora": "negated"}),
    "ablation": ("Ablation: w/ LoRA 71.2, w/o LoRA 70.8", {"lora": "cited"}),
    "heading-over-usage": (
        "## For LCM & LoRA\n\n```python\npipe.load_lora_weights('acme/other')\n```",
        {"lcm_lora": "cited", "lora": "cited"},
    ),
    "row-of-a-method-and-a-base": (
        "| Model | CR |\n|---|---|\n| P-tuning-ERNIE1.0 | 54.2 |\n| Zebra | 56.1 |",
        {"p_tuning": "cited"},
    ),
    "prompt": ("Prompt: `a zebra <lora:style:0.95>, best quality`", {"lora": "cited"}),
    "included-elsewhere": (
        "Pair it with the hypernetwork of a friend for even better results.",
        {"hypernetwork": "cited"},
    ),
    "works-with": ("It responds well to textual inversion.", {"textual_inversion": "cited"}),
    "existing-model": (
        "There is already an existing model that uses textual inversion. This one is trained in full.",
        {"textual_inversion": "cited"},
    ),
    "script": ("We publish scripts for fine-tuning, including LoRA and full training.", {"lora": "cited"}),
    "list-of-scripts": ("We publish fine-tuning scripts, including:\n\n- **LoRA**\n- ControlNet", {"lora": "cited"}),
    "list-of-runs": (
        "The adapters were trained with:\n\n- LoHa, a LyCORIS method\n- a cosine schedule",
        {"loha": "applied", "lycoris": "applied"},
    ),
    "needless": ("Version 4 is better with stripes; it can do them with no LoRA.", {"lora": "cited"}),
    "elsewhere": ("This is the full fine-tune; a LoRA version is available [here](https://x.y/z).", {"lora": "cited"}),
    "elsewhere-weights": ("LoRA weights are also provided in a separate repository.", {"lora": "cited"}),
    "credits": ("Credits: thanks to a friend for the LoRA.", {"lora": "cited"}),
    "compatible": ("Compatible with LoRA adapters.", {"lora": "cited"}),
    "without-any": ("Trained without using any adapters like LoRA.", {"lora": "negated"}),
    "two-models": ("Previous versions used LoRA; this version uses DoRA.", {"lora": "cited", "dora": "applied"}),
    "but": ("We finetuned with QLoRA, but the next release will use DoRA.", {"qlora": "applied", "dora": "cited"}),
    "rather-than": (
        "The adapter was trained using IA3 rather than LoRA.",
        {"ia3": "applied", "lora": "negated"},
    ),
    "planned": ("Next: a LoRA for giraffes.", {"lora": "cited"}),
    "strength": ("We use motion LoRAs with strength 0.7 to avoid the watermark.", {"lora": "cited"}),
    "sentence-in-a-fence": (
        "```\n- Same data as before, see the notes there.\n- We used LoRA for the fine-tune, over two days.\n```",
        {"lora": "applied"},
    ),
    "comparison-number": ("The error is smaller than before (0.3 instead of LoRA's 1.2).", {"lora": "cited"}),
    "not-recommended": ("We do not recommend using LoRA models of other bases.", {"lora": "cited"}),
}


@pytest.mark.parametrize(("text", "said"), CASES.values(), ids=CASES)
def test_what_a_plain_card_says(text: str, said: dict[str, str]) -> None:
    """A plain card of a language model says of each technique what a reader would say."""
    assert summary(PLAIN + text + "\n") == said


SAYS_NO = {
    "yaml": "peft_use_dora: false",
    "yaml-no": "peft_use_dora: no",
    "yaml-off": 'use_dora: "off"',
    "yaml-null": "use_dora: null",
    "python": "LoraConfig(r=8, use_dora=False)",
    "python-prefix": "lora_use_dora=False",
    "flag-value": "python train.py --use_dora False",
    "flag-no": "python train.py --no_use_dora",
    "weight-decompose": "dora_wd=False",
}


@pytest.mark.parametrize("code", SAYS_NO.values(), ids=SAYS_NO)
@pytest.mark.parametrize("head", [PLAIN, ADAPTER], ids=["plain", "adapter"])
def test_a_value_that_says_no(head: str, code: str) -> None:
    """An option with a value that says no negates its technique, in the card of an adapter too."""
    assert summary(f"{head}```\n{code}\n```\n")["dora"] == "negated"


@pytest.mark.parametrize(
    "code", ["peft_use_dora: true", "use_dora=True", "--use_dora True", '"use_dora": true,', "use_dora: yes"]
)
def test_a_value_that_says_yes(code: str) -> None:
    """The same options with a value that says yes apply it in the card of an adapter."""
    assert summary(f"{ADAPTER}```yaml\nadapter: lora\n{code}\n```\n")["dora"] == "applied"


@pytest.mark.parametrize("code", ["lora_dropout: 0", "lora_bias: none", "lora_alpha=0", "lora_dropout: 0.0"])
def test_a_parameter_of_zero_is_not_a_no(code: str) -> None:
    """A parameter whose value is zero or none does not negate the technique."""
    assert summary(f"{ADAPTER}```yaml\nadapter: lora\n{code}\n```\n")["lora"] == "applied"


def test_a_table_of_other_models() -> None:
    """The row of another method in a table that also has this model's row is cited only."""
    table = "| model | score |\n|---|---|\n| P-tuning | 54.2 |\n| zebra (this model, full fine-tuning) | 58.0 |\n"
    assert summary(PLAIN + table) == {"p_tuning": "cited"}


@pytest.mark.parametrize("row", ["| LoRA alpha | 32 |", "| DoRA | Enabled |", "| **LoRA rank** | 64 |"])
def test_a_table_of_parameters(row: str) -> None:
    """A row that gives a parameter of the run is not a row of a comparison."""
    table = f"## Training\n\n| parameter | value |\n|---|---|\n| quantization | 4-bit (QLoRA) |\n{row}\n"
    assert set(summary(PLAIN + table).values()) == {"applied"}


def test_a_load_in_the_card_of_a_base_model() -> None:
    """A base model that loads another repository's LoRA did not apply it."""
    code = '```python\npipe.load_lora_weights("other/repo", adapter_name="pixel")\n```\n'
    assert summary(PLAIN + code) == {"lora": "cited"}


def test_a_silent_adapter_card() -> None:
    """A PEFT card whose training procedure holds one configuration applied it."""
    card = "---\nlibrary_name: peft\n---\n\n# Zebra\n\n## Training procedure\n\n```python\nLoraConfig(r=8)\n```\n"
    assert summary(card) == {"lora": "applied"}


def test_a_silent_mention_far_from_the_opening() -> None:
    """The only technique of a card that says nothing else is not applied if it stands far from the opening."""
    filler = "The zebras of this story live in a quiet valley and count their stripes. " * 40
    assert summary(f"{PLAIN}{filler}\n\nA LoRA, says the zebra.\n") == {"lora": "cited"}


def test_a_later_title_is_not_the_title() -> None:
    """Only the first heading of level 1 says what the model is."""
    assert summary(PLAIN + "# Great hypernetworks\n\nStyles 1 and 2 are the best ones.\n") == {"hypernetwork": "cited"}
