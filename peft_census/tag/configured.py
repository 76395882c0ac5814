"""What an ``adapter_config.json`` says: technique, variants, base model, release of PEFT.

In: the text of one such file. Out: a ``Configured``, and its mentions on the evidence level *configured*. ``peft_type`` is read
first, for an ADALORA file carries every key of LoRA; a key counts only with a value that switches something on. A
file that cannot be read, or is none of PEFT's, is an outcome with a name, never an exception.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from peft_census.tag.techniques import Taxonomy, Technique

STATUSES = ("parsed", "not_json", "not_an_object", "no_peft_type", "adapterhub", "unknown_type", "too_large")
"""What can become of a file; ``too_large`` also stands for one that is nested too deeply."""

MAX_CONFIG_CHARS = 1_000_000
MAX_DEPTH = 100
"""The largest of 523 files of PEFT's own has 1,772 characters; what large models add (rank masks, lists of tokens)
grows a file, not its depth."""
_MAX_KEPT = 200

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)

_HUB_KEYS = frozenset(("hidden_size", "model_class", "model_name", "model_type"))
"""AdapterHub writes ``config`` and these; two of them tell its file from anybody else's."""

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
"""Architectures of AdapterHub, and its names of whole configurations, with the technique of each."""


@dataclass(frozen=True)
class ConfigMention:
    """A technique and what shows it; all other columns of ``mentions`` are the same for every row of the evidence level."""

    technique: str
    matched: str


@dataclass(frozen=True)
class Configured:
    """What one ``adapter_config.json`` says.

    A LORA file with ``use_dora`` mentions both lora (``peft_type=LORA``) and dora (``use_dora=true``), for it says
    both; which of the two a card votes for is for the counting rules (variants split or rolled up) to decide.

    Args:
        status: one of ``STATUSES``; ``parsed`` is a file of PEFT whose type the taxonomy knows.
        mentions: the technique, then its variants in the taxonomy's order.
        base_model: a repository id or a local path. This and what follows stand as written, cut at 200 characters.
        peft_version: releases before 0.18 write none.
        unknown_type: ``peft_type``, or AdapterHub's architecture, where no technique has it.
    """

    status: str
    mentions: tuple[ConfigMention, ...] = ()
    base_model: str | None = None
    peft_version: str | None = None
    unknown_type: str | None = None

    @property
    def technique(self) -> str | None:
        """The technique of ``peft_type``, or of AdapterHub's architecture; None where the file names none."""
        return self.mentions[0].technique if self.mentions else None

    @property
    def variants(self) -> tuple[str, ...]:
        """Variants of the technique that keys of the file switch on; in a union of AdapterHub, its other members."""
        return tuple(m.technique for m in self.mentions[1:])


def read_config(text: str, taxonomy: Taxonomy) -> Configured:
    """Returns what the text of one ``adapter_config.json`` says; never raises.

    Of a key that stands twice the last one counts, as it does for PEFT. The letters of ``peft_type`` may be of any
    case: tools other than PEFT write ``VeRA``.
    """
    if len(text) > MAX_CONFIG_CHARS or _depth(text) > MAX_DEPTH:
        return Configured("too_large")
    try:
        config = json.loads(text.removeprefix("\ufeff"), parse_int=_number)
    except ValueError:
        return Configured("not_json")
    if not isinstance(config, dict):
        return Configured("not_an_object")
    peft_type = config.get("peft_type")
    if peft_type is not None and not (isinstance(peft_type, str) and not peft_type.strip()):
        return _read_peft(peft_type, config, taxonomy)
    if "config" in config and len(_HUB_KEYS & config.keys()) >= 2:
        return _read_adapterhub(config, taxonomy)
    return Configured("no_peft_type")


def _read_peft(peft_type: object, config: dict[str, object], taxonomy: Taxonomy) -> Configured:
    base_model, version = _word(config.get("base_model_name_or_path")), _word(config.get("peft_version"))
    technique = _of_type(peft_type, taxonomy)
    if technique is None:
        return Configured("unknown_type", (), base_model, version, _clean(_spell(peft_type)))
    shown = [ConfigMention(technique.id, _show("peft_type", peft_type))]
    for variant in taxonomy.techniques.values():
        selector = variant.selector
        if selector is not None and variant.variant_of == technique.id and selector.matches(config):
            shown.append(ConfigMention(variant.id, _show(selector.key, config[selector.key])))
    return Configured("parsed", tuple(shown), base_model, version)


def _of_type(raw: object, taxonomy: Taxonomy) -> Technique | None:
    """Returns the technique of a ``peft_type``, be it written LORA, lora or PeftType.LORA."""
    if not isinstance(raw, str):
        return None
    name = raw.strip().upper().removeprefix("PEFTTYPE.")
    return next((t for t in taxonomy.techniques.values() if t.kind == "peft_type" and t.peft_type == name), None)


def _read_adapterhub(config: dict[str, object], taxonomy: Taxonomy) -> Configured:
    inner = config["config"]
    found = {t: matched for t, matched in _hub_methods(inner) if t in taxonomy.techniques}
    architecture = inner.get("architecture") if isinstance(inner, dict) else inner
    return Configured(
        "adapterhub",
        tuple(ConfigMention(t, matched) for t, matched in found.items()),
        _word(config.get("model_name")),
        unknown_type=None if found else _word(architecture),
    )


def _hub_methods(config: object) -> Iterator[tuple[str, str]]:
    """Yields the techniques of an AdapterHub configuration, each with what shows it."""
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
    """Yields the technique of a name such as ``houlsby``, and what ``+inv`` adds to it."""
    plain = re.sub(r"[+_]inv$", "", name.lower())
    if plain in _HUB_NAMES:
        yield _HUB_NAMES[plain], _show(key, name)
        if plain != name.lower():
            yield "mad_x", _show(key, name)


def _hub_bottleneck(config: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yields the technique of a configuration without ``architecture``; its keys may be of any case."""
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
    """Returns the technique of AdapterHub's architecture ``lora``, which is also that of (IA)^3 and VeRA."""
    if config.get("composition_mode") == "scale":
        return "ia3", _show("composition_mode", "scale")
    if config.get("init_weights") == "vera":
        return "vera", _show("init_weights", "vera")
    return "lora", _show("architecture", "lora")


def _hub_union(members: object) -> Iterator[tuple[str, str]]:
    """Yields the techniques of a union: of the two that have names of their own, else of its members."""
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
    """Returns how deeply brackets outside strings are nested: the parser's own limit depends on its caller's."""
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
    """Reads a whole number; Python refuses, with an exception, to read one of thousands of digits as an int."""
    return int(digits) if len(digits) < 20 else float(digits)


def _word(value: object) -> str | None:
    """Returns a string with content, or None."""
    return _clean(value) if isinstance(value, str) and value.strip() else None


def _show(key: str, value: object) -> str:
    return _clean(f"{key}={_spell(value)}")


def _spell(value: object) -> str:
    """Spells a value shortly: strings as they are, lists and objects by their brackets."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return "[…]" if isinstance(value, list) else "{…}"
    return json.dumps(value)


def _clean(text: str) -> str:
    """Returns a text that Arrow can hold: without halves of surrogate pairs, and short."""
    return text[:_MAX_KEPT].encode("utf-8", "replace").decode("utf-8")
