"""Tags batches of cards: an Arrow batch of cards in, an Arrow batch of mentions out.

``tag`` does all of it. Its steps are functions of their own, so that another process or a cache can supply the rows
of ``read_cards``. Each of these rows depends only on its own card, and a card that cannot be parsed raises nothing.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.snapshot.schema import arrow_schema
from peft_census.tag.candidates import bundled_scanner
from peft_census.tag.corrections import bundled_corrections
from peft_census.tag.mentions import read_card
from peft_census.tag.near_duplicates import CitingCard, fingerprints
from peft_census.tag.tagged_card import TaggedCard

_MENTIONS = arrow_schema("mentions")
_CONFIG_FIELDS = ("status", "base_model", "peft_version", "unknown_type", "rank", "alpha", "target_modules")
_MODELS = arrow_schema("models")

_COMPILING = Lock()
"""The first thread that needs the patterns compiles them for all."""

INPUTS = ("model_id", "card", "adapter_config")
"""Columns of ``cards`` on which the tagger depends."""

TAGGED_CARDS = pa.schema(
    [
        ("unread_chars", pa.int32()),
        ("front_matter", pa.string()),
        ("generators", pa.list_(pa.string())),
        ("base_model", pa.string()),
        ("languages", pa.list_(pa.string())),
        ("near_duplicate", pa.string()),
        ("signature", pa.string()),
        *(_MODELS.field(f"config_{name}") for name in _CONFIG_FIELDS),
        ("mentions", pa.list_(pa.struct(list(_MENTIONS)))),
    ]
)
"""A tagged card: columns of ``models``, the rows of ``mentions``, and the ``signature`` of its text.

``base_model`` is that of the front matter, and ``near_duplicate`` the key of the card alone."""


def tag(cards: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the rows of ``mentions`` in the order of the cards, and in the order of the text within each card.

    Args:
        cards: a batch in the schema ``cards``. Only ``model_id``, ``card`` and the optional ``adapter_config`` matter.
    """
    return mentions_of(read_cards(inputs(cards).filter(may_have_mentions(cards))))


def inputs(cards: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the columns ``INPUTS`` of ``cards``; a missing one is null."""
    names = cards.schema.names
    columns = [cards.column(n) if n in names else pa.nulls(cards.num_rows, pa.string()) for n in INPUTS]
    return pa.RecordBatch.from_arrays(columns, names=list(INPUTS))


def may_have_mentions(cards: pa.RecordBatch) -> pa.Array:
    """Returns a boolean array: True for a card with a candidate, an ``adapter_config.json`` or a correction."""
    texts = cards.column("card")
    if texts.null_count == len(texts):
        selected = texts.is_valid()  # the patterns need not be compiled
    else:
        with _COMPILING:
            scanner = bundled_scanner()
        selected = scanner.prefilter(texts)
    if "adapter_config" in cards.schema.names:
        selected = pc.or_(selected, cards.column("adapter_config").is_valid())
    if corrections := bundled_corrections():
        is_corrected = pc.is_in(cards.column("model_id"), pa.array(corrections))
        selected = pc.or_(selected, pc.and_(is_corrected, cards.column("card").is_valid()))
    return selected


def read_cards(cards: pa.RecordBatch) -> pa.RecordBatch:
    """Returns one row in the schema ``TAGGED_CARDS`` for every card.

    Args:
        cards: a batch with the columns ``INPUTS``.
    """
    ids, texts, configs = (cards.column(name).to_pylist() for name in INPUTS)
    tagged = [read_card(*card) for card in zip(ids, texts, configs, strict=True)]
    citing = [i for i, card in enumerate(tagged) if card.mentions and texts[i] is not None]
    found = fingerprints([CitingCard(ids[i], texts[i], tagged[i]) for i in citing])
    for i, fingerprint in zip(citing, found, strict=True):
        tagged[i] = replace(tagged[i], fingerprint=fingerprint)
    rows = [_row(model_id, card) for model_id, card in zip(ids, tagged, strict=True)]
    return pa.RecordBatch.from_pylist(rows, schema=TAGGED_CARDS)


def _row(model_id: str, card: TaggedCard) -> dict[str, object]:
    """Returns a tagged card as a row of ``TAGGED_CARDS``."""
    return {
        "unread_chars": card.unread_chars,
        "front_matter": card.front_matter,
        "generators": card.generators,
        "base_model": card.base_models[0] if card.base_models else None,
        "languages": card.languages,
        "near_duplicate": card.fingerprint.key if card.fingerprint else None,
        "signature": card.fingerprint.signature if card.fingerprint else None,
        **{f"config_{name}": getattr(card.config, name, None) for name in _CONFIG_FIELDS},
        "mentions": [{"model_id": model_id, **vars(mention)} for mention in card.mentions],
    }


def mentions_of(tagged: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the rows of ``mentions`` of a batch in the schema ``TAGGED_CARDS``."""
    return pa.RecordBatch.from_struct_array(tagged.column("mentions").flatten())
