"""What an answer of a web API says about waiting: limits, resets, ``Retry-After``.

In: one answer. Out: seconds to wait, or None. Nothing here waits or asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from peft_census.collect.http.decoding import decode_json


@dataclass(frozen=True)
class Answer:
    """One answer of a server, read to its end."""

    status: int
    headers: dict[str, str]
    text: str
    asked_at: datetime

    def json_object(self) -> dict[str, Any]:
        """Returns the body as a JSON object.

        Raises:
            ValueError: it is something else.
        """
        value = decode_json(self.text)
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        return value

    def message(self) -> str:
        """Returns what the server says went wrong, on one line and short."""
        try:
            body = self.json_object()
            said = body.get("message") or body.get("error") or self.text
        except ValueError:
            said = self.text
        return " ".join(str(said).split())[:160]


def is_secondary(answer: Answer) -> bool:
    """Tells whether a refusal is one of GitHub's secondary limits."""
    said = answer.message().lower()
    return "secondary rate limit" in said or "abuse detection" in said


def _server_time(answer: Answer) -> float:
    """Returns the server's clock, so that a wrong clock here does not spoil the wait."""
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return answer.asked_at.timestamp()


def until_reset(answer: Answer) -> float:
    try:
        reset = int(answer.headers["x-ratelimit-reset"])
    except (KeyError, ValueError):
        return 60.0
    # Both clocks count whole seconds, the server's rounded down: the difference is never too short.
    return max(0.0, reset - _server_time(answer)) + 0.05


def retry_after(answer: Answer) -> float | None:
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - _server_time(answer)) + 0.05
    except (ValueError, TypeError):
        return None
