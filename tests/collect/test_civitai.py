"""The Civitai crawl against its replica."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from civitai_replica import CivitaiReplica, Model, models_of, real_models
from serving import SHARED, Faults, serve

from peft_census.collect.civitai import check as check_config
from peft_census.collect.civitai import civitai_client, crawl, describe, models_table, read_page, shrunk
from peft_census.collect.http.common import Answer
from peft_census.collect.instrument import InstrumentConfig
from peft_census.collect.response_store import Campaign, open_campaign
from peft_census.errors import SourceError, UsageError
from peft_census.snapshot.instruments import CivitaiFrame as Frame
from peft_census.snapshot.schema import check

TYPES = {"LORA": 700, "LoCon": 40, "DoRA": 3, "Checkpoint": 250}


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    """Gives an empty campaign."""
    with open_campaign(tmp_path / "l.sqlite", "civitai", {}) as opened:
        yield opened


def _crawl(replica: CivitaiReplica, campaign: Campaign, monkeypatch: pytest.MonkeyPatch, frame: Frame) -> None:
    with serve(replica) as url:
        monkeypatch.setenv("CIVITAI_API_URL", url)
        crawl(civitai_client(), campaign, frame)


@pytest.mark.parametrize("sort", ["Oldest", "Most Downloaded"])
def test_every_model_is_found_once_under_faults(campaign: Campaign, monkeypatch: pytest.MonkeyPatch, sort: str) -> None:
    """Under faults, with ties and content levels, each model is read exactly once."""
    models = models_of(TYPES, nsfw=0.3, ties=7)
    replica = CivitaiReplica(models, Faults(4, error=0.08, reset=0.05, truncate=0.05, html=0.05), busy_after=6)
    _crawl(replica, campaign, monkeypatch, Frame(sort=sort))
    table = models_table(campaign, Frame(sort=sort))
    check("civitai", table)
    assert table["model_id"].to_pylist() == sorted(m.id for m in models)
    assert Counter(table["type"].to_pylist()) == TYPES
    assert describe("https://civitai.com", campaign, Frame(sort=sort)).whole
    assert max(replica.served.values()) == 1


def test_what_is_asked_is_explicit(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """All levels are asked for, types are repeated, and no page number is ever sent."""
    replica = CivitaiReplica(models_of(TYPES))
    frame = Frame(types=("LORA", "DoRA"))
    _crawl(replica, campaign, monkeypatch, frame)
    for _, query in replica.asked:
        assert ("nsfw", "true") in query
        assert ("sort", "Oldest") in query
        assert [v for k, v in query if k == "types"] == ["DoRA", "LORA"]
        assert "page" not in dict(query)
    assert Counter(models_table(campaign, frame)["type"].to_pylist()) == {"LORA": 700, "DoRA": 3}


def test_a_declared_sample_stops(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample of N models holds the first N in the order asked, and its description says that it is not everything."""
    frame = Frame(models=250)
    replica = CivitaiReplica(models_of(TYPES))
    _crawl(replica, campaign, monkeypatch, frame)
    table = models_table(campaign, frame)
    assert table.num_rows == 250
    assert table["model_id"].to_pylist() == list(range(1000, 1250))
    assert (describe("https://civitai.com", campaign, frame).whole, replica.number) == (False, 3)


def test_newest_is_refused_because_it_loses_models(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order Newest loses one model on each page (the replica does so too), so that it is refused."""
    replica = CivitaiReplica(models_of(TYPES))
    _crawl(replica, campaign, monkeypatch, Frame(sort="Newest"))
    lost = sum(TYPES.values()) - models_table(campaign, Frame()).num_rows
    assert lost == 9
    with pytest.raises(UsageError, match="loses one model"):
        check_config(InstrumentConfig(("civitai",), civitai=Frame(sort="Newest")))


def test_a_refused_page_is_not_repeated(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown type gets status 400, which is an error after one request."""
    replica = CivitaiReplica(models_of(TYPES))
    with pytest.raises(SourceError, match="400"):
        _crawl(replica, campaign, monkeypatch, Frame(types=("lora",)))
    assert replica.number == 1


def test_a_cursor_that_does_not_advance_is_an_error(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """If more models share one moment than fit on a page, the crawl stops with an error instead of repeating the page."""
    with pytest.raises(SourceError, match="does not advance"):
        _crawl(CivitaiReplica(models_of({"LORA": 400}, ties=400)), campaign, monkeypatch, Frame())


def test_malformed_items_are_counted_and_left_out(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item without id or type is counted and left out; the rest of its page is read."""
    replica = CivitaiReplica(models_of(TYPES))
    replica.spoil = {1003, 1500}
    _crawl(replica, campaign, monkeypatch, Frame())
    assert models_table(campaign, Frame()).num_rows == sum(TYPES.values()) - 2
    assert describe("https://civitai.com", campaign, Frame()).items_malformed == 2


def test_numbers_beyond_64_bits() -> None:
    """A model whose id is one is malformed; one whose downloads are one counts, without downloads."""
    items = [{"id": n, "type": "LORA", "stats": {"downloadCount": d}} for n, d in ((1, 7), (2, 2**70), (2**63, 7))]
    page = read_page(Answer(200, {}, json.dumps({"items": items, "metadata": {}}).encode()), 1)
    assert ([m.downloads for m in page.items], page.malformed) == ([7, None], 1)


def test_a_crawl_resumes_at_its_cursor(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure in the middle the next run asks only for the pages that are missing."""
    models = models_of(TYPES)
    with pytest.raises(SourceError):
        _crawl(CivitaiReplica(models, dies_after=4), campaign, monkeypatch, Frame())
    replica = CivitaiReplica(models)
    _crawl(replica, campaign, monkeypatch, Frame())
    assert models_table(campaign, Frame()).num_rows == len(models)
    assert replica.number == 10 - 4 + 2  # the last page comes again in two halves


@pytest.mark.parametrize("wrong", ["no_cursor", "empty", "short"])
@pytest.mark.parametrize("page", [2, 3, 9])
def test_a_page_that_is_wrong_once_costs_no_model(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, wrong: str, page: int
) -> None:
    """A page that names no cursor, or has half of its items and no cursor, is not taken for the end."""
    models = models_of(TYPES, ties=2)
    replica = CivitaiReplica(models)
    replica.wrong = {page: wrong}
    _crawl(replica, campaign, monkeypatch, Frame())
    assert models_table(campaign, Frame()).num_rows == len(models)
    assert describe("https://civitai.com", campaign, Frame()).whole


@pytest.mark.parametrize(
    ("always", "error"),
    [
        ("no_cursor", "end could not be proved"),
        ("renamed", "end could not be proved"),
        ("empty", "end could not be proved"),
        ("no_list", "not a listing"),
        ("malformed", "none of its 100 items"),
    ],
)
def test_a_format_that_changed_is_never_a_complete_listing(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, always: str, error: str
) -> None:
    """A lost or renamed cursor, items that are no list, and items that nobody can read end the crawl with an error."""
    replica = CivitaiReplica(models_of(TYPES))
    replica.always = always
    with pytest.raises(SourceError, match=error):
        _crawl(replica, campaign, monkeypatch, Frame())
    assert not describe("https://civitai.com", campaign, Frame(), complete=False).whole


def test_a_listing_that_lost_more_than_deletions_explain_is_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is compared with the last campaign of the same questions."""
    models, gaps = models_of(TYPES), []
    for n in (1000, 985, 960):
        with open_campaign(tmp_path / "l.sqlite", "civitai", {}, fresh=True) as opened:
            _crawl(CivitaiReplica(models[:n]), opened, monkeypatch, Frame())
            gaps.append(shrunk(opened))
    assert [len(found) for found in gaps] == [0, 0, 1]
    assert gaps[2][0].startswith("civitai: 25 of 985 models")


def test_only_types_dates_and_counts_are_kept(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the table nor the stored answers hold a name, a description or a user."""
    _crawl(
        CivitaiReplica([Model(5, "LORA", datetime(2024, 1, 2, tzinfo=UTC), downloads=9)]),
        campaign,
        monkeypatch,
        Frame(),
    )
    row = models_table(campaign, Frame()).to_pylist()[0]
    assert (row["type"], row["base_models"], row["downloads"]) == ("LORA", ["SD 1.5"], 9)
    assert (row["created_at"], row["published_at"]) == (
        datetime(2024, 1, 2, tzinfo=UTC),
        datetime(2024, 1, 2, tzinfo=UTC),
    )
    kept = str(list(campaign.answers("", dict)))
    assert "model 5" not in kept
    assert "words that" not in kept
    assert "user5" not in kept


def test_real_models_are_read(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real model records of 2023 to 2025 come through with type and base model."""
    folder = SHARED / "real" / "api" / "civitai"
    if not folder.is_dir():
        pytest.skip("real answers are not at hand")
    models = real_models(folder)
    _crawl(CivitaiReplica(models), campaign, monkeypatch, Frame())
    rows = models_table(campaign, Frame()).to_pylist()
    assert Counter(r["type"] for r in rows) == Counter(m.type for m in models)
    assert all(bool(r["created_at"]) == (r["versions"] > 0) for r in rows)
    assert describe("https://civitai.com", campaign, Frame()).items_malformed == 0
