"""Where the Hub's sources keep raw data, one folder for each endpoint and crawl, and for one process at a time."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peft_census.errors import UsageError, output_error


def crawl_folder(raw: Path, base: str, name: str) -> Path:
    """Returns where a crawl of the endpoint ``base`` keeps its ledger and shards."""
    return raw / re.sub(r"[^a-z0-9.]+", "-", base.partition("://")[2].lower()).strip(".-") / name


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds ``folder`` (made if missing) for this process; the lock goes with the process, however it ends.

    Raises:
        UsageError: another process holds it.
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise output_error(folder, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another census is at work in {folder}", "wait for it, or stop it.") from None
        yield
