"""adapter_config.json: the technique and the variants in the file; a null key is not evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import SHARED
from hypothesis import given, settings
from hypothesis import strategies as st
from pace import within

from peft_census.snapshot.schema import TABLES
from peft_census.tag import load_taxonomy
from peft_census.tag.adapter_config import STATUSES, AdapterConfig, read_adapter_config

TAXONOMY = load_taxonomy()


def read(**keys: object) -> AdapterConfig:
    """Reads a file with ``keys``."""
    return read_adapter_config(json.dumps(keys), TAXONOMY)


def shown(config: AdapterConfig) -> list[str]:
    """Returns the technique ids."""
    return [m.technique for m in config.mentions]


def test_every_type_of_peft_is_known() -> None:
    """Each PEFT type of the taxonomy is read from its peft_type alone."""
    for technique in TAXONOMY.techniques.values():
        if technique.kind == "peft_type":
            assert shown(read(peft_type=technique.peft_type)) == [technique.id]


def test_null_keys_are_no_evidence() -> None:
    """A plain LoRA file of a new release contains every option with a value that selects nothing."""
    off = dict.fromkeys(("arrow_config", "eva_config", "corda_config", "velora_config", "use_bdlora"))
    plain = read(peft_type="LORA", use_dora=False, use_rslora=False, init_lora_weights=True, loftq_config={}, **off)
    assert shown(plain) == ["lora"]


def test_a_configuration_of_an_initialisation_does_not_prove_it() -> None:
    """eva_config, corda_config or lora_ga_config without init_lora_weights is not evidence."""
    configs = {"eva_config": {"rho": 2}, "corda_config": {"a": 1}, "lora_ga_config": {"b": 1}}
    assert shown(read(peft_type="LORA", init_lora_weights=True, **configs)) == ["lora"]


def test_adalora_carries_loras_keys() -> None:
    """An ADALORA file with use_dora mentions AdaLoRA only."""
    assert shown(read(peft_type="ADALORA", use_dora=True, use_rslora=True)) == ["adalora"]


@pytest.mark.parametrize(
    ("keys", "variants"),
    [
        ({"use_dora": True}, ["dora"]),
        ({"use_dora": True, "init_lora_weights": "pissa_niter_4", "use_rslora": True}, ["dora", "rslora", "pissa"]),
        ({"init_lora_weights": "olora"}, ["olora"]),
        ({"init_lora_weights": "PiSSA"}, ["pissa"]),
        ({"init_lora_weights": "eva", "eva_config": {"rho": 2.0}}, ["eva"]),
        ({"init_lora_weights": "corda"}, ["corda"]),
        ({"init_lora_weights": "loftq", "loftq_config": {"loftq_bits": 4}}, ["loftq"]),
        ({"init_lora_weights": "lora_ga"}, ["lora_ga"]),
        ({"init_lora_weights": "mica"}, ["mica"]),
        ({"init_lora_weights": "orthogonal"}, ["orthogonal_init"]),
        ({"init_lora_weights": "a_word_of_the_future"}, []),
        ({"init_lora_weights": ["pissa"]}, []),
        ({"use_qalora": True, "qalora_group_size": 32}, ["qalora"]),
        ({"use_bdlora": {"nblocks": 2}}, ["bdlora"]),
        ({"velora_config": {"num_groups": 8}}, ["velora"]),
        ({"kasa_config": {"beta": 0.1}}, ["kasa"]),
        ({"monteclora_config": {"num_samples": 4}}, ["monteclora"]),
        ({"init_lora_weights": "gaussian"}, []),
        ({"init_lora_weights": False}, []),
        ({"alora_invocation_tokens": [1, 2]}, ["alora"]),
        ({"arrow_config": {"top_k": 2}}, ["arrow"]),
        ({"arrow_config": {}, "alora_invocation_tokens": []}, []),
        ({"lora_bias": True, "target_parameters": ["w"], "trainable_token_indices": [3]}, []),
        ({"use_dora": "true"}, []),
        ({"use_dora": 1}, []),
    ],
)
def test_lora_variants_are_shown_by_their_flags(keys: dict[str, object], variants: list[str]) -> None:
    """A flag that is set mentions its variant in addition to LoRA."""
    assert shown(read(peft_type="LORA", **keys)) == ["lora", *variants]


def test_an_unknown_type_is_kept() -> None:
    """An unknown peft_type is reported."""
    found = read(peft_type="HYPERLORA_9", base_model_name_or_path="a/b", peft_version="0.99.0")
    assert (found.status, found.unknown_type, found.mentions) == ("unknown_type", "HYPERLORA_9", ())
    assert (found.base_model, found.peft_version) == ("a/b", "0.99.0")


@pytest.mark.parametrize("written", ["LORA", "lora", "LoRA", " LORA ", "PeftType.LORA"])
def test_the_case_of_peft_type_is_free(written: str) -> None:
    """The case of the type does not matter, and the mention quotes the original text."""
    found = read(peft_type=written)
    assert [(m.technique, m.matched) for m in found.mentions] == [("lora", f"peft_type={written}")]


def test_every_mention_says_what_shows_it() -> None:
    """A mention contains the key and the value; lists and objects are shortened to their brackets."""
    found = read(
        peft_type="LORA",
        use_dora=True,
        init_lora_weights="pissa_niter_4",
        arrow_config={"a": 1},
        alora_invocation_tokens=[1],
    )
    assert [(m.technique, m.matched) for m in found.mentions] == [
        ("lora", "peft_type=LORA"),
        ("dora", "use_dora=true"),
        ("pissa", "init_lora_weights=pissa_niter_4"),
        ("alora", "alora_invocation_tokens=[…]"),
        ("arrow", "arrow_config={…}"),
    ]


def test_base_model_and_release() -> None:
    """Both are kept unchanged; a value that is blank or not a string is None."""
    path = "C:\\Modelle\\llama"
    found = read(peft_type="IA3", base_model_name_or_path=path, peft_version="0.19.2.dev0@UNKNOWN")
    assert (found.base_model, found.peft_version) == (path, "0.19.2.dev0@UNKNOWN")
    found = read(peft_type="IA3", base_model_name_or_path=" ", peft_version=0.18)
    assert (found.status, found.base_model, found.peft_version) == ("parsed", None, None)


def test_what_is_kept_fits_a_table() -> None:
    """An unpaired surrogate, which Arrow rejects, becomes a question mark; a long text is truncated."""
    found = read(peft_type="\ud83d", base_model_name_or_path="acme/\ude00", peft_version="9" * 5_000)
    assert (found.unknown_type, found.base_model, found.peft_version) == ("?", "acme/?", "9" * 200)


def test_the_last_of_two_equal_keys_counts() -> None:
    """The last of two equal keys is used, as in PEFT."""
    assert shown(read_adapter_config('{"peft_type": "LORA", "peft_type": "IA3"}', TAXONOMY)) == ["ia3"]


HUB = {
    "hidden_size": 768,
    "model_class": "BertAdapterModel",
    "model_name": "acme/base",
    "name": "sst",
    "version": "3.2.1",
}
"""The keys that AdapterHub writes in addition to ``config``."""
PREFIX, LORA = (
    {"architecture": "prefix_tuning"},
    {"architecture": "lora", "composition_mode": "add", "init_weights": "lora"},
)
SEQUENTIAL = {
    "mh_adapter": False,
    "output_adapter": True,
    "is_parallel": False,
    "phm_layer": False,
    "inv_adapter": None,
}
PARALLEL = {**SEQUENTIAL, "is_parallel": True}


def gated(*members: dict[str, Any]) -> dict[str, Any]:
    """Returns a union whose members are all gated."""
    return {"architecture": "union", "configs": [{**m, "use_gating": True} for m in members]}


@pytest.mark.parametrize(
    ("config", "techniques"),
    [
        (SEQUENTIAL, ["bottleneck_adapter"]),
        ({**SEQUENTIAL, "architecture": "bottleneck"}, ["bottleneck_adapter"]),
        ({"architecture": None, "reduction_factor": 16, "phm_layer": False}, ["bottleneck_adapter"]),
        ({**SEQUENTIAL, "inv_adapter": "nice"}, ["bottleneck_adapter", "mad_x"]),
        ({"MH_Adapter": True, "Output_Adapter": True}, ["bottleneck_adapter"]),
        ({"mh_adapter": True, "invertible_adapter": {"block_type": "nice"}}, ["bottleneck_adapter", "mad_x"]),
        (PARALLEL, ["parallel_adapter"]),
        ({**SEQUENTIAL, "phm_layer": True}, ["compacter"]),
        (PREFIX, ["prefix_tuning"]),
        ({"architecture": "prompt_tuning"}, ["prompt_tuning"]),
        ({"architecture": "reft"}, ["reft"]),
        (LORA, ["lora"]),
        ({**LORA, "composition_mode": "scale", "init_weights": "ia3"}, ["ia3"]),
        ({**LORA, "init_weights": "vera"}, ["vera"]),
        ({"architecture": "union", "configs": [PREFIX, PARALLEL]}, ["parallel_adapter"]),
        (gated(PREFIX, SEQUENTIAL, LORA), ["unipelt"]),
        (
            {"architecture": "union", "configs": [PREFIX, SEQUENTIAL, LORA]},
            ["prefix_tuning", "bottleneck_adapter", "lora"],
        ),
        ("pfeiffer", ["bottleneck_adapter"]),
        ("houlsby+inv", ["bottleneck_adapter", "mad_x"]),
        ("double_seq_bn_inv", ["bottleneck_adapter", "mad_x"]),
        ("parallel", ["parallel_adapter"]),
        ("compacter++", ["compacter"]),
        ("prefix_tuning_flat", ["prefix_tuning"]),
        ("lora[r=4,alpha=8]|prompt_tuning", ["lora", "prompt_tuning"]),
        ("loreft", ["reft"]),
        ("mam", ["parallel_adapter"]),
        ("unipelt", ["unipelt"]),
        ("ia3", ["ia3"]),
        ({}, []),
        (None, []),
        ({"architecture": ["lora"]}, []),
    ],
)
def test_adapterhub_is_recognized(config: object, techniques: list[str]) -> None:
    """An AdapterHub file has no peft_type; its architecture, or the settings that imply one, give the technique."""
    found = read(config=config, **HUB)
    assert (found.status, shown(found)) == ("adapterhub", techniques)
    assert (found.base_model, found.peft_version, found.unknown_type) == ("acme/base", None, None)


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"architecture": "mtl_lora"}, "mtl_lora"),
        ("acme_config", "acme_config"),
        ({"architecture": "union"}, "union"),
        ({"architecture": "union", "configs": ["lora", 7, {}]}, "union"),
    ],
)
def test_adapterhubs_unknown_architecture_is_kept(config: object, kept: str) -> None:
    """An unknown architecture, or a union without readable members, is reported."""
    found = read(config=config, **HUB)
    assert (found.status, found.mentions, found.unknown_type) == ("adapterhub", (), kept)


def test_peft_type_decides_whose_file_it_is() -> None:
    """A file with peft_type is a PEFT file; ``config`` alone does not make a file AdapterHub's."""
    assert read(peft_type="IA3", config=LORA, **HUB).status == "parsed"
    assert read(config=LORA, name="mine").status == "no_peft_type"
    assert read(peft_type=None, config=LORA, **HUB).status == "adapterhub"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", "not_json"),
        ("<html>", "not_json"),
        ("{'peft_type': 'LORA'}", "not_json"),
        ("[1]", "not_an_object"),
        ("null", "not_an_object"),
        ('{"r": 8}', "no_peft_type"),
        ('{"peft_type": null, "use_dora": true}', "no_peft_type"),
        ('{"peft_type": " ", "use_dora": true}', "no_peft_type"),
        ('{"peft_type": 7}', "unknown_type"),
        ('{"peft_type": false}', "unknown_type"),
        ('{"peft_type": ["LORA"]}', "unknown_type"),
        ('{"peft_type": "NONE"}', "unknown_type"),
        ("[" * 200_000, "too_large"),
        ("[" * 9_000, "too_large"),
        ('{"peft_type": "LORA", "a": ' + "[" * 99 + "]" * 99 + "}", "parsed"),
        ('{"peft_type": "LORA", "a": ' + "[" * 100 + "]" * 100 + "}", "too_large"),
        ('{"peft_type": "LORA", "a": "' + "[{" * 9_000 + '\\"["}', "parsed"),
        ("x" * 1_000_001, "too_large"),
        ('{"r": ' + "9" * 5_000 + ', "peft_type": "LORA"}', "parsed"),
        ('{"peft_type": "LORA", "lora_alpha": NaN, "r": -Infinity, "d": 1e999}', "parsed"),
        ('\ufeff{"peft_type": "LORA"}', "parsed"),
    ],
)
def test_hostile_files_never_raise(text: str, status: str) -> None:
    """Any file has a status."""
    assert read_adapter_config(text, TAXONOMY).status == status


@pytest.mark.parametrize(
    "text", ["[" * 10**6, '"' * 10**6, '\\"' * 500_000, '{"r":' + "1" * 900_000 + "}", '{"a":{},' * 125_000]
)
def test_hostile_files_are_quick(text: str) -> None:
    """A megabyte of brackets, quotes, escapes or digits is read in linear time."""
    within(2, lambda: read_adapter_config(text, TAXONOMY))


KEYS = st.sampled_from(
    "peft_type use_dora init_lora_weights arrow_config base_model_name_or_path peft_version config architecture configs "
    "use_gating inv_adapter output_adapter hidden_size model_class model_name".split()
)
WORDS = st.sampled_from(["LORA", "ADALORA", "pissa", "union", "lora", "prefix_tuning", "mam|x[", "\ud800", "\x00"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.text() | VALUES.map(json.dumps) | st.dictionaries(KEYS, VALUES).map(json.dumps))
def test_any_text_has_an_outcome_that_the_tables_hold(text: str) -> None:
    """No text raises, and the result fits the columns: known technique, short text, valid Unicode."""
    found = read_adapter_config(text, TAXONOMY)
    assert found.status in STATUSES
    assert all(m.technique in TAXONOMY.techniques and len(m.matched) <= 200 for m in found.mentions)
    assert len(set(shown(found))) == len(found.mentions)
    texts = [m.matched for m in found.mentions] + [found.base_model, found.peft_version, found.unknown_type]
    assert pa.array(texts, pa.string()).to_pylist() == texts


def test_the_table_of_models_knows_every_outcome() -> None:
    """The schema's allowed values of config_status are the statuses of this module."""
    column = next(c for c in TABLES["models"][1] if c.name == "config_status")
    assert set(column.allowed or ()) == set(STATUSES)


TRACES = {
    "DoRA": "dora",
    "DoRA on Conv2d": "dora",
    "DoRA + PiSSA": "dora pissa",
    "DoRA + rsLoRA": "dora rslora",
    "DoRA + trainable_token_indices": "dora",
    "QDoRA: DoRA on a bitsandbytes 4-bit base": "dora",
    "rsLoRA": "rslora",
    "rslora, second adapter of a two-adapter save": "rslora",
    "PiSSA + rsLoRA": "rslora pissa",
    "init_lora_weights='pissa'": "pissa",
    "init_lora_weights='pissa_niter_4'": "pissa",
    "init_lora_weights='olora'": "olora",
    "init_lora_weights='orthogonal'": "orthogonal_init",
    "init_lora_weights='mica'": "mica",
    "init_lora_weights='corda' (preprocessed on random tokens)": "corda",
    "init_lora_weights='lora_ga' (preprocessed on random tokens)": "lora_ga",
    "EVA (initialised on random tokens)": "eva",
    "LoftQ": "loftq",
    "Activated LoRA (alora_invocation_tokens)": "alora",
    "aLoRA": "alora",
    "use_qalora on plain linears": "qalora",
    "use_qalora=True on unquantised linears": "qalora",
    "BD-LoRA": "bdlora",
    "VeLoRA": "velora",
    "KaSA": "kasa",
    "MonteCLoRA": "monteclora",
    "Arrow router": "arrow",
    "Arrow router + GenKnowSub": "arrow",
}
"""Labels of saved LoRA files whose variant the file shows, with the technique ids."""

NO_TRACE = {
    "QLoRA: base really loaded in bitsandbytes 4-bit": "the base's quantisation is not in the file",
    "base really loaded in bitsandbytes 8-bit": "the base's quantisation is not in the file",
    "config carries a bitsandbytes 4-bit quantization_config": "the base's quantisation is not in the file",
    "LoRA+ (one step with create_loraplus_optimizer)": "an optimizer",
    "LoRA-FA (one step with create_lorafa_optimizer)": "an optimizer",
    "LoftQ on the fly (replace_lora_weights_loftq) on a 4-bit base": "weights replaced after get_peft_model",
    "pissa saved with path_initial_model_for_weight_conversion": "converted at saving: looks plain, rank doubled",
    "olora saved with path_initial_model_for_weight_conversion": "converted at saving: looks plain, rank doubled",
    "corda saved with path_initial_model_for_weight_conversion": "converted at saving; corda_config proves nothing",
    "lora_ga saved with path_initial_model_for_weight_conversion": "converted at saving; lora_ga_config proves nothing",
    "gralora converted with save_as_lora": "is LoRA once converted",
    "loha converted with save_as_lora": "is LoRA once converted",
    "lokr converted with save_as_lora": "is LoRA once converted",
    "miss converted with save_as_lora": "is LoRA once converted",
}
"""Labels of saved LoRA files whose variant, or origin, leaves no trace in the file, and the reason."""

NOT_USED = {
    "eva_config given, init_lora_weights left True": "",
    "corda_config given, init_lora_weights left True": "",
    "loftq_config given, init_lora_weights left True": "",
    "EVA asked for but never initialised": "eva",
}
"""Labels whose variant was not used. The last file contains eva nevertheless: it records the requested value."""

VARIANT_WORDS = (
    "dora qlora rslora lora+ lora-fa pissa olora loftq eva corda orthogonal lora_ga mica alora arrow bd-lora velora "
    "kasa montec bit convert"
).split()
"""No label outside the tables contains one of these. All other labels name plain options (bias, target_modules,
layer_replication, trainable_token_indices, gaussian …), which are not techniques."""


@pytest.fixture(scope="module")
def saved() -> list[dict[str, str]]:
    """The files that PEFT 0.4.0 to 0.21.2 wrote, with labels."""
    file = SHARED / "real/peft_saved.parquet"
    if not file.is_file():
        pytest.skip("real material (../shared/real/peft_saved.parquet) is not here")
    return pq.read_table(file).to_pylist()


def expected(peft_type: str, variant: str) -> list[str]:
    """Returns what a file with these labels shows: its technique, then its variants."""
    technique = "llama_adapter" if peft_type == "ADAPTION_PROMPT" else peft_type.lower()
    shown_variants = TRACES.get(variant, NOT_USED.get(variant, "")) if peft_type == "LORA" else ""
    return [technique, *shown_variants.split()]


def test_all_files_that_peft_wrote_are_read_right(saved: list[dict[str, str]]) -> None:
    """Each of 523 files shows its type and exactly the variants that leave a trace."""
    read_files = [read_adapter_config(row["adapter_config"], TAXONOMY) for row in saved]
    wrong = [
        (row["folder"], row["variant"], shown(found))
        for row, found in zip(saved, read_files, strict=True)
        if found.status != "parsed" or shown(found) != expected(row["peft_type"], row["variant"])
    ]
    assert len(saved) == 523
    assert len({found.mentions[0].technique for found in read_files}) == 46
    assert wrong == []


def test_every_label_of_a_variant_is_in_a_table(saved: list[dict[str, str]]) -> None:
    """The tables above and the real files contain the same variants."""
    labels = {row["variant"] for row in saved if row["peft_type"] == "LORA"}
    tables = TRACES.keys() | NO_TRACE.keys() | NOT_USED.keys()
    assert tables <= labels
    assert {label for label in labels - tables if any(word in label.lower() for word in VARIANT_WORDS)} == set()


def test_the_release_is_read_where_peft_wrote_it(saved: list[dict[str, str]]) -> None:
    """Files of 0.21.2 contain their release; those up to 0.15.2, and four of 0.18.1 with null, do not."""
    has_version: dict[str, list[bool]] = {}
    for row in saved:
        found = read_adapter_config(row["adapter_config"], TAXONOMY).peft_version
        assert found in (None, row["peft_version"])
        has_version.setdefault(row["peft_version"], []).append(found is not None)
    assert {version: sum(flags) for version, flags in has_version.items() if any(flags)} == {
        "0.18.1": 86,
        "0.21.2": 239,
    }


def test_real_configs_are_read(shared: Path) -> None:
    """Of 14 files of public repositories two are AdapterHub's and one shows DoRA; the others are plain LoRA."""
    files = sorted((shared / "real/adapter_configs").glob("*.json"))
    read_files = {f.stem: read_adapter_config(f.read_text(encoding="utf-8"), TAXONOMY) for f in files}
    assert len(read_files) == 14
    assert {n for n, c in read_files.items() if c.status == "adapterhub"} == {"0037", "0039"}
    assert {n for n, c in read_files.items() if c.status == "parsed"} == read_files.keys() - {"0037", "0039"}
    others = {n: shown(c) for n, c in read_files.items() if shown(c) != ["lora"]}
    assert others == {"0039": ["bottleneck_adapter"], "0046": ["lora", "dora"]}
    assert all(c.base_model for c in read_files.values())


def test_settings() -> None:
    """Rank, alpha and modules of LoRA, AdaLoRA and LoHa; a string of modules is one; another type of value is null."""
    lora = read(peft_type="LORA", r=16, lora_alpha=32, target_modules=["v_proj", "q_proj", "q_proj", 3])
    assert (lora.rank, lora.alpha, lora.target_modules) == (16, 32.0, ("q_proj", "v_proj"))
    assert read(peft_type="ADALORA", r=8, init_r=12, lora_alpha=0.5).rank == 12
    assert read(peft_type="LOHA", r=4, alpha=8).alpha == 8.0
    assert read(peft_type="LORA", target_modules="all-linear").target_modules == ("all-linear",)
    assert read(peft_type="NEW", r=2).rank == 2
    odd = read(peft_type="LORA", r=True, lora_alpha="32", target_modules={"a": 1})
    assert (odd.rank, odd.alpha, odd.target_modules) == (None, None, None)
    huge = read_adapter_config(f'{{"peft_type": "LORA", "r": {"9" * 400}, "lora_alpha": {"9" * 400}}}', TAXONOMY)
    assert (huge.status, huge.rank, huge.alpha) == ("parsed", None, None)


def test_the_settings_of_real_files(shared: Path) -> None:
    """Of the real LoRA files each has rank, alpha and modules."""
    files = sorted((shared / "real/adapter_configs").glob("*.json"))
    read_files = [read_adapter_config(file.read_text(encoding="utf-8"), TAXONOMY) for file in files]
    lora = [config for config in read_files if "lora" in shown(config) and config.status == "parsed"]
    assert len(lora) >= 5
    assert all(config.rank and config.alpha and config.target_modules for config in lora)
