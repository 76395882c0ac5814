"""The HTTP client for GitHub and Civitai, over requests: one request at a time.

In: an endpoint, a pace and perhaps a token. Out: answers with their headers. Unencrypted HTTP to another machine,
redirects and bodies over 64 MB are refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
from tenacity import wait_random_exponential

from peft_census import __version__
from peft_census.collect.http.common import (
    Answer,
    ElsewhereError,
    NoAnswerError,
    Report,
    TransientError,
    bad_certificates,
    check_proxies,
    clean_headers,
    connection_fault,
    is_transient,
    may_receive_token,
    on_this_machine,
    plain_address,
    redact,
    send_with_retries,
)
from peft_census.collect.http.rate_limit import SYSTEM_CLOCK, Clock, retry_after, server_time, wait_line
from peft_census.collect.http.tokens import environment_token
from peft_census.errors import SourceError, UsageError

USER_AGENT = f"peft-census/{__version__} (census of PEFT techniques; reads public search counts)"
_BODY_LIMIT = 64 * 1024 * 1024
_UNKNOWN_RESET = 60.0
_RESET_MARGIN = 0.05


@dataclass(frozen=True)
class Pace:
    """How often one API is asked.

    Args:
        floor_s: least time between the starts of two requests.
        attempts: how often one request is tried.
        backoff_s: upper bound of the first random wait after a fault; it doubles.
        longest_backoff_s: where it stops doubling.
        secondary_s: first wait after a secondary limit without ``Retry-After``; it doubles.
        timeout_s: for connecting, and between two parts of an answer.
    """

    floor_s: float
    attempts: int = 6
    backoff_s: float = 1.0
    longest_backoff_s: float = 30.0
    secondary_s: float = 60.0
    timeout_s: float = 60.0


class _Bearer(requests.auth.AuthBase):
    """Adds the token to requests to the endpoint. An ``auth`` object also keeps requests from reading ``.netrc``."""

    def __init__(self, token: str | None, endpoint: str) -> None:
        self._token, self._endpoint = token, endpoint

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token and may_receive_token(request.url or "", self._endpoint):
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@dataclass
class RestClient:
    """Requests to one endpoint, from one thread.

    Args:
        endpoint: base URL: https, or http on this machine (a replica).
        pace: how often to ask.
        token: sent as a bearer token, to the endpoint only.
        note: called with one line when a wait is longer than a minute.
        report: called with path and fault of each attempt that failed.
        clock: time for pacing and retries.
    """

    endpoint: str
    pace: Pace
    token: str | None = field(default=None, repr=False)
    note: Callable[[str], None] = lambda line: None
    report: Report = lambda where, what: None
    clock: Clock = SYSTEM_CLOCK

    def __post_init__(self) -> None:
        self.endpoint = checked_endpoint(self.endpoint)
        check_proxies()
        self._next = 0.0  # the monotonic time at which the next request may be sent
        self._session = requests.Session()
        self._session.auth = _Bearer(self.token, self.endpoint)
        self._session.headers["User-Agent"] = USER_AGENT

    def get(self, path: str, query: list[tuple[str, str]], accept: str = "application/json") -> Answer:
        """Returns the answer to GET ``path``, whatever its status; transient faults are tried again.

        Raises:
            NoAnswerError: no answer after all attempts.
            UnrecoverableError: a redirect, or a wait of more than an hour.
            SourceError: the body is too long.
        """

        self.clock.check()

        def on_fault(fault: TransientError, wait: float) -> None:
            self.report(path, str(fault))
            self._announce(wait, str(fault))

        jitter = wait_random_exponential(multiplier=self.pace.backoff_s, max=self.pace.longest_backoff_s)
        where = self.endpoint + path
        try:
            return send_with_retries(
                lambda: self._send(path, query, accept), where, self.pace.attempts, jitter, self.clock, on_fault
            )
        except NoAnswerError as error:
            if error.answer is None:
                raise
            return error.answer

    def wait(self, seconds: float, reason: str) -> None:
        """Waits, and announces a long wait.

        Raises:
            UnrecoverableError: the wait is longer than an hour.
        """
        if seconds > 0:
            self._announce(seconds, reason)
            self.clock.sleep(seconds)

    def _send(self, path: str, query: list[tuple[str, str]], accept: str) -> Answer:
        self.wait(self._next - self.clock.monotonic(), "to stay within the rate limit")
        self._next = self.clock.monotonic() + self.pace.floor_s
        asked_at = datetime.now(UTC)
        try:
            with self._session.get(
                self.endpoint + path,
                params=query,
                headers={"Accept": accept},
                timeout=self.pace.timeout_s,
                allow_redirects=False,
                stream=True,
            ) as response:
                headers = clean_headers(response.headers, self.token)
                if _is_used_up(headers):  # before the body is read, which may fail
                    self._next = max(self._next, self.clock.monotonic() + _until_reset(headers))
                body = redact(_read(response), self.token)
        except (requests.RequestException, ValueError) as error:  # ValueError: a malformed Location, for example
            reason = f"no complete answer: {type(error).__name__}"
            raise connection_fault(error, self.endpoint, reason) from None  # the first error may name a header
        except OSError:  # requests looks for its certificates before it sends
            raise bad_certificates("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") from None
        answer = Answer(response.status_code, headers, body, asked_at=asked_at)
        self._check(answer, path)
        return answer

    def _check(self, answer: Answer, path: str) -> None:
        """Raises TransientError for an answer that another attempt may change."""
        status, headers = answer.status, answer.headers
        if 300 <= status < 400:
            raise ElsewhereError(
                f"{self.endpoint}{path}: answered with a redirect, which is not followed",
                "check the configured endpoint.",
            )
        if status == 200:
            try:
                answer.json_object()
            except ValueError:  # a gateway's error page also has status 200
                raise TransientError("status 200, but not a JSON object") from None
            return
        limited = status in (403, 429)
        wait = retry_after(headers)
        if limited and wait is None and _is_used_up(headers):
            wait = _until_reset(headers)
        secondary = limited and wait is None and _is_secondary(answer)
        if not (is_transient(status) or status == 429 or (limited and (wait is not None or secondary))):
            return
        backoff = self.pace.secondary_s if secondary else None
        raise TransientError(f"HTTP {status}: {answer.message()}", wait, status >= 500, backoff, answer)

    def _announce(self, wait: float, reason: str) -> None:
        if line := wait_line(urlsplit(self.endpoint).hostname or "", wait, reason, self.clock):
            self.note(line)


def api_client(
    name: str,
    endpoint: str,
    floor_s: float,
    note: Callable[[str], None] = lambda line: None,
    report: Report = lambda where, what: None,
    clock: Clock = SYSTEM_CLOCK,
) -> RestClient:
    """Returns a client for ``endpoint``, or for ``{name}_API_URL`` if that is set, with the token ``{name}_TOKEN``."""
    endpoint = os.environ.get(f"{name}_API_URL", "").strip() or endpoint
    return RestClient(endpoint, pace_for(endpoint, floor_s), environment_token(f"{name}_TOKEN"), note, report, clock)


def pace_for(endpoint: str, floor_s: float) -> Pace:
    """Returns the pace for ``endpoint``: ``floor_s`` between requests, and none for a replica on this machine."""
    if on_this_machine(endpoint):
        return Pace(floor_s=0.0, backoff_s=0.02, secondary_s=1.0, timeout_s=10.0)
    return Pace(floor_s=floor_s)


def checked_endpoint(url: str) -> str:
    """Returns ``url`` without a trailing slash.

    Raises:
        UsageError: not a base URL, or unencrypted http to another machine.
    """
    address, parts = plain_address(url, "the endpoint"), urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"endpoint {url!r} is not a base URL", "for example https://api.github.com")
    if parts.scheme == "http" and not on_this_machine(url):
        raise UsageError(f"endpoint {url!r} is not encrypted", "use https; http is for replicas on this machine.")
    return address


def _is_used_up(headers: Mapping[str, str]) -> bool:
    return headers.get("x-ratelimit-remaining") == "0"


def _until_reset(headers: Mapping[str, str]) -> float:
    """Returns the seconds until the rate limit resets, by the server's clock."""
    try:
        return max(0.0, int(headers["x-ratelimit-reset"]) - server_time(headers)) + _RESET_MARGIN
    except (KeyError, ValueError, OverflowError):
        return _UNKNOWN_RESET


def _is_secondary(answer: Answer) -> bool:
    """Returns whether a refusal is one of GitHub's secondary limits.

    No header and no code marks them: only the link to the documentation does, or the message where there is no link.
    """
    try:
        body = answer.json_object()
    except ValueError:
        return False
    marks = f"{body.get('documentation_url')} {body.get('message')}".lower().replace("-", " ")
    return "secondary rate limit" in marks or "abuse detection" in marks


def _read(response: requests.Response) -> bytes:
    body = bytearray()
    for part in response.iter_content(65_536):
        body += part
        if len(body) > _BODY_LIMIT:
            raise SourceError(f"{response.url.split('?')[0]}: more than {_BODY_LIMIT >> 20} MB in one answer")
    return bytes(body)
