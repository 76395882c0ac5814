"""What the HTTP client borrows from huggingface_hub: its session (with time-outs), its token, its header parser.

Telemetry is switched off before huggingface_hub is first imported: otherwise it asks the Hub one question more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peft_census import __version__
from peft_census.collect.http.rate_limit import Allowance
from peft_census.errors import SourceError

if TYPE_CHECKING:
    import httpx2


@dataclass(frozen=True)
class Limits:
    """How patient and how parallel a crawl is. The defaults are for the real Hub; tests take smaller ones."""

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    answer_seconds: float = 120.0
    """For one whole answer, so that a server that drips cannot hold a thread."""
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
    """Failed cards one after the other before the crawl stops: the Hub is away, not the cards."""


def user_agent() -> str:
    """Returns how this project names itself."""
    from huggingface_hub import __version__ as hub_version

    python = ".".join(str(n) for n in sys.version_info[:3])
    return f"peft_census/{__version__}; hf_hub/{hub_version}; python/{python}"


def find_token() -> str | None:
    """Returns the token that huggingface_hub would use; nothing keeps it but the client."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read at import: before the first import below
    from huggingface_hub import get_token

    return get_token()


def install_factory(limits: Limits) -> None:
    """Lets huggingface_hub's shared session be made with time-outs."""
    import httpx2
    from huggingface_hub import constants, set_client_factory

    timeouts = httpx2.Timeout(limits.read_seconds, connect=limits.connect_seconds, pool=None).as_dict()

    def before(request: httpx2.Request) -> None:
        """Keeps offline mode, and sets time-outs where no caller's ``timeout=None`` can undo them."""
        if constants.is_offline_mode():
            raise SourceError(f"HF_HUB_OFFLINE forbids asking {request.url.host}", "unset it to collect.")
        request.extensions["timeout"] = timeouts

    def make() -> httpx2.Client:
        pool = httpx2.Limits(max_connections=limits.workers + 4, max_keepalive_connections=limits.workers + 4)
        return httpx2.Client(event_hooks={"request": [before]}, follow_redirects=True, timeout=None, limits=pool)

    set_client_factory(make)


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    """Returns what a response's RateLimit headers say."""
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

    info = parse_ratelimit_headers(headers)
    if info is None:
        return None
    return Allowance(info.resource_type, info.remaining, info.reset_in_seconds, info.limit, info.window_seconds)
