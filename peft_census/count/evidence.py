"""The evidence of all cards, encoded so that any rule is counted quickly.

In: the tables ``models`` and ``mentions``. Out: ``Votes``: which card votes for which technique, with what weight.
Cards are row numbers of ``models``, techniques are positions in a sorted list, and mentions of one kind are one entry.
"""

from __future__ import annotations

from copy import copy
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.arrays import Bools, Floats, Ints, distinct, flat, starts
from peft_census.count.rules import Rule
from peft_census.count.switches import Kinds, Option
from peft_census.count.votes import Counted, Votes
from peft_census.errors import SnapshotError
from peft_census.snapshot.manifest import Techniques
from peft_census.snapshot.schema import EVIDENCE_LEVELS, LOCATIONS

MENTION_COLUMNS = ["model_id", "technique", "evidence_level", "location", "polarity", "applied", "generator"]
MODEL_COLUMNS = ["model_id", "author", "downloads", "near_duplicate", "status"]
"""Columns that counting needs."""

UNREAD = ("gated", "gone", "failed")
"""Statuses of a card that exists and could not be read."""

_NAME, _NEGATED, _APPLIED, _GENERATED, _LEVEL = 1, 2, 4, 8, 16
_LOCATION = _LEVEL * len(EVIDENCE_LEVELS)
_FLAGS = _LOCATION * (len(LOCATIONS) + 1)  # the last location stands for adapter_config.json


class Evidence:
    """The distinct kinds of evidence of every card.

    Args:
        models: at least ``model_id``; for weighted rules also the others of ``MODEL_COLUMNS``.
        mentions: ``MENTION_COLUMNS``; all but ``model_id`` and ``technique`` may be missing, and then every mention is
            affirmed, not applied, and named in prose by a person.
        facts: techniques of the snapshot's taxonomy.

    Raises:
        SnapshotError: a mention of a model that ``models`` lacks, or of a technique that ``facts`` lacks.
    """

    def __init__(self, models: pa.Table, mentions: pa.Table, facts: Techniques) -> None:
        self.models = models
        self.facts = facts
        self.techniques = tuple(sorted(facts))
        self.values: dict[str, pa.DictionaryArray] = {}
        """Dimension to each model's value; ``cells`` keeps them here, because every rule groups by the same values."""
        self._key = self._encode(mentions)
        self._remember()

    def _encode(self, mentions: pa.Table) -> Ints:
        """Returns one number for each distinct (card, technique, kind of evidence), ascending."""
        cards = pc.index_in(mentions["model_id"], value_set=flat(self.models["model_id"]))
        techniques = pc.index_in(mentions["technique"], value_set=pa.array(self.techniques, pa.string()))
        for values, column in ((cards, "model_id"), (techniques, "technique")):
            if values.null_count:
                unknown = mentions[column].filter(pc.is_null(values))[0].as_py()
                raise SnapshotError(
                    f"a mention of {column} {unknown!r}, which the snapshot does not list", "run the census again."
                )
        flags = np.zeros(len(mentions), dtype=np.int64)
        columns = set(mentions.schema.names)
        if "location" in columns:
            flags += _NAME * _ints(pc.equal(mentions["location"], "name"))
            flags += _LOCATION * _positions(mentions["location"], LOCATIONS, len(LOCATIONS))
        if "polarity" in columns:
            flags += _NEGATED * _ints(pc.equal(mentions["polarity"], "negated"))
        if "applied" in columns:
            flags += _APPLIED * _ints(mentions["applied"])
        if "generator" in columns:
            flags += _GENERATED * _ints(pc.is_valid(mentions["generator"]))
        if "evidence_level" in columns:
            flags += _LEVEL * _positions(mentions["evidence_level"], EVIDENCE_LEVELS, 0)
        pairs = cards.to_numpy().astype(np.int64) * len(self.techniques) + techniques.to_numpy()
        return distinct(pairs * _FLAGS + flags)

    @cached_property
    def kinds(self) -> Kinds:
        """The distinct kinds of evidence, ordered by card and technique."""
        pairs, flags = np.divmod(self._key, _FLAGS)
        card, technique = np.divmod(pairs, max(1, len(self.techniques)))
        return Kinds(
            card,
            technique,
            flags // _LEVEL % len(EVIDENCE_LEVELS),
            flags // _LOCATION,
            *((flags & flag) != 0 for flag in (_NAME, _NEGATED, _APPLIED, _GENERATED)),
        )

    @property
    def n_cards(self) -> int:
        """Models listed."""
        return int(self.models.num_rows)

    @cached_property
    def authors(self) -> Ints:
        """A number for each model's author; the owner in the id where the author is not given."""
        return _codes(owners(self.models))

    @cached_property
    def clusters(self) -> Ints:
        """A number for each model's cluster of near-duplicate cards; a card without duplicates is its own cluster."""
        if not self._has("near_duplicate"):
            return np.arange(self.n_cards)
        codes = _codes(self.models["near_duplicate"])
        single = _ints(pc.is_null(self.models["near_duplicate"])).astype(np.bool_)
        codes[single] = codes.max(initial=0) + 1 + np.arange(single.sum())
        return codes

    @cached_property
    def downloads(self) -> Floats:
        """Downloads of each model; 0 where they are not known."""
        if not self._has("downloads"):
            return np.zeros(self.n_cards)
        downloads: Floats = pc.fill_null(self.models["downloads"], 0).to_numpy().astype(np.float64)
        return downloads.clip(min=0)

    @cached_property
    def downloads_known(self) -> Bools:
        """Whether the downloads of each model are known."""
        if not self._has("downloads"):
            return np.zeros(self.n_cards, dtype=np.bool_)
        return _ints(pc.is_valid(self.models["downloads"])).astype(np.bool_)

    @cached_property
    def unread(self) -> int:
        """Models that have a card which could not be read: gated, gone or failed."""
        if not self._has("status"):
            return 0
        unread = pc.is_in(self.models["status"], value_set=pa.array(UNREAD, pa.string()))
        return int(pc.sum(unread).as_py() or 0)

    def is_status(self, column: str, value: str) -> Bools:
        """Returns for each model whether a text column has a value; false where the column is null or absent."""
        if not self._has(column):
            return np.zeros(self.n_cards, dtype=np.bool_)
        return _ints(pc.equal(self.models[column], value)).astype(np.bool_)

    @cached_property
    def adapter_files(self) -> Ints:
        """Number of adapter files of each model; -1 where the source does not list files."""
        if not self._has("adapter_files"):
            return np.full(self.n_cards, -1)
        files: Ints = flat(pc.fill_null(self.models["adapter_files"], -1)).to_numpy().astype(np.int64)
        return files

    def among(self, chosen: Bools) -> Evidence:
        """Returns the evidence of the ``chosen`` models (one entry for each model); the others cite nothing."""
        flags = max(1, len(self.techniques)) * _FLAGS
        return self._with("_key", self._key[chosen[self._key // flags]])

    def with_downloads(self, downloads: Floats) -> Evidence:
        """Returns the same evidence of models that have other ``downloads``."""
        return self._with("downloads", downloads)

    def _with(self, attribute: str, value: Ints | Floats) -> Evidence:
        other = copy(self)
        vars(other).pop("kinds", None)
        vars(other)[attribute] = value
        other.values = {}
        other._remember()
        return other

    def _remember(self) -> None:
        self._citing = lru_cache(maxsize=4)(self._find_citing)
        self._counted = lru_cache(maxsize=2)(self._find_counted)

    def _has(self, column: str) -> bool:
        return column in self.models.schema.names

    def pairs(self, rule: Rule) -> tuple[Ints, Ints]:
        """Returns the distinct (card, technique) pairs that count as citing under ``rule``, ascending."""
        citing = self._citing(rule.selecting, False)
        return citing.cards[citing.place], citing.technique.astype(np.int64)

    def _find_citing(self, options: tuple[Option, ...], single: bool) -> Counted:
        if single:
            every = self._citing(options, False)
            return every.among(every.size == 1, every.weight)
        kept = np.ones(len(self._key), dtype=np.bool_)
        for option in options:
            if option.evidence:
                kept &= option.evidence(self.kinds)
        technique = self._counted_as(options)[self.kinds.technique]
        kept &= technique >= 0
        n = max(1, len(self.techniques))
        pairs = distinct(self.kinds.card[kept] * n + technique[kept])
        card = pairs // n
        first = starts(card)
        size = np.diff(np.append(np.flatnonzero(first), len(card)))
        cards = card[first]
        cited = (pairs - card * n).astype(np.int16)
        return Counted(cards, size, np.cumsum(first) - 1, cited, np.ones(len(cards)), self.authors[cards])

    def counted_as(self, rule: Rule) -> Ints:
        """Returns the technique that each entry of ``kinds`` counts as under ``rule``; -1 where it does not count."""
        return self._counted_as(rule.options)[self.kinds.technique]

    def counts_as(self, technique: str, rule: Rule) -> str | None:
        """Returns the technique that ``technique`` counts as under ``rule``; None where it does not count."""
        position = int(self._counted_as(rule.options)[self.techniques.index(technique)])
        return None if position < 0 else self.techniques[position]

    def _counted_as(self, options: tuple[Option, ...]) -> Ints:
        """Returns the position of the technique that each technique counts as; -1 where it does not count."""
        positions = {technique: i for i, technique in enumerate(self.techniques)}
        counted = []
        for technique in self.techniques:
            target: str | None = technique if self.facts[technique].kind != "not_peft" else None
            for option in options:
                if option.counts_as and target is not None:
                    target = option.counts_as(target, self.facts)
            counted.append(-1 if target is None else positions[target])
        return np.array(counted, dtype=np.int64)

    def votes(self, rule: Rule) -> Votes:
        """Returns the votes of every card under ``rule``."""
        weights = tuple(o for o in rule.options if o.weight)
        return Votes(self.techniques, self._counted(rule.selecting, rule.single, weights), rule.divided)

    def _find_counted(self, selecting: tuple[Option, ...], single: bool, weights: tuple[Option, ...]) -> Counted:
        counted = self._citing(selecting, single)
        for option in weights:
            if option.weight:
                weight = option.weight(self, counted.cards)
                counted = counted.among(weight > 0, weight)
        return counted


def owners(models: pa.Table) -> Any:
    """Returns the author of each model; the owner in the id where the author is not given."""
    owner = pc.if_else(
        pc.match_substring(models["model_id"], "/"),
        pc.list_element(pc.split_pattern(models["model_id"], "/", max_splits=1), 0),
        "",
    )
    return pc.coalesce(models["author"], owner) if "author" in models.schema.names else owner


def _codes(values: Any) -> Ints:
    """Returns a number for each distinct value; nulls share one."""
    encoded = flat(pc.dictionary_encode(values, null_encoding="encode"))
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]


def _positions(values: Any, names: tuple[str, ...], missing: int) -> Ints:
    """Returns the position of each value in ``names``; ``missing`` for nulls."""
    positions = pc.fill_null(pc.index_in(values, value_set=pa.array(names, pa.string())), missing)
    return positions.to_numpy().astype(np.int64)  # type: ignore[no-any-return]


def _ints(values: Any) -> Ints:
    """Returns 1 for true, 0 for false and null."""
    return flat(pc.fill_null(values, False)).to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]
