"""Two snapshots compared: are they of one population, and if so, why did the share move?

In: two sealed snapshots and, where they are still at hand, the older one's cards. Out: a ``Comparison``. Two
different populations are put side by side and nothing more: between them there is no trend.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.collect.base import Source
from peft_census.count import MENTION_COLUMNS, Evidence, Rule
from peft_census.count.difference import GROUPS, Contribution, Share, card_votes, difference, exact_share
from peft_census.errors import UsageError
from peft_census.pipeline.census import rule_inputs
from peft_census.pipeline.tagging import tagged
from peft_census.snapshot.snapshot import Snapshot

OVERLAP = 0.5
"""Part of the older snapshot's models that the newer one must list to be of the same population."""
FRAME = {"population", "filters", "selection", "limit", "tags"}
"""What a source tells of itself that decides which models it lists."""
EXAMPLES = 20
"""Cards named for each group, the first by model id."""
RULE_INPUTS = {
    "taxonomy": "taxonomy",
    "generators_sha256": "generators",
    "corrections_sha256": "corrections",
    "tagger_version": "tagger",
    "rules_version": "counting rules",
}

Arrays = tuple[Any, Any]


@dataclass(frozen=True)
class Comparison:
    """What became of a share between two snapshots.

    Args:
        older: id of the snapshot before.
        newer: id of the one after.
        rule: how both were counted, by today's counting rules.
        technique: whose share.
        before: numerator and base before.
        after: the same after.
        frames: why the populations differ; empty where they are the same.
        parts: contributions of the groups; none where the populations differ.
        changed_rules: what of our own rules differs between the two.
        reread: how far the part of our rules could be told from that of the cards.
        unread: cards that failed to be read, before and after.
        examples: group, model id, technique ids counted before and after.
    """

    older: str
    newer: str
    rule: Rule
    technique: str
    before: Share
    after: Share
    frames: list[str]
    parts: list[Contribution]
    changed_rules: list[str]
    reread: str
    unread: tuple[int, int]
    examples: list[tuple[str, str, list[str], list[str]]]


def compare(older: Snapshot, newer: Snapshot, rule: Rule, technique: str, cards: Source | None = None) -> Comparison:
    """Returns why the share of ``technique`` under ``rule`` differs between two snapshots.

    Args:
        older: the snapshot before.
        newer: the snapshot after.
        rule: one in which no card's weight depends on other cards.
        technique: a technique id that either taxonomy knows.
        cards: the source that ``older`` was made from, to read its cards with today's rules.

    Raises:
        UsageError: the rule cannot be parted, the technique is unknown, or ``cards`` is another source.
    """
    sides = [_side(s) for s in (older, newer)]
    if not any(technique in evidence.facts for _, evidence in sides):
        raise UsageError(f"no technique {technique!r}", "peft-census techniques lists all.")
    votes = [card_votes(evidence, rule, technique) for _, evidence in sides]
    before, after = (exact_share(*v) for v in votes)
    changed = _changed_rules(older, newer)
    frames = _frames(older, newer, sides[0][0], sides[1][0])
    parts: list[Contribution] = []
    examples: list[tuple[str, str, list[str], list[str]]] = []
    reread = ""
    if not frames:
        ids, where = _union(sides[0][0], sides[1][0])
        group, names = _groups(sides, where)
        states = [_spread(votes[0], where[0], len(ids)), _spread(votes[1], where[1], len(ids))]
        anew, reread = _reread(older, newer, rule, technique, cards, bool(changed))
        same = np.isin(group, [names.index(n) for n in ("same", "configuration") if n in names])
        middle = _spread(anew, where[0], len(ids)) if anew else tuple(
            np.where(same & bool(changed), b, a) for a, b in zip(*states, strict=True)
        )  # fmt: skip
        parts = difference(group, names, [states[0], middle, states[1]])
        examples = _examples(ids, group, names, states, sides, where, rule)
    return Comparison(
        older.id, newer.id, rule, technique, before, after, frames, parts, changed, reread,
        (_failed(older), _failed(newer)), examples,
    )  # fmt: skip


_MODELS = ["model_id", "author", "downloads", "near_duplicate", "card_sha256", "status", "created_at"]


def _side(snapshot: Snapshot) -> tuple[pa.Table, Evidence]:
    models = snapshot.table("models", _MODELS)
    facts = snapshot.manifest.taxonomy.techniques
    return models, Evidence(models, snapshot.table("mentions", MENTION_COLUMNS), facts)


def _changed_rules(older: Snapshot, newer: Snapshot) -> list[str]:
    def value(snapshot: Snapshot, key: str) -> Any:
        return snapshot.manifest.taxonomy.sha256 if key == "taxonomy" else getattr(snapshot.manifest, key)

    return [name for key, name in RULE_INPUTS.items() if value(older, key) != value(newer, key)]


def _frames(older: Snapshot, newer: Snapshot, a: pa.Table, b: pa.Table) -> list[str]:
    """Returns why the two snapshots are not of one population."""
    reasons = []
    for what in ("specimen", "kind"):
        values = [getattr(s.manifest.source, what) for s in (older, newer)]
        if values[0] != values[1]:
            reasons.append(f"the sources differ in {what}: {values[0]} before, {values[1]} after")
    details = [s.manifest.source.details for s in (older, newer)]
    reasons += [
        f"the sources differ in {key}: {details[0][key]} before, {details[1][key]} after"
        for key in sorted(set(details[0]) & set(details[1]) & FRAME)
        if details[0][key] != details[1][key]
    ]
    shared = pc.sum(pc.is_in(a["model_id"], value_set=b["model_id"].combine_chunks())).as_py() or 0
    if len(a) and shared < OVERLAP * len(a):
        reasons.append(
            f"of {len(a):,} models listed before, {shared:,} are listed after; below {OVERLAP:.0%} the two are "
            "not the same population at two times"
        )
    return reasons


def _union(a: pa.Table, b: pa.Table) -> tuple[pa.Array, list[Any]]:
    """Returns all ids, ascending, and for each side the place of its models among them."""
    ids = pc.unique(pa.chunked_array([*a["model_id"].chunks, *b["model_id"].chunks], pa.string()))
    ids = ids.take(pc.sort_indices(ids))
    return ids, [pc.index_in(t["model_id"], value_set=ids).to_numpy().astype(np.int64) for t in (a, b)]


def _spread(votes: Arrays, where: Any, n: int) -> Arrays:
    """Returns votes of one side, laid out over all ids."""
    out = np.zeros(n), np.zeros(n)
    for to, values in zip(out, votes, strict=True):
        to[where] = values
    return out


def _groups(sides: list[tuple[pa.Table, Evidence]], where: list[Any]) -> tuple[Any, list[str]]:
    """Returns each card's group and the groups' names."""
    n = int(max((w.max() + 1 for w in where if len(w)), default=0))
    there = np.zeros((2, n), dtype=np.bool_)
    text = np.zeros((2, n), dtype=np.bool_)
    sha = np.full((2, n), None, dtype=object)
    configured = np.full((2, n), "", dtype=object)
    for side, ((models, evidence), places) in enumerate(zip(sides, where, strict=True)):
        there[side, places] = True
        text[side, places] = models["card_sha256"].is_valid().to_numpy()
        sha[side, places] = models["card_sha256"].to_pylist()
        card, technique = evidence.pairs(
            Rule(vote="any", variants="variants_separate", evidence_level="configured_only")
        )
        for c, t in zip(places[card], technique, strict=True):
            configured[side, c] += evidence.techniques[t] + " "
    names = [name for name in GROUPS if name != "rules"]
    both = there[0] & there[1]
    cases = [
        ~there[0], ~there[1], both & text[0] & text[1] & (sha[0] != sha[1]), both & ~text[0] & text[1],
        both & text[0] & ~text[1], both & (configured[0] != configured[1]),
    ]  # fmt: skip
    group = np.select(cases, range(len(cases)), default=len(cases))
    return group, names


def _reread(
    older: Snapshot, newer: Snapshot, rule: Rule, technique: str, cards: Source | None, changed: bool
) -> tuple[Arrays | None, str]:
    """Returns the older cards' votes by today's rules where the cards are at hand, and a sentence on it."""
    if cards is None:
        told = (
            "The older cards were not at hand: our part is that of cards whose text did not change; in edited and "
            "deleted cards it cannot be told from the authors'. Name the older source with --cards."
        )
        return None, told if changed else "Our rules did not change."
    if cards.prepare().content_sha256 != older.manifest.source.content_sha256:
        raise UsageError(
            f"--cards is not the source that snapshot {older.id} was made from",
            f"name the source of that content: {older.manifest.source.label}.",
        )
    today = rule_inputs()
    made = newer.manifest
    if (today["taxonomy_sha256"], today["tagger_version"], today["corrections_sha256"]) != (
        made.taxonomy.sha256, made.tagger_version, made.corrections_sha256
    ):  # fmt: skip
        raise UsageError(
            f"snapshot {newer.id} was not made by today's rules, so reading older cards anew would not tell its part",
            "run the newer census again, or compare without --cards.",
        )
    batches = list(tagged(cards.batches()))
    models, mentions = (pa.Table.from_batches([b[i] for b in batches]) for i in (0, 1))
    listed = older.table("models", ["model_id"])["model_id"].combine_chunks()
    models = models.take(pc.index_in(listed, value_set=models["model_id"].combine_chunks()))
    evidence = Evidence(models, mentions, made.taxonomy.techniques)
    return card_votes(evidence, rule, technique), "The older cards were read again by today's rules."


def _failed(snapshot: Snapshot) -> int:
    coverage = snapshot.table("coverage")
    return sum(row["n"] for row in coverage.to_pylist() if row["status"] == "failed")


def _examples(
    ids: pa.Array, group: Any, names: list[str], states: list[Arrays], sides: Any, where: list[Any], rule: Rule
) -> list[tuple[str, str, list[str], list[str]]]:
    """Returns some cards of every group whose votes changed, with the techniques counted before and after."""
    moved = np.any([states[0][i] != states[1][i] for i in (0, 1)], axis=0)
    chosen = [i for g in range(len(names)) for i in np.flatnonzero(moved & (group == g))[:EXAMPLES]]
    counted: list[dict[int, list[str]]] = [{int(i): [] for i in chosen} for _ in sides]
    for labels, (_, evidence), places in zip(counted, sides, where, strict=True):
        card, technique = evidence.pairs(rule)
        at = places[card]
        for i in np.flatnonzero(np.isin(at, chosen)):
            labels[int(at[i])].append(evidence.techniques[technique[i]])
    return [(names[group[i]], ids[int(i)].as_py(), counted[0][int(i)], counted[1][int(i)]) for i in chosen]


def points(part: Fraction) -> float:
    """Returns a part of one in percentage points."""
    return float(100 * part)
