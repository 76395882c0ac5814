"""Tags batches of cards in order: batches of cards in, pairs ``(models, mentions)`` out.

One thread per batch searches for cards that need reading (Arrow releases the interpreter lock meanwhile), and worker
processes read these few. Few batches are in progress at a time, so memory does not grow with the input. The result
depends neither on the number of processes nor on the cache.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.collect.base import SkippingSource, Source, SourceInfo
from peft_census.pipeline.progress import SILENT, Progress, over_batches
from peft_census.pipeline.settings import settings
from peft_census.pipeline.tag_cache import IDENTITY, OF_CARD, TagCache, digests, same_text
from peft_census.pipeline.workers import WorkerPool, read_here, usable_cpus
from peft_census.snapshot.schema import arrow_schema
from peft_census.tag.batch import inputs, may_have_mentions, mentions_of
from peft_census.tag.near_duplicates import NearDuplicates

FEW = 4
"""Sources of up to this many batches are tagged in this process and not cached, because that is faster."""

WORTH_STARTING = 1_000
"""Cards that this process reads in about the time in which a worker process starts."""

FINGERPRINT = ["near_duplicate", "signature"]
Read = Callable[[pa.RecordBatch], pa.RecordBatch]
Pair = tuple[pa.RecordBatch, pa.RecordBatch]
Triple = tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch]


@dataclass(frozen=True)
class TagOptions:
    """How to tag on this machine. The result does not depend on it.

    Args:
        jobs: processes that read cards; 1 for this process only; None for one per CPU if there are many cards.
        cache: the folder of the tag cache; None for no cache.
        decode_all: decode also the cards that are unchanged since the last run, and compare them by their hash.
    """

    jobs: int | None = 1
    cache: Path | None = None
    decode_all: bool = False


IN_PROCESS = TagOptions()


@runtime_checkable
class TaggingSource(Source, Protocol):
    """A source whose cards are tagged elsewhere, by a distributed engine."""

    def tagged(self) -> Iterator[Triple]:
        """Yields models, mentions and fingerprints as ``tag_batch`` returns them, in the order of ``batches``."""


def tag_source(
    source: Source,
    info: SourceInfo,
    options: TagOptions = IN_PROCESS,
    progress: Progress = SILENT,
    with_models: bool = True,
    near_duplicates: NearDuplicates | None = None,
) -> Iterator[Pair]:
    """Yields ``(models, mentions)`` for each batch of a prepared source, in order; see ``tagged``.

    Args:
        source: the cards.
        info: what ``source.prepare`` returned.
        options: how to tag.
        progress: receives the progress, and a note if the cache cannot be used.
        with_models: False to yield the batch of cards instead of ``models`` where that saves time.
        near_duplicates: receives the fingerprints of the cards; until it is applied to the column ``near_duplicate``,
            that column holds the key of each card alone.

    Raises:
        CensusError: a worker process died.
    """
    if isinstance(source, TaggingSource):
        with progress.stage("tagging cards on the cluster"):
            yield from _pairs(source.tagged(), near_duplicates)
        return
    few = source.total() <= FEW * settings().batch_rows
    with ExitStack() as stack:
        batches, cache = source.batches, None
        if options.cache and not few:
            name = info.label if info.kind == "files" else info.kind
            cache = stack.enter_context(TagCache(options.cache, name, progress.note))
            if isinstance(source, SkippingSource) and not options.decode_all and cache.agrees(source.sample()):
                batches = partial(source.batches, cache.is_unchanged)
        watched = over_batches(progress, "tagging cards", batches(), source.total())
        yield from tagged(watched, 1 if few else options.jobs, with_models, cache, near_duplicates)


def tagged(
    batches: Iterable[pa.RecordBatch],
    jobs: int | None = 1,
    with_models: bool = True,
    cache: TagCache | None = None,
    near_duplicates: NearDuplicates | None = None,
) -> Iterator[Pair]:
    """Yields ``(models, mentions)`` for each batch of cards, in order.

    Args:
        batches: batches in the ``cards`` schema. ``status`` is null for a card that is left out and is in ``cache``.
        jobs: see ``TagOptions``.
        with_models: False to yield the batch of cards instead of ``models``, if there is no cache.
        cache: receives the tagged cards, and has those of the last run.
        near_duplicates: see ``tag_source``.

    Raises:
        CensusError: a worker process died.
    """
    processes = jobs or usable_cpus()
    with WorkerPool(processes, 0 if jobs else WORTH_STARTING) as pool:
        work = partial(tag_batch, read=pool.read, with_models=with_models)
        if cache:
            work = partial(_tag_new, read=pool.read, cache=cache)
        yield from _pairs(_in_order(work, iter(batches), processes), near_duplicates)


def _pairs(triples: Iterable[Triple], near_duplicates: NearDuplicates | None) -> Iterator[Pair]:
    """Yields models and mentions, and adds the fingerprints to ``near_duplicates``."""
    for models, mentions, keys in triples:
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


def tag_batch(cards: pa.RecordBatch, read: Read = read_here, with_models: bool = True) -> Triple:
    """Returns models, mentions and fingerprints of one batch: selects the cards that need reading, and reads them."""
    at = pc.indices_nonzero(may_have_mentions(cards))
    rows = read(inputs(cards).take(at))
    models = _models(cards, _of_card(cards, digests(cards.column("card"))), at, rows) if with_models else cards
    return models, mentions_of(rows), rows.select(FINGERPRINT)


def _tag_new(cards: pa.RecordBatch, read: Read, cache: TagCache) -> Triple:
    """Tags one batch: like ``tag_batch``, but what the cache has of unchanged cards is taken from it."""
    earlier = cache.rows(cards.column("model_id"))
    sums, configs = digests(cards.column("card")), digests(cards.column("adapter_config"))
    left_out = cards.column("status").is_null()
    same_config = pc.equal(pc.fill_null(configs, ""), pc.fill_null(earlier.column("config_sha256"), ""))
    known = pc.or_(left_out, pc.and_(same_text(sums, earlier), same_config))
    new = pc.indices_nonzero(pc.and_(may_have_mentions(cards), pc.invert(known)))
    old = pc.indices_nonzero(pc.and_(known, earlier.column("tagged").is_valid()))
    old_rows = pa.RecordBatch.from_struct_array(earlier.column("tagged").take(old))
    new_rows = read(inputs(cards).take(new))
    at = pa.concat_arrays([new, old])
    order = pc.sort_indices(at)
    at, rows = at.take(order), pa.concat_batches([new_rows, old_rows.cast(new_rows.schema)]).take(order)
    of_card = {
        name: pc.if_else(left_out, earlier.column(name), column) for name, column in _of_card(cards, sums).items()
    }
    position = _position(at, cards.num_rows)
    cache.add(
        pa.RecordBatch.from_pydict(
            {name: cards.column(name) for name in IDENTITY}
            | of_card
            | {"config_sha256": configs, "tagged": rows.to_struct_array().take(position)}
        )
    )
    return _models(cards, of_card, at, rows), mentions_of(rows), rows.select(FINGERPRINT)


def _of_card(cards: pa.RecordBatch, sums: pa.Array) -> dict[str, pa.Array]:
    """Returns the columns ``OF_CARD`` of a batch whose cards have the hashes ``sums``."""
    chars = pc.utf8_length(cards.column("card")).cast(pa.int32())
    return dict(zip(OF_CARD, (cards.column("status"), cards.column("reason"), chars, sums), strict=True))


def _position(at: pa.Array, n: int) -> pa.Array:
    """Returns for each of ``n`` cards its place in ``at``, or null."""
    return pc.index_in(pa.array(range(n), pa.int64()), value_set=at.cast(pa.int64()))


def _models(cards: pa.RecordBatch, of_card: dict[str, pa.Array], at: pa.Array, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the ``models`` table of one batch: the columns of ``cards``, and what was read in the cards ``at``."""
    position = _position(at, cards.num_rows)
    read = {name: column.take(position) for name, column in zip(rows.schema.names, rows.columns, strict=True)}
    unread = pc.fill_null(read["unread_chars"], 0)
    columns = {
        **read,
        **of_card,
        "unread_chars": pc.if_else(of_card["card_chars"].is_valid(), unread, pa.scalar(None, pa.int32())),
        "generators": pc.coalesce(read["generators"], pa.scalar([], pa.list_(pa.string()))),
        "base_model": _base_models(cards, at, rows),
    }
    schema = arrow_schema("models")
    arrays = [columns[f.name] if f.name in columns else cards.column(f.name) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


_BASE_TAG = "base_model:"
_RELATIONS = ("adapter", "finetune", "quantized", "merge")


def _base_models(cards: pa.RecordBatch, at: pa.Array, rows: pa.RecordBatch) -> pa.Array:
    """Returns the first base model of each card: by front matter if it was read, by Hub tags, or by configuration."""
    tags = cards.column("tags")
    named = pc.starts_with(pc.list_flatten(tags), _BASE_TAG)
    with_base = pc.unique(pc.filter(pc.list_parent_indices(tags), pc.fill_null(named, False)))
    bases: list[str | None] = [None] * cards.num_rows
    for i, of_card in zip(with_base.to_pylist(), tags.take(with_base).to_pylist(), strict=True):
        bases[i] = _tagged_base(of_card)
    firsts, configured = (rows.column(name).to_pylist() for name in ("base_model", "config_base_model"))
    for i, first, config in zip(at.to_pylist(), firsts, configured, strict=True):
        bases[i] = first or bases[i] or config
    return pa.array(bases, pa.string())


def _tagged_base(tags: Iterable[str | None]) -> str | None:
    for tag in tags:
        if tag and tag.startswith(_BASE_TAG):
            relation, _, name = tag.removeprefix(_BASE_TAG).partition(":")
            return name if relation in _RELATIONS else tag.removeprefix(_BASE_TAG)
    return None
