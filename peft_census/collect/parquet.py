"""Cards from Parquet files in the columns of ``librarian-bots/model_cards_with_metadata``.

In: a file, a folder or a glob. Out: batches in the ``cards`` schema, files by name, rows in file order.
Refuses what it cannot read as such, naming the file; repairs and reports single cards with broken text.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from peft_census.collect.base import SourceInfo, card_status, cards_batch
from peft_census.errors import BadInputError, UsageError
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.snapshot import file_sha256

RENAMED = {"modelId": "model_id", "createdAt": "created_at"}
REQUIRED = ("modelId", "card")
OPTIONAL = (
    "author",
    "last_modified",
    "downloads",
    "likes",
    "library_name",
    "tags",
    "pipeline_tag",
    "createdAt",
    "revision",
    "adapter_config",
)
REPAIRED = "invalid UTF-8: unreadable bytes replaced"
_IDS_AT_ONCE = 65_536
_LONG = 200
"""Bytes from which a card is surely no placeholder."""


class Files:
    """A Source over local Parquet files.

    Args:
        spec: path of a file or folder, or a glob pattern.
        batch_rows: rows a batch.
        keep_first: of models that occur twice keep the first row instead of refusing the input.
    """

    def __init__(self, spec: str, batch_rows: int = 1024, keep_first: bool = False) -> None:
        self.spec = spec
        self.batch_rows = batch_rows
        self.keep_first = keep_first
        self.paths = find_files(spec)
        self.rows = 0
        self.dropped = 0
        self._repeated: set[str] = set()

    def prepare(self) -> SourceInfo:
        """Checks every file's columns and every model id, and hashes the content.

        Raises:
            BadInputError: a file is not Parquet, is damaged, lacks a column, has a wrong type, a null or
                empty model id, or a model occurs twice.
        """
        self.rows = sum(_open(path).metadata.num_rows for path in self.paths)
        self.dropped = self._check_ids()
        base = Path(self.spec) if Path(self.spec).is_dir() else None
        digests = {str(path.relative_to(base)) if base else path.name: file_sha256(path) for path in self.paths}
        if len(digests) < len(self.paths):  # a glob may meet one name in several folders
            digests = {str(path): file_sha256(path) for path in self.paths}
        content = hashlib.sha256("".join(digests.values()).encode())
        if self.keep_first:
            content.update(b"keep_first")
        details: dict[str, object] = {"files": digests, "rows": self.rows}
        if self.dropped:
            details["duplicate_rows_dropped"] = self.dropped
        return SourceInfo(
            kind="files",
            label=self.paths[0].name if len(self.paths) == 1 else f"{len(self.paths)} Parquet files",
            content_sha256=content.hexdigest(),
            details=details,
        )

    def total(self) -> int:
        """Returns the number of models."""
        return self.rows - self.dropped

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields the rows in the ``cards`` schema."""
        seen: set[str] = set()
        for path in self.paths:
            file = _open(path)
            wanted = [n for n in (*REQUIRED, *OPTIONAL) if n in file.schema_arrow.names]
            try:
                for batch in file.iter_batches(batch_size=self.batch_rows, columns=wanted):
                    cards = to_cards(batch)
                    if self.keep_first and self.dropped:
                        cards = cards.filter(_first_seen(cards.column("model_id"), self._repeated, seen))
                    yield cards
            except (pa.ArrowException, OSError) as error:
                raise _damaged(path, error) from error

    def _check_ids(self) -> int:
        """Returns the number of rows whose model was seen before; 0 or an error unless keep_first.

        Eight bytes an id are held, its hash; only ids whose hash occurs twice are then compared themselves.
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
        self._repeated = {model for model, found in places.items() if len(found) > 1}
        repeated = sum(len(places[model]) - 1 for model in self._repeated)
        if repeated and not self.keep_first:
            model = next(model for model, found in places.items() if len(found) > 1)
            where = ", ".join(dict.fromkeys(str(path) for path in places[model]))
            raise BadInputError(
                f"model {model!r} occurs more than once ({where}); {repeated:,} rows repeat a model",
                "remove the older rows, or run with --keep-first to count the first row of each model.",
            )
        return repeated

    def _ids(self) -> Iterator[tuple[Path, pa.Array]]:
        """Yields the model ids of every file, some at a time, each checked to be there and to be text."""
        for path in self.paths:
            row = 0
            try:
                for batch in _open(path).iter_batches(_IDS_AT_ONCE, columns=["modelId"]):
                    ids = _valid_ids(path, batch.column(0), row)
                    row += len(ids)
                    yield path, ids
            except (pa.ArrowException, OSError) as error:
                raise _damaged(path, error) from error


def find_files(spec: str) -> list[Path]:
    """Returns the Parquet files that ``spec`` (file, folder or glob) names, sorted by path."""
    path = Path(spec)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(p for p in path.rglob("*.parquet") if p.is_file())
        if not found:
            raise BadInputError(f"{path}: no .parquet file in this folder", "name a folder with cards in Parquet.")
        return found
    found = sorted(
        Path(p)
        for p in glob.glob(spec, recursive=True)  # noqa: PTH207 (absolute patterns)
        if Path(p).is_file()
    )
    if not found:
        raise UsageError(f"source {spec!r} names no file", "give a Parquet file, a folder, a glob, or 'specimen'.")
    return found


def _open(path: Path) -> pq.ParquetFile:
    try:  # buffering ahead would keep every row group that was read
        file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise BadInputError(
            f"{path}: not a readable Parquet file ({_brief(error)})",
            "check that the download is complete; the file must be Parquet.",
        ) from error
    missing = [name for name in REQUIRED if name not in file.schema_arrow.names]
    if missing:
        raise BadInputError(
            f"{path}: column {missing[0]!r} is missing",
            f"the file has: {', '.join(file.schema_arrow.names)}; modelId and card are required.",
        )
    for name in (*REQUIRED, *OPTIONAL):
        if name in file.schema_arrow.names:
            _check_type(path, name, file.schema_arrow.field(name).type)
    return file


def _check_type(path: Path, name: str, found: pa.DataType) -> None:
    wanted = arrow_schema("cards").field(RENAMED.get(name, name)).type
    value = found.value_type if pa.types.is_dictionary(found) else found
    text = pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)
    fits = pa.types.is_null(found) or found == wanted
    if pa.types.is_string(wanted):
        fits = fits or text or (name == "card" and (pa.types.is_binary(value) or pa.types.is_large_binary(value)))
    elif pa.types.is_integer(wanted):
        fits = fits or pa.types.is_integer(found)
    elif pa.types.is_timestamp(wanted):
        fits = fits or pa.types.is_timestamp(found) or pa.types.is_date(found)
    elif pa.types.is_list(wanted):
        fits = fits or (
            (pa.types.is_list(found) or pa.types.is_large_list(found))
            and (
                pa.types.is_string(found.value_type)
                or pa.types.is_large_string(found.value_type)
                or pa.types.is_null(found.value_type)
            )
        )
    if not fits:
        raise BadInputError(
            f"{path}: column {name!r} has type {found}, not {wanted}", "cast the column and write the file again."
        )


def to_cards(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns ``batch`` in the cards schema, with status and reason."""
    rows: dict[str, pa.Array | list[object]] = {}
    broken: list[int] = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        target = RENAMED.get(name, name)
        rows[target], repaired = _plain(column, arrow_schema("cards").field(target).type)
        broken = repaired if name == "card" else broken
    rows["status"], rows["reason"] = _statuses(rows["card"], broken)
    cards = cards_batch(rows, batch.num_rows)
    without_text = pc.not_equal(cards.column("status"), "text")
    return cards.set_column(
        cards.schema.get_field_index("card"),
        cards.schema.field("card"),
        pc.if_else(without_text, pa.scalar(None, pa.string()), cards.column("card")),
    )


def _plain(column: pa.Array, wanted: pa.DataType) -> tuple[pa.Array, list[int]]:
    """Returns the column in the wanted type with valid text, and the rows whose text was repaired."""
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if column.type == wanted == pa.string() and _is_valid(column):
        return column, []
    if pa.types.is_string(wanted) and not pa.types.is_null(column.type):
        raw = column.cast(pa.large_binary())
        try:
            text = raw.cast(pa.large_string())
            text.validate(full=True)
            return text.cast(wanted), []
        except pa.ArrowInvalid:
            values, repaired = [], []
            for i, value in enumerate(raw.to_pylist()):
                try:
                    values.append(None if value is None else value.decode())
                except UnicodeDecodeError:
                    values.append(value.decode(errors="replace"))
                    repaired.append(i)
            return pa.array(values, wanted), repaired
    if pa.types.is_list(wanted) and not pa.types.is_null(column.type):
        values, _ = _plain(column.flatten(), pa.string())
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        offsets = [0, *lengths.cumsum().tolist()]
        mask = column.is_null()
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, mask=mask).cast(wanted), []
    if pa.types.is_timestamp(wanted) and pa.types.is_timestamp(column.type) and column.type.tz is None:
        column = column.cast(pa.timestamp("us")) if column.type.unit != "us" else column
        return pc.assume_timezone(column, "UTC"), []
    return column.cast(wanted, safe=not pa.types.is_timestamp(wanted)), []


def _is_valid(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _statuses(cards: pa.Array | list[object], broken: list[int]) -> tuple[list[object], list[object]]:
    n = len(cards)
    status: list[object] = ["text"] * n
    reason: list[object] = [None] * n
    short = pc.less(pc.fill_null(pc.binary_length(cards), 0), _LONG)
    blank = pc.fill_null(pc.utf8_is_space(cards), True)
    for i in pc.indices_nonzero(pc.or_(short, blank)).to_pylist():
        status[i], reason[i] = card_status(cards[i].as_py())
    for i in broken:
        reason[i] = REPAIRED if status[i] == "text" else reason[i]
    return status, reason


def _first_seen(ids: pa.Array, repeated: set[str], seen: set[str]) -> pa.Array:
    keep = []
    for model_id in ids.to_pylist():
        keep.append(model_id not in seen)
        if model_id in repeated:
            seen.add(model_id)
    return pa.array(keep)


def _valid_ids(path: Path, column: pa.Array, row: int) -> pa.Array:
    """Returns a part of the modelId column as text; ``row`` is the number of its first row."""
    ids = column.cast(pa.string())
    try:
        ids.validate(full=True)
    except pa.ArrowInvalid as error:
        raise BadInputError(f"{path}: a modelId is not valid UTF-8", "mend the modelId column.") from error
    bad = pc.index(pc.equal(pc.utf8_trim_whitespace(pc.fill_null(ids, "")), ""), True).as_py()
    if bad >= 0:
        raise BadInputError(f"{path}: row {row + bad} has no modelId", "remove the row or name its model.")
    return ids


def _hashes(ids: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Returns 64-bit hashes of the ids; Python's own are keyed anew in every process, so nobody can aim at a clash."""
    return np.fromiter(map(hash, ids.to_pylist()), np.int64, len(ids))


def _brief(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__


def _damaged(path: Path, error: Exception) -> BadInputError:
    return BadInputError(
        f"{path}: damaged or cut short ({_brief(error)})", "fetch or write the file again; nothing was changed."
    )
