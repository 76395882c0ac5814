"""The stage between a source and a snapshot: batches of cards in, ``(models, mentions)`` out, in order.

A thread a batch scans for cards worth reading (Arrow lets go of the interpreter meanwhile) and worker processes
read those few in Python. At most a handful of batches is under way, so memory does not grow with the input, and
neither the number of processes nor the cache shows in the result.
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
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.pipeline.workers import WorkerPool
from peft_census.snapshot.schema import arrow_schema

if TYPE_CHECKING:
    from peft_census.pipeline.tag_cache import TagCache

FEW = 4
"""Inputs of no more batches than this are tagged in this process and not cached: starting others costs more."""

START = 1_000
"""Cards that are read in about the time in which another process starts."""

Read = Callable[[pa.RecordBatch], pa.RecordBatch]
Pair = tuple[pa.RecordBatch, pa.RecordBatch]


@dataclass(frozen=True)
class TagOptions:
    """How tagging is done; what comes out is always the same.

    Args:
        jobs: processes that read cards; 1 for this one alone.
        cache: remembers readings from run to run; None for no memory.
        alone: cards that are read in this process before others are started, because a start costs too; 0 for none.
    """

    jobs: int = 1
    cache: TagCache | None = None
    alone: int = 0


def tagged(
    batches: Iterator[pa.RecordBatch], tag_options: TagOptions | None = None, with_models: bool = True
) -> Iterator[Pair]:
    """Yields ``(models, mentions)`` for every batch of cards, in order.

    Args:
        batches: batches in the ``cards`` schema.
        effort: how; by default in this process and without a cache.
        with_models: False to get the batch of cards itself in place of ``models``, which costs nothing.

    Raises:
        CensusError: a worker process died.
    """
    from peft_census.tag.candidates import bundled_scanner

    tag_options = tag_options or TagOptions()
    batches = iter(batches)
    first = list(islice(batches, FEW + 1))
    if len(first) <= FEW:
        tag_options = TagOptions()
    batches = chain(first, batches)
    del first  # not kept while the others are tagged
    if tag_options.jobs > 1:
        bundled_scanner()  # made before the threads begin, or each would make one of its own
    with ExitStack() as stack:
        cache = stack.enter_context(tag_options.cache) if tag_options.cache else None
        read: Read = stack.enter_context(WorkerPool(tag_options.jobs, tag_options.alone)).read
        if cache:
            read = partial(_read_new, read=read, cache=cache)
        yield from _in_order(partial(_tag, read=read, with_models=with_models), batches, tag_options.jobs)


def _in_order(work: Callable[[pa.RecordBatch], Pair], batches: Iterator[pa.RecordBatch], jobs: int) -> Iterator[Pair]:
    """Yields ``work(batch)`` for every batch, in order; with several jobs some batches are under way at once."""
    if jobs == 1:
        yield from map(work, batches)
        return
    pool = ThreadPoolExecutor(jobs + 1, thread_name_prefix="tag")
    waiting: deque[Future[Pair]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(work, batch))
            if len(waiting) > jobs + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _tag(cards: pa.RecordBatch, read: Read, with_models: bool) -> Pair:
    """Tags one batch: finds the cards worth reading, reads them, and makes the tables."""
    from peft_census.tag.batch import inputs, may_have_mentions, mentions_of

    at = pc.indices_nonzero(may_have_mentions(cards))
    rows = read(inputs(cards).take(at))
    models = _models(cards, at, rows) if with_models else cards
    return models, mentions_of(rows)


def _read_new(cards: pa.RecordBatch, read: Read, cache: TagCache) -> pa.RecordBatch:
    """Returns the readings of ``cards``: those that the cache knows from there, the others by ``read``."""
    from peft_census.pipeline.tag_cache import keys_of

    keys = keys_of(cards)
    known, old_rows = cache.readings(keys)
    places = {key: position for position, key in enumerate(known)}
    new = [i for i, key in enumerate(keys) if key not in places]
    if not new:
        return old_rows.take(pa.array([places[key] for key in keys], pa.int64()))
    new_rows = read(cards.take(pa.array(new, pa.int64())))
    cache.add([keys[i] for i in new], new_rows)
    places |= {keys[i]: len(known) + n for n, i in enumerate(new)}
    return pa.concat_batches([old_rows, new_rows]).take(pa.array([places[key] for key in keys], pa.int64()))


def _digests(texts: pa.Array) -> pa.Array:
    """Returns the SHA-256 of every text in hex, null for nulls."""
    whole = texts.cast(pa.binary()).to_pylist()
    return pa.array([None if text is None else hashlib.sha256(text).hexdigest() for text in whole], pa.string())


def _models(cards: pa.RecordBatch, at: pa.Array, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the ``models`` table of one batch: the columns of ``cards``, and what was read in those ``at``."""
    texts = cards.column("card")
    position = pc.index_in(pa.array(range(cards.num_rows), pa.int64()), value_set=at.cast(pa.int64()))
    read = {name: column.take(position) for name, column in zip(rows.schema.names, rows.columns, strict=True)}
    unread = pc.fill_null(read["unread_chars"], 0)
    made = {
        **read,
        "card_chars": pc.utf8_length(texts).cast(pa.int32()),
        "card_sha256": _digests(texts),
        "unread_chars": pc.if_else(texts.is_valid(), unread, pa.scalar(None, pa.int32())),
        "generators": pc.coalesce(read["generators"], pa.scalar([], pa.list_(pa.string()))),
        "base_model": _base_models(cards, at, rows),
    }
    schema = arrow_schema("models")
    columns = [made[f.name] if f.name in made else cards.column(f.name) for f in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


_BASE_TAG = "base_model:"
_RELATIONS = ("adapter", "finetune", "quantized", "merge")


def _base_models(cards: pa.RecordBatch, at: pa.Array, rows: pa.RecordBatch) -> pa.Array:
    """Returns the first base model of every card that was read: by front matter, the Hub's tags, configuration."""
    found: list[str | None] = [None] * cards.num_rows
    tags = cards.column("tags").take(at).to_pylist()
    firsts, configured = (rows.column(name).to_pylist() for name in ("base_model", "config_base_model"))
    for i, first, of_card, config in zip(at.to_pylist(), firsts, tags, configured, strict=True):
        found[i] = first or _tagged_base(of_card or ()) or config
    return pa.array(found, pa.string())


def _tagged_base(tags: Iterable[str | None]) -> str | None:
    for tag in tags:
        if tag and tag.startswith(_BASE_TAG):
            relation, _, name = tag.removeprefix(_BASE_TAG).partition(":")
            return name if relation in _RELATIONS else tag.removeprefix(_BASE_TAG)
    return None
