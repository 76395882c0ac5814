"""Processes that read cards for this one: Arrow IPC in, Arrow IPC out, nothing shared.

In: a batch of cards worth reading. Out: their readings, the same bytes that this process would make. Workers are
started anew, not forked, because this process has threads; they leave interrupts to it and end with it, however
it ends.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

import pyarrow as pa

from peft_census.errors import CensusError

if TYPE_CHECKING:
    from peft_census.tag.pattern_scanner import Compiled


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


class WorkerPool:
    """Reads cards in other processes, or in this one until it is worth starting those and they are ready.

    Threads may share one. Open it with ``with``.

    Args:
        jobs: how many processes; 1 for this one alone.
        after: cards that are read in this process before others are started; 0 to read none here.
    """

    def __init__(self, jobs: int, after: int) -> None:
        self._jobs = jobs
        self._left: float = after if jobs > 1 else math.inf
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._pool: Executor | None = None
        self._equipped: set[int] = set()

    def __enter__(self) -> WorkerPool:
        if self._left == 0:
            self._left, self._pool = math.inf, self._stack.enter_context(workers(self._jobs))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def read(self, cards: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the readings of ``cards`` (columns ``tag.batch.INPUTS``).

        Raises:
            CensusError: a process died.
        """
        with self._lock:
            self._left -= cards.num_rows
            worth_it = self._left < 0
            self._left = math.inf if worth_it else self._left
        if worth_it:
            self._start()
        return self._read_there(self._pool, cards) if self._pool else read_here(cards)

    def _read_there(self, pool: Executor, cards: pa.RecordBatch) -> pa.RecordBatch:
        """Has a process read; the scanner goes with the cards until every process has it.

        What a process is started with must be small: a run that is killed while it writes more than a pipe holds
        would leave the new process with half of it, and a traceback.
        """
        from peft_census.tag.candidates import bundled_scanner

        compiled = bundled_scanner().compiled() if len(self._equipped) < self._jobs else None
        process, rows = read_there(pool, cards, compiled)
        self._equipped.add(process)
        return rows

    def _start(self) -> None:
        """Starts the processes; the first answer says that they are ready."""
        pool = self._stack.enter_context(workers(self._jobs))
        answers = [pool.submit(os.getpid) for _ in range(self._jobs)]
        answers[0].add_done_callback(lambda _: setattr(self, "_pool", pool))


def read_here(cards: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the readings of ``cards`` (columns ``tag.batch.INPUTS``), made in this process."""
    from peft_census.tag.batch import read_cards

    return read_cards(cards)


def read_there(pool: Executor, cards: pa.RecordBatch, compiled: Compiled | None = None) -> tuple[int, pa.RecordBatch]:
    """Returns which process of ``pool`` read ``cards``, and their readings.

    Args:
        pool: the processes.
        cards: a batch with the columns ``tag.batch.INPUTS``.
        compiled: the scanner's, so that a process need not compile its own.

    Raises:
        CensusError: a process died.
    """
    try:
        process, rows = pool.submit(_read_packed, _packed(cards), compiled).result()
    except BrokenProcessPool as error:
        raise CensusError(
            "a process that read cards died (killed, or out of memory); nothing half-made was kept",
            "run the same command again, with --jobs 1 or a smaller batch_rows if memory is short.",
        ) from error
    return process, _unpacked(rows)


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


def _read_packed(cards: pa.Buffer, compiled: Compiled | None) -> tuple[int, pa.Buffer]:
    from peft_census.tag.pattern_scanner import load_compiled

    if compiled:
        load_compiled(compiled)
    return os.getpid(), _packed(read_here(_unpacked(cards)))


def _packed(batch: pa.RecordBatch) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _unpacked(data: pa.Buffer) -> pa.RecordBatch:
    with pa.ipc.open_stream(data) as reader:
        return reader.read_next_batch()
