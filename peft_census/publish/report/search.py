"""The search on the page: which techniques a model's card cites.

In: a snapshot. Out: one line for each model with a counted mention, the most downloaded first, as many as fit on the
page, and the script that searches them. Ids are cleaned and shortened here; the template escapes them as JSON, and the
script shows them as text only.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.publish.snapshot_reader import clean, shorten, technique_name
from peft_census.publish.text.numbers import count
from peft_census.snapshot.snapshot import Snapshot

BUDGET = 450_000
"""Bytes of the page that the lines may take; the whole page stays below 1.5 MB."""

FLAGS = 8
"""The number of one technique is its position in the list times this, plus the flags below."""
APPLIED, NEGATED, GENERATED = 1, 2, 4
"""The card says that its model was trained with the technique; all mentions are negated; a tool wrote all mentions."""

_MAX_CHARACTERS = 120
_SHORTEST = 5


@dataclass(frozen=True)
class Lookup:
    """What the page needs for its search.

    Args:
        kept: models that can be found.
        total: models whose card cites a technique.
        data: ``techniques``, display names, and ``models``, one line for each model: its id, a tab, one number for
            each technique, separated by commas.
        script: the code of the search.
    """

    kept: int = 0
    total: int = 0
    data: dict[str, object] | None = None
    script: str = ""

    @property
    def cut(self) -> bool:
        """Whether models were left out."""
        return self.kept < self.total

    @property
    def held(self) -> str:
        """Which models can be found, as text."""
        most = f"the {count(self.kept)} most downloaded of the {count(self.total)}"
        return most if self.cut else f"all {count(self.total)}"


def policy(script: str) -> str:
    """Returns the source expression of the content security policy that allows this script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def read_lookup(snapshot: Snapshot, budget: int = BUDGET) -> Lookup:
    """Returns the search for ``snapshot``; an empty one if it lists no models."""
    if "models" not in snapshot.manifest.tables:
        return Lookup()
    cited = _cited(snapshot)
    ids = _most_downloaded(snapshot, pc.unique(cited["model_id"]))
    candidates = ids.slice(0, budget // _SHORTEST)
    techniques = sorted(set(cited["technique"].to_pylist()))
    numbers = _numbers(cited.filter(pc.is_in(cited["model_id"], value_set=candidates)), techniques)
    lines = list(_within(budget, (f"{_name(i)}\t{','.join(numbers[i])}" for i in candidates.to_pylist())))
    names = [technique_name(snapshot, t) for t in techniques]
    script = resources.files("peft_census.publish.report").joinpath("templates/lookup.js").read_text(encoding="utf-8")
    return Lookup(len(lines), len(ids), {"techniques": names, "models": "\n".join(lines)}, script)


def _cited(snapshot: Snapshot) -> pa.Table:
    """Returns one row for each model and technique: whether it is applied, only negated, only generated."""
    facts = snapshot.manifest.taxonomy.techniques
    counted = pa.array([t for t, about in facts.items() if about.kind != "not_peft"], pa.string())
    columns = ["model_id", "technique", "location", "polarity", "applied", "generator"]
    mentions = snapshot.table("mentions", columns)
    in_name = pc.fill_null(pc.equal(mentions["location"], "name"), False)
    mentions = mentions.filter(pc.and_(pc.invert(in_name), pc.is_in(mentions["technique"], value_set=counted)))
    places = pa.table(
        {
            "model_id": mentions["model_id"],
            "technique": mentions["technique"],
            "applied": mentions["applied"],
            "negated": pc.equal(mentions["polarity"], "negated"),
            "generated": pc.is_valid(mentions["generator"]),
        }
    )
    return places.group_by(["model_id", "technique"]).aggregate(
        [("applied", "any"), ("negated", "all"), ("generated", "all")]
    )


def _most_downloaded(snapshot: Snapshot, ids: pa.Array) -> pa.Array:
    """Returns ``ids``, the most downloaded first, then by id; models without a download count come last."""
    models = snapshot.table("models", ["model_id", "downloads"])
    places = pc.index_in(ids, value_set=models["model_id"].combine_chunks())
    downloads = pc.fill_null(models["downloads"].combine_chunks().take(places), -1)
    order = pc.sort_indices(
        pa.table({"id": ids, "downloads": downloads}), sort_keys=[("downloads", "descending"), ("id", "ascending")]
    )
    return ids.take(order)


def _numbers(cited: pa.Table, techniques: list[str]) -> dict[str, list[str]]:
    """Returns the numbers of every model, applied techniques first, negated ones last."""
    place = {technique: i for i, technique in enumerate(techniques)}
    found: dict[str, list[int]] = {}
    columns = (
        cited[name].to_pylist() for name in ("model_id", "technique", "applied_any", "negated_all", "generated_all")
    )
    for model_id, technique, applied, negated, generated in zip(*columns, strict=True):
        number = place[technique] * FLAGS + APPLIED * applied + NEGATED * negated + GENERATED * generated
        found.setdefault(model_id, []).append(number)
    return {model_id: [str(n) for n in sorted(numbers, key=_rank)] for model_id, numbers in found.items()}


def _rank(number: int) -> tuple[bool, bool, int]:
    return (not number & APPLIED, bool(number & NEGATED), number)


def _within(budget: int, lines: Iterator[str]) -> Iterator[str]:
    """Yields lines until they would take more than ``budget`` bytes of the page, as JSON."""
    for line in lines:
        budget -= len(json.dumps(line)) + 5 * sum(line.count(sign) for sign in "<>&'")
        if budget < 0:
            return
        yield line


def _name(model_id: str) -> str:
    return shorten(clean(model_id), _MAX_CHARACTERS)
