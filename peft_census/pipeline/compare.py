"""Compares the share of a technique in two snapshots.

In: two snapshots and, where available, the cards of the older one. Out: a ``Comparison``. Snapshots of different
populations have no trend: their comparison has the reasons and no parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.collect.base import Source
from peft_census.count import MENTION_COLUMNS, Evidence, Rule
from peft_census.count.arrays import Floats, Ints
from peft_census.count.difference import GROUPS, Comparison, Example, card_votes, difference, exact_share
from peft_census.errors import UsageError
from peft_census.pipeline.rule_inputs import rule_inputs
from peft_census.pipeline.tagging import tagged
from peft_census.snapshot.snapshot import Snapshot

MIN_OVERLAP = 0.5
"""Part of the older snapshot's models that the newer one must list to be of the same population."""
POPULATION_DETAILS = {"population", "filters", "selection", "limit", "tags"}
"""Details of a source that decide which models it lists."""
MAX_EXAMPLES = 20
"""Cards named for each group, the first by model id."""

Votes = tuple[Floats, Floats]
"""Votes for the technique, and weights in the base."""

_MODELS = ["model_id", "author", "downloads", "near_duplicate", "card_sha256", "status", "created_at"]


@dataclass(frozen=True)
class _Side:
    """One snapshot: its models, their evidence, and the places of its models among those of both snapshots."""

    models: pa.Table
    evidence: Evidence
    places: Ints

    def spread(self, votes: Votes, n: int) -> Votes:
        """Returns ``votes`` of this side as arrays over all ``n`` models; models not listed have zeros."""
        numerator, base = np.zeros(n), np.zeros(n)
        numerator[self.places], base[self.places] = votes
        return numerator, base


def compare(older: Snapshot, newer: Snapshot, rule: Rule, technique: str, cards: Source | None = None) -> Comparison:
    """Returns why the share of ``technique`` under ``rule`` differs between two snapshots.

    Args:
        older: the snapshot before.
        newer: the snapshot after.
        rule: a rule under which the weight of a card does not depend on other cards.
        technique: a technique id of either taxonomy.
        cards: the source of ``older``, to tag its cards again by the present rules.

    Raises:
        UsageError: the rule does not fit, the technique is unknown, or ``cards`` is another source.
    """
    ids, sides = _sides(older, newer)
    if not any(technique in side.evidence.facts for side in sides):
        raise UsageError(f"no technique {technique!r}", "`peft-census techniques` lists them.")
    before, after = (card_votes(side.evidence, rule, technique) for side in sides)
    ours = changed_rules(older, newer)
    comparison = Comparison(
        older=older.id,
        newer=newer.id,
        rule=rule,
        technique=technique,
        before=exact_share(*before),
        after=exact_share(*after),
        reasons=_population_differences(older, newer, *sides),
        changed_rules=ours,
        unread=(_failed(older), _failed(newer)),
        retagged=cards is not None,
    )
    if comparison.reasons:
        return replace(comparison, retagged=False)
    group, names = _groups(ids, sides, any(option.weight for option in rule.options))
    states = [sides[0].spread(before, len(ids)), sides[1].spread(after, len(ids))]
    if cards is not None:
        middle = sides[0].spread(_tag_again(older, newer, rule, technique, cards), len(ids))
    else:
        same = np.isin(group, [names.index(name) for name in ("same", "configuration", "downloads")])
        recounted = sides[1].spread(card_votes(_with_old_downloads(*sides), rule, technique), len(ids))
        numerator, base = (np.where(same & bool(ours), b, a) for a, b in zip(states[0], recounted, strict=True))
        middle = numerator, base
    return replace(
        comparison,
        parts=difference(group, names, [states[0], middle, states[1]]),
        examples=_examples(ids, group, names, states, sides, rule),
    )


def _sides(older: Snapshot, newer: Snapshot) -> tuple[pa.Array, tuple[_Side, _Side]]:
    """Returns the ids of all models, ascending, and both sides."""
    a, b = (snapshot.table("models", _MODELS) for snapshot in (older, newer))
    ids = pc.unique(pa.chunked_array([*a["model_id"].chunks, *b["model_id"].chunks], pa.string()))
    ids = ids.take(pc.sort_indices(ids))

    def side(snapshot: Snapshot, models: pa.Table) -> _Side:
        mentions = snapshot.table("mentions", MENTION_COLUMNS)
        places = pc.index_in(models["model_id"], value_set=ids).to_numpy().astype(np.int64)
        return _Side(models, Evidence(models, mentions, snapshot.manifest.taxonomy.techniques), places)

    return ids, (side(older, a), side(newer, b))


def changed_rules(older: Snapshot, newer: Snapshot) -> list[str]:
    """Returns which of our own rules differ between two snapshots."""
    a, b = older.manifest, newer.manifest
    changed = {
        "taxonomy": a.taxonomy.sha256 != b.taxonomy.sha256,
        "generators": a.generators_sha256 != b.generators_sha256,
        "corrections": a.corrections_sha256 != b.corrections_sha256,
        "tagger": a.tagger_version != b.tagger_version,
        "counting rules": a.rules_version != b.rules_version,
    }
    return [name for name, differs in changed.items() if differs]


def _population_differences(older: Snapshot, newer: Snapshot, before: _Side, after: _Side) -> list[str]:
    """Returns why the two snapshots are not of the same population."""
    a, b = older.manifest.source, newer.manifest.source
    facts = [("specimen", a.specimen, b.specimen), ("kind", a.kind, b.kind)]
    facts += [
        (key, a.details[key], b.details[key]) for key in sorted(set(a.details) & set(b.details) & POPULATION_DETAILS)
    ]
    reasons = [f"the sources differ in {key}: {x} before, {y} after" for key, x, y in facts if x != y]
    n = len(before.models)
    shared = len(np.intersect1d(before.places, after.places))
    if n and shared < MIN_OVERLAP * n:
        reasons.append(
            f"of {n:,} models listed before, {shared:,} are listed after; below {MIN_OVERLAP:.0%} the two are "
            "not the same population at two times"
        )
    return reasons


def _with_old_downloads(before: _Side, after: _Side) -> Evidence:
    """Returns the evidence of ``after``, with the downloads of ``before`` for the models that both list."""
    old = dict(zip(before.places.tolist(), before.evidence.downloads.tolist(), strict=True))
    new = zip(after.places.tolist(), after.evidence.downloads.tolist(), strict=True)
    downloads = np.array([old.get(place, n) for place, n in new])
    return after.evidence.with_downloads(downloads)


def _groups(ids: pa.Array, sides: tuple[_Side, _Side], weighted: bool) -> tuple[Ints, list[str]]:
    """Returns each model's group as a position, and the names of the groups.

    Args:
        weighted: whether the weight of a card depends on the downloads of its model.
    """
    n = len(ids)
    listed, text = np.zeros((2, n), dtype=np.bool_), np.zeros((2, n), dtype=np.bool_)
    digest, configured = np.full((2, n), None, dtype=object), np.full((2, n), "", dtype=object)
    downloads = np.zeros((2, n))
    rule = Rule(vote="any", variants="variants_separate", evidence_level="configured_only")
    for i, side in enumerate(sides):
        listed[i, side.places] = True
        downloads[i, side.places] = side.evidence.downloads
        text[i, side.places] = side.models["card_sha256"].is_valid().to_numpy()
        digest[i, side.places] = side.models["card_sha256"].to_pylist()
        for card, technique in zip(*side.evidence.pairs(rule), strict=True):
            configured[i, side.places[card]] += side.evidence.techniques[technique] + " "
    both = listed[0] & listed[1]
    groups: dict[str, Any] = {
        "new": ~listed[0],
        "deleted": ~listed[1],
        "edited": both & text[0] & text[1] & (digest[0] != digest[1]),
        "readable": both & ~text[0] & text[1],
        "unreadable": both & text[0] & ~text[1],
        "configuration": both & (configured[0] != configured[1]),
        "downloads": both & (downloads[0] != downloads[1]) & weighted,
    }
    names = [name for name in GROUPS if name != "rules"]
    conditions = [groups[name] for name in names[:-1]]
    return np.select(conditions, range(len(conditions)), default=len(conditions)), names


def _tag_again(older: Snapshot, newer: Snapshot, rule: Rule, technique: str, cards: Source) -> Votes:
    """Returns the votes of the older cards by the present rules."""
    if cards.prepare().content_sha256 != older.manifest.source.content_sha256:
        raise UsageError(
            f"--cards is not the source of snapshot {older.id}",
            f"name the source of that content: {older.manifest.source.label}.",
        )
    present, manifest = rule_inputs(), newer.manifest
    if (present.taxonomy_sha256, present.tagger_version, present.corrections_sha256) != (
        manifest.taxonomy.sha256,
        manifest.tagger_version,
        manifest.corrections_sha256,
    ):
        raise UsageError(
            f"snapshot {newer.id} was made by other rules than the present ones, by which --cards would be tagged",
            "run the newer census again, or compare without --cards.",
        )
    batches = list(tagged(cards.batches()))
    models, mentions = (pa.Table.from_batches([batch[i] for batch in batches]) for i in (0, 1))
    listed = older.table("models", ["model_id"])["model_id"].combine_chunks()
    models = models.take(pc.index_in(listed, value_set=models["model_id"].combine_chunks()))
    return card_votes(Evidence(models, mentions, manifest.taxonomy.techniques), rule, technique)


def _failed(snapshot: Snapshot) -> int:
    coverage = snapshot.table("coverage")
    return pc.sum(coverage.filter(pc.equal(coverage["status"], "failed"))["n"]).as_py() or 0


def _examples(
    ids: pa.Array, group: Ints, names: list[str], states: list[Votes], sides: tuple[_Side, _Side], rule: Rule
) -> list[Example]:
    """Returns some models of every group whose votes changed."""
    changed = np.any([states[0][i] != states[1][i] for i in (0, 1)], axis=0)
    chosen = [int(i) for g in range(len(names)) for i in np.flatnonzero(changed & (group == g))[:MAX_EXAMPLES]]
    examples = {i: Example(names[group[i]], ids[i].as_py(), [], []) for i in chosen}
    for side, techniques in zip(
        sides, ({i: e.before for i, e in examples.items()}, {i: e.after for i, e in examples.items()}), strict=True
    ):
        card, technique = side.evidence.pairs(rule)
        places = side.places[card]
        for i in np.flatnonzero(np.isin(places, chosen)):
            techniques[int(places[i])].append(side.evidence.techniques[technique[i]])
    return list(examples.values())
