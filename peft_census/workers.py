"""Processes that read cards for this one: Arrow IPC in, Arrow IPC out, nothing shared.

In: a batch of cards worth reading. Out: their readings, the same bytes that this process would make. Workers are
started anew, not forked, because this process has threads; they leave interrupts to it and end with it, however
it ends.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait

import pyarrow as pa

from peft_census.errors import CensusError


def usable_cpus() -> int:
    """Returns how many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def workers(jobs: int) -> Iterator[Executor]:
    """Gives ``jobs`` processes; on leaving, in whatever way, what waits is dropped and they end."""
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_start)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def read_here(cards: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the readings of ``cards`` (columns ``tag.batch.INPUTS``), made in this process."""
    from peft_census.tag.batch import as_rows, read_cards

    return as_rows(read_cards(cards))


def read_there(pool: Executor, cards: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the readings of ``cards``, made by one of the processes of ``pool``.

    Raises:
        CensusError: a process died.
    """
    try:
        return _unpacked(pool.submit(_read_packed, _packed(cards)).result())
    except BrokenProcessPool as error:
        raise CensusError(
            "a process that read cards died (killed, or out of memory); nothing half-made was kept",
            "run the same command again, with --jobs 1 or a smaller batch_rows if memory is short.",
        ) from error


def _start() -> None:
    """Prepares a new worker: interrupts are the parent's affair, and its end is the worker's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process once its parent is gone; its own queue would keep it waiting for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _read_packed(cards: pa.Buffer) -> pa.Buffer:
    return _packed(read_here(_unpacked(cards)))


def _packed(batch: pa.RecordBatch) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _unpacked(data: pa.Buffer) -> pa.RecordBatch:
    with pa.ipc.open_stream(data) as reader:
        return reader.read_next_batch()
