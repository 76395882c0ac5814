"""Raw shards: the files read from the Hub, in Parquet. A shard is complete or absent, and never changes.

In: outcomes of reading a file of a model. Out: texts by shard and row. The name of a shard is its number and the begin
of its SHA-256, which is compared when the shard is opened. Every shard is sorted by model id. So a pass
over all models in that order reads each shard once from front to back, with one row group of each in memory, whatever
the number of crawls that wrote them.
"""

from __future__ import annotations

import hashlib
import io
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from peft_census.errors import SourceError, output_error
from peft_census.snapshot.files import known_sha256, remove_leftovers, write_atomically

ROW_GROUP = 128
_DIGITS = 16
"""Hexadecimal digits of the SHA-256 in the name of a shard."""
_OPEN_GROUPS = 512
"""Row groups kept while reading. If more shards than this overlap, row groups are read again."""

SCHEMA = pa.schema(
    [
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("sha", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("revision", pa.string()),
        pa.field("text", pa.string()),
    ]
)


@dataclass(frozen=True)
class Outcome:
    """The outcome of reading one file of one model.

    Args:
        model_id: the model.
        sha: the commit that was asked for.
        status: as in ``schema.STATUSES``.
        reason: why there is no text, or what was repaired.
        revision: the commit that was read; None if a bulk dump supplied the text.
        gated: the gate as listed at that time.
        attempts: how many attempts it took.
        text: the file; None without text.
    """

    model_id: str
    sha: str
    status: str
    reason: str | None = None
    revision: str | None = None
    gated: str = ""
    attempts: int = 1
    text: str | None = None

    @property
    def text_sha256(self) -> str | None:
        """SHA-256 of the text's UTF-8 bytes."""
        return None if self.text is None else hashlib.sha256(self.text.encode()).hexdigest()


class Shards:
    """The shards of one folder.

    Args:
        folder: where they are; created if it is missing. Unfinished files of a killed run are removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[int, Path] = {}
        self._groups: OrderedDict[int, tuple[int, pa.Array]] = OrderedDict()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
        except OSError as error:
            raise output_error(folder, error) from error

    def numbers(self) -> list[int]:
        """Returns the numbers of all shards."""
        return list(shard_files(self.folder))

    def write(self, outcomes: list[Outcome]) -> tuple[int, list[Outcome]]:
        """Writes one shard; returns its number and the outcomes in the order of its rows."""
        ordered = sorted(outcomes, key=lambda o: o.model_id)
        number = max(self.numbers(), default=0) + 1
        table = pa.table({name: [getattr(o, name) for o in ordered] for name in SCHEMA.names}, SCHEMA)
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd", row_group_size=ROW_GROUP)
        data = buffer.getvalue()
        path = self.folder / f"{number:06d}-{hashlib.sha256(data).hexdigest()[:_DIGITS]}.parquet"
        write_atomically(path, data)
        self._files[number] = path
        return number, ordered

    def outcomes(self, number: int) -> list[Outcome]:
        """Returns all rows of a shard, for an index that lacks them."""
        return [Outcome(**row) for row in self._open(number).read().to_pylist()]

    def remove(self, numbers: set[int]) -> None:
        """Deletes shards."""
        for path in [path for number, path in shard_files(self.folder).items() if number in numbers]:
            try:
                path.unlink()
            except OSError as error:
                raise output_error(path, error) from error

    def text(self, place: tuple[int, int]) -> str | None:
        """Returns the text at a shard and row; fast if places are asked for in the order of model ids."""
        number, (group, offset) = place[0], divmod(place[1], ROW_GROUP)
        cached = self._groups.get(number)
        if cached is None or cached[0] != group:
            texts = self._open(number).read_row_group(group, columns=["text"]).column(0).combine_chunks()
            cached = self._groups[number] = (group, texts)
        self._groups.move_to_end(number)
        if len(self._groups) > _OPEN_GROUPS:
            self._groups.popitem(last=False)
        value: str | None = cached[1][offset].as_py()
        return value

    def bytes(self) -> int:
        """Returns the size of all shards."""
        return sum(p.stat().st_size for p in self.folder.glob("*.parquet"))

    def _open(self, number: int) -> pq.ParquetFile:
        if number not in self._files:
            self._files = shard_files(self.folder)
        path = self._files.get(number, self.folder / f"{number:06d}-*.parquet")
        try:
            if not is_as_written(path, known_sha256(path)):
                raise OSError("it changed since it was written")
            return pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise SourceError(
                f"{path}: damaged raw shard ({error})", "remove this file and run again; its cards are read again."
            ) from error


def shard_files(folder: Path) -> dict[int, Path]:
    """Returns the shards in ``folder`` by number, in order."""
    files = ((path.stem.partition("-")[0], path) for path in sorted(folder.glob("*.parquet")))
    return {int(number): path for number, path in files if number.isdigit()}


def is_as_written(shard: Path, sha256: str) -> bool:
    """Returns whether ``sha256``, that of the bytes of a shard, is the one in its name."""
    digest = shard.stem.partition("-")[2]
    return len(digest) == _DIGITS and sha256.startswith(digest)
