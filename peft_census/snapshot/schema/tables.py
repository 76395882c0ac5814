"""The registry of all tables: every column of every table is described once.

From it come the Arrow schemas that readers and writers use, the checks before anything is written, and
``docs/data-dictionary.md``.
"""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from peft_census.errors import SnapshotError
from peft_census.snapshot.schema.cards import CARD_TABLES
from peft_census.snapshot.schema.column import Column, Public, Table
from peft_census.snapshot.schema.counts import COUNTED_TABLES
from peft_census.snapshot.schema.instruments import INSTRUMENT_TABLES

SCHEMA_VERSION = 4
"""Incremented when a column is added, renamed or removed, or changes its meaning."""

TABLES: dict[str, Table] = CARD_TABLES | COUNTED_TABLES | INSTRUMENT_TABLES


def columns_of(table: str, public: bool = False) -> tuple[Column, ...]:
    """Returns the columns of ``table`` (a key of ``TABLES``), or those that the public copy keeps."""
    return tuple(c for c in TABLES[table].columns if not public or c.public is not Public.DROPPED)


@cache
def arrow_schema(table: str, public: bool = False) -> pa.Schema:
    """Returns the Arrow schema of ``table`` (a key of ``TABLES``), or what the public copy keeps of it."""
    return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in columns_of(table, public)])


def check(table: str, data: pa.Table | pa.RecordBatch, public: bool = False) -> None:
    """Raises SnapshotError unless ``data`` fits ``table``: columns, types, nulls and allowed values."""
    columns = columns_of(table, public)
    if data.schema.names != [c.name for c in columns]:
        raise SnapshotError(f"table {table}: columns are {data.schema.names}", "see docs/data-dictionary.md.")
    for column in columns:
        values = data.column(column.name)
        if values.type != column.type:
            raise SnapshotError(f"table {table}, column {column.name}: type is {values.type}, not {column.type}")
        if not column.nullable and values.null_count:
            raise SnapshotError(f"table {table}, column {column.name}: {values.null_count} nulls")
        if column.allowed:
            unexpected = {v for v in values.unique().to_pylist() if v is not None} - set(column.allowed)
            if unexpected:
                raise SnapshotError(f"table {table}, column {column.name}: unexpected {sorted(unexpected)}")


def data_dictionary() -> str:
    """Returns ``docs/data-dictionary.md`` as Markdown."""
    lines = [
        "# Data dictionary",
        "",
        "Generated from `peft_census/snapshot/schema/` by `make docs`; do not edit.",
        f"Schema version {SCHEMA_VERSION}. Times are UTC; positions count characters (Unicode code points).",
    ]
    for name, table in TABLES.items():
        lines += [
            "",
            f"## {name}",
            "",
            table.meaning,
            "",
            "| column | type | unit | null | public copy | meaning |",
            "|---|---|---|---|---|---|",
        ]
        for c in table.columns:
            allowed = f" One of: {', '.join(f'`{a}`' for a in c.allowed)}." if c.allowed else ""
            null = "yes" if c.nullable else "no"
            lines.append(f"| `{c.name}` | {c.type} | {c.unit} | {null} | {c.public.value} | {c.meaning}{allowed} |")
    return "\n".join(lines) + "\n"
