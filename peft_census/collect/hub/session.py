"""One run of a source of the Hub: its folder, the lock on it, an HTTP client and a log of problems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peft_census.collect.http.hub import HubClient, Limits
from peft_census.collect.http.rate_limit import SYSTEM_CLOCK, Clock
from peft_census.collect.problem_log import Problems
from peft_census.collect.progress import announce
from peft_census.snapshot.lock import exclusive_lock

LOCK = "lock"
"""The lock file in a crawl's folder."""


def crawl_folder(raw: Path, base: str, name: str) -> Path:
    """Returns the folder of a crawl of the endpoint ``base``: one for each endpoint and crawl."""
    return raw / re.sub(r"[^a-z0-9.]+", "-", base.partition("://")[2].lower()).strip(".-") / name


@contextmanager
def hub_session(
    folder: Path, base: str, limits: Limits, stage: str, quiet: bool = False, clock: Clock = SYSTEM_CLOCK
) -> Iterator[HubClient]:
    """Locks ``folder`` and opens a client whose failed requests are logged there under ``stage``.

    Its long waits are announced on stderr, unless ``quiet``.

    Raises:
        BusyError: another process has the folder.
    """
    with exclusive_lock(folder / LOCK):
        client = HubClient(limits, base=base, clock=clock)
        with Problems(folder / "problems.jsonl", (client.token or "",)) as problems:
            client.report = lambda where, what: problems.record(stage, where, what)
            if not quiet:
                client.note = announce
            yield client
