"""GitHub code search as an instrument: how many files hold each config class of ``peft``.

In: technique ids with their config classes (the caller's business), a number of readings. Out: every reading
as a row of ``github_counts``. It refuses to run without a token, to mix measures, and to hide an incomplete
reading; a reading that could not be had is a row that says so.

GitHub's totals move from one request to the next, so one reading is none: each query is asked in several
rounds, and the median is published with its range.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from peft_census.collect.http.rest import HopelessError, PoliteClient, on_this_machine, pace_for
from peft_census.collect.http.retry_after import Answer
from peft_census.collect.response_store import Campaign
from peft_census.errors import SourceError, UsageError
from peft_census.snapshot.schema import arrow_schema

ENDPOINT = "https://api.github.com"
FLOOR_S = 7.0
"""GitHub grants 10 code searches a minute (its documentation has also said 9): 60 / 9, rounded up."""
READINGS = 3
GAP_S = 600.0
"""Least time between two readings of one query."""
FAILURES = 3
"""Readings that may fail in a row; after that GitHub is left alone until the next run."""
EXTRA_ROUNDS = 2
"""Rounds added for queries whose readings came back incomplete."""
CALIBRATION_REPOSITORY = "huggingface/peft"
TEXT_MATCHES = "application/vnd.github.text-match+json"

ORDINARY = frozenset(
    {
        "BoneConfig",
        "C3AConfig",
        "CPTConfig",
        "CartridgeConfig",
        "DeftConfig",
        "HRAConfig",
        "LilyConfig",
        "LoraConfig",
        "MissConfig",
        "OFTConfig",
        "OSFConfig",
        "PeanutConfig",
        "PolyConfig",
        "PrefixTuningConfig",
        "PromptEncoderConfig",
        "PromptTuningConfig",
        "RoadConfig",
        "ShadowConfig",
    }
)
"""Class names that other code uses too: as plain words (RoadConfig) or in other adapter libraries (LoraConfig)."""

_CLASS = re.compile(r"[A-Za-z][A-Za-z0-9]{2,60}Config\Z")
Note = Callable[[str], None]
Problem = Callable[[str, str], None]


@dataclass(frozen=True)
class Query:
    """One question to the code search."""

    technique: str
    config_class: str
    measure: str
    scope: str
    text: str

    def key(self, reading: int) -> str:
        """Returns the ledger key of one reading."""
        return f"count|{reading}|{self.scope}|{self.measure}|{self.config_class}"


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


def github_client(note: Note = lambda line: None, problem: Problem = lambda where, what: None) -> PoliteClient | None:
    """Returns a client for ``GITHUB_API_URL`` with ``GITHUB_TOKEN``, or None without a token."""
    token = os.environ.get("GITHUB_TOKEN", "").strip()
    if not token:
        return None
    endpoint = os.environ.get("GITHUB_API_URL", "").strip() or ENDPOINT
    return PoliteClient(endpoint, pace_for(endpoint, FLOOR_S), token, note=note, problem=problem)


def search(client: PoliteClient, query: str, page: int, per_page: int, fragments: bool = False) -> Answer:
    """Returns the answer to one page of a code search.

    Raises:
        HopelessError: the token is not accepted.
        SourceError: no answer.
    """
    accept = TEXT_MATCHES if fragments else "application/vnd.github+json"
    answer = client.get("/search/code", [("q", query), ("per_page", str(per_page)), ("page", str(page))], accept)
    if answer.status == 401:
        raise HopelessError(
            f"GitHub does not accept GITHUB_TOKEN: {answer.message()}", "make a new token; it needs no scope."
        )
    return answer


def read_total(answer: Answer) -> dict[str, Any]:
    """Returns status, reason, total and incomplete flag of a search answer, as one row keeps them."""
    blank: dict[str, Any] = {"total": None, "incomplete": None}
    if answer.status in (400, 404, 422):
        return {"status": "refused", "reason": f"{answer.status}: {answer.message()}", **blank}
    if answer.status != 200:
        return {"status": "failed", "reason": f"{answer.status}: {answer.message()}", **blank}
    try:
        body = answer.json_object()
        total, incomplete = body["total_count"], body["incomplete_results"]
    except (ValueError, KeyError) as error:
        return {"status": "failed", "reason": f"not a search answer ({type(error).__name__})", **blank}
    if type(total) is not int or type(incomplete) is not bool or total < 0:
        return {"status": "failed", "reason": "not a search answer (total_count)", **blank}
    status = "incomplete" if incomplete else "read"
    reason = "the search ran out of time, or searched nothing" if incomplete else None
    return {"status": status, "reason": reason, "total": total, "incomplete": incomplete}


def ask_rounds(
    client: PoliteClient,
    campaign: Campaign,
    plan: list[Query],
    readings: int = READINGS,
    progress: Callable[[int], object] = lambda n: None,
) -> None:
    """Asks every query of ``plan`` in ``readings`` rounds; what the ledger holds is not asked again.

    Calibration queries are asked once: they check the instrument, they are not the measurement.
    """
    gap = 0.0 if on_this_machine(client.endpoint) else GAP_S
    started: datetime | None = None
    failures = 0
    for reading in range(1, readings + EXTRA_ROUNDS + 1):
        todo = list(_due(campaign, plan, reading, readings))
        if started and any(campaign.get(q.key(reading)) is None for q in todo):
            _wait_until(started + timedelta(seconds=gap))
        started = None
        for query in todo:
            asked_at = _ask_once(client, campaign, query, reading)
            started = started or asked_at
            progress(1)
            kept = campaign.get(query.key(reading)) or {}
            failures = failures + 1 if kept.get("status") == "failed" else 0
            if failures == FAILURES:
                raise SourceError(
                    f"GitHub: {failures} readings in a row could not be had ({kept['reason']})",
                    "run the same command again later; what was read is kept.",
                )


def _due(campaign: Campaign, plan: list[Query], reading: int, readings: int) -> Iterator[Query]:
    """Yields the queries of one round: all in the first rounds, then those whose readings were incomplete."""
    for query in plan:
        if query.scope != "all":
            if reading == 1:
                yield query
        elif reading <= readings:
            yield query
        else:
            earlier = [campaign.get(query.key(n)) for n in range(1, reading)]
            states = [e["status"] for e in earlier if e]
            if states.count("read") < readings and not {"refused", "failed"} & set(states):
                yield query


def _ask_once(client: PoliteClient, campaign: Campaign, query: Query, reading: int) -> datetime:
    kept = campaign.get(query.key(reading))
    if kept is None:
        try:
            answer = search(client, query.text, page=1, per_page=1)
            row, asked_at = read_total(answer), answer.asked_at
        except HopelessError:
            raise
        except SourceError as error:
            row = {"status": "failed", "reason": error.what, "total": None, "incomplete": None}
            asked_at = datetime.now().astimezone()
        campaign.put(query.key(reading), asked_at, {**row, "asked_at": asked_at.isoformat()})
        return asked_at
    return datetime.fromisoformat(kept["asked_at"])


def _wait_until(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(moment.tzinfo)).total_seconds()))


def counts_table(campaign: Campaign, plan: list[Query], local: Mapping[tuple[str, str], int] | None = None) -> pa.Table:
    """Returns ``github_counts`` from the ledger.

    Args:
        campaign: the readings.
        plan: the queries that were asked.
        local: (measure, class) to the number of files in the checkout, where one was given.
    """
    queries = {(q.scope, q.measure, q.config_class): q for q in plan}
    rows = []
    for key, asked_at, body in campaign.bodies("count|"):
        _, reading, scope, measure, name = key.split("|")
        query = queries.get((scope, measure, name))
        if query is None:
            continue  # asked for by an earlier run with other wishes (calibration)
        rows.append(
            {
                "technique": query.technique,
                "config_class": name,
                "measure": measure,
                "scope": scope,
                "query": query.text,
                "reading": int(reading),
                "asked_at": asked_at,
                "status": body["status"],
                "reason": body["reason"],
                "total_count": body["total"],
                "incomplete_results": body["incomplete"],
                "local_count": (local or {}).get((measure, name)) if scope != "all" else None,
            }
        )
    rows.sort(key=lambda r: (r["scope"] != "all", r["measure"], r["technique"], r["reading"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema("github_counts"))


def retry_failed(campaign: Campaign) -> int:
    """Forgets failed readings, so that re-running asks for them again; returns how many."""
    failed = [key for key, _, body in campaign.bodies("count|") if body["status"] == "failed"]
    for key in failed:
        campaign.drop(key)
    return len(failed)


def estimate_requests(plan: list[Query], readings: int = READINGS, sample: int = 0) -> dict[str, float]:
    """Returns ``requests`` and ``minutes`` for a plan, without extra rounds, and what those could add."""
    measured = sum(1 for q in plan if q.scope == "all")
    requests = measured * readings + (len(plan) - measured) + sample
    extra = measured * EXTRA_ROUNDS
    rounds_gap = max(0.0, GAP_S - measured * FLOOR_S) * (readings - 1)
    return {
        "requests": requests,
        "minutes": round((requests * FLOOR_S + rounds_gap) / 60, 1),
        "requests_if_incomplete": requests + extra,
    }
