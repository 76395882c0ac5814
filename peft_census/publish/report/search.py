"""The page's small search: which techniques a model's card cites, without a server.

In: a snapshot. Out: one line for each model with a counted mention, the most downloaded first, as many as the page
can carry, and the script that searches them. Ids leave this module cleaned and short; the template escapes them as
JSON, and the script shows them as text only.
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

from peft_census.publish.snapshot_reader import SnapshotLike, clean, shorten, technique_name
from peft_census.publish.text.numbers import count

BUDGET = 1_200_000
"""Bytes of the page that the lines may take; the whole page stays below 3 MB."""

FLAGS = 8
"""Numbers for one technique: its position in the list times this, plus the flags below."""
APPLIED, DENIED, TOOL = 1, 2, 4
"""The card says that this model was trained with it; only denies it; only a tool wrote of it."""

_MOST_CHARACTERS = 120
_SHORTEST = 5


@dataclass(frozen=True)
class Lookup:
    """What the page needs for its search.

    Args:
        kept: models that can be looked up.
        total: models whose card cites a technique.
        data: ``techniques``, display names, and ``models``, one line a model: its id, a tab, one number for each
            technique, commas between.
        script: the code that searches them.
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
        """Which models can be looked up, in words."""
        most = f"the {count(self.kept)} most downloaded of the {count(self.total)}"
        return most if self.cut else f"all {count(self.total)}"

    @property
    def policy(self) -> str:
        """The source expression that lets this script run and no other."""
        return f"'sha256-{base64.b64encode(hashlib.sha256(self.script.encode()).digest()).decode()}'"


def read_lookup(snapshot: SnapshotLike, budget: int = BUDGET) -> Lookup:
    """Returns what can be looked up in ``snapshot``; nothing where it lists no models."""
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


def _cited(snapshot: SnapshotLike) -> pa.Table:
    """Returns one row for each model and technique: is it applied, only denied, only written by a tool?"""
    facts = snapshot.manifest.taxonomy.techniques
    counted = pa.array([t for t, about in facts.items() if about.kind != "not_peft"], pa.string())
    wanted = ["model_id", "technique", "location", "polarity", "applied", "generator"]
    mentions = snapshot.table("mentions", wanted)
    in_name = pc.fill_null(pc.equal(mentions["location"], "name"), False)
    mentions = mentions.filter(pc.and_(pc.invert(in_name), pc.is_in(mentions["technique"], value_set=counted)))
    places = pa.table(
        {
            "model_id": mentions["model_id"],
            "technique": mentions["technique"],
            "applied": mentions["applied"],
            "denied": pc.equal(mentions["polarity"], "negated"),
            "tool": pc.is_valid(mentions["generator"]),
        }
    )
    return places.group_by(["model_id", "technique"]).aggregate(
        [("applied", "any"), ("denied", "all"), ("tool", "all")]
    )


def _most_downloaded(snapshot: SnapshotLike, ids: pa.Array) -> pa.Array:
    """Returns ``ids``, the most downloaded first, then by id; a model without a count stands last."""
    models = snapshot.table("models", ["model_id", "downloads"])
    places = pc.index_in(ids, value_set=models["model_id"].combine_chunks())
    downloads = pc.fill_null(models["downloads"].combine_chunks().take(places), -1)
    order = pc.sort_indices(
        pa.table({"id": ids, "downloads": downloads}), sort_keys=[("downloads", "descending"), ("id", "ascending")]
    )
    return ids.take(order)


def _numbers(cited: pa.Table, techniques: list[str]) -> dict[str, list[str]]:
    """Returns the numbers of every model: what is applied first, what is denied last."""
    place = {technique: i for i, technique in enumerate(techniques)}
    found: dict[str, list[int]] = {}
    columns = (cited[name].to_pylist() for name in ("model_id", "technique", "applied_any", "denied_all", "tool_all"))
    for model_id, technique, applied, negated, tool in zip(*columns, strict=True):
        number = place[technique] * FLAGS + APPLIED * applied + DENIED * negated + TOOL * tool
        found.setdefault(model_id, []).append(number)
    return {model_id: [str(n) for n in sorted(numbers, key=_rank)] for model_id, numbers in found.items()}


def _rank(number: int) -> tuple[bool, bool, int]:
    return (not number & APPLIED, bool(number & DENIED), number)


def _within(budget: int, lines: Iterator[str]) -> Iterator[str]:
    """Yields lines until they would fill more than ``budget`` bytes of the page; each costs what JSON makes of it."""
    for line in lines:
        budget -= len(json.dumps(line)) + 5 * sum(line.count(sign) for sign in "<>&'")
        if budget < 0:
            return
        yield line


def _name(model_id: str) -> str:
    return shorten(clean(model_id), _MOST_CHARACTERS)
