"""The bundled specimen: cards written for this project.

In: ``data/specimen/cards.jsonl``. Out: those cards in the ``cards`` schema. Its shares mean nothing; everything that is
made from it is marked as such.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from peft_census.collect.base import Source, SourceInfo, card_status, cards_batch
from peft_census.collect.registry import SourceRequest
from peft_census.errors import BadInputError
from peft_census.snapshot.files import bundled
from peft_census.snapshot.schema import arrow_schema


def open_source(request: SourceRequest) -> Source:
    """Returns the specimen."""
    return Specimen(request.batch_rows)


class Specimen:
    """A Source over the bundled specimen."""

    def __init__(self, batch_rows: int = 1024) -> None:
        self.batch_rows = batch_rows
        self.path: Path = bundled("specimen") / "cards.jsonl"
        self._cards: list[dict[str, Any]] = []

    def prepare(self) -> SourceInfo:
        """Reads the file.

        Raises:
            BadInputError: it is not valid JSON lines.
        """
        data = self.path.read_bytes()
        try:
            self._cards = [json.loads(line) for line in data.decode().splitlines() if line]
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
        return len(self._cards)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields the cards in file order."""
        for start in range(0, len(self._cards), self.batch_rows):
            cards = self._cards[start : start + self.batch_rows]
            texts = [card.get("text") for card in cards]
            columns: dict[str, pa.Array | list[object]] = {
                f.name: [card.get(f.name) for card in cards] for f in arrow_schema("cards")
            }
            for name in ("created_at", "last_modified"):
                columns[name] = [t and datetime.fromisoformat(str(t)) for t in columns[name]]
            columns["status"], columns["reason"] = map(list, zip(*map(card_status, texts), strict=True))
            columns["card"] = [t if s == "text" else None for t, s in zip(texts, columns["status"], strict=True)]
            yield cards_batch(columns, len(cards))
