"""Progress on stderr: a bar on a terminal; elsewhere, as in the log of a workflow, one plain line every 30 seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, Timer
from types import TracebackType
from typing import Any, Protocol

from tqdm import tqdm

DELAY = 2.0
"""Seconds after which a stage is shown."""

EVERY = 30.0
"""Seconds between two lines."""


class Bar(Protocol):
    """What a stage advances."""

    def update(self, n: int) -> object:
        """Adds ``n`` units that are done."""

    def set_postfix_str(self, s: str, refresh: bool = True) -> object:
        """Sets what is shown behind the figures, such as what is left of a rate limit."""


class Lines:
    """Progress in lines: units done and their total, time, time to finish, and the postfix.

    Args:
        what: the stage.
        unit: of the work; empty if the stage has none.
        total: units of work, where known.
        done: units done before.
    """

    def __init__(self, what: str, unit: str, total: int | None, done: int) -> None:
        self._what, self._unit, self._total = what, unit, total
        self._first = self._done = done
        self._postfix = ""
        self._start = time.monotonic()
        self._ended = Event()
        self._thread = Thread(target=self._print_until_the_end, daemon=True)

    def update(self, n: int) -> None:
        """Adds ``n`` units that are done."""
        self._done += n

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        """Sets what is shown behind the figures."""
        self._postfix = s

    def __enter__(self) -> Lines:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def line(self) -> str:
        """Returns the line for this moment."""
        elapsed = time.monotonic() - self._start
        parts = [f"{tqdm.format_interval(elapsed)} elapsed"]
        if self._unit:
            of = f" of {self._total:,}" if self._total is not None else ""
            parts.insert(0, f"{self._done:,}{of} {self._unit}")
        new = self._done - self._first
        if self._unit and self._total is not None and new and elapsed:
            parts.append(f"{tqdm.format_interval((self._total - self._done) * elapsed / new)} to finish")
        return f"{self._what}: {', '.join([*parts, *filter(None, [self._postfix])])}"

    def _print_until_the_end(self) -> None:
        wait = DELAY
        while not self._ended.wait(wait):
            announce(self.line())
            wait = EVERY


def announce(line: str) -> None:
    """Prints a line on stderr, above a progress bar."""
    tqdm.write(line, file=sys.stderr)


@contextmanager
def progress(what: str, unit: str, total: int | None, quiet: bool = False, done: int = 0) -> Iterator[Bar]:
    """Shows the progress of one stage; on a terminal as a bar with rate and remaining time.

    Args:
        what: the stage.
        unit: of the work, ``B`` for bytes; empty for a stage that shows its time only.
        total: units of work, where known.
        quiet: show nothing.
        done: units done before.
    """
    if not quiet and not sys.stderr.isatty():
        with Lines(what, unit, total, done) as lines:
            yield lines
        return
    layout = None if unit else "{desc}: {elapsed}"
    in_bytes = unit == "B"
    bar = tqdm(
        desc=what, unit=unit if in_bytes else f" {unit}", unit_scale=in_bytes, total=total, initial=done, disable=quiet,
        bar_format=layout, file=sys.stderr, delay=DELAY, mininterval=0.5,
    )  # fmt: skip
    timer = Timer(DELAY, _show, [bar])  # a bar shows itself only when it advances
    timer.daemon = True
    with bar:
        if not quiet:
            timer.start()
        try:
            yield bar
        finally:
            timer.cancel()


def _show(bar: Any) -> None:
    bar.last_print_t = bar.start_t + DELAY  # tqdm ends the line of a bar that was shown after the delay
    bar.refresh()
