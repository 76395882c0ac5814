"""GitHub code search against its replica."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import planted
import pytest
from github_replica import BLOG_IMPORTS, File, GithubReplica, Moods, Window, corpus_of
from serving import SHARED, Faults, Reply, serve

from peft_census.collect.github.calibration import count_checkout
from peft_census.collect.github.instrument import estimate
from peft_census.collect.github.search import (
    Query,
    ask_rounds,
    counts_table,
    drop_unusable,
    find_gaps,
    github_client,
    plan_queries,
    read_total,
    search,
)
from peft_census.collect.http.common import Answer
from peft_census.collect.http.rest import RestClient
from peft_census.collect.instrument import Cost, InstrumentConfig
from peft_census.collect.response_store import Campaign, open_campaign
from peft_census.errors import SourceError, UsageError
from peft_census.snapshot.schema import check

CLASSES = {"lora": "LoraConfig", "loha": "LoHaConfig", "adalora": "AdaLoraConfig"}
SMALL = {"LoraConfig": 60, "LoHaConfig": 6, "AdaLoraConfig": 5}


@contextmanager
def client_for(replica: GithubReplica, monkeypatch: pytest.MonkeyPatch) -> Iterator[RestClient]:
    """Gives a client as the environment configures it, pointed at ``replica``."""
    with serve(replica) as url:
        monkeypatch.setenv("GITHUB_API_URL", url)
        monkeypatch.setenv("GITHUB_TOKEN", planted.GITHUB)
        client = github_client()
        assert client is not None
        yield client


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    """Gives an empty campaign."""
    with open_campaign(tmp_path / "l.sqlite", "github", {}) as opened:
        yield opened


def test_queries_come_from_the_classes() -> None:
    """Each class is asked for as a token, in notebooks and as the blog's phrase; ordinary names also guarded."""
    plan = plan_queries({"loha": "LoHaConfig", "road": "RoadConfig"})
    assert {(q.technique, q.measure): q.text for q in plan} == {
        ("loha", "class_python"): "LoHaConfig peft language:Python",
        ("loha", "class_notebook"): "LoHaConfig peft extension:ipynb",
        ("loha", "phrase"): '"from peft import LoHaConfig"',
        ("road", "class_python"): "RoadConfig peft language:Python",
        ("road", "class_notebook"): "RoadConfig peft extension:ipynb",
        ("road", "phrase"): '"from peft import RoadConfig"',
        ("road", "guarded_python"): "RoadConfig peft get_peft_model language:Python",
    }


@pytest.mark.parametrize("classes", [{"a": "LoraConfig", "b": "LoraConfig"}, {"a": "Lora Config"}, {"a": "x OR y"}])
def test_bad_classes_are_refused(classes: dict[str, str]) -> None:
    """A class that two techniques share, or that could change the query, is refused."""
    with pytest.raises(UsageError):
        plan_queries(classes)


def test_no_token_means_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token there is nothing to ask with."""
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    assert github_client() is None


def test_readings_are_complete_under_faults(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 15 % of requests breaking and tight windows every reading is had, none beyond the rate limit."""
    replica = GithubReplica(
        corpus_of(SMALL), Window(15, 1.0), Faults(5, error=0.06, reset=0.04, truncate=0.03, html=0.02)
    )
    plan = plan_queries(CLASSES)
    with client_for(replica, monkeypatch) as client:
        ask_rounds(client, campaign, plan, readings=3)
    table = counts_table(campaign, plan)
    check("github_counts", table)
    rows = table.to_pylist()
    assert len(rows) == 3 * len(plan)
    assert {r["status"] for r in rows} == {"read"}
    assert {(r["technique"], r["total_count"]) for r in rows if r["measure"] == "phrase"} == {
        ("lora", 60),
        ("loha", 6),
        ("adalora", 5),
    }
    assert replica.refused == 0
    assert sum(replica.served.values()) == len(rows)


def test_incomplete_readings_are_kept_and_asked_again(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """An incomplete reading stays as a row that says so, and another round is asked for that query."""
    replica = GithubReplica(corpus_of(SMALL), Window(1000, 60), moods=Moods(incomplete=0.3))
    plan = plan_queries(CLASSES)
    with client_for(replica, monkeypatch) as client:
        ask_rounds(client, campaign, plan, readings=3)
    rows = counts_table(campaign, plan).to_pylist()
    incomplete = [r for r in rows if r["status"] == "incomplete"]
    assert incomplete
    assert all(r["incomplete_results"] and r["reason"] for r in incomplete)
    assert max(r["reading"] for r in rows) > 3
    complete = {(r["technique"], r["total_count"]) for r in rows if r["status"] == "read" and r["measure"] == "phrase"}
    assert complete == {("lora", 60), ("loha", 6), ("adalora", 5)}


def test_a_second_run_asks_nothing(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the ledger holds is not asked again."""
    replica = GithubReplica(corpus_of(SMALL), Window(1000, 60))
    plan = plan_queries(CLASSES)
    with client_for(replica, monkeypatch) as client:
        ask_rounds(client, campaign, plan, readings=2)
        before = replica.number
        ask_rounds(client, campaign, plan, readings=2)
    assert replica.number == before == 2 * len(plan)


def test_calibration_asks_within_peft_and_counts_a_checkout(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Queries kept to PEFT's repository are asked once, and agree with a count over the same files on disk."""
    texts = {
        "src/peft/__init__.py": "from .tuners import LoraConfig, LoHaConfig  # peft",
        "examples/a.py": "from peft import LoraConfig",
        "examples/b.py": "from peft import (\n    LoraConfig,\n)",
        "examples/c.py": "from peft import get_peft_model, LoraConfig",
        "examples/no.py": "from other import LoraConfig",
        "README.md": "from peft import LoHaConfig",
    }
    for name, text in texts.items():
        file = tmp_path / "peft" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    local = count_checkout(tmp_path / "peft", ["LoraConfig", "LoHaConfig"])
    assert local == {
        ("class_python", "LoraConfig"): 4,
        ("class_python", "LoHaConfig"): 1,
        ("phrase", "LoraConfig"): 2,
        ("phrase", "LoHaConfig"): 1,
    }
    replica = GithubReplica([File("huggingface/peft", n, t) for n, t in texts.items()], Window(1000, 60))
    plan = plan_queries({"lora": "LoraConfig", "loha": "LoHaConfig"}, calibrate=True)
    with client_for(replica, monkeypatch) as client:
        ask_rounds(client, campaign, plan, readings=2)
    rows = [r for r in counts_table(campaign, plan, local).to_pylist() if r["scope"] == "huggingface/peft"]
    assert {(r["measure"], r["config_class"]): r["total_count"] for r in rows} == local
    assert all(r["total_count"] == r["local_count"] and r["reading"] == 1 for r in rows)


def test_calibration_needs_pefts_own_checkout(tmp_path: Path) -> None:
    """Another folder is not counted as PEFT's repository."""
    with pytest.raises(UsageError, match="not a checkout"):
        count_checkout(tmp_path, ["LoraConfig"])


def test_an_unknown_repository_is_an_incomplete_reading(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub answers 200 with nothing and incomplete_results for a repository it does not search: no zero."""
    replica = GithubReplica(corpus_of(SMALL), Window(1000, 60))
    plan = plan_queries({"lora": "LoraConfig"}, calibrate=True)
    with client_for(replica, monkeypatch) as client:
        ask_rounds(client, campaign, plan, readings=1)
    rows = [r for r in counts_table(campaign, plan).to_pylist() if r["scope"] != "all"]
    assert {(r["status"], r["total_count"]) for r in rows} == {("incomplete", 0)}


def test_a_bad_token_ends_the_run(monkeypatch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    """A 401 is said once, with what to do, and the token is not repeated."""
    replica = GithubReplica([], Window(1000, 60))
    with serve(replica) as url:
        monkeypatch.setenv("GITHUB_API_URL", url)
        monkeypatch.setenv("GITHUB_TOKEN", planted.token("wrong"))
        client = github_client()
        assert client is not None
        with pytest.raises(SourceError, match="Bad credentials") as caught:
            ask_rounds(client, campaign, plan_queries(CLASSES), readings=1)
    assert planted.token("wrong") not in str(caught.value)
    assert replica.number == 1


def test_refusals_of_the_search_become_rows(monkeypatch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    """Depth beyond 1,000, a blank query and a malformed number are told apart and never asked twice."""
    replica = GithubReplica(corpus_of(SMALL), Window(1000, 60))
    with client_for(replica, monkeypatch) as client:
        deep = read_total(search(client, "LoraConfig peft", page=11, per_page=100))
        blank = read_total(search(client, " ", page=1, per_page=1))
        plain = read_total(client.get("/search/code", [("q", "a"), ("page", "1"), ("page", "2")]))
    assert (deep.status, deep.reason) == ("refused", "422: Cannot access beyond the first 1000 results")
    assert (blank.status, blank.reason) == ("refused", "422: Validation Failed")
    assert plain.status == "refused"
    assert plain.reason.startswith("400: Failed to deserialize query string")
    assert replica.number == 3


def test_secondary_limits_are_waited_out(monkeypatch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    """A secondary limit in the middle of a round costs time and no reading."""
    replica = GithubReplica(corpus_of(SMALL), Window(1000, 60), moods=Moods(secondary_after=5, secondary_wait=1))
    plan = plan_queries(CLASSES)
    with client_for(replica, monkeypatch) as client:
        ask_rounds(client, campaign, plan, readings=1)
    assert set(counts_table(campaign, plan)["status"].to_pylist()) == {"read"}
    assert replica.number == len(plan) + 1


def test_a_reading_that_cannot_be_had_is_a_row_and_asked_next_time(
    monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """A server that only fails leaves failed rows; the next run asks for just those."""
    plan = [Query("lora", "LoraConfig", "class_python", "all", "LoraConfig peft language:Python")]
    with client_for(GithubReplica([], faults=Faults(error=1.0)), monkeypatch) as client:
        ask_rounds(client, campaign, plan, readings=1)
    row = counts_table(campaign, plan).to_pylist()[0]
    assert (row["status"], row["total_count"]) == ("failed", None)
    assert "502" in row["reason"]
    drop_unusable(campaign, plan)
    assert counts_table(campaign, plan).num_rows == 0
    with client_for(GithubReplica(corpus_of(SMALL)), monkeypatch) as client:
        ask_rounds(client, campaign, plan, readings=1)
    assert counts_table(campaign, plan)["status"].to_pylist() == ["read"]


@pytest.mark.parametrize(
    ("answer", "gap"),
    [
        (Reply({"message": "Validation Failed"}, 422), "have no complete reading"),
        (Reply("bad request", 400), "have no complete reading"),
        (Reply({"total_count": 7, "incomplete_results": True, "items": []}), "have no complete reading"),
        (Reply({"total_count": 0, "incomplete_results": False, "items": []}), "0 hits"),
    ],
)
def test_counts_without_a_usable_reading_are_a_gap_until_they_have_one(
    monkeypatch: pytest.MonkeyPatch, campaign: Campaign, answer: Reply, gap: str
) -> None:
    """If every query is refused, incomplete or empty, the census says so; the next run asks again."""
    plan = plan_queries(CLASSES)
    broken = GithubReplica([])
    monkeypatch.setattr(broken, "reply", lambda request: answer)
    with client_for(broken, monkeypatch) as client:
        ask_rounds(client, campaign, plan, readings=1)
    assert len(find_gaps(campaign, plan)) == 1 and gap in find_gaps(campaign, plan)[0]
    if gap != "0 hits":
        drop_unusable(campaign, plan)
        with client_for(GithubReplica(corpus_of(SMALL)), monkeypatch) as client:
            ask_rounds(client, campaign, plan, readings=1)
        assert find_gaps(campaign, plan) == []


def test_a_server_that_only_fails_is_left_alone(monkeypatch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    """After a few readings in a row that could not be had the run stops instead of insisting for hours."""
    replica = GithubReplica([], faults=Faults(error=1.0))
    with client_for(replica, monkeypatch) as client, pytest.raises(SourceError, match="in a row"):
        ask_rounds(client, campaign, plan_queries(CLASSES), readings=1)
    assert replica.number == 3 * client.pace.attempts


def test_the_token_is_stored_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the ledger nor any log line holds the token."""
    caplog.set_level(logging.DEBUG)
    ledger = tmp_path / "l.sqlite"
    with serve(GithubReplica(corpus_of(SMALL))) as url:
        monkeypatch.setenv("GITHUB_API_URL", url)
        monkeypatch.setenv("GITHUB_TOKEN", planted.token("wrong"))
        client = github_client()
        assert client is not None
        with open_campaign(ledger, "github", {"endpoint": url}) as campaign, pytest.raises(SourceError):
            ask_rounds(client, campaign, plan_queries(CLASSES), readings=1)
    assert planted.leaks(tmp_path) == []
    assert not planted.holds(caplog.text)


def test_the_estimate_counts_requests() -> None:
    """The estimate is what a run without faults costs, at one request in seven seconds."""
    classes = {f"t{n}": f"Class{chr(65 + n)}Config" for n in range(20)}
    assert estimate(InstrumentConfig(("github",), readings=3, sample=50), classes) == Cost(
        230, 32.8, requests_if_incomplete=350
    )


@pytest.mark.parametrize("name", ["github_search_code_textmatch.page1.json", "github_search_code.page1.json"])
def test_real_answers_are_read(name: str) -> None:
    """Real bodies are read; one of 2014, before incomplete_results existed, is not taken for complete."""
    file = SHARED / "real" / "api" / "github" / name
    if not file.is_file():
        pytest.skip("real answers are not at hand")
    body = json.loads(file.read_text(encoding="utf-8"))
    row = read_total(Answer(200, {}, json.dumps(body).encode()))
    if "incomplete_results" in body:
        assert (row.status, row.total) == ("read", body["total_count"])
    else:
        assert row.status == "failed"


def test_the_published_proportions_come_back(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search loaded in the published proportions is read back hit by hit."""
    plan = plan_queries({n.lower(): n for n in BLOG_IMPORTS})
    with client_for(GithubReplica(corpus_of(BLOG_IMPORTS), Window(1000, 60)), monkeypatch) as client:
        ask_rounds(client, campaign, plan, readings=1)
    phrase = [r for r in counts_table(campaign, plan).to_pylist() if r["measure"] == "phrase"]
    assert {r["config_class"]: r["total_count"] for r in phrase} == BLOG_IMPORTS
