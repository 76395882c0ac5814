"""Files on disk: written whole or not at all, and hashed.

A file is written under a temporary name next to its own and then renamed, so that a reader never sees half of it.
What a killed run leaves ends in ``.partial``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peft_census.errors import UsageError, output_error

PARTIAL = ".partial"
_PACKAGE = Path(__file__).resolve().parent.parent


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Gives a temporary path next to ``path``, whose folder is made if missing, and renames it to ``path`` at the end.

    After an error ``path`` is unchanged and the temporary file is removed.

    Raises:
        OutputError: no permission, no space.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


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


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def bundled(name: str) -> Path:
    """Returns the path of a file or folder of ``data/``, such as ``specimen``; in a wheel it is inside the package.

    Raises:
        UsageError: neither the installed package nor the clone has it.
    """
    for path in (_PACKAGE / "_data" / name, _PACKAGE.parent / "data" / name):
        if path.exists():
            return path
    raise UsageError(f"the bundled {name} is missing", "reinstall peft-census, or run it from a clone.")
