"""Time that passes only when a test or the code under test says so."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from peft_census.collect.http.rate_limit import Clock


class FakeTime:
    """A clock whose ``sleep`` returns at once and advances the time; its day begins with it.

    Args:
        tick: seconds that pass with each look at the clock.
    """

    def __init__(self, tick: float = 0.0) -> None:
        self.now, self.tick = 1000.0, tick
        self.slept: list[float] = []
        self.clock = Clock(self.monotonic, self.sleep, self.time_of_day)

    def time_of_day(self) -> datetime:
        """Returns the time as a date."""
        return datetime(2026, 11, 28, tzinfo=UTC) + timedelta(seconds=self.now - 1000)

    def monotonic(self) -> float:
        """Returns the time."""
        self.now += self.tick
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advances the time."""
        self.slept.append(seconds)
        self.now += seconds


class SharedTime:
    """A clock for a fixed number of threads: time advances to the next wake-up when all of them sleep.

    Args:
        threads: how many use it; each calls ``leave`` at its end.
    """

    def __init__(self, threads: int) -> None:
        self.now = 1000.0
        self._awake = threads
        self._due: list[float] = []
        self._changed = threading.Condition()
        self.clock = Clock(self.monotonic, self.sleep)

    def monotonic(self) -> float:
        """Returns the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Waits until the time has advanced by ``seconds``."""
        with self._changed:
            due = self.now + max(seconds, 1e-6)
            self._due.append(due)
            self.leave()
            self._changed.wait_for(lambda: self.now >= due)

    def leave(self) -> None:
        """Takes the calling thread out of account."""
        with self._changed:
            self._awake -= 1
            if self._awake == 0 and self._due:
                self.now = min(self._due)
                later = [due for due in self._due if due > self.now]
                self._awake = len(self._due) - len(later)
                self._due = later
                self._changed.notify_all()
