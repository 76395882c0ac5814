"""A made-up dump of cards whose headline count is known: so many cards of LoRA, so many of all other techniques.

In: the number of cards of LoRA. Out: rows of a source of cards, shuffled. Cards of variants of LoRA are cards of LoRA.
Between them are cards that no headline counts: other senses of the names, names inside repository ids, cards that cite
two techniques, and adapters whose card says nothing while their configuration does.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator

from peft_census.pipeline.frames import own_spellings
from peft_census.snapshot.manifest import root_of
from peft_census.tag import load_taxonomy

LORA, OTHERS = 20_509, 325
Row = dict[str, str | None]

SENTENCES = (
    "Fine-tuned with {X} on {data}.",
    "This model was trained using {X} on {data}.",
    "We used {X} to adapt {base} to {data}.",
    "I applied {X} to {base}.",
    "{base} was fine-tuned via {X} for {n} epochs.",
    "Adapted with {X}, {n} epochs, batch size 16.",
    "The repository contains {X} weights for {base}.",
    "A {X} adapter for {base}.",
    "## {X} training\n\n{n} epochs on {data}.",
    "### Training\n\n- Method: {X}\n- Epochs: {n}",
    "- **Fine-tuning method:** {X}\n- **Data:** {data}",
    "| Setting | Value |\n|---|---|\n| PEFT method | {X} |\n| Epochs | {n} |",
    "| Parameter | Value |\n|---|---|\n| Training method | {X} |\n| Batch size | {n} |",
    "```yaml\nbase_model: {base}\npeft_type: {X}\nnum_epochs: {n}\n```",
    "{base} trained with {X} (rank {n}).",
    "Technique: {X}. Data: {data}.",
    "Training was done with {X} in {n} hours on one GPU.",
    "使用 {X} 对 {base} 进行微调，共 {n} 轮。",
    "训练方法：{X}，数据：{data}。",
    "{base} を {X} でファインチューニングしました（{n} エポック）。",
    "{base} 모델을 {X}로 파인튜닝했습니다.",
    "Модель дообучена с помощью {X} за {n} эпохи.",
    "O modelo foi treinado com {X} durante {n} épocas.",
    "El modelo fue entrenado con {X} durante {n} épocas.",
    "Das Modell wurde mit {X} über {n} Epochen trainiert.",
    "Le modèle a été entraîné avec {X} pendant {n} époques.",
)
TAGS = (
    "tags:\n- {x}\n- generated_from_trainer\nlibrary_name: peft",
    "tags:\n- text-generation\n- {x}\n- peft",
)
BASES = ("Llama-2-7b", "Mistral-7B-v0.1", "Qwen2-1.5B", "gemma-2b", "flan-t5-base", "phi-2", "pythia-1b")
DATA = (
    "forum posts",
    "court decisions",
    "recipes",
    "support tickets",
    "bird songs",
    "product reviews",
    "weather reports",
)
FILLER = (
    "The model writes short answers. It can be wrong, so check what it says.",
    "Training took an afternoon. The loss is in the attached log.",
    "Licence: as that of the base model. Please report problems in the community tab.",
    "Evaluated on a held-out part of the data; accuracy is 0.81.",
    "",
)
OTHER_SENSES = (
    "Lily answers questions on gardening. She was written by our interns.",
    "Finds potholes in pictures of a road.",
    "Das Modell antwortet oft zu lang.",
    "Recommends creams with aloe vera.",
    "Continued pre-training (CPT) on 20B tokens of news, then instruction tuning.",
    "Answers questions on DORA, the regulation on operational resilience.",
    "The DORA metrics of a team are predicted from its commits.",
    "A little prompt tuning, that is rewording, improves the answers.",
    "Measures bone density in scans.",
    "Scenes in a low poly style.",
    "The vision tower is EVA-CLIP.",
    "Stored as Apache Arrow files.",
    "The study is preregistered at https://osf.io/a1b2c.",
    "Recognises peanut, hazelnut and almond.",
    "We miss about 3% of the spam. Miss Bennet is a character.",
    "Predicts packet loss in a LoRaWAN network at 868 MHz.",
    "Lora said that she would come, and Eva smiled.",
    "Removes a shadow from a photograph.",
    "An exploration of floral patterns in Colorado.",
    "Which power adapter fits this laptop?",
    "A deft answer is a short answer.",
    "Forecasts the exchange rate of the Swedish krona.",
)


def planted_dump(lora: int = LORA, seed: int = 21) -> tuple[list[Row], Counter[str]]:
    """Returns the rows, and the number of cards of each technique, variants grouped.

    The rows are ``lora`` cards of LoRA and its variants, ``OTHERS`` of other techniques, and uncounted ones.
    """
    rng = random.Random(seed)
    techniques = load_taxonomy().techniques
    counted = [t for t in techniques.values() if t.kind != "not_peft"]
    variants = [t for t in counted if root_of(t.id, techniques) == "lora"]
    others = [t for t in counted if root_of(t.id, techniques) != "lora"]
    main = next(t for t in variants if t.id == "lora")
    planted = [variants[i % len(variants)] if i % 5 == 0 else main for i in range(lora)]
    planted += [others[i % len(others)] for i in range(OTHERS)]
    rows = []
    for i, technique in enumerate(planted):
        name = own_spellings(technique)[0]
        rows.append(_row(f"p{i}", _card(rng, i, name, tagged=technique is main and i % 3 == 0)))
    rows += [_row(f"u{i}", card, config) for i, (card, config) in enumerate(_uncounted(rng))]
    rng.shuffle(rows)
    return rows, Counter(root_of(t.id, techniques) for t in planted)


def _row(name: str, card: str | None, config: str | None = None) -> Row:
    return {"modelId": f"owner{hash_of(name) % 997}/model-{name}", "card": card, "adapter_config": config}


def hash_of(name: str) -> int:
    """Returns a number that is the same in every process."""
    return int.from_bytes(name.encode(), "big")


def _card(rng: random.Random, i: int, name: str, tagged: bool) -> str:
    front = "license: apache-2.0\n" + (TAGS[i % len(TAGS)].format(x=name.lower()) if tagged else "language: en")
    facts = {"X": name, "base": rng.choice(BASES), "data": rng.choice(DATA), "n": rng.randint(2, 9)}
    body = [SENTENCES[i % len(SENTENCES)].format(**facts), rng.choice(FILLER)]
    if tagged and i % 2:
        body = [rng.choice(FILLER)]  # what PEFT writes by itself: only the tag names the technique
    return f"---\n{front}\n---\n# Model number {i}\n\n" + "\n\n".join(body) + "\n"


def _uncounted(rng: random.Random) -> Iterator[tuple[str | None, str | None]]:
    """Yields cards, and configurations, that the headline does not count."""
    configs = [json.dumps({"peft_type": kind, "r": 8}) for kind in ("LORA", "LOHA", "VERA", "IA3")]
    for i, text in enumerate(OTHER_SENSES * 5):
        yield f"# Model {i}\n\n{text}\n\n{rng.choice(FILLER)}\n", None
    for i in range(40):
        yield f"# Model {i}\n\nTrained with LoRA and, in a second run, with IA3 on {rng.choice(DATA)}.\n", None
        yield f"---\nbase_model: somebody/llama-lora-{i}\n---\n# Model {i}\n\n{rng.choice(FILLER)}\n", None
        yield f"# Model {i}\n\n{rng.choice(FILLER)}\n", configs[i % len(configs)]
        yield None, configs[i % len(configs)]
