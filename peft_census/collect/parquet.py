"""Cards from Parquet files with the columns of ``librarian-bots/model_cards_with_metadata``.

In: a file, a folder or a glob. Out: batches in the ``cards`` schema, files by name, rows in file order. A file that
cannot be read is an error that names it. A single card with invalid UTF-8 is repaired and marked.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
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
from peft_census.collect.find_files import AnyPath, find_files, missing_numbers
from peft_census.collect.registry import SourceRequest
from peft_census.errors import BadInputError
from peft_census.snapshot.files import file_sha256

MISSING_FILE = "a numbered file of the source is missing (at least so many)"
_IDS_AT_ONCE = 65_536

_WITHOUT_TEXT = 16_384
"""Rows per batch without the text of cards."""

SAMPLE = 0.01
"""Share of the cards that ``Files.sample`` yields."""


def open_source(request: SourceRequest) -> Source:
    """Returns a source over the files at the path ``request.spec``."""
    return Files(request.spec, request.batch_rows, request.keep_first)


class Files:
    """A Source over Parquet files.

    Args:
        spec: path or URL of a file or folder, or a glob pattern.
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
        self.paths, self.names, self.skipped = found.paths, found.names, found.skipped
        self.searched = found.searched
        self.rows = 0
        self.dropped = 0
        self._repeated: set[str] = set()

    def prepare(self) -> SourceInfo:
        """Checks every file's columns and every model id, and hashes the content.

        Raises:
            BadInputError: a file is not Parquet, is damaged, lacks a column, has a wrong type, a null or
                empty model id, or a model occurs twice.
        """
        self.rows = sum(open_parquet(path, self.layout).metadata.num_rows for path in self.paths)
        self.dropped = self._check_ids()
        digests = dict(zip(self.names, self._digests(), strict=True))
        content = hashlib.sha256("".join(digests.values()).encode())
        if self.keep_first:
            content.update(b"keep_first")
        details: dict[str, object] = {"files": digests, "rows": self.rows}
        if self.dropped:
            details["duplicate_rows_dropped"] = self.dropped
        if self.skipped:
            details["skipped_files"] = self.skipped
        missing = missing_numbers(self.paths) if self.searched else 0
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
                for batch in self._read(open_parquet(path, self.layout), unchanged):
                    cards = self.layout.to_cards(batch)
                    if self.keep_first and self.dropped:
                        cards = cards.filter(_first_rows(cards.column("model_id"), self._repeated, kept))
                    yield cards
            except (pa.ArrowException, OSError) as error:
                raise _damaged(path, error) from error

    def sample(self) -> Iterator[pa.RecordBatch]:
        """Yields the first rows of random row groups, about one row in a hundred."""
        for path in self.paths:
            file = open_parquet(path, self.layout)
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
        """Returns the number of rows whose model is in an earlier row; 0 or an error without keep_first."""
        places = self._find_repeated()
        self._repeated = set(places)
        repeated = sum(len(paths) - 1 for paths in places.values())
        if repeated and not self.keep_first:
            model, paths = next(iter(places.items()))
            where = ", ".join(dict.fromkeys(map(str, paths)))
            raise BadInputError(
                f"model {model!r} occurs more than once ({where}); {repeated:,} rows repeat a model",
                "remove the older rows, or run with --keep-first to count the first row of each model.",
            )
        return repeated

    def _digests(self) -> Iterable[str]:
        """Returns the SHA-256 of each file."""
        return map(file_sha256, self.paths)

    def _find_repeated(self) -> dict[str, list[AnyPath]]:
        """Returns the models that occur more than once, each with the file of every row.

        Only the 8-byte hash of each id is held in memory. Ids whose hash occurs twice are then compared as text.
        """
        hashes = np.concatenate([np.array([], np.int64), *(_hashes(ids) for _, ids in self._ids())])
        hashes.sort()
        twice = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
        del hashes
        if not len(twice):
            return {}
        places: dict[str, list[AnyPath]] = {}
        for path, ids in self._ids():
            for i in np.flatnonzero(np.isin(_hashes(ids), twice)):
                places.setdefault(ids[int(i)].as_py(), []).append(path)
        return {model: paths for model, paths in places.items() if len(paths) > 1}

    def _ids(self) -> Iterator[tuple[AnyPath, pa.Array]]:
        """Yields the model ids of every file in parts."""
        return ((path, ids) for path in self.paths for ids in read_ids(path, self.layout))


def read_ids(path: AnyPath, layout: Layout = DUMP) -> Iterator[pa.Array]:
    """Yields the model ids of a file in parts, after a check that each is text and not empty.

    Raises:
        BadInputError: an id is empty or not text, or the file is damaged.
    """
    row = 0
    try:
        for batch in open_parquet(path, layout).iter_batches(_IDS_AT_ONCE, columns=layout.of("model_id")):
            ids = _valid_ids(path, batch, row)
            row += len(ids)
            yield ids
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def read_row_group(path: AnyPath, group: int, batch_rows: int, layout: Layout = DUMP) -> Iterator[pa.RecordBatch]:
    """Yields the cards of one row group of a file, as ``Files.batches`` does for all.

    Raises:
        BadInputError: the file is damaged.
    """
    try:
        file = open_parquet(path, layout)
        columns = layout.present(file.schema_arrow)
        yield from map(layout.to_cards, file.iter_batches(batch_rows, row_groups=[group], columns=columns))
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def open_parquet(path: AnyPath, layout: Layout = DUMP) -> pq.ParquetFile:
    """Opens a file of cards.

    Raises:
        BadInputError: it cannot be read, is not Parquet, lacks a column, or has a column of a wrong type.
    """
    try:  # with pre_buffer every row group that was read would stay in memory
        source = path if isinstance(path, Path) else path.open()
        file = pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise BadInputError(
            f"{path}: not a readable Parquet file ({_brief(error)})",
            "check that the download is complete; the file must be Parquet.",
        ) from error
    required = layout.of("model_id", "card")
    missing = [name for name in required if name not in file.schema_arrow.names]
    if missing:
        raise BadInputError(
            f"{path}: column {missing[0]!r} is missing",
            f"the file has: {', '.join(file.schema_arrow.names)}; {' and '.join(required)} are required.",
        )
    check_types(path, file.schema_arrow, layout.columns)
    return file


def _first_rows(ids: pa.Array, repeated: set[str], kept: set[str]) -> pa.Array:
    """Returns a mask of the rows whose model is not in ``kept``, and adds the repeated ones to it."""
    mask = []
    for model_id in ids.to_pylist():
        mask.append(model_id not in kept)
        if model_id in repeated:
            kept.add(model_id)
    return pa.array(mask)


def _valid_ids(path: AnyPath, batch: pa.RecordBatch, row: int) -> pa.Array:
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


def _damaged(path: AnyPath, error: Exception) -> BadInputError:
    return BadInputError(
        f"{path}: damaged or cut short ({_brief(error)})", "fetch or write the file again; nothing was changed."
    )
