"""The Hub's listing, read page by page into the ledger.

In: pages of ``/api/models``. Out: one ledger row a model. The place of the next page is stored with each page,
so that a killed listing goes on where it was. A malformed item is reported and skipped, never its page.
Refuses a server that ignores ``limit``, ``sort``, ``filter`` or paging: what it lists would not be complete.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from peft_census.collect.http.decoding import decode_json
from peft_census.collect.http.hub import Answer, HubClient, NoAnswerError, TransientError, origin
from peft_census.collect.ledger import Ledger
from peft_census.errors import SourceError

EXPAND = (
    "author",
    "createdAt",
    "downloads",
    "gated",
    "lastModified",
    "library_name",
    "likes",
    "pipeline_tag",
    "sha",
    "siblings",
    "tags",
)
"""What each item must tell. Card texts are read one by one; `siblings` saves that request where none is there."""

_SEGMENT = r"[A-Za-z0-9_\-][A-Za-z0-9._\-]{0,95}"
_MODEL_ID = re.compile(rf"(?!.*\.\.){_SEGMENT}(?:/{_SEGMENT})?")
_SHA = re.compile(r"[0-9a-f]{40}")
_NEXT = re.compile(r"<([^<>]*)>\s*;[^,]*\brel=\"?next\"?")
_LEAST_ITEMS = 50
_INT64 = 2**63

Tick = Callable[[int], None]


def is_model_id(value: object) -> bool:
    """Returns whether ``value`` can be a model's id; nothing else ever enters a URL."""
    return isinstance(value, str) and _MODEL_ID.fullmatch(value) is not None


def listed_model(item: object) -> dict[str, Any]:
    """Returns the ledger's columns for one item of a page.

    A field that cannot be read becomes null and is named in ``mended``.

    Raises:
        ValueError: the item names no model.
    """
    if not isinstance(item, dict):
        raise ValueError("item is not an object")
    if not is_model_id(item.get("id")):
        raise ValueError("item has no valid model id")
    mended: list[str] = []
    files = _file_names(item.get("siblings"))
    sha = item.get("sha")
    row = {
        "model_id": item["id"],
        "absent": None,
        "sha": sha if isinstance(sha, str) and _SHA.fullmatch(sha) else None,
        "gated": item["gated"] if item.get("gated") in ("auto", "manual") else ("yes" if item.get("gated") else ""),
        "has_readme": None if files is None else int("README.md" in files),
        "has_config": None if files is None else int("adapter_config.json" in files),
        "tags": json.dumps(_strings(item.get("tags"), mended), ensure_ascii=False),
    }
    for name in ("author", "library_name", "pipeline_tag"):
        row[name] = _text(name, item.get(name), mended)
    for name in ("downloads", "likes"):
        row[name] = _number(name, item.get(name), mended)
    for name, key in (("created_at", "createdAt"), ("last_modified", "lastModified")):
        row[name] = _time(key, item.get(key), mended)
    row["mended"] = f"unreadable in the listing: {', '.join(mended)}" if mended else None
    return row


def listing_path(tag: str | None, limit: int) -> str:
    """Returns the path of a listing's first page, newest models first: a key that never moves."""
    query = [("filter", tag)] if tag else []
    return "/api/models?" + urlencode(
        [*query, ("sort", "createdAt"), ("limit", str(limit)), *(("expand", name) for name in EXPAND)]
    )


def walk_listing(client: HubClient, ledger: Ledger, crawl: int, tag: str | None, tick: Tick) -> None:
    """Reads one listing to its end, from where the ledger says it is.

    Args:
        client: to ask with.
        ledger: to store in.
        crawl: the crawl it belongs to.
        tag: the Hub tag to list; None for every model. Several tags in one request would be ANDed.
        tick: told how many items each page had.

    Raises:
        SourceError: no answer, or a server that does not do what it is asked.
    """
    name = f"tag:{tag}" if tag else "all"
    walk = ledger.walk(crawl, name)
    if walk.done:
        return
    where = walk.next or listing_path(tag, client.limits.page_items)
    first = walk.next is None
    if first:
        _probe(client, tag)
    while True:
        items, following, where = _page(client, where)
        if following == where:
            raise SourceError(f"the listing of {name} names a page as its own successor", "try again later.")
        if first and following is None and len(items) >= client.limits.page_items:
            raise _ignores("paging", client)
        rows, malformed = _rows(client, items, f"{name}, page {walk.pages + 1}")
        _check_obeyed(client, rows, tag)
        ledger.add_page(crawl, name, rows, malformed, following)
        walk = ledger.walk(crawl, name)
        tick(len(rows))
        first = False
        if following is None:
            return
        where = following


def walk_ids(client: HubClient, ledger: Ledger, crawl: int, ids: list[str], tick: Tick) -> None:
    """Looks up each model of a list of one's own; a few hundred are stored at a time."""
    walk = ledger.walk(crawl, "ids")
    if walk.done:
        return
    start, step = int(walk.next or 0), 100
    for begin in range(start, max(len(ids), 1), step):
        rows = [row for model_id in ids[begin : begin + step] if (row := _look_up(client, model_id))]
        following = str(begin + step) if begin + step < len(ids) else None
        ledger.add_page(crawl, "ids", rows, 0, following)
        tick(len(rows))


def next_page(answer: Answer, asked: str, base: str) -> str | None:
    """Returns path and query of the page that ``Link`` names; None on the last page.

    Raises:
        SourceError: it is on another host or outside the API.
    """
    found = _NEXT.search(answer.headers.get("link", ""))
    if found is None:
        return None
    url = urljoin(urljoin(base + "/", asked), found.group(1))
    parts = urlsplit(url)
    prefix = urlsplit(base).path
    if origin(url) != origin(base) or not parts.path.startswith(f"{prefix}/api/"):
        raise SourceError(
            f"the listing's next page is on another host or path ({parts.hostname}{parts.path}), which is refused",
            "set HF_ENDPOINT to the host that really serves the Hub's API; nothing was sent there.",
        )
    return f"{parts.path.removeprefix(prefix)}?{parts.query}"


def _page(client: HubClient, where: str) -> tuple[list[Any], str | None, str]:
    """Returns items, next place and the place asked; asks for half as many where the server cannot manage."""
    while True:
        try:
            answer = client.get(where.lstrip("/"), client.limits.page_bytes, _check_page)
            break
        except NoAnswerError as error:
            smaller = _halved(where) if error.reason.startswith(("HTTP 50", "timed out")) else None
            if smaller is None:
                raise
            client.report(urlsplit(where).path, f"{error.reason}; asking for smaller pages")
            where = smaller
    if answer.status != 200:
        raise SourceError(
            f"{client.base}/api/models answers HTTP {answer.status}", "check HF_ENDPOINT and try again later."
        )
    items: list[Any] = decode_json(answer.body)
    return items, next_page(answer, where, client.base), where


def _halved(where: str) -> str | None:
    parts = urlsplit(where)
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
    """Asks for one model: a server that gives more, or no way on where there is more, would list only a part."""
    items, following, _ = _page(client, listing_path(tag, 1))
    if len(items) > 1:
        raise _ignores("limit", client)
    if items and following is None:
        items, _, _ = _page(client, listing_path(tag, 2))
        if len(items) > 1:
            raise _ignores("paging", client)


def _check_obeyed(client: HubClient, rows: list[dict[str, Any]], tag: str | None) -> None:
    times = [row["created_at"] for row in rows if row["created_at"] is not None]
    if any(later > earlier for earlier, later in pairwise(times)):
        raise _ignores("sort", client)
    strays = sum(tag is not None and tag not in json.loads(row["tags"]) for row in rows)
    if strays > len(rows) / 2:
        raise _ignores("filter", client)


def _ignores(what: str, client: HubClient) -> SourceError:
    return SourceError(
        f"{client.base} ignores {what!r} in its listing, so that models would be missed unseen",
        "use the Hub itself or a mirror that supports paged listings; or SOURCE=hub-dump.",
    )


def _rows(client: HubClient, items: list[Any], where: str) -> tuple[list[dict[str, Any]], int]:
    rows, malformed = [], 0
    for item in items:
        try:
            row = listed_model(item)
        except ValueError as error:
            malformed += 1
            client.report(where, f"{error}; skipped")
            continue
        if row["mended"]:
            client.report(row["model_id"], row["mended"])
        rows.append(row)
    return rows, malformed


def _look_up(client: HubClient, model_id: str) -> dict[str, Any] | None:
    """Returns the row of one model; a row without commit where the Hub does not have it."""
    query = urlencode([("expand", name) for name in EXPAND])

    def check(answer: Answer) -> None:
        try:
            listed_model(decode_json(answer.body))
        except ValueError:
            raise TransientError("not JSON, or no model") from None

    answer = client.get(f"api/models/{quote(model_id)}?{query}", client.limits.page_bytes, check)
    if answer.status == 200:
        return {**listed_model(decode_json(answer.body)), "model_id": model_id}
    if answer.status not in (401, 403, 404):
        raise NoAnswerError(f"/api/models/{model_id}", f"HTTP {answer.status}", 1)
    client.report(model_id, f"HTTP {answer.status}: deleted, private, or never there")
    return {**listed_model({"id": model_id}), "absent": f"HTTP {answer.status}: deleted, private or never there"}


def _file_names(siblings: object) -> set[str] | None:
    """Returns the names of a repository's files; None where the listing does not tell."""
    if not isinstance(siblings, list) or not siblings:
        return None
    return {s["rfilename"] for s in siblings if isinstance(s, dict) and isinstance(s.get("rfilename"), str)}


def _clean(text: str) -> str:
    return text.encode(errors="replace").decode()


def _text(name: str, value: object, mended: list[str]) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else _clean(value)
    mended.append(name)
    return None


def _strings(value: object, mended: list[str]) -> list[str]:
    if not isinstance(value, list):
        if value is not None:
            mended.append("tags")
        return []
    if any(not isinstance(v, str) for v in value):
        mended.append("tags")
    return [_clean(v) for v in value if isinstance(v, str)]


def _number(name: str, value: object, mended: list[str]) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _INT64):
        return value
    mended.append(name)
    return None


def _time(name: str, value: object, mended: list[str]) -> int | None:
    """Returns microseconds since 1970, UTC."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        mended.append(name)
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
