"""What every instrument provides, and the steps that all of them share.

An instrument is a data source that is not cards: GitHub's code search, Civitai, PEFT's benchmark. Each is one
``Instrument``, defined in its own module and named in ``instruments.INSTRUMENTS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from peft_census.collect.http.common import Report, on_this_machine
from peft_census.collect.http.rate_limit import SYSTEM_CLOCK, Clock
from peft_census.collect.http.tokens import secrets
from peft_census.collect.problem_log import Problems
from peft_census.collect.response_store import Campaign, open_campaign
from peft_census.errors import SourceError
from peft_census.snapshot.instruments import Asked, CivitaiFrame, Description

STORE = "instruments.sqlite"
PROBLEMS = "instruments-problems.jsonl"
"""One JSON line for every attempt that failed."""
READINGS = 3
Note = Callable[[str], None]
Progress = Callable[[int], object]


@dataclass(frozen=True)
class InstrumentConfig:
    """What to collect.

    Args:
        names: instruments, of ``INSTRUMENTS``.
        readings: complete readings wanted of each GitHub query.
        sample: GitHub requests to spend on a sample of files; 0 for none.
        seed: of that sample.
        calibrate: a checkout of PEFT to compare GitHub's counts with.
        civitai: the models to list.
        benchmark: a checkout of PEFT or a folder of results; None for the bundled table.
        fresh: ignore stored answers.
    """

    names: tuple[str, ...]
    readings: int = READINGS
    sample: int = 0
    seed: int = 0
    calibrate: Path | None = None
    civitai: CivitaiFrame = field(default_factory=CivitaiFrame)
    benchmark: Path | None = None
    fresh: bool = False


@dataclass(frozen=True)
class InstrumentRun:
    """What an instrument is given.

    Args:
        config: what to collect.
        classes: technique id to PEFT config class, each class once.
        types: PEFT type to technique id.
        raw: folder of stored answers and of the problem log.
        note: called with one line for people.
        progress: called with the number of requests or models done.
        clock: to wait with.
    """

    config: InstrumentConfig
    classes: Mapping[str, str]
    types: Mapping[str, str]
    raw: Path
    note: Note = lambda line: None
    progress: Progress = lambda n: None
    clock: Clock = SYSTEM_CLOCK

    def campaign(self, source: str, plan: dict[str, Any]) -> AbstractContextManager[Campaign]:
        """Opens the stored answers to ``plan``; see ``open_campaign``."""
        return open_campaign(self.raw / STORE, source, plan, self.config.fresh)

    def report(self, stage: str) -> Report:
        """Returns a function that writes to the problem log."""

        def record(where: str, what: str) -> None:
            with Problems(self.raw / PROBLEMS, secrets()) as problems:
                problems.record(stage, where, what)

        return record


@dataclass(frozen=True)
class InstrumentResult:
    """What an instrument returns.

    Args:
        tables: by name, in the schema of the registry.
        description: what was asked and what is missing, for the manifest.
        gaps: one line for everything that is missing.
    """

    tables: dict[str, pa.Table]
    description: Description
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cost:
    """What an instrument would cost; ``note`` says it in words if the number of requests cannot be known beforehand.

    ``requests_if_incomplete`` is the most it can be if GitHub returns incomplete readings.
    """

    requests: int | None
    minutes: float | None
    requests_if_incomplete: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Instrument:
    """One instrument.

    Args:
        collect: reads it; raises SourceError if nothing could be read.
        estimate: returns the cost of a config, given technique ids and config classes; sends nothing.
        check: raises UsageError for a config that makes no sense.
    """

    collect: Callable[[InstrumentRun], InstrumentResult]
    estimate: Callable[[InstrumentConfig, Mapping[str, str]], Cost]
    check: Callable[[InstrumentConfig], None] = lambda config: None


@contextmanager
def gaps_after_first_answer(name: str, campaign: Campaign) -> Iterator[list[str]]:
    """Gives a list that receives a line if the block raises SourceError after the campaign has answers.

    Without any answer the error is raised.
    """
    gaps: list[str] = []
    try:
        yield gaps
    except SourceError as error:
        if not campaign.times():
            raise
        gaps.append(f"{name}: {error}")


def asked(endpoint: str, campaign: Campaign) -> Asked:
    """Returns where and when the campaign's answers were requested."""
    replica = on_this_machine(endpoint)
    times = campaign.times()
    return Asked(
        endpoint=urlsplit(endpoint).hostname or "" if replica else endpoint,
        replica=replica,
        requests_kept=len(times),
        first_asked=min(times, default=None),
        last_asked=max(times, default=None),
    )
