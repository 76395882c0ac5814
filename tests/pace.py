"""How long something may take on the machine that runs the tests, told as a time on an ordinary one.

For guards against costs that grow faster than their input: those miss by a factor of hundreds. A slow or busy
machine is allowed for, by what a fixed piece of work costs it, and by a second and third try.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")

ORDINARY = 0.05
"""Seconds of processor time that ``_work`` takes on an ordinary machine."""


def _work() -> None:
    word = re.compile(r"\s*(\w+)")
    for line in ("lorem ipsum dolor sit amet\n" * 100_000).splitlines(keepends=True):
        word.match(line)


def _seconds(action: Callable[[], Result]) -> tuple[float, Result]:
    began = time.process_time()
    result = action()
    return time.process_time() - began, result


@cache
def slow_by() -> float:
    """Returns how many times as long as an ordinary machine this one takes; 1 for a quicker one."""
    return max(1.0, min(_seconds(_work)[0] for _ in range(3)) / ORDINARY)


def within(seconds: float, action: Callable[[], Result]) -> Result:
    """Returns what ``action`` returns; fails where all of three tries cost more than so many seconds of processor."""
    limit, took = seconds * slow_by(), []
    for _ in range(3):
        cost, result = _seconds(action)
        if cost < limit:
            return result
        took.append(cost)
    raise AssertionError(f"took {min(took):.2f} s of processor time where {limit:.2f} s are allowed")
