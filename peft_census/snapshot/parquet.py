"""A Parquet file in row groups of one size, whatever the sizes of the batches it is written from.

In: batches of one schema. Out: the file; the same rows give the same bytes. At most one row group is held in memory.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 65_536
"""Rows in a group."""


class GroupedFile:
    """A Parquet file that is being written.

    Args:
        path: where to write it.
        schema: of every batch.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._schema = schema
        self._pending: list[pa.RecordBatch] = []
        self._rows = 0

    def append(self, data: pa.RecordBatch | pa.Table) -> None:
        """Adds rows."""
        for batch in data.to_batches() if isinstance(data, pa.Table) else [data]:
            while self._rows + batch.num_rows >= ROW_GROUP:
                missing = ROW_GROUP - self._rows
                self._add(batch.slice(0, missing))
                self._write_group()
                batch = batch.slice(missing)
            self._add(batch)

    def close(self) -> None:
        """Writes the last rows and closes the file; a file without rows has no row group."""
        self._write_group()
        self._writer.close()

    def abandon(self) -> None:
        """Closes the file without the last rows."""
        self._writer.close()

    def __enter__(self) -> GroupedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close() if error is None else self.abandon()

    def _add(self, batch: pa.RecordBatch) -> None:
        self._pending.append(batch)
        self._rows += batch.num_rows

    def _write_group(self) -> None:
        if not self._rows:
            return
        group = pa.Table.from_batches(self._pending, self._schema).combine_chunks()
        self._pending, self._rows = [], 0
        self._writer.write_table(group, row_group_size=ROW_GROUP)
