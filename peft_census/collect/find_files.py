"""Finds the Parquet files of a source: a file, a folder or a glob, on this machine or in an object store."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from peft_census.collect.object_store import RemoteFile, find_remote, is_url
from peft_census.errors import BadInputError, UsageError

AnyPath = Path | RemoteFile
_NUMBERED = re.compile(r"(.*)-([0-9]{5})-of-([0-9]{5})\.parquet", re.IGNORECASE)


@dataclass(frozen=True)
class FoundFiles:
    """The Parquet files of a source, sorted by path.

    Args:
        paths: where they are.
        names: their paths inside the folder that was named; without one, the names of the files.
        skipped: how many were skipped because their name hides them.
        searched: False if one file was named.
    """

    paths: Sequence[AnyPath]
    names: list[str]
    skipped: int
    searched: bool = True


def find_files(spec: str) -> FoundFiles:
    """Returns the Parquet files that ``spec`` (file, folder or glob) names.

    In a folder, names that begin with ``.`` or ``_`` are skipped, as Spark and pyarrow do: they are temporary files,
    checkpoints and what macOS adds. Links are followed.

    Raises:
        BadInputError: the folder has no such file.
        UsageError: the path or glob matches no file.
        SourceError: an object store does not answer, or denies access.
    """
    every: Sequence[AnyPath]
    base: PurePath | None = None
    searched = True
    if is_url(spec):
        place, every = find_remote(spec)
        searched = every != [place]
        base = place.path if searched and "*" not in spec else None
    elif Path(spec).is_file():
        every, searched = [Path(spec)], False
    else:
        folder = Path(spec) if Path(spec).is_dir() else None
        matches = _walk(folder, set()) if folder else map(Path, glob.glob(spec, recursive=True))  # noqa: PTH207
        local = sorted((p for p in matches if p.is_file()), key=lambda p: p.parts)  # Path's order differs on Windows
        base, every = folder, local
    files = [p for p in every if not (base and _is_hidden(p.relative_to(base)))]
    if not files and base:
        raise BadInputError(f"{spec}: no .parquet file in this folder", "name a folder with cards in Parquet.")
    if not files:
        raise UsageError(f"source {spec!r} names no file", "give a Parquet file, a folder, a glob, or 'specimen'.")
    names = [p.relative_to(base).as_posix() if base else p.name for p in files]
    if len(set(names)) < len(names):  # a glob can match one name in several folders
        names = [str(path) for path in files]
    return FoundFiles(files, names, len(every) - len(files), searched)


def _walk(folder: Path, entered: set[Path]) -> Iterator[Path]:
    """Yields the Parquet files below ``folder``, through links too, each folder once."""
    real = folder.resolve()
    if real in entered:
        return
    entered.add(real)
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _walk(path, entered)
        elif path.suffix.lower() == ".parquet":
            yield path


def _is_hidden(path: PurePath) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def missing_numbers(paths: Iterable[AnyPath]) -> int:
    """Returns how many of the files named ``…-00001-of-00003.parquet`` are missing."""
    series: dict[tuple[PurePath, str, int], set[int]] = {}
    for path in paths:
        if numbered := _NUMBERED.fullmatch(path.name):
            series.setdefault((path.parent, numbered[1], int(numbered[3])), set()).add(int(numbered[2]))
    return sum(max(0, total - len(numbers)) for (_, _, total), numbers in series.items())
