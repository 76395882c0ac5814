"""A Parquet file in row groups of one size, so that the sizes of the batches it came in leave no trace.

In: batches of one schema. Out: the file. No more than one row group waits in memory.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 65_536
"""Rows a group."""


class GroupedFile:
    """A Parquet file in the making.

    Args:
        path: where it is written.
        schema: of every batch.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def append(self, data: pa.RecordBatch | pa.Table) -> None:
        """Adds rows."""
        for batch in data.to_batches() if isinstance(data, pa.Table) else [data]:
            while self._rows + batch.num_rows >= ROW_GROUP:
                room = ROW_GROUP - self._rows
                self._keep(batch.slice(0, room))
                self._write()
                batch = batch.slice(room)
            self._keep(batch)

    def close(self) -> None:
        """Writes what waits and ends the file; one that got no rows has no row group."""
        self._write()
        self._writer.close()

    def abandon(self) -> None:
        """Ends the file without what waits."""
        self._writer.close()

    def __enter__(self) -> GroupedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close() if error is None else self.abandon()

    def _keep(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        self._rows += batch.num_rows

    def _write(self) -> None:
        if not self._rows:
            return
        group = pa.Table.from_batches(self._waiting, self._schema).combine_chunks()
        self._waiting, self._rows = [], 0
        self._writer.write_table(group, row_group_size=ROW_GROUP)
