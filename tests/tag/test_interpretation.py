"""Polarity and applied: clear cases in ten languages, each in a small card."""

from __future__ import annotations

import pytest

from peft_census.tag import Mention, read_card


def only(card: str, technique: str) -> Mention:
    """Returns the one mention of ``technique`` in ``card``."""
    (mention,) = [m for m in read_card("acme/zebra", card).mentions if m.technique == technique]
    return mention


APPLIED = {
    "english-passive": "This model was fine-tuned with LoRA on zebra stories.",
    "english-we": "We trained the model using LoRA for three epochs.",
    "english-compound": "This is a LoRA fine-tuned version of the base model.",
    "english-setting": "## Training details\n\n- LoRA rank: 16\n- epochs: 3",
    "english-method": "- **Fine-tuning method:** LoRA",
    "english-table": "## Training procedure\n\n| setting | value |\n|---|---|\n| method | LoRA |",
    "chinese": "本模型使用LoRA微调得到。",
    "chinese-traditional": "本模型採用 LoRA 進行訓練。",
    "japanese": "このモデルはLoRAでファインチューニングしました。",
    "korean": "이 모델은 LoRA를 사용하여 학습되었습니다.",
    "russian": "Модель дообучена с помощью LoRA на рассказах.",
    "portuguese": "Este modelo foi treinado com LoRA em contos.",
    "german": "Dieses Modell wurde mit LoRA trainiert.",
    "french": "Ce modèle a été entraîné avec LoRA sur des contes.",
    "spanish": "Este modelo fue entrenado con LoRA sobre cuentos.",
    "arabic": "تم تدريب هذا النموذج باستخدام LoRA على القصص.",
}
NEGATED = {
    "english-not-used": "LoRA was not used for this model.",
    "english-without": "The model was trained without LoRA.",
    "english-no": "Full fine-tuning, no LoRA.",
    "english-did-not": "We did not use LoRA here.",
    "english-instead": "All weights were trained instead of using LoRA.",
    "english-cell": "| option | value |\n|---|---|\n| LoRA | forbidden |",
    "english-colon": "- LoRA: no",
    "chinese": "本模型未使用LoRA。",
    "chinese-traditional": "本模型沒有使用LoRA。",
    "japanese": "このモデルではLoRAを使用していません。",
    "korean": "이 모델은 LoRA를 사용하지 않았습니다.",
    "russian": "Модель обучена без LoRA.",
    "portuguese": "O modelo foi treinado sem LoRA.",
    "german": "Das Modell wurde ohne LoRA trainiert.",
    "french": "Le modèle a été entraîné sans LoRA.",
    "spanish": "El modelo fue entrenado sin LoRA.",
    "arabic": "تم تدريب النموذج بدون LoRA.",
}
CITED_ONLY = {
    "english-advice": "You can fine-tune it with LoRA on a single GPU.",
    "english-support": "The library supports LoRA and full fine-tuning.",
    "english-comparison": "It scores higher than LoRA baselines on every task.",
    "english-how-to": "See the notebook on how to fine-tune it with LoRA.",
    "english-bibliography": "## References\n\n- Doe et al., LoRA, 2021.",
    "chinese": "您可以使用LoRA对其进行微调。",
    "japanese": "LoRAでの追加学習も可能です。",
    "korean": "LoRA로 미세 조정할 수 있습니다.",
    "russian": "Модель можно дообучить с помощью LoRA.",
    "portuguese": "O modelo pode ser ajustado com LoRA.",
    "german": "Das Modell kann mit LoRA angepasst werden.",
    "french": "Le modèle peut être affiné avec LoRA.",
    "spanish": "El modelo puede ajustarse con LoRA.",
}


def cases(cards: dict[str, str]) -> list[object]:
    """Returns the cards as parameters, each under its name."""
    return [pytest.param(card, id=name) for name, card in cards.items()]


@pytest.mark.parametrize("card", cases(APPLIED))
def test_applied(card: str) -> None:
    """A card that says it was trained with LoRA applied it."""
    mention = only(card, "lora")
    assert (mention.polarity, mention.applied) == ("affirmed", True)


@pytest.mark.parametrize("card", cases(NEGATED))
def test_negated(card: str) -> None:
    """A card that says that LoRA was not used negates it."""
    mention = only(card, "lora")
    assert (mention.polarity, mention.applied) == ("negated", False)


@pytest.mark.parametrize("card", cases(CITED_ONLY))
def test_cited_only(card: str) -> None:
    """Advice, support, comparison and bibliography cite LoRA without applying it."""
    mention = only(card, "lora")
    assert (mention.polarity, mention.applied) == ("affirmed", False)


def test_negation_of_one_is_not_negation_of_another() -> None:
    """Two techniques in one card have separate polarities."""
    mentions = read_card(
        "acme/zebra", "This model was trained with QLoRA.\n\nDoRA, a LoRA variant, was not used."
    ).mentions
    assert ("qlora", "affirmed", True) in {(m.technique, m.polarity, m.applied) for m in mentions}


def test_not_only_is_not_a_negation() -> None:
    """'Not only LoRA' affirms LoRA."""
    assert only("It was trained with not only LoRA but also with care.", "lora").polarity == "affirmed"


def test_sentences_do_not_mix() -> None:
    """A negation in one sentence does not affect the next sentence."""
    card = "No quantization was used. This model was fine-tuned with LoRA. We did not use a warm-up."
    assert (only(card, "lora").polarity, only(card, "lora").applied) == ("affirmed", True)


def test_every_mention_has_a_cue() -> None:
    """Every mention names the rule that decided."""
    for card in [*APPLIED.values(), *NEGATED.values(), *CITED_ONLY.values()]:
        assert all(m.cue for m in read_card("acme/zebra", card).mentions)
