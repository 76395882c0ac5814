"""The Hub's listing of models, read page by page into the crawl state.

In: pages of ``/api/models``. Out: one row per model in the ledger. The address of the next page is stored with each
page, so that a killed listing resumes. A malformed item is reported and skipped; the rest of its page is kept.
A server that ignores ``limit``, ``sort``, ``filter`` or paging is rejected, because its listing would be incomplete.
A listing is complete only when its end was proved: its last page is asked for again in two halves, which lead to the
same last model. What was not proved, and what was skipped, is a gap in the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

import httplink

from peft_census.collect.http.common import Answer, NoAnswerError, TransientError, decode_json, origin
from peft_census.collect.http.hub import HubClient
from peft_census.collect.hub.listed_model import parse_model
from peft_census.collect.hub.refusals import names_no_cause, refused
from peft_census.collect.ledger import Ledger
from peft_census.collect.ledger_rows import ListedModel
from peft_census.errors import SourceError

EXPAND = "author createdAt downloads gated lastModified library_name likes pipeline_tag sha siblings tags".split()
"""The fields of each item. ``siblings`` (the names of the files) saves a request for models without a card."""

_LEAST_ITEMS = 50
_IDS_AT_ONCE = 100
_MOST_PAGES_OF_PROOF = 8
UNPROVED = "the end of a listing was not proved (at least so many)"
SHORT_PAGE = "a page of a listing was not full (at most so many)"

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

    @property
    def ids(self) -> list[str]:
        """What identifies each item, malformed ones too."""
        return [str(item.get("id", item)) if isinstance(item, dict) else str(item) for item in self.items]

    @property
    def limit(self) -> int:
        """How many items were asked for."""
        value = dict(parse_qsl(urlsplit(self.address).query)).get("limit", "")
        return int(value) if value.isdecimal() else 0


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
        ledger: where to store the models, and the gaps.
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
    page = _read_page(client, cursor.next) if cursor.next else _first_page(client, tag)
    last, full, oldest, number = Page("", [], None), 0, None, cursor.pages
    while True:
        number += 1
        where = f"{name}, page {number}"
        page, lacking = _full_page(client, page, full, last)
        if lacking:
            ledger.gaps.add(crawl, where, SHORT_PAGE, lacking)
        if page.items and (page.following == page.address or set(page.ids) <= set(last.ids)):
            raise SourceError(f"the listing of {name} repeats page {number}", "try again later.")
        models = _parse_items(client, ledger, crawl, page.items, where)
        oldest = _check_order_and_filter(client, models, tag, oldest)
        malformed = len(page.items) - len(models)
        models = [
            model for model in models if model.model_id not in last.ids
        ]  # where a page begins before the last ends
        full, last, following = max(full, len(page.items)), page if page.items else last, page.following
        if following is None:
            end = _prove_end(client, last) if last.items else End(proved=number == 1)
            following = end.goes_on
            if following:
                client.report(where, "named no next page although there is one")
                oldest = None  # the next page begins before the end of this one
            elif not end.proved and number == 1:
                raise _ignores("paging", client)
            elif not end.proved:
                stored = ledger.cursor(crawl, name).items + len(models)
                ledger.gaps.add(crawl, name, UNPROVED, max(1, ledger.gaps.listed_before(crawl, name) - stored))
        ledger.add_page(crawl, name, models, malformed, following)
        tick(len(models))
        if following is None:
            return
        page = _read_page(client, following)


def look_up_ids(client: HubClient, ledger: Ledger, crawl: int, ids: list[str], tick: Tick) -> None:
    """Looks up each model of a list of ids, and stores them a hundred at a time.

    Raises:
        SourceError: no answer, or one that refuses the caller.
    """
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
        SourceError: the header is malformed, or names a page on another host or outside the API.
    """
    try:
        links = httplink.parse_link_header(answer.headers.get("link", "")).links
        targets = [link.target for link in links if "next" in link.rel]
        if not targets:
            return None
        url = urljoin(urljoin(base + "/", asked), targets[0])
        parts, prefix, same_host = urlsplit(url), urlsplit(base).path, origin(url) == origin(base)
    except ValueError as error:
        raise SourceError(
            f"{base}: a malformed Link header, so that the next page is not known", "try again later."
        ) from error
    if not same_host or not parts.path.startswith(f"{prefix}/api/"):
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
    if names_no_cause(answer):
        raise refused(client, answer)
    if answer.status != 200:
        what = f"{client.base}/api/models answers HTTP {answer.status}"
        raise SourceError(what, "check HF_ENDPOINT and try again later.")
    return Page(address, decode_json(answer.body), next_page(answer, address, client.base))


def _halved(address: str) -> str | None:
    """Returns ``address`` with half its limit; None if that would be too small."""
    limit = Page(address, [], None).limit // 2
    return _with_limit(address, limit) if limit >= _LEAST_ITEMS else None


def _with_limit(address: str, limit: int) -> str:
    """Returns ``address`` with another limit."""
    parts = urlsplit(address)
    query = [(k, v) for k, v in parse_qsl(parts.query) if k != "limit"]
    return f"{parts.path}?{urlencode([*query, ('limit', str(limit))])}"


def _check_page(answer: Answer) -> None:
    if answer.cut:
        raise TransientError("page too large")
    try:
        page = decode_json(answer.body)
    except ValueError:
        raise TransientError("not JSON") from None
    if not isinstance(page, list):
        raise TransientError("not a list of models")


def _first_page(client: HubClient, tag: str | None) -> Page:
    """Returns the first page. Raises SourceError if the server ignores ``limit``, or contradicts itself."""
    one = _read_page(client, listing_path(tag, 1))
    if len(one.items) > 1:
        raise _ignores("limit", client)
    for _ in range(2):
        page = _read_page(client, listing_path(tag, client.limits.page_items))
        if bool(page.items) == bool(one.items):
            return page
    raise SourceError(f"{client.base} lists {len(one.items)} models, then {len(page.items)}", "try again later.")


def _full_page(client: HubClient, page: Page, full: int, last: Page) -> tuple[Page, int]:
    """Returns the page, asked for again if it is not full, and how many models it or the page before may lack.

    Only the last page may be shorter than the others. ``full`` is the length of the longest before it.
    """
    if last.items and len(page.items) > len(last.items) and page.limit == last.limit and full == len(last.items):
        return page, len(page.items) - len(last.items)
    expected = min(full, page.limit or full)
    if page.following is None or len(page.items) >= expected:
        return page, 0
    again = _read_page(client, page.address)
    page = again if len(again.items) > len(page.items) else page
    return page, max(0, expected - len(page.items)) if page.following else 0


@dataclass(frozen=True)
class End:
    """Whether the end of a listing was proved; if it was not the end, the address at which it goes on."""

    proved: bool
    goes_on: str | None = None


def _prove_end(client: HubClient, last: Page) -> End:
    """Asks for the last page again in two halves, which must lead to its last model and to no other model."""
    known, found = set(last.ids), set[str]()
    address: str | None = _with_limit(last.address, (len(last.items) + 1) // 2)
    for _ in range(_MOST_PAGES_OF_PROOF):
        if address is None:
            break
        page = _read_page(client, address)
        if not set(page.ids) <= known:
            return End(False, _with_limit(page.address, client.limits.page_items))
        found.update(page.ids)
        address = page.following
    return End(proved=last.ids[-1] in found)


def _check_order_and_filter(
    client: HubClient, models: list[ListedModel], tag: str | None, oldest: int | None
) -> int | None:
    """Returns the date of the last model. ``oldest`` is that of the page before."""
    times = [time for time in (oldest, *(model.created_at for model in models)) if time is not None]
    if any(later > earlier for earlier, later in pairwise(times)):
        raise _ignores("sort", client)
    strays = sum(tag is not None and tag not in json.loads(model.tags) for model in models)
    if strays > len(models) / 2:
        raise _ignores("filter", client)
    return times[-1] if times else None


def _ignores(parameter: str, client: HubClient) -> SourceError:
    return SourceError(
        f"{client.base} ignores {parameter!r} in its listing, so that models would be missing",
        "use the Hub itself or a mirror that supports paged listings; or SOURCE=hub-dump.",
    )


def _parse_items(client: HubClient, ledger: Ledger, crawl: int, items: list[Any], where: str) -> list[ListedModel]:
    """Returns the models of a page; reports what was repaired, and records what was skipped as a gap."""
    models = []
    for number, item in enumerate(items):
        try:
            model = parse_model(item)
        except ValueError as error:
            client.report(where, f"{error}; skipped")
            named = isinstance(item, dict) and isinstance(item.get("id"), str)
            ledger.gaps.add(crawl, item["id"][:500] if named else f"{where}, item {number}", str(error), 1, item=True)
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
        model = parse_model(decode_json(answer.body))
        if model.model_id != model_id:
            client.report(model_id, f"is {model.model_id} today; counted under that id")
            client.note(f"{model_id} is {model.model_id} today; counted once, under that id")
        return model
    if names_no_cause(answer):
        raise refused(client, answer)
    if answer.status not in (401, 403, 404):
        raise NoAnswerError(f"/api/models/{model_id}", f"HTTP {answer.status}", 1)
    absent = f"HTTP {answer.status}: deleted, private or never there"
    client.report(model_id, absent)
    return ListedModel(model_id, absent=absent)
