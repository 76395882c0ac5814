"""Where things are, and small helpers for files of cards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

REPO = Path(__file__).resolve().parent.parent
SHARED = REPO.parent / "shared"
"""Real material beside the repository; tests that need it skip where it is absent."""


def write_cards(path: Path, rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> Path:
    """Writes ``rows`` as a Parquet file of cards and returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def is_root() -> bool:
    """Says whether file permissions do not bind this process."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
