"""The records of the taxonomy: techniques, their names, and the guards of ambiguous names.

What ``taxonomy.load`` makes of ``techniques.toml`` and everybody else reads. Nothing here touches a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from peft_census.snapshot.manifest import TechniqueFacts

HERE = "\x00"
"""Stands for the candidate in the text that a guard searches."""


@dataclass(frozen=True)
class Alias:
    """A name of a technique.

    Args:
        text: the name; its words may be joined by space, hyphen, underscore or nothing.
        case: whether the letters must be as written.
        guard: name of the guard that must admit it, or None for an unambiguous name.
    """

    text: str
    case: bool = False
    disambiguation_rule: str | None = None


@dataclass(frozen=True)
class DisambiguationRule:
    """The condition on which an ambiguous name counts.

    A candidate is admitted when ``unless`` is not found around it, and its location is among ``locations``, or ``near``
    is found around it, or ``anywhere`` in the card.

    Args:
        name: how the taxonomy and ``explain`` call it.
        why: the reason, for people.
        near: what must stand within ``window`` characters; matches everything in a guard with ``unless`` alone.
        window: how many characters on either side are searched.
        anywhere: what may stand anywhere in the card instead.
        unless: what must not stand within the window.
        locations: locations that need no context.
    """

    name: str
    why: str
    near: re.Pattern[str] | None
    window: int
    anywhere: re.Pattern[str] | None
    unless: re.Pattern[str] | None
    locations: tuple[str, ...]

    def around(self, card: str, start: int, end: int) -> str:
        """Returns the text that the guard searches: the window, with the candidate replaced by ``HERE``."""
        return card[max(0, start - self.window) : start] + HERE + card[end : end + self.window]

    def accepts(self, card: str, start: int, end: int, location: str) -> bool:
        """Says whether the candidate ``card[start:end]`` in ``location`` counts."""
        around = self.around(card, start, end)
        if self.unless and self.unless.search(around):
            return False
        if location in self.locations or (self.near and self.near.search(around)):
            return True
        return bool(self.anywhere and self.anywhere.search(card))


@dataclass(frozen=True)
class Selector:
    """How ``adapter_config.json`` shows a variant: a key and the value it must have.

    Args:
        key: key of the file.
        value: ``true``; ``set`` (neither null, false nor empty); a word; or the beginning of one, with ``*``.
    """

    key: str
    value: str

    def matches(self, config: Mapping[str, object]) -> bool:
        """Says whether a parsed ``adapter_config.json`` shows the variant."""
        found = config.get(self.key)
        if self.value == "true":
            return found is True
        return bool(found) if self.value == "set" else self.takes(found)

    def takes(self, found: object) -> bool:
        """Says whether ``found`` is the word, or begins with it."""
        if not isinstance(found, str):
            return False
        word = self.value.removesuffix("*")
        return found.lower().startswith(word) if word != self.value else found.lower() == word


@dataclass(frozen=True)
class Technique:
    """One entry of the taxonomy; the head of ``techniques.toml`` says what each field means."""

    id: str
    name: str
    kind: str
    family: str
    aliases: tuple[Alias, ...]
    year: int
    variant_of: str | None = None
    peft_type: str | None = None
    config_class: str | None = None
    classes: tuple[str, ...] = ()
    selector: Selector | None = None
    arxiv: tuple[str, ...] = ()
    title: str | None = None
    paper: str | None = None
    since: str | None = None
    removed: str | None = None
    note: str | None = None

    @property
    def paper_month(self) -> str | None:
        """The month of the paper, as 2021-06, by its oldest arXiv id or as declared; None when neither is known."""
        months = [f"20{paper[:2]}-{paper[2:4]}" for paper in self.arxiv]
        return min(months) if months else self.paper


@dataclass(frozen=True)
class Taxonomy:
    """All techniques, in the order of the file, and the guards of their names.

    Args:
        techniques: by id.
        guards: by name.
        sha256: of the file's bytes.
        ignored_lora_fields: fields of ``LoraConfig`` known not to select a variant.
        ignored_lora_inits: values of ``init_lora_weights`` known to be no technique of their own.
        releases: days of PEFT's releases, by version.
    """

    techniques: dict[str, Technique]
    disambiguation_rules: dict[str, DisambiguationRule]
    sha256: str
    ignored_lora_fields: frozenset[str] = frozenset()
    ignored_lora_inits: frozenset[str] = frozenset()
    releases: Mapping[str, date] = field(default_factory=dict)

    def root(self, technique: str) -> str:
        """Returns the technique that ``technique`` is a variant of in the end; itself when of none."""
        parent = self.techniques[technique].variant_of
        return technique if parent is None else self.root(parent)

    def facts(self) -> dict[str, TechniqueFacts]:
        """Returns what a snapshot's manifest keeps of every technique.

        ``paper_month`` is a month like 2021-06, ``released`` the day of its first PEFT release like 2023-01-19;
        each is None where there is none or it is not known.
        """
        keys = ("name", "kind", "variant_of", "family", "peft_type", "year", "paper_month")
        return {
            t.id: TechniqueFacts(**{k: getattr(t, k) for k in keys}, released=self.released(t.id))
            for t in self.techniques.values()
        }

    def released(self, technique: str) -> str | None:
        """Returns the day of the first PEFT release with ``technique``; None when there is none or it is not known."""
        day = self.releases.get(self.techniques[technique].since or "")
        return None if day is None else day.isoformat()


def normal_form(name: str) -> str:
    """Returns a name without case, separators and signs; two names with the same form cannot be told apart."""
    return "".join(c for c in name.lower() if c.isalnum() or c == "+")
