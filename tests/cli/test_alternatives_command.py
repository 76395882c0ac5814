"""``peft-census alternatives`` on the specimen and the bundled benchmark."""

from __future__ import annotations

import json
from typing import Any

import pytest

from peft_census.cli.alternatives import Size
from peft_census.errors import USAGE


def test_alternatives_to_lora_within_limits(run: Any, specimen: str) -> None:
    """Every run found is below the limits, no other run of the table beats it, and the class to swap in is PEFT's."""
    result = run("alternatives", "--memory-below", "22GB", "--adapter-below", "50 mb", "--json")
    found = json.loads(result.stdout)
    assert [r["technique"] for r in found["found"]] == ["miss", "psoft", "prefix_tuning"]
    assert all(r["memory_max_bytes"] < 22e9 and r["file_size_bytes"] < 50e6 for r in found["found"])
    assert not found["within_limits"] and found["replaced"]["technique"] == "lora"
    assert found["swaps"]["miss"]["config_class"] == "MissConfig"
    assert found["benchmark_commit"] == "5d602fdb"
    text = run("alternatives", "--memory-below", "22GB", "--adapter-below", "50MB").stdout
    assert "LoraConfig(…) → MissConfig(…)" in text and "experiments/miss/" in text


def test_a_variant_stands_for_its_root_and_images_have_no_interval(run: Any, specimen: str) -> None:
    """DoRA is a run of LoRA; the error of the image task is not known, and the text says so."""
    found = json.loads(run("alternatives", "--like", "dora", "--task", "image", "--json").stdout)
    assert found["replaced"]["technique"] == "lora" and len(found["found"]) == 3
    assert {r["low"] for r in found["found"]} == {None}
    markdown = run("alternatives", "--task", "image", "--markdown").stdout
    assert markdown.startswith("| technique |") and "not known" in markdown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--like", "lorra"], "no technique 'lorra'"),
        (["--like", "xlora"], "no run of 'xlora'"),
        (["--memory-below", "22"], "not a size"),
        (["--adapter-below", "5 parsecs"], "not a size"),
    ],
)
def test_wrong_calls_are_named(run: Any, specimen: str, arguments: list[str], words: str) -> None:
    """Each error says what is wrong."""
    result = run("alternatives", *arguments)
    assert result.exit_code == USAGE and words in result.stderr


def test_sizes() -> None:
    """Decimal and binary units, in any case."""
    sizes = {"22GB": 22_000_000_000, "1.5 gib": 1_610_612_736, "50mb": 50_000_000, "2MiB": 2_097_152}
    assert {text: Size().convert(text, None, None) for text in sizes} == sizes
