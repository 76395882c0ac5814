"""Groups of cards for breakdowns: one value for each model and dimension.

In: the columns ``GROUP_COLUMNS`` of ``models``. Out: an array of text, one value for each model, never null. Models
whose value is not known are a group of their own; without it the other groups would look complete.
"""

from __future__ import annotations

import re
import tomllib
from calendar import monthrange
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count.arrays import flat
from peft_census.count.evidence import Evidence, owners

NOT_KNOWN = "not known"
SEVERAL = "several"
OTHER = "other"
FLOOR = "before 2022-03"
"""The Hub gives 2 March 2022 as the creation date of everything older."""

GROUP_COLUMNS = ["created_at", "pipeline_tag", "library_name", "generators", "base_model", "languages"]

_BETWEEN = "\x1f"
"""Joins the items of a list; no tag and no code of a language holds it (it separates units in ASCII)."""
_BANDS = ((0, "0"), (9, "1–9"), (99, "10–99"), (999, "100–999"), (9_999, "1,000–9,999"), (99_999, "10,000–99,999"))
_AUTHOR_BANDS = ((1, "1 model"), (9, "2–9 models"), (99, "10–99 models"))


def month(evidence: Evidence) -> pa.Array:
    """Returns the month of creation, ``2025-04``; ``FLOOR`` for the Hub's first day and earlier, or ``NOT_KNOWN``."""
    if "created_at" not in evidence.models.schema.names:
        return pa.array([NOT_KNOWN] * evidence.n_cards, pa.string())
    days = flat(pc.cast(evidence.models["created_at"], pa.date32())).dictionary_encode()  # a few thousand at most
    early = pc.less(days.dictionary, pa.scalar("2022-03-03").cast(pa.date32()))
    months = pc.if_else(early, FLOOR, pc.strftime(days.dictionary, "%Y-%m"))
    return pc.fill_null(months.take(days.indices), NOT_KNOWN)


def quarter(evidence: Evidence) -> pa.Array:
    """Returns the quarter of creation, ``2025-Q2``; ``FLOOR`` and ``NOT_KNOWN`` as for months."""
    return _periods(evidence, lambda name: f"{name[:4]}-Q{(int(name[5:]) + 2) // 3}")


def year(evidence: Evidence) -> pa.Array:
    """Returns the year of creation, ``2025``; ``FLOOR`` and ``NOT_KNOWN`` as for months."""
    return _periods(evidence, lambda name: name[:4])


def task(evidence: Evidence) -> pa.Array:
    """Returns the task as labelled by the Hub."""
    return _named(evidence.models["pipeline_tag"])


def library(evidence: Evidence) -> pa.Array:
    """Returns the library as labelled by the Hub."""
    return _named(evidence.models["library_name"])


def base_model(evidence: Evidence) -> pa.Array:
    """Returns the id of the base model."""
    return _named(evidence.models["base_model"])


def licence(evidence: Evidence) -> pa.Array:
    """Returns the licence that the Hub shows as a tag."""

    def name(tags: list[str]) -> str:
        found = {tag.partition(":")[2] for tag in tags if tag.startswith("license:")}
        return NOT_KNOWN if not found else found.pop() if len(found) == 1 else SEVERAL

    return _of_lists(evidence.models["tags"], name)


def author(evidence: Evidence) -> pa.Array:
    """Returns the owner of the repository."""
    return _named(owners(evidence.models))


def base_family(evidence: Evidence) -> pa.Array:
    """Returns the family of the base model by ``families.toml``."""
    encoded = flat(_named(evidence.models["base_model"])).dictionary_encode()
    families = [NOT_KNOWN if name == NOT_KNOWN else family(name) for name in encoded.dictionary.to_pylist()]
    return pa.array(families, pa.string()).take(encoded.indices)


def generator(evidence: Evidence) -> pa.Array:
    """Returns the card generator, without its release; ``people only`` where there is none."""

    def name(tools: list[str]) -> str:
        names = {tool.partition("/")[0] for tool in tools}
        return "people only" if not names else names.pop() if len(names) == 1 else SEVERAL

    return _of_lists(evidence.models["generators"], name)


def language(evidence: Evidence) -> pa.Array:
    """Returns the language in the front matter of the card."""

    def name(codes: list[str]) -> str:
        distinct = {code.strip().lower()[:20] for code in codes}
        return NOT_KNOWN if not distinct else distinct.pop() if len(distinct) == 1 else SEVERAL

    return _of_lists(evidence.models["languages"], name)


def downloads(evidence: Evidence) -> pa.Array:
    """Returns the range of downloads in 30 days."""
    return _bands(evidence.downloads, _BANDS, "100,000 or more", evidence.downloads_known)


def author_kind(evidence: Evidence) -> pa.Array:
    """Returns the range of the number of models that the author has in the snapshot."""
    _, index, sizes = np.unique(evidence.authors, return_inverse=True, return_counts=True)
    return _bands(sizes[index], _AUTHOR_BANDS, "100 models or more", np.ones(evidence.n_cards, dtype=np.bool_))


@dataclass(frozen=True)
class Dimension:
    """What cards are grouped by.

    Args:
        values: gives each model's value.
        column: the column of ``models`` that it needs; None where it needs only the id.
        is_time: whether its values are periods of time.
    """

    values: Callable[[Evidence], pa.Array]
    column: str | None = None
    is_time: bool = False


DIMENSIONS = {
    "month": Dimension(month, "created_at", is_time=True),
    "quarter": Dimension(quarter, "created_at", is_time=True),
    "year": Dimension(year, "created_at", is_time=True),
    "task": Dimension(task, "pipeline_tag"),
    "library": Dimension(library, "library_name"),
    "base_model": Dimension(base_model, "base_model"),
    "base_family": Dimension(base_family, "base_model"),
    "language": Dimension(language, "languages"),
    "licence": Dimension(licence, "tags"),
    "author": Dimension(author),
    "author_kind": Dimension(author_kind),
    "downloads": Dimension(downloads, "downloads"),
    "generator": Dimension(generator, "generators"),
}


def calendar(months: Iterable[str]) -> list[str]:
    """Returns every month from the first to the last of ``months``, after ``FLOOR`` and before ``NOT_KNOWN``."""
    found = set(months)
    numbers = [n for name in found if (n := month_number(name)) is not None]
    whole = [month_name(n) for n in range(min(numbers), max(numbers) + 1)] if numbers else []
    return [name for name in (FLOOR, *whole, NOT_KNOWN) if name in found or name in whole]


def unfinished_month(evidence: Evidence) -> str | None:
    """Returns the month in which the newest model was created; None if that was on the last day of a month."""
    newest = pc.max(evidence.models["created_at"]).as_py() if "created_at" in evidence.models.schema.names else None
    if newest is None or newest.day == monthrange(newest.year, newest.month)[1]:
        return None
    return month_name(12 * newest.year + newest.month - 1)


def month_number(date: str | None) -> int | None:
    """Returns months since the year 0 for ``2025-04`` or ``2025-04-17``; None for anything else."""
    if date is None or len(date) < 7 or not (date[:4] + date[5:7]).isdigit() or date[4] != "-":
        return None
    return 12 * int(date[:4]) + int(date[5:7]) - 1


def month_name(number: int) -> str:
    """Returns the month of a ``month_number``."""
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def family(base_model: str) -> str:
    """Returns the family of a base model id; ``other`` where its name has no word of ``families.toml``.

    The name of a family, which public copies hold in place of an id, is that family.
    """
    if any(base_model == family for family, _ in _families()):
        return base_model
    name = re.sub(r"[^a-z0-9]", "", base_model.rpartition("/")[2].lower())
    return next((family for family, words in _families() if any(word in name for word in words)), OTHER)


@cache
def _families() -> list[tuple[str, list[str]]]:
    """Returns each family and its words; the first family with a word in the name applies."""
    text = resources.files("peft_census.count").joinpath("families.toml").read_text(encoding="utf-8")
    return [(entry["id"], entry["words"]) for entry in tomllib.loads(text)["family"]]


def _periods(evidence: Evidence, name: Callable[[str], str]) -> pa.Array:
    encoded = month(evidence).dictionary_encode()
    names = [m if month_number(m) is None else name(m) for m in encoded.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(encoded.indices)


def _named(values: Any) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(values)
    return flat(pc.fill_null(pc.if_else(pc.equal(trimmed, ""), None, trimmed), NOT_KNOWN))


def _of_lists(values: Any, name: Callable[[list[str]], str]) -> pa.Array:
    """Returns ``name`` of every list, called once for equal lists; null is an empty list."""
    texts = pc.if_else(pc.equal(pc.list_value_length(values), 0), None, pc.binary_join(values, _BETWEEN))
    encoded = flat(texts).dictionary_encode(null_encoding="encode")
    names = [name([] if text is None else text.split(_BETWEEN)) for text in encoded.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(encoded.indices)


def _bands(numbers: Any, bands: tuple[tuple[int, str], ...], more: str, known: Any) -> pa.Array:
    labels = np.array([*(label for _, label in bands), more, NOT_KNOWN], dtype=object)
    places = np.searchsorted([most for most, _ in bands], numbers)
    return pa.array(labels[np.where(known, places, len(bands) + 1)], pa.string())
