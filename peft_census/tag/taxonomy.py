"""The taxonomy: which techniques there are, by what names they go, and when an ambiguous name counts.

In: ``techniques.toml`` (its head explains the format). Out: one frozen ``Taxonomy``. A file that breaks its own
rules is refused with the file, the entry and what to mend; nothing is guessed or dropped.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from peft_census.errors import TaxonomyError
from peft_census.snapshot.schema import LOCATIONS
from peft_census.tag.releases import release_dates
from peft_census.tag.techniques import Alias, DisambiguationRule, Selector, Taxonomy, Technique, normal_form

__all__ = [
    "BUNDLED",
    "KINDS",
    "Alias",
    "DisambiguationRule",
    "Selector",
    "Taxonomy",
    "Technique",
    "load",
    "normal_form",
]

BUNDLED = Path(__file__).with_name("techniques.toml")
KINDS = ("peft_type", "variant", "outside_peft", "not_peft")
_ID = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_CLASS = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_ARXIV = re.compile(r"(?:0[7-9]|[1-9][0-9])(?:0[1-9]|1[0-2])\.[0-9]{4,5}")
_SELECTOR = re.compile(r"([a-z][a-z0-9_]*) = ([A-Za-z0-9_]+\*?)")
_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_RELEASE = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")

_TOP: dict[str, type] = {
    "ignored_lora_fields": list,
    "ignored_lora_inits": list,
    "shorthand": dict,
    "disambiguation_rule": dict,
    "technique": list,
}
_GUARD: dict[str, type | tuple[type, ...]] = {
    "why": str,
    "window": int,
    "near": (str, list),
    "anywhere": (str, list),
    "unless": (str, list),
    "locations": list,
}
_TECHNIQUE: dict[str, type] = {
    "id": str,
    "name": str,
    "kind": str,
    "family": str,
    "variant_of": str,
    "peft_type": str,
    "config_class": str,
    "classes": list,
    "selector": str,
    "aliases": list,
    "arxiv": list,
    "title": str,
    "year": int,
    "paper": str,
    "since": str,
    "removed": str,
    "note": str,
}
_ALIAS: dict[str, type] = {"text": str, "case": bool, "disambiguation_rule": str}


def load(path: Path | None = None) -> Taxonomy:
    """Returns the taxonomy of ``path``; by default the bundled one, read once.

    Raises:
        TaxonomyError: the file is missing, is not TOML or breaks a rule of the format.
    """
    return _bundled() if path is None else _read(path)


@cache
def _bundled() -> Taxonomy:
    return _read(BUNDLED)


def _read(path: Path) -> Taxonomy:
    try:
        content = path.read_bytes()
        data = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise TaxonomyError(
            f"{path}: cannot be read: {error.strerror}", "give the path of a techniques.toml."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaxonomyError(f"{path}: not valid TOML: {error}", "mend the file.") from error
    return _Reader(path).taxonomy(data, hashlib.sha256(content).hexdigest())


@dataclass
class _Reader:
    """Turns the parsed file into a Taxonomy; knows the file's name for its complaints."""

    path: Path
    shorthand: dict[str, str] = field(default_factory=dict)

    def error(self, entry: str, what: str, hint: str) -> TaxonomyError:
        return TaxonomyError(f"{self.path}: {entry}: {what}", hint)

    def taxonomy(self, data: dict[str, Any], sha256: str) -> Taxonomy:
        self.check(data, "the file", _TOP, ("technique",))
        written = data.get("shorthand", {})
        self.check(written, "shorthand", dict.fromkeys(written, (str, list)))
        for name in written:
            self.shorthand[name] = f"(?:{self.source('shorthand', name, written)})"
        disambiguation_rules = {
            name: self.disambiguation_rule(name, table) for name, table in data.get("disambiguation_rule", {}).items()
        }
        techniques: dict[str, Technique] = {}
        for number, table in enumerate(data["technique"], 1):
            technique = self.technique(number, table, disambiguation_rules)
            if technique.id in techniques:
                raise self.error(f"technique {technique.id}", "the id stands twice", "merge the two entries.")
            techniques[technique.id] = technique
        self.check_variants(techniques)
        self.check_unique(techniques)
        return Taxonomy(
            techniques,
            disambiguation_rules,
            sha256,
            frozenset(self.strings("the file", "ignored_lora_fields", data)),
            frozenset(self.strings("the file", "ignored_lora_inits", data)),
            release_dates(),
        )

    def check(self, table: Any, entry: str, known: Mapping[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
        """Returns ``table`` once its keys are known, complete and of the right types."""
        if not isinstance(table, dict):
            raise self.error(entry, f"is a {type(table).__name__}, not a table", "see the head of techniques.toml.")
        for key, value in table.items():
            if key not in known:
                raise self.error(entry, f"unknown key {key!r}", f"known: {', '.join(known)}.")
            wanted = known[key] if isinstance(known[key], tuple) else (known[key],)
            if type(value) not in wanted or value == "":
                names = " or ".join(w.__name__ for w in wanted)
                raise self.error(entry, f"{key} = {value!r} is not a {names} with content", "correct the value.")
        for key in required:
            if key not in table:
                raise self.error(entry, f"{key} is missing", f"add {key} = … to the entry.")
        return table

    def strings(
        self, entry: str, key: str, table: dict[str, Any], form: re.Pattern[str] | None = None
    ) -> tuple[str, ...]:
        """Returns a list of strings, each of the given form."""
        values = table.get(key, [])
        for value in values:
            if not isinstance(value, str) or not value or (form and not form.fullmatch(value)):
                raise self.error(entry, f"{key}: {value!r} is malformed", "correct or remove it.")
        return tuple(values)

    def pattern(self, entry: str, key: str, table: dict[str, Any]) -> re.Pattern[str] | None:
        """Returns an expression of a guard."""
        if key not in table:
            return None
        source = self.source(entry, key, table)
        try:
            return re.compile(source, re.IGNORECASE)
        except re.error as error:
            raise self.error(entry, f"{key} is no regular expression: {error}", "mend it.") from error

    def source(self, entry: str, key: str, table: dict[str, Any]) -> str:
        """Returns the text of an expression, alternatives joined and the shorthand defined so far spelled out."""
        source = table[key] if isinstance(table[key], str) else "|".join(self.strings(entry, key, table))
        for name in set(re.findall(r"%([A-Z_]+)%", source)):
            if name not in self.shorthand:
                raise self.error(
                    entry, f"{key}: unknown shorthand %{name}%", "define it in [shorthand], above its use."
                )
            source = source.replace(f"%{name}%", self.shorthand[name])
        return str(source)

    def disambiguation_rule(self, name: str, table: Any) -> DisambiguationRule:
        entry = f"guard {name}"
        self.check(table, entry, _GUARD, ("why", "window"))
        if not _ID.fullmatch(name):
            raise self.error(entry, "the name is malformed", "use lower snake case.")
        if table["window"] < 1:
            raise self.error(entry, f"window = {table['window']} is not positive", "say how many characters to search.")
        near, anywhere, unless = (self.pattern(entry, k, table) for k in ("near", "anywhere", "unless"))
        locations = self.strings(entry, "locations", table)
        if strange := set(locations) - set(LOCATIONS):
            raise self.error(entry, f"unknown location {', '.join(sorted(strange))}", f"known: {', '.join(LOCATIONS)}.")
        if not (near or anywhere or locations):
            if unless is None:
                raise self.error(entry, "says nothing", "give it near, anywhere, unless or locations.")
            near = re.compile("")
        return DisambiguationRule(name, table["why"], near, table["window"], anywhere, unless, locations)

    def technique(self, number: int, table: Any, disambiguation_rules: dict[str, DisambiguationRule]) -> Technique:
        named = table.get("id") if isinstance(table, dict) else None
        entry = f"technique {named}" if isinstance(named, str) else f"technique number {number}"
        self.check(table, entry, _TECHNIQUE, ("id", "name", "kind", "family", "aliases", "year"))
        if not _ID.fullmatch(table["id"]):
            raise self.error(entry, "the id is malformed", "use lower snake case.")
        if table["kind"] not in KINDS:
            raise self.error(entry, f"unknown kind {table['kind']!r}", f"known: {', '.join(KINDS)}.")
        needed = {"peft_type": ("peft_type", "config_class", "since"), "variant": ("variant_of",)}
        self.check(table, entry, _TECHNIQUE, needed.get(table["kind"], ()))
        for key in ("since", "removed"):
            if key in table and not _RELEASE.fullmatch(table[key]):
                raise self.error(entry, f"{key} = {table[key]!r} is no release", "write it like 0.21.2.")
        self.check_paper(entry, table)
        lists = {
            "aliases": tuple(self.alias(entry, a, disambiguation_rules) for a in table["aliases"]),
            "classes": self.strings(entry, "classes", table, _CLASS),
            "arxiv": self.strings(entry, "arxiv", table, _ARXIV),
            "selector": self.selector(entry, table),
        }
        return Technique(**{**table, **lists})

    def check_paper(self, entry: str, table: dict[str, Any]) -> None:
        """Raises unless a declared month of the paper is one, and is needed."""
        if "paper" in table and not _MONTH.fullmatch(table["paper"]):
            raise self.error(entry, f"paper = {table['paper']!r} is no month", "write it like 2021-06.")
        if "paper" in table and table.get("arxiv"):
            raise self.error(entry, "paper and arxiv both date the paper", "leave out paper.")

    def alias(self, entry: str, value: Any, disambiguation_rules: dict[str, DisambiguationRule]) -> Alias:
        table = {"text": value} if isinstance(value, str) else value
        self.check(table, f"{entry}, alias {value!r}", _ALIAS, ("text",))
        alias = Alias(**table)
        if not normal_form(alias.text):
            raise self.error(entry, f"alias {alias.text!r} has no letters", "correct or remove it.")
        if alias.disambiguation_rule is not None and alias.disambiguation_rule not in disambiguation_rules:
            raise self.error(
                entry,
                f"alias {alias.text!r}: unknown guard {alias.disambiguation_rule!r}",
                "add a [disambiguation_rule] table or correct it.",
            )
        return alias

    def selector(self, entry: str, table: dict[str, Any]) -> Selector | None:
        if "selector" not in table:
            return None
        match = _SELECTOR.fullmatch(table["selector"])
        if match is None:
            raise self.error(entry, f"selector {table['selector']!r} is malformed", "write it like 'use_dora = true'.")
        return Selector(match[1], match[2])

    def check_variants(self, techniques: dict[str, Technique]) -> None:
        """Raises unless every variant_of leads to a technique that varies nothing."""
        for technique in techniques.values():
            seen = [technique.id]
            while (parent := techniques[seen[-1]].variant_of) is not None:
                if parent not in techniques:
                    raise self.error(
                        f"technique {seen[-1]}", f"variant_of = {parent!r} names no technique", "correct it."
                    )
                if parent in seen:
                    raise self.error(
                        f"technique {parent}", f"varies itself: {' → '.join([*seen, parent])}", "break the circle."
                    )
                seen.append(parent)

    def check_unique(self, techniques: dict[str, Technique]) -> None:
        """Raises when one name, class, PEFT type or paper would stand for two techniques."""
        owner: dict[tuple[str, str], str] = {}
        for technique in techniques.values():
            for kind, value in _claims(technique):
                other = owner.setdefault((kind, value), technique.id)
                if other != technique.id:
                    raise self.error(
                        f"technique {technique.id}",
                        f"{kind} {value!r} already stands for {other}",
                        "leave it with one of the two.",
                    )


def _claims(technique: Technique) -> Iterator[tuple[str, str]]:
    """Yields everything that may stand for one technique only."""
    for alias in technique.aliases:
        yield "name", normal_form(alias.text)
    for name in (technique.config_class, *technique.classes):
        if name:
            yield "class", name
    if technique.kind == "peft_type" and technique.peft_type:
        yield "peft_type", technique.peft_type
    if technique.title:
        yield "name", normal_form(technique.title)
    for paper in technique.arxiv:
        yield "arXiv id", paper
