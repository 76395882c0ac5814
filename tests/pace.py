"""A limit on processor time that holds on slow and busy machines.

For tests that find costs which grow faster than their input: such costs exceed a limit by a factor of hundreds. The
limit is in seconds on an ordinary machine. An action that exceeds it is compared with a fixed piece of work that runs
directly after it, because a busy machine also slows down the processor time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

ORDINARY = 0.05
"""Seconds of processor time that ``_work`` takes on an ordinary machine."""


def _work() -> None:
    word = re.compile(r"\s*(\w+)")
    for line in ("lorem ipsum dolor sit amet\n" * 100_000).splitlines(keepends=True):
        word.match(line)


def processor_seconds(action: Callable[[], Result]) -> tuple[float, Result]:
    """Returns the processor time of ``action`` in this process, and its result."""
    began = time.process_time()
    result = action()
    return time.process_time() - began, result


def within(seconds: float, action: Callable[[], Result]) -> Result:
    """Returns the result of ``action``; fails if each of three runs takes more than ``seconds`` of processor time."""
    took = []
    for _ in range(3):
        cost, result = processor_seconds(action)
        if cost < seconds:
            return result
        took.append(cost / max(1.0, processor_seconds(_work)[0] / ORDINARY))
        if took[-1] < seconds:
            return result
    raise AssertionError(
        f"took {min(took):.2f} s of processor time on an ordinary machine; the limit is {seconds:.2f} s"
    )
