"""The bundled specimen: cards written for this project, with the labels a reader would give them.

In: ``data/specimen/cards.jsonl``. Out: the same cards as any other source would hand over.
Its shares mean nothing; everything made from it says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from peft_census.collect.base import SourceInfo, card_status, cards_batch
from peft_census.errors import BadInputError
from peft_census.settings import bundled
from peft_census.snapshot.schema import arrow_schema


class Specimen:
    """A Source over the bundled specimen."""

    def __init__(self, batch_rows: int = 1024) -> None:
        self.batch_rows = batch_rows
        self.path: Path = bundled("specimen") / "cards.jsonl"
        self.rows: list[dict[str, object]] = []

    def prepare(self) -> SourceInfo:
        """Reads the specimen."""
        data = self.path.read_bytes()
        try:
            self.rows = [json.loads(line) for line in data.decode().splitlines() if line]
        except ValueError as error:
            raise BadInputError(f"{self.path}: not valid JSON lines ({error})", "restore the file.") from error
        return SourceInfo(
            kind="specimen",
            label="specimen (made-up cards)",
            content_sha256=hashlib.sha256(data).hexdigest(),
            specimen=True,
        )

    def total(self) -> int:
        """Returns the number of cards."""
        return len(self.rows)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields the cards in file order."""
        for start in range(0, len(self.rows), self.batch_rows):
            rows = self.rows[start : start + self.batch_rows]
            columns: dict[str, list[object]] = {f.name: [] for f in arrow_schema("cards")}
            for row in rows:
                text = row.get("text")
                status, reason = card_status(text if isinstance(text, str) else None)
                values = {**row, "card": text if status == "text" else None, "status": status, "reason": reason}
                for name, column in columns.items():
                    value = values.get(name)
                    if name in ("created_at", "last_modified") and value is not None:
                        value = datetime.fromisoformat(str(value))
                    column.append(value)
            yield cards_batch(
                {n: pa.array(v, arrow_schema("cards").field(n).type) for n, v in columns.items()}, len(rows)
            )
