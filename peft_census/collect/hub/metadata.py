"""SOURCE=hub-metadata[@REVISION or @FILE]: facts of every model of the Hub, without the prose of a card.

In: a Parquet file of models like that of ``cfahlgren1/hub-stats``, from the Hub or from a file, such as a week of
``hfmlsoc/hub_weekly_snapshots``. Out: its models as cards whose text is the front matter, written again from the JSON
in ``cardData``; the body of the card is not known. Other columns than those of ``METADATA`` are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from peft_census.collect.base import Source, SourceInfo
from peft_census.collect.card_columns import Layout, to_cards
from peft_census.collect.http.hub import HubClient
from peft_census.collect.hub.dump import Dump, HubDump, open_dump
from peft_census.collect.hub.options import HubOptions
from peft_census.collect.parquet import Files
from peft_census.collect.registry import SourceRequest
from peft_census.errors import UsageError

DATASET = "cfahlgren1/hub-stats"
KIND = "hub-metadata"
MARK = " (front matter only)"
"""Ends the label of the source, which stands under every chart."""
PATTERN = r"(data/)?models(-[0-9]{5}-of-[0-9]{5})?\.parquet"

_COLUMNS = {
    "id": "model_id",
    "cardData": "card",
    "author": "author",
    "sha": "revision",
    "createdAt": "created_at",
    "lastModified": "last_modified",
    "downloads": "downloads",
    "likes": "likes",
    "library_name": "library_name",
    "pipeline_tag": "pipeline_tag",
    "tags": "tags",
    "siblings": "adapter_files",
}
_BASE = "base_model:"


class MetadataFile(Files):
    """A Source over a local file in the layout ``METADATA``, or a folder or glob of them."""

    def prepare(self) -> SourceInfo:
        """Checks and hashes the files; see ``Files``."""
        info = super().prepare()
        return replace(info, kind=KIND, label=f"{info.label}{MARK}")


class MetadataDataset(HubDump):
    """A Source over the dataset on the Hub."""

    def take(self, client: HubClient, dump: Dump) -> SourceInfo:
        """Downloads what is missing, and checks it; see ``HubDump``."""
        info = super().take(client, dump)
        return replace(info, label=f"{info.label}{MARK}")


def open_source(request: SourceRequest) -> Source:
    """Returns the source ``hub-metadata``: over the file that follows ``@``, else over the dataset on the Hub.

    Raises:
        UsageError: the revision cannot be one, or an option needs the API.
    """
    place = request.revision
    if place is None or not (place.endswith(".parquet") or Path(place).exists()):
        return open_dump(
            request, partial(MetadataDataset, dataset=DATASET, kind=KIND, pattern=PATTERN, layout=METADATA)
        )
    if request.hub != HubOptions():
        raise UsageError("a file has no options of the Hub", "leave out --ids, --population and the others.")
    return MetadataFile(place, request.batch_rows, request.keep_first, METADATA)


def metadata_cards(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns models as cards; ``status`` is null without the column ``cardData``.

    A model whose files include README.md but that has no ``cardData`` has a card with an empty front matter.
    """
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    bases = columns.pop("baseModels", None)
    if bases is not None:
        tags = columns["tags"].to_pylist() if "tags" in columns else [None] * batch.num_rows
        pairs = zip(tags, bases.to_pylist(), strict=True)
        columns["tags"] = pa.array([_with_bases(of_model, base) for of_model, base in pairs], pa.list_(pa.string()))
    if "cardData" in columns:
        texts = columns["cardData"].cast(pa.string()).to_pylist()
        files = columns["siblings"].to_pylist() if "siblings" in columns else [None] * batch.num_rows
        written = [_front_matter(text, _has_readme(names)) for text, names in zip(texts, files, strict=True)]
        columns["cardData"] = pa.array(written, pa.string())
    return to_cards(pa.RecordBatch.from_pydict(columns), _COLUMNS)


METADATA = Layout(_COLUMNS, metadata_cards, ("baseModels",))
"""The columns that are read; ``id`` and ``cardData`` are required."""


def _front_matter(text: str | None, has_readme: bool) -> str | None:
    """Returns a front matter with the data of the JSON ``text``; JSON that is not an object is left as it is."""
    if text is None or text.strip() in ("", "null"):
        return "---\n---\n" if has_readme else None
    return f"---\n{_yaml(text).strip()}\n---\n"


def _yaml(text: str) -> str:
    """Returns a JSON object as YAML; any other text unchanged, which the tagger marks as invalid."""
    try:
        data = json.loads(text)
        if isinstance(data, dict) and data:
            return yaml.dump(data, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)
    except (ValueError, RecursionError):
        return text
    return "" if data == {} else text


def _has_readme(siblings: Iterable[Any] | None) -> bool:
    return any((s.get("rfilename") if isinstance(s, dict) else s) == "README.md" for s in siblings or ())


def _with_bases(tags: list[str | None] | None, bases: Any) -> list[str]:
    """Returns the tags, and the base models as the tags in which the Hub names them, if none does."""
    kept = [tag for tag in tags or () if tag is not None]
    if any(tag.startswith(_BASE) for tag in kept):
        return kept
    relation, names = _bases(bases)
    return [*kept, *(f"{_BASE}{relation}:{name}" if relation else f"{_BASE}{name}" for name in names)]


def _bases(bases: Any) -> tuple[str | None, Iterator[str]]:
    """Returns relation and ids of a value of ``baseModels``: an object, or its JSON."""
    if isinstance(bases, str):
        try:
            bases = json.loads(bases)
        except (ValueError, RecursionError):
            bases = None
    found = bases if isinstance(bases, dict) else {}
    relation, models = found.get("relation"), found.get("models")
    names = (m.get("id") if isinstance(m, dict) else m for m in (models if isinstance(models, list) else []))
    return (relation if isinstance(relation, str) else None), (name for name in names if isinstance(name, str))
