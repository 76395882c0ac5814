"""Rare techniques are accepted as LoRA is: by their own spelling, or by a place that names a training method."""

from __future__ import annotations

import pytest

from peft_census.tag import read_card
from peft_census.tag.disambiguation import Rejection
from peft_census.tag.method_place import MethodSign
from peft_census.tag.tagged_card import Mention

PEFT = "---\nbase_model: acme/base\nlibrary_name: peft\n---\n\n# Zebra\n\n"
IMAGES = "---\nbase_model: acme/base\ntags: [lora, text-to-image]\n---\n\n# Zebra\n\nA LoRA of rank 16.\n\n"


def cited(card: str) -> list[Mention]:
    """Returns the mentions of a card outside names."""
    return [m for m in read_card("acme/zebra", card).mentions if m.location != "name"]


def techniques(card: str) -> set[str]:
    """Returns the techniques that a card cites."""
    return {m.technique for m in cited(card)}


@pytest.mark.parametrize(
    ("name", "technique"),
    [
        ("LoHa", "loha"),
        ("LoKr", "lokr"),
        ("IA3", "ia3"),
        ("(IA)³", "ia3"),
        ("VeRA", "vera"),
        ("RoAd", "road"),
        ("MiSS", "miss"),
        ("SHiRA", "shira"),
        ("X-LoRA", "xlora"),
        ("O-LoRA", "o_lora"),
        ("LLaMA-Adapter", "llama_adapter"),
        ("Control-LoRA", "control_lora"),
        ("ReFT", "reft"),
        ("LoRA+", "lora_plus"),
    ],
)
def test_own_spelling_is_enough(name: str, technique: str) -> None:
    """A name that exists only as that of a technique counts wherever LoRA would, and no shorter name beside it."""
    for frame in ("Fine-tuned with {}.", "{} won.", "# Zebra {}", "Zebras like {} best."):
        assert techniques(frame.format(name)) == {technique}, frame


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("Fine-tuned with {}.", MethodSign.TRAINED_WITH),
        ("Trained with {} on 20k dialogues and then merged.", MethodSign.TRAINED_WITH),
        ("Using {}, we fine-tuned the model.", MethodSign.TRAINED_WITH),
        ("We use {} to fine-tune the model.", MethodSign.TRAINED_WITH),
        ("{} was used for fine-tuning.", MethodSign.TRAINED_WITH),
        ("本模型使用 {} 进行微调。", MethodSign.TRAINED_WITH),
        ("{}を用いて学習しました。", MethodSign.TRAINED_WITH),
        ("{}로 파인튜닝한 모델입니다.", MethodSign.TRAINED_WITH),
        ("Модель дообучена с помощью {}.", MethodSign.TRAINED_WITH),
        ("Modelo treinado com {}.", MethodSign.TRAINED_WITH),
        ("Se utilizó {} para el ajuste fino.", MethodSign.TRAINED_WITH),
        ("Mit {} feinabgestimmt.", MethodSign.TRAINED_WITH),
        ("Fine-tuning réalisé avec {}.", MethodSign.TRAINED_WITH),
        ("- Technique: {}", MethodSign.LABEL),
        ("| Fine-tuning method | {} |", MethodSign.SETTING),
        ("微调方法：{}", MethodSign.LABEL),
        ("Méthode d'entraînement : {}", MethodSign.LABEL),
        ("This is a {} fine-tune of a base model.", MethodSign.METHOD_NOUN),
        ("method: {}", MethodSign.SETTING),
    ],
)
@pytest.mark.parametrize(("name", "technique"), [("Bone", "bone"), ("Lily", "lily"), ("EVA", "eva"), ("Poly", "poly")])
def test_the_place_of_a_method_is_enough(text: str, sign: MethodSign, name: str, technique: str) -> None:
    """A word with capitals counts where a sentence names its training method; the mention says by which sign."""
    (mention,) = cited(text.format(name))
    assert (mention.technique, mention.disambiguation_rule) == (technique, sign)


@pytest.mark.parametrize("text", ["## {}", "- {}", "{} weights", "| {} | 2.1M | 71.4 |", "{}, rank 8"])
def test_the_card_of_an_adapter_opens_more_places(text: str) -> None:
    """A heading, item or cell counts in a card that names PEFT, but not in a card of an image model or any other."""
    assert techniques(PEFT + text.format("Bone")) == {"bone"}
    assert techniques("# Zebra\n\n" + text.format("Bone")) == set()
    assert techniques(IMAGES + "## Bone\n\nTrigger word: bone") == {"lora"}


@pytest.mark.parametrize(
    "text",
    [
        "Trained with Lily and Tom.",
        "Fine-tuned on photos of Lily.",
        "Trained by Lily Chen.",
        "Trained together with Lily.",
        "This voice was trained with Lily, a professional speaker.",
        "Trained with Bone and muscle scans.",
        "Fine-tuned with Poly Haven textures.",
        "Trained with the Poly learning rate policy.",
        "The Arrow config file",
        "We use Arrow to load the training data.",
        "EVA adapter for the US power plug",
        "We use EVA as the image encoder and train the projector.",
        "OSF method of scoring",
        "We used OSF to share the training data.",
        "Training stages: CPT, SFT, DPO",
        "Trained with CPT on 10B tokens.",
        "Trained in accordance with DORA.",
        "DORA metrics of a team",
        "Das Modell wird oft mit Daten trainiert.",
        "Trained with Aloe Vera images.",
        "Shadow adapter for lamps",
        "A hypernetwork of roads and rivers",
        "A Llama adapter for maths",
        "Only prompt tuning of the system message, no fine-tuning.",
        "Trained with Lora Smith, photographer.",
        "A parallel adapter for the printer port",
    ],
)
def test_homonyms_in_the_same_places(text: str) -> None:
    """The ordinary word, the person and the other acronym name no technique, with a base model or without."""
    assert techniques(text) == set()
    assert techniques("---\nbase_model: acme/base\n---\n\n# Zebra\n\n" + text) == set()


def test_a_rejected_longer_name_is_not_a_shorter_one() -> None:
    """A hyphenated name that is rejected never counts as LoRA; a LoRA of somebody still does."""
    card = "Fine-tuned with x-lora."
    tagged = read_card("acme/zebra", card)
    assert (tagged.mentions, [r.technique for r in tagged.rejected]) == ([], ["xlora"])
    assert tagged.rejected[0].reason is Rejection.NO_SUPPORTING_CONTEXT
    assert techniques("Anna's LoRA, a Ghibli X LoRA, o LoRA") == {"lora"}


@pytest.mark.parametrize(
    "text",
    [
        '`"use_{}": false`',
        "`--no-{}`",
        "Run with `--no_use_{} --seed 1`.",
        "```yaml\npeft_use_{}: no\n```",
        "lora_use_{}=False",
    ],
)
@pytest.mark.parametrize("name", ["dora", "rslora", "vera", "ia3"])
def test_options_that_say_no_are_negated(text: str, name: str) -> None:
    """An option of a command or a quoted configuration that says no is cited and negated."""
    if "lora_use" in text and name not in ("dora", "rslora"):
        pytest.skip("an option of LoRA only")
    mentions = [m for m in cited(text.format(name)) if m.technique == name]
    assert [(m.polarity, m.applied) for m in mentions] == [("negated", False)]


def test_dora_in_capitals() -> None:
    """DORA is the technique in the place of a method, and neither the law nor the metrics."""
    assert techniques("Fine-tuned with DORA.") == techniques("DORA was used to fine-tune the model.") == {"dora"}
    assert techniques("Fine-tuned to explain DORA and NIS2 to banks.") == set()


def test_a_key_without_a_value_is_not_cited() -> None:
    """A null or empty key that every configuration file contains says nothing."""
    assert techniques('`{"peft_type": "LORA", "arrow_config": null, "eva_config": {}}`') == {"lora"}


def test_names_of_adapters_prompts_and_authors() -> None:
    """adapter_name is a name, <lora:x:0.9> a mention that says nothing of this model, a surname in BibTeX neither."""
    code = '```python\npipe.load_lora_weights("acme/other", adapter_name="lcm-lora")\n```'
    assert techniques(code) == {"lora"}
    (prompt,) = cited("a cat <lora:style:0.9> in a park")
    assert (prompt.technique, prompt.applied) == ("lora", False)
    card = "# Zebra\n\nThe Pfeiffer adapter of a zebra.\n\n```bibtex\n@misc{x,\n  author = {Pfeiffer, Jonas},\n}\n```\n"
    assert [m.location for m in cited(card)] == ["prose"]
