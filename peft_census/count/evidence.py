"""What a snapshot's cards cite, laid out once so that any rule counts it in a moment.

In: the tables ``models`` and ``mentions``. Out: ``Votes``: which card votes for which technique with what
weight. Cards are row numbers of ``models``, techniques positions in a sorted list: no text is compared twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.rules import Rule, root
from peft_census.errors import SnapshotError
from peft_census.snapshot.manifest import Techniques
from peft_census.snapshot.schema import EVIDENCE_LEVELS, LOCATIONS

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MENTION_COLUMNS = ["model_id", "technique", "evidence_level", "location", "polarity", "applied", "generator"]
MODEL_COLUMNS = ["model_id", "author", "downloads", "near_duplicate", "status"]
"""Columns that counting needs."""

UNREAD = ("gated", "gone", "failed")
"""Statuses of a card that is there and could not be read."""

_NAME, _NEGATED, _APPLIED, _TOOL, _RUNG = 1, 2, 4, 8, 16
_ZONE = _RUNG * len(EVIDENCE_LEVELS)
_FLAGS = _ZONE * (len(LOCATIONS) + 1)  # the last location is none: the configuration


@dataclass(frozen=True)
class Votes:
    """The votes of one rule; ``card``, ``technique``, ``vote`` have one entry for each card and technique it votes for.

    Args:
        techniques: technique ids.
        card: row number in ``models``, ascending.
        technique: position in ``techniques``.
        vote: the card's weight, divided where the rule divides it.
        cards: the distinct cards counted, ascending.
        weight: weight of each of ``cards``.
    """

    techniques: tuple[str, ...]
    card: Ints
    technique: Ints
    vote: Floats
    cards: Ints
    weight: Floats

    @property
    def base(self) -> float:
        """The denominator: the weight of all cards counted."""
        return exact_sum(self.weight)

    def totals(self) -> dict[str, float]:
        """Returns the votes of every technique that got any, by technique id."""
        return {self.techniques[t]: exact_sum(self.vote[self.technique == t]) for t in np.unique(self.technique)}

    def of(self, technique: str) -> Floats:
        """Returns the votes of each of ``cards`` for ``technique``; 0 where it votes for others only."""
        votes = np.zeros(len(self.cards))
        if technique in self.techniques:
            mine = self.technique == self.techniques.index(technique)
            votes[np.searchsorted(self.cards, self.card[mine])] = self.vote[mine]
        return votes


class Evidence:
    """The distinct kinds of evidence of every card.

    Args:
        models: at least ``model_id``; for weighted rules also the others of ``MODEL_COLUMNS``.
        mentions: ``MENTION_COLUMNS``; all but ``model_id`` and ``technique`` may be missing, and then every
            mention is affirmed, unapplied, named in prose by a person.
        facts: techniques of the snapshot's taxonomy.

    Raises:
        SnapshotError: a mention of a model that ``models`` lacks, or of a technique that ``facts`` lacks.
    """

    def __init__(self, models: pa.Table, mentions: pa.Table, facts: Techniques) -> None:
        self.models = models
        self.facts = facts
        self.techniques = tuple(sorted(facts))
        self._key = self._distinct(mentions)
        self._pairs = lru_cache(maxsize=8)(self._find_pairs)

    def _distinct(self, mentions: pa.Table) -> Ints:
        """Returns one number for each distinct (card, technique, kind of evidence), ascending."""
        cards = pc.index_in(mentions["model_id"], value_set=_flat(self.models["model_id"]))
        techniques = pc.index_in(mentions["technique"], value_set=pa.array(self.techniques, pa.string()))
        for values, what in ((cards, "model_id"), (techniques, "technique")):
            if values.null_count:
                strange = mentions[what].filter(pc.is_null(values))[0].as_py()
                raise SnapshotError(
                    f"a mention of {what} {strange!r}, which the snapshot does not list", "run the census again."
                )
        flags = np.zeros(len(mentions), dtype=np.int64)
        there = set(mentions.schema.names)
        if "location" in there:
            flags += _NAME * _truth(pc.equal(mentions["location"], "name"))
            locations = pc.fill_null(
                pc.index_in(mentions["location"], value_set=pa.array(LOCATIONS, pa.string())), len(LOCATIONS)
            )
            flags += _ZONE * locations.to_numpy().astype(np.int64)
        if "polarity" in there:
            flags += _NEGATED * _truth(pc.equal(mentions["polarity"], "negated"))
        if "applied" in there:
            flags += _APPLIED * _truth(mentions["applied"])
        if "generator" in there:
            flags += _TOOL * _truth(pc.is_valid(mentions["generator"]))
        if "evidence_level" in there:
            evidence_levels = pc.fill_null(
                pc.index_in(mentions["evidence_level"], value_set=pa.array(EVIDENCE_LEVELS, pa.string())), 0
            )
            flags += _RUNG * evidence_levels.to_numpy().astype(np.int64)
        wide = cards.to_numpy().astype(np.int64) * len(self.techniques) + techniques.to_numpy()
        return np.unique(wide * _FLAGS + flags)

    @property
    def n_cards(self) -> int:
        """Models listed."""
        return int(self.models.num_rows)

    @cached_property
    def authors(self) -> Ints:
        """A number for each model's author; the part of the id before the slash where the author is not given."""
        owner = pc.if_else(
            pc.match_substring(self.models["model_id"], "/"),
            pc.list_element(pc.split_pattern(self.models["model_id"], "/", max_splits=1), 0),
            "",
        )
        return _codes(pc.coalesce(self.models["author"], owner) if self._has("author") else owner)

    @cached_property
    def clusters(self) -> Ints:
        """A number for each model's cluster of near-duplicate cards; a card in none is alone in its own."""
        if not self._has("near_duplicate"):
            return np.arange(self.n_cards)
        codes = _codes(self.models["near_duplicate"])
        alone = ~_truth(pc.is_valid(self.models["near_duplicate"])).astype(np.bool_)
        codes[alone] = codes.max(initial=0) + 1 + np.arange(alone.sum())
        return codes

    @cached_property
    def downloads(self) -> Floats:
        """Downloads of each model; 0 where they are not known."""
        if not self._has("downloads"):
            return np.zeros(self.n_cards)
        return pc.fill_null(self.models["downloads"], 0).to_numpy().astype(np.float64).clip(min=0)  # type: ignore[no-any-return]

    @cached_property
    def unread(self) -> int:
        """Models that have a card which could not be read: gated, gone or failed."""
        if not self._has("status"):
            return 0
        lost = pc.is_in(self.models["status"], value_set=pa.array(UNREAD, pa.string()))
        return int(pc.sum(lost).as_py() or 0)

    def _has(self, column: str) -> bool:
        return column in self.models.schema.names

    def pairs(self, rule: Rule) -> tuple[Ints, Ints]:
        """Returns the distinct (card, technique) pairs that count as citing under ``rule``, ascending."""
        return self._pairs(Rule(**{**vars(rule), "vote": "any", "weighting": "per_card"}))

    def _find_pairs(self, rule: Rule) -> tuple[Ints, Ints]:
        flags = self._key % _FLAGS
        evidence_levels = flags // _RUNG % len(EVIDENCE_LEVELS)
        keep = np.ones(len(flags), dtype=np.bool_)
        if rule.names == "exclude_names":
            keep &= (flags & _NAME) == 0
        if rule.negation == "affirmed_only":
            keep &= (flags & _NEGATED) == 0
        if rule.use == "applied_only":
            keep &= (flags & _APPLIED) != 0
        if rule.authorship == "human_only":
            keep &= ((flags & _TOOL) == 0) & (evidence_levels != EVIDENCE_LEVELS.index("configured"))
        if rule.evidence_level != "any_level":
            keep &= evidence_levels == EVIDENCE_LEVELS.index(rule.evidence_level.removesuffix("_only"))
        wide = self._key[keep] // _FLAGS
        cards, techniques = np.divmod(wide, len(self.techniques))
        counted_as = self._counted_as(rule)[techniques] if len(self.techniques) else techniques
        counted = counted_as >= 0
        wide = np.unique(cards[counted] * max(1, len(self.techniques)) + counted_as[counted])
        return np.divmod(wide, max(1, len(self.techniques)))

    def places(self, rule: Rule) -> tuple[Ints, Ints, Ints, Bools]:
        """Returns card, technique as ``rule`` counts it (-1: not at all), location and whether a tool wrote it.

        One entry for each kind of evidence of a card; locations are positions in ``ZONES``, one more for the configuration.
        """
        flags = self._key % _FLAGS
        cards, techniques = np.divmod(self._key // _FLAGS, max(1, len(self.techniques)))
        location = flags // _ZONE
        tool = ((flags & _TOOL) != 0) | (location == len(LOCATIONS))
        counted_as = self._counted_as(rule)[techniques] if len(self.techniques) else techniques
        return cards, counted_as, location, tool

    def _counted_as(self, rule: Rule) -> Ints:
        """Returns for each technique the position of the one it counts as; -1 where it does not count."""
        places = {technique: i for i, technique in enumerate(self.techniques)}
        counted = []
        for technique in self.techniques:
            top = root(technique, self.facts)
            seen = self.facts[technique].kind != "not_peft"
            if rule.scope == "peft_types":
                seen = seen and self.facts[top].kind == "peft_type"
            counted.append(places[top if rule.variants == "variants_grouped" else technique] if seen else -1)
        return np.array(counted, dtype=np.int64)

    def votes(self, rule: Rule) -> Votes:
        """Returns the votes of every card under ``rule``."""
        card, technique = self.pairs(rule)
        cards, index, size = np.unique(card, return_inverse=True, return_counts=True)
        in_base = size == 1 if rule.vote == "exactly_one" else np.ones(len(cards), dtype=np.bool_)
        if rule.weighting in ("downloaded", "by_downloads"):
            in_base &= self.downloads[cards] > 0
        kept = in_base[index]
        card, technique, size = card[kept], technique[kept], size[in_base]
        cards = cards[in_base]
        weight = self._weights(rule, cards)
        where = np.searchsorted(cards, card)
        vote = weight[where] / size[where] if rule.vote == "fractional" else weight[where]
        return Votes(self.techniques, card, technique, vote, cards, weight)

    def _weights(self, rule: Rule, cards: Ints) -> Floats:
        if rule.weighting == "by_downloads":
            return self.downloads[cards]
        if rule.weighting in ("per_author", "deduplicated"):
            groups = (self.authors if rule.weighting == "per_author" else self.clusters)[cards]
            _, index, size = np.unique(groups, return_inverse=True, return_counts=True)
            return 1.0 / size[index]
        return np.ones(len(cards))


def exact_sum(values: Floats) -> float:
    """Returns the sum, whatever the order: rounded once, so that the order of cards leaves no trace.

    Divided votes (thirds, sevenths) are added as whole numbers of their kind, so that seven sevenths are one.
    """
    found, n = np.unique(values, return_counts=True)
    return math.fsum(_times(float(v), int(k)) for v, k in zip(found, n, strict=True))


def _times(value: float, n: int) -> float:
    """Returns ``n`` times ``value``, where a value that is one part of a whole number is taken as that part."""
    parts = round(1 / value) if value else 0
    return n / parts if parts and 1 / parts == value else n * value


def _codes(values: Any) -> Ints:
    """Returns a number for each distinct value; nulls share one."""
    encoded = _flat(pc.dictionary_encode(values, null_encoding="encode"))
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]


def _truth(values: Any) -> Ints:
    return _flat(pc.fill_null(values, False)).to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]


def _flat(values: Any) -> Any:
    """Returns a chunked array as one array."""
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
