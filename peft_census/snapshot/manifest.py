"""The manifest of a snapshot: what it was made from, by which rules, and which files it holds.

In: ``manifest.json``, which may be damaged, written by another release, or by somebody else. Out: a ``Manifest``.
A manifest whose names could lead outside the snapshot's folder is rejected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from peft_census.errors import SnapshotError
from peft_census.snapshot.records import read_record, record, to_json
from peft_census.snapshot.schema import SCHEMA_VERSION, TABLES

MANIFEST = "manifest.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_HINT = "run the census again, or `peft-census verify`."
_NEWER = "a newer release wrote it: upgrade peft-census."
_OLDER = "an older release wrote it: run the census again, or use the release that wrote it."


@record
class SourceInfo:
    """Where the cards come from.

    Args:
        kind: ``files``, ``specimen``, ``hub-dump`` …
        label: for people: file names, dataset id; never a path of this machine.
        content_sha256: changes if and only if the cards change.
        revision: commit of the source, where it has one.
        specimen: True for cards written for this project, whose shares mean nothing.
        details: other facts worth keeping, JSON-ready.
    """

    kind: str
    label: str
    content_sha256: str
    revision: str | None = None
    specimen: bool = False
    details: dict[str, Any] = field(default_factory=dict)


@record
class TechniqueFacts:
    """What a snapshot keeps of one technique of the taxonomy.

    Args:
        name: display name.
        kind: ``peft_type``, ``variant``, ``outside_peft`` or ``not_peft``.
        family: family of techniques.
        variant_of: id of the technique that it is a variant of.
        peft_type: its ``peft_type`` in ``adapter_config.json``.
        year: year of publication.
        paper_month: month of the paper, ``2021-06``; None if not known.
        released: day of the first PEFT release with it, ``2023-01-19``; None if none or not known.
    """

    name: str
    kind: str
    family: str
    variant_of: str | None = None
    peft_type: str | None = None
    year: int | None = None
    paper_month: str | None = None
    released: str | None = None


Techniques = Mapping[str, TechniqueFacts]
"""Technique id to its facts."""


@record
class TaxonomyInfo:
    """The taxonomy: SHA-256 of ``techniques.toml`` and the facts of each technique, by id."""

    sha256: str
    techniques: dict[str, TechniqueFacts]


@record
class CardTotals:
    """Models listed, cards with text, and the ISO dates of the oldest and newest card (None if no card has a date)."""

    rows: int
    with_text: int
    first: str | None = None
    last: str | None = None


@record
class TableInfo:
    """Size and hash of one Parquet file."""

    rows: int
    bytes: int
    sha256: str


@record
class PrecisionRecall:
    """Precision, recall and, where recorded, F1 of the tagger on labelled cards."""

    precision: float
    recall: float
    f1: float | None = None


@record
class GoldScores:
    """How the tagger scored on one gold set."""

    cards: int
    cited: PrecisionRecall
    applied: PrecisionRecall
    exactly_one: PrecisionRecall
    exact_set: float


@record
class Manifest:
    """Everything a snapshot records about itself; ``tables`` is filled in when the tables are written."""

    snapshot_id: str
    schema_version: int
    specimen: bool
    source: SourceInfo
    taxonomy: TaxonomyInfo
    cards: CardTotals
    generators_sha256: str
    corrections_sha256: str
    tagger_version: str
    rules_version: str
    accuracy: dict[str, GoldScores] = field(default_factory=dict)
    instruments: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, TableInfo] = field(default_factory=dict)
    public: bool = False
    aggregate: bool = False

    def to_json(self) -> str:
        """Returns the text of ``manifest.json``."""
        return json.dumps(to_json(self), indent=1, sort_keys=True) + "\n"


def read_manifest(file: Path) -> Manifest:
    """Returns the manifest in ``file``.

    Raises:
        SnapshotError: it cannot be read, has another schema version, or is not what this project writes.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        version = data["schema_version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SnapshotError(f"{file}: not a snapshot manifest ({error})", _HINT) from error
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        what = f"{file.parent}: written with schema {version!s:.20}, this is schema {SCHEMA_VERSION}"
        raise SnapshotError(what, _NEWER if newer else _OLDER)
    manifest = read_record(Manifest, data, file, SnapshotError, _HINT)
    if not _NAME.fullmatch(manifest.snapshot_id):
        raise SnapshotError(f"{file}: its snapshot_id is not a valid name", _HINT)
    for name in manifest.tables:
        if name not in TABLES:
            raise SnapshotError(f"{file}: unknown table {name[:50]!r}", _HINT)
    return manifest
