"""The manifest of a snapshot: what it was made from, by which rules, and which files it holds.

In: ``manifest.json``, which may be damaged, of another release, or not from this project. Out: a ``Manifest``. A
manifest with names that could point outside the folder of the snapshot is rejected.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from peft_census.errors import SnapshotError
from peft_census.snapshot.instruments import Description
from peft_census.snapshot.records import read_record, record, to_json
from peft_census.snapshot.schema import SCHEMA_VERSION, TABLES

MANIFEST = "manifest.json"
_NO_DIGEST = "0" * 64
_ENTRY = '"manifest_sha256": "{}"'
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_HINT = "run the census again, or `peft-census verify`."
_NEWER = "it is from a newer release: upgrade peft-census."
_OLDER = "it is from an older release: run the census again, or use the release that wrote it."


class SchemaVersionError(SnapshotError):
    """A snapshot has the schema of another release; it is not damaged."""


@record
class Retrieval:
    """The first and the last day (UTC, by the server's clock) on which a source was read for this snapshot."""

    first: date
    last: date


@record
class SourceInfo:
    """Where the cards come from.

    Args:
        kind: ``files``, ``specimen``, ``hub-dump`` …
        label: file names or dataset id, for display; never a path of this computer.
        content_sha256: SHA-256 that changes only with the cards.
        revision: commit of the source, where it has one.
        specimen: whether the cards were written for this project, so that shares mean nothing.
        retrieved: when it was read; None for files, whose date of retrieval is not known.
        details: other facts, JSON-ready; their keys depend on ``kind``.
        gaps: how many models are missing from the listing, by reason.
    """

    kind: str
    label: str
    content_sha256: str
    revision: str | None = None
    specimen: bool = False
    retrieved: Retrieval | None = None
    details: dict[str, Any] = field(default_factory=dict)
    gaps: dict[str, int] = field(default_factory=dict)


@record
class TechniqueFacts:
    """What a snapshot records about one technique of the taxonomy.

    Args:
        name: display name.
        kind: ``peft_type``, ``variant``, ``outside_peft`` or ``not_peft``.
        family: family of techniques.
        variant_of: id of the technique that it is a variant of.
        peft_type: its ``peft_type`` in ``adapter_config.json``.
        selector: key and value that select it in that file, ``use_dora = true``; None if it is not a variant or leaves
            no trace there.
        year: year of publication.
        paper_month: month of the paper, ``2021-06``; None if not known.
        released: day of the first PEFT release with it, ``2023-01-19``; None if none or not known.
    """

    name: str
    kind: str
    family: str
    variant_of: str | None = None
    peft_type: str | None = None
    selector: str | None = None
    year: int | None = None
    paper_month: str | None = None
    released: str | None = None

    @property
    def in_configuration(self) -> bool:
        """Whether ``adapter_config.json`` shows it. QLoRA and LoRA+, for example, leave no trace there."""
        return self.kind == "peft_type" or self.selector is not None


Techniques = Mapping[str, TechniqueFacts]
"""Technique id to its facts."""


class _Variant(Protocol):
    @property
    def variant_of(self) -> str | None: ...


def root_of(technique: str, techniques: Mapping[str, _Variant]) -> str:
    """Returns the technique at the end of the chain of ``variant_of``; ``technique`` if it is not a variant.

    Raises:
        ValueError: the chain is a circle; the message is the circle.
    """
    chain = [technique]
    while (parent := techniques[chain[-1]].variant_of) is not None:
        if parent in chain:
            raise ValueError(" → ".join([*chain, parent]))
        chain.append(parent)
    return chain[-1]


def peft_types(techniques: Techniques) -> dict[str, str]:
    """Returns ``peft_type`` to technique id, for the types of PEFT."""
    return {f.peft_type: t for t, f in techniques.items() if f.kind == "peft_type" and f.peft_type}


@record
class TaxonomyInfo:
    """The taxonomy: SHA-256 of ``techniques.toml`` and the facts of each technique, by id."""

    sha256: str
    techniques: dict[str, TechniqueFacts]


@record
class CardTotals:
    """Models listed, cards with text, and the ISO dates of the oldest and newest card (None without any date)."""

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
    """How the tagger scored on one gold set; ``recall`` of cited is by technique, where it is in enough cards."""

    cards: int
    cited: PrecisionRecall
    applied: PrecisionRecall
    exactly_one: PrecisionRecall
    exact_set: float
    negated: PrecisionRecall | None = None
    recall: dict[str, float] = field(default_factory=dict)


@record
class Manifest:
    """Everything that a snapshot records about itself; ``SnapshotWriter`` fills in ``tables`` and ``report``.

    Args:
        report: SHA-256 of each file of the report, by its path in the snapshot.
        manifest_sha256: SHA-256 of the bytes of ``manifest.json`` with zeros in the place of this digest.
    """

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
    tables: dict[str, TableInfo]
    accuracy: dict[str, GoldScores] = field(default_factory=dict)
    instruments: dict[str, Description] = field(default_factory=dict)
    public: bool = False
    aggregate: bool = False
    report: dict[str, str] = field(default_factory=dict)
    manifest_sha256: str = _NO_DIGEST

    @property
    def day(self) -> str | None:
        """When the source was read last, else the day of the newest card, as an ISO date; None if neither is known."""
        return self.source.retrieved.last.isoformat() if self.source.retrieved else self.cards.last

    def to_json(self) -> str:
        """Returns the text of ``manifest.json``."""
        text = json.dumps(to_json(replace(self, manifest_sha256=_NO_DIGEST)), indent=1, sort_keys=True) + "\n"
        return text.replace(_ENTRY.format(_NO_DIGEST), _ENTRY.format(_digest(text)))


def read_manifest(file: Path) -> Manifest:
    """Returns the manifest in ``file``.

    Raises:
        SchemaVersionError: it has another schema version.
        SnapshotError: it cannot be read, or is not what this project writes.
    """
    try:
        text = file.read_bytes().decode("utf-8")
        data = json.loads(text)
        version = data["schema_version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SnapshotError(f"{file}: not a snapshot manifest ({error})", _HINT) from error
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        what = f"{file.parent}: written with schema {version!s:.20}, but this release reads schema {SCHEMA_VERSION}"
        raise SchemaVersionError(what, _NEWER if newer else _OLDER)
    if not _is_as_written(text, data.get("manifest_sha256")):
        raise SnapshotError(f"{file}: changed since it was written", _HINT)
    manifest = read_record(Manifest, data, file, SnapshotError, _HINT)
    if not _NAME.fullmatch(manifest.snapshot_id):
        raise SnapshotError(f"{file}: its snapshot_id is not a valid name", _HINT)
    for name in manifest.tables:
        if name not in TABLES:
            raise SnapshotError(f"{file}: unknown table {name[:50]!r}", _HINT)
    return manifest


def _is_as_written(text: str, digest: object) -> bool:
    """Returns whether ``digest`` is that of the manifest ``text``."""
    entry = _ENTRY.format(digest)
    return text.count(entry) == 1 and digest == _digest(text.replace(entry, _ENTRY.format(_NO_DIGEST)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
