"""What publishing reads from a snapshot: shares with display names, and where the cards come from.

In: anything that looks like a Snapshot. Out: plain records and clean text. Refuses a technique that the
manifest's taxonomy does not know, because nobody could say what the row means.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from peft_census.count import STANDARD, Rule, parse_rule
from peft_census.errors import SnapshotError
from peft_census.snapshot.manifest import Manifest, TechniqueFacts

SPECIMEN_MARK = "SPECIMEN · made-up cards · shares mean nothing"


class SnapshotLike(Protocol):
    """The part of a Snapshot that publishing uses."""

    @property
    def id(self) -> str:
        """The snapshot id."""

    @property
    def path(self) -> Path:
        """Its folder."""

    @property
    def manifest(self) -> Manifest:
        """The parsed manifest."""

    def table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """Returns one of the tables, whole or only some columns."""


@dataclass(frozen=True)
class Share:
    """One row of ``shares`` with the technique's display name."""

    rule: str
    population: str
    technique: str
    name: str
    numerator: float
    base: float
    cards: int
    share: float
    low: float
    high: float
    method: str
    author_low: float | None = None
    author_high: float | None = None
    author_method: str | None = None
    effective_n: float | None = None
    unread_low: float | None = None
    unread_high: float | None = None

    @property
    def way(self) -> Rule:
        """The rule, its words apart."""
        return parse_rule(self.rule)


_SHARE_FIELDS = [f.name for f in fields(Share) if f.name != "name"]


def read_shares(snapshot: SnapshotLike) -> list[Share]:
    """Returns all shares with a base, ordered by rule, votes (most first), technique.

    Raises:
        SnapshotError: a technique is missing from the manifest.
    """
    order = {rule.name: i for i, rule in enumerate(STANDARD)}
    rows = [
        Share(name=technique_name(snapshot, row["technique"]), **{k: row.get(k) for k in _SHARE_FIELDS})
        for row in snapshot.table("shares").to_pylist()
        if row["base"] > 0
    ]
    rows.sort(key=lambda s: (order.get(s.rule, len(order)), s.rule, -s.numerator, s.technique))
    return rows


def select(rows: list[Share], rule: str) -> list[Share]:
    """Returns the shares of one rule, most votes first."""
    return [s for s in rows if s.rule == rule]


def technique_name(snapshot: SnapshotLike, technique: str) -> str:
    """Returns the display name of ``technique``, on one line and no longer than a sentence can carry."""
    return shorten(clean(str(_facts(snapshot, technique).name)), 60)


def root_id(snapshot: SnapshotLike, technique: str) -> str:
    """Returns the technique that ``technique`` varies, at the end of the chain; itself if it varies none."""
    seen = [technique]
    while (parent := _facts(snapshot, seen[-1]).variant_of) is not None and parent not in seen:
        seen.append(parent)
    return seen[-1]


def root_name(snapshot: SnapshotLike, technique: str) -> str | None:
    """Returns the name of the technique that ``technique`` varies, at the end of the chain; None if it is none."""
    root = root_id(snapshot, technique)
    return technique_name(snapshot, root) if root != technique else None


def _facts(snapshot: SnapshotLike, technique: str) -> TechniqueFacts:
    techniques = snapshot.manifest.taxonomy.techniques
    if technique not in techniques:
        raise SnapshotError(
            f"snapshot {snapshot.id}: technique {technique!r} is counted but is not in its manifest",
            "run the census again.",
        )
    return techniques[technique]


def source_line(snapshot: SnapshotLike) -> str:
    """Returns the line under every chart and table: the source, the dates of its cards, the snapshot id."""
    return f"Source: {source_label(snapshot)} · {card_span(snapshot)} · snapshot {snapshot.id}"


def source_label(snapshot: SnapshotLike) -> str:
    """Returns what people call the source."""
    return shorten(clean(str(snapshot.manifest.source.label)), 120)


def card_span(snapshot: SnapshotLike) -> str:
    """Returns the dates the cards span, in words."""
    cards = snapshot.manifest.cards
    first, last = cards.first, cards.last
    if not first or not last:
        return "dates of the cards not known"
    return f"cards dated {first}" if first == last else f"cards dated {first} to {last}"


def clean(text: str) -> str:
    """Returns ``text`` on one line, without characters that XML, HTML or UTF-8 cannot carry.

    Control and direction marks go too: a name must not rearrange the sentence around it.
    """
    kept = [
        " " if c.isspace() else "\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn") else c for c in text
    ]
    return " ".join("".join(kept).split())


def shorten(text: str, most: int) -> str:
    """Returns ``text`` with its middle left out where it is longer than ``most`` characters."""
    if len(text) <= most:
        return text
    head = (most - 1) * 2 // 3
    return f"{text[:head].rstrip()}…{text[len(text) - (most - 1 - head) :].lstrip()}"
