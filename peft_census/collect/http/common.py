"""Shared by the two HTTP clients: the answer, its faults, retries, redirects, and the redaction of tokens.

A client sends one request and turns what went wrong into one of the exceptions below; ``send_with_retries`` repeats
what may succeed later. ``TransientError`` never leaves a client's ``get``.
"""

from __future__ import annotations

import json
import os
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, AnyStr
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from peft_census.collect.http.rate_limit import Clock
from peft_census.errors import SourceError, UnrecoverableError, UsageError

REDIRECTS = frozenset({301, 302, 303, 307, 308})
SECRET = "(secret)"  # noqa: S105 - what stands in place of one
_LOGIN = re.compile(r"\b407\b")
"""The status of a refused CONNECT, which the HTTP libraries give in the text of their ProxyError only."""
Report = Callable[[str, str], None]
"""Receives path and fault of each attempt that failed."""


@dataclass(frozen=True)
class Answer:
    """A complete answer, after redirects.

    Args:
        status: of the last response.
        headers: of the last response; names in lower case.
        body: at most as long as the caller allowed.
        cut: whether the body was longer.
        earlier: headers of the redirects before it.
        asked_at: when it was requested.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False
    earlier: tuple[Mapping[str, str], ...] = ()
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def header(self, name: str) -> str | None:
        """Returns a header of the last response that has it."""
        return next((h[name] for h in (self.headers, *reversed(self.earlier)) if name in h), None)

    def json_object(self) -> dict[str, Any]:
        """Returns the body as a JSON object.

        Raises:
            ValueError: it is something else.
        """
        value = decode_json(self.body)
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        return value

    def message(self) -> str:
        """Returns the server's error message, on one line and short."""
        text = self.body.decode("utf-8", "replace")
        try:
            body = self.json_object()
            text = str(body.get("message") or body.get("error") or text)
        except ValueError:
            pass  # not JSON: the text itself is the message
        return clean_text(" ".join(text.split())[:160])


class TransientError(Exception):
    """A fault that may be gone at the next attempt; ``str`` is a short reason without ids or times.

    Args:
        reason: what went wrong.
        wait: seconds that the server asks to wait.
        overloaded: the request timed out or met a server error, so that a smaller one may succeed.
        backoff: seconds of the first wait where the server asks for none; they double with each attempt.
        answer: the answer that reports the fault, where there is one.
    """

    def __init__(
        self,
        reason: str,
        wait: float | None = None,
        overloaded: bool = False,
        backoff: float | None = None,
        answer: Answer | None = None,
    ) -> None:
        super().__init__(reason)
        self.wait, self.overloaded, self.backoff, self.answer = wait, overloaded, backoff, answer


class NoAnswerError(SourceError):
    """All attempts failed. ``reason`` is the last fault, in words that can be counted; for the rest see its class."""

    def __init__(
        self, where: str, reason: str, attempts: int, overloaded: bool = False, answer: Answer | None = None
    ) -> None:
        super().__init__(f"{where}: {reason}", "run the same command again later; it resumes where it stopped.")
        self.reason, self.attempts, self.overloaded, self.answer = reason, attempts, overloaded, answer


class ElsewhereError(UnrecoverableError):
    """The server redirects to another host than the endpoint's."""


def send_with_retries(
    send: Callable[[], Answer],
    where: str,
    attempts: int,
    jitter: wait_random_exponential,
    clock: Clock,
    on_fault: Callable[[TransientError, float], None],
) -> Answer:
    """Returns the answer of ``send``, which is called again after each TransientError.

    Args:
        send: sends one request.
        where: path or URL, for the error.
        attempts: how often ``send`` is called at most.
        jitter: how long to wait where the server does not ask for a wait.
        clock: to wait with.
        on_fault: called with each fault and the seconds until the next attempt (0 after the last).

    Raises:
        NoAnswerError: all attempts failed.
    """

    def wait(state: RetryCallState) -> float:
        fault = _fault(state)
        if fault.wait is not None:
            return fault.wait
        if fault.backoff is not None:
            return float(fault.backoff * 2 ** (state.attempt_number - 1))
        return float(jitter(state))

    retrying = Retrying(
        stop=stop_after_attempt(attempts),
        retry=retry_if_exception_type(TransientError),
        wait=wait,
        sleep=clock.sleep,
        before_sleep=lambda state: on_fault(_fault(state), state.next_action.sleep if state.next_action else 0.0),
        reraise=True,
    )
    try:
        return retrying(send)
    except TransientError as fault:
        on_fault(fault, 0.0)
        reason = f"{fault} after {attempts} attempts"
        raise NoAnswerError(where, reason, attempts, fault.overloaded, fault.answer) from None


def _fault(state: RetryCallState) -> TransientError:
    fault = state.outcome.exception() if state.outcome else None
    if not isinstance(fault, TransientError):
        raise TypeError("only a TransientError is retried")
    return fault


def is_transient(status: int) -> bool:
    """Returns whether another attempt may change the answer; each client's pacing handles 429."""
    return status == 408 or status >= 500


def connection_fault(error: BaseException, base: str, reason: str) -> TransientError | UnrecoverableError:
    """Returns the error for a connection that failed: one that says why where TLS or a proxy refuses it.

    Args:
        error: what the HTTP library raised.
        base: the endpoint.
        reason: for any other fault, which another attempt may change.
    """
    if type(error).__name__ == "ProxyError" and _LOGIN.search(str(error)):
        return UnrecoverableError(
            f"{base}: a proxy asks for a login (HTTP 407)",
            "correct HTTPS_PROXY, then run the same command again, it resumes here.",
        )
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is None or isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        return TransientError(reason)
    why = getattr(cause, "verify_message", None) or cause.reason or type(cause).__name__
    return UnrecoverableError(
        f"{base}: no secure connection ({why})",
        "check the address, the clock of this machine, and the certificate of a proxy (SSL_CERT_FILE).",
    )


def decode_json(body: str | bytes) -> Any:
    """Returns the JSON value in ``body``.

    Raises:
        ValueError: it is not JSON, or nested deeper than the decoder allows.
    """
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("JSON nested too deep") from error


def clean_text(value: object) -> str:
    """Returns a string from a server's JSON with halves of surrogate pairs replaced, which no file could store.

    Raises:
        TypeError: ``value`` is not a string.
    """
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of a string")
    return value.encode("utf-8", "replace").decode()


def plain_address(url: str, name: str) -> str:
    """Returns the base URL ``url`` without a trailing slash.

    Args:
        url: an endpoint.
        name: the variable or option that holds it, for the error.

    Raises:
        UsageError: it holds a name, password, query or fragment, which would get into folder names and messages.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            f"{name} holds more than an address ({parts.scheme}://{parts.hostname})",
            "remove user name, password and query; a token belongs in its own variable.",
        )
    return url.rstrip("/")


def origin(url: str) -> tuple[str, str, int]:
    """Returns scheme, host and port of ``url``."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def on_this_machine(url: str) -> bool:
    """Returns whether ``url`` names the loopback interface."""
    host = origin(url)[1]
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def may_receive_token(url: str, endpoint: str) -> bool:
    """Returns whether the token may be sent to ``url``: only to the endpoint, and never unencrypted over a network."""
    return origin(url) == origin(endpoint) and (url.startswith("https:") or on_this_machine(url))


_PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy")
_PROXY_SCHEMES = ("http", "https", "socks4", "socks5", "socks5h")


def check_proxies() -> None:
    """Raises UsageError for a variable that is not the address of a proxy; the error shows no value."""
    for name in _PROXIES:
        value = os.environ.get(name) or "http://none"
        try:
            parts = urlsplit(value if "://" in value else f"http://{value}")
            valid = parts.scheme in _PROXY_SCHEMES and parts.hostname and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise UsageError(f"{name} is not the address of a proxy", "write http://host:port, or unset it.")


def bad_certificates(*names: str) -> UsageError:
    """Returns the error for certificates that cannot be read; the first of the variables that is set names them."""
    name = next((name for name in names if os.environ.get(name)), "the system")
    return UsageError(f"{name} does not name readable certificates", "name a PEM file, or unset it.")


def redact(text: AnyStr, secret: str | None) -> AnyStr:
    """Returns ``text`` without ``secret``: a server may repeat the token, and answers are stored and logged."""
    if not secret:
        return text
    if isinstance(text, bytes):
        return text.replace(secret.encode(), SECRET.encode())
    return text.replace(secret, SECRET)


def clean_headers(headers: Mapping[str, str], secret: str | None) -> dict[str, str]:
    """Returns ``headers`` with names in lower case and without ``secret``."""
    return {name.lower(): redact(value, secret) for name, value in headers.items()}
