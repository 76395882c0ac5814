"""One writer per folder: a lock file for every folder that a run writes to over minutes or hours.

In: the path of a lock file. Out: the exclusive right to write in its folder, or an error that names the process that
has it. The operating system releases the lock when its process ends, also when the process is killed. Reading needs no
lock.

The record of the holder is a second file, because Windows does not let other processes read a locked file.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from peft_census.errors import BusyError, output_error
from peft_census.snapshot.records import record

HOLDER = ".holder"
"""Added to the name of the lock file: the file that describes the process that has the lock."""


@record
class Holder:
    """The process that has a lock."""

    pid: int
    host: str
    since: str


_holders = TypeAdapter(Holder)


@contextmanager
def exclusive_lock(file: Path) -> Iterator[None]:
    """Holds the lock ``file`` for this process; creates the file and its folder if they are missing.

    Raises:
        BusyError: another process holds it; the message names that process.
        OutputError: the file cannot be created or locked.
    """
    lock = FileLock(file, blocking=False, thread_local=False)
    holder = file.with_name(file.name + HOLDER)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise _busy(file, holder) from None
    except OSError as error:
        raise output_error(file.parent, error) from error
    try:
        _describe(holder)
        yield
    finally:
        if lock.is_locked:  # a forked child does not inherit the lock
            holder.unlink(missing_ok=True)
            lock.release()


def _describe(holder: Path) -> None:
    this = Holder(os.getpid(), platform.node(), datetime.now(UTC).isoformat("T", "seconds"))
    try:
        holder.write_bytes(_holders.dump_json(this))
    except OSError as error:
        raise output_error(holder, error) from error


def _busy(file: Path, holder: Path) -> BusyError:
    """Returns the error for a lock that is held. The holder stays unnamed if it has not written its record yet."""
    what = f"another census is running in {file.parent}"
    try:
        other = _holders.validate_json(holder.read_bytes())
    except (OSError, ValidationError):
        return BusyError(what, "wait until it ends, or stop it.")
    where = "" if other.host == platform.node() else f" on {other.host}"
    return BusyError(
        f"{what}: process {other.pid} on {other.host}, since {other.since}",
        f"wait until it ends, or stop process {other.pid}{where}; the next run resumes.",
    )
