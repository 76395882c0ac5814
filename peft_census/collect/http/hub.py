"""The one way this project speaks HTTP with the Hub.

In: a path on the configured endpoint. Out: a whole, checked answer. Each request has time-outs, waits for its
turn (``pacing``), is retried with jitter where that may help, and names this project in its User-Agent.
Refuses to send the token to any host but the endpoint's, and to follow the server to another host unless
the caller allows it (bulk files come from a CDN, and get no token).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from peft_census.collect.http.rate_limit import Allowance, Pacer, retry_after
from peft_census.collect.http.session import Limits, allowance, find_token, install_factory, user_agent
from peft_census.errors import SourceError, UsageError

if TYPE_CHECKING:
    import httpx2

HUB = "https://huggingface.co"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RETRIED = frozenset({408, 500, 502, 503, 504})
_THROTTLES = 30
"""429s in a row before a request counts as failed; each one is waited for as the server says."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Answer:
    """A whole answer, after redirects.

    Args:
        status: of the last hop.
        headers: of the last hop; names in lower case.
        earlier: headers of the hops before it.
        body: at most as long as the caller allowed.
        cut: whether the body was longer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False
    earlier: tuple[Mapping[str, str], ...] = ()

    def header(self, name: str) -> str | None:
        """Returns a header of the last hop that has it."""
        return next((h[name] for h in (self.headers, *reversed(self.earlier)) if name in h), None)


class TransientError(Exception):
    """An answer that another attempt may mend; ``str`` is a short reason without ids or times."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class NoAnswerError(SourceError):
    """All attempts failed; ``reason`` says how, in words that can be counted."""

    def __init__(self, where: str, reason: str, attempts: int) -> None:
        super().__init__(f"{where}: {reason}", "run the same command again later; it resumes where it stopped.")
        self.reason, self.attempts = reason, attempts


class ElsewhereError(SourceError):
    """The server points to a host that is not the endpoint's."""


Check = Callable[[Answer], None]
Report = Callable[[str, str], None]


def endpoint() -> str:
    """Returns the Hub's address: ``HF_ENDPOINT`` as it is now, or the public Hub.

    Raises:
        UsageError: it holds a name, a password or a query, which would get into the names of folders.
    """
    base = (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")
    parts = urlsplit(base)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            f"HF_ENDPOINT holds more than an address ({parts.scheme}://{parts.hostname})",
            "leave name, password and query out; a token goes into HF_TOKEN.",
        )
    return base


def origin(url: str) -> tuple[str, str, int]:
    """Returns scheme, host and port of ``url``."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def kind_of(url: str) -> str:
    """Returns the rate-limit bucket that the Hub's documentation names for ``url``."""
    path = urlsplit(url).path
    if "/resolve/" in path or path.startswith("/api/resolve-cache/"):
        return "resolvers"
    return "api" if path.startswith("/api/") else "pages"


@dataclass
class HubClient:
    """Requests to one endpoint, shared by all threads of a crawl.

    Args:
        limits: time-outs, attempts, sizes.
        report: called with place and fault for each attempt that failed.
        base: the endpoint, read from the environment when the client is made.
    """

    limits: Limits = field(default_factory=Limits)
    report: Report = lambda where, what: None
    base: str = field(default_factory=endpoint)
    pacer: Pacer = field(default_factory=Pacer)
    requests: int = 0

    def __post_init__(self) -> None:
        if origin(self.base)[0] not in ("http", "https") or not origin(self.base)[1]:
            raise SourceError(f"HF_ENDPOINT {self.base!r} is not an http(s) address", "mend or unset it.")
        self.token = find_token()
        install_factory(self.limits)

    def get(self, url: str, max_bytes: int, check: Check | None = None) -> Answer:
        """Returns the answer to GET ``url`` (a path, or an address on the endpoint's host).

        Answers of 4xx are answers; the caller judges them.

        Args:
            url: what to get.
            max_bytes: where a body is cut.
            check: raises TransientError on a 200 that cannot be right; it is then asked for again.

        Raises:
            NoAnswerError: no usable answer after all attempts.
            SourceError: the server points to another host, or refuses the token.
        """
        where = urlsplit(url).path
        url = url if urlsplit(url).scheme else f"{self.base}/{url.lstrip('/')}"

        def before_sleep(state: RetryCallState) -> None:
            self.report(where, f"{_fault(state)} (attempt {state.attempt_number})")

        retrying = Retrying(
            stop=stop_after_attempt(self.limits.attempts),
            retry=retry_if_exception_type(TransientError),
            wait=self._wait,
            before_sleep=before_sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, url, max_bytes, check)
        except TransientError as error:
            self.report(where, f"{error} (gave up)")
            raise NoAnswerError(where, f"{error} after {self.limits.attempts} attempts", self.limits.attempts) from None

    @contextmanager
    def stream(
        self, url: str, headers: Mapping[str, str] | None = None, elsewhere: bool = False
    ) -> Iterator[tuple[httpx2.Response, tuple[Mapping[str, str], ...]]]:
        """Opens GET ``url`` and follows redirects; gives the last response, unread, and the hops before it.

        Args:
            url: absolute address.
            headers: further request headers.
            elsewhere: follow to other hosts, without the token.
        """
        earlier: list[Mapping[str, str]] = []
        for _ in range(6):
            if not elsewhere and origin(url) != origin(self.base):
                raise _elsewhere(url, self.base)
            with self._hop(url, headers or {}) as response:
                if response.status_code not in _REDIRECTS or "location" not in response.headers:
                    yield response, tuple(earlier)
                    return
                earlier.append({k.lower(): self._blotted(v) for k, v in response.headers.items()})
                url = urljoin(url, response.headers["location"])
        raise TransientError("redirected in circles")

    @contextmanager
    def _hop(self, url: str, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """Sends one request when its turn has come; a 429 is waited for here and sent again."""
        import httpx2
        from huggingface_hub import get_session

        for _ in range(_THROTTLES):
            ticket = self.pacer.reserve(kind_of(url))
            said = None
            settled = False
            try:
                self.requests += 1
                with get_session().stream(
                    "GET", url, headers={**self._headers(url), **headers}, follow_redirects=False
                ) as response:
                    said = allowance(response.headers) if origin(url) == origin(self.base) else None
                    self.pacer.settle(ticket, said)
                    settled = True
                    if response.status_code != 429:
                        yield response
                        return
                    wait = _named_wait(response.headers, said)
                    self.report(urlsplit(url).path, "HTTP 429")
                    if wait is None:
                        raise TransientError("HTTP 429")
                    self.pacer.block(ticket, wait)
            except httpx2.TimeoutException:
                raise TransientError("timed out") from None
            except httpx2.RemoteProtocolError:
                raise TransientError("connection lost or body cut short") from None
            except (httpx2.TransportError, httpx2.DecodingError) as error:
                raise TransientError(type(error).__name__) from None
            finally:
                if not settled:
                    self.pacer.settle(ticket, said, answered=False)
        raise TransientError("HTTP 429")

    def _attempt(self, url: str, max_bytes: int, check: Check | None) -> Answer:
        with self.stream(url) as (response, earlier):
            status = response.status_code
            if status in _RETRIED:
                wait = retry_after(response.headers.get("retry-after"), response.headers.get("date"))
                raise TransientError(f"HTTP {status}", wait)
            body, cut = self._read(response, max_bytes)
            headers = {k.lower(): self._blotted(v) for k, v in response.headers.items()}
        answer = Answer(status, headers, body, cut, earlier)
        if status == 401 and b"Invalid credentials" in body:
            raise SourceError(f"{self.base} refuses the token", "check HF_TOKEN, or unset it to go on without.")
        if status == 200 and check:
            check(answer)  # of the body as it came: with a token blotted out it would no longer match its hash
        if self.token:  # a server that repeats the token would carry it into ledger and snapshot
            return replace(answer, body=body.replace(self.token.encode(), b"(secret)"))
        return answer

    def _read(self, response: httpx2.Response, max_bytes: int) -> tuple[bytes, bool]:
        """Reads a body up to ``max_bytes`` and within the time for a whole answer."""
        until = time.monotonic() + self.limits.answer_seconds
        parts, size = [], 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > max_bytes:
                return b"".join(parts)[:max_bytes], True
            if time.monotonic() > until:
                raise TransientError("timed out")
        return b"".join(parts), False

    def _blotted(self, text: str) -> str:
        return text.replace(self.token, "(secret)") if self.token else text

    def _headers(self, url: str) -> dict[str, str]:
        """Returns the headers for ``url``: the token only for the endpoint itself, never over plain http."""
        headers = {"user-agent": user_agent()}
        safe = origin(url)[0] == "https" or origin(url)[1] in _LOOPBACK
        if self.token and safe and origin(url) == origin(self.base):
            headers["authorization"] = f"Bearer {self.token}"
        return headers

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, TransientError) and error.wait is not None:
            return min(error.wait, 300.0)
        jitter = wait_random_exponential(multiplier=self.limits.backoff_seconds, max=self.limits.longest_backoff)
        return float(jitter(state))


def _named_wait(headers: Mapping[str, str], said: Allowance | None) -> float | None:
    """Returns the wait that a 429 names; None where it names none."""
    if said is not None and said.left == 0:
        return 0.0  # the window has learnt the reset from the same headers
    return retry_after(headers.get("retry-after"), headers.get("date"))


def _fault(state: RetryCallState) -> str:
    return str(state.outcome.exception()) if state.outcome else "no outcome"


def _elsewhere(url: str, base: str) -> ElsewhereError:
    return ElsewhereError(
        f"{base} points to another host ({urlsplit(url).hostname}), which is refused",
        "set HF_ENDPOINT to the host that really serves the Hub's API; nothing was sent there.",
    )
