"""What can go wrong at the replica, on demand and reproducibly; and its rate limits, with counters."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Faults:
    """Rates of faults per request, and ways in which a server can be wrong altogether."""

    error: float = 0.0
    reset: float = 0.0
    truncated: float = 0.0
    wrong_length: float = 0.0
    html: float = 0.0
    slow: float = 0.0
    slow_seconds: float = 2.0
    delay: float = 0.0
    """Seconds that every answer takes."""
    seed: int = 1
    always: dict[str, int] = field(default_factory=dict)
    """Part of a path → status that it always answers."""
    link_base: str | None = None
    redirect_base: str | None = None
    ignores: tuple[str, ...] = ()
    """Of limit, sort, filter, paging, cache (answers directly, without the 307), headers (no RateLimit), end (a list
    of commits always names a next page)."""
    too_many_expands: int = 0
    """Listing pages of more items than this answer 504."""
    malformed: tuple[object, ...] = ()
    """Items put on the first page of a listing."""
    once: dict[str, int] = field(default_factory=dict)
    """Part of a path → status that the first request for it gets."""
    retry_after: str | None = None
    """Retry-After of every error."""
    throttle_seconds: int = 0
    """Every answer is a 429 whose window ends in so many seconds."""
    location: str | None = None
    """Where every card is redirected to."""
    gzip: str = ""
    """Files are sent with gzip: whole, cut, damaged; or br, which nobody asked for."""
    token_expires_after: int | None = None
    """Requests with a token after which it is expired."""
    wall: tuple[int, str] | None = None
    """Status and content type of what a firewall answers to each request for a file."""
    wall_after: int = 0
    """Requests for files that the firewall lets through."""
    pages: dict[int, str] = field(default_factory=dict)
    """Number of a page of a listing → what is wrong with it: no_link, empty, short (half of it, without Link) or gap
    (half of it, with its Link)."""
    no_link_later: bool = False
    """No page but the first names a next one."""
    link: str | None = None
    """The Link header of every page of a listing."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Old id of a model → new id, to which the API redirects."""
    etag: str | None = None
    """The ETag of every file."""

    def draw(self, path: str, ordinal: int) -> str | None:
        """Returns the fault of the ``ordinal``-th request for ``path``; the same for the same seed."""
        digest = hashlib.sha256(f"{self.seed}|{path}|{ordinal}".encode()).digest()
        dice = int.from_bytes(digest[:8], "big") / 2**64
        for name in ("error", "reset", "truncated", "wrong_length", "html", "slow"):
            dice -= getattr(self, name)
            if dice < 0:
                return name
        return None


@dataclass
class Windows:
    """Fixed windows, one per bucket, with what each one saw."""

    quotas: dict[str, int] = field(default_factory=lambda: {"api": 10**6, "resolvers": 10**6, "pages": 100})
    seconds: float = 300.0
    round_up: bool = False
    retry_after: bool = False
    """429 names its wait in Retry-After only."""
    start: dict[str, float] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    finished: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    monotonic: Callable[[], float] = time.monotonic

    def charge(self, bucket: str) -> tuple[bool, int, int]:
        """Charges one request; returns whether it is allowed, how many are left and the seconds to the reset."""
        now = self.monotonic()
        start = self.start.setdefault(bucket, now)
        if now >= start + self.seconds:
            self.finished.setdefault(bucket, []).append((start, self.used.get(bucket, 0)))
            passed = (now - start) // self.seconds
            start = self.start[bucket] = start + passed * self.seconds
            self.used[bucket] = 0
        rest = start + self.seconds - now
        reset = int(rest) + (1 if self.round_up and rest > int(rest) else 0)
        if self.used.get(bucket, 0) >= self.quotas[bucket]:
            self.refused[bucket] += 1
            return False, 0, reset
        self.used[bucket] = self.used.get(bucket, 0) + 1
        return True, self.quotas[bucket] - self.used[bucket], reset


@dataclass
class Counts:
    """What the replica saw."""

    requests: Counter[str] = field(default_factory=Counter)
    """By bucket, 429s included."""
    paths: Counter[str] = field(default_factory=Counter)
    served: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Whole answers with a model's file: (model, commit, file)."""
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests for a model's file on /resolve/, whatever came of them: (model, file)."""
    faulted: Counter[str] = field(default_factory=Counter)
    """Faults by kind."""
    pages: int = 0
    bytes: int = 0
    with_token: int = 0
    raw: int = 0
    counted_downloads: int = 0
    agents: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
