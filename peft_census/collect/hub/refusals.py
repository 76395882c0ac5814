"""Answers of the Hub with status 401, 403 or 407 that do not say why.

In: an answer. Out: whether it names a cause, and the error that ends a crawl in which nothing else is answered.
"""

from __future__ import annotations

from peft_census.collect.http.common import Answer
from peft_census.collect.http.hub import HubClient
from peft_census.errors import UnrecoverableError

NO_CAUSE = " without an error code of the Hub"
_REFUSED = (401, 403, 407)
_RESUME = "then run the same command again, it resumes here."


def names_no_cause(answer: Answer) -> bool:
    """Returns whether an answer refuses without one of the Hub's error codes or messages."""
    named = answer.header("x-error-code") or answer.header("x-error-message")
    return answer.status in _REFUSED and named is None


def refused(client: HubClient, answer: Answer) -> UnrecoverableError:
    """Returns the error that says what refuses the caller, and what to do."""
    what = f"{client.base} answers HTTP {answer.status}{NO_CAUSE}"
    is_page = "html" in answer.headers.get("content-type", "")
    if answer.status == 407 or "proxy-authenticate" in answer.headers:
        return UnrecoverableError(f"{what}: a proxy asks for a login", f"correct HTTPS_PROXY, {_RESUME}")
    if is_page:
        cause = "a web page, from a firewall or the login page of a proxy"
        return UnrecoverableError(f"{what}: {cause}", f"open {client.base} in a browser on this network, {_RESUME}")
    if client.token:
        return UnrecoverableError(
            f"{what}: the token may be expired", f"make a new token and set HF_TOKEN, or unset it, {_RESUME}"
        )
    return UnrecoverableError(f"{what}: it asks for a login", f"set HF_TOKEN or correct HF_ENDPOINT, {_RESUME}")
