"""Reads an ``adapter_config.json``: technique, variants, base model and release of PEFT.

In: the text of one such file. Out: an ``AdapterConfig`` with its mentions on the evidence level ``configured``.
``peft_type`` is read first, because an ADALORA file contains every key of LoRA. A key is evidence only if its value
selects something. A file that cannot be read, or that PEFT did not write, has a status of its own and raises nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from peft_census.tag.techniques import Taxonomy, Technique

STATUSES = ("parsed", "not_json", "not_an_object", "no_peft_type", "adapterhub", "unknown_type", "too_large")
"""Outcomes of reading a file. ``too_large`` includes a file that is nested too deeply."""

MAX_CONFIG_CHARS = 1_000_000
MAX_DEPTH = 100
"""The largest of 523 files that PEFT wrote has 1,772 characters. Large models add rank masks and lists of tokens, which
increase the size, not the depth."""
_MAX_TEXT = 200
_MOST_MODULES = 1_000

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)

_HUB_KEYS = frozenset(("hidden_size", "model_class", "model_name", "model_type"))
"""AdapterHub writes ``config`` and these keys. A file with ``config`` and two of them is AdapterHub's."""

_HUB_NAMES = {
    name: technique
    for technique, names in {
        "bottleneck_adapter": "pfeiffer houlsby seq_bn double_seq_bn",
        "parallel_adapter": "parallel scaled_parallel par_bn scaled_par_bn mam",
        "compacter": "compacter compacter++",
        "prefix_tuning": "prefix_tuning prefix_tuning_flat",
        "prompt_tuning": "prompt_tuning",
        "lora": "lora",
        "ia3": "ia3",
        "reft": "reft loreft noreft direft",
        "unipelt": "unipelt",
    }.items()
    for name in names.split()
}
"""AdapterHub's architectures and named configurations, with the technique of each."""


@dataclass(frozen=True)
class ConfigMention:
    """A technique and the key and value that show it."""

    technique: str
    matched: str


@dataclass(frozen=True)
class AdapterConfig:
    """The content of one ``adapter_config.json``.

    A LORA file with ``use_dora`` mentions both lora (``peft_type=LORA``) and dora (``use_dora=true``). The counting
    rules decide which of them is counted. Texts are truncated to 200 characters.

    Args:
        status: one of ``STATUSES``; ``parsed`` is a file of PEFT with a type in the taxonomy.
        mentions: the technique, then its variants in the order of the taxonomy.
        base_model: a repository id or a local path.
        peft_version: release of PEFT that wrote the file; releases before 0.18 write none.
        unknown_type: ``peft_type``, or AdapterHub's architecture, that is not in the taxonomy.
        rank: ``r``; of AdaLoRA, which reduces it in training, the first rank (``init_r``).
        alpha: ``lora_alpha``, or ``alpha`` of LoHa, LoKr and others.
        target_modules: names of the tuned modules, sorted; one pattern or ``all-linear`` where the file has a string;
            None where the file names none.
    """

    status: str
    mentions: tuple[ConfigMention, ...] = ()
    base_model: str | None = None
    peft_version: str | None = None
    unknown_type: str | None = None
    rank: int | None = None
    alpha: float | None = None
    target_modules: tuple[str, ...] | None = None


def read_adapter_config(text: str, taxonomy: Taxonomy) -> AdapterConfig:
    """Returns the content of one ``adapter_config.json``; raises nothing.

    The last of two equal keys is used, as PEFT does. The case of ``peft_type`` is ignored: other tools write ``VeRA``.
    """
    if len(text) > MAX_CONFIG_CHARS or _depth(text) > MAX_DEPTH:
        return AdapterConfig("too_large")
    try:
        config = json.loads(text.removeprefix("\ufeff"), parse_int=_number)
    except ValueError:
        return AdapterConfig("not_json")
    if not isinstance(config, dict):
        return AdapterConfig("not_an_object")
    peft_type = config.get("peft_type")
    if peft_type is not None and not (isinstance(peft_type, str) and not peft_type.strip()):
        return _read_peft(peft_type, config, taxonomy)
    if "config" in config and len(_HUB_KEYS & config.keys()) >= 2:
        return _read_adapterhub(config, taxonomy)
    return AdapterConfig("no_peft_type")


def _read_peft(peft_type: object, config: dict[str, object], taxonomy: Taxonomy) -> AdapterConfig:
    base_model, version = _word(config.get("base_model_name_or_path")), _word(config.get("peft_version"))
    technique = _of_type(peft_type, taxonomy)
    if technique is None:
        spelled = _clean(_spell(peft_type))
        return AdapterConfig("unknown_type", (), base_model, version, spelled, *_settings(config, "r"))
    shown = [ConfigMention(technique.id, _show("peft_type", peft_type))]
    for variant in taxonomy.techniques.values():
        selector = variant.selector
        if selector is not None and variant.variant_of == technique.id and selector.matches(config):
            shown.append(ConfigMention(variant.id, _show(selector.key, config[selector.key])))
    settings = _settings(config, "init_r" if technique.id == "adalora" else "r")
    return AdapterConfig("parsed", tuple(shown), base_model, version, None, *settings)


def _settings(config: dict[str, object], rank_key: str) -> tuple[int | None, float | None, tuple[str, ...] | None]:
    """Returns rank, alpha and target modules; None for a value of another type."""
    rank, alpha = config.get(rank_key), config.get("lora_alpha", config.get("alpha"))
    modules = config.get("target_modules")
    names = [modules] if isinstance(modules, str) else modules if isinstance(modules, list) else []
    texts = sorted({_clean(name) for name in names if isinstance(name, str)})[:_MOST_MODULES]
    return (
        rank if isinstance(rank, int) and not isinstance(rank, bool) and 0 <= rank < 2**31 else None,
        float(alpha) if isinstance(alpha, int | float) and not isinstance(alpha, bool) and isfinite(alpha) else None,
        tuple(texts) or None,
    )


def _of_type(raw: object, taxonomy: Taxonomy) -> Technique | None:
    """Returns the technique of a ``peft_type`` such as LORA, lora or PeftType.LORA."""
    if not isinstance(raw, str):
        return None
    name = raw.strip().upper().removeprefix("PEFTTYPE.")
    return next((t for t in taxonomy.techniques.values() if t.kind == "peft_type" and t.peft_type == name), None)


def _read_adapterhub(config: dict[str, object], taxonomy: Taxonomy) -> AdapterConfig:
    inner = config["config"]
    found = {t: matched for t, matched in _hub_methods(inner) if t in taxonomy.techniques}
    architecture = inner.get("architecture") if isinstance(inner, dict) else inner
    return AdapterConfig(
        "adapterhub",
        tuple(ConfigMention(t, matched) for t, matched in found.items()),
        _word(config.get("model_name")),
        unknown_type=None if found else _word(architecture),
    )


def _hub_methods(config: object) -> Iterator[tuple[str, str]]:
    """Yields the techniques of an AdapterHub configuration, each with the key and value that show it."""
    if isinstance(config, str):
        for part in config.split("|"):
            yield from _hub_named("config", part.partition("[")[0].strip())
    elif isinstance(config, dict):
        architecture = config.get("architecture")
        if architecture in (None, "bottleneck"):
            yield from _hub_bottleneck(config)
        elif architecture == "union":
            yield from _hub_union(config.get("configs"))
        elif architecture == "lora":
            yield _hub_low_rank(config)
        elif isinstance(architecture, str):
            yield from _hub_named("architecture", architecture)


def _hub_named(key: str, name: str) -> Iterator[tuple[str, str]]:
    """Yields the technique of a name such as ``houlsby``, and MAD-X for the suffix ``+inv``."""
    plain = re.sub(r"[+_]inv$", "", name.lower())
    if plain in _HUB_NAMES:
        yield _HUB_NAMES[plain], _show(key, name)
        if plain != name.lower():
            yield "mad_x", _show(key, name)


def _hub_bottleneck(config: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yields the technique of a configuration without ``architecture``; ignores the case of its keys."""
    settings = {key.lower(): value for key, value in config.items()}
    bottleneck = ("output_adapter", "mh_adapter", "cross_adapter", "reduction_factor")
    placed = [key for key in bottleneck if settings.get(key)]
    if settings.get("phm_layer") is True:
        yield "compacter", _show("phm_layer", True)
    elif settings.get("is_parallel") is True:
        yield "parallel_adapter", _show("is_parallel", True)
    elif placed:
        yield "bottleneck_adapter", _show(placed[0], settings[placed[0]])
        for key in ("inv_adapter", "invertible_adapter"):
            if settings.get(key):
                yield "mad_x", _show(key, settings[key])


def _hub_low_rank(config: dict[str, object]) -> tuple[str, str]:
    """Returns the technique of AdapterHub's architecture ``lora``, which (IA)^3 and VeRA use too."""
    if config.get("composition_mode") == "scale":
        return "ia3", _show("composition_mode", "scale")
    if config.get("init_weights") == "vera":
        return "vera", _show("init_weights", "vera")
    return "lora", _show("architecture", "lora")


def _hub_union(members: object) -> Iterator[tuple[str, str]]:
    """Yields the technique of a union that has a name of its own, or the techniques of its members."""
    parts = [part for part in members if isinstance(part, dict)] if isinstance(members, list) else []
    found = {t: matched for part in parts for t, matched in _hub_methods(part)}
    matched = f"architecture=union({', '.join(found)})"
    if found.keys() == {"prefix_tuning", "parallel_adapter"}:
        yield _HUB_NAMES["mam"], matched
    elif found.keys() == {"prefix_tuning", "bottleneck_adapter", "lora"} and all(
        part.get("use_gating") is True for part in parts
    ):
        yield "unipelt", matched
    else:
        yield from found.items()


def _depth(text: str) -> int:
    """Returns the depth of brackets outside strings. The parser's own limit depends on the depth of the call stack."""
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        sign = text[token.start()]
        if sign in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in "]}":
            depth -= 1
    return deepest


def _number(digits: str) -> int | float:
    """Returns a whole number. ``int`` raises for thousands of digits."""
    return int(digits) if len(digits) < 20 else float(digits)


def _word(value: object) -> str | None:
    """Returns a string that is not blank; None for any other value."""
    return _clean(value) if isinstance(value, str) and value.strip() else None


def _show(key: str, value: object) -> str:
    return _clean(f"{key}={_spell(value)}")


def _spell(value: object) -> str:
    """Returns a value as short text: a string unchanged, a list or an object as its brackets."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return "[…]" if isinstance(value, list) else "{…}"
    return json.dumps(value)


def _clean(text: str) -> str:
    """Returns a short text that Arrow accepts: without unpaired surrogates."""
    return text[:_MAX_TEXT].encode("utf-8", "replace").decode("utf-8")
