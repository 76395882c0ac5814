"""What an ``adapter_config.json`` proves: the technique that the saved weights really have.

In: the text of one such file. Out: its technique, variants, base model and PEFT release, or why it shows none.
``peft_type`` is read first, because an ADALORA file carries every LoRA key, ``use_dora`` included. New files carry
every option as a null key; only a value that switches something on is evidence. AdapterHub writes a file of the same
name without ``peft_type``. Hostile like card text: limits on size and depth, never an exception.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from peft_census.tag.techniques import Taxonomy

MAX_CHARS = 1_000_000
_MAX_NESTING = 100
_ADAPTERHUB = {
    "pfeiffer": "bottleneck_adapter",
    "houlsby": "bottleneck_adapter",
    "double_seq_bn": "bottleneck_adapter",
    "seq_bn": "bottleneck_adapter",
    "parallel": "parallel_adapter",
    "par_bn": "parallel_adapter",
    "scaled_parallel": "parallel_adapter",
    "compacter": "compacter",
    "compacter++": "compacter",
    "prefix_tuning": "prefix_tuning",
    "prompt_tuning": "prompt_tuning",
    "lora": "lora",
    "ia3": "ia3",
    "unipelt": "unipelt",
    "loreft": "reft",
    "noreft": "reft",
    "direft": "reft",
    "reft": "reft",
}
"""AdapterHub's names of architectures, as its files write them."""


@dataclass(frozen=True)
class ConfigMention:
    """One technique that the file shows, and the key that shows it."""

    technique: str
    matched: str


@dataclass(frozen=True)
class Configured:
    """What one file says.

    Args:
        status: ``parsed``; ``adapterhub`` (the other library's file); ``unknown_type`` (a peft_type the taxonomy
            lacks); ``no_peft_type``, ``not_an_object``, ``not_json``, ``too_large`` (nothing can be said).
        mentions: the technique and, for LoRA, each variant that a flag shows. A file of DoRA weights says both
            LORA and DoRA: rule ``split`` sees two techniques, ``rolled_up`` one.
        base_model: the base as the file names it; may be a local path.
        peft_version: release that wrote it; PEFT tells since 0.18.0.
        unknown_type: the raw ``peft_type`` that the taxonomy lacks.
    """

    status: str
    mentions: tuple[ConfigMention, ...] = ()
    base_model: str | None = None
    peft_version: str | None = None
    unknown_type: str | None = None


def read_config(text: str, taxonomy: Taxonomy) -> Configured:
    """Returns what the text of one ``adapter_config.json`` says; never raises."""
    if len(text) > MAX_CHARS or text.count("[") + text.count("{") > MAX_CHARS // 100:
        return Configured("too_large")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return Configured("not_json")
    if not isinstance(data, dict):
        return Configured("not_an_object")
    base, version = _text(data.get("base_model_name_or_path")), _text(data.get("peft_version"))
    declared = data.get("peft_type")
    if declared is None:
        return _adapterhub(data, base)
    types = {t.peft_type: t for t in taxonomy.techniques.values() if t.kind == "peft_type" and t.peft_type}
    technique = types.get(declared.upper()) if isinstance(declared, str) else None
    if technique is None:
        return Configured("unknown_type", (), base, version, str(declared)[:100])
    found = [ConfigMention(technique.id, f"peft_type={technique.peft_type}")]
    found += [
        ConfigMention(t.id, _shown(t.selector.key, data[t.selector.key]))
        for t in taxonomy.techniques.values()
        if t.selector and taxonomy.root(t.id) == technique.id and t.id != technique.id and t.selector.matches(data)
    ]
    return Configured("parsed", tuple(found), base, version)


def _adapterhub(data: dict[str, Any], base: str | None) -> Configured:
    """Reads a file of the adapters library: its ``config`` is a name or an object with an architecture."""
    if "model_class" not in data and not {"hidden_size", "config"} <= set(data):
        return Configured("no_peft_type", (), base)
    config = data.get("config")
    name: object = config
    if isinstance(config, dict):
        name = config.get("architecture")
        if name is None and "reduction_factor" in config:
            if config.get("phm_layer"):
                name = "compacter"
            else:
                name = "parallel" if config.get("is_parallel") else "pfeiffer"
    technique = _ADAPTERHUB.get(str(name).lower().partition("[")[0])
    found = (ConfigMention(technique, f"architecture={name}"[:200]),) if technique else ()
    return Configured("adapterhub", found, base or _text(data.get("model_name")))


def _shown(key: str, value: object) -> str:
    """Returns a key with its value when that is short."""
    told = json.dumps(value) if isinstance(value, bool | str | int | float) else "set"
    return f"{key}={told}"[:200]


def _text(value: object) -> str | None:
    return value[:500] if isinstance(value, str) and value else None
