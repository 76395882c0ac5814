"""Keeps the tagged cards of a source from run to run, so that only new and changed cards are decoded and tagged.

One Arrow file per source in the raw folder holds the last run: a row for each model, with the revision or the time of
its last commit, the hash of its card, and what the tagger found. A card is unchanged if its revision is the same, or,
where the source has no revisions, its ``last_modified``. A sample of unchanged cards is decoded and compared on every
run; one difference ends the trust in these times, and then every card is decoded and compared by its hash.

The result never depends on the cache. A damaged file, or one of another tagger, is ignored and replaced.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census import tag
from peft_census.snapshot.files import PARTIAL, file_sha256
from peft_census.snapshot.schema import arrow_schema
from peft_census.tag.batch import TAGGED_CARDS

IDENTITY = ("model_id", "last_modified", "revision")
OF_CARD = ("status", "reason", "card_chars", "card_sha256")
"""Columns of ``models`` that are derived from the text of the card."""

_MODELS = arrow_schema("models")
_FIELDS = [
    *(pa.field(name, _MODELS.field(name).type) for name in (*IDENTITY, *OF_CARD)),
    pa.field("config_sha256", pa.string()),
    pa.field("tagged", pa.struct(list(TAGGED_CARDS))),
]

COLUMNS = tuple(field.name for field in _FIELDS)


class TagCache:
    """The tagged cards of the last run over one source. Open it with ``with``.

    Args:
        folder: the folder of its file.
        source: what tells the source from others, such as its label.
        note: called with a line if the file is damaged or cannot be used.
    """

    def __init__(self, folder: Path, source: str, note: Callable[[str], None] = lambda line: None) -> None:
        self._stem = folder / f"tags-{hashlib.sha256(source.encode()).hexdigest()[:8]}"
        self._partial = folder / f".{self._stem.name}.{os.getpid()}{PARTIAL}"
        self._note = note
        self._schema = pa.schema(_FIELDS, {"version": version()})
        self._lock = Lock()
        self._writer: pa.RecordBatchFileWriter | None = None
        self._batches: list[pa.RecordBatch] = []
        self._starts = self._order = self._hashes = np.zeros(0, np.int64)
        self._written = np.zeros(0, bool)

    def __enter__(self) -> TagCache:
        try:
            self._partial.parent.mkdir(parents=True, exist_ok=True)
            self._load()
            self._writer = pa.ipc.new_file(str(self._partial), self._schema)
        except OSError as error:
            self._disable(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Replaces the file by the rows of this run; a run that ended early keeps the rows that it did not reach."""
        if self._writer is None:
            return
        try:
            if kind:
                self._keep_the_rest()
            self._writer.close()
            self._batches.clear()
            file = self._named(file_sha256(self._partial))
            self._partial.replace(file)
            for other in self._files():
                if other != file:
                    other.unlink()
        except OSError as failure:
            self._disable(failure)

    def rows(self, ids: pa.Array, columns: Sequence[str] = COLUMNS) -> pa.RecordBatch:
        """Returns one row for each model of ``ids``, in their order; a row of nulls for a model that is not here."""
        places = self._places(ids)
        chunks = np.where(places < 0, -1, np.searchsorted(self._starts, places, side="right") - 1)
        new_run = (np.diff(places) != (places[1:] >= 0)) | (np.diff(chunks) != 0)
        parts = [_nulls(columns, 0)]
        for run in np.split(np.arange(len(ids)), np.flatnonzero(new_run) + 1):  # mostly one: sources keep their order
            if len(run) and (chunk := chunks[run[0]]) >= 0:
                batch = self._batches[chunk].select(columns)
                parts.append(batch.slice(places[run[0]] - self._starts[chunk], len(run)))
            else:
                parts.append(_nulls(columns, len(run)))
        rows = pa.concat_batches(parts) if len(parts) > 2 else parts[-1]
        found = pc.fill_null(pc.equal(rows.column("model_id"), ids), False)  # hashes can be equal by chance
        known = rows.column("model_id").is_valid()
        return rows if found.equals(known) else rows.take(pc.if_else(found, pa.array(np.arange(len(ids))), None))

    def is_unchanged(self, cards: pa.RecordBatch) -> pa.Array:
        """Returns a boolean array: True for a card whose revision or time of the last commit is that of the last run.

        Args:
            cards: a batch with the columns ``IDENTITY``.
        """
        return _same_version(cards, self.rows(cards.column("model_id"), IDENTITY))

    def agrees(self, sample: Iterable[pa.RecordBatch]) -> bool:
        """Returns whether unchanged cards of ``sample`` have the text of the last run; a note names one without."""
        for cards in sample:
            earlier = self.rows(cards.column("model_id"), (*IDENTITY, "card_sha256"))
            differs = pc.invert(same_text(digests(cards.column("card")), earlier))
            if (at := pc.index(pc.and_(_same_version(cards, earlier), differs), True).as_py()) >= 0:
                self._note(
                    f"{cards.column('model_id')[at]}: the card changed, but its time of the last commit did not; "
                    "every card is decoded and compared"
                )
                return False
        return True

    def add(self, rows: pa.RecordBatch) -> None:
        """Adds rows of this run.

        Args:
            rows: the columns ``IDENTITY``, ``OF_CARD``, ``config_sha256`` and ``tagged``.
        """
        places = self._places(rows.column("model_id"))
        with self._lock:
            self._written[places[places >= 0]] = True
            if self._writer is None:
                return
            try:
                self._writer.write_batch(rows.select(self._schema.names).cast(self._schema))
            except OSError as error:
                self._disable(error)

    def _load(self) -> None:
        """Opens the file of the last run in memory, without reading it, if it is intact and of this tagger."""
        for file in self._files():
            try:
                if file != self._named(file_sha256(file)):
                    raise ValueError("its content has another hash than its name")
                reader = pa.ipc.open_file(pa.memory_map(str(file)))
                if reader.schema.equals(self._schema, check_metadata=True):
                    batches = map(reader.get_batch, range(reader.num_record_batches))
                    self._batches = [batch.replace_schema_metadata(None) for batch in batches]
            except (ValueError, pa.ArrowException) as error:
                self._note(f"{file}: the tag cache was damaged ({error}) and is replaced")
        self._starts = np.cumsum([0, *map(len, self._batches)])[:-1]
        self._written = np.zeros(sum(map(len, self._batches)), bool)
        hashes = np.concatenate([self._hashes, *(_hashes(batch.column("model_id")) for batch in self._batches)])
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]

    def _keep_the_rest(self) -> None:
        for start, batch in zip(self._starts, self._batches, strict=True):
            rest = batch.filter(pa.array(~self._written[start : start + len(batch)]))
            if self._writer and len(rest):
                self._writer.write_batch(rest)

    def _places(self, ids: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Returns the row of the last run for each model; -1 for none."""
        if not len(self._hashes):
            return np.full(len(ids), -1, np.int64)
        hashes = _hashes(ids)
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        return np.where(self._hashes[at] == hashes, self._order[at], -1)

    def _files(self) -> list[Path]:
        return sorted(self._stem.parent.glob(f"{self._stem.name}-*.arrow"))

    def _named(self, sha256: str) -> Path:
        return self._stem.with_name(f"{self._stem.name}-{sha256[:16]}.arrow")

    def _disable(self, error: OSError) -> None:
        self._writer, self._batches = None, []
        self._starts = self._order = self._hashes = np.zeros(0, np.int64)
        self._note(f"{self._stem.parent}: the tag cache cannot be used ({error}); the census continues without it")


def same_text(card_sha256: pa.Array, earlier: pa.RecordBatch) -> pa.Array:
    """Returns a boolean array: whether the card has the hash that ``earlier`` has; no text is equal to no text."""
    old = earlier.column("card_sha256")
    both_none = pc.and_(pc.and_(card_sha256.is_null(), old.is_null()), earlier.column("model_id").is_valid())
    return pc.or_(pc.fill_null(pc.equal(card_sha256, old), False), both_none)


def digests(texts: pa.Array) -> pa.Array:
    """Returns the SHA-256 of each text in hex, null for nulls."""
    encoded = texts.cast(pa.binary()).to_pylist()
    return pa.array([None if text is None else hashlib.sha256(text).hexdigest() for text in encoded], pa.string())


def version() -> str:
    """Returns a digest of what decides a tagged card besides the card: the tagger's version, code and data."""
    digest = hashlib.sha256()
    for part in (tag.TAGGER_VERSION, tag.load_taxonomy().sha256, tag.generators_sha256(), tag.corrections_sha256()):
        digest.update(part.encode() + b"\0")
    digest.update(str(TAGGED_CARDS).encode())
    for file in sorted(Path(tag.__file__).parent.glob("*.*")):
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _same_version(cards: pa.RecordBatch, earlier: pa.RecordBatch) -> pa.Array:
    """Returns a boolean array: whether revision, or without revisions ``last_modified``, are equal and not null."""
    commit, time = (pc.equal(cards.column(n), earlier.column(n)) for n in ("revision", "last_modified"))
    either = pc.or_(cards.column("revision").is_valid(), earlier.column("revision").is_valid())
    return pc.fill_null(pc.if_else(either, pc.fill_null(commit, False), time), False)


def _hashes(ids: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Returns 64-bit hashes of the ids; Python salts them in every process."""
    return np.fromiter(map(hash, ids.to_pylist()), np.int64, len(ids))


def _nulls(columns: Sequence[str], n: int) -> pa.RecordBatch:
    fields = [field for field in _FIELDS if field.name in columns]
    return pa.RecordBatch.from_arrays([pa.nulls(n, field.type) for field in fields], schema=pa.schema(fields))
