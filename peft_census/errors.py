"""The errors of this package, and the exit codes of the command line.

Each error says what happened, to which card, file or URL, and what to do next. The command line prints ``str(error)``
and exits with ``error.exit_code``.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path

DONE, FAILED, USAGE, GAPS = 0, 1, 2, 3
"""Exit codes: done; failed; usage error; finished, but something is missing."""

_USER = re.compile(r"(?<=://)[^/\s@]+@")
"""User name and password in a URL. They are removed from errors, because errors are written to logs."""


class CensusError(Exception):
    """An error with a hint.

    Args:
        what: what happened, to which card, file or URL.
        hint: what the reader can do.
    """

    exit_code = FAILED

    def __init__(self, what: str, hint: str = "") -> None:
        what = _USER.sub("(secret)@", what)
        super().__init__(what)
        self.what = what
        self.hint = _USER.sub("(secret)@", hint)

    def __str__(self) -> str:
        return f"{self.what}\n  {self.hint}" if self.hint else self.what


class UsageError(CensusError):
    """An argument is not valid, such as a path or a snapshot that does not exist."""

    exit_code = USAGE


class BadInputError(CensusError):
    """A file is not what it should be."""


class TaxonomyError(CensusError):
    """``techniques.toml`` or ``generators.toml`` is not valid."""


class SnapshotError(CensusError):
    """A snapshot is incomplete, damaged, or has another schema."""


class SourceError(CensusError):
    """A server sent no usable answer."""


class UnrecoverableError(SourceError):
    """Repeating the request cannot succeed: a rejected token, a redirect, a wait of hours."""


class BusyError(CensusError):
    """Another process writes to the same folder."""


class OutputError(CensusError):
    """The result cannot be written."""


_ELSEWHERE = (
    "choose another folder: --out for results, PEFT_CENSUS_RAW for collected data; earlier snapshots are untouched."
)


def output_error(path: Path, error: OSError) -> OutputError:
    """Returns the error for an operating-system error while writing below ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"no space left while writing {path}", f"free some space or {_ELSEWHERE}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"no permission to write {path}", _ELSEWHERE)
    return OutputError(f"cannot write {path}: {error.strerror or error}", _ELSEWHERE)
