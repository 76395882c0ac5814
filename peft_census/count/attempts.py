"""Attempts at a published count: every rule applied to one set of cards, and every change that might explain
the rest.

In: the tables ``models`` and ``mentions`` and a published pair of counts. Out: rows, nearest first. The rule
``exactly_one`` stands as declared beforehand; the others show what lies within reach of the choices that were not
published. With hundreds of them, some come near by chance: a near one is possible, not proven.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.evidence import MODEL_COLUMNS, Evidence
from peft_census.count.nearness import Nearness, closed
from peft_census.count.rules import HEADLINE, SWITCHES, Rule, root, specifications
from peft_census.snapshot.manifest import Techniques
from peft_census.snapshot.schema import LOCATIONS

MENTIONS = [
    "model_id",
    "technique",
    "evidence_level",
    "location",
    "polarity",
    "applied",
    "generator",
    "form",
    "disambiguation_rule",
    "matched",
]
"""Columns of ``mentions`` that are needed here."""
MODELS = MODEL_COLUMNS
"""Columns of ``models`` that are needed here."""

_UNITS = {"per_author": "authors", "deduplicated": "clusters"}
_MOST_NAMED = 8
"""Techniques, and tools, that are left out one by one: those with the most votes."""
_SWITCH_GROUP = {
    "vote": "votes",
    "variants": "variants",
    "evidence_level": "locations",
    "use": "evidence",
    "authorship": "tools",
    "negation": "evidence",
    "names": "locations",
    "scope": "aliases",
}


@dataclass(frozen=True)
class Target:
    """The published counts: ``numerator`` of ``base`` cards name ``technique``."""

    technique: str
    numerator: int
    base: int

    def beside(self, numerator: float, base: float) -> Nearness:
        """Returns our counts beside the published ones."""
        return Nearness(numerator, base, self.numerator, self.base)


def rule_attempts(evidence: Evidence, target: Target) -> list[dict[str, Any]]:
    """Returns one row for every rule of ``specifications`` that counts cards, authors or clusters, nearest first.

    Download-weighted rules are left out: downloads are no count of cards.
    """
    rows = [_attempt(evidence, rule, target) for rule in specifications() if rule.weighting != "by_downloads"]
    return sorted(rows, key=order)


def order(row: dict[str, Any]) -> tuple[Any, ...]:
    """Sorts attempts: nearest first, then the one with the plainer name."""
    return (round(row["factor"], 9), row["method"], row["rule"].count("/"), row["rule"])


def _attempt(evidence: Evidence, rule: Rule, target: Target) -> dict[str, Any]:
    return {
        "method": "rule",
        "rule": rule.name,
        "meaning": rule.meaning,
        "unit": _UNITS.get(rule.weighting, "cards"),
        **_near(evidence, rule, target).as_row(),
    }


def _near(evidence: Evidence, rule: Rule, target: Target) -> Nearness:
    votes = evidence.votes(rule)
    return target.beside(votes.totals().get(target.technique, 0.0), votes.base)


# ---- what would explain the rest


@dataclass(frozen=True)
class Change:
    """One thing done otherwise than by rule ``exactly_one``.

    Args:
        group: aliases, variants, techniques, locations, tools, evidence, votes or near-duplicates.
        change: in a few words.
        rule: the rule with it.
        drop: says which mentions are left out; None for none.
    """

    group: str
    change: str
    rule: Rule = HEADLINE
    drop: Callable[[pa.Table], Any] | None = None


def explain_gap(models: pa.Table, mentions: pa.Table, facts: Techniques, target: Target) -> list[dict[str, Any]]:
    """Returns one row for every single change to rule ``exactly_one``, the one that covers most of the way first.

    ``closes`` is the part of the way from ``exactly_one`` to the published counts that the change covers, ``cards_moved``
    what it does to the base. Changes without any effect are left out.
    """
    whole = Evidence(models, mentions, facts)
    reference = _near(whole, HEADLINE, target)
    rows: list[dict[str, Any]] = []
    for change in _changes(whole, mentions, facts, target):
        evidence = whole
        if change.drop is not None:
            gone = pc.fill_null(change.drop(mentions), False)
            evidence = Evidence(models, mentions.filter(pc.invert(gone)), facts)
        near = _near(evidence, change.rule, target)
        if (near.numerator, near.base) != (reference.numerator, reference.base):
            rows.append(
                {
                    "group": change.group,
                    "change": change.change,
                    "rule": change.rule.name,
                    **near.as_row(),
                    "cards_moved": near.base - reference.base,
                    "closes": closed(reference, near),
                }
            )
    rows.sort(key=lambda r: (-(r["closes"] or 0.0), r["group"], r["change"]))
    return rows


def _changes(evidence: Evidence, mentions: pa.Table, facts: Techniques, target: Target) -> Iterator[Change]:
    for switch, words in SWITCHES.items():
        for word, meaning in list(words.items())[1:]:
            if word != "by_downloads":
                group = _SWITCH_GROUP.get(switch, "near-duplicates" if word == "deduplicated" else "votes")
                yield Change(group, meaning, replace(HEADLINE, **{switch: word}))
    yield from _locations(mentions)
    yield from _aliases(target.technique, facts)
    yield from _techniques(evidence, facts, target)
    yield from _tools(mentions)


def _locations(mentions: pa.Table) -> Iterator[Change]:
    there = set(pc.unique(mentions["location"]).to_pylist())
    for location in LOCATIONS:
        if location != "name" and location in there:
            yield Change("locations", f"nothing is read in location {location}", drop=_equals("location", location))


def _aliases(technique: str, facts: Techniques) -> Iterator[Change]:
    """Yields the classes of names that a shorter list of aliases may lack."""
    name = facts[technique].name
    yield Change("aliases", "configuration classes (LoraConfig) are not known", drop=_equals("form", "class"))
    yield Change("aliases", "options of code (lora_r) are not known", drop=_equals("form", "option"))
    yield Change("aliases", "papers' numbers and titles are not known", drop=_is_in("form", ("paper", "title")))
    yield Change(
        "aliases",
        "names that are also words, and need others beside them, are not known",
        drop=lambda t: pc.and_(pc.is_valid(t["disambiguation_rule"]), pc.not_equal(t["technique"], technique)),
    )
    mine, alias = _equals("technique", technique), _equals("form", "alias")
    spelling = rf"^(?i:{re.escape(name)}(?:'?s)?)$"
    yield Change(
        "aliases",
        f"{name} spelled out in words is not known",
        drop=lambda t: pc.and_(pc.and_(mine(t), alias(t)), pc.invert(pc.match_substring_regex(t["matched"], spelling))),
    )
    yield Change(
        "aliases",
        f"{name} in other letters (lower case, capitals) is not known",
        drop=lambda t: pc.and_(
            pc.and_(mine(t), alias(t)),
            pc.and_(pc.match_substring_regex(t["matched"], spelling), pc.invert(pc.starts_with(t["matched"], name))),
        ),
    )
    variants = [t for t in facts if t != technique and root(t, facts) == technique]
    yield Change(
        "variants", f"variants of {name} (QLoRA, DoRA) are not known at all", drop=_is_in("technique", variants)
    )
    others = [t for t in facts if facts[t].kind == "outside_peft" and root(t, facts) != technique]
    yield Change("aliases", "techniques outside PEFT are not known", drop=_is_in("technique", others))


def _techniques(evidence: Evidence, facts: Techniques, target: Target) -> Iterator[Change]:
    """Yields the other techniques with the most votes, each as if the list lacked it and its variants."""
    totals = evidence.votes(HEADLINE).totals()
    others = sorted((t for t in totals if t != target.technique), key=lambda t: (-totals[t], t))
    for other in others[:_MOST_NAMED]:
        family = [t for t in facts if root(t, facts) == other]
        yield Change("techniques", f"{facts[other].name} is not known", drop=_is_in("technique", family))


def _tools(mentions: pa.Table) -> Iterator[Change]:
    """Yields the tools that wrote the most mentions, each as if what it writes did not count."""
    names = pc.list_element(pc.split_pattern(pc.drop_null(mentions["generator"]), "/", max_splits=1), 0)
    found = sorted(pc.value_counts(names).to_pylist(), key=lambda c: (-c["counts"], c["values"]))
    for tool in (str(c["values"]) for c in found[:_MOST_NAMED]):
        yield Change("tools", f"what {tool} writes does not count", drop=_written_by(tool))


def _written_by(tool: str) -> Callable[[pa.Table], Any]:
    return lambda table: pc.match_substring_regex(table["generator"], rf"^{re.escape(tool)}(?:/|$)")


def _equals(column: str, value: str) -> Callable[[pa.Table], Any]:
    return lambda table: pc.fill_null(pc.equal(table[column], value), False)


def _is_in(column: str, values: list[str] | tuple[str, ...]) -> Callable[[pa.Table], Any]:
    return lambda table: pc.is_in(table[column], value_set=pa.array(values, pa.string()))
