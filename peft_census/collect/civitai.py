"""Civitai as an instrument: which type each listed model has.

In: a sampling frame (types, order, how many). Out: rows of ``civitai`` (type, base models, dates, counts; no
names, no descriptions) and the frame as it was really read. It refuses the order *Newest*, which loses a
model on every page, never asks for page numbers (beyond 1,000 items they end in a 429 that waiting does not
mend), and never follows a URL from an answer: only the cursor is taken from there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from peft_census.collect.http.rest import PoliteClient, pace_for
from peft_census.collect.http.retry_after import Answer
from peft_census.collect.response_store import Campaign
from peft_census.errors import SourceError, UsageError
from peft_census.snapshot.schema import arrow_schema

ENDPOINT = "https://civitai.com"
FLOOR_S = 1.1
"""No limit is documented for models; one request a second is never exceeded."""
PAGE = 100
SORTS = ("Oldest", "Most Downloaded", "Highest Rated", "Most Liked")
"""Orders that end in an ascending id and therefore lose nothing between pages."""

Note = Callable[[str], None]
Problem = Callable[[str, str], None]


@dataclass(frozen=True)
class Frame:
    """Which models are asked for.

    Args:
        models: stop after this many; 0 reads everything.
        sort: order of the listing; see ``SORTS``.
        types: Civitai types, none for all.
    """

    models: int = 0
    sort: str = "Oldest"
    types: tuple[str, ...] = ()

    def query(self, cursor: str | None) -> list[tuple[str, str]]:
        """Returns the query of one page."""
        pairs = [("limit", str(PAGE)), ("sort", self.sort), ("period", "AllTime"), ("nsfw", "true")]
        pairs += [("types", t) for t in self.types]
        return pairs + ([("cursor", cursor)] if cursor is not None else [])


def checked_frame(frame: Frame) -> Frame:
    """Returns ``frame``.

    Raises:
        UsageError: an order that loses models, or a negative number.
    """
    if frame.sort not in SORTS:
        raise UsageError(
            f"Civitai order {frame.sort!r} is not used",
            f"Newest loses one model a page; use one of: {', '.join(SORTS)}.",
        )
    if frame.models < 0:
        raise UsageError(f"Civitai sample of {frame.models} models", "use a positive number, or 0 for all.")
    return frame


def civitai_client(note: Note = lambda line: None, problem: Problem = lambda where, what: None) -> PoliteClient:
    """Returns a client for ``CIVITAI_API_URL``; ``CIVITAI_TOKEN`` is optional and goes into the header."""
    endpoint = os.environ.get("CIVITAI_API_URL", "").strip() or ENDPOINT
    token = os.environ.get("CIVITAI_TOKEN", "").strip() or None
    pace = pace_for(endpoint, FLOOR_S)
    return PoliteClient(endpoint, pace, token, hopeless=is_paging_limit, note=note, problem=problem)


def is_paging_limit(answer: Answer) -> bool:
    """Tells the 429 that forbids deep page numbers from one that asks for patience."""
    return answer.status == 429 and "retry-after" not in answer.headers and "cursor" in answer.message().lower()


def crawl(
    client: PoliteClient, campaign: Campaign, frame: Frame, progress: Callable[[int], object] = lambda n: None
) -> None:
    """Reads pages until the frame is used up; what the ledger holds is not asked again.

    Raises:
        SourceError: a page could not be had, or the cursor stands still.
    """
    seen: set[int] = set()
    cursor: str | None = None
    number = 0
    while True:
        number += 1
        key = f"page|{number:07d}"
        page = campaign.get(key)
        if page is None:
            answer = client.get("/api/v1/models", frame.query(cursor))
            page = {**_read_page(answer, number), "cursor": cursor}
            campaign.put(key, answer.asked_at, page)
        before = len(seen)
        seen.update(item["id"] for item in page["items"])
        progress(len(seen) - before)
        if frame.models and len(seen) >= frame.models:
            return
        if page["next"] is None:
            return
        if page["next"] == cursor and len(seen) == before:
            raise SourceError(
                f"Civitai, page {number}: the cursor stands still at {cursor!r}",
                "more models share one moment than fit on a page; try another order.",
            )
        cursor = page["next"]


def _read_page(answer: Answer, number: int) -> dict[str, Any]:
    if answer.status != 200:
        raise SourceError(
            f"Civitai, page {number}: status {answer.status}: {answer.message()}",
            "run the same command again later; the pages read are kept.",
        )
    try:
        body = answer.json_object()
        listed, after = body["items"], body["metadata"].get("nextCursor")
    except (ValueError, KeyError, AttributeError) as error:
        raise SourceError(f"Civitai, page {number}: not a listing ({type(error).__name__})", "run again.") from error
    items, malformed = [], 0
    for item in listed if isinstance(listed, list) else []:
        try:
            items.append(_read_model(item))
        except (KeyError, TypeError, AttributeError, ValueError):
            malformed += 1
    return {"items": items, "malformed": malformed, "next": None if after is None else str(after)}


def _read_model(item: dict[str, Any]) -> dict[str, Any]:
    """Returns the few facts that are kept of one model; raises on an item without id or type."""
    versions = [v for v in item.get("modelVersions") or [] if isinstance(v, dict)]
    number, kind = item["id"], item["type"]
    if type(number) is not int or not isinstance(kind, str):
        raise TypeError("id or type")
    created = sorted(v["createdAt"] for v in versions if isinstance(v.get("createdAt"), str))
    published = sorted(v["publishedAt"] for v in versions if isinstance(v.get("publishedAt"), str))
    downloads = (item.get("stats") or {}).get("downloadCount")
    return {
        "id": number,
        "type": kind,
        "nsfw": item["nsfw"] if isinstance(item.get("nsfw"), bool) else None,
        "bases": sorted({v["baseModel"] for v in versions if isinstance(v.get("baseModel"), str)}),
        "versions": len(versions),
        "created": created[0] if created else None,
        "published": published[-1] if published else None,
        "downloads": downloads if type(downloads) is int else None,
    }


def models_table(campaign: Campaign, frame: Frame) -> pa.Table:
    """Returns ``civitai`` from the ledger: models in the order of the listing's ids, each once."""
    rows: dict[int, dict[str, Any]] = {}
    for _, asked_at, page in campaign.bodies("page|"):
        for item in page["items"]:
            if item["id"] in rows or (frame.models and len(rows) >= frame.models):
                continue
            rows[item["id"]] = {
                "model_id": item["id"],
                "type": item["type"],
                "nsfw": item["nsfw"],
                "base_models": item["bases"],
                "versions": item["versions"],
                "created_at": _moment(item["created"]),
                "published_at": _moment(item["published"]),
                "downloads": item["downloads"],
                "asked_at": asked_at,
            }
    return pa.Table.from_pylist([rows[k] for k in sorted(rows)], schema=arrow_schema("civitai"))


def describe_crawl(campaign: Campaign, frame: Frame) -> dict[str, Any]:
    """Returns the frame and what was read of it, for the manifest."""
    pages = list(campaign.bodies("page|"))
    listed = [i["id"] for _, _, p in pages for i in p["items"]]
    return {
        **asdict(frame),
        "types": list(frame.types) or "all",
        "nsfw": True,
        "period": "AllTime",
        "whole": bool(pages) and pages[-1][2]["next"] is None,
        "pages": len(pages),
        "duplicates_dropped": len(listed) - len(set(listed)),
        "items_malformed": sum(p["malformed"] for _, _, p in pages),
        "first_asked": pages[0][1].isoformat() if pages else None,
        "last_asked": pages[-1][1].isoformat() if pages else None,
    }


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None  # a date that is none is kept as unknown; the model still counts
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def estimate_requests(frame: Frame) -> dict[str, Any]:
    """Returns the requests and minutes a sample costs; the size of a whole crawl is not known beforehand."""
    if not frame.models:
        note = f"one request for {PAGE} models, {60 / FLOOR_S:.0f} a minute; Civitai gives no total"
        return {"requests": None, "minutes": None, "note": note}
    pages = -(-frame.models // PAGE)
    return {"requests": pages, "minutes": round(pages * FLOOR_S / 60, 1)}
