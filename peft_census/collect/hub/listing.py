"""The Hub's listing of models, read page by page into the crawl state.

In: pages of ``/api/models``. Out: one row per model in the ledger. The address of the next page is stored with each
page, so that a killed listing resumes. A malformed item is reported and skipped; the rest of its page is kept.
A server that ignores ``limit``, ``sort``, ``filter`` or paging is rejected, because its listing would be incomplete.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from peft_census.collect.http.common import Answer, NoAnswerError, TransientError, decode_json, origin
from peft_census.collect.http.hub import HubClient
from peft_census.collect.hub.listed_model import parse_model
from peft_census.collect.ledger import Ledger
from peft_census.collect.ledger_rows import ListedModel
from peft_census.errors import SourceError

EXPAND = "author createdAt downloads gated lastModified library_name likes pipeline_tag sha siblings tags".split()
"""The fields of each item. ``siblings`` (the names of the files) saves a request for models without a card."""

_NEXT = re.compile(r"<([^<>]*)>\s*;[^,]*\brel=\"?next\"?")
_LEAST_ITEMS = 50
_IDS_AT_ONCE = 100

Tick = Callable[[int], None]


@dataclass(frozen=True)
class Page:
    """One page of a listing.

    Args:
        address: path and query of the page; its ``limit`` can be smaller than the one asked for.
        items: as the server sent them.
        following: path and query of the next page; None on the last.
    """

    address: str
    items: list[Any]
    following: str | None


def listing_path(tag: str | None, limit: int) -> str:
    """Returns the path of a listing's first page, newest models first: the date of creation never changes."""
    query = [("filter", tag)] if tag else []
    return "/api/models?" + urlencode(
        [*query, ("sort", "createdAt"), ("limit", str(limit)), *(("expand", name) for name in EXPAND)]
    )


def read_listing(client: HubClient, ledger: Ledger, crawl: int, tag: str | None, tick: Tick) -> None:
    """Reads one listing to its end, from the page at which the last run stopped.

    Args:
        client: for the requests.
        ledger: where to store the models.
        crawl: the crawl that the listing belongs to.
        tag: the Hub tag to list; None for every model.
        tick: called with the number of models of each page.

    Raises:
        SourceError: no answer, or a server that ignores a parameter.
    """
    name = f"tag:{tag}" if tag else "all"
    cursor = ledger.cursor(crawl, name)
    if cursor.done:
        return
    address = cursor.next or listing_path(tag, client.limits.page_items)
    first = cursor.next is None
    if first:
        _probe(client, tag)
    number = cursor.pages
    while True:
        page, number = _read_page(client, address), number + 1
        if page.following == page.address:
            raise SourceError(f"the listing of {name} names a page as its own successor", "try again later.")
        if first and page.following is None and len(page.items) >= client.limits.page_items:
            raise _ignores("paging", client)
        models = _parse_items(client, page.items, f"{name}, page {number}")
        _check_order_and_filter(client, models, tag)
        ledger.add_page(crawl, name, models, len(page.items) - len(models), page.following)
        tick(len(models))
        if page.following is None:
            return
        address, first = page.following, False


def look_up_ids(client: HubClient, ledger: Ledger, crawl: int, ids: list[str], tick: Tick) -> None:
    """Looks up each model of a list of ids, and stores them a hundred at a time."""
    cursor = ledger.cursor(crawl, "ids")
    if cursor.done:
        return
    for begin in range(int(cursor.next or 0), max(len(ids), 1), _IDS_AT_ONCE):
        end = begin + _IDS_AT_ONCE
        models = [_look_up(client, model_id) for model_id in ids[begin:end]]
        ledger.add_page(crawl, "ids", models, 0, str(end) if end < len(ids) else None)
        tick(len(models))


def next_page(answer: Answer, asked: str, base: str) -> str | None:
    """Returns path and query of the page that the ``Link`` header names; None on the last page.

    Raises:
        SourceError: it is on another host or outside the API.
    """
    link = _NEXT.search(answer.headers.get("link", ""))
    if link is None:
        return None
    url = urljoin(urljoin(base + "/", asked), link.group(1))
    parts = urlsplit(url)
    prefix = urlsplit(base).path
    if origin(url) != origin(base) or not parts.path.startswith(f"{prefix}/api/"):
        raise SourceError(
            f"the next page of the listing is on another host or path ({parts.hostname}{parts.path}), which is refused",
            "set HF_ENDPOINT to the host that serves the Hub's API; no request was sent there.",
        )
    return f"{parts.path.removeprefix(prefix)}?{parts.query}"


def _read_page(client: HubClient, address: str) -> Page:
    """Returns the page at ``address``; asks for half as many items while the server is overloaded."""
    while True:
        try:
            answer = client.get(address.lstrip("/"), client.limits.page_bytes, _check_page)
            break
        except NoAnswerError as error:
            smaller = _halved(address) if error.overloaded else None
            if smaller is None:
                raise
            client.report(urlsplit(address).path, f"{error.reason}; asking for smaller pages")
            address = smaller
    if answer.status != 200:
        what = f"{client.base}/api/models answers HTTP {answer.status}"
        raise SourceError(what, "check HF_ENDPOINT and try again later.")
    return Page(address, decode_json(answer.body), next_page(answer, address, client.base))


def _halved(address: str) -> str | None:
    """Returns ``address`` with half its limit; None if that would be too small."""
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query)).get("limit", "")
    if not query.isdigit() or int(query) // 2 < _LEAST_ITEMS:
        return None
    changed = [(k, str(int(v) // 2) if k == "limit" else v) for k, v in parse_qsl(parts.query)]
    return f"{parts.path}?{urlencode(changed)}"


def _check_page(answer: Answer) -> None:
    if answer.cut:
        raise TransientError("page too large")
    try:
        page = decode_json(answer.body)
    except ValueError:
        raise TransientError("not JSON") from None
    if not isinstance(page, list):
        raise TransientError("not a list of models")


def _probe(client: HubClient, tag: str | None) -> None:
    """Asks for one model. Raises SourceError if the server sends more, or names no next page although there is one."""
    page = _read_page(client, listing_path(tag, 1))
    if len(page.items) > 1:
        raise _ignores("limit", client)
    if page.items and page.following is None and len(_read_page(client, listing_path(tag, 2)).items) > 1:
        raise _ignores("paging", client)


def _check_order_and_filter(client: HubClient, models: list[ListedModel], tag: str | None) -> None:
    times = [model.created_at for model in models if model.created_at is not None]
    if any(later > earlier for earlier, later in pairwise(times)):
        raise _ignores("sort", client)
    strays = sum(tag is not None and tag not in json.loads(model.tags) for model in models)
    if strays > len(models) / 2:
        raise _ignores("filter", client)


def _ignores(parameter: str, client: HubClient) -> SourceError:
    return SourceError(
        f"{client.base} ignores {parameter!r} in its listing, so that models would be missing",
        "use the Hub itself or a mirror that supports paged listings; or SOURCE=hub-dump.",
    )


def _parse_items(client: HubClient, items: list[Any], where: str) -> list[ListedModel]:
    """Returns the models of a page; reports what was skipped or repaired."""
    models = []
    for item in items:
        try:
            model = parse_model(item)
        except ValueError as error:
            client.report(where, f"{error}; skipped")
            continue
        if model.repaired:
            client.report(model.model_id, model.repaired)
        models.append(model)
    return models


def _look_up(client: HubClient, model_id: str) -> ListedModel:
    """Returns one model; ``absent`` says why the Hub does not have it."""
    query = urlencode([("expand", name) for name in EXPAND])

    def check(answer: Answer) -> None:
        try:
            parse_model(decode_json(answer.body))
        except ValueError:
            raise TransientError("not JSON, or not a model") from None

    answer = client.get(f"api/models/{quote(model_id)}?{query}", client.limits.page_bytes, check)
    if answer.status == 200:
        return parse_model(decode_json(answer.body))._replace(model_id=model_id)
    if answer.status not in (401, 403, 404):
        raise NoAnswerError(f"/api/models/{model_id}", f"HTTP {answer.status}", 1)
    absent = f"HTTP {answer.status}: deleted, private or never there"
    client.report(model_id, absent)
    return ListedModel(model_id, absent=absent)
