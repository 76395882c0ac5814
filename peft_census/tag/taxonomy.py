"""Reads ``techniques.toml``: the techniques, their names, and the disambiguation rules of ambiguous names.

In: the file; its head explains the format. Out: a ``Taxonomy``. A file that breaks a rule of the format is rejected
with an error that names the file, the entry and the fault.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from peft_census.errors import TaxonomyError
from peft_census.snapshot.manifest import root_of
from peft_census.snapshot.records import read_record, record
from peft_census.snapshot.schema import LOCATIONS
from peft_census.tag.releases import release_dates
from peft_census.tag.techniques import DisambiguationRule, Id, Taxonomy, Technique, Text, normal_form
from peft_census.tag.toml_file import read_toml

TECHNIQUES_FILE = Path(__file__).with_name("techniques.toml")
_HINT = "see the head of techniques.toml."
_REQUIRED = {"peft_type": ("peft_type", "config_class", "since"), "variant": ("variant_of",)}
"""Fields that a kind of technique requires."""

_Expression = Text | tuple[Text, ...]
"""A regular expression, or alternatives."""


@record
class _File:
    technique: tuple[dict[str, Any], ...]
    disambiguation_rule: dict[Id, dict[str, Any]] = field(default_factory=dict)
    shorthand: dict[str, _Expression] = field(default_factory=dict)
    ignored_lora_fields: tuple[Text, ...] = ()
    ignored_lora_inits: tuple[Text, ...] = ()


@record
class _RuleEntry:
    why: Text
    window: Annotated[int, Strict(), Field(gt=0)]
    near: _Expression | None = None
    anywhere: _Expression | None = None
    unless: _Expression | None = None
    locations: tuple[str, ...] = ()
    place: Literal["any", "adapter_card", "setting"] | None = None


@cache
def load_taxonomy() -> Taxonomy:
    """Returns the bundled taxonomy."""
    return read_taxonomy(TECHNIQUES_FILE)


def read_taxonomy(path: Path) -> Taxonomy:
    """Returns the taxonomy in ``path``.

    Raises:
        TaxonomyError: the file is missing, is not TOML or breaks a rule of the format.
    """
    file = read_record(_File, read_toml(path), path, TaxonomyError, _HINT)
    reader = _Reader(path)
    for name, expression in file.shorthand.items():
        reader.shorthand[name] = f"(?:{reader.expression('shorthand', name, expression)})"
    rules = {name: reader.rule(name, table) for name, table in file.disambiguation_rule.items()}
    techniques: dict[str, Technique] = {}
    for number, table in enumerate(file.technique, 1):
        technique = reader.technique(number, table, rules)
        if technique.id in techniques:
            raise reader.error(f"technique {technique.id}", "the id occurs twice", "merge the two entries.")
        techniques[technique.id] = technique
    reader.check_variants(techniques)
    reader.check_unique(techniques)
    return Taxonomy(
        techniques,
        rules,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        frozenset(file.ignored_lora_fields),
        frozenset(file.ignored_lora_inits),
        release_dates(),
    )


class _Reader:
    """Reads and checks the entries of one file.

    Args:
        path: the file, for errors.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shorthand: dict[str, str] = {}

    def error(self, entry: str, fault: str, hint: str = _HINT) -> TaxonomyError:
        return TaxonomyError(f"{self.path}: {entry}: {fault}", hint)

    def expression(self, entry: str, key: str, expression: _Expression) -> str:
        """Returns an expression with its alternatives joined and the shorthand expanded."""
        source = expression if isinstance(expression, str) else "|".join(expression)
        for name in set(re.findall(r"%([A-Z_]+)%", source)):
            if name not in self.shorthand:
                raise self.error(
                    entry, f"{key}: unknown shorthand %{name}%", "define it in [shorthand], above its use."
                )
            source = source.replace(f"%{name}%", self.shorthand[name])
        return source

    def pattern(self, entry: str, key: str, expression: _Expression | None) -> re.Pattern[str] | None:
        """Returns the compiled expression of a rule."""
        if expression is None:
            return None
        try:
            return re.compile(self.expression(entry, key, expression), re.IGNORECASE)
        except re.error as error:
            raise self.error(entry, f"{key} is not a regular expression: {error}", "correct it.") from error

    def rule(self, name: str, table: dict[str, Any]) -> DisambiguationRule:
        entry = f"disambiguation_rule {name}"
        data = read_record(_RuleEntry, table, f"{self.path}: {entry}", TaxonomyError, _HINT)
        near = self.pattern(entry, "near", data.near)
        anywhere = self.pattern(entry, "anywhere", data.anywhere)
        unless = self.pattern(entry, "unless", data.unless)
        if unknown := set(data.locations) - set(LOCATIONS):
            raise self.error(entry, f"unknown location {', '.join(sorted(unknown))}", f"known: {', '.join(LOCATIONS)}.")
        if not (near or anywhere or data.locations or data.place):
            if unless is None:
                raise self.error(entry, "has no condition", "give it near, anywhere, unless, locations or place.")
            near = re.compile("")
        return DisambiguationRule(name, data.why, near, data.window, anywhere, unless, data.locations, data.place)

    def technique(self, number: int, table: dict[str, Any], rules: Mapping[str, DisambiguationRule]) -> Technique:
        entry = f"technique {table['id']}" if isinstance(table.get("id"), str) else f"technique number {number}"
        technique = read_record(Technique, table, f"{self.path}: {entry}", TaxonomyError, _HINT)
        for key in _REQUIRED.get(technique.kind, ()):
            if getattr(technique, key) is None:
                raise self.error(entry, f"{key} is missing", f"a technique of kind {technique.kind} requires it.")
        if technique.paper and technique.arxiv:
            raise self.error(entry, "paper and arxiv both give the month of the paper", "remove paper.")
        for alias in technique.aliases:
            if not normal_form(alias.text):
                raise self.error(entry, f"alias {alias.text!r} has no letters", "correct or remove it.")
            if alias.disambiguation_rule is not None and alias.disambiguation_rule not in rules:
                raise self.error(
                    entry,
                    f"alias {alias.text!r}: unknown disambiguation rule {alias.disambiguation_rule!r}",
                    f"add [disambiguation_rule.{alias.disambiguation_rule}] or correct the name.",
                )
        return technique

    def check_variants(self, techniques: dict[str, Technique]) -> None:
        """Raises unless every chain of ``variant_of`` ends at a technique that is not a variant."""
        for technique in techniques.values():
            if technique.variant_of is not None and technique.variant_of not in techniques:
                fault = f"variant_of = {technique.variant_of!r} is not a technique"
                raise self.error(f"technique {technique.id}", fault, "correct it.")
        for name in techniques:
            try:
                root_of(name, techniques)
            except ValueError as circle:
                fault = f"is a variant of itself: {circle}"
                raise self.error(f"technique {name}", fault, "break the cycle.") from None

    def check_unique(self, techniques: dict[str, Technique]) -> None:
        """Raises if two techniques share a name, class, PEFT type or paper."""
        owner: dict[tuple[str, str], str] = {}
        for technique in techniques.values():
            for kind, value in _unique_values(technique):
                other = owner.setdefault((kind, value), technique.id)
                if other != technique.id:
                    raise self.error(
                        f"technique {technique.id}", f"{kind} {value!r} already belongs to {other}", "keep one of them."
                    )


def _unique_values(technique: Technique) -> Iterator[tuple[str, str]]:
    """Yields the kind and value of everything that must belong to one technique only."""
    for alias in technique.aliases:
        yield "name", alias.text if alias.exact else normal_form(alias.text)
    for name in (technique.config_class, *technique.classes):
        if name:
            yield "class", name
    if technique.kind == "peft_type" and technique.peft_type:
        yield "peft_type", technique.peft_type
    if technique.title:
        yield "name", normal_form(technique.title)
    for paper in technique.arxiv:
        yield "arXiv id", paper
