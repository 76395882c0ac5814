"""What went wrong on the way, one JSON line a problem; and the progress bars, which share its quiet.

In: a stage, a place and a fault in a few words. Out: a file for people and tools. Refuses secrets: anything
that equals a known secret is blotted out before it is written, and no header or query string is ever passed in.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


class Problems:
    """The log of one run; safe to use from several threads.

    Args:
        path: the file to add to; its folder must exist.
        secrets: strings that must never be written.
    """

    def __init__(self, path: Path, secrets: tuple[str, ...] = ()) -> None:
        self.path = path
        self.n = 0
        self._secrets = tuple(s for s in secrets if s)
        self._lock = threading.Lock()
        self._stream = path.open("a", encoding="utf-8")

    def record(self, stage: str, where: str, what: str) -> None:
        """Adds one line: when, in which stage, at which model, page or file, and what."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        line = json.dumps({"when": when, "stage": stage, "where": where[:500], "what": what[:500]})
        for secret in self._secrets:
            line = line.replace(json.dumps(secret)[1:-1], "(secret)")
        with self._lock:
            self.n += 1
            self._stream.write(line + "\n")
            self._stream.flush()

    def __enter__(self) -> Problems:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()


def progress(what: str, unit: str, total: int | None, quiet: bool, done: int = 0) -> tqdm[Any]:
    """Returns a progress bar on stderr: rate, time to finish and room for the remaining budget."""
    from tqdm import tqdm

    return tqdm(desc=what, unit=unit, unit_scale=unit == "B", total=total, initial=done, disable=quiet, mininterval=0.5)
