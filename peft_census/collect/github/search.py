"""GitHub's code search: how many files contain each config class of ``peft``.

In: technique ids with their config classes, and how often each query is asked. Out: one row of ``github_counts`` for
each reading, incomplete and failed ones included. Measures are never added up.

GitHub's totals change from one request to the next, so a single reading is not enough: each query is asked in several
rounds, and the median is published with its range.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from peft_census.collect.http.common import Answer, Report, on_this_machine
from peft_census.collect.http.rate_limit import SYSTEM_CLOCK, Clock
from peft_census.collect.http.rest import RestClient, api_client
from peft_census.collect.instrument import READINGS, Note, Progress
from peft_census.collect.response_store import Campaign
from peft_census.errors import SourceError, UnrecoverableError, UsageError
from peft_census.snapshot.records import record
from peft_census.snapshot.schema import arrow_schema

ENDPOINT = "https://api.github.com"
FLOOR_S = 7.0
"""GitHub allows 10 code searches a minute (its documentation has also said 9): 60 / 9, rounded up."""
GAP_S = 600.0
"""Least time between two readings of one query."""
FAILURES = 3
"""Readings that may fail in a row before the run stops."""
EXTRA_ROUNDS = 2
"""Rounds added for queries with incomplete readings."""
CALIBRATION_REPOSITORY = "huggingface/peft"
TEXT_MATCHES = "application/vnd.github.text-match+json"

ORDINARY = frozenset(
    (
        "BoneConfig C3AConfig CPTConfig CartridgeConfig DeftConfig HRAConfig "
        "LilyConfig LoraConfig MissConfig OFTConfig OSFConfig PeanutConfig "
        "PolyConfig PrefixTuningConfig PromptEncoderConfig PromptTuningConfig RoadConfig ShadowConfig"
    ).split()
)
"""Class names that other code uses too: as plain words (RoadConfig) or in other adapter libraries (LoraConfig)."""

_CLASS = re.compile(r"[A-Za-z][A-Za-z0-9]{2,60}Config\Z")


@record
class Reading:
    """One reading of a total, as the columns of ``github_counts`` have it."""

    status: str
    reason: str | None
    total: int | None = None
    incomplete: bool | None = None


@dataclass(frozen=True)
class Query:
    """One query to the code search."""

    technique: str
    config_class: str
    measure: str
    scope: str
    text: str

    def key(self, reading: int) -> str:
        """Returns the key under which one reading is stored."""
        return f"count|{reading}|{self.name}"

    @property
    def name(self) -> str:
        """What the keys of its readings end in."""
        return f"{self.scope}|{self.measure}|{self.config_class}"


def plan_queries(classes: Mapping[str, str], calibrate: bool = False) -> list[Query]:
    """Returns the queries for ``classes`` (technique id to config class), in a fixed order.

    Args:
        classes: technique id to config class; each class once.
        calibrate: also ask within PEFT's own repository.

    Raises:
        UsageError: two techniques share a class, or a class is not a plain name.
    """
    taken: dict[str, str] = {}
    plan: list[Query] = []
    for technique, name in sorted(classes.items()):
        if not _CLASS.fullmatch(name):
            raise UsageError(f"technique {technique}: {name!r} is not a config class")
        if name in taken:
            raise UsageError(f"techniques {taken[name]} and {technique} share the class {name}")
        taken[name] = technique
        texts = {
            "class_python": f"{name} peft language:Python",
            "class_notebook": f"{name} peft extension:ipynb",
            "phrase": f'"from peft import {name}"',
        }
        if name in ORDINARY:
            texts["guarded_python"] = f"{name} peft get_peft_model language:Python"
        plan += [Query(technique, name, measure, "all", text) for measure, text in texts.items()]
        if calibrate:
            only = f"repo:{CALIBRATION_REPOSITORY}"
            plan += [
                Query(technique, name, m, CALIBRATION_REPOSITORY, f"{texts[m]} {only}")
                for m in ("class_python", "phrase")
            ]
    return plan


def github_client(
    note: Note = lambda line: None, report: Report = lambda where, what: None, clock: Clock = SYSTEM_CLOCK
) -> RestClient | None:
    """Returns a client for ``GITHUB_API_URL`` with ``GITHUB_TOKEN``, or None without a token."""
    client = api_client("GITHUB", ENDPOINT, FLOOR_S, note, report, clock)
    return client if client.token else None


def search(client: RestClient, query: str, page: int, per_page: int, fragments: bool = False) -> Answer:
    """Returns the answer to one page of a code search.

    Raises:
        UnrecoverableError: the token is rejected.
        SourceError: no answer.
    """
    accept = TEXT_MATCHES if fragments else "application/vnd.github+json"
    answer = client.get("/search/code", [("q", query), ("per_page", str(per_page)), ("page", str(page))], accept)
    if answer.status == 401:
        raise UnrecoverableError(
            f"GitHub rejects GITHUB_TOKEN: {answer.message()}", "make a new token; it needs no scope."
        )
    return answer


def read_total(answer: Answer) -> Reading:
    """Returns the reading in the answer to a search."""
    if answer.status != 200:
        status = "refused" if answer.status in (400, 404, 422) else "failed"
        return Reading(status, f"{answer.status}: {answer.message()}")
    try:
        body = answer.json_object()
        total, incomplete = body["total_count"], body["incomplete_results"]
    except (ValueError, KeyError) as error:
        return Reading("failed", f"not a search answer ({type(error).__name__})")
    if type(total) is not int or type(incomplete) is not bool or total < 0:
        return Reading("failed", "not a search answer (total_count)")
    if incomplete:
        return Reading("incomplete", "the search ran out of time, or searched nothing", total, incomplete)
    return Reading("read", None, total, incomplete)


def ask_rounds(
    client: RestClient,
    campaign: Campaign,
    plan: list[Query],
    readings: int = READINGS,
    progress: Progress = lambda n: None,
) -> None:
    """Asks every query of ``plan`` in ``readings`` rounds; stored readings are not requested again.

    Calibration queries are asked once: they check the instrument and are not part of the measurement.

    Raises:
        SourceError: the token is rejected, or several readings in a row failed.
    """
    gap = timedelta(seconds=0.0 if on_this_machine(client.endpoint) else GAP_S)
    failures = 0
    for number in range(1, readings + EXTRA_ROUNDS + 1):
        due = list(_due(campaign, plan, number, readings))
        missing = [q for q in due if campaign.get(q.key(number), Reading) is None]
        progress(len(due) - len(missing))
        before = campaign.times(f"count|{number - 1}|")
        if missing and before:
            wait = (min(before) + gap - client.clock.now()).total_seconds()
            client.wait(wait, f"{GAP_S / 60:.0f} minutes lie between two readings")
        for query in missing:
            reading = _ask(client, campaign, query, number)
            progress(1)
            failures = failures + 1 if reading.status == "failed" else 0
            if failures == FAILURES:
                raise SourceError(
                    f"GitHub: {failures} readings in a row failed ({reading.reason})",
                    "run the same command again later; it resumes where it stopped.",
                )


def _due(campaign: Campaign, plan: list[Query], number: int, readings: int) -> Iterator[Query]:
    """Yields the queries of one round: all in the first rounds, then those with incomplete readings."""
    for query in plan:
        if query.scope != "all":
            if number == 1:
                yield query
        elif number <= readings:
            yield query
        else:
            earlier = [campaign.get(query.key(n), Reading) for n in range(1, number)]
            statuses = [reading.status for reading in earlier if reading]
            if statuses.count("read") < readings and not {"refused", "failed"} & set(statuses):
                yield query


def _ask(client: RestClient, campaign: Campaign, query: Query, number: int) -> Reading:
    asked_at = datetime.now(UTC)
    try:
        answer = search(client, query.text, page=1, per_page=1)
        reading, asked_at = read_total(answer), answer.asked_at
    except UnrecoverableError:
        raise
    except SourceError as error:
        reading = Reading("failed", error.what)
    campaign.put(query.key(number), asked_at, reading)
    return reading


def counts_table(campaign: Campaign, plan: list[Query], local: Mapping[tuple[str, str], int] | None = None) -> pa.Table:
    """Returns ``github_counts`` from the stored readings.

    Args:
        campaign: the readings.
        plan: the queries that were asked.
        local: (measure, class) to the number of files in a checkout of PEFT, if there is one.
    """
    queries = {(q.scope, q.measure, q.config_class): q for q in plan}
    rows = []
    for key, asked_at, reading in campaign.answers("count|", Reading):
        _, number, scope, measure, name = key.split("|")
        query = queries.get((scope, measure, name))
        if query is None:
            continue  # asked by an earlier run with other options (calibration)
        rows.append(
            {
                "technique": query.technique,
                "config_class": name,
                "measure": measure,
                "scope": scope,
                "query": query.text,
                "reading": int(number),
                "asked_at": asked_at,
                "status": reading.status,
                "reason": reading.reason,
                "total_count": reading.total,
                "incomplete_results": reading.incomplete,
                "local_count": (local or {}).get((measure, name)) if scope != "all" else None,
            }
        )
    rows.sort(key=lambda r: (r["scope"] != "all", r["measure"], r["technique"], r["reading"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema("github_counts"))


def _readings(campaign: Campaign) -> dict[str, str]:
    """Returns the status of each stored reading, by key."""
    return {key: reading.status for key, _, reading in campaign.answers("count|", Reading)}


def _query_of(key: str) -> str:
    return key.split("|", 2)[2]


def unusable(campaign: Campaign, plan: list[Query]) -> list[Query]:
    """Returns the queries of the measurement that have no complete reading."""
    usable = {_query_of(key) for key, status in _readings(campaign).items() if status == "read"}
    return [query for query in plan if query.scope == "all" and query.name not in usable]


def drop_unusable(campaign: Campaign, plan: list[Query]) -> None:
    """Removes failed readings, and all readings of queries without a complete one, so that they are asked again."""
    again = {query.name for query in unusable(campaign, plan)}
    for key, status in _readings(campaign).items():
        if status == "failed" or _query_of(key) in again:
            campaign.drop(key)


def find_gaps(campaign: Campaign, plan: list[Query]) -> list[str]:
    """Returns a line for what makes the counts incomplete: failed readings, unusable queries, no hit at all."""
    readings = [reading for _, _, reading in campaign.answers("count|", Reading)]
    again = "run the same command again."
    if without := unusable(campaign, plan):
        measured = sum(query.scope == "all" for query in plan)
        example = f"such as {without[0].text!r}"
        return [f"github: {len(without)} of {measured} queries have no complete reading, {example}; {again}"]
    if failed := sum(reading.status == "failed" for reading in readings):
        return [f"github: {failed} readings failed; {again}"]
    if not any(reading.total for reading in readings):
        return [f"github: every query has 0 hits, so the search does not work; {again}"]
    return []
