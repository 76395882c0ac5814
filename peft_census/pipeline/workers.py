"""Worker processes that read cards: Arrow IPC in, Arrow IPC out, nothing shared.

In: a batch of cards that need reading. Out: their readings, the same bytes that this process would produce. Workers are
spawned, not forked, because this process has threads. They ignore interrupts, which this process handles, and they
exit when this process exits.
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

import pyarrow as pa

from peft_census.errors import CensusError
from peft_census.tag.batch import read_cards
from peft_census.tag.candidates import bundled_scanner
from peft_census.tag.pattern_scanner import Compiled, load_compiled


def usable_cpus() -> int:
    """Returns the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def workers(jobs: int) -> Iterator[Executor]:
    """Gives ``jobs`` worker processes; on exit, waiting work is cancelled and the processes end."""
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_initialize)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class WorkerPool:
    """Reads cards in this process until enough were read to start worker processes, then in those.

    Several threads may use one pool. Open it with ``with``.

    Args:
        jobs: number of worker processes; 1 to start none.
        after: cards to read in this process before the workers are started; 0 to start them at once.
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
            CensusError: a worker process died.
        """
        with self._lock:
            self._left -= cards.num_rows
            start = self._left < 0
            self._left = math.inf if start else self._left
        if start:
            self._start()
        return self._read_in_pool(self._pool, cards) if self._pool else read_here(cards)

    def _read_in_pool(self, pool: Executor, cards: pa.RecordBatch) -> pa.RecordBatch:
        """Reads ``cards`` in a worker; the compiled scanner is sent with the cards until each worker has it.

        It is not sent when a worker starts: if this process is killed while it writes more than a pipe holds, the new
        worker reads half of it and prints a traceback.
        """
        compiled = bundled_scanner().compiled() if len(self._equipped) < self._jobs else None
        process, rows = read_in_worker(pool, cards, compiled)
        self._equipped.add(process)
        return rows

    def _start(self) -> None:
        """Starts the workers; they are used once one of them has answered."""
        pool = self._stack.enter_context(workers(self._jobs))
        answers = [pool.submit(os.getpid) for _ in range(self._jobs)]
        answers[0].add_done_callback(lambda _: setattr(self, "_pool", pool))


def read_here(cards: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the readings of ``cards`` (columns ``tag.batch.INPUTS``), made in this process."""
    return read_cards(cards)


def read_in_worker(
    pool: Executor, cards: pa.RecordBatch, compiled: Compiled | None = None
) -> tuple[int, pa.RecordBatch]:
    """Returns the id of the process that read ``cards``, and their readings.

    Args:
        pool: the worker processes.
        cards: a batch with the columns ``tag.batch.INPUTS``.
        compiled: the compiled scanner, so that the worker need not compile its own.

    Raises:
        CensusError: the process died.
    """
    try:
        process, rows = pool.submit(_read_packed, packed(cards), compiled).result()
    except BrokenProcessPool as error:
        raise CensusError(
            "a process that read cards died (killed, or out of memory); nothing incomplete was kept",
            "run the same command again; if memory is short, with --jobs 1 or a smaller batch_rows.",
        ) from error
    return process, unpacked(rows)


def _initialize() -> None:
    """Prepares a new worker: ignores interrupts, and exits when the parent exits."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Exits when the parent process has ended; otherwise the worker would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _read_packed(cards: pa.Buffer, compiled: Compiled | None) -> tuple[int, pa.Buffer]:
    if compiled:
        load_compiled(compiled)
    return os.getpid(), packed(read_here(unpacked(cards)))


def packed(batch: pa.RecordBatch) -> pa.Buffer:
    """Returns a batch as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def unpacked(data: pa.Buffer | bytes) -> pa.RecordBatch:
    """Returns the batch of an Arrow stream."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_next_batch()
