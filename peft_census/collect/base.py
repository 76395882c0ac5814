"""The protocol of a card source, and the functions that all sources share.

``prepare`` fetches and checks; ``batches`` only reads local data, in an order that depends on the content alone. So the
same content gives the same snapshot, however it was collected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.snapshot.manifest import SourceInfo
from peft_census.snapshot.schema import arrow_schema

__all__ = ["PLACEHOLDERS", "SUSPECT", "Source", "SourceInfo", "card_status", "cards_batch"]

PLACEHOLDERS = frozenset(
    line.strip()
    for line in """
    entry not found
    repository not found
    not found
    404: not found
    404 not found
    invalid username or password
    unauthorized
    401 unauthorized
    forbidden
    403 forbidden
    access denied
    rate limit exceeded
    too many requests
    429 too many requests
    internal server error
    500 internal server error
    bad gateway
    502 bad gateway
    service unavailable
    503 service unavailable
    gateway timeout
    504 gateway timeout
    504 gateway time-out
    n/a
    nan
    none
    null
    undefined
    """.splitlines()
    if line.strip()
)
"""Complete card texts, in lower case and without a full stop, that dumps have in the place of a missing card."""

SUSPECT = r"^\s*(\{|<!doctype|<html|version https://git-lfs|access to )"
"""Begin of a longer text that may not be a card; in lower case."""
_LFS_POINTER = "version https://git-lfs.github.com/spec/"
_RESTRICTED = re.compile(
    r"access to (model|dataset|this repo\w*) .{0,300}\b(is restricted|is gated|ask for access)", re.I | re.S
)
_ERROR_PAGE = re.compile(
    r"\s*<(!doctype html|html)\b.{0,3000}?<title[^>]*>[^<]{0,100}?"
    r"\b(40[134]|429|50[0234]|52[0-9]|not found|forbidden|access denied|just a moment|error)\b",
    re.IGNORECASE | re.DOTALL,
)
_MOST_KEYS = 5
_LONGEST_ERROR = 1000
"""Characters of an error message; a longer text that begins like one is a card."""

INVALID_UTF8 = "invalid UTF-8: unreadable bytes replaced"
"""The reason that a repaired text is given."""


def unreadable_fields(names: list[str]) -> str:
    """Returns the reason that a card is given whose listing has fields that cannot be stored."""
    return f"unreadable in the listing: {', '.join(names)}"


Unchanged = Callable[[pa.RecordBatch], pa.Array]
"""Returns a boolean array for a batch with the columns ``model_id``, ``last_modified`` and ``revision``."""


class Source(Protocol):
    """A source of cards.

    ``prepare`` may take long and may fail; after it, ``total`` and ``batches`` are local and can be repeated.
    """

    def prepare(self) -> SourceInfo:
        """Fetches and checks what ``batches`` needs."""

    def total(self) -> int:
        """Returns how many rows ``batches`` will yield."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields record batches in the schema of the ``cards`` table, no model twice."""


@runtime_checkable
class SkippingSource(Source, Protocol):
    """A source that can leave out the cards that are unchanged since the last run, which saves their decoding."""

    def batches(self, unchanged: Unchanged | None = None) -> Iterator[pa.RecordBatch]:
        """Yields record batches in the schema of the ``cards`` table, no model twice.

        Args:
            unchanged: cards for which it returns True may be left out; their ``card`` and ``status`` are null then.
        """

    def sample(self) -> Iterator[pa.RecordBatch]:
        """Yields a random sample of the cards, about one in a hundred."""


def card_status(card: str | None) -> tuple[str, str | None]:
    """Returns ``(status, reason)`` for a card as a dump stores it."""
    if card is None:
        return "no_card", "null"
    text = card.strip("\ufeff \t\r\n\f\v\u00a0")
    if not text or text.isspace():
        return "no_card", "empty"
    if len(text) < 40 and text.lower().rstrip(".") in PLACEHOLDERS:
        return "no_card", f"placeholder: {text}"
    if _ERROR_PAGE.match(text):
        return "no_card", "an error page"
    if len(text) > _LONGEST_ERROR:
        return "text", None
    if text.startswith(_LFS_POINTER):
        return "no_card", "a pointer of Git LFS"
    message = _error_message(text)
    if _RESTRICTED.match(text if message is None else message):
        return "gated", "access must be asked for"
    return ("text", None) if message is None else ("no_card", "an error message")


def _error_message(text: str) -> str | None:
    """Returns the message of a JSON object that a server sends as an error; None for every other text."""
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    message = value.get("error") if isinstance(value, dict) and len(value) <= _MOST_KEYS else None
    return message if isinstance(message, str) else None


_YEAR_1, _YEAR_9999 = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Microseconds since 1970 of the first and the last moment that Python's dates can represent."""


def cards_batch(rows: dict[str, pa.Array | list[object]], n: int) -> pa.RecordBatch:
    """Returns a batch in the ``cards`` schema. Columns that ``rows`` lacks and times outside the calendar are null.

    Args:
        rows: column name to ``n`` values.
        n: number of rows.
    """
    schema = arrow_schema("cards")
    arrays = []
    for f in schema:
        values = rows.get(f.name)
        if values is None:
            arrays.append(pa.nulls(n, f.type))
        elif isinstance(values, pa.Array):
            arrays.append(values if values.type == f.type else values.cast(f.type))
        else:
            arrays.append(pa.array(values, f.type))
    arrays = [in_calendar(a) if pa.types.is_timestamp(a.type) else a for a in arrays]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def in_calendar(times: pa.Array) -> pa.Array:
    """Returns ``times`` with null for times before the year 1 or after 9999."""
    micros = times.cast(pa.int64())
    valid = pc.and_(pc.greater_equal(micros, _YEAR_1), pc.less_equal(micros, _YEAR_9999))
    return pc.if_else(valid, times, pa.scalar(None, times.type))
