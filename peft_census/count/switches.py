"""What a switch of a counting rule is: its options, their words, and what each does to the votes.

An option changes the count in one of three ways: it selects evidence (``evidence``), says which technique a technique
counts as (``counts_as``), or sets the votes of a card (``single``, ``divided``, ``weight``). ``Evidence`` applies
whatever the options of a rule hold and knows none of them by name. The switches themselves are the fields of ``Rule``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from peft_census.count.arrays import Bools, Floats, Ints
from peft_census.snapshot.manifest import Techniques, root_of
from peft_census.snapshot.schema import EVIDENCE_LEVELS


@dataclass(frozen=True)
class Kinds:
    """The distinct kinds of evidence, one entry for each card, technique and kind.

    Args:
        card: row number in ``models``.
        technique: position in the sorted techniques.
        level: position in ``EVIDENCE_LEVELS``.
        location: position in ``LOCATIONS``; their number for ``adapter_config.json``.
        in_name: whether it is part of a repository id, file name or link.
        negated: whether the card says that the technique was not used.
        applied: whether the card says that its model was trained with the technique.
        generated: whether a card generator wrote it.
    """

    card: Ints
    technique: Ints
    level: Ints
    location: Ints
    in_name: Bools
    negated: Bools
    applied: Bools
    generated: Bools

    def at_level(self, level: str) -> Bools:
        """Returns which entries are of an evidence level."""
        at: Bools = self.level == EVIDENCE_LEVELS.index(level)
        return at


class Models(Protocol):
    """What the weight of a card may depend on: one entry for each model."""

    @property
    def authors(self) -> Ints:
        """A number for each author."""

    @property
    def clusters(self) -> Ints:
        """A number for each cluster of near-duplicate cards."""

    @property
    def downloads(self) -> Floats:
        """Downloads in 30 days."""


@dataclass(frozen=True)
class Option:
    """One option of a switch.

    Args:
        word: its name in the name of a rule.
        meaning: what it does, as a clause without a full stop.
        short: the same in a few words, for labels and titles; empty where a default needs no mention.
        verb: what a counted card does with a technique, where the option changes that.
        unit: what is counted, where it is not cards.
        group: the group of changes to a rule that it belongs to, where it is not that of the switch.
        evidence: selects the evidence that counts.
        counts_as: gives the technique that a technique counts as; None where it does not count.
        single: whether only cards with exactly one technique count.
        divided: whether a card's vote is divided among its techniques.
        weight: gives the weight of the counted cards (row numbers in ``models``); cards of weight 0 are left out.
    """

    word: str
    meaning: str
    short: str = ""
    verb: str = ""
    unit: str = ""
    group: str = ""
    evidence: Callable[[Kinds], Bools] | None = None
    counts_as: Callable[[str, Techniques], str | None] | None = None
    single: bool = False
    divided: bool = False
    weight: Callable[[Models, Ints], Floats] | None = None


@dataclass(frozen=True)
class Switch:
    """One choice that a rule makes.

    Args:
        group: the group of changes to a rule that its options belong to.
        options: by word; the first is the default.
    """

    group: str
    options: dict[str, Option]


def switch(group: str, *options: Option) -> Any:
    """Returns a field of ``Rule``: it holds the word of one option, by default the first."""
    return field(default=options[0].word, metadata={"switch": Switch(group, {o.word: o for o in options})})


def of_peft(technique: str, techniques: Techniques) -> str | None:
    """Returns ``technique`` if it is a type of the PEFT library or a variant of one."""
    return technique if techniques[root_of(technique, techniques)].kind == "peft_type" else None


def shared(groups: Ints) -> Floats:
    """Returns weights that add up to 1 in every group; groups are numbers from 0."""
    return 1.0 / np.bincount(groups)[groups]
