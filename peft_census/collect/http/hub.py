"""The HTTP client for the Hugging Face Hub, over the session of huggingface_hub.

In: a path on the configured endpoint. Out: a complete, checked answer. Each request has time-outs and is paced by the
server's rate limits; redirects are followed on the endpoint's host only, unless the caller allows others (bulk files
come from a CDN, without the token).
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from urllib.parse import urljoin, urlsplit

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when huggingface_hub is imported

import httpx2
from huggingface_hub import __version__ as hub_version
from huggingface_hub import constants, get_session, get_token, set_client_factory
from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]
from tenacity import wait_random_exponential

from peft_census import __version__
from peft_census.collect.http.common import (
    REDIRECTS,
    Answer,
    ElsewhereError,
    Report,
    TransientError,
    bad_certificates,
    check_proxies,
    clean_headers,
    connection_fault,
    is_transient,
    may_receive_token,
    on_this_machine,
    origin,
    plain_address,
    redact,
    send_with_retries,
)
from peft_census.collect.http.rate_limit import (
    SYSTEM_CLOCK,
    Allowance,
    Clock,
    Pacer,
    retry_after,
    server_time,
    wait_line,
)
from peft_census.collect.http.tokens import checked_token, environment_token
from peft_census.errors import SourceError, UnrecoverableError, UsageError

HUB = "https://huggingface.co"
USER_AGENT = f"peft_census/{__version__}; hf_hub/{hub_version}; python/{'.'.join(map(str, sys.version_info[:3]))}"
_MOST_REDIRECTS = 5
_THROTTLES = 30
"""429s in a row after which a request counts as failed; the wait that each one asks for is kept."""

_BAD_TOKEN = re.compile(rb"invalid credentials|token.{0,200}(expired|revoked|invalid)", re.IGNORECASE | re.DOTALL)
"""What the Hub says of a token that it does not accept; the answer has no error code."""

Check = Callable[[Answer], None]


@dataclass(frozen=True)
class Limits:
    """Time-outs, retries, sizes and parallelism of a crawl. The defaults are for the public Hub."""

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    answer_seconds: float = 120.0
    """For one complete answer, so that a server that sends a few bytes at a time cannot hold a thread."""
    attempts: int = 6
    backoff_seconds: float = 1.0
    longest_backoff: float = 30.0
    workers: int = 8
    page_items: int = 1000
    page_bytes: int = 64_000_000
    card_bytes: int = 2_000_000
    shard_rows: int = 1000
    shard_bytes: int = 16_000_000
    failures_in_a_row: int = 40
    """Cards that fail one after the other before the crawl stops: the Hub is unavailable, not the cards."""
    refusals_in_a_row: int = 10
    """The same for answers with status 401 or 403 that name no cause: the caller is refused, not the cards."""


def endpoint() -> str:
    """Returns the Hub's address: ``HF_ENDPOINT`` at the time of the call, or the public Hub.

    Raises:
        UsageError: it holds a name, a password or a query.
    """
    return plain_address(os.environ.get("HF_ENDPOINT") or HUB, "HF_ENDPOINT")


def replica_mark(address: str) -> dict[str, object]:
    """Returns what the details of a source say where a test server on this machine stands in for the Hub."""
    return {"replica": True} if on_this_machine(address) else {}


@dataclass
class HubClient:
    """Requests to one endpoint, shared by all threads of a crawl.

    Args:
        limits: time-outs, attempts, sizes.
        report: called with path and fault of each attempt that failed.
        note: called with one line when a wait is longer than a minute.
        base: the endpoint, read from the environment when the client is made.
        clock: time for pacing and retries.
        requests: how many were sent.
        today: the day (UTC) of the last answer, by the server's clock.
    """

    limits: Limits = field(default_factory=Limits)
    report: Report = lambda where, what: None
    note: Callable[[str], None] = lambda line: None
    base: str = field(default_factory=endpoint)
    clock: Clock = SYSTEM_CLOCK
    requests: int = 0
    today: date | None = None

    def __post_init__(self) -> None:
        if origin(self.base)[0] not in ("http", "https") or not origin(self.base)[1]:
            raise SourceError(f"HF_ENDPOINT {self.base!r} is not an http(s) address", "correct or unset it.")
        self.token = hub_token()
        self.pacer = Pacer(self.clock, lambda seconds, bucket: self._announce(seconds, f"rate limit of {bucket}"))
        _install_session(self.limits)

    def get(self, url: str, max_bytes: int, check: Check | None = None) -> Answer:
        """Returns the answer to GET ``url`` (a path, or an address on the endpoint's host), 4xx included.

        Args:
            url: what to get.
            max_bytes: where a body is cut.
            check: raises TransientError on a 200 that cannot be right; the request is then repeated.

        Raises:
            NoAnswerError: no usable answer after all attempts.
            UnrecoverableError: the server redirects to another host, rejects the token, or asks to wait for hours.
        """
        self.clock.check()

        def on_fault(fault: TransientError, wait: float) -> None:
            self.report(where, str(fault))
            self._announce(wait, str(fault))

        where = urlsplit(url).path
        url = url if urlsplit(url).scheme else f"{self.base}/{url.lstrip('/')}"
        return send_with_retries(
            lambda: self._send(url, max_bytes, check),
            where,
            self.limits.attempts,
            wait_random_exponential(multiplier=self.limits.backoff_seconds, max=self.limits.longest_backoff),
            self.clock,
            on_fault,
        )

    def _announce(self, seconds: float, reason: str) -> None:
        if line := wait_line(urlsplit(self.base).hostname or "", seconds, reason, self.clock):
            self.note(line)

    @contextmanager
    def stream(
        self, url: str, headers: Mapping[str, str] | None = None, elsewhere: bool = False
    ) -> Iterator[tuple[httpx2.Response, tuple[Mapping[str, str], ...]]]:
        """Opens GET ``url`` and follows redirects; gives the last response, unread, and the headers before it.

        Args:
            url: absolute address.
            headers: further request headers.
            elsewhere: follow to other hosts, without the token.
        """
        earlier: list[Mapping[str, str]] = []
        for _ in range(_MOST_REDIRECTS + 1):
            if not elsewhere and origin(url) != origin(self.base):
                raise ElsewhereError(
                    f"{self.base} redirects to another host ({urlsplit(url).hostname}), which is refused",
                    "set HF_ENDPOINT to the host that serves the Hub's API; nothing was sent to the other host.",
                )
            with self._paced(url, headers or {}) as response:
                if response.status_code not in REDIRECTS or "location" not in response.headers:
                    yield response, tuple(earlier)
                    return
                earlier.append(clean_headers(response.headers, self.token))
                try:
                    url = urljoin(url, response.headers["location"])
                    origin(url)
                except ValueError:
                    raise TransientError("a redirect to an address that is not valid") from None
        raise TransientError("too many redirects")

    @contextmanager
    def _paced(self, url: str, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """Sends one request when the rate limit allows it; waits after a 429 and sends it again."""
        for _ in range(_THROTTLES):
            ticket = self.pacer.reserve(self._bucket(url))
            reported: Allowance | None = None
            settled = False
            try:
                self.requests += 1
                sent = {**self._headers(url), **headers}
                with get_session().stream("GET", url, headers=sent, follow_redirects=False) as response:
                    reported = _allowance(response.headers) if origin(url) == origin(self.base) else None
                    self.pacer.settle(ticket, reported)
                    settled = True
                    self.today = datetime.fromtimestamp(server_time(response.headers), UTC).date()
                    if response.status_code != 429:
                        yield response
                        return
                    self.report(urlsplit(url).path, "HTTP 429")
                    if reported is None or reported.left > 0:  # else the pacer knows the reset from the same headers
                        wait = retry_after(response.headers)
                        if wait is None:
                            raise TransientError("HTTP 429")
                        self.pacer.block(ticket, wait)  # the next reservation announces it
            except httpx2.TimeoutException:
                raise TransientError("timed out", overloaded=True) from None
            except httpx2.RemoteProtocolError:
                raise TransientError("connection lost or body cut short") from None
            except (httpx2.TransportError, httpx2.InvalidURL, UnicodeError) as error:
                raise connection_fault(error, self.base, type(error).__name__) from None
            finally:
                if not settled:
                    self.pacer.settle(ticket, reported, answered=False)
        raise TransientError("HTTP 429")

    def _send(self, url: str, max_bytes: int, check: Check | None) -> Answer:
        with self.stream(url, _ENCODINGS) as (response, earlier):
            status = response.status_code
            if is_transient(status):
                raise TransientError(f"HTTP {status}", retry_after(response.headers), overloaded=status >= 500)
            body, cut = self._read(response, max_bytes)
            answer = Answer(status, clean_headers(response.headers, self.token), body, cut, earlier)
        if self.token and status in (401, 403) and answer.header("x-error-code") is None and _BAD_TOKEN.search(body):
            raise UnrecoverableError(
                f"{self.base} rejects the token{' (it is expired)' if b'expired' in body.lower() else ''}",
                "make a new token and set HF_TOKEN, or unset it; then run the same command again, it resumes here.",
            )
        if status == 200 and check:
            check(answer)  # before the token is redacted: the body must match its hash
        return replace(answer, body=redact(body, self.token))

    def _read(self, response: httpx2.Response, max_bytes: int) -> tuple[bytes, bool]:
        """Returns the body, cut at ``max_bytes``, and whether it was longer.

        The body is unpacked here, because the library takes a gzip body that was cut short for a complete one.
        """
        until = self.clock.monotonic() + self.limits.answer_seconds
        encoding = response.headers.get("content-encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            raise TransientError(f"a body in the encoding {encoding[:20]!r}, which was not asked for")
        unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        body = bytearray()
        for part in response.iter_raw():
            try:
                body += part if unpack is None else unpack.decompress(part, max_bytes + 1)
            except zlib.error:
                raise TransientError("a damaged gzip body") from None
            if len(body) > max_bytes:
                return bytes(body[:max_bytes]), True
            if self.clock.monotonic() > until:
                raise TransientError("timed out", overloaded=True)
        if unpack is not None and not unpack.eof:
            raise TransientError("a gzip body cut short")
        return bytes(body), False

    def _headers(self, url: str) -> dict[str, str]:
        """Returns the request headers for ``url``."""
        if self.token and may_receive_token(url, self.base):
            return {"user-agent": USER_AGENT, "authorization": f"Bearer {self.token}"}
        return {"user-agent": USER_AGENT}

    def _bucket(self, url: str) -> str:
        """Returns the rate-limit bucket that the Hub's documentation names for ``url``."""
        path = urlsplit(url).path.removeprefix(urlsplit(self.base).path)
        if "/resolve/" in path or path.startswith("/api/resolve-cache/"):
            return "resolvers"
        return "api" if path.startswith("/api/") else "pages"


_ENCODINGS = {"accept-encoding": "gzip"}


def hub_token() -> str | None:
    """Returns the token of huggingface_hub; None without one. Raises SourceError as ``checked_token``."""
    environment_token("HF_TOKEN")  # huggingface_hub would join the lines of a value with line breaks
    return checked_token(get_token(), "HF_TOKEN")


def _install_session(limits: Limits) -> None:
    """Makes huggingface_hub's shared session with time-outs."""
    timeouts = httpx2.Timeout(limits.read_seconds, connect=limits.connect_seconds, pool=None).as_dict()

    def before(request: httpx2.Request) -> None:
        """Respects offline mode, and sets time-outs that a caller's ``timeout=None`` does not override."""
        if constants.is_offline_mode():
            raise SourceError(f"HF_HUB_OFFLINE forbids requests to {request.url.host}", "unset it to collect.")
        request.extensions["timeout"] = timeouts

    def make() -> httpx2.Client:
        pool = httpx2.Limits(max_connections=limits.workers + 4, max_keepalive_connections=limits.workers + 4)
        return httpx2.Client(event_hooks={"request": [before]}, follow_redirects=True, timeout=None, limits=pool)

    set_client_factory(make)
    check_proxies()
    try:
        get_session()
    except ImportError:
        raise UsageError("ALL_PROXY or another variable names a SOCKS proxy", "pip install 'httpx2[socks]'.") from None
    except OSError:
        raise bad_certificates("SSL_CERT_FILE", "SSL_CERT_DIR") from None


def _allowance(headers: Mapping[str, str]) -> Allowance | None:
    """Returns what a response's RateLimit headers report."""
    info = parse_ratelimit_headers(headers)
    if info is None:
        return None
    return Allowance(info.resource_type, info.remaining, info.reset_in_seconds, info.limit, info.window_seconds)
