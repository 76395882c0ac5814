"""Figures that others published: ``data/published.toml``, read and checked.

In: the file. Out: publications with their figures. Refuses a figure that does not add up, and never fills in
what the publication left out: a count that was not published is None.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from peft_census.errors import BadInputError, UsageError
from peft_census.settings import bundled

FILE = "published.toml"
_HTTPS = re.compile(r"https://[^\s<>\"]+")
_PUBLICATION = {"title": str, "publisher": str, "url": str, "text": str, "published": date, "likely": date}
_FIGURE = {
    "id": str,
    "claim": str,
    "where": str,
    "technique": str,
    "numerator": int,
    "denominator": int,
    "percent": float,
    "of": str,
    "others": dict,
    "dataset": str,
    "instrument": str,
    "not_published": list,
}
_NEEDED = {"title", "publisher", "url", "published", "likely", "id", "claim", "where", "technique", "of"}


@dataclass(frozen=True)
class Figure:
    """One published figure.

    Args:
        id: unique within its publication.
        claim: what it says, in our own words.
        where: the population, as the publication names it.
        technique: whose share it is.
        of: what one unit of the denominator is.
        numerator: as published, in units of ``of``; None where only a percentage was.
        denominator: likewise.
        percent: as printed, in per cent; None where only counts were.
        others: technique to count, or to per cent where there are no counts.
        dataset: the dataset of cards that it was counted on.
        instrument: the instrument of the census that measures something like it.
        not_published: what is lacking to count the same.
    """

    id: str
    claim: str
    where: str
    technique: str
    of: str
    numerator: int | None = None
    denominator: int | None = None
    percent: float | None = None
    others: dict[str, float] | None = None
    dataset: str | None = None
    instrument: str | None = None
    not_published: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The share as a fraction: from the counts where there are any, else as printed."""
        if self.numerator is not None and self.denominator is not None:
            return self.numerator / self.denominator
        return (self.percent or 0.0) / 100


@dataclass(frozen=True)
class Publication:
    """One publication and its figures.

    Args:
        id: its name on the command line.
        title: its title.
        publisher: who published it.
        url: where it can be read.
        published: when.
        likely: the day around which its data was probably read; a guess.
        figures: in the order of the file.
        text: where its source can be read, if anywhere.
    """

    id: str
    title: str
    publisher: str
    url: str
    published: date
    likely: date
    figures: tuple[Figure, ...]
    text: str | None = None

    @property
    def countable(self) -> Figure:
        """The figure that can be counted again from cards."""
        return next(f for f in self.figures if f.dataset is not None)


def load_published(file: Path | None = None) -> dict[str, Publication]:
    """Returns the publications of ``file`` by id.

    Args:
        file: None for the bundled one.

    Raises:
        BadInputError: it is no valid TOML, a field is missing, unknown or of a wrong type, or numbers disagree.
    """
    path = bundled(FILE) if file is None else file
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: not readable as TOML ({error})", "mend the file.") from error
    return {name: _publication(path, name, table) for name, table in tables.items()}


def find_publication(name: str) -> Publication:
    """Returns the publication ``name``.

    Raises:
        UsageError: there is none of that name.
    """
    known = load_published()
    if name not in known:
        raise UsageError(f"no publication {name!r}", f"known: {', '.join(known)}; see data/{FILE}.")
    return known[name]


def _publication(path: Path, name: str, table: Any) -> Publication:
    where = f"{path}: publication {name!r}"
    if not isinstance(table, dict) or not isinstance(table.get("figures"), list) or not table["figures"]:
        raise BadInputError(f"{where} has no [[{name}.figures]]", "a publication has at least one figure.")
    facts = _fields(where, {k: v for k, v in table.items() if k != "figures"}, _PUBLICATION)
    for key in ("url", "text"):
        if key in facts and not _HTTPS.fullmatch(facts[key]):
            raise BadInputError(f"{where}: {key} is {facts[key]!r}", "give an address that begins with https://.")
    figures = tuple(_figure(where, n, given) for n, given in enumerate(table["figures"], 1))
    ids = [f.id for f in figures]
    if len(set(ids)) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise BadInputError(f"{where}: two figures have the id {twice!r}", "give each its own.")
    if sum(f.dataset is not None for f in figures) != 1:
        raise BadInputError(
            f"{where}: not exactly one figure has a dataset", "name it for the figure counted on cards."
        )
    return Publication(name, **facts, figures=figures)


def _figure(where: str, number: int, given: Any) -> Figure:
    if not isinstance(given, dict):
        raise BadInputError(f"{where}: figure {number} is no table", "write it as [[….figures]].")
    where = f"{where}, figure {given.get('id', number)!r}"
    facts = _fields(where, given, _FIGURE)
    if not all(isinstance(text, str) for text in facts.get("not_published", [])):
        raise BadInputError(f"{where}: not_published is not a list of sentences", "quote each of them.")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in facts.get("others", {}).values()):
        raise BadInputError(f"{where}: others holds something that is not a number", "write technique = count.")
    figure = Figure(**{**facts, "not_published": tuple(facts.get("not_published", ()))})
    _check_numbers(where, figure)
    return figure


def _fields(where: str, given: dict[str, Any], known: dict[str, type]) -> dict[str, Any]:
    """Returns ``given`` if its fields are known, complete and of their types."""
    if unknown := sorted(set(given) - set(known)):
        raise BadInputError(f"{where}: unknown field {unknown[0]!r}", f"known: {', '.join(known)}.")
    if missing := sorted((_NEEDED & set(known)) - set(given)):
        raise BadInputError(f"{where}: {missing[0]!r} is missing", f"fields: {', '.join(known)}.")
    facts = {}
    for key, value in given.items():
        wanted = known[key]
        value = float(value) if wanted is float and type(value) is int else value
        if type(value) is not wanted or value == "":
            raise BadInputError(f"{where}: {key} is {value!r}", f"it must be of type {wanted.__name__}, and not empty.")
        facts[key] = value
    return facts


def _check_numbers(where: str, figure: Figure) -> None:
    """Refuses counts and percentages that contradict one another."""
    n, of, printed = figure.numerator, figure.denominator, figure.percent
    if (n is None) != (of is None):
        raise BadInputError(f"{where}: numerator or denominator stands alone", "give both or neither.")
    if n is None and printed is None:
        raise BadInputError(f"{where}: neither counts nor a percentage", "give one of them.")
    if n is not None and of is not None and not 0 <= n <= of:
        raise BadInputError(f"{where}: {n} of {of} is no share", "the numerator is a part of the denominator.")
    if of == 0 or (printed is not None and not 0 <= printed <= 100):
        raise BadInputError(f"{where}: the share is outside 0 to 100 %", "mend the numbers.")
    if n is not None and of is not None and printed is not None:
        decimals = len(repr(printed).partition(".")[2])
        if abs(100 * n / of - printed) > 0.5 * 10**-decimals + 1e-9:
            raise BadInputError(f"{where}: {n} of {of} is {100 * n / of:.2f} %, not {printed} %", "mend one of them.")
    if figure.dataset is not None and n is None:
        raise BadInputError(f"{where}: a figure counted on cards needs its counts", "give numerator and denominator.")
