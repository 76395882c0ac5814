"""The records of the taxonomy: techniques, their names, and the disambiguation rules of ambiguous names.

``taxonomy`` reads them from ``techniques.toml``. This module opens no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, Strict, StrictBool

from peft_census.snapshot.manifest import TechniqueFacts
from peft_census.snapshot.records import record

HERE = "\x00"
"""Stands for the candidate in the text that a rule or a pattern searches."""

Text = Annotated[str, Field(min_length=1)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
Kind = Literal["peft_type", "variant", "outside_peft", "not_peft"]
_ClassName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
_ArxivId = Annotated[str, Field(pattern=r"^(0[7-9]|[1-9][0-9])(0[1-9]|1[0-2])\.[0-9]{4,5}$")]
_Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Release = Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]


@record
class Alias:
    """A name of a technique.

    Args:
        text: the name. Space, hyphen, underscore or nothing may separate its words.
        case: whether upper and lower case must match, and a hyphen where the text has one.
        disambiguation_rule: name of the rule that must accept a candidate; None for an unambiguous name.
    """

    text: Text
    case: StrictBool = False
    disambiguation_rule: str | None = None

    @property
    def exact(self) -> bool:
        """Whether the hyphen of the name is required: X-LoRA is a name, "X LoRA" can be a LoRA of X."""
        return self.case and "-" in self.text


@dataclass(frozen=True)
class DisambiguationRule:
    """The condition under which an ambiguous name is a mention.

    A candidate is accepted if ``unless`` does not match the window around it, and its location is one of
    ``locations``, or ``near`` matches the window, or ``anywhere`` matches the card.

    Args:
        name: name of the rule.
        why: reason for the rule, in words.
        near: pattern for the window. It matches any text in a rule that has only ``unless``.
        window: characters on either side of the candidate.
        anywhere: pattern for the whole card.
        unless: pattern for the window that rejects the candidate.
        locations: locations in which no context is required.
        place: ``any`` if a place that names a training method is enough (``method_place``); ``adapter_card`` if it is
            enough in the card of an adapter; ``setting`` if the value of a setting is enough.
    """

    name: str
    why: str
    near: re.Pattern[str] | None
    window: int
    anywhere: re.Pattern[str] | None
    unless: re.Pattern[str] | None
    locations: tuple[str, ...]
    place: Literal["any", "adapter_card", "setting"] | None = None

    def window_around(self, card: str, start: int, end: int) -> str:
        """Returns the window around ``card[start:end]``, with the candidate replaced by ``HERE``."""
        return card[max(0, start - self.window) : start] + HERE + card[end : end + self.window]


@record
class Selector:
    """A key of ``adapter_config.json`` and the value that selects a variant.

    Args:
        key: key of the file.
        value: ``true``; ``set`` (not null, false or empty); a word; or a prefix that ends in ``*``.
    """

    key: str
    value: str

    def matches(self, config: Mapping[str, object]) -> bool:
        """Returns whether a parsed ``adapter_config.json`` selects the variant."""
        value = config.get(self.key)
        if self.value == "true":
            return value is True
        return bool(value) if self.value == "set" else self.accepts(value)

    def accepts(self, value: object) -> bool:
        """Returns whether ``value`` is the word, or begins with the prefix."""
        if not isinstance(value, str):
            return False
        word = self.value.removesuffix("*")
        return value.lower().startswith(word) if word != self.value else value.lower() == word


_SELECTOR = re.compile(r"([a-z][a-z0-9_]*) = ([A-Za-z0-9_]+\*?)")


def _parse_alias(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


def _parse_selector(value: object) -> object:
    match = _SELECTOR.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a selector; write it like 'use_dora = true'")
    return {"key": match[1], "value": match[2]}


@record
class Technique:
    """One entry of the taxonomy. The head of ``techniques.toml`` explains the fields."""

    id: Id
    name: Text
    kind: Kind
    family: Text
    aliases: tuple[Annotated[Alias, BeforeValidator(_parse_alias)], ...]
    year: Annotated[int, Strict()]
    variant_of: Text | None = None
    peft_type: Text | None = None
    config_class: Text | None = None
    classes: tuple[_ClassName, ...] = ()
    selector: Annotated[Selector, BeforeValidator(_parse_selector)] | None = None
    arxiv: tuple[_ArxivId, ...] = ()
    title: Text | None = None
    paper: _Month | None = None
    since: Release | None = None
    removed: Release | None = None
    note: Text | None = None

    @property
    def paper_month(self) -> str | None:
        """Month of the oldest arXiv id, or the declared month, as 2021-06; None if neither is known."""
        months = [f"20{paper[:2]}-{paper[2:4]}" for paper in self.arxiv]
        return min(months) if months else self.paper


@dataclass(frozen=True)
class Taxonomy:
    """All techniques in the order of the file, and the disambiguation rules of their names.

    Args:
        techniques: by id.
        disambiguation_rules: by name.
        sha256: of the file.
        ignored_lora_fields: fields of ``LoraConfig`` that do not select a variant.
        ignored_lora_inits: values of ``init_lora_weights`` that are not techniques.
        releases: dates of PEFT's releases, by version.
    """

    techniques: dict[str, Technique]
    disambiguation_rules: dict[str, DisambiguationRule]
    sha256: str
    ignored_lora_fields: frozenset[str] = frozenset()
    ignored_lora_inits: frozenset[str] = frozenset()
    releases: Mapping[str, date] = field(default_factory=dict)

    def facts(self) -> dict[str, TechniqueFacts]:
        """Returns what the manifest of a snapshot records of each technique, by id."""
        return {
            t.id: TechniqueFacts(
                name=t.name,
                kind=t.kind,
                family=t.family,
                variant_of=t.variant_of,
                peft_type=t.peft_type,
                selector=None if t.selector is None else f"{t.selector.key} = {t.selector.value}",
                year=t.year,
                paper_month=t.paper_month,
                released=self.released(t.id),
            )
            for t in self.techniques.values()
        }

    def released(self, technique: str) -> str | None:
        """Returns the ISO date of the first PEFT release with ``technique``; None if none or not known."""
        day = self.releases.get(self.techniques[technique].since or "")
        return None if day is None else day.isoformat()


def normal_form(name: str) -> str:
    """Returns a name in lower case without separators and punctuation. Names with equal forms are the same name."""
    return "".join(c for c in name.lower() if c.isalnum() or c == "+")
