"""Groups of cards that breakdowns compare: one value for each model and dimension.

In: the columns ``GROUP_COLUMNS`` of ``models``. Out: an array of text, one value a model, never null: what is not
known is a group of its own, because leaving it out would make the others look complete.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.evidence import Evidence

NOT_KNOWN = "not known"
SEVERAL = "several"
OTHER = "other"
FLOOR = "before 2022-03"
"""Creation dates on the Hub begin on 2 March 2022: that day stands for everything earlier."""

GROUP_COLUMNS = ["created_at", "pipeline_tag", "library_name", "generators", "base_model", "languages"]

_BANDS = ((0, "0"), (9, "1–9"), (99, "10–99"), (999, "100–999"), (9_999, "1,000–9,999"), (99_999, "10,000–99,999"))
_AUTHOR_BANDS = ((1, "1 model"), (9, "2–9 models"), (99, "10–99 models"))


def month(evidence: Evidence) -> pa.Array:
    """Returns the month of creation, ``2025-04``; ``FLOOR`` for the Hub's first day and earlier."""
    days = _flat(pc.cast(evidence.models["created_at"], pa.date32())).dictionary_encode()  # a few thousand at most
    early = pc.less(days.dictionary, pa.scalar("2022-03-03").cast(pa.date32()))
    months = pc.if_else(early, FLOOR, pc.strftime(days.dictionary, "%Y-%m"))
    return pc.fill_null(months.take(days.indices), NOT_KNOWN)


def pipeline_tag(evidence: Evidence) -> pa.Array:
    """Returns the task as labelled by the Hub."""
    return _named(evidence.models["pipeline_tag"])


def library(evidence: Evidence) -> pa.Array:
    """Returns the library as labelled by the Hub."""
    return _named(evidence.models["library_name"])


def base_family(evidence: Evidence) -> pa.Array:
    """Returns the family of the base model by ``families.toml``."""
    encoded = _flat(_named(evidence.models["base_model"])).dictionary_encode()
    families = [NOT_KNOWN if name == NOT_KNOWN else family(name) for name in encoded.dictionary.to_pylist()]
    return pa.array(families, pa.string()).take(encoded.indices)


def generator(evidence: Evidence) -> pa.Array:
    """Returns the tool that wrote (part of) the card, without its release; ``people only`` where none did."""

    def name(tools: list[str]) -> str:
        names = {tool.partition("/")[0] for tool in tools}
        return "people only" if not names else names.pop() if len(names) == 1 else SEVERAL

    return _of_lists(evidence.models["generators"], name)


def language(evidence: Evidence) -> pa.Array:
    """Returns the language that the card's front matter gives."""

    def name(codes: list[str]) -> str:
        found = {code.strip().lower()[:20] for code in codes}
        return NOT_KNOWN if not found else found.pop() if len(found) == 1 else SEVERAL

    return _of_lists(evidence.models["languages"], name)


def downloads(evidence: Evidence) -> pa.Array:
    """Returns the band of downloads in 30 days."""
    known = pc.is_valid(evidence.models["downloads"]).to_numpy().astype(np.bool_)
    return _bands(evidence.downloads, _BANDS, "100,000 or more", known)


def author_kind(evidence: Evidence) -> pa.Array:
    """Returns the band of models that the author has in the snapshot."""
    _, index, sizes = np.unique(evidence.authors, return_inverse=True, return_counts=True)
    return _bands(sizes[index], _AUTHOR_BANDS, "100 models or more", np.ones(evidence.n_cards, dtype=np.bool_))


DIMENSIONS: dict[str, Callable[[Evidence], pa.Array]] = {
    "month": month,
    "pipeline_tag": pipeline_tag,
    "base_family": base_family,
    "library": library,
    "generator": generator,
    "downloads": downloads,
    "language": language,
    "author_kind": author_kind,
}
"""Name of a dimension to what gives each model's value in it."""


def family(base_model: str) -> str:
    """Returns the family of a base model's id; ``other`` where no word of ``families.toml`` is in its name.

    A family's own name, which public copies hold in the place of an id, is that family.
    """
    if any(base_model == entry["id"] for entry in _families()):
        return base_model
    name = re.sub(r"[^a-z0-9]", "", base_model.rpartition("/")[2].lower())
    return next((entry["id"] for entry in _families() if any(word in name for word in entry["words"])), OTHER)


@cache
def _families() -> list[dict[str, Any]]:
    text = resources.files("peft_census.count").joinpath("families.toml").read_text(encoding="utf-8")
    families: list[dict[str, Any]] = tomllib.loads(text)["family"]
    return families


def _named(values: Any) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(values)
    return _flat(pc.fill_null(pc.if_else(pc.equal(trimmed, ""), None, trimmed), NOT_KNOWN))


def _of_lists(values: Any, name: Callable[[list[str]], str]) -> pa.Array:
    """Returns ``name`` of every list; equal lists are read once."""
    known: dict[tuple[str, ...], str] = {}
    out = []
    for items in values.to_pylist():
        key = tuple(items or ())
        if key not in known:
            known[key] = name(list(key))
        out.append(known[key])
    return pa.array(out, pa.string())


def _bands(numbers: Any, bands: tuple[tuple[int, str], ...], more: str, known: Any) -> pa.Array:
    labels = np.array([*(label for _, label in bands), more, NOT_KNOWN], dtype=object)
    places = np.searchsorted([most for most, _ in bands], numbers)
    return pa.array(labels[np.where(known, places, len(bands) + 1)], pa.string())


def _flat(values: Any) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
