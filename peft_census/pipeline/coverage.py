"""How many models were listed and read, which of them are gaps, and the dates of their cards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.snapshot.manifest import CardTotals
from peft_census.snapshot.snapshot import Snapshot


def is_gap(status: str, reason: str | None) -> bool:
    """Returns whether a model could not be read as it is, or is missing from the listing.

    A card that does not exist is not a gap, nor is a gated one.
    """
    return status in ("failed", "missing") or (status == "text" and reason is not None)


def find_gaps(snapshot: Snapshot) -> dict[str, int]:
    """Returns the number of models of each kind of gap, by reason."""
    gaps: Counter[str] = Counter()
    for row in snapshot.table("coverage").to_pylist():
        if row["source"] == snapshot.manifest.source.kind and is_gap(row["status"], row["reason"]):
            gaps[row["reason"] or row["status"]] += row["n"]
    return dict(gaps)


class CardCounts:
    """Counts models by status and reason, batch by batch, and keeps the first and the last date of their cards.

    The date of a card is that of its last commit, or of its creation where the commit is not known.
    """

    def __init__(self) -> None:
        self._n: Counter[tuple[str, str | None]] = Counter()
        self._first: str | None = None
        self._last: str | None = None

    def add(self, models: pa.RecordBatch) -> None:
        """Counts a batch with the columns ``status``, ``reason``, ``last_modified`` and ``created_at``."""
        groups = pa.Table.from_batches([models]).group_by(["status", "reason"]).aggregate([([], "count_all")])
        for row in groups.to_pylist():
            self._n[row["status"], row["reason"]] += row["count_all"]
        ends = pc.min_max(pc.coalesce(models["last_modified"], models["created_at"])).as_py()
        if ends["min"] is not None:
            self._first = min(filter(None, (self._first, ends["min"].date().isoformat())))
            self._last = max(filter(None, (self._last, ends["max"].date().isoformat())))

    def totals(self) -> CardTotals:
        """Returns the totals for the manifest."""
        with_text = sum(n for (status, _), n in self._n.items() if status == "text")
        return CardTotals(self._n.total(), with_text, self._first, self._last)

    def gaps(self) -> dict[str, int]:
        """Returns the number of models of each kind of gap, by reason."""
        gaps: Counter[str] = Counter()
        for (status, reason), n in self._n.items():
            if is_gap(status, reason):
                gaps[reason or status] += n
        return dict(gaps)

    def rows(self, source: str, missing: Mapping[str, int]) -> list[dict[str, Any]]:
        """Returns the rows of the ``coverage`` table; ``missing`` are models that the listing lacks, by reason."""
        counted = self._n + Counter({("missing", reason): n for reason, n in missing.items()})
        ordered = sorted(counted.items(), key=lambda item: (item[0][0], item[0][1] or ""))
        return [{"source": source, "status": status, "reason": reason, "n": n} for (status, reason), n in ordered]
