"""How a stage of the pipeline reports its progress. The command line shows it; ``Progress`` itself ignores it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import pyarrow as pa

Advance = Callable[[int], object]
"""Called with the number of units done since the last call."""


class Progress:
    """Ignores all progress; the base class of those that show it."""

    def stage(self, name: str, total: int | None = None, unit: str = "") -> AbstractContextManager[Advance]:
        """Shows that the stage ``name`` runs.

        Args:
            name: what happens, such as ``tagging cards``.
            total: units of work, where known.
            unit: the plural of the unit.
        """
        return nullcontext(lambda n: None)

    def note(self, line: str) -> None:
        """Shows one line, such as a warning."""


SILENT = Progress()


def over_batches(
    progress: Progress, name: str, batches: Iterator[pa.RecordBatch], total: int
) -> Iterator[pa.RecordBatch]:
    """Yields ``batches`` and reports their rows as the progress of stage ``name``."""
    with progress.stage(name, total, "cards") as advance:
        for batch in batches:
            yield batch
            advance(batch.num_rows)
