"""Candidates, and the prefilter, which must select every card with a candidate."""

from __future__ import annotations

import itertools
import json

import pyarrow as pa
import pytest
from helpers import REPO

from peft_census.tag.candidates import CandidateScanner, bundled_scanner
from peft_census.tag.taxonomy import load_taxonomy
from peft_census.tag.techniques import normal_form

WRITTEN = ["LoRA", "QLoRA", "Prefix-Tuning", "prefix tuning", "P-Tuning", "LoraConfig", "2106.09685", "use_dora", "IA3"]


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("frame", ["{}", "{} x", "x {}", "调{}微", "({})", "\n{}\n", "'{}'", "/{}/", "\u00a0{}\u2003"])
def test_prefilter_lets_names_pass(name: str, frame: str) -> None:
    """The prefilter selects every card with a candidate."""
    text = frame.format(name)
    assert bundled_scanner().find(text)
    assert bundled_scanner().prefilter(pa.array([text])).to_pylist() == [True]


def test_prefilter_covers_every_name_of_the_taxonomy() -> None:
    """Each alias, class, title and arXiv id of the taxonomy passes the prefilter."""
    names = []
    for t in load_taxonomy().techniques.values():
        names += (
            [a.text for a in t.aliases] + list(t.classes) + list(t.arxiv) + [n for n in (t.config_class, t.title) if n]
        )
    passed = bundled_scanner().prefilter(pa.array([f"with {n}." for n in names])).to_pylist()
    assert [n for n, p in zip(names, passed, strict=True) if not p] == []


def test_prefilter_of_nulls_and_plain_text() -> None:
    """A null and a text without names are skipped."""
    assert (
        bundled_scanner().prefilter(pa.array([None, "A model of zebras.", ""], pa.string())).to_pylist() == [False] * 3
    )


def test_prefilter_of_nothing() -> None:
    """An empty column gives an empty result."""
    assert bundled_scanner().prefilter(pa.array([], pa.string())).to_pylist() == []


@pytest.mark.parametrize(
    "written", ["prefix tuning", "Prefix-Tuning", "prefix_tuning", "PREFIX TUNING", "PrefixTuning"]
)
def test_separators_are_interchangeable(written: str) -> None:
    """A space, a hyphen, an underscore or nothing may separate the words of a name."""
    assert [c.technique for c in bundled_scanner().find(f"with {written}.")] == ["prefix_tuning"]


def test_candidates_do_not_overlap() -> None:
    """Candidates are in the order of the text, and the longest name is the candidate."""
    found = bundled_scanner().find("AdaLoRA, LoRA and QLoRA; LoraConfig(…)")
    assert [c.technique for c in found] == ["adalora", "lora", "qlora", "lora"]
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


@pytest.mark.parametrize("text", ["exploration", "floral", "LoRaWAN", "12106.09685", "2106.096851", "xLoRAx"])
def test_parts_of_longer_words_are_no_candidates(text: str) -> None:
    """Letters and digits on either side belong to the word."""
    assert bundled_scanner().find(text) == []


def test_class_names_keep_their_letters() -> None:
    """A class name is a class only in its exact case."""
    assert [c.form for c in bundled_scanner().find("LoraConfig")] == ["class"]
    assert "class" not in [c.form for c in bundled_scanner().find("LORACONFIG")]


def test_key() -> None:
    """Names are compared without case and separators; the plus sign distinguishes LoRA+ from LoRA."""
    assert normal_form("Prefix-Tuning") == normal_form("prefix tuning") == "prefixtuning"
    assert normal_form("LoRA+") != normal_form("LoRA")


def test_a_scanner_depends_only_on_the_taxonomy() -> None:
    """Two scanners of one taxonomy find the same."""
    text = "LoRA, DoRA, (IA)^3 and 2106.09685"
    assert CandidateScanner(load_taxonomy()).find(text) == bundled_scanner().find(text)


def test_compiled_patterns_find_what_python_finds() -> None:
    """A few cards are searched without Hyperscan; the candidates and the selected cards are the same."""
    texts = [json.loads(line)["text"] for line in (REPO / "data/specimen/cards.jsonl").read_text("utf-8").splitlines()]
    fast, plain = CandidateScanner(load_taxonomy()), CandidateScanner(load_taxonomy())
    fast.compiled()
    for text in filter(None, texts):
        assert fast.find(text) == plain.find(text)
        assert fast.find(text, 1) == plain.find(text, 1)
    column = pa.array(texts, pa.string())
    assert fast.prefilter(column).equals(plain.prefilter(column))
