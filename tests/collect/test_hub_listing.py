"""The listing is paged, resumable and complete, and validates what the server sends."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import planted
import pytest

from peft_census.collect.http.common import Answer
from peft_census.collect.http.hub import HubClient
from peft_census.collect.hub.listed_model import parse_model
from peft_census.collect.hub.listing import UNPROVED, look_up_ids, next_page, read_listing
from peft_census.collect.hub.options import is_model_id
from peft_census.collect.ledger import Ledger
from peft_census.errors import SourceError
from tests.collect.conftest import Start
from tests.replica.catalogue import Catalogue, Record, commit_of, from_generator
from tests.replica.crawl import QUICK
from tests.replica.faults import Faults


def listed(folder: Path, tag: str | None = None, client: HubClient | None = None) -> list[str]:
    """Reads a listing; returns the ids."""
    with closing(Ledger(folder)) as ledger:
        crawl = ledger.open_crawl(3600)
        read_listing(client or HubClient(QUICK), ledger, crawl, tag, lambda n: None)
        return [row.model_id for row in ledger.models(ledger.last_crawl())]


@pytest.mark.parametrize(
    "model_id",
    [
        "../../etc/passwd",
        "a/../b",
        "/abs",
        "a/b/c",
        "a b/c",
        "a/b?x",
        "a/.hidden",
        "",
        None,
        7,
        "a\\b",
        "a/b\n",
        "a//b",
    ],
)
def test_what_could_be_a_path_is_no_model_id(model_id: object) -> None:
    """Ids with misplaced dots, slashes or other signs are rejected."""
    assert not is_model_id(model_id)
    with pytest.raises(ValueError, match="model id"):
        parse_model({"id": model_id})


def test_ordinary_ids_are_model_ids() -> None:
    """An id has an owner and a name, or only a name, as the first models have."""
    assert all(map(is_model_id, ("gpt2", "owner/name", "O-w_n.er/Na.me--x", "_a/_b", "owner/" + "x" * 120)))


def test_a_field_that_cannot_be_read_is_null_and_named() -> None:
    """A model with an invalid date or count is kept."""
    row = parse_model(
        {"id": "o/m", "sha": "a" * 40, "createdAt": "yesterday", "downloads": True, "tags": ["x", 3], "likes": -1}
    )
    assert row.created_at is row.downloads is row.likes is None
    assert json.loads(row.tags) == ["x"]
    assert row.repaired == "unreadable in the listing: tags, downloads, likes, createdAt"


def test_a_date_without_time_and_a_lone_surrogate_are_taken() -> None:
    """A date without time is midnight UTC; a lone surrogate is replaced."""
    row = parse_model({"id": "o/m", "createdAt": "1970-01-02", "pipeline_tag": "\ud800x", "sha": "nonsense"})
    assert (row.created_at, row.pipeline_tag, row.sha) == (86_400_000_000, "?x", None)


def test_every_model_of_a_tag_is_listed_once_over_many_pages(replica: Start, tmp_path: Path) -> None:
    """Pages are followed to the end, also where dates are equal."""
    catalogue = from_generator(700)
    server = replica(catalogue)
    limits = type(QUICK)(**{**vars(QUICK), "page_items": 50})
    ids = listed(tmp_path, "peft", HubClient(limits))
    assert ids == sorted(m.id for m in catalogue.models.values() if "peft" in m.tags)
    assert server.counts.pages == 1 + 5 + 2  # the probe, 234 models in fifties, and the last page in two halves


def test_models_that_come_and_go_between_pages_cost_no_other_model(replica: Start, tmp_path: Path) -> None:
    """The sort key of a model never changes: models that stay are listed, whatever happens to others."""
    catalogue = from_generator(400)
    server = replica(catalogue)
    stay = {m for m in catalogue.models if not m.endswith(("00", "50"))}

    def happen(models: Catalogue) -> None:
        for model_id in [m for m in models.models if m not in stay]:
            models.delete(model_id)
        models.change(sorted(models.models)[200], "# changed\n")
        models.put(Record("new/model", commit_of(1), "f" * 24, "2026-11-01T00:00:00.000Z", "", {}, ("peft",)))

    server.after_page[3] = happen
    ids = listed(tmp_path, None, HubClient(type(QUICK)(**{**vars(QUICK), "page_items": 50})))
    assert stay <= set(ids)
    assert len(ids) == len(set(ids))


def test_malformed_items_are_reported_and_skipped(replica: Start, tmp_path: Path) -> None:
    """Four malformed items do not affect their page or the models after them."""
    malformed = (None, [], {"id": "../x"}, {"modelId": "o/m"}, {"id": "o/dated", "createdAt": 1, "self": {}})
    replica(from_generator(5), faults=Faults(malformed=malformed))
    reported: list[str] = []
    ids = listed(tmp_path, None, HubClient(QUICK, report=lambda where, what: reported.append(what)))
    assert len(ids) == 6 and "o/dated" in ids
    assert [r for r in reported if r.endswith("; skipped")] == [
        "an item of the listing is not an object; skipped",
        "an item of the listing is not an object; skipped",
        "an item of the listing has a model id that is not valid; skipped",
        "an item of the listing has no model id; skipped",
    ]
    with closing(Ledger(tmp_path)) as ledger:
        assert ledger.cursor(1, "all").items == 6
        assert ledger.gaps.by_reason(1) == {
            "an item of the listing is not an object": 2,
            "an item of the listing has a model id that is not valid": 1,
            "an item of the listing has no model id": 1,
        }
        assert ledger.gaps.is_proved(1)


@pytest.mark.parametrize("n", [1, 2, 3, 49, 50, 51, 100, 101])
def test_a_listing_of_any_length_is_proved(replica: Start, tmp_path: Path, n: int) -> None:
    """A full last page without a next page is the end, which two further requests prove."""
    replica(from_generator(n))
    assert len(listed(tmp_path, None, HubClient(replace(QUICK, page_items=50)))) == n
    with closing(Ledger(tmp_path)) as ledger:
        assert ledger.gaps.by_reason(1) == {}


@pytest.mark.parametrize("wrong", ["no_link", "empty", "short", "gap"])
@pytest.mark.parametrize("page", [2, 3, 5])
def test_a_page_that_is_wrong_once_costs_no_model(replica: Start, tmp_path: Path, wrong: str, page: int) -> None:
    """A page without its Link, without items or with half of them is noticed, and what is missing is read."""
    replica(from_generator(170), faults=Faults(pages={page: wrong}))
    found = listed(tmp_path, None, HubClient(replace(QUICK, page_items=50)))
    with closing(Ledger(tmp_path)) as ledger:
        lacking = sum(ledger.gaps.by_reason(1).values())
    assert len(found) == 170 or (page, wrong, len(found), lacking) == (2, "gap", 145, 25)


def test_an_end_that_cannot_be_proved_is_a_gap(replica: Start, tmp_path: Path) -> None:
    """A server that names no page after the second is not believed."""
    replica(from_generator(170), faults=Faults(no_link_later=True))
    assert len(listed(tmp_path, None, HubClient(replace(QUICK, page_items=50)))) == 100
    with closing(Ledger(tmp_path)) as ledger:
        assert ledger.gaps.by_reason(1) == {UNPROVED: 1}
        assert not ledger.gaps.is_proved(1)


@pytest.mark.parametrize(
    "link",
    ["nonsense", "</api/models?x>", "<http://[bad>; rel=next", "</api/models", "<http://h:9x/>; rel=next", ";;,"],
)
def test_a_malformed_link_is_one_error(replica: Start, tmp_path: Path, link: str) -> None:
    """It neither ends the listing nor gives a traceback."""
    replica(from_generator(170), faults=Faults(link=link))
    with pytest.raises(SourceError, match="malformed Link"):
        listed(tmp_path, None, HubClient(replace(QUICK, page_items=50)))


@pytest.mark.parametrize(
    "link",
    [
        '</api/models?p=2>; title="a, <b>; rel=prev"; rel="next"',
        '</api/models?p=0>; rel="prev", </api/models?p=2>;rel=next',
        '</api/models?p=2>; REL="last next"',
        '</api/models?p=2> ; rel = "next"',
    ],
)
def test_a_link_is_read_as_rfc_8288_says(link: str) -> None:
    """Titles with signs, several relations, and any case."""
    assert next_page(Answer(200, {"link": link}, b""), "/api/models", "https://hub.example") == "/api/models?p=2"


def test_a_renamed_model_is_counted_once_and_noted(replica: Start, tmp_path: Path) -> None:
    """The Hub redirects the old id to the new one; a list with both has one model."""
    replica(from_generator(9), faults=Faults(renamed={"old/name": "owner-001/model-0000001"}))
    notes: list[str] = []
    with closing(Ledger(tmp_path)) as ledger:
        crawl = ledger.open_crawl(3600)
        client = HubClient(QUICK, note=notes.append)
        look_up_ids(client, ledger, crawl, ["old/name", "owner-001/model-0000001"], lambda n: None)
        assert [row.model_id for row in ledger.models(crawl)] == ["owner-001/model-0000001"]
    assert notes == ["old/name is owner-001/model-0000001 today; counted once, under that id"]


def test_a_page_that_comes_again_ends_the_listing_with_an_error(replica: Start, tmp_path: Path) -> None:
    """A server that leads in a circle does not keep the crawl for ever."""
    server = replica(from_generator(170))
    server.faults.link = f'<{server.base}/api/models?limit=50&x=1>; rel="next"'
    with pytest.raises(SourceError, match=r"repeats page|ignores"):
        listed(tmp_path, None, HubClient(replace(QUICK, page_items=50)))


@pytest.mark.parametrize("status", [401, 403])
def test_an_id_that_is_refused_without_a_cause_is_not_gone(replica: Start, tmp_path: Path, status: int) -> None:
    """A firewall before the API does not make the models of a list disappear."""
    replica(from_generator(9), faults=Faults(always={"/api/models/": status}))
    with closing(Ledger(tmp_path)) as ledger, pytest.raises(SourceError, match="without an error code"):
        look_up_ids(HubClient(QUICK), ledger, ledger.open_crawl(3600), ["owner-001/model-0000001"], lambda n: None)


def test_a_link_to_another_host_is_refused_and_nothing_sent_there(
    replica: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crawl does not follow a Link header to another host and sends no token there."""
    monkeypatch.setenv("HF_TOKEN", planted.HUB)
    elsewhere = replica(from_generator(10))
    replica(from_generator(10), faults=Faults(link_base=elsewhere.base))
    with pytest.raises(SourceError, match="another host"):
        listed(tmp_path)
    assert sum(elsewhere.counts.requests.values()) == 0


@pytest.mark.parametrize(
    "link",
    [
        '<https://evil.example/api/models?cursor=x>; rel="next"',
        '<http://hub.example/api/models?cursor=x>; rel="next"',
        '<https://hub.example:8443/api/models?cursor=x>; rel="next"',
        '<//evil.example/api/models>; rel="next"',
        '<https://hub.example@evil.example/api/models>; rel="next"',
        '</logout>; rel="next"',
    ],
)
def test_only_the_endpoints_own_api_is_a_next_page(link: str) -> None:
    """Another scheme, host, port or path is refused in every spelling."""
    with pytest.raises(SourceError, match="refused"):
        next_page(Answer(200, {"link": link}, b""), "/api/models", "https://hub.example")


def test_a_relative_link_is_followed_and_rel_prev_is_not() -> None:
    """A link on the endpoint becomes path and query."""
    both = '</api/models?cursor=a>; rel="prev", </api/models?cursor=b&limit=5>; rel="next"'
    assert next_page(Answer(200, {"link": both}, b""), "/api/models", "https://hub.example") == (
        "/api/models?cursor=b&limit=5"
    )
    assert next_page(Answer(200, {}, b""), "/api/models", "https://hub.example") is None


@pytest.mark.parametrize("what", ["limit", "sort", "filter", "paging"])
def test_a_server_that_ignores_what_it_is_asked_is_noticed(replica: Start, tmp_path: Path, what: str) -> None:
    """A mirror that ignores limit, sort, filter or paging would lose models; it is rejected."""
    replica(from_generator(120), faults=Faults(ignores=(what,)))
    with pytest.raises(SourceError, match=f"ignores '{what}'"):
        listed(tmp_path, "peft")


def test_html_instead_of_json_is_asked_again(replica: Start, tmp_path: Path) -> None:
    """An error page with status 200 does not end the listing."""
    replica(from_generator(300), faults=Faults(html=0.4, error=0.1, truncated=0.1, wrong_length=0.1, seed=5))
    limits = type(QUICK)(**{**vars(QUICK), "page_items": 20, "attempts": 40})
    ids = listed(tmp_path, None, HubClient(limits))
    assert len(ids) == 300


def test_smaller_pages_are_asked_for_where_the_server_cannot_manage(replica: Start, tmp_path: Path) -> None:
    """A permanent 504 halves the page until it succeeds."""
    server = replica(from_generator(900), faults=Faults(too_many_expands=250))
    ids = listed(tmp_path, None, HubClient(type(QUICK)(**{**vars(QUICK), "attempts": 2})))
    assert len(ids) == 900
    assert any("limit=250" in path for path in server.counts.paths)


def test_a_broken_listing_goes_on_at_the_page_where_it_broke(replica: Start, tmp_path: Path) -> None:
    """No stored page is requested again."""
    server = replica(from_generator(300))
    limits = type(QUICK)(**{**vars(QUICK), "page_items": 30, "attempts": 1})
    server.after_page[5] = lambda catalogue: server.faults.always.update({"/api/models": 500})
    with pytest.raises(SourceError, match="HTTP 500"):
        listed(tmp_path, None, HubClient(limits))
    server.faults.always.clear()
    before = set(server.counts.paths)
    ids = listed(tmp_path, None, HubClient(limits))
    assert len(ids) == 300
    again = [path for path in server.counts.paths if server.counts.paths[path] > 1]
    assert len(again) == 1 and again[0] in before  # the page that failed


def test_ids_of_ones_own_are_looked_up_one_by_one(replica: Start, tmp_path: Path) -> None:
    """A model that does not exist is gone, with the reason; the others are as listed."""
    replica(from_generator(9))
    with closing(Ledger(tmp_path)) as ledger:
        crawl = ledger.open_crawl(3600)
        look_up_ids(HubClient(QUICK), ledger, crawl, ["nobody/nothing", "owner-001/model-0000001"], lambda n: None)
        ledger.close_listing(crawl, "no longer in the list of ids")
        rows = {row.model_id: (row.status, row.reason) for row in ledger.models(ledger.last_crawl())}
    assert rows == {
        "nobody/nothing": ("gone", "HTTP 401: deleted, private or never there"),
        "owner-001/model-0000001": (None, None),
    }
