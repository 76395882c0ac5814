"""The table on the page that readers filter: techniques by task, library, family of base models or year.

In: a snapshot. Out: the number of cards for each technique and group, as the page's script adds them up. Values are
cleaned and shortened here; the template escapes them as JSON, and the script shows them as text only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib import resources
from typing import Any

from peft_census.count import HEADLINE, OTHER, Evidence, parse_rule
from peft_census.count.evidence import MENTION_COLUMNS
from peft_census.count.groups import DIMENSIONS
from peft_census.publish.snapshot_reader import clean, shorten, technique_name
from peft_census.snapshot.snapshot import Snapshot

FILTERS = {"task": "Task", "library": "Library", "base_family": "Family of the base model", "year": "Year of creation"}
"""Dimensions and their labels."""
RULES = (HEADLINE, parse_rule("exactly_one/human_only"))
"""The rules that a reader can choose between."""
MOST = 20
"""Values of a dimension; the rest are one."""
MOST_ROWS = 6_000
"""Rows above which fewer values are kept."""

_MAX_CHARACTERS = 60


@dataclass(frozen=True)
class Explore:
    """What the page needs for its table.

    Args:
        data: ``techniques``, display names; ``dimensions``, each with label and values; ``rows``, each with the number
            of its rule, of its technique, of its value in each dimension, and its cards.
        script: the code of the table.
    """

    data: dict[str, Any] | None = None
    script: str = ""


def read_explore(snapshot: Snapshot) -> Explore:
    """Returns the table for ``snapshot``; an empty one if it lists no models or none of their groups is known."""
    if "models" not in snapshot.manifest.tables:
        return Explore()
    known = snapshot.table("models").schema.names
    dimensions = [name for name in FILTERS if DIMENSIONS[name].column in known]
    if not dimensions:
        return Explore()
    columns = ["model_id", *dict.fromkeys(str(DIMENSIONS[name].column) for name in dimensions)]
    facts = snapshot.manifest.taxonomy.techniques
    evidence = Evidence(snapshot.table("models", columns), snapshot.table("mentions", MENTION_COLUMNS), facts)
    values = {name: DIMENSIONS[name].values(evidence).to_pylist() for name in dimensions}
    cells: list[tuple[Any, ...]] = []
    for number, rule in enumerate(RULES):
        votes = evidence.votes(rule)
        cards, techniques = votes.cards[votes.counted.place].tolist(), votes.counted.technique.tolist()
        for card, technique in zip(cards, techniques, strict=True):
            cells.append((number, votes.techniques[technique], *(values[name][card] for name in dimensions)))
    if not cells:
        return Explore()
    script = resources.files("peft_census.publish.report").joinpath("templates/explore.js").read_text(encoding="utf-8")
    return Explore(_numbered(snapshot, cells, dimensions), script)


def _numbered(snapshot: Snapshot, cells: list[tuple[Any, ...]], dimensions: list[str]) -> dict[str, Any]:
    """Returns the cells added up, with numbers instead of values; with fewer values if there would be too many rows."""
    techniques = [technique for technique, _ in Counter(cell[1] for cell in cells).most_common()]
    most = MOST
    while True:
        kept = [_kept(Counter(cell[2 + i] for cell in cells), most, name) for i, name in enumerate(dimensions)]
        place = {technique: i for i, technique in enumerate(techniques)}
        index = [{value: i for i, value in enumerate(names)} for names in kept]
        rows = Counter(
            (cell[0], place[cell[1]], *(at.get(v, at.get(OTHER, 0)) for at, v in zip(index, cell[2:], strict=True)))
            for cell in cells
        )
        if len(rows) <= MOST_ROWS or most == 1:
            break
        most //= 2
    return {
        "techniques": [technique_name(snapshot, technique) for technique in techniques],
        "dimensions": [
            {"label": FILTERS[name], "values": [shorten(clean(value), _MAX_CHARACTERS) for value in names]}
            for name, names in zip(dimensions, kept, strict=True)
        ],
        "rows": [[*row, cards] for row, cards in sorted(rows.items())],
    }


def _kept(cards: Counter[str], most: int, dimension: str) -> list[str]:
    """Returns the values with most cards, and ``OTHER`` for the rest; years in their order."""
    values = sorted(cards, key=lambda value: (-cards[value], value))
    kept = [value for value in values if value != OTHER][:most]
    kept = sorted(kept) if dimension == "year" else kept
    return kept if len(kept) == len(values) else [*kept, OTHER]
