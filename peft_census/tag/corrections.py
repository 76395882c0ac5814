"""Reads and applies ``data/corrections.toml``: declared corrections of labels that an author disputes.

In: the file, and the mentions of a card. Out: the corrections of each model, and the corrected mentions. Corrections
are applied last. They delete no mention: a mention that is not a citation moves to the location ``name``, which is
not counted. Every mention that a correction changes records the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from peft_census.errors import TaxonomyError
from peft_census.snapshot.files import bundled
from peft_census.snapshot.records import read_record, record
from peft_census.tag.tagged_card import Mention
from peft_census.tag.taxonomy import load_taxonomy
from peft_census.tag.techniques import Taxonomy
from peft_census.tag.toml_file import read_toml

Claim = Literal["cited", "not_cited", "applied", "not_applied", "negated"]

_NotBlank = Annotated[str, Field(pattern=r"\S")]
_HINT = "see the head of data/corrections.toml."


@record
class Correction:
    """One disputed label.

    Args:
        model_id: the card's model.
        technique: technique id.
        claim: what is true of the card instead.
        reason: one sentence that a reader can check.
        date: date of the declaration.
    """

    model_id: _NotBlank
    technique: _NotBlank
    claim: Claim
    reason: _NotBlank
    date: Annotated[date, Strict()]


@dataclass(frozen=True)
class Withheld:
    """Models that public and aggregate copies leave out because their authors asked for it.

    Args:
        models: model ids.
        owners: owners of whom all models are left out.
    """

    models: frozenset[str]
    owners: frozenset[str]

    def holds(self, model_id: str) -> bool:
        """Returns whether the model is left out."""
        return model_id in self.models or any(part in self.owners for part in model_id.split("/")[:-1])


@record
class _WithholdEntry:
    model: _NotBlank | None = None
    owner: _NotBlank | None = None
    reason: str = ""
    date: Any = None


@record
class _File:
    correction: tuple[dict[str, Any], ...] = ()
    withhold: tuple[dict[str, Any], ...] = ()


def read_corrections(path: Path, taxonomy: Taxonomy) -> dict[str, tuple[Correction, ...]]:
    """Returns the corrections in ``path`` by model id.

    Raises:
        TaxonomyError: the file is missing, is not TOML or breaks a rule of the format.
    """
    corrections: dict[str, tuple[Correction, ...]] = {}
    file = read_record(_File, read_toml(path), path, TaxonomyError, _HINT)
    for number, table in enumerate(file.correction, 1):
        entry = f"{path}: correction {number}"
        correction = read_record(Correction, table, entry, TaxonomyError, _HINT)
        if correction.technique not in taxonomy.techniques:
            raise TaxonomyError(f"{entry}: unknown technique {correction.technique!r}", "see peft-census techniques.")
        others = corrections.get(correction.model_id, ())
        if any(other.technique == correction.technique for other in others):
            raise TaxonomyError(
                f"{entry}: {correction.model_id} and {correction.technique} have two corrections", "keep one of them."
            )
        corrections[correction.model_id] = (*others, correction)
    return corrections


def read_withheld(path: Path) -> Withheld:
    """Returns the ``[[withhold]]`` entries of ``path``.

    Raises:
        TaxonomyError: the file is not TOML, or an entry names neither a model nor an owner, or both.
    """
    file = read_record(_File, read_toml(path), path, TaxonomyError, _HINT)
    entries = []
    for number, table in enumerate(file.withhold, 1):
        where = f"{path}, withhold {number}"
        entry = read_record(_WithholdEntry, table, where, TaxonomyError, _HINT)
        if (entry.model is None) == (entry.owner is None):
            raise TaxonomyError(
                f"{where}: not one model or owner", "give model or owner; reason and date are optional."
            )
        entries.append(entry)
    return Withheld(
        frozenset(e.model.strip() for e in entries if e.model), frozenset(e.owner.strip() for e in entries if e.owner)
    )


@cache
def bundled_corrections() -> dict[str, tuple[Correction, ...]]:
    """Returns the corrections of this project."""
    return read_corrections(bundled("corrections.toml"), load_taxonomy())


@cache
def bundled_withheld() -> Withheld:
    """Returns the models and owners that this project leaves out of public and aggregate copies."""
    return read_withheld(bundled("corrections.toml"))


def apply_corrections(mentions: list[Mention], corrections: Sequence[Correction]) -> list[Mention]:
    """Returns the mentions of one card with its corrections applied.

    A correction that claims a citation which the tagger did not find adds a mention without a place.
    """
    for correction in corrections:
        technique, claim = correction.technique, correction.claim
        reason = f"{claim}: {correction.reason} ({correction.date.isoformat()})"
        is_cited = any(m.technique == technique and m.location != "name" for m in mentions)
        if claim != "not_cited" and not is_cited:
            added = Mention(technique, "named", None, None, None, technique, "correction")
            mentions = [*mentions, added]
        mentions = [
            _correct(m, claim, reason)
            if m.technique == technique and (m.location != "name" or claim == "not_cited")
            else m
            for m in mentions
        ]
    return mentions


def _correct(mention: Mention, claim: Claim, reason: str) -> Mention:
    match claim:
        case "not_cited":
            return replace(mention, correction=reason, location="name", applied=False)
        case "applied":
            return replace(mention, correction=reason, applied=True, polarity="affirmed")
        case "not_applied":
            return replace(mention, correction=reason, applied=False)
        case "negated":
            return replace(mention, correction=reason, applied=False, polarity="negated")
        case "cited":
            return replace(mention, correction=reason)


def corrections_sha256() -> str:
    """Returns the SHA-256 of the project's corrections."""
    return hashlib.sha256(bundled("corrections.toml").read_bytes()).hexdigest()
