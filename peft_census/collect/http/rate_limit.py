"""Pacing: when the next request may be sent, by the rate limits that the server reports.

In: the rate-limit headers of each response. Out: permission to send, or a wait. ``Pacer`` keeps one fixed window per
bucket of the Hub, for many threads. No URL and no socket here. Time comes from a ``Clock``, which tests replace.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from peft_census.errors import GAPS, SourceError, UnrecoverableError

ANONYMOUS = {"api": 500, "resolvers": 3000, "pages": 100}
"""The Hub's documented quotas per 300 seconds without a token: assumed until a response reports others."""

_SPREAD = 0.9
"""The second half of a quota is spread over this part of the remaining time, as the Hub's documentation asks. The
last second is left out, because a server may round the reset; otherwise the window could end with quota unused."""

LONGEST_WAIT = 3660.0
"""Seconds. A server that asks for more than an hour (and a minute, because clocks differ) ends the run."""
ANNOUNCED_WAIT = 60.0
"""Seconds; longer waits are announced."""

_POLL_SECONDS = 0.1
"""Longest sleep of a waiting thread: responses to other threads may shorten its wait."""


@dataclass(frozen=True)
class Clock:
    """The monotonic time in seconds, how to wait for it to pass, the time of day, and a check of the time limit."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    check: Callable[[], None] = lambda: None


SYSTEM_CLOCK = Clock()


class TimeIsUpError(SourceError):
    """The time that the user gave the run is over; what was collected is stored."""

    exit_code = GAPS


def clock_until(minutes: float | None) -> Clock:
    """Returns a clock that raises TimeIsUpError after ``minutes``, and before a wait that would end later."""
    if minutes is None:
        return SYSTEM_CLOCK
    end = time.monotonic() + minutes * 60

    def check(ahead: float = 0.0) -> None:
        if time.monotonic() + ahead > end:
            raise TimeIsUpError(f"stopped after {minutes:g} minutes", "run the same command again; it resumes here.")

    def sleep(seconds: float) -> None:
        check(seconds)
        time.sleep(seconds)

    return Clock(sleep=sleep, check=check)


@dataclass(frozen=True)
class Allowance:
    """What one response reports: bucket, requests left, seconds to the reset and, where given, quota and window."""

    bucket: str
    left: int
    reset: int
    limit: int | None = None
    seconds: int | None = None


class Window:
    """The fixed window of one bucket. All times are read from one monotonic clock by the caller.

    A response that was requested at ``s``, received at ``r`` and reports ``t`` seconds proves that the window ends
    before ``r + t + 1``, whether the server rounds ``t`` up or down. The earliest such bound is kept: waiting for it
    is never too short, and with many responses it is hardly too long.

    A request that failed without a response stays charged. The server may have counted it after the last number that
    it reported, or may count it in the next window; it is charged to the window in which it failed and to the next.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        self.left = self.lowest = limit
        self.in_flight = self.lost = self.owed = 0
        self.bounded = self.answered = False
        self.ends_after = self.ends_by = self.rolled = 0.0
        self.blocked_until = self.next_at = 0.0
        self.announced_until = 0.0

    def wait(self, now: float) -> float:
        """Returns the seconds until the next request may be sent; 0 if at once."""
        if now < self.blocked_until:
            return self.blocked_until - now
        if not self.answered:
            return 1.0 if self.in_flight else 0.0
        if now >= self.ends_by:
            self._roll(now)
        if self.left <= 0:
            return self.ends_by - now
        return max(0.0, self.next_at - now)

    def take(self, now: float) -> None:
        """Charges one request that is sent now."""
        if self.left < self.limit / 2:
            self.next_at = now + max(0.0, self.ends_by - 1 - now) * _SPREAD / max(self.left, 1)
        self.left -= 1
        self.in_flight += 1

    def lose(self) -> None:
        """Records that a request in flight failed without a response."""
        self.in_flight -= 1
        self.lost += 1

    def learn(self, sent: float, received: float, allowance: Allowance) -> None:
        """Updates the window from a response; a late response about an earlier window is ignored."""
        self.answered = True
        after, by = sent + allowance.reset, received + allowance.reset + 1
        if sent < self.rolled or (self.bounded and by <= self.ends_after):
            return
        self.limit, self.seconds = allowance.limit or self.limit, allowance.seconds or self.seconds
        if not self.bounded or after >= self.ends_by:
            if self.bounded:
                self.owed, self.lost = self.lost, 0
            self.bounded, self.lowest, self.ends_after, self.ends_by = True, allowance.left, after, by
            self.left, self.next_at = allowance.left - self._unconfirmed(), 0.0
            return
        self.lowest = min(self.lowest, allowance.left)
        self.ends_after, self.ends_by = max(self.ends_after, after), min(self.ends_by, by)
        self.left = min(max(self.left, self.lowest - self._unconfirmed()), self.lowest)

    def _unconfirmed(self) -> int:
        """Returns how many requests the server may have counted without having reported it."""
        return self.in_flight + self.lost + self.owed

    def _roll(self, now: float) -> None:
        self.owed, self.lost = self.lost, 0
        self.left, self.lowest, self.bounded = self.limit - self._unconfirmed(), self.limit, False
        self.rolled, self.ends_by, self.next_at = now, now + self.seconds + 1, 0.0


@dataclass(frozen=True)
class Ticket:
    """Permission to send one request: the expected bucket, the bucket charged, and the time."""

    expected: str
    bucket: str
    sent: float


class Pacer:
    """Gives permission to send to any number of threads, with one window per bucket.

    Args:
        clock: to wait with.
        on_wait: called once for each wait, with its seconds and the bucket. For a wait beyond ``LONGEST_WAIT`` it is
            called in every thread, and raises.
    """

    def __init__(
        self, clock: Clock = SYSTEM_CLOCK, on_wait: Callable[[float, str], None] = lambda seconds, bucket: None
    ) -> None:
        self._clock, self._on_wait = clock, on_wait
        self._lock = threading.Lock()
        self._windows = {bucket: Window(limit, 300) for bucket, limit in ANONYMOUS.items()}
        self._reported: dict[str, str] = {}
        """Expected bucket to the bucket that responses report."""

    def reserve(self, expected: str) -> Ticket:
        """Waits until a request that should draw on bucket ``expected`` may be sent, and charges it."""
        while True:
            with self._lock:
                bucket = self._reported.get(expected, expected)
                window, now = self._window(bucket), self._clock.monotonic()
                wait = window.wait(now)
                if wait <= 0:
                    window.take(now)
                    return Ticket(expected, bucket, now)
                new = now + wait > window.announced_until + 1
                window.announced_until = max(window.announced_until, now + wait)
            if new or wait > LONGEST_WAIT:
                self._on_wait(wait, bucket)
            self._clock.sleep(min(wait, _POLL_SECONDS))

    def settle(self, ticket: Ticket, allowance: Allowance | None, answered: bool = True) -> None:
        """Closes a ticket.

        Args:
            ticket: of the request.
            allowance: what the response reports; None where it has no rate-limit headers.
            answered: whether there was a response.
        """
        received = self._clock.monotonic()
        with self._lock:
            window = self._window(ticket.bucket)
            if answered:
                window.in_flight -= 1
            else:
                window.lose()
            if allowance is not None:
                self._reported[ticket.expected] = allowance.bucket
                self._window(allowance.bucket).learn(ticket.sent, received, allowance)
            elif window.in_flight == 0 and not window.answered:
                # A server without the headers is held to the documented anonymous quota.
                window.answered, window.ends_by = True, received + window.seconds

    def block(self, ticket: Ticket, seconds: float) -> None:
        """Stops the ticket's bucket for ``seconds``: the wait that the server asked for."""
        with self._lock:
            window = self._window(self._reported.get(ticket.expected, ticket.bucket))
            window.blocked_until = max(window.blocked_until, self._clock.monotonic() + seconds)

    def left(self, expected: str) -> tuple[int, int]:
        """Returns how many requests are left in the window of bucket ``expected``, and its quota."""
        with self._lock:
            window = self._window(self._reported.get(expected, expected))
            return max(window.left, 0), window.limit

    def plan(self) -> dict[str, tuple[int, float]]:
        """Returns quota and window length of each bucket that a response has reported."""
        with self._lock:
            return {b: (w.limit, w.seconds) for b, w in self._windows.items() if w.bounded or w.rolled}

    def _window(self, bucket: str) -> Window:
        return self._windows.setdefault(bucket, Window(ANONYMOUS["pages"], 300))


def wait_line(host: str, seconds: float, reason: str, clock: Clock) -> str | None:
    """Returns the line that announces a wait; None for a short one.

    Raises:
        UnrecoverableError: the wait is longer than ``LONGEST_WAIT``.
    """
    if seconds > LONGEST_WAIT:
        raise UnrecoverableError(
            f"{host} asks to wait {seconds / 60:,.0f} minutes ({reason})",
            "run the same command again after that; it resumes where it stopped.",
        )
    if seconds <= ANNOUNCED_WAIT:
        return None
    return f"{host}: waiting until {clock.now() + timedelta(seconds=seconds):%H:%M:%S} UTC ({reason})"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds that ``Retry-After`` gives, as a number or a date; None if it gives none.

    A date is compared with the server's own ``Date``, so that a wrong clock on this machine does not matter.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - server_time(headers))
    except (ValueError, OverflowError):
        return None


def server_time(headers: Mapping[str, str]) -> float:
    """Returns the server's clock as a Unix time, from ``Date``; this machine's where that is missing or malformed."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return time.time()
