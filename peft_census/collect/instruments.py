"""Running the instruments that stand beside the Hub: GitHub's code search, Civitai, PEFT's own benchmark.

In: which ones, and technique ids with their config classes and PEFT types. Out: tables of the registry, and
for each instrument what was asked, when, and what is missing. It refuses to let one instrument's fault pass
in silence: a fault is a gap with its reason, and the others still run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from peft_census.collect.benchmark import read_benchmark
from peft_census.collect.civitai import Frame, checked_frame, civitai_client, crawl, describe_crawl, models_table
from peft_census.collect.github import sample as github_sample
from peft_census.collect.github import search as github
from peft_census.collect.github.calibration import count_checkout
from peft_census.collect.http.rest import PoliteClient, on_this_machine
from peft_census.collect.problem_log import Problems
from peft_census.collect.response_store import Campaign, open_campaign
from peft_census.errors import SourceError, UsageError
from peft_census.snapshot.schema.instruments import READING_STATUSES

NAMES = ("github", "civitai", "benchmark")
LEDGER = "instruments.sqlite"
PROBLEMS = "instruments-problems.jsonl"
"""One JSON line for every request that had to be made again, beside the ledger."""
Note = Callable[[str], None]
Progress = Callable[[int], object]


@dataclass(frozen=True)
class InstrumentConfig:
    """What to collect.

    Args:
        names: instruments, of ``NAMES``.
        readings: complete readings wanted of each GitHub query.
        sample: GitHub requests to spend on a sample of files; 0 for none.
        seed: of that sample.
        calibrate: a checkout of PEFT to compare GitHub's counts with.
        civitai: the Civitai frame.
        benchmark: a checkout of PEFT or a folder of results; None for the table that ships.
        fresh: ask everything anew.
    """

    names: tuple[str, ...]
    readings: int = github.READINGS
    sample: int = 0
    seed: int = 0
    calibrate: Path | None = None
    civitai: Frame = field(default_factory=Frame)
    benchmark: Path | None = None
    fresh: bool = False


@dataclass
class Collected:
    """What came back.

    Args:
        tables: by name, in the schema of the registry.
        about: instrument to its description, JSON-ready, for the manifest.
        gaps: one line for everything that is missing.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)

    def skip(self, name: str, reason: str) -> None:
        """Notes an instrument that was not run."""
        self.about[name] = {"state": "skipped", "reason": reason}

    def fail(self, name: str, error: SourceError) -> None:
        """Notes an instrument that could not be read."""
        self.about[name] = {"state": "failed", "reason": error.what}
        self.gaps.append(f"{name}: {error}")


def checked_config(wanted: InstrumentConfig) -> InstrumentConfig:
    """Returns ``wanted``; raises UsageError on an unknown instrument or a number that makes no sense."""
    unknown = [n for n in wanted.names if n not in NAMES]
    if unknown:
        raise UsageError(f"unknown instrument {', '.join(unknown)}", f"known: {', '.join(NAMES)}.")
    if wanted.readings < 1 or wanted.sample < 0:
        raise UsageError(f"{wanted.readings} readings, a sample of {wanted.sample} requests", "use positive numbers.")
    checked_frame(wanted.civitai)
    return wanted


def collect(
    wanted: InstrumentConfig,
    classes: Mapping[str, str],
    types: Mapping[str, str],
    raw: Path,
    note: Note = lambda line: None,
    progress: Progress = lambda n: None,
) -> Collected:
    """Runs the wanted instruments.

    Args:
        wanted: which, and how much.
        classes: technique id to PEFT config class, each class once.
        types: PEFT type to technique id.
        raw: folder of the ledger.
        note: called with one line for people.
        progress: called with every request or model done.
    """
    wanted = checked_config(wanted)
    result = Collected()
    for name in (n for n in NAMES if n in wanted.names):
        try:
            if name == "github":
                _github(wanted, classes, raw, result, note, progress)
            elif name == "civitai":
                _civitai(wanted, raw, result, note, progress)
            else:
                table, about = read_benchmark(wanted.benchmark, types)
                result.tables["benchmark"] = table
                result.about["benchmark"] = {"state": "read", **about}
        except SourceError as error:
            result.fail(name, error)
    return result


def content_sha256(collected: Collected) -> str:
    """Returns a hash over all tables and descriptions: what makes two collections the same."""
    digest = hashlib.sha256()
    for name, table in sorted(collected.tables.items()):
        digest.update(name.encode())
        for batch in table.to_batches(max_chunksize=4096):
            digest.update(json.dumps(batch.to_pylist(), default=str).encode())
    digest.update(json.dumps(collected.about, sort_keys=True).encode())
    return digest.hexdigest()


def _github(
    wanted: InstrumentConfig, classes: Mapping[str, str], raw: Path, result: Collected, note: Note, progress: Progress
) -> None:
    client = github.github_client(note, lambda where, what: _record(raw, "github", where, what))
    if client is None:
        result.skip("github", "GITHUB_TOKEN is not set")
        note("github: skipped, GITHUB_TOKEN is not set (code search needs a token; it needs no scope)")
        return
    plan = github.plan_queries(classes, calibrate=wanted.calibrate is not None)
    local = count_checkout(wanted.calibrate, classes.values()) if wanted.calibrate else {}
    questions = {"endpoint": client.endpoint, "queries": [q.text for q in plan if q.scope == "all"]}
    with open_campaign(raw / LEDGER, "github", questions, wanted.fresh) as campaign:
        github.retry_failed(campaign)
        whole = _unless_broken(
            "github", campaign, result, lambda: github.ask_rounds(client, campaign, plan, wanted.readings, progress)
        )
        counts = github.counts_table(campaign, plan, local)
        readings = {s: counts["status"].to_pylist().count(s) for s in READING_STATUSES}
        about = {**_seen(client, campaign), "readings": readings, "readings_wanted": wanted.readings}
    if readings["failed"]:
        result.gaps.append(f"github: {readings['failed']} readings could not be had; run the same command again.")
    result.tables["github_counts"] = counts
    result.about["github"] = {"state": "read" if whole and not readings["failed"] else "partial", **about}
    if wanted.sample and whole:
        _github_sample(client, wanted, classes, raw, result, progress)


def _github_sample(
    client: PoliteClient,
    wanted: InstrumentConfig,
    classes: Mapping[str, str],
    raw: Path,
    result: Collected,
    progress: Progress,
) -> None:
    questions = {"endpoint": client.endpoint, "frames": github_sample.FRAMES, "seed": wanted.seed}
    with open_campaign(raw / LEDGER, "github_sample", questions, wanted.fresh) as campaign:
        whole = _unless_broken(
            "github sample",
            campaign,
            result,
            lambda: github_sample.sample_files(client, campaign, wanted.sample, wanted.seed, progress),
        )
        result.tables["github_imports"] = github_sample.imports_table(campaign, classes)
        about = github_sample.describe_sample(campaign, wanted.sample, wanted.seed)
        result.about["github"]["sample"] = {**about, **_seen(client, campaign)}
    if not whole:
        result.about["github"]["state"] = "partial"


def _unless_broken(name: str, campaign: Campaign, result: Collected, ask: Callable[[], None]) -> bool:
    """Runs ``ask``; a fault after some answers is a gap and False, one before the first is raised."""
    try:
        ask()
    except SourceError as error:
        if not any(campaign.bodies()):
            raise
        result.gaps.append(f"{name}: {error}")
        return False
    return True


def _civitai(wanted: InstrumentConfig, raw: Path, result: Collected, note: Note, progress: Progress) -> None:
    client = civitai_client(note, lambda where, what: _record(raw, "civitai", where, what))
    frame = wanted.civitai
    questions = {"endpoint": client.endpoint, "query": frame.query(None), "models": frame.models}
    with open_campaign(raw / LEDGER, "civitai", questions, wanted.fresh) as campaign:
        whole = _unless_broken("civitai", campaign, result, lambda: crawl(client, campaign, frame, progress))
        result.tables["civitai"] = models_table(campaign, frame)
        result.about["civitai"] = {
            "state": "read" if whole else "partial",
            **_seen(client, campaign),
            **describe_crawl(campaign, frame),
        }


def _seen(client: PoliteClient, campaign: Campaign) -> dict[str, Any]:
    """Returns where and when answers were read; a replica on this machine is named as one."""
    times = [asked_at for _, asked_at, _ in campaign.bodies()]
    return {
        "endpoint": "a replica on this machine" if on_this_machine(client.endpoint) else client.endpoint,
        "first_asked": min(times).isoformat() if times else None,
        "last_asked": max(times).isoformat() if times else None,
        "requests_kept": len(times),
    }


def _record(raw: Path, stage: str, where: str, what: str) -> None:
    secrets = tuple(os.environ.get(name, "").strip() for name in ("GITHUB_TOKEN", "CIVITAI_TOKEN"))
    with Problems(raw / PROBLEMS, secrets) as problems:
        problems.record(stage, where, what)
