"""Pacing: how fast a server lets us go, learnt from the ``RateLimit`` headers of every response.

In: what each response said about its bucket. Out: leave to send, or a wait. One fixed window is kept per
bucket; a request is charged when it leaves, not when it returns, so that many in flight cannot overdraw.
Nothing here knows a URL or a socket.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

ANONYMOUS = {"api": 500, "resolvers": 3000, "pages": 100}
"""The Hub's published anonymous quotas for 300 seconds: assumed until a response says otherwise."""

_SPREAD = 0.9
"""The second half of a quota is spread over this part of the time left, as the Hub's documentation asks; the
second by which a server may round is left out, lest the window end before the quota is used."""


@dataclass(frozen=True)
class Allowance:
    """What one response said: bucket, requests left, seconds to the reset, and the quota where it was named."""

    bucket: str
    left: int
    reset: int
    limit: int | None = None
    seconds: int | None = None


class Window:
    """One bucket's fixed window. Times are those of one monotonic clock, given by the caller.

    A response that was sent at ``s``, came back at ``r`` and named ``t`` seconds proves that the window ends
    before ``r + t + 1``, whether the server rounds ``t`` down or up. The earliest such proof is kept: waiting
    for it never comes too early, and with many responses it is hardly late.

    A request that ended without a response (reset, timed out) stays charged: the server may have counted it after the
    last number it named, or may read it only in the next window. So it counts for the window it ended in and the next.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        self.left = self.lowest = limit
        self.in_flight = self.lost = self.owed = 0
        self.known = self.heard = False
        self.ends_after = self.ends_by = self.rolled = 0.0
        self.blocked_until = self.next_at = 0.0

    def wait(self, now: float) -> float:
        """Returns the seconds until the next request may leave; 0 for at once."""
        if now < self.blocked_until:
            return self.blocked_until - now
        if not self.heard:
            return 1.0 if self.in_flight else 0.0
        if now >= self.ends_by:
            self._roll(now)
        if self.left <= 0:
            return self.ends_by - now
        return max(0.0, self.next_at - now)

    def take(self, now: float) -> None:
        """Charges one request that leaves now."""
        if self.left < self.limit / 2:
            self.next_at = now + max(0.0, self.ends_by - 1 - now) * _SPREAD / max(self.left, 1)
        self.left -= 1
        self.in_flight += 1

    def lose(self) -> None:
        """Notes that a request in flight ended without a response."""
        self.in_flight -= 1
        self.lost += 1

    def learn(self, sent: float, received: float, said: Allowance) -> None:
        """Takes in what a response said; a late answer of an earlier window is left aside."""
        self.heard = True
        after, by = sent + said.reset, received + said.reset + 1
        if sent < self.rolled or (self.known and by <= self.ends_after):
            return
        self.limit, self.seconds = said.limit or self.limit, said.seconds or self.seconds
        if not self.known or after >= self.ends_by:
            if self.known:
                self.owed, self.lost = self.lost, 0
            self.known, self.lowest, self.ends_after, self.ends_by = True, said.left, after, by
            self.left, self.next_at = said.left - self._unsettled(), 0.0
            return
        self.lowest = min(self.lowest, said.left)
        self.ends_after, self.ends_by = max(self.ends_after, after), min(self.ends_by, by)
        self.left = min(max(self.left, self.lowest - self._unsettled()), self.lowest)

    def _unsettled(self) -> int:
        """Returns how many requests the server may have counted without our having been told."""
        return self.in_flight + self.lost + self.owed

    def _roll(self, now: float) -> None:
        self.owed, self.lost = self.lost, 0
        self.left, self.lowest, self.known = self.limit - self._unsettled(), self.limit, False
        self.rolled, self.ends_by, self.next_at = now, now + self.seconds + 1, 0.0


@dataclass(frozen=True)
class Ticket:
    """Leave to send one request."""

    kind: str
    bucket: str
    sent: float


class Pacer:
    """Gives leave to send, one window per bucket, to any number of threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._windows = {bucket: Window(limit, 300) for bucket, limit in ANONYMOUS.items()}
        self._bucket_of: dict[str, str] = {}

    def reserve(self, kind: str) -> Ticket:
        """Waits until a request of ``kind`` (the bucket we expect it to draw on) may leave."""
        with self._changed:
            while True:
                bucket = self._bucket_of.get(kind, kind)
                window = self._window(bucket)
                wait = window.wait(time.monotonic())
                if wait <= 0:
                    now = time.monotonic()
                    window.take(now)
                    return Ticket(kind, bucket, now)
                self._changed.wait(min(wait, 1.0))

    def settle(self, ticket: Ticket, said: Allowance | None, answered: bool = True) -> None:
        """Closes a ticket with what its response said; None where it said nothing, or none came (not ``answered``)."""
        received = time.monotonic()
        with self._changed:
            if answered:
                self._window(ticket.bucket).in_flight -= 1
            else:
                self._window(ticket.bucket).lose()
            if said is not None:
                self._bucket_of[ticket.kind] = said.bucket
                self._window(said.bucket).learn(ticket.sent, received, said)
            elif self._window(ticket.bucket).in_flight == 0:
                self._unheard(ticket.bucket, received)
            self._changed.notify_all()

    def block(self, ticket: Ticket, seconds: float) -> None:
        """Lets nothing of the ticket's bucket leave for ``seconds``: the wait that the server named."""
        with self._changed:
            window = self._window(self._bucket_of.get(ticket.kind, ticket.bucket))
            window.blocked_until = max(window.blocked_until, time.monotonic() + seconds)

    def left(self, kind: str) -> tuple[int, int]:
        """Returns how many requests of ``kind`` are left in this window, and the quota."""
        with self._changed:
            window = self._window(self._bucket_of.get(kind, kind))
            return max(window.left, 0), window.limit

    def plan(self) -> dict[str, tuple[int, float]]:
        """Returns quota and window of each bucket that a response has named."""
        with self._changed:
            return {b: (w.limit, w.seconds) for b, w in self._windows.items() if w.known or w.rolled}

    def _window(self, bucket: str) -> Window:
        return self._windows.setdefault(bucket, Window(ANONYMOUS["pages"], 300))

    def _unheard(self, bucket: str, now: float) -> None:
        """A server without the headers is held to the published anonymous quota."""
        window = self._window(bucket)
        if not window.heard:
            window.heard, window.ends_by = True, now + window.seconds


def retry_after(value: str | None, date: str | None) -> float | None:
    """Returns the seconds that a ``Retry-After`` names, as a number or (against the ``Date`` header) a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value.strip())
    try:
        until = parsedate_to_datetime(value)
        since = parsedate_to_datetime(date) if date else None
    except ValueError:
        return None
    return max(0.0, until.timestamp() - (since.timestamp() if since else time.time()))
