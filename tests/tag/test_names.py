"""Names: LoRA in a sentence is a citation, in a repository id it is part of a name."""

from __future__ import annotations

import pytest

from peft_census.tag import read_card
from peft_census.tag.names import is_name, run_around


def named(text: str, name: str, location: str = "prose", own: frozenset[str] = frozenset()) -> bool:
    """Returns whether the first ``name`` in ``text`` is part of a name."""
    start = text.index(name)
    return is_name(text, start, start + len(name), location, own)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("See acme/llama-7b-lora for more.", "lora"),
        ("See acme/lora-llama-7b for more.", "lora"),
        ("Download pytorch_lora_weights.safetensors first.", "lora"),
        ("Put lora.safetensors there.", "lora"),
        ("Run train_lora.py.", "lora"),
        ("Look into ./lora/ first.", "lora"),
        ("Look into ../output/lora first.", "lora"),
        ("Saved to C:\\models\\lora\\final.", "lora"),
        ("Saved to D:\\lora.", "lora"),
        ("Saved to /home/user/lora/run.", "lora"),
        ("Compare llama-2-7b-lora-v2 with it.", "lora"),
        ("Model: opt-6.7b-lora", "lora"),
        ("模型acme/llama-7b-lora在此。", "lora"),
    ],
)
def test_names(text: str, name: str) -> None:
    """Inside a repository id, path or file name, a technique is part of a name."""
    assert named(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Tuned with LoRA.", "LoRA"),
        ("Tuned with LoRA/DoRA.", "LoRA"),
        ("Tuned with LoRA/DoRA.", "DoRA"),
        ("A LoRA/QLoRA recipe.", "LoRA"),
        ("A LoRA-based recipe.", "LoRA"),
        ("A multi-LoRA setup.", "LoRA"),
        ("A LoRA-tuned model.", "LoRA"),
        ("Set lora_r to 8.", "lora"),
        ("Set lora_alpha: 16.", "lora"),
        ("Set use_dora=True.", "dora"),
        ("Pass --lora-alpha 16.", "lora"),
        ("Pass --lora_rank=16.", "lora"),
        ("Tuned (LoRA), merged.", "LoRA"),
        ("Tuned with LoRA.\nNext line", "LoRA"),
        ("使用LoRA微调", "LoRA"),
        ("LoRAアダプタ", "LoRA"),
        ("QLoRA를 사용", "QLoRA"),
        ("**LoRA**", "LoRA"),
        ("LoRA, rank-16", "LoRA"),
    ],
)
def test_citations(text: str, name: str) -> None:
    """In a sentence, a compound of plain words or an option, the technique is cited."""
    assert not named(text, name)


def test_own_name() -> None:
    """The model's own name is a name even if it consists of plain words."""
    assert named("About Zebra-LoRA:", "LoRA", own=frozenset({"zebra-lora"}))
    assert not named("A LoRA-merged model.", "LoRA")


@pytest.mark.parametrize(
    ("model_id", "card"),
    [
        ("acme/zebra-lora", "# zebra-lora\n\nA small model of zebras.\n"),
        ("acme/zebra-lora", "# acme/zebra-lora\n\nA small model of zebras.\n"),
        ("acme/other", "---\nmodel_name: zebra-lora\n---\n\nThis is zebra-lora, a model of zebras.\n"),
        ("acme/other", "---\nbase_model: acme/llama-7b-lora\n---\n\nA model.\n"),
        ("acme/other", "---\nbase_model:\n- acme/llama-7b-lora\n---\n\nA model.\n"),
        ("acme/other", "---\nmodel-index:\n- name: zebra-lora\n---\n\nA model.\n"),
        ("acme/other", "---\ntags:\n- base_model:adapter:acme/llama-lora\n---\n\nA model.\n"),
        ("acme/other", "---\ndatasets:\n- acme/lora-recipes\n---\n\nA model.\n"),
        ("acme/other", "A sibling lives at https://huggingface.co/acme/lora-zebra today.\n"),
        ("acme/other", "![samples](images/lora_samples.png)\n"),
    ],
)
def test_name_only_cards(model_id: str, card: str) -> None:
    """A card that contains a technique only in names does not cite it."""
    mentions = read_card(model_id, card).mentions
    assert mentions
    assert {m.location for m in mentions} == {"name"}
    assert not any(m.applied for m in mentions)


@pytest.mark.parametrize(
    ("text", "name", "run"),
    [
        ("see acme/llama-7b-lora, or", "lora", "acme/llama-7b-lora"),
        ("ends here: lora.", "lora", "lora"),
        ("用LoRA微调", "LoRA", "LoRA"),
        ("pass --lora-alpha 8", "lora", "--lora-alpha"),
    ],
)
def test_run_around(text: str, name: str, run: str) -> None:
    """The run of name characters ends at white space, final punctuation and other scripts."""
    start = text.index(name)
    begin, stop = run_around(text, start, start + len(name))
    assert text[begin:stop] == run


def test_a_run_is_bounded() -> None:
    """A run extends at most 200 characters on either side."""
    text = "a" * 5_000 + "-lora-" + "b" * 5_000
    start = text.index("lora")
    begin, stop = run_around(text, start, start + 4)
    assert (start - begin, stop - start - 4) == (200, 200)
