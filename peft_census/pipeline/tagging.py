"""Tags batches of cards in order: batches of cards in, pairs ``(models, mentions)`` out.

One thread per batch searches for cards that need reading (Arrow releases the interpreter lock meanwhile), and worker
processes read these few. Few batches are in progress at a time, so memory does not grow with the input. The result
depends neither on the number of processes nor on the cache.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.pipeline.tag_cache import TagCache, keys_of
from peft_census.pipeline.workers import WorkerPool, usable_cpus
from peft_census.snapshot.schema import arrow_schema
from peft_census.tag.batch import inputs, may_have_mentions, mentions_of
from peft_census.tag.candidates import bundled_scanner
from peft_census.tag.near_duplicates import NearDuplicates

FEW = 4
"""Inputs of up to this many batches are tagged in this process and not cached, because that is faster."""

WORTH_STARTING = 1_000
"""Cards that this process reads in about the time in which a worker process starts."""

Read = Callable[[pa.RecordBatch], pa.RecordBatch]
Pair = tuple[pa.RecordBatch, pa.RecordBatch]
Triple = tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch]


@dataclass(frozen=True)
class TagOptions:
    """How to tag. The result does not depend on it.

    Args:
        jobs: processes that read cards; 1 for this process only; None for one per CPU if there are many cards.
        cache: the folder of the tag cache; None for no cache.
    """

    jobs: int | None = 1
    cache: Path | None = None


IN_PROCESS = TagOptions()


def tagged(
    batches: Iterable[pa.RecordBatch],
    options: TagOptions = IN_PROCESS,
    with_models: bool = True,
    note: Callable[[str], None] = lambda line: None,
    near_duplicates: NearDuplicates | None = None,
) -> Iterator[Pair]:
    """Yields ``(models, mentions)`` for each batch of cards, in order.

    Args:
        batches: batches in the ``cards`` schema.
        options: how to tag.
        with_models: False to yield the batch of cards instead of ``models``, at no cost.
        note: called with a line if the cache cannot be used.
        near_duplicates: receives the fingerprints of the cards; until it is applied to the column ``near_duplicate``,
            that column holds the key of each card alone.

    Raises:
        CensusError: a worker process died.
    """
    batches = iter(batches)
    first = list(islice(batches, FEW + 1))
    if len(first) <= FEW:
        options = IN_PROCESS
    batches = chain(first, batches)
    del first  # so that it is freed while the other batches are tagged
    jobs = options.jobs or usable_cpus()
    if jobs > 1:
        bundled_scanner()  # compiled before the threads start, or each thread would compile its own
    with ExitStack() as stack:
        cache = stack.enter_context(TagCache(options.cache, note)) if options.cache else None
        read: Read = stack.enter_context(WorkerPool(jobs, 0 if options.jobs else WORTH_STARTING)).read
        if cache:
            read = partial(_read_new, read=read, cache=cache)
        tag = partial(_tag, read=read, with_models=with_models)
        for models, mentions, keys in _in_order(tag, batches, jobs):
            if near_duplicates:
                near_duplicates.add(*(column.to_pylist() for column in keys.columns))
            yield models, mentions


def _in_order(
    work: Callable[[pa.RecordBatch], Triple], batches: Iterator[pa.RecordBatch], jobs: int
) -> Iterator[Triple]:
    """Yields ``work(batch)`` for each batch, in order; with several jobs some batches are in progress at once."""
    if jobs == 1:
        yield from map(work, batches)
        return
    pool = ThreadPoolExecutor(jobs + 1, thread_name_prefix="tag")
    waiting: deque[Future[Triple]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(work, batch))
            if len(waiting) > jobs + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _tag(cards: pa.RecordBatch, read: Read, with_models: bool) -> Triple:
    """Tags one batch: selects the cards that need reading, reads them, and builds models, mentions and fingerprints."""
    at = pc.indices_nonzero(may_have_mentions(cards))
    rows = read(inputs(cards).take(at))
    models = _models(cards, at, rows) if with_models else cards
    return models, mentions_of(rows), rows.select(["near_duplicate", "signature"])


def _read_new(cards: pa.RecordBatch, read: Read, cache: TagCache) -> pa.RecordBatch:
    """Returns the readings of ``cards``: from the cache where it has them, otherwise from ``read``."""
    keys = keys_of(cards)
    known, old_rows = cache.readings(keys)
    position = {key: i for i, key in enumerate(known)}
    new = [i for i, key in enumerate(keys) if key not in position]
    if not new:
        return old_rows.take(pa.array([position[key] for key in keys], pa.int64()))
    new_rows = read(cards.take(pa.array(new, pa.int64())))
    cache.add([keys[i] for i in new], new_rows)
    position |= {keys[i]: len(known) + n for n, i in enumerate(new)}
    return pa.concat_batches([old_rows, new_rows]).take(pa.array([position[key] for key in keys], pa.int64()))


def _digests(texts: pa.Array) -> pa.Array:
    """Returns the SHA-256 of each text in hex, null for nulls."""
    encoded = texts.cast(pa.binary()).to_pylist()
    return pa.array([None if text is None else hashlib.sha256(text).hexdigest() for text in encoded], pa.string())


def _models(cards: pa.RecordBatch, at: pa.Array, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the ``models`` table of one batch: the columns of ``cards``, and the readings of the cards ``at``."""
    texts = cards.column("card")
    position = pc.index_in(pa.array(range(cards.num_rows), pa.int64()), value_set=at.cast(pa.int64()))
    read = {name: column.take(position) for name, column in zip(rows.schema.names, rows.columns, strict=True)}
    unread = pc.fill_null(read["unread_chars"], 0)
    columns = {
        **read,
        "card_chars": pc.utf8_length(texts).cast(pa.int32()),
        "card_sha256": _digests(texts),
        "unread_chars": pc.if_else(texts.is_valid(), unread, pa.scalar(None, pa.int32())),
        "generators": pc.coalesce(read["generators"], pa.scalar([], pa.list_(pa.string()))),
        "base_model": _base_models(cards, at, rows),
    }
    schema = arrow_schema("models")
    arrays = [columns[f.name] if f.name in columns else cards.column(f.name) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


_BASE_TAG = "base_model:"
_RELATIONS = ("adapter", "finetune", "quantized", "merge")


def _base_models(cards: pa.RecordBatch, at: pa.Array, rows: pa.RecordBatch) -> pa.Array:
    """Returns the first base model of each card that was read: by front matter, by Hub tags, by configuration."""
    bases: list[str | None] = [None] * cards.num_rows
    tags = cards.column("tags").take(at).to_pylist()
    firsts, configured = (rows.column(name).to_pylist() for name in ("base_model", "config_base_model"))
    for i, first, of_card, config in zip(at.to_pylist(), firsts, tags, configured, strict=True):
        bases[i] = first or _tagged_base(of_card or ()) or config
    return pa.array(bases, pa.string())


def _tagged_base(tags: Iterable[str | None]) -> str | None:
    for tag in tags:
        if tag and tag.startswith(_BASE_TAG):
            relation, _, name = tag.removeprefix(_BASE_TAG).partition(":")
            return name if relation in _RELATIONS else tag.removeprefix(_BASE_TAG)
    return None
