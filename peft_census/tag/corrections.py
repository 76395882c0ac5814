"""Declared corrections: labels that an author disputes, settled in the open.

In: the mentions of a card and ``corrections.toml``. Out: the same mentions with the declared ones changed,
each change carrying its reason. Applied last; nothing is removed silently: a refuted mention stays, moved to
no effect, so that a reader sees both what the tagger found and why it does not count.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from peft_census.errors import TaxonomyError
from peft_census.settings import bundled
from peft_census.tag.taxonomy import load
from peft_census.tag.techniques import Taxonomy

CLAIMS = ("cited", "not_cited", "applied", "not_applied", "negated")
_KEYS = {"model_id", "technique", "claim", "reason", "date"}
_WITHHOLD_KEYS = ("model", "owner")
_WITHHOLD_NOTES = ("reason", "date")


@dataclass(frozen=True)
class Correction:
    """One disputed label.

    Args:
        model_id: the card's model.
        technique: technique id.
        claim: what is true of the card instead; one of ``CLAIMS``.
        reason: one sentence that a reader can check.
        date: when it was declared.
    """

    model_id: str
    technique: str
    claim: str
    reason: str
    date: date


@dataclass(frozen=True)
class Withheld:
    """Models that are left out of public and aggregate copies, because their authors asked for it.

    Args:
        models: ids.
        owners: whose models are all left out.
    """

    models: frozenset[str]
    owners: frozenset[str]

    def holds(self, model_id: str) -> bool:
        """Says whether the model is left out."""
        return model_id in self.models or any(part in self.owners for part in model_id.split("/")[:-1])


def read_withheld(file: Path) -> Withheld:
    """Returns the ``[[withhold]]`` entries of ``file``.

    Raises:
        TaxonomyError: the file is not TOML, or an entry names neither a model nor an owner, or both.
    """
    found: dict[str, set[str]] = {key: set() for key in _WITHHOLD_KEYS}
    for number, entry in enumerate(_entries(file, "withhold"), 1):
        named = [key for key in _WITHHOLD_KEYS if key in entry]
        unknown = set(entry) - {*_WITHHOLD_KEYS, *_WITHHOLD_NOTES}
        value = entry[named[0]] if len(named) == 1 else None
        if unknown or not isinstance(value, str) or not value.strip():
            raise TaxonomyError(
                f"{file}, withhold {number}: not one model or owner",
                "give model or owner, and beside it a reason and a date, which are not published.",
            )
        found[named[0]].add(value.strip())
    return Withheld(*(frozenset(found[key]) for key in _WITHHOLD_KEYS))


def _entries(file: Path, kind: str) -> list[dict[str, object]]:
    try:
        entries: list[dict[str, object]] = tomllib.loads(file.read_text(encoding="utf-8")).get(kind, [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaxonomyError(f"{file}: not valid TOML ({error})", "mend the file.") from error
    return entries


def read_corrections(file: Path, taxonomy: Taxonomy) -> dict[str, tuple[Correction, ...]]:
    """Returns the corrections of ``file`` by model id.

    Raises:
        TaxonomyError: the file is not TOML, or an entry lacks a key, has an unknown one, names no technique
            of the taxonomy, contradicts another, or makes no sense.
    """
    found: dict[str, list[Correction]] = {}
    for number, entry in enumerate(_entries(file, "correction"), 1):
        correction = _correction(entry, f"{file}, correction {number}", taxonomy)
        earlier = found.setdefault(correction.model_id, [])
        if any(c.technique == correction.technique for c in earlier):
            raise TaxonomyError(
                f"{file}, correction {number}: {correction.model_id} and {correction.technique} are corrected twice",
                "keep one of them.",
            )
        earlier.append(correction)
    return {model: tuple(corrections) for model, corrections in found.items()}


def _correction(entry: dict[str, object], place: str, taxonomy: Taxonomy) -> Correction:
    if set(entry) != _KEYS:
        wrong = sorted(set(entry) ^ _KEYS)
        raise TaxonomyError(
            f"{place}: missing or unknown key {', '.join(wrong)}", f"it takes {', '.join(sorted(_KEYS))}."
        )
    if not isinstance(entry["date"], date):
        raise TaxonomyError(f"{place}: date {entry['date']!r} is no date", "write it as 2026-11-23, without quotes.")
    text = {k: v for k, v in entry.items() if k != "date"}
    if any(not isinstance(v, str) or not v.strip() for v in text.values()):
        raise TaxonomyError(f"{place}: an empty or non-text value", "every key but date is a sentence or an id.")
    if entry["technique"] not in taxonomy.techniques:
        raise TaxonomyError(f"{place}: no technique {entry['technique']!r}", "see peft-census techniques.")
    if entry["claim"] not in CLAIMS:
        raise TaxonomyError(f"{place}: no claim {entry['claim']!r}", f"claims: {', '.join(CLAIMS)}.")
    return Correction(
        str(entry["model_id"]), str(entry["technique"]), str(entry["claim"]), str(entry["reason"]), entry["date"]
    )


@cache
def bundled_corrections() -> dict[str, tuple[Correction, ...]]:
    """Returns the project's own corrections."""
    return read_corrections(bundled("corrections.toml"), load())


@cache
def bundled_withheld() -> Withheld:
    """Returns the models and owners that the project leaves out of what it gives away."""
    return read_withheld(bundled("corrections.toml"))


def corrections_sha256() -> str:
    """Returns the SHA-256 of the project's corrections."""
    return hashlib.sha256(bundled("corrections.toml").read_bytes()).hexdigest()
