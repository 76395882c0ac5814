"""GitHub's code search as an instrument: the counts, and on request the sample of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from peft_census.collect.github.calibration import count_checkout
from peft_census.collect.github.sample import FRAMES, describe_frames, imports_table, sample_files, short_slices
from peft_census.collect.github.search import (
    EXTRA_ROUNDS,
    FLOOR_S,
    GAP_S,
    ask_rounds,
    counts_table,
    drop_unusable,
    find_gaps,
    github_client,
    plan_queries,
)
from peft_census.collect.http.rest import RestClient
from peft_census.collect.instrument import (
    Cost,
    Instrument,
    InstrumentConfig,
    InstrumentResult,
    InstrumentRun,
    asked,
    gaps_after_first_answer,
)
from peft_census.errors import UsageError
from peft_census.snapshot.instruments import GithubDescription, GithubSample, NotRead, ReadingCounts
from peft_census.snapshot.schema.instruments import READING_STATUSES


def collect(run: InstrumentRun) -> InstrumentResult:
    """Returns ``github_counts`` and, if a sample is configured, ``github_imports``; skipped without a token."""
    client = github_client(run.note, run.report("github"), run.clock)
    if client is None:
        run.note("github: skipped, GITHUB_TOKEN is not set (code search needs a token; it needs no scope)")
        return InstrumentResult({}, NotRead("skipped", "GITHUB_TOKEN is not set"))
    config = run.config
    plan = plan_queries(run.classes, calibrate=config.calibrate is not None)
    local = count_checkout(config.calibrate, run.classes.values()) if config.calibrate else {}
    questions = {"endpoint": client.endpoint, "queries": [q.text for q in plan if q.scope == "all"]}
    with run.campaign("github", questions) as campaign:
        drop_unusable(campaign, plan)
        with gaps_after_first_answer("github", campaign) as gaps:
            ask_rounds(client, campaign, plan, config.readings, run.progress)
        whole = not gaps
        counts = counts_table(campaign, plan, local)
        statuses = counts["status"].to_pylist()
        readings = ReadingCounts(**{status: statuses.count(status) for status in READING_STATUSES})
        gaps += find_gaps(campaign, plan)
        state = GithubDescription(
            "partial" if gaps else "read", asked(client.endpoint, campaign), readings, config.readings
        )
    result = InstrumentResult({"github_counts": counts}, state, tuple(gaps))
    return _with_sample(run, client, result, state) if config.sample and whole else result


def _with_sample(
    run: InstrumentRun, client: RestClient, result: InstrumentResult, description: GithubDescription
) -> InstrumentResult:
    config = run.config
    questions = {"endpoint": client.endpoint, "frames": FRAMES, "seed": config.seed}
    with run.campaign("github_sample", questions) as campaign:
        before = short_slices(campaign)
        for key in before.keys if before.gaps() else ():
            campaign.drop(key)
        with gaps_after_first_answer("github sample", campaign) as gaps:
            sample_files(client, campaign, config.sample, config.seed, run.progress)
            gaps += short_slices(campaign).gaps()
        sample = GithubSample(asked(client.endpoint, campaign), config.sample, config.seed, describe_frames(campaign))
        table = imports_table(campaign, run.classes)
    return InstrumentResult(
        {**result.tables, "github_imports": table},
        replace(description, sample=sample, state="partial" if gaps else description.state),
        (*result.gaps, *gaps),
    )


def check(config: InstrumentConfig) -> None:
    """Raises UsageError for a number that makes no sense."""
    if config.readings < 1 or config.sample < 0:
        raise UsageError(f"{config.readings} readings, a sample of {config.sample} requests", "use positive numbers.")


def estimate(config: InstrumentConfig, classes: Mapping[str, str]) -> Cost:
    """Returns the cost without extra rounds, and the requests with them."""
    plan = plan_queries(classes, calibrate=config.calibrate is not None)
    measured = sum(query.scope == "all" for query in plan)
    requests = measured * config.readings + (len(plan) - measured) + config.sample
    gaps = max(0.0, GAP_S - measured * FLOOR_S) * (config.readings - 1)
    minutes = round((requests * FLOOR_S + gaps) / 60, 1)
    return Cost(requests, minutes, requests_if_incomplete=requests + measured * EXTRA_ROUNDS)


INSTRUMENT = Instrument(collect, estimate, check)
