"""Cards from Parquet files with the columns of ``librarian-bots/model_cards_with_metadata``.

In: a file, a folder or a glob. Out: batches in the ``cards`` schema, files by name, rows in file order. A file that
cannot be read is an error that names it. A single card with invalid UTF-8 is repaired and marked.
"""

from __future__ import annotations

import glob
import hashlib
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from peft_census.collect.base import Source, SourceInfo, Unchanged
from peft_census.collect.card_columns import DUMP, Layout, check_types
from peft_census.collect.registry import SourceRequest
from peft_census.errors import BadInputError, UsageError
from peft_census.snapshot.files import file_sha256

MISSING_FILE = "a numbered file of the source is missing (at least so many)"
_NUMBERED = re.compile(r"(.*)-([0-9]{5})-of-([0-9]{5})\.parquet", re.IGNORECASE)
_IDS_AT_ONCE = 65_536

_WITHOUT_TEXT = 16_384
"""Rows per batch without the text of cards."""

SAMPLE = 0.01
"""Share of the cards that ``Files.sample`` yields."""


def open_source(request: SourceRequest) -> Source:
    """Returns a source over the files at the path ``request.spec``."""
    return Files(request.spec, request.batch_rows, request.keep_first)


class Files:
    """A Source over local Parquet files.

    Args:
        spec: path of a file or folder, or a glob pattern.
        batch_rows: rows per batch.
        keep_first: keep the first row of a model that occurs twice; without it, that is an error.
        layout: the columns of the files.
    """

    def __init__(self, spec: str, batch_rows: int = 1024, keep_first: bool = False, layout: Layout = DUMP) -> None:
        self.spec = spec
        self.layout = layout
        self.batch_rows = batch_rows
        self.keep_first = keep_first
        found = find_files(spec)
        self.paths, self.skipped = found.paths, found.skipped
        self.rows = 0
        self.dropped = 0
        self._repeated: set[str] = set()

    def prepare(self) -> SourceInfo:
        """Checks every file's columns and every model id, and hashes the content.

        Raises:
            BadInputError: a file is not Parquet, is damaged, lacks a column, has a wrong type, a null or
                empty model id, or a model occurs twice.
        """
        self.rows = sum(self._open(path).metadata.num_rows for path in self.paths)
        self.dropped = self._check_ids()
        base = Path(self.spec) if Path(self.spec).is_dir() else None
        names = [path.relative_to(base).as_posix() if base else path.name for path in self.paths]
        if len(set(names)) < len(names):  # a glob can match one name in several folders
            names = [str(path) for path in self.paths]
        digests = dict(zip(names, map(file_sha256, self.paths), strict=True))
        content = hashlib.sha256("".join(digests.values()).encode())
        if self.keep_first:
            content.update(b"keep_first")
        details: dict[str, object] = {"files": digests, "rows": self.rows}
        if self.dropped:
            details["duplicate_rows_dropped"] = self.dropped
        if self.skipped:
            details["skipped_files"] = self.skipped
        missing = 0 if Path(self.spec).is_file() else missing_numbers(self.paths)
        return SourceInfo(
            kind="files",
            label=self.paths[0].name if len(self.paths) == 1 else f"{len(self.paths)} Parquet files",
            content_sha256=content.hexdigest(),
            details=details,
            gaps={MISSING_FILE: missing} if missing else {},
        )

    def total(self) -> int:
        """Returns the number of models."""
        return self.rows - self.dropped

    def batches(self, unchanged: Unchanged | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the rows in the ``cards`` schema. Row groups in which every card is unchanged are not decoded."""
        kept: set[str] = set()
        for path in self.paths:
            try:
                for batch in self._read(self._open(path), unchanged):
                    cards = self.layout.to_cards(batch)
                    if self.keep_first and self.dropped:
                        cards = cards.filter(_first_rows(cards.column("model_id"), self._repeated, kept))
                    yield cards
            except (pa.ArrowException, OSError) as error:
                raise _damaged(path, error) from error

    def sample(self) -> Iterator[pa.RecordBatch]:
        """Yields the first rows of random row groups, about one row in a hundred."""
        for path in self.paths:
            file = self._open(path)
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if random.random() * min(rows, self.batch_rows) < SAMPLE * rows:  # noqa: S311
                    first = file.iter_batches(
                        self.batch_rows, row_groups=[group], columns=self.layout.present(file.schema_arrow)
                    )
                    yield from map(self.layout.to_cards, islice(first, 1))

    def _read(self, file: pq.ParquetFile, unchanged: Unchanged | None) -> Iterator[pa.RecordBatch]:
        """Yields the rows of a file, without the column ``card`` for row groups in which every card is unchanged."""
        columns = self.layout.present(file.schema_arrow)
        if unchanged is None or "adapter_config" in columns:
            yield from file.iter_batches(self.batch_rows, columns=columns)
            return
        identity = [name for name in self.layout.of("model_id", "last_modified", "revision") if name in columns]
        without_text = [name for name in columns if name not in self.layout.of("card")]
        for group in range(file.num_row_groups):
            read = partial(file.iter_batches, row_groups=[group])
            ids = read(_WITHOUT_TEXT, columns=identity)
            if all(pc.all(unchanged(self.layout.to_cards(batch))).as_py() for batch in ids):
                yield from read(_WITHOUT_TEXT, columns=without_text)
            else:
                yield from read(self.batch_rows, columns=columns)

    def _check_ids(self) -> int:
        """Returns the number of rows whose model is in an earlier row; 0 or an error without keep_first.

        Only the 8-byte hash of each id is held in memory. Ids whose hash occurs twice are then compared as text.
        """
        hashes = np.concatenate([np.array([], np.int64), *(_hashes(ids) for _, ids in self._ids())])
        hashes.sort()
        twice = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
        del hashes
        if not len(twice):
            return 0
        places: dict[str, list[Path]] = {}
        for path, ids in self._ids():
            for i in np.flatnonzero(np.isin(_hashes(ids), twice)):
                places.setdefault(ids[int(i)].as_py(), []).append(path)
        self._repeated = {model for model, paths in places.items() if len(paths) > 1}
        repeated = sum(len(places[model]) - 1 for model in self._repeated)
        if repeated and not self.keep_first:
            model = next(model for model in places if model in self._repeated)
            where = ", ".join(dict.fromkeys(str(path) for path in places[model]))
            raise BadInputError(
                f"model {model!r} occurs more than once ({where}); {repeated:,} rows repeat a model",
                "remove the older rows, or run with --keep-first to count the first row of each model.",
            )
        return repeated

    def _ids(self) -> Iterator[tuple[Path, pa.Array]]:
        """Yields the model ids of every file in parts, after a check that each is text and not empty."""
        for path in self.paths:
            row = 0
            try:
                for batch in self._open(path).iter_batches(_IDS_AT_ONCE, columns=self.layout.of("model_id")):
                    ids = _valid_ids(path, batch, row)
                    row += len(ids)
                    yield path, ids
            except (pa.ArrowException, OSError) as error:
                raise _damaged(path, error) from error

    def _open(self, path: Path) -> pq.ParquetFile:
        try:  # with pre_buffer every row group that was read would stay in memory
            file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise BadInputError(
                f"{path}: not a readable Parquet file ({_brief(error)})",
                "check that the download is complete; the file must be Parquet.",
            ) from error
        required = self.layout.of("model_id", "card")
        missing = [name for name in required if name not in file.schema_arrow.names]
        if missing:
            raise BadInputError(
                f"{path}: column {missing[0]!r} is missing",
                f"the file has: {', '.join(file.schema_arrow.names)}; {' and '.join(required)} are required.",
            )
        check_types(path, file.schema_arrow, self.layout.columns)
        return file


@dataclass(frozen=True)
class FoundFiles:
    """The Parquet files of a source, sorted by path, and how many were skipped because their name hides them."""

    paths: list[Path]
    skipped: int


def find_files(spec: str) -> FoundFiles:
    """Returns the Parquet files that ``spec`` (file, folder or glob) names.

    In a folder, names that begin with ``.`` or ``_`` are skipped, as Spark and pyarrow do: they are temporary files,
    checkpoints and what macOS adds. Links are followed.

    Raises:
        BadInputError: the folder has no such file.
        UsageError: the path or glob matches no file.
    """
    path = Path(spec)
    if path.is_file():
        return FoundFiles([path], 0)
    is_folder = path.is_dir()
    matches = _walk(path, set()) if is_folder else map(Path, glob.glob(spec, recursive=True))  # noqa: PTH207
    every = sorted((p for p in matches if p.is_file()), key=lambda p: p.parts)  # Path's order differs on Windows
    files = [p for p in every if not (is_folder and _is_hidden(p.relative_to(path)))]
    if not files and is_folder:
        raise BadInputError(f"{path}: no .parquet file in this folder", "name a folder with cards in Parquet.")
    if not files:
        raise UsageError(f"source {spec!r} names no file", "give a Parquet file, a folder, a glob, or 'specimen'.")
    return FoundFiles(files, len(every) - len(files))


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


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def missing_numbers(paths: Iterable[Path]) -> int:
    """Returns how many of the files named ``…-00001-of-00003.parquet`` are missing."""
    series: dict[tuple[Path, str, int], set[int]] = {}
    for path in paths:
        if numbered := _NUMBERED.fullmatch(path.name):
            series.setdefault((path.parent, numbered[1], int(numbered[3])), set()).add(int(numbered[2]))
    return sum(max(0, total - len(numbers)) for (_, _, total), numbers in series.items())


def _first_rows(ids: pa.Array, repeated: set[str], kept: set[str]) -> pa.Array:
    """Returns a mask of the rows whose model is not in ``kept``, and adds the repeated ones to it."""
    mask = []
    for model_id in ids.to_pylist():
        mask.append(model_id not in kept)
        if model_id in repeated:
            kept.add(model_id)
    return pa.array(mask)


def _valid_ids(path: Path, batch: pa.RecordBatch, row: int) -> pa.Array:
    """Returns a part of the column of model ids as text; ``row`` is the number of its first row."""
    name, ids = batch.schema.names[0], batch.column(0).cast(pa.string())
    try:
        ids.validate(full=True)
    except pa.ArrowInvalid as error:
        raise BadInputError(f"{path}: a {name} is not valid UTF-8", "repair this column.") from error
    bad = pc.index(pc.equal(pc.utf8_trim_whitespace(pc.fill_null(ids, "")), ""), True).as_py()
    if bad >= 0:
        raise BadInputError(f"{path}: row {row + bad} has no {name}", "remove the row or name its model.")
    return ids


def _hashes(ids: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Returns 64-bit hashes of the ids. Python salts them in every process, so that no input can force collisions."""
    return np.fromiter(map(hash, ids.to_pylist()), np.int64, len(ids))


def _brief(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__


def _damaged(path: Path, error: Exception) -> BadInputError:
    return BadInputError(
        f"{path}: damaged or cut short ({_brief(error)})", "fetch or write the file again; nothing was changed."
    )
