"""Attempts at a published count: all rules, and all single changes that might explain the difference.

In: the tables ``models`` and ``mentions`` of one set of cards, and published counts. Out: rows, the nearest first. Rule
``exactly_one`` was declared beforehand; the other rules show which counts other choices would give. With hundreds of
rules some come near by chance, so a near rule is possible and not proven.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.evidence import MENTION_COLUMNS, MODEL_COLUMNS, Evidence
from peft_census.count.nearness import Nearness, closed
from peft_census.count.rules import HEADLINE, SWITCHES, Rule, specifications
from peft_census.snapshot.manifest import Techniques, root_of
from peft_census.snapshot.records import record
from peft_census.snapshot.schema import LOCATIONS

MENTIONS = [*MENTION_COLUMNS, "form", "disambiguation_rule", "matched", "start"]
"""Columns of ``mentions`` that are needed here."""
MODELS = [*MODEL_COLUMNS, "library_name"]
"""Columns of ``models`` that are needed here."""

MOST_NAMED = 8
"""Techniques, and card generators, that are left out one by one: those with the most votes."""

Selection = Callable[[pa.Table], Any]
"""Selects rows of ``mentions``: returns a boolean for each."""


@dataclass(frozen=True)
class Target:
    """The published counts: ``numerator`` of ``base`` cards name ``technique``."""

    technique: str
    numerator: int
    base: int

    def nearness(self, numerator: float, base: float) -> Nearness:
        """Returns our counts compared with the published ones."""
        return Nearness(numerator, base, self.numerator, self.base)


@record
class Attempt:
    """One way of counting and its counts compared with the published ones.

    Args:
        method: ``rule``; ``selection`` for rule ``exactly_one`` on some of the cards or mentions; ``naive`` for a
            search of names.
        rule: name of the rule, selection or search.
        meaning: what it counts.
        unit: what one vote is: ``cards``, ``authors`` or ``clusters`` of near-duplicates.
        near: its counts and the published ones.
        source: name of the source in tables.
    """

    method: str
    rule: str
    meaning: str
    unit: str
    near: Nearness
    source: str = ""

    @property
    def order(self) -> tuple[float, str, int, str]:
        """Sort key: the nearest first, then the one with the shorter name."""
        return (round(self.near.factor, 9), self.method, self.rule.count("/"), self.rule)

    def row(self) -> dict[str, Any]:
        """Returns the attempt as one row of a table."""
        words = {"source": self.source, "method": self.method, "rule": self.rule, "meaning": self.meaning}
        return words | {"unit": self.unit} | self.near.as_row()


@record
class ChangeEffect:
    """What one change to rule ``exactly_one`` does to its counts.

    Args:
        group: group of the change.
        change: in a few words.
        rule: name of the rule with it.
        near: the counts with it and the published ones.
        cards_moved: the change of the base.
        closes: the part of the difference to the published counts that it removes; None where there is no difference.
        source: name of the source in tables.
    """

    group: str
    change: str
    rule: str
    near: Nearness
    cards_moved: float
    closes: float | None
    source: str = ""

    def row(self) -> dict[str, Any]:
        """Returns the effect as one row of a table."""
        words = {"source": self.source, "group": self.group, "change": self.change, "rule": self.rule}
        return words | self.near.as_row() | {"cards_moved": self.cards_moved, "closes": self.closes}


def rule_attempts(evidence: Evidence, target: Target) -> list[Attempt]:
    """Returns one attempt for every rule of ``specifications`` that counts cards, authors or clusters."""
    rules = (rule for rule in specifications() if rule.unit != "downloads")
    attempts = [Attempt("rule", r.name, r.meaning, r.unit, _near(evidence, r, target)) for r in rules]
    return sorted(attempts, key=lambda attempt: attempt.order)


def selection_attempts(models: pa.Table, mentions: pa.Table, facts: Techniques, target: Target) -> list[Attempt]:
    """Returns rule ``exactly_one`` on the cards of the PEFT library, and on the first technique that each card names.

    With the first technique alone every card that cites any technique counts once.

    Args:
        models: columns ``MODELS``.
        mentions: columns ``MENTIONS``.
        facts: techniques of the taxonomy.
        target: the published counts.
    """
    of_peft = models.filter(pc.equal(models["library_name"], "peft"))
    in_peft = mentions.filter(pc.is_in(mentions["model_id"], of_peft["model_id"]))
    outside = [t for t, fact in facts.items() if fact.kind == "not_peft"]
    ignored = pc.or_(_equals("location", "name")(mentions), _is_in("technique", outside)(mentions))
    ordered = mentions.filter(pc.invert(ignored)).sort_by([("model_id", "ascending"), ("start", "ascending")])
    cards = ordered["model_id"]
    repeated = pc.equal(cards.slice(1), cards.slice(0, max(0, len(cards) - 1))).to_pylist()
    first = pa.array([True, *(not same for same in repeated)][: len(cards)], pa.bool_())
    selections = {
        "peft_library": ("cards whose library is peft", Evidence(of_peft, in_peft, facts)),
        "first_named": ("the first technique that a card names counts", Evidence(models, ordered.filter(first), facts)),
    }
    return [
        Attempt(
            "selection", f"selection/{name}", f"{HEADLINE.meaning}; {meaning}", "cards", _near(some, HEADLINE, target)
        )
        for name, (meaning, some) in selections.items()
    ]


def _near(evidence: Evidence, rule: Rule, target: Target) -> Nearness:
    votes = evidence.votes(rule)
    return target.nearness(votes.totals().get(target.technique, 0.0), votes.base)


@dataclass(frozen=True)
class Change:
    """One difference from rule ``exactly_one``.

    Args:
        group: aliases, variants, techniques, locations, tools, evidence, votes or near-duplicates.
        change: in a few words.
        rule: the rule with it.
        drop: selects the mentions to leave out; None for none.
    """

    group: str
    change: str
    rule: Rule = HEADLINE
    drop: Selection | None = None


def explain_gap(models: pa.Table, mentions: pa.Table, facts: Techniques, target: Target) -> list[ChangeEffect]:
    """Returns the effect of every single change to rule ``exactly_one``, the most effective first.

    Changes without any effect are left out.
    """
    unchanged = Evidence(models, mentions, facts)
    reference = _near(unchanged, HEADLINE, target)
    effects = []
    for change in _changes(unchanged, mentions, facts, target):
        evidence = unchanged
        if change.drop is not None:
            dropped = pc.fill_null(change.drop(mentions), False)
            evidence = Evidence(models, mentions.filter(pc.invert(dropped)), facts)
        near = _near(evidence, change.rule, target)
        if (near.numerator, near.base) != (reference.numerator, reference.base):
            effects.append(change_effect(change.group, change.change, change.rule.name, reference, near))
    return sorted(effects, key=lambda effect: (-(effect.closes or 0.0), effect.group, effect.change))


def change_effect(group: str, change: str, rule: str, before: Nearness, after: Nearness) -> ChangeEffect:
    """Returns the effect of a change whose counts are ``before`` without it and ``after`` with it."""
    return ChangeEffect(group, change, rule, after, after.base - before.base, closed(before, after))


def _changes(evidence: Evidence, mentions: pa.Table, facts: Techniques, target: Target) -> Iterator[Change]:
    for name, switch in SWITCHES.items():
        for option in switch.options.values():
            rule = replace(HEADLINE, **{name: option.word})
            if rule != HEADLINE and rule.unit != "downloads":
                yield Change(option.group or switch.group, option.meaning, rule)
    yield from _locations(mentions)
    yield from _aliases(target.technique, facts)
    yield from _techniques(evidence, facts, target)
    yield from _tools(mentions)


def _locations(mentions: pa.Table) -> Iterator[Change]:
    known = set(pc.unique(mentions["location"]).to_pylist())
    for location in LOCATIONS:
        if location != "name" and location in known:
            change = f"mentions in location {location} do not count"
            yield Change("locations", change, drop=_equals("location", location))


def _aliases(technique: str, facts: Techniques) -> Iterator[Change]:
    """Yields the classes of names that a shorter list of aliases may lack."""
    name = facts[technique].name
    mine, alias = _equals("technique", technique), _equals("form", "alias")
    spelling = rf"^(?i:{re.escape(name)}(?:'?s)?)$"

    def ambiguous(table: pa.Table) -> Any:
        return pc.and_(pc.is_valid(table["disambiguation_rule"]), pc.not_equal(table["technique"], technique))

    def in_words(table: pa.Table) -> Any:
        return pc.and_(
            pc.and_(mine(table), alias(table)), pc.invert(pc.match_substring_regex(table["matched"], spelling))
        )

    def in_other_case(table: pa.Table) -> Any:
        spelled = pc.match_substring_regex(table["matched"], spelling)
        return pc.and_(mine(table), pc.and_(spelled, pc.invert(pc.starts_with(table["matched"], name))))

    variants = [t for t in facts if t != technique and root_of(t, facts) == technique]
    outside = [t for t in facts if facts[t].kind == "outside_peft" and root_of(t, facts) != technique]
    dropped: dict[str, Selection] = {
        "configuration classes (LoraConfig) are not recognized": _equals("form", "class"),
        "options of code (lora_r) are not recognized": _equals("form", "option"),
        "arXiv ids and titles of papers are not recognized": _is_in("form", ("paper", "title")),
        "ambiguous names of other techniques are not recognized": ambiguous,
        f"{name} written out in words is not recognized": in_words,
        f"{name} in lower case or capitals is not recognized": in_other_case,
        "techniques outside PEFT are not recognized": _is_in("technique", outside),
    }
    for change, drop in dropped.items():
        yield Change("aliases", change, drop=drop)
    yield Change("variants", f"variants of {name} are not recognized", drop=_is_in("technique", variants))


def _techniques(evidence: Evidence, facts: Techniques, target: Target) -> Iterator[Change]:
    """Yields the other techniques with the most votes, each left out with its variants."""
    totals = evidence.votes(HEADLINE).totals()
    others = sorted((t for t in totals if t != target.technique), key=lambda t: (-totals[t], t))
    for other in others[:MOST_NAMED]:
        family = [t for t in facts if root_of(t, facts) == other]
        yield Change("techniques", f"{facts[other].name} is not recognized", drop=_is_in("technique", family))


def _tools(mentions: pa.Table) -> Iterator[Change]:
    """Yields the card generators that wrote the most mentions, each as if its text did not count."""
    names = pc.list_element(pc.split_pattern(pc.drop_null(mentions["generator"]), "/", max_splits=1), 0)
    counts = sorted(pc.value_counts(names).to_pylist(), key=lambda c: (-c["counts"], c["values"]))
    for tool in (str(c["values"]) for c in counts[:MOST_NAMED]):
        yield Change("tools", f"text generated by {tool} does not count", drop=_generated_by(tool))


def _generated_by(tool: str) -> Selection:
    return lambda table: pc.match_substring_regex(table["generator"], rf"^{re.escape(tool)}(?:/|$)")


def _equals(column: str, value: str) -> Selection:
    return lambda table: pc.fill_null(pc.equal(table[column], value), False)


def _is_in(column: str, values: Collection[str]) -> Selection:
    return lambda table: pc.is_in(table[column], value_set=pa.array(list(values), pa.string()))
