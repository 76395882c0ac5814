"""Files and folders on disk: written whole or not at all, and hashed.

A file or folder is written in a temporary folder next to its own place and then renamed, so that a reader sees the old
or the new one, never half of it or a mixture. Temporary folders end in ``.partial`` and hold a lock while their process
runs. What a killed run left has no lock, and the next run removes it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from peft_census.errors import OutputError, UsageError, output_error

PARTIAL = ".partial"
_LOCK, _NEW, _OLD = "lock", "new", "old"
_SECONDS_TO_LOCK = 60
_PACKAGE = Path(__file__).resolve().parent.parent


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Gives a temporary path, and at the end renames it to ``path``, whose folder is made if missing.

    After an error ``path`` is unchanged and the temporary file is removed.

    Raises:
        OutputError: no permission, no space.
    """
    try:
        with temporary_folder(path.parent, path.name) as folder:
            yield folder / _NEW
            sync(folder / _NEW)
            (folder / _NEW).replace(path)
    except OSError as error:
        raise output_error(path, error) from error


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Gives a new folder, and at the end puts it in the place of the folder ``path``.

    After an error ``path`` is unchanged. The parent of the new folder is temporary and may hold further files. If
    ``path`` is a link, the folder that it points to is replaced.

    Raises:
        OutputError: no permission, no space; also for such an error in the block.
    """
    path = path.resolve()
    try:
        with temporary_folder(path.parent, path.name) as folder:
            new = folder / _NEW
            new.mkdir()
            yield new
            for file in new.rglob("*"):
                if file.is_file():
                    sync(file)
            _replace(path, new, folder / _OLD)
    except OSError as error:
        raise output_error(path, error) from error
    except OutputError as error:
        if isinstance(error.__cause__, OSError):  # name the folder that was asked for, not the temporary one
            raise output_error(path, error.__cause__) from error
        raise


def _replace(path: Path, new: Path, old: Path) -> None:
    """Moves ``new`` to ``path``; restores ``path`` if that fails."""
    if not path.exists():
        new.rename(path)
    elif not _exchange(new, path):
        path.rename(old)
        try:
            new.rename(path)
        except OSError:
            old.rename(path)
            raise


def _exchange(one: Path, two: Path) -> bool:
    """Exchanges two names in one step, so that ``two`` always exists; returns False if the system cannot."""
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    at_working_directory, exchange = -100, 2
    done = renameat2(at_working_directory, os.fsencode(one), at_working_directory, os.fsencode(two), exchange)
    return bool(done == 0)


def refuse_other_files(folder: Path, written: Collection[str], command: str) -> None:
    """Raises OutputError if replacing ``folder`` would destroy files that ``command`` did not write."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file, not a folder", "choose another folder with --out.")
    others = sorted(p.name for p in folder.iterdir() if p.name not in written) if folder.exists() else []
    if others:
        raise OutputError(
            f"{folder} is not replaced: it has files that `{command}` did not write ({', '.join(others[:3])})",
            "choose a new or empty folder with --out.",
        )


@contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """Gives an empty folder in ``parent``, which is made if missing; removes it at the end.

    First removes what killed runs left in ``parent`` under the same ``name``.
    """
    parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(parent, name)
    while True:
        folder = parent / f".{name}.{secrets.token_hex(6)}{PARTIAL}"
        folder.mkdir()
        lock = FileLock(folder / _LOCK, blocking=False, thread_local=False)
        try:
            lock.acquire()
            break
        except (Timeout, FileNotFoundError):  # another run has taken it for a leftover: it had no lock yet
            shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def leftovers(parent: Path, name: str = "*") -> list[Path]:
    """Returns the temporary files and folders in ``parent`` whose process has ended."""
    return [p for p in sorted(parent.glob(f".{name}.*{PARTIAL}")) if _is_abandoned(p)]


def remove_leftovers(parent: Path, name: str = "*") -> None:
    """Removes what killed runs left in ``parent``; a folder that was about to be replaced is put back."""
    for path in leftovers(parent, name):
        remove_leftover(path)


def remove_leftover(path: Path) -> None:
    """Removes one of ``leftovers``; if it holds a folder that was about to be replaced, puts that back."""
    target = path.with_name(path.name[1:].removesuffix(PARTIAL).rpartition(".")[0])
    if (path / _OLD).is_dir() and not target.exists():
        (path / _OLD).rename(target)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_abandoned(path: Path) -> bool:
    if not (path / _LOCK).exists():  # its process was killed before it had the lock, or is about to have it
        return abs(time.time() - path.stat().st_mtime) > _SECONDS_TO_LOCK
    lock = FileLock(path / _LOCK, blocking=False, thread_local=False)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return False
    lock.release()
    return True


def write_atomically(path: Path, data: str | bytes) -> None:
    """Writes ``data`` to ``path``; text as UTF-8 with ``\\n`` at the ends of lines.

    Raises:
        OutputError: no permission, no space.
    """
    with replaced_file(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def sync(path: Path) -> None:
    """Waits until the bytes of ``path`` are on the disk."""
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())


class Openable(Protocol):
    """A file of this machine, or of an object store."""

    def open(self, mode: str, /) -> Any:
        """Opens the file."""


def file_sha256(path: Openable) -> str:
    """Returns the SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def known_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes; reads a file once per process, and again if it has changed."""
    state = path.stat()
    return _sha256_of_state(path, state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _sha256_of_state(path: Path, inode: int, size: int, changed: int) -> str:
    return file_sha256(path)


def bundled(name: str) -> Path:
    """Returns the path of a file or folder of ``data/``, such as ``specimen``; in a wheel it is inside the package.

    Raises:
        UsageError: neither the installed package nor the clone has it.
    """
    for path in (_PACKAGE / "_data" / name, _PACKAGE.parent / "data" / name):
        if path.exists():
            return path
    raise UsageError(f"the bundled {name} is missing", "reinstall peft-census, or run it from a clone.")
