"""What publishing reads of a snapshot: shares with the display names of techniques, and the text of its source.

In: a snapshot. Out: records and text. Text from outside the project is cleaned of control characters.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields
from typing import Any

from peft_census.count import STANDARD, Rule, parse_rule
from peft_census.errors import SnapshotError
from peft_census.publish.text.numbers import day_text
from peft_census.snapshot.manifest import TechniqueFacts, root_of
from peft_census.snapshot.snapshot import Snapshot

SPECIMEN_MARK = "SPECIMEN · made-up cards · shares mean nothing"
REPLICA_MARK = "REPLICA · answers of a test server · shares mean nothing"

_POPULATIONS = {"adapters": "models with an adapter or technique tag", "all": "all models"}


@dataclass(frozen=True)
class Share:
    """One row of the table ``shares`` with the display name of its technique."""

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
    effective_n: float
    wilson_low: float
    wilson_high: float
    unread_low: float | None = None
    unread_high: float | None = None

    @property
    def parsed_rule(self) -> Rule:
        """The rule, parsed."""
        return parse_rule(self.rule)


_COLUMNS = [f.name for f in fields(Share) if f.name != "name"]


def read_shares(snapshot: Snapshot) -> list[Share]:
    """Returns all shares with a base, ordered by rule, votes (largest first) and technique id.

    Raises:
        SnapshotError: the manifest does not describe a technique.
    """
    order = {rule.name: i for i, rule in enumerate(STANDARD)}
    rows = [
        Share(name=technique_name(snapshot, row["technique"]), **{k: row.get(k) for k in _COLUMNS})
        for row in snapshot.table("shares").to_pylist()
        if row["base"] > 0
    ]
    rows.sort(key=lambda s: (order.get(s.rule, len(order)), s.rule, -s.numerator, s.technique))
    return rows


def select(rows: list[Share], rule: str) -> list[Share]:
    """Returns the shares under one rule."""
    return [s for s in rows if s.rule == rule]


def read_rows(snapshot: Snapshot, table: str) -> list[dict[str, Any]]:
    """Returns the rows of a counted table; none if the snapshot does not have it."""
    return list(snapshot.table(table).to_pylist()) if table in snapshot.manifest.tables else []


def technique_name(snapshot: Snapshot, technique: str) -> str:
    """Returns the display name of a technique, on one line and at most 60 characters long."""
    return shorten(clean(_facts(snapshot, technique).name).replace("^3", "³"), 60)


def root_name(snapshot: Snapshot, technique: str) -> str | None:
    """Returns the name of the technique that ``technique`` is a variant of; None if it is not a variant."""
    root = root_of(technique, snapshot.manifest.taxonomy.techniques)
    return None if root == technique else technique_name(snapshot, root)


def _facts(snapshot: Snapshot, technique: str) -> TechniqueFacts:
    techniques = snapshot.manifest.taxonomy.techniques
    if technique not in techniques:
        raise SnapshotError(
            f"snapshot {snapshot.id}: technique {technique!r} is counted, but its manifest does not describe it",
            "run the census again.",
        )
    return techniques[technique]


def mark_of(snapshot: Snapshot) -> str:
    """Returns what every file must bear: that the cards are made up, or from a test server; else nothing."""
    if snapshot.manifest.specimen:
        return SPECIMEN_MARK
    return REPLICA_MARK if snapshot.manifest.source.details.get("replica") else ""


def source_line(snapshot: Snapshot) -> str:
    """Returns the line under every chart and table: project, snapshot, data set, address, day of retrieval."""
    address = _address(snapshot)
    parts = [source_label(snapshot), *([address] if address else []), *_retrieved(snapshot)]
    return f"Source: peft_census, snapshot {snapshot.id}. Data: {', '.join(parts)}"


def source_label(snapshot: Snapshot) -> str:
    """Returns the name of the data set."""
    source = snapshot.manifest.source
    files = source.details.get("files")
    if source.kind == "hub-api":
        host = "a test server" if source.details.get("replica") else "Hugging Face Hub"
        return f"{host}, {_POPULATIONS.get(str(source.details.get('population')), 'a list of models')}"
    if isinstance(files, dict) and len(files) > 1:
        names = sorted(files)
        rest = f"{len(names) - 1} more files" if len(names) > 2 else names[1]
        return shorten(clean(f"{names[0]} and {rest}"), 120)
    return shorten(clean(source.label), 120)


def _address(snapshot: Snapshot) -> str:
    source = snapshot.manifest.source
    dataset = source.details.get("dataset")
    if source.details.get("replica"):
        return ""
    if source.kind == "hub-api":
        return "huggingface.co/models"
    return f"huggingface.co/datasets/{shorten(clean(dataset), 120)}" if isinstance(dataset, str) else ""


def _retrieved(snapshot: Snapshot) -> list[str]:
    days = snapshot.manifest.source.retrieved
    if days is None:
        return []
    first, last = day_text(days.first.isoformat()), day_text(days.last.isoformat())
    return [f"retrieved {first}" if first == last else f"retrieved {first} to {last}"]


def card_span(snapshot: Snapshot) -> str:
    """Returns the dates of the oldest and the newest card, as text."""
    cards = snapshot.manifest.cards
    if not cards.first or not cards.last:
        return "dates of the cards not known"
    first, last = (shorten(clean(day_text(day)), 30) for day in (cards.first, cards.last))
    return f"cards dated {first}" if first == last else f"cards dated {first} to {last}"


def clean(text: str) -> str:
    """Returns ``text`` on one line, without characters that XML, HTML or UTF-8 cannot hold.

    Control characters and direction marks are replaced, so that a name cannot rearrange the sentence around it.
    """
    kept = [
        " " if c.isspace() else "\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn") else c for c in text
    ]
    return " ".join("".join(kept).split())


def shorten(text: str, longest: int) -> str:
    """Returns ``text`` without its middle if it is longer than ``longest`` characters."""
    if len(text) <= longest:
        return text
    head = (longest - 1) * 2 // 3
    return f"{text[:head].rstrip()}…{text[len(text) - (longest - 1 - head) :].lstrip()}"
