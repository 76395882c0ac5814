"""Civitai as an instrument: the type of each listed model.

In: a frame (types, order, number of models). Out: rows of ``civitai`` (type, base models, dates, counts; no names and
no descriptions) and a description of what was read. Only cursors are used for paging: page numbers stop at 1,000
items, and URLs in answers are not followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from peft_census.collect.http.common import Answer, Report, clean_text
from peft_census.collect.http.rate_limit import SYSTEM_CLOCK, Clock
from peft_census.collect.http.rest import RestClient, api_client
from peft_census.collect.instrument import (
    Cost,
    Instrument,
    InstrumentConfig,
    InstrumentResult,
    InstrumentRun,
    Note,
    Progress,
    asked,
    gaps_after_first_answer,
)
from peft_census.collect.response_store import Campaign
from peft_census.errors import SourceError, UsageError
from peft_census.snapshot.instruments import CivitaiDescription, CivitaiFrame
from peft_census.snapshot.records import record
from peft_census.snapshot.schema import arrow_schema

ENDPOINT = "https://civitai.com"
FLOOR_S = 1.1
"""No limit is documented for models; one request a second is never exceeded."""
PAGE = 100
DELETED = 0.02
"""Share of the models that may be gone since the last complete listing."""
PROOF = "end|"
"""Key of the answer that proves the end of the listing."""
_MOST_PAGES_OF_PROOF = 8
_INT64 = 2**63
SORTS = ("Oldest", "Most Downloaded", "Highest Rated", "Most Liked")
"""Orders that end in an ascending id and therefore lose nothing between pages."""


@record
class Model:
    """What is stored of one model, in the columns of ``civitai``."""

    model_id: int
    type: str
    nsfw: bool | None
    base_models: tuple[str, ...]
    versions: int
    created_at: datetime | None
    published_at: datetime | None
    downloads: int | None


@record
class Page:
    """One page of the listing: its models, items without id or type, and the cursor of the next page (None: last)."""

    items: tuple[Model, ...]
    malformed: int
    next: str | None


def check(config: InstrumentConfig) -> None:
    """Raises UsageError for an order that loses models, or a negative number."""
    frame = config.civitai
    if frame.sort not in SORTS:
        raise UsageError(
            f"Civitai order {frame.sort!r} is not supported",
            f"Newest loses one model on each page; use one of: {', '.join(SORTS)}.",
        )
    if frame.models < 0:
        raise UsageError(f"Civitai sample of {frame.models} models", "use a positive number, or 0 for all.")


def civitai_client(
    note: Note = lambda line: None, report: Report = lambda where, what: None, clock: Clock = SYSTEM_CLOCK
) -> RestClient:
    """Returns a client for ``CIVITAI_API_URL``; ``CIVITAI_TOKEN`` is optional."""
    return api_client("CIVITAI", ENDPOINT, FLOOR_S, note, report, clock)


def query(frame: CivitaiFrame, cursor: str | None, limit: int = PAGE) -> list[tuple[str, str]]:
    """Returns the query of one page."""
    pairs = [("limit", str(limit)), ("sort", frame.sort), ("period", frame.period), ("nsfw", str(frame.nsfw).lower())]
    pairs += [("types", t) for t in frame.types]
    return pairs + ([("cursor", cursor)] if cursor is not None else [])


def crawl(client: RestClient, campaign: Campaign, frame: CivitaiFrame, progress: Progress = lambda n: None) -> None:
    """Reads pages until the frame is complete; stored pages are not requested again.

    The end of the listing is believed only when it was proved: the last page is asked for again in two halves, which
    must lead to the same last model. If they lead to others, the listing goes on there.

    Raises:
        SourceError: a page could not be read, the cursor does not advance, or the end could not be proved.
    """
    ids: set[int] = set()
    cursor: str | None = None
    last: _Last | None = None
    number = 0
    while True:
        number += 1
        page = _page(client, campaign, f"page|{number:07d}", query(frame, cursor), number)
        before = len(ids)
        ids.update(model.model_id for model in page.items)
        progress(len(ids) - before)
        if frame.models and len(ids) >= frame.models:
            return
        last = _Last(cursor, page.items[-1].model_id, len(page.items)) if page.items else last
        following = page.next
        if following is None:
            following = _after_end(client, campaign, frame, ids, last, number)
            if following is None:
                return
        elif following == cursor and len(ids) == before:
            raise SourceError(
                f"Civitai, page {number}: the cursor does not advance from {cursor!r}",
                "more models share one moment than fit on a page; try another order.",
            )
        cursor = following


def _page(client: RestClient, campaign: Campaign, key: str, asked: list[tuple[str, str]], number: int) -> Page:
    """Returns a page from the store, or requests it."""
    page = campaign.get(key, Page)
    if page is None:
        answer = client.get("/api/v1/models", asked)
        page = read_page(answer, number)
        campaign.put(key, answer.asked_at, page)
    return page


@dataclass(frozen=True)
class _Last:
    """The last page with models: its cursor, its last model, and how many it has."""

    cursor: str | None
    model_id: int
    models: int


def _after_end(
    client: RestClient, campaign: Campaign, frame: CivitaiFrame, ids: set[int], last: _Last | None, number: int
) -> str | None:
    """Returns the cursor at which a listing goes on whose page ``number`` named none; None if it was its end.

    The halves of the last page are stored under ``PROOF``. Where more models share one moment than half a page holds,
    it is asked for as a whole.

    Raises:
        SourceError: neither was shown.
    """
    key = f"{PROOF}{number:07d}"
    if campaign.get(key, Page):
        return None
    for limit in ((last.models + 1) // 2, last.models) if last else ():
        at, found = last.cursor if last else None, set[int]()
        for _ in range(_MOST_PAGES_OF_PROOF):
            answer = client.get("/api/v1/models", query(frame, at, limit))
            page = read_page(answer, number)
            found.update(model.model_id for model in page.items)
            if at is not None and not found <= ids:
                return at
            stalled = page.next is not None and page.next == at
            if page.next is None or stalled:
                break
            at = page.next
        if last and last.model_id in found and page.next is None:
            campaign.put(key, answer.asked_at, page)
            return None
        if not stalled:
            break
    raise SourceError(
        f"Civitai, page {number}: the listing names no next page, but its end could not be proved",
        "run the same command again; if this comes again, the cursor of the API may have changed.",
    )


def read_page(answer: Answer, number: int) -> Page:
    """Returns the page in an answer.

    Raises:
        SourceError: it is not a page, or no item of it can be read; names ``number``.
    """
    if answer.status != 200:
        raise SourceError(
            f"Civitai, page {number}: status {answer.status}: {answer.message()}",
            "run the same command again later; it resumes where it stopped.",
        )
    try:
        body = answer.json_object()
        listed, cursor = body["items"], body["metadata"].get("nextCursor")
        if not isinstance(listed, list):
            raise TypeError("items")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise SourceError(f"Civitai, page {number}: not a listing ({type(error).__name__})", "run again.") from error
    items, malformed = [], 0
    for item in listed:
        try:
            items.append(_read_model(item))
        except (KeyError, TypeError, AttributeError, ValueError):
            malformed += 1
    if malformed and not items:
        raise SourceError(
            f"Civitai, page {number}: none of its {malformed} items has an id and a type",
            "the format of the API may have changed; nothing was counted from this page.",
        )
    return Page(tuple(items), malformed, None if cursor is None else clean_text(str(cursor)))


def _read_model(item: dict[str, Any]) -> Model:
    """Returns what is stored of one model; raises TypeError or KeyError for an item without id or type."""
    versions = [v for v in item.get("modelVersions") or [] if isinstance(v, dict)]
    if type(item["id"]) is not int or not 0 <= item["id"] < _INT64:
        raise TypeError("id")
    nsfw, downloads = item.get("nsfw"), (item.get("stats") or {}).get("downloadCount")
    return Model(
        model_id=item["id"],
        type=clean_text(item["type"]),
        nsfw=nsfw if isinstance(nsfw, bool) else None,
        base_models=tuple(sorted(set(_strings(versions, "baseModel")))),
        versions=len(versions),
        created_at=min(_moments(versions, "createdAt"), default=None),
        published_at=max(_moments(versions, "publishedAt"), default=None),
        downloads=downloads if type(downloads) is int and 0 <= downloads < _INT64 else None,
    )


def _strings(versions: list[dict[str, Any]], name: str) -> list[str]:
    return [clean_text(v[name]) for v in versions if isinstance(v.get(name), str)]


def _moments(versions: list[dict[str, Any]], name: str) -> list[datetime]:
    """Returns the well-formed dates; a model whose dates are malformed still counts."""
    moments = []
    for text in _strings(versions, name):
        with suppress(ValueError):
            moment = datetime.fromisoformat(text)
            moments.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return moments


def models_table(campaign: Campaign, frame: CivitaiFrame) -> pa.Table:
    """Returns ``civitai`` from the stored pages: each model once, by id."""
    rows: dict[int, dict[str, Any]] = {}
    for _, asked_at, page in campaign.answers("page|", Page):
        for model in page.items:
            if model.model_id not in rows and not (frame.models and len(rows) >= frame.models):
                rows[model.model_id] = {**vars(model), "asked_at": asked_at}
    return pa.Table.from_pylist([rows[k] for k in sorted(rows)], schema=arrow_schema("civitai"))


def describe(endpoint: str, campaign: Campaign, frame: CivitaiFrame, complete: bool = True) -> CivitaiDescription:
    """Returns what was asked and what was read; ``complete``: whether every request was answered."""
    pages = [page for _, _, page in campaign.answers("page|", Page)]
    listed = [model.model_id for page in pages for model in page.items]
    return CivitaiDescription(
        state="read" if complete else "partial",
        asked=asked(endpoint, campaign),
        frame=frame,
        whole=bool(campaign.times(PROOF)),
        pages=len(pages),
        duplicates_dropped=len(listed) - len(set(listed)),
        items_malformed=sum(page.malformed for page in pages),
    )


def collect(run: InstrumentRun) -> InstrumentResult:
    """Returns ``civitai``."""
    client, frame = civitai_client(run.note, run.report("civitai"), run.clock), run.config.civitai
    questions = {"endpoint": client.endpoint, "query": query(frame, None), "models": frame.models}
    with run.campaign("civitai", questions) as campaign:
        with gaps_after_first_answer("civitai", campaign) as gaps:
            crawl(client, campaign, frame, run.progress)
            gaps += shrunk(campaign)
        description = describe(client.endpoint, campaign, frame, complete=not gaps)
        return InstrumentResult({"civitai": models_table(campaign, frame)}, description, tuple(gaps))


def shrunk(campaign: Campaign) -> list[str]:
    """Returns a gap if the listing is much shorter than in the last campaign that proved its end."""
    earlier = campaign.earlier(PROOF)
    if earlier is None or not campaign.times(PROOF):
        return []
    before, now = (
        len({m.model_id for _, _, p in c.answers("page|", Page) for m in p.items}) for c in (earlier, campaign)
    )
    if before - now <= DELETED * before:
        return []
    return [
        f"civitai: {before - now:,} of {before:,} models of the last listing are missing, more than deletions explain"
    ]


def estimate(config: InstrumentConfig, classes: Mapping[str, str]) -> Cost:
    """Returns requests and minutes of a sample; those of a complete crawl cannot be known beforehand."""
    if not config.civitai.models:
        note = f"one request for {PAGE} models, {60 / FLOOR_S:.0f} a minute; Civitai reports no total"
        return Cost(None, None, note=note)
    pages = -(-config.civitai.models // PAGE)
    return Cost(pages, round(pages * FLOOR_S / 60, 1))


INSTRUMENT = Instrument(collect, estimate, check)
