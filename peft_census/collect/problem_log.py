"""The problem log, one JSON line for each fault.

In: a stage, a place and a short fault. Out: a file for people and programs. Known secrets are redacted before a line
is written; headers and query strings are never passed in.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType


class Problems:
    """The log of one run; safe to use from several threads.

    Args:
        path: the file to append to; its folder must exist.
        secrets: strings that must never be written.
    """

    def __init__(self, path: Path, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = tuple(s for s in secrets if s)
        self._lock = threading.Lock()
        self._stream = path.open("a", encoding="utf-8")

    def record(self, stage: str, where: str, what: str) -> None:
        """Appends one line: time, stage, model, page or file, and fault."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        line = json.dumps({"when": when, "stage": stage, "where": where[:500], "what": what[:500]})
        for secret in self._secrets:
            line = line.replace(json.dumps(secret)[1:-1], "(secret)")
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()

    def __enter__(self) -> Problems:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()
