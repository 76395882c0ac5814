"""What the page shows of the evidence: examples of mentions, and the coverage of the source.

In: a snapshot. Out: rows of text. Text of cards is cleaned and shortened here; the template escapes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby

import pyarrow.compute as pc

from peft_census.publish.snapshot_reader import clean, shorten
from peft_census.publish.text.numbers import count, percent_label
from peft_census.publish.text.table import Table
from peft_census.snapshot.schema import LOCATIONS, OTHER_STATUS
from peft_census.snapshot.snapshot import Snapshot

_STATUSES = {
    "text": "card with text",
    "no_card": "no card",
    "gated": "gated",
    "gone": "gone",
    "failed": "could not be fetched",
    "missing": "missing from the listing",
    OTHER_STATUS: "of few models",
}
_MAX_CHARACTERS = 90
_COLUMNS = ("model_id", "location", "evidence_level", "matched", "polarity", "generator")


@dataclass(frozen=True)
class CoveragePart:
    """One status of the models of a source; ``gap`` if there was nothing to read."""

    status: str
    reason: str
    n: str
    share: str
    width: float
    gap: bool


@dataclass(frozen=True)
class Coverage:
    """The coverage of one source: its name, the number of models listed, and its parts, gaps last."""

    source: str
    total: str
    parts: list[CoveragePart]


def read_examples(snapshot: Snapshot, technique: str | None) -> Table:
    """Returns the first mention of ``technique`` itself in each location, by model id; names do not count."""
    table = Table(("Location", "Evidence level", "Matched text", "Card", "Written by"), [])
    if snapshot.aggregate:
        return table
    mentions = snapshot.table("mentions", [*_COLUMNS, "technique", "start"])
    of_technique = mentions.filter(pc.equal(mentions["technique"], technique))
    examples = []
    for location in (location for location in LOCATIONS if location != "name"):
        found = of_technique.filter(pc.equal(of_technique["location"], location))
        if found.num_rows:
            order = pc.sort_indices(found, sort_keys=[("model_id", "ascending"), ("start", "ascending")])
            examples.append(_example(found.select(_COLUMNS).take(order.slice(0, 1)).to_pylist()[0]))
    return replace(table, rows=examples)


def _example(row: dict[str, str | None]) -> tuple[str, ...]:
    return (
        f"{row['location']}".replace("_", " "),
        f"{row['evidence_level']}{', negated' if row['polarity'] == 'negated' else ''}",
        shorten(clean(f"{row['matched']}"), _MAX_CHARACTERS),
        shorten(clean(f"{row['model_id']}"), _MAX_CHARACTERS),
        clean(row["generator"] or "a person"),
    )


def read_coverage(snapshot: Snapshot) -> list[Coverage]:
    """Returns the coverage of each source."""
    cards = snapshot.manifest.source.kind
    rows = [
        r
        for r in snapshot.table("coverage").to_pylist()
        if r["n"] > 0 and r["status"] in _STATUSES and (r["status"] != "missing" or r["source"] == cards)
    ]
    rows.sort(key=lambda r: (r["source"], list(_STATUSES).index(r["status"]), -r["n"], r["reason"] or ""))
    sources = []
    for source, group in groupby(rows, key=lambda r: r["source"]):
        parts = list(group)
        total = sum(r["n"] for r in parts)
        sources.append(
            Coverage(
                shorten(clean(source), _MAX_CHARACTERS),
                count(sum(r["n"] for r in parts if r["status"] != "missing")),
                [
                    CoveragePart(
                        status=_STATUSES[r["status"]],
                        reason=shorten(clean(r["reason"] or "–"), 2 * _MAX_CHARACTERS),
                        n=count(r["n"]),
                        share=percent_label(r["n"] / total),
                        width=round(100 * r["n"] / total, 4),
                        gap=r["status"] != "text",
                    )
                    for r in parts
                ],
            )
        )
    return sources
