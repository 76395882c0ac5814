"""The public copy of a snapshot: model ids, labels, offsets and counted tables, but no text that an author wrote.

In: a snapshot. Out: a snapshot next to it whose id ends in ``-public``. Every ``Column`` of the schema says whether the
copy keeps it, and ``public_values`` restricts its values. The copy leaves out the models that ``corrections.toml``
withholds and rows without a valid Hub id; its tables are counted again without them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count import OTHER, Evidence
from peft_census.errors import UsageError
from peft_census.pipeline.counting import count_tables, instruments_of
from peft_census.pipeline.coverage import CardCounts
from peft_census.pipeline.public_values import COMMIT, SHA256, is_hub_id, known_reason, known_source, restricted
from peft_census.pipeline.settings import settings
from peft_census.publish.folder import publish
from peft_census.snapshot.closed_lists import closed_lists
from peft_census.snapshot.instruments import Description, NotRead
from peft_census.snapshot.manifest import CardTotals, Manifest, SourceInfo
from peft_census.snapshot.schema import arrow_schema, columns_of
from peft_census.snapshot.snapshot import PUBLIC, REPORT, Snapshot, find_snapshot, new_snapshot
from peft_census.tag.corrections import bundled_withheld

_RESTRICTED = ("models", "mentions", "coverage")
_ORDER = {
    "models": [("model_id", "ascending")],
    "mentions": [(name, "ascending") for name in ("model_id", "start", "end", "technique")],
}
_LABEL = re.compile(
    r"[0-9]+ Parquet files|specimen \(made-up cards\)"
    r"|(huggingface\.co|localhost|127\.0\.0\.1): (adapters|all|ids-[0-9a-f]{12}) \([0-9,]+ models\)"
    r"|librarian-bots/model_cards_with_metadata@[0-9a-f]{1,40}"
)
_POPULATION = re.compile(r"adapters|all|ids-[0-9a-f]{12}")
_NUMBERS = ("rows", "listed", "duplicate_rows_dropped")


@dataclass(frozen=True)
class PublicRows:
    """The rows of a copy, with only the values that may be published.

    Args:
        models: in the columns of a public copy.
        mentions: the same.
        coverage: the same, counted from ``models``; readings of instruments as they were.
        cards: the manifest's part of that name.
    """

    models: pa.Table
    mentions: pa.Table
    coverage: pa.Table
    cards: CardTotals


@dataclass(frozen=True, kw_only=True)
class PublicView(Snapshot):
    """A snapshot as its page may show it: the same counts, and rows restricted as in the public copy.

    Withheld models are counted in it, as they are in the snapshot, and not named.
    """

    original: Snapshot

    def table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """Returns one of the tables, whole or only some columns."""
        if name not in _RESTRICTED:
            return self.original.table(name, columns)
        available = self.original.schema(name).names
        needed = [c for c in available if columns is None or c in columns or c in ("model_id", "technique")]
        table = self.original.table(name, needed)
        if "model_id" in needed:
            table = table.filter(publishable(table["model_id"]))
        result = restricted(name, table, self.manifest.taxonomy.techniques)
        return result if columns is None else result.select([c for c in columns if c in result.schema.names])


def public_view(snapshot: Snapshot) -> Snapshot:
    """Returns the view from which a page is made: a copy unchanged, any other snapshot restricted."""
    if snapshot.public:
        return snapshot
    manifest = snapshot.manifest
    allowed = replace(
        manifest, source=public_source(manifest.source), instruments=_instruments(manifest.instruments, False)
    )
    return PublicView(snapshot.path, allowed, original=snapshot)


def public_copy(snapshot: Snapshot, root: Path) -> Snapshot:
    """Returns the public copy of ``snapshot`` below ``root``, which is created if it does not exist.

    Raises:
        UsageError: ``snapshot`` is a copy already, or the copy in ``root`` was made with other withheld models.
        OutputError: ``root`` cannot be written.
    """

    if snapshot.public:
        raise UsageError(f"snapshot {snapshot.id} is a public copy already", "it can be published unchanged.")
    rows = public_rows(snapshot)
    manifest = public_manifest(snapshot.manifest, snapshot.id + PUBLIC, rows.cards)
    if found := find_copy(manifest, root):
        return found
    with new_snapshot(root, public=True) as writer:
        for name in _RESTRICTED:
            writer.put(name, getattr(rows, name))
        for name, table in count_tables(evidence_of_rows(rows, snapshot.manifest), instruments_of(snapshot)).items():
            writer.put(name, table.select([c.name for c in columns_of(name, public=True)]))
        publish(writer.preview(manifest), writer.path / REPORT, settings().copy_chart_names)
        return writer.write(manifest, root)


def find_copy(manifest: Manifest, root: Path) -> Snapshot | None:
    """Returns the copy with this id in ``root``; None if there is none.

    Raises:
        UsageError: it holds another number of models, because the withheld ones changed since it was made.
    """
    name = manifest.snapshot_id
    if not (root / name).is_dir():
        return None
    found = find_snapshot(name, root)
    if found.manifest.cards != manifest.cards:
        raise UsageError(
            f"{root / name} was made with other withheld models than corrections.toml names today",
            "remove that folder and run the same command again.",
        )
    return found


def evidence_of_rows(rows: PublicRows, manifest: Manifest) -> Evidence:
    """Returns what the counted tables of a copy are counted from."""
    return Evidence(rows.models, rows.mentions, manifest.taxonomy.techniques)


def public_rows(snapshot: Snapshot) -> PublicRows:
    """Returns the rows of a snapshot that may be published, of models that may be named."""
    if snapshot.public:
        tables = {name: snapshot.table(name) for name in _RESTRICTED}
        models, mentions = (_named(tables[name]) for name in ("models", "mentions"))
        instruments = tables["coverage"]
    else:
        techniques = snapshot.manifest.taxonomy.techniques
        models = _named(_kept_columns(snapshot, "models"))
        models = restricted("models", models, techniques, models["model_id"]).sort_by(_ORDER["models"])
        mentions = restricted("mentions", _named(_kept_columns(snapshot, "mentions")), techniques)
        mentions = mentions.sort_by(_ORDER["mentions"])
        instruments = restricted("coverage", snapshot.table("coverage"), techniques)
    kind = known_source(snapshot.manifest.source.kind)
    others = instruments.filter(pc.not_equal(instruments["source"], kind))
    counts = CardCounts()
    for batch in models.to_batches():
        counts.add(batch)
    cards = pa.Table.from_pylist(
        counts.rows(kind, public_source(snapshot.manifest.source).gaps), schema=arrow_schema("coverage", public=True)
    )
    return PublicRows(models, mentions, pa.concat_tables([cards, others]), counts.totals())


def public_manifest(manifest: Manifest, snapshot_id: str, cards: CardTotals) -> Manifest:
    """Returns the manifest of a copy: the fields that the census itself writes, and no free text of the source."""
    return Manifest(
        snapshot_id=snapshot_id,
        schema_version=manifest.schema_version,
        specimen=manifest.specimen,
        source=public_source(manifest.source),
        taxonomy=manifest.taxonomy,
        cards=cards,
        generators_sha256=manifest.generators_sha256,
        corrections_sha256=manifest.corrections_sha256,
        tagger_version=manifest.tagger_version,
        rules_version=manifest.rules_version,
        accuracy=manifest.accuracy,
        instruments=_instruments(manifest.instruments, True),
        tables={},
        public=True,
    )


def public_source(source: SourceInfo) -> SourceInfo:
    """Returns the description of the source without names of files, paths and other free text."""
    details = source.details
    kept: dict[str, Any] = {k: v for k in _NUMBERS if isinstance(v := details.get(k), int)}
    population = details.get("population")
    if isinstance(population, str) and _POPULATION.fullmatch(population):
        kept["population"] = population
    gaps: Counter[str] = Counter()
    for reason, n in source.gaps.items():
        gaps[known_reason(reason)] += n
    kind = known_source(source.kind)
    label = source.label
    if not _LABEL.fullmatch(label):
        label = "one Parquet file" if kind == "files" else f"source {kind}"
    return SourceInfo(
        kind=kind,
        label=label,
        content_sha256=source.content_sha256 if SHA256.fullmatch(source.content_sha256) else OTHER,
        revision=source.revision if COMMIT.fullmatch(str(source.revision)) else None,
        specimen=source.specimen,
        retrieved=source.retrieved,
        details=kept,
        gaps=gaps,
    )


def publishable(ids: pa.ChunkedArray) -> pa.Array:
    """Returns whether each model may be named: its id is a Hub id and it is not withheld."""

    withheld = bundled_withheld()
    encoded = ids.combine_chunks().dictionary_encode()
    named = [is_hub_id(i) and not withheld.holds(i) for i in encoded.dictionary.to_pylist()]
    return pa.array(named, pa.bool_()).take(encoded.indices)


def _named(table: pa.Table) -> pa.Table:
    return table.filter(publishable(table["model_id"]))


def _kept_columns(snapshot: Snapshot, name: str) -> pa.Table:
    return snapshot.table(name, [c.name for c in columns_of(name, public=True)])


def _instruments(descriptions: Mapping[str, Description], left_out: bool) -> dict[str, Description]:
    """Returns the descriptions of the instruments without server responses; in a copy, without their rows.

    Args:
        descriptions: those of a manifest.
        left_out: whether the copy lacks the rows.
    """
    kept: dict[str, Description] = {}
    for name, found in descriptions.items():
        if name not in closed_lists().sources:
            continue
        if found.state == "failed":
            kept[name] = NotRead("failed", "it could not be read")
        elif isinstance(found, NotRead) or not left_out:
            kept[name] = found
        else:
            kept[name] = NotRead("left_out", "a copy holds no rows of instruments")
    return kept
