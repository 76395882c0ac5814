"""Writes a counted table as CSV, Markdown, JSON, Parquet or Excel.

In: an Arrow table. Out: bytes. Times have no zone in Excel, which knows none; they are UTC.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from peft_census.errors import UsageError
from peft_census.publish.text.table import Table, no_formula
from peft_census.publish.text.terminal import table_cells
from peft_census.snapshot.records import to_json


def _csv(table: pa.Table) -> bytes:
    return Table.of(table.column_names, table.to_pylist()).csv().encode()


def _markdown(table: pa.Table) -> bytes:
    numeric = [i for i, f in enumerate(table.schema) if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)]
    return ("\n".join(Table(table.column_names, table_cells(table), numeric).markdown()) + "\n").encode()


def _json(table: pa.Table) -> bytes:
    return (json.dumps(to_json(table.to_pylist()), ensure_ascii=False, default=str) + "\n").encode()


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _excel(table: pa.Table) -> bytes:
    frame, buffer = table.to_pandas(), io.BytesIO()
    for name, column in frame.items():
        if getattr(column.dtype, "tz", None):
            frame[name] = column.dt.tz_convert("UTC").dt.tz_localize(None)
        elif column.dtype.kind not in "biufM":
            frame[name] = column.map(no_formula)
    try:
        frame.to_excel(buffer, index=False, engine="openpyxl")
    except ImportError as error:
        raise UsageError("Excel files need openpyxl", "run `pip install '.[excel]'` in the clone.") from error
    return buffer.getvalue()


FORMATS: dict[str, Callable[[pa.Table], bytes]] = {
    "csv": _csv,
    "md": _markdown,
    "json": _json,
    "parquet": _parquet,
    "xlsx": _excel,
}
"""Format to the function that writes a table in it."""

BINARY = ("parquet", "xlsx")
"""Formats that cannot be printed."""
