"""One process at a time: the lock of every folder that a run writes to over minutes or hours.

In: a lock file. Out: the right to write beside it, or word of who has it. The kernel keeps the lock (``flock``) and
drops it with the process, however that ends: a file left behind by a killed run blocks nobody. Reading needs no lock.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from peft_census.errors import BusyError, output_error

_held: set[int] = set()


def _let_go() -> None:
    """Drops a forked child's share of the locks, so that no orphan holds what its killed parent held."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go)


@contextmanager
def exclusive_lock(file: Path) -> Iterator[None]:
    """Holds the lock ``file`` (made if missing, with its folder) for this process.

    Raises:
        BusyError: another process holds it; the message names it.
        OutputError: the file cannot be made, or its file system has no locks.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise output_error(file.parent, error) from error
    _held.add(lock)
    try:
        _take(lock, file)
        yield
    finally:
        if lock in _held:  # not in a forked child, where _let_go has closed it
            _held.remove(lock)
            os.ftruncate(lock, 0)
            os.close(lock)


def _take(lock: int, file: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        holder = {"pid": os.getpid(), "host": os.uname().nodename, "since": datetime.now(UTC).isoformat("T", "seconds")}
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps(holder).encode(), 0)
    except BlockingIOError:
        raise _busy(lock, file) from None
    except OSError as error:
        raise output_error(file, error) from error


def _busy(lock: int, file: Path) -> BusyError:
    """Words who holds the lock; a holder that has not yet written its name stays unnamed."""
    try:
        holder = json.loads(os.pread(lock, 4096, 0))
        pid, host = int(holder["pid"]), str(holder["host"])
        who = f"process {pid} on {host}, since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return BusyError(f"another census is at work in {file.parent}", "wait for it, or stop it.")
    there = "" if host == os.uname().nodename else f" on {host}"
    return BusyError(
        f"another census is at work in {file.parent}: {who}",
        f"wait for it, or stop it with `kill {pid}`{there}; the next run goes on from where it stopped.",
    )
