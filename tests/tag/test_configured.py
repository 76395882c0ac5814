"""adapter_config.json: technique and variant from the file, null keys are no evidence."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from peft_census.tag import load_taxonomy
from peft_census.tag.configured import Configured, read_config

TAXONOMY = load_taxonomy()


def read(**keys: object) -> Configured:
    """Reads a file with ``keys``."""
    return read_config(json.dumps(keys), TAXONOMY)


def shown(configured: Configured) -> list[str]:
    """Returns the technique ids."""
    return [m.technique for m in configured.mentions]


def test_every_type_of_peft_is_known() -> None:
    """Each PEFT type of the taxonomy is read from its peft_type alone."""
    for technique in TAXONOMY.techniques.values():
        if technique.kind == "peft_type":
            assert shown(read(peft_type=technique.peft_type)) == [technique.id]


def test_null_keys_are_no_evidence() -> None:
    """A plain LoRA file of a new release carries every switch, all off."""
    off = dict.fromkeys(("arrow_config", "eva_config", "corda_config", "velora_config", "use_bdlora"))
    plain = read(peft_type="LORA", use_dora=False, use_rslora=False, init_lora_weights=True, loftq_config={}, **off)
    assert shown(plain) == ["lora"]


def test_a_configuration_of_an_initialisation_does_not_prove_it() -> None:
    """eva_config, corda_config or lora_ga_config without init_lora_weights say nothing."""
    configs = {"eva_config": {"rho": 2}, "corda_config": {"a": 1}, "lora_ga_config": {"b": 1}}
    assert shown(read(peft_type="LORA", init_lora_weights=True, **configs)) == ["lora"]


def test_adalora_carries_loras_keys() -> None:
    """An ADALORA file with use_dora is AdaLoRA and nothing else."""
    assert shown(read(peft_type="ADALORA", use_dora=True, use_rslora=True)) == ["adalora"]


@pytest.mark.parametrize(
    ("keys", "variants"),
    [
        ({"use_dora": True}, ["dora"]),
        ({"use_dora": True, "init_lora_weights": "pissa_niter_4", "use_rslora": True}, ["dora", "rslora", "pissa"]),
        ({"init_lora_weights": "olora"}, ["olora"]),
        ({"init_lora_weights": "gaussian"}, []),
        ({"init_lora_weights": False}, []),
        ({"alora_invocation_tokens": [1, 2]}, ["alora"]),
        ({"arrow_config": {"top_k": 2}}, ["arrow"]),
        ({"use_dora": "true"}, []),
        ({"use_dora": 1}, []),
    ],
)
def test_lora_variants_are_shown_by_their_flags(keys: dict[str, object], variants: list[str]) -> None:
    """A flag that is on names its variant, beside LoRA itself."""
    assert shown(read(peft_type="LORA", **keys)) == ["lora", *variants]


def test_an_unknown_type_is_kept() -> None:
    """A peft_type of the future is reported, not guessed at."""
    found = read(peft_type="HYPERLORA_9", base_model_name_or_path="a/b", peft_version="0.99.0")
    assert (found.status, found.unknown_type, found.mentions) == ("unknown_type", "HYPERLORA_9", ())
    assert (found.base_model, found.peft_version) == ("a/b", "0.99.0")


def test_adapterhub_is_told_apart() -> None:
    """AdapterHub's file has no peft_type; its architecture gives the technique."""
    file = {"hidden_size": 768, "model_class": "BertModelWithHeads", "model_name": "bert-base-uncased"}
    houlsby = read(config={"architecture": None, "reduction_factor": 16, "phm_layer": False}, **file)
    assert (houlsby.status, shown(houlsby), houlsby.base_model) == (
        "adapterhub",
        ["bottleneck_adapter"],
        "bert-base-uncased",
    )
    assert shown(read(config={"architecture": "prefix_tuning"}, **file)) == ["prefix_tuning"]
    assert shown(read(config={"reduction_factor": 32, "phm_layer": True}, **file)) == ["compacter"]
    assert shown(read(config="pfeiffer", **file)) == ["bottleneck_adapter"]
    assert shown(read(config={"architecture": "unheard_of"}, **file)) == []


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", "not_json"),
        ("<html>", "not_json"),
        ("[1]", "not_an_object"),
        ("null", "not_an_object"),
        ('{"r": 8}', "no_peft_type"),
        ('{"peft_type": 7}', "unknown_type"),
        ('{"peft_type": ["LORA"]}', "unknown_type"),
        ("[" * 200_000, "too_large"),
        ("[" * 9_000, "not_json"),
        ("x" * 1_000_001, "too_large"),
        ('{"r": ' + "9" * 5_000 + ', "peft_type": "LORA"}', "not_json"),
        ('{"peft_type": "LORA", "lora_alpha": NaN}', "parsed"),
    ],
)
def test_hostile_files_never_raise(text: str, status: str) -> None:
    """Whatever stands in the file, there is a status."""
    assert read_config(text, TAXONOMY).status == status


SHOWN = {
    "DoRA": {"dora"}, "QDoRA": {"dora"}, "rsLoRA": {"rslora"}, "rslora": {"rslora"}, "pissa": {"pissa"}, "PiSSA": {"pissa"},
    "init_lora_weights='olora'": {"olora"}, "init_lora_weights='corda'": {"corda"},
    "init_lora_weights='lora_ga'": {"lora_ga"}, "init_lora_weights='mica'": {"mica"},
    "init_lora_weights='orthogonal'": {"orthogonal_init"}, "Activated LoRA": {"alora"}, "aLoRA": {"alora"},
    "Arrow": {"arrow"}, "BD-LoRA": {"bdlora"}, "KaSA": {"kasa"}, "MonteCLoRA": {"monteclora"}, "VeLoRA": {"velora"},
    "use_qalora": {"qalora"}, "EVA": {"eva"},
}  # fmt: skip
"""What the labels of the saved files say must be seen; by a word of the label."""
NO_TRACE = (
    "saved with path_initial_model",
    "LoRA+",
    "LoRA-FA",
    "on the fly",
    "QLoRA",
    "8-bit",
    "config given",
    "converted with",
)
"""Labels whose variant leaves nothing in the file: converted weights, optimizers, quantised bases, configurations
without the initialisation they configure."""


def expected(variant: str) -> set[str]:
    """Returns the variants that a label promises."""
    if any(word in variant for word in NO_TRACE):
        return set()
    found = {t for word, techniques in SHOWN.items() if word in variant for t in techniques}
    return found | ({"loftq"} if variant == "LoftQ" else set())


def test_all_files_that_peft_wrote_are_read_right(shared: Path) -> None:
    """523 files by PEFT 0.4.0 to 0.21.2: type and every variant that leaves a trace."""
    rows = pq.read_table(shared / "real/peft_saved.parquet").to_pylist()
    types = {t.peft_type: t.id for t in TAXONOMY.techniques.values() if t.kind == "peft_type"}
    wrong = []
    for row in rows:
        found = shown(read_config(row["adapter_config"], TAXONOMY))
        variants = expected(row["variant"]) if row["peft_type"] == "LORA" else set()
        if found[:1] != [types[row["peft_type"]]] or set(found[1:]) != variants:
            wrong.append((row["folder"], row["variant"], found, sorted(variants)))
    assert len(rows) == 523
    assert wrong == []


def test_real_configs_are_read(shared: Path) -> None:
    """The 14 files of public repositories: PEFT's are parsed, AdapterHub's told apart."""
    read_files = {
        f.name: read_config(f.read_text(), TAXONOMY) for f in (shared / "real/adapter_configs").glob("*.json")
    }
    assert len(read_files) == 14
    assert {n for n, c in read_files.items() if c.status == "adapterhub"} == {"0037.json", "0039.json"}
    assert all(c.mentions for c in read_files.values())
