"""The faults that the sources are tested with, and what comes of each; docs/reliability.md shows this table.

Each case makes a server wrong. ``test_fault_table`` collects from it, checks the outcome, mends the server, and checks that
the next run gives what an undisturbed run gives. Faults of the Hub are tried with two servers of different make.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.replica.faults import Faults
from tests.replica.raw_hub import RawAnswer

COMPLETE = "repeated or read in another way; the census is complete"
GAP = "counted as a gap, exit code 3"
STOPS = "the crawl stops with one line, exit code 1"
PARTIAL = "a gap, exit code 3; the source gets no share"

MODELS, PAGE = 170, 50
BAD = "owner-003/model-0000003"


@dataclass(frozen=True)
class Case:
    """One fault.

    Args:
        source: where it happens.
        fault: in words.
        outcome: COMPLETE, GAP, STOPS or PARTIAL.
        says: part of the error or of the gap.
        own: what is wrong with the replica of the project.
        raw: changes the answers of the Hub of another make; None where it cannot show the fault.
        n: models that the Hub has.
        again: whether the fault happens in a second crawl, after a complete one.
    """

    source: str
    fault: str
    outcome: str
    says: str = ""
    own: object = None
    raw: Callable[[RawAnswer], object] | None = None
    n: int = MODELS
    again: bool = False


def _refuse(status: int, kind: str, body: bytes) -> Callable[[RawAnswer], object]:
    def spoil(answer: RawAnswer) -> None:
        if not answer.is_listing and answer.number > 68:
            answer.status, answer.body, answer.headers = status, body, {"content-type": kind}

    return spoil


def _page(number: int, change: Callable[[RawAnswer], object]) -> Callable[[RawAnswer], object]:
    return lambda answer: change(answer) if answer.is_listing and answer.number == number else None


def _later(change: Callable[[RawAnswer], object]) -> Callable[[RawAnswer], object]:
    return lambda answer: change(answer) if answer.is_listing and "cursor=" in answer.path else None


def _files(change: Callable[[RawAnswer], object]) -> Callable[[RawAnswer], object]:
    return lambda answer: change(answer) if not answer.is_listing else None


def _no_link(answer: RawAnswer) -> None:
    answer.headers.pop("link", None)


def _with_items(answer: RawAnswer, share: float, link: bool) -> None:
    items = json.loads(answer.body)
    answer.body = json.dumps(items[: int(len(items) * share)]).encode()
    if not link:
        _no_link(answer)


def _status(status: int, **headers: str) -> Callable[[RawAnswer], object]:
    def change(answer: RawAnswer) -> None:
        answer.status, answer.body = status, b"<html>oops</html>"
        answer.headers |= {name.replace("_", "-"): value for name, value in headers.items()}

    return change


def _once(change: Callable[[RawAnswer], object]) -> Callable[[RawAnswer], object]:
    return lambda answer: change(answer) if not answer.is_listing and answer.number == 5 else None


ODD = ({"name": "no id"}, {"id": "a/../b"}, 7)
EXPIRED = b'{"error":"User Access Token \\"census\\" is expired"}'
HUB = "Hub, cards"
LIST = "Hub, listing"

CASES = (
    Case(LIST, "`Link` missing on one page", COMPLETE, own=Faults(pages={3: "no_link"}), raw=_page(3, _no_link)),
    Case(LIST, "`Link` missing on every later page", GAP, "not proved", Faults(no_link_later=True), _later(_no_link)),
    Case(
        LIST,
        "an empty page in the middle, without `Link`",
        COMPLETE,
        own=Faults(pages={3: "empty"}),
        raw=_page(3, lambda answer: _with_items(answer, 0, link=False)),
    ),
    Case(
        LIST,
        "half a page in the middle, without `Link`",
        COMPLETE,
        own=Faults(pages={3: "short"}),
        raw=_page(3, lambda answer: _with_items(answer, 0.5, link=False)),
    ),
    Case(
        LIST,
        "half a page in the middle, with `Link`",
        COMPLETE,
        own=Faults(pages={3: "gap"}),
        raw=_page(3, lambda answer: _with_items(answer, 0.5, link=True)),
    ),
    Case(LIST, "as many models as fit on one page, so no `Link`", COMPLETE, own=Faults(), raw=lambda a: None, n=PAGE),
    Case(
        LIST,
        "5% of the models missing since the last crawl",
        GAP,
        "more models than deletions explain",
        Faults(),
        lambda answer: None,
        again=True,
    ),
    Case(
        LIST,
        "items without an id, or with an id that is not valid",
        GAP,
        "an item of the listing",
        Faults(malformed=ODD),
    ),
    Case(
        LIST,
        "a malformed `Link`",
        STOPS,
        "malformed Link",
        Faults(link="next: 2"),
        lambda answer: answer.headers.update(link="next: 2"),
    ),
    Case(
        HUB,
        "a token that expires at 40%",
        STOPS,
        "it is expired",
        Faults(token_expires_after=80),
        _refuse(401, "application/json", EXPIRED),
    ),
    Case(
        HUB,
        "a firewall's page (403) at 40%",
        STOPS,
        "without an error code",
        Faults(wall=(403, "text/html"), wall_after=136),
        _refuse(403, "text/html", b"<html>"),
    ),
    Case(
        HUB,
        "401 without a cause at 40%",
        STOPS,
        "without an error code",
        Faults(wall=(401, "application/json"), wall_after=136),
        _refuse(401, "application/json", b"{}"),
    ),
    Case(
        HUB,
        "a proxy that asks for a login (407)",
        STOPS,
        "HTTP 407",
        Faults(wall=(407, "text/plain")),
        _refuse(407, "text/plain", b""),
    ),
    Case(HUB, "524 once", COMPLETE, own=Faults(once={"/resolve/": 524}), raw=_once(_status(524))),
    Case(
        HUB,
        "524 for one model, always",
        GAP,
        "HTTP 524",
        Faults(always={f"{BAD}/resolve": 524}),
        lambda answer: _status(524)(answer) if answer.path.startswith(f"/{BAD}/") else None,
    ),
    Case(
        HUB,
        "`Retry-After` of two hours",
        STOPS,
        "asks to wait 120 minutes",
        Faults(error=0.1, retry_after="7200"),
        _once(_status(503, retry_after="7200")),
    ),
    Case(
        HUB,
        "`Retry-After` that is nonsense",
        COMPLETE,
        own=Faults(error=0.1, retry_after="soon"),
        raw=_once(_status(503, retry_after="soon")),
    ),
    Case(
        HUB,
        "`Location` that is nonsense",
        STOPS,
        "could not be read",
        Faults(location="http://[nonsense"),
        _files(_status(307, location="http://[nonsense")),
    ),
    Case(
        HUB,
        "bodies that do not match their ETag (a proxy that rewrites them)",
        STOPS,
        "do not match the hash",
        Faults(etag=f'"{"a" * 40}"'),
        _files(lambda answer: setattr(answer, "body", answer.body + b"<!-- -->")),
    ),
    Case(HUB, "gzip bodies cut short", STOPS, "gzip", Faults(gzip="cut")),
    Case(
        HUB,
        "5% resets, 5% bodies cut short, 5% HTML with status 200",
        COMPLETE,
        own=Faults(reset=0.05, truncated=0.05, html=0.05),
    ),
    Case("Civitai", "524 once", COMPLETE, own={3: "524"}),
    Case("Civitai", "`nextCursor` missing on one page", COMPLETE, own={3: "no_cursor"}),
    Case("Civitai", "`nextCursor` missing always, or renamed", PARTIAL, "end could not be proved", "renamed"),
    Case("Civitai", "`items` is not a list", PARTIAL, "not a listing", {3: "no_list"}),
    Case("Civitai", "no item has an id and a type", PARTIAL, "none of its", {3: "malformed"}),
    Case("Civitai", "500 from some page on", PARTIAL, "500", "dies"),
    Case("GitHub", "every query refused (422)", PARTIAL, "no complete reading", 422),
    Case("GitHub", "every query refused (400)", PARTIAL, "no complete reading", 400),
    Case("GitHub", "every query incomplete", PARTIAL, "no complete reading", "incomplete"),
    Case("GitHub", "a token that is rejected", PARTIAL, "rejects GITHUB_TOKEN", 401),
)


def table() -> str:
    """Returns the cases as a Markdown table."""
    lines = ["| source | fault | what comes of it |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {case.source} | {case.fault} | {case.outcome} |" for case in CASES)])
