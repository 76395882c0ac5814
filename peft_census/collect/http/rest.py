"""Asking a web API politely: one request at a time, paced, retried where that helps, never where it hurts.

In: an endpoint, a pace and perhaps a token. Out: answers as text with their headers. It refuses plain http
outside this machine, redirects, bodies without end, and to send the token anywhere but to the endpoint.
Used by the sources that are read with ``requests`` (GitHub, Civitai).
"""

from __future__ import annotations

import ipaddress
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
import tenacity

from peft_census import __version__
from peft_census.collect.http.retry_after import Answer, is_secondary, retry_after, until_reset
from peft_census.errors import SourceError, UsageError

USER_AGENT = f"peft-census/{__version__} (census of PEFT techniques; reads public search counts)"
_BODY_LIMIT = 64 * 1024 * 1024
_LONGEST_WAIT = 3900.0
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Pace:
    """How fast to ask and how long to insist.

    Args:
        floor_s: least time between the starts of two requests.
        attempts: how often one request is tried.
        backoff_s: first wait after a passing fault; it doubles.
        secondary_s: first wait after a secondary limit that names no time; it doubles.
        timeout_s: longest silence of the server.
    """

    floor_s: float
    attempts: int = 6
    backoff_s: float = 1.0
    secondary_s: float = 60.0
    timeout_s: float = 60.0


@dataclass
class Traffic:
    """What was asked so far, for progress lines and for the ledger."""

    requests: int = 0
    retries: int = 0
    waited_s: float = 0.0
    faults: list[str] = field(default_factory=list)


class HopelessError(SourceError):
    """Nothing further would be answered: a bad token, a redirect, a wait of hours."""


class _AgainError(Exception):
    """A passing fault: ``wait`` seconds are asked for by the server, or None to back off."""

    def __init__(self, why: str, wait: float | None, answer: Answer | None = None) -> None:
        super().__init__(why)
        self.wait = wait
        self.answer = answer


class _Bearer(requests.auth.AuthBase):
    """Adds the token for the endpoint alone; being an ``auth`` it also keeps ``.netrc`` out."""

    def __init__(self, token: str | None, origin: str) -> None:
        self._token = token
        self._origin = origin

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token and _origin(request.url or "") == self._origin:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class PoliteClient:
    """Asks one endpoint, one request at a time.

    Args:
        endpoint: base URL; https, or http on this machine (a replica).
        pace: see ``Pace``.
        token: sent as a bearer token to the endpoint's host only; never shown.
        hopeless: tells answers that look passing but never pass (a 429 that is no rate limit).
        note: called with one line when a wait is longer than a moment.
        problem: called with path and fault for everything that had to be asked again.
    """

    def __init__(
        self,
        endpoint: str,
        pace: Pace,
        token: str | None = None,
        hopeless: Callable[[Answer], bool] = lambda answer: False,
        note: Callable[[str], None] = lambda line: None,
        problem: Callable[[str, str], None] = lambda where, what: None,
    ) -> None:
        self.endpoint = checked_endpoint(endpoint)
        self.pace = pace
        self.traffic = Traffic()
        self._hopeless = hopeless
        self._note = note
        self._problem = problem
        self._next = 0.0
        self._token = token
        self._session = requests.Session()
        self._session.auth = _Bearer(token, _origin(self.endpoint))
        self._session.headers["User-Agent"] = USER_AGENT

    def get(self, path: str, query: list[tuple[str, str]], accept: str = "application/json") -> Answer:
        """Returns the server's final answer, whatever its status; faults that pass are tried again.

        Raises:
            SourceError: no answer after all attempts, or a redirect.
        """
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.pace.attempts),
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(_AgainError),
            before_sleep=self._count_retry,
            reraise=True,
        )
        try:
            return retrying(self._ask, path, query, accept)
        except _AgainError as last:
            self.traffic.faults.append(str(last))
            self._problem(path, str(last))
            if last.answer is not None:
                return last.answer
            raise SourceError(
                f"{self.endpoint}{path}: {last} ({self.pace.attempts} attempts)",
                "run the same command again later; what was read is kept.",
            ) from last

    def _ask(self, path: str, query: list[tuple[str, str]], accept: str) -> Answer:
        self._keep_pace()
        asked_at = datetime.now(UTC)
        self.traffic.requests += 1
        try:
            with self._session.get(
                self.endpoint + path,
                params=query,
                headers={"Accept": accept},
                timeout=self.pace.timeout_s,
                allow_redirects=False,
                stream=True,
            ) as response:
                headers = {k.lower(): v for k, v in response.headers.items()}
                # Before the body: where that breaks off, the limit it was counted against still stands.
                self._learn(Answer(response.status_code, headers, "", asked_at))
                text = _read(response)
                if self._token:  # a server that repeats the token would carry it into ledger and log
                    text = text.replace(self._token, "(secret)")
                answer = Answer(response.status_code, headers, text, asked_at)
        except (requests.RequestException, UnicodeDecodeError) as error:
            # The text of some of these errors holds the URL, never a header: the token cannot leak here.
            raise _AgainError(f"no whole answer: {type(error).__name__}", None) from error
        return self._judge(answer, path)

    def _learn(self, answer: Answer) -> None:
        """Takes in when the next request may leave."""
        if answer.headers.get("x-ratelimit-remaining") == "0":
            self._next = max(self._next, time.monotonic() + until_reset(answer))

    def _judge(self, answer: Answer, path: str) -> Answer:
        """Returns a final answer, raises ``_AgainError`` for a passing one."""
        spent = answer.headers.get("x-ratelimit-remaining") == "0"
        if 300 <= answer.status < 400:
            raise HopelessError(
                f"{self.endpoint}{path}: answered with a redirect, which is not followed",
                "check the configured endpoint.",
            )
        if answer.status == 200:
            # A gateway's page of apologies also comes with 200.
            if not answer.text.lstrip().startswith("{"):
                raise _AgainError("status 200, but not a JSON object", None)
            return answer
        if self._hopeless(answer):
            return answer
        limited = answer.status in (403, 429)
        named = retry_after(answer)
        why = f"status {answer.status}: {answer.message()}"
        if limited and named is not None:
            raise _AgainError(why, named, answer)
        if limited and spent:
            raise _AgainError(why, until_reset(answer), answer)
        if limited and is_secondary(answer):
            raise _AgainError(why, -1.0, answer)
        if answer.status in _PASSING:
            raise _AgainError(why, named, answer)
        return answer

    def _keep_pace(self) -> None:
        pause = self._next - time.monotonic()
        if pause > 0:
            self._announce(pause, "to stay within the rate limit")
            self.traffic.waited_s += pause
            time.sleep(pause)
        self._next = time.monotonic() + self.pace.floor_s

    def _wait(self, state: tenacity.RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        turn = state.attempt_number - 1
        named = fault.wait if isinstance(fault, _AgainError) else None
        if named is None:
            return float(self.pace.backoff_s * 2**turn * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
        if named < 0:
            return float(self.pace.secondary_s * 2**turn)
        if named > _LONGEST_WAIT:
            raise HopelessError(
                f"{self.endpoint} asks to wait {named / 60:.0f} minutes",
                "run the same command again then; what was read is kept.",
            )
        return named

    def _count_retry(self, state: tenacity.RetryCallState) -> None:
        pause = state.next_action.sleep if state.next_action else 0.0
        why = state.outcome.exception() if state.outcome else None
        self.traffic.retries += 1
        self._problem(str(state.args[0]), str(why))
        self.traffic.waited_s += pause
        self.traffic.faults.append(str(why))
        self._announce(pause, str(why))

    def _announce(self, pause: float, why: str) -> None:
        if pause > 10:
            self._note(f"{urlsplit(self.endpoint).hostname}: waiting {pause:.0f} s ({why})")


def pace_for(endpoint: str, floor_s: float) -> Pace:
    """Returns the pace for ``endpoint``: ``floor_s`` between requests, and hurried only on this machine."""
    if on_this_machine(endpoint):
        return Pace(floor_s=0.0, backoff_s=0.02, secondary_s=1.0, timeout_s=10.0)
    return Pace(floor_s=floor_s)


def checked_endpoint(url: str) -> str:
    """Returns ``url`` without a closing slash.

    Raises:
        UsageError: not a URL, or plain http to another machine.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        shown = f"{parts.scheme}://{parts.hostname}"
        raise UsageError(
            f"endpoint {shown}: name, password or query in it", "leave them out; a token goes into a variable."
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"endpoint {url!r} is not a base URL", "for example https://api.github.com")
    if parts.scheme == "http" and not on_this_machine(url):
        raise UsageError(f"endpoint {url!r} is not encrypted", "use https; http is for replicas on this machine.")
    return url.rstrip("/")


def on_this_machine(url: str) -> bool:
    """Tells whether ``url`` names the loopback interface."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _read(response: requests.Response) -> str:
    pieces = []
    size = 0
    for piece in response.iter_content(65_536):
        size += len(piece)
        if size > _BODY_LIMIT:
            raise SourceError(f"{response.url.split('?')[0]}: more than {_BODY_LIMIT >> 20} MB in one answer")
        pieces.append(piece)
    return b"".join(pieces).decode("utf-8")
