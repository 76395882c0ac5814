"""What the page shows of the evidence: a few places that were counted, and how the cards were covered.

In: a snapshot. Out: rows ready to print. Texts from cards leave this module cleaned and short; escaping is
the template's part and is never switched off.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import pyarrow.compute as pc

from peft_census.publish.snapshot_reader import SnapshotLike, clean, shorten
from peft_census.publish.text.numbers import count, percent
from peft_census.snapshot.schema import LOCATIONS, OTHER_STATUS

STATUS_WORDS = {
    "text": "card with text",
    "no_card": "no card",
    "gated": "gated",
    "gone": "gone",
    "failed": "could not be fetched",
    OTHER_STATUS: "of few models",
}
_MOST_CHARACTERS = 90
_COLUMNS = ("model_id", "location", "evidence_level", "matched", "polarity", "generator")


@dataclass(frozen=True)
class Example:
    """One place where a card cites the technique."""

    location: str
    evidence_level: str
    matched: str
    model_id: str
    writer: str


@dataclass(frozen=True)
class Part:
    """One line of the coverage of a source; ``gap`` where there was nothing to read."""

    words: str
    reason: str
    n: str
    share: str
    width: float
    gap: bool


def read_examples(snapshot: SnapshotLike, technique: str) -> list[Example]:
    """Returns the first place in each location where ``technique`` itself is cited; names do not count."""
    if snapshot.manifest.aggregate:
        return []
    mentions = snapshot.table("mentions", [*_COLUMNS, "technique", "start"])
    of_technique = mentions.filter(pc.equal(mentions["technique"], technique))
    examples = []
    for location in (z for z in LOCATIONS if z != "name"):
        there = of_technique.filter(pc.equal(of_technique["location"], location))
        if there.num_rows:
            order = pc.sort_indices(there, sort_keys=[("model_id", "ascending"), ("start", "ascending")])
            row = there.select(_COLUMNS).take(order.slice(0, 1)).to_pylist()[0]
            examples.append(_example(row))
    return examples


def _example(row: dict[str, str | None]) -> Example:
    negated = ", denied" if row["polarity"] == "negated" else ""
    return Example(
        location=f"{row['location']}".replace("_", " "),
        evidence_level=f"{row['evidence_level']}{negated}",
        matched=shorten(clean(f"{row['matched']}"), _MOST_CHARACTERS),
        model_id=shorten(clean(f"{row['model_id']}"), _MOST_CHARACTERS),
        writer=clean(row["generator"] or "a person"),
    )


def read_coverage(snapshot: SnapshotLike) -> list[tuple[str, str, list[Part]]]:
    """Returns for each source its name, the number of models listed, and its parts, gaps last."""
    rows = [r for r in snapshot.table("coverage").to_pylist() if r["n"] > 0 and r["status"] in STATUS_WORDS]
    rows.sort(key=lambda r: (r["source"], list(STATUS_WORDS).index(r["status"]), -r["n"], r["reason"] or ""))
    sources = []
    for source, group in groupby(rows, key=lambda r: r["source"]):
        parts = list(group)
        total = sum(r["n"] for r in parts)
        sources.append(
            (
                shorten(clean(source), _MOST_CHARACTERS),
                count(total),
                [
                    Part(
                        words=STATUS_WORDS[r["status"]],
                        reason=shorten(clean(r["reason"] or ""), 2 * _MOST_CHARACTERS),
                        n=count(r["n"]),
                        share=percent(r["n"] / total),
                        width=round(100 * r["n"] / total, 4),
                        gap=r["status"] != "text",
                    )
                    for r in parts
                ],
            )
        )
    return sources
