"""Batches of cards: which are worth reading, the readings as an Arrow batch, and the mentions in them.

In: a record batch in the ``cards`` schema. Out: one row a card read (``READINGS``), and from those rows the
``mentions`` table. A row depends on its own card alone, so that rows may come from another process or from an
earlier run; a batch of n gives what n batches of one give. One bad card never stops a batch.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.snapshot.schema import arrow_schema
from peft_census.tag.corrections import bundled_corrections
from peft_census.tag.duplicates import near_duplicate_keys
from peft_census.tag.mentions import CardReading, read_card, scanner

MENTION = pa.struct([pa.field(f.name, f.type) for f in arrow_schema("mentions") if f.name != "model_id"])
_CONFIG = ("status", "base_model", "peft_version", "unknown_type")
READINGS = pa.schema(
    [
        ("unread_chars", pa.int32()),
        ("front_matter", pa.string()),
        ("generators", pa.list_(pa.string())),
        ("base_model", pa.string()),
        ("languages", pa.list_(pa.string())),
        ("near_duplicate", pa.string()),
        *((f"config_{name}", pa.string()) for name in _CONFIG),
        ("mentions", pa.list_(MENTION)),
    ]
)
"""Columns of a reading; as in ``models``, but that ``base_model`` is the front matter's first."""

INPUTS = ("model_id", "card", "adapter_config")
"""Columns of ``cards`` that decide what is read in a card."""


def tag(cards: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the mentions of ``cards``, in the order of cards and of places within each.

    Args:
        cards: a batch in the ``cards`` schema; only ``model_id``, ``card`` and, where there is one,
            ``adapter_config`` matter.
    """
    return tag_batch(cards)[0]


def tag_batch(cards: pa.RecordBatch) -> tuple[pa.RecordBatch, list[CardReading | None]]:
    """Returns the mentions, and for every card its reading, or None where nothing could be found."""
    wanted = to_read(cards)
    some = inputs(cards).filter(wanted)
    found = read_cards(some)
    waiting = iter(found)
    readings = [next(waiting) if hit else None for hit in wanted.to_pylist()]
    return mentions_of(some.column("model_id"), as_rows(found)), readings


def inputs(cards: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the columns ``INPUTS`` of ``cards``; one that is missing is null."""
    there = cards.schema.names
    columns = [cards.column(n) if n in there else pa.nulls(cards.num_rows, pa.string()) for n in INPUTS]
    return pa.RecordBatch.from_arrays(columns, names=list(INPUTS))


def to_read(cards: pa.RecordBatch) -> pa.Array:
    """Returns a boolean array: True for every card that may hold a mention, has a configuration or a correction."""
    return pc.or_(scanner().prefilter(cards.column("card")), always_read(cards))


def always_read(cards: pa.RecordBatch) -> pa.Array:
    """Returns a boolean array: True for every card that is read whatever its text: it has more than that."""
    if "adapter_config" in cards.schema.names:
        always = cards.column("adapter_config").is_valid()
    else:
        always = pa.array([False] * cards.num_rows, pa.bool_())
    if corrected := bundled_corrections():
        there = pc.and_(pc.is_in(cards.column("model_id"), pa.array(corrected)), cards.column("card").is_valid())
        always = pc.or_(always, there)
    return always


def read_cards(cards: pa.RecordBatch) -> list[CardReading]:
    """Returns the reading of every card of a batch with the columns ``INPUTS``."""
    ids, texts, configs = (cards.column(name).to_pylist() for name in INPUTS)
    readings = [read_card(*card) for card in zip(ids, texts, configs, strict=True)]
    told = [i for i, reading in enumerate(readings) if reading.mentions and texts[i] is not None]
    bodies = [readings[i].body for i in told]
    keys = near_duplicate_keys([ids[i] for i in told], [texts[i] for i in told], bodies) if told else []
    for i, key in zip(told, keys, strict=True):
        readings[i].near_duplicate = key
    return readings


def as_rows(readings: list[CardReading]) -> pa.RecordBatch:
    """Returns readings in the schema ``READINGS``."""
    columns: dict[str, list[Any]] = {
        "unread_chars": [r.unread_chars for r in readings],
        "front_matter": [r.front_matter for r in readings],
        "generators": [r.generators for r in readings],
        "base_model": [r.base_models[0] if r.base_models else None for r in readings],
        "languages": [r.languages for r in readings],
        "near_duplicate": [r.near_duplicate for r in readings],
        "mentions": [[vars(mention) for mention in r.mentions] for r in readings],
    }
    for name in _CONFIG:
        columns[f"config_{name}"] = [getattr(r.config, name) if r.config else None for r in readings]
    return pa.RecordBatch.from_arrays([pa.array(columns[f.name], f.type) for f in READINGS], schema=READINGS)


def mentions_of(model_ids: pa.Array, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the ``mentions`` table of some readings.

    Args:
        model_ids: the models that were read.
        rows: their readings, in the schema ``READINGS``.
    """
    places = rows.column("mentions")
    cells = dict(zip((f.name for f in MENTION), places.flatten().flatten(), strict=True))
    cells["model_id"] = model_ids.take(pc.list_parent_indices(places))
    schema = arrow_schema("mentions")
    return pa.RecordBatch.from_arrays([cells[f.name] for f in schema], schema=schema)
