"""The few things that can go wrong, and the one place that words them for people.

Every error says what happened, to which card, file or URL, and what to run or mend next.
The command line prints ``str(error)`` and leaves with ``error.exit_code``; nothing else formats errors.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path

DONE, FAILED, USAGE, GAPS = 0, 1, 2, 3
"""Exit codes: everything done; failed; called wrongly; finished, but something is missing."""


_USER = re.compile(r"(?<=://)[^/\s@]+@")
"""Name and password in an address; errors reach logs, so there they are blotted out."""


class CensusError(Exception):
    """What happened, to what, and what to do next.

    Args:
        what: the fault, with the card, file or URL it concerns.
        hint: what the reader can run or mend.
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
    """An argument names nothing that exists (path, snapshot, technique)."""

    exit_code = USAGE


class BadInputError(CensusError):
    """A file or folder of cards cannot be read as such."""


class TaxonomyError(CensusError):
    """``techniques.toml`` or ``generators.toml`` breaks its own rules."""


class SnapshotError(CensusError):
    """A snapshot is incomplete, damaged or of another schema."""


class SourceError(CensusError):
    """A remote source gave no usable answer."""


class BusyError(CensusError):
    """Another process is writing to the same place."""


class OutputError(CensusError):
    """The result cannot be written."""


_ELSEWHERE = (
    "choose another folder: --out for results, PEFT_CENSUS_RAW for what is collected; earlier snapshots are untouched."
)


def output_error(path: Path, error: OSError) -> OutputError:
    """Words an operating-system error met while writing below ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"no space left while writing {path}", f"free some space or {_ELSEWHERE}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"no permission to write {path}", _ELSEWHERE)
    return OutputError(f"cannot write {path}: {error.strerror or error}", _ELSEWHERE)
