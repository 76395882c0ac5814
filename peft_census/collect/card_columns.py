"""Converts the columns of ``librarian-bots/model_cards_with_metadata`` into the ``cards`` schema.

In: a batch as a dump stores it, with texts as strings, bytes or dictionaries. Out: the same rows as cards, with status
and reason. A card with invalid UTF-8 is repaired and marked; so is one with a number or time that does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.collect.adapter_files import count_adapter_files
from peft_census.collect.base import (
    INVALID_UTF8,
    SUSPECT,
    card_status,
    cards_batch,
    in_calendar,
    unreadable_fields,
)
from peft_census.errors import BadInputError
from peft_census.snapshot.schema import arrow_schema

_SAME = "card author last_modified downloads likes library_name tags pipeline_tag revision adapter_config".split()
COLUMNS = {
    "modelId": "model_id",
    "createdAt": "created_at",
    "siblings": "adapter_files",
    **{name: name for name in _SAME},
}
"""Column of the dump to column of ``cards``."""
_SIBLINGS = pa.list_(pa.string())
"""The names of a repository's files; the API's structs with a field ``rfilename`` are accepted too."""
_LONG = 200
"""A card of so many bytes is not a placeholder."""


def check_types(path: object, schema: pa.Schema, columns: Mapping[str, str] = COLUMNS) -> None:
    """Raises BadInputError if a column of the file has a type that ``to_cards`` cannot convert.

    Args:
        path: the file.
        schema: its columns.
        columns: column of the file to column of ``cards``; others are ignored.
    """
    for name, column in columns.items():
        if name not in schema.names:
            continue
        actual = schema.field(name).type
        target = _SIBLINGS if column == "adapter_files" else arrow_schema("cards").field(column).type
        if not (actual == target or pa.types.is_null(actual) or _converts(column, actual, target)):
            raise BadInputError(
                f"{path}: column {name!r} has type {actual}, not {target}", "cast the column and write the file again."
            )


def _converts(name: str, actual: pa.DataType, target: pa.DataType) -> bool:
    """Returns whether ``_plain`` can convert a column of type ``actual``."""
    types = pa.types
    if types.is_string(target):
        value = actual.value_type if types.is_dictionary(actual) else actual
        is_binary = types.is_binary(value) or types.is_large_binary(value)
        return _is_text(value) or types.is_string_view(value) or (name == "card" and is_binary)
    if types.is_integer(target):
        return bool(types.is_integer(actual))
    if types.is_timestamp(target):
        return bool(types.is_timestamp(actual) or types.is_date(actual))
    is_list = types.is_list(actual) or types.is_large_list(actual)
    if name == "adapter_files" and is_list and types.is_struct(actual.value_type):
        return any(f.name == "rfilename" and _is_text(f.type) for f in actual.value_type)
    return is_list and (_is_text(actual.value_type) or types.is_null(actual.value_type))


def _is_text(actual: pa.DataType) -> bool:
    return bool(pa.types.is_string(actual) or pa.types.is_large_string(actual))


def to_cards(batch: pa.RecordBatch, columns: Mapping[str, str] = COLUMNS) -> pa.RecordBatch:
    """Returns ``batch`` in the ``cards`` schema, with status and reason; both are null without the column of texts."""
    rows: dict[str, pa.Array | list[object]] = {}
    broken: list[int] = []
    unreadable: dict[int, list[str]] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        target = columns[name]
        if target == "adapter_files":
            rows[target] = _count_adapter_files(column)
            continue
        wanted = arrow_schema("cards").field(target).type
        rows[target], repaired = _plain(column, wanted)
        if target == "card":
            broken = repaired
        elif not pa.types.is_string(wanted):
            for row in repaired:
                unreadable.setdefault(row, []).append(name)
    if "card" not in rows:
        return cards_batch(rows, batch.num_rows)
    rows["status"], rows["reason"] = _statuses(rows["card"], broken, unreadable)
    cards = cards_batch(rows, batch.num_rows)
    without_text = pc.not_equal(cards.column("status"), "text")
    return cards.set_column(
        cards.schema.get_field_index("card"),
        cards.schema.field("card"),
        pc.if_else(without_text, pa.scalar(None, pa.string()), cards.column("card")),
    )


@dataclass(frozen=True)
class Layout:
    """How a Parquet file holds cards.

    Args:
        columns: column of the file to column of ``cards``; those of ``model_id`` and ``card`` are required.
        to_cards: converts a batch of these columns and ``more`` into the ``cards`` schema.
        more: other columns that ``to_cards`` reads if they are there.
    """

    columns: Mapping[str, str]
    to_cards: Callable[[pa.RecordBatch], pa.RecordBatch]
    more: tuple[str, ...] = ()

    def of(self, *targets: str) -> list[str]:
        """Returns the columns of the file that become ``targets``."""
        return [name for target in targets for name, column in self.columns.items() if column == target]

    def present(self, schema: pa.Schema) -> list[str]:
        """Returns the columns of a file that are read."""
        return [name for name in (*self.columns, *self.more) if name in schema.names]


DUMP = Layout(COLUMNS, to_cards)
"""The layout of ``librarian-bots/model_cards_with_metadata``."""


def _count_adapter_files(siblings: pa.Array) -> list[object]:
    """Returns the number of adapter files of each row; null where the files are not listed."""
    lists: list[list[Any] | None] = siblings.to_pylist()
    names = ([s["rfilename"] if isinstance(s, dict) else s for s in row or () if s] for row in lists)
    return [count_adapter_files(filter(None, files)) if files else None for files in names]


def _plain(column: pa.Array, target: pa.DataType) -> tuple[pa.Array, list[int]]:
    """Returns the column in the type ``target``, and the rows whose text was repaired or whose number does not fit."""
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if pa.types.is_null(column.type):
        return column.cast(target), []
    if pa.types.is_string(target):
        return (column, []) if column.type == target and _is_valid(column) else _plain_text(column)
    if pa.types.is_list(target):
        values, _ = _plain(column.flatten(), pa.string())
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        offsets = [0, *lengths.cumsum().tolist()]
        mask = column.is_null()
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, mask=mask).cast(target), []
    if pa.types.is_timestamp(target):
        return _with_lost(column, in_calendar(_micros(column).cast(target)))
    fitting = column
    if pa.types.is_uint64(column.type):
        fitting = pc.if_else(pc.less_equal(column, pa.scalar(_INT64, pa.uint64())), column, None)
    return _with_lost(column, fitting.cast(target))


def _with_lost(before: pa.Array, after: pa.Array) -> tuple[pa.Array, list[int]]:
    """Returns ``after``, and the rows that are null in it only."""
    if before.null_count == after.null_count:
        return after, []
    return after, pc.indices_nonzero(pc.and_(before.is_valid(), after.is_null())).to_pylist()


_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_INT64 = 2**63 - 1


def _micros(column: pa.Array) -> pa.Array:
    """Returns dates or times as microseconds since 1970: finer ones are cut off, those that do not fit are null."""
    if pa.types.is_date32(column.type):
        column = column.cast(pa.timestamp("s"))
    unit = column.type.unit if pa.types.is_timestamp(column.type) else "ms"  # date64
    ticks = column.cast(pa.int64())
    if unit == "ns":
        return pc.divide(ticks, 1_000)
    factor = 1_000_000 // _PER_SECOND[unit]
    fits = pc.less_equal(pc.abs(pc.max_element_wise(ticks, -_INT64)), _INT64 // factor)
    return pc.multiply(pc.if_else(fits, ticks, None), factor)


def _plain_text(column: pa.Array) -> tuple[pa.Array, list[int]]:
    """Returns a column of text or bytes as valid text, and the rows in which bytes were replaced."""
    raw = column.cast(pa.large_binary())
    text = raw.cast(pa.large_string(), safe=False)
    if _is_valid(text):
        return text.cast(pa.string()), []
    values, repaired = [], []
    for i, value in enumerate(raw.to_pylist()):
        try:
            values.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            values.append(value.decode(errors="replace"))
            repaired.append(i)
    return pa.array(values, pa.string()), repaired


def _is_valid(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _statuses(
    cards: pa.Array | list[object], broken: list[int], unreadable: dict[int, list[str]]
) -> tuple[list[object], list[object]]:
    n = len(cards)
    status: list[object] = ["text"] * n
    reason: list[object] = [None] * n
    short = pc.less(pc.fill_null(pc.binary_length(cards), 0), _LONG)
    blank = pc.fill_null(pc.utf8_is_space(cards), True)
    suspect = pc.fill_null(
        pc.match_substring_regex(pc.utf8_slice_codeunits(cards, 0, 100), SUSPECT, ignore_case=True), False
    )
    for i in pc.indices_nonzero(pc.or_(pc.or_(short, blank), suspect)).to_pylist():
        status[i], reason[i] = card_status(cards[i].as_py())
    for i in broken:
        reason[i] = INVALID_UTF8 if status[i] == "text" else reason[i]
    for i, names in unreadable.items():
        if status[i] == "text":
            lost = unreadable_fields(names)
            reason[i] = lost if reason[i] is None else f"{reason[i]}; {lost}"
    return status, reason
