"""Reads the instruments, the data sources that are not cards: GitHub's code search, Civitai, PEFT's benchmark.

In: an ``InstrumentConfig``. Out: tables, descriptions and gaps for a snapshot, and rows of its coverage. ``collect``
may not import the taxonomy, so this module passes it the config classes and the PEFT types.
"""

from __future__ import annotations

from typing import Any

from peft_census.collect import instruments
from peft_census.collect.http.rate_limit import SYSTEM_CLOCK, Clock
from peft_census.collect.instrument import Cost, InstrumentConfig, InstrumentRun
from peft_census.collect.instruments import CollectedInstruments
from peft_census.pipeline.progress import Progress
from peft_census.pipeline.settings import settings
from peft_census.snapshot.instruments import GithubDescription, NotRead
from peft_census.snapshot.manifest import peft_types
from peft_census.tag import load_taxonomy


def peft_classes() -> dict[str, str]:
    """Returns technique id to config class, for each PEFT type of the taxonomy."""
    techniques = load_taxonomy().techniques.values()
    return {t.id: t.config_class for t in techniques if t.kind == "peft_type" and t.config_class}


def collect_instruments(
    config: InstrumentConfig | None, progress: Progress, clock: Clock = SYSTEM_CLOCK
) -> CollectedInstruments:
    """Reads the instruments of ``config``; none without a config."""
    if config is None:
        return CollectedInstruments()
    with progress.stage(f"reading {', '.join(config.names)}", unit="answers") as advance:
        return instruments.collect(
            InstrumentRun(
                config,
                peft_classes(),
                peft_types(load_taxonomy().facts()),
                settings().raw,
                progress.note,
                advance,
                clock,
            )
        )


def coverage_rows(result: CollectedInstruments) -> list[dict[str, Any]]:
    """Returns one row per instrument and status: readings of GitHub, models of Civitai, runs of the benchmark."""
    rows: list[dict[str, Any]] = []

    def add(name: str, status: str, n: int, reason: str | None = None) -> None:
        rows.append({"source": name, "status": status, "reason": reason, "n": n})

    for name, description in result.descriptions.items():
        if isinstance(description, NotRead):
            add(name, "skipped" if description.state == "skipped" else "missing", 0, description.reason)
        elif isinstance(description, GithubDescription):
            for status, n in vars(description.readings).items():
                if n:
                    add(name, "missing" if status == "failed" else status, n)
        else:
            add(name, "read", result.tables[name].num_rows)
        if description.state == "partial":
            add(name, "missing", 0, "broke off; run the same command again")
    return rows


def estimate_instruments(config: InstrumentConfig | None) -> dict[str, Cost]:
    """Returns the requests and minutes that each instrument would cost; sends no request."""
    return instruments.estimate(config, peft_classes()) if config else {}
