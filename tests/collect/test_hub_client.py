"""The HTTP client for the Hub: where the token goes, what is retried, how long the client waits."""

from __future__ import annotations

from dataclasses import replace

import planted
import pytest
from huggingface_hub import HfApi, get_session

from peft_census.collect.http.common import Answer, NoAnswerError, TransientError
from peft_census.collect.http.hub import HubClient, Limits, endpoint
from peft_census.errors import SourceError, UnrecoverableError
from tests.collect.conftest import Start
from tests.collect.fake_time import FakeTime
from tests.replica.catalogue import from_generator
from tests.replica.crawl import QUICK
from tests.replica.faults import Faults, Windows

SECRET = planted.HUB
CARD = "/owner-001/model-0000001/resolve/main/README.md"


def test_the_endpoint_is_read_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_ENDPOINT is read at the time of the call; without it the endpoint is the public Hub."""
    assert endpoint() == "https://huggingface.co"
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9/hub/")
    assert endpoint() == "http://127.0.0.1:9/hub"


def test_a_card_is_read_through_the_redirect(replica: Start) -> None:
    """The 307 is followed, and the commit in its headers is kept."""
    catalogue = from_generator(3)
    replica(catalogue)
    answer = HubClient(QUICK).get(CARD, 10_000)
    model = catalogue.models["owner-001/model-0000001"]
    assert (answer.status, answer.body) == (200, model.files["README.md"])
    assert answer.header("x-repo-commit") == model.sha


def test_the_client_names_itself_and_counts_no_download(replica: Start) -> None:
    """Every request has the project's User-Agent, none the download counter; /raw/ is never requested."""
    server = replica(from_generator(3))
    HubClient(QUICK).get(CARD, 10_000)
    assert all(agent.startswith("peft_census/") for agent in server.counts.agents)
    assert server.counts.counted_downloads == server.counts.raw == 0
    assert not any("agent-harnesses" in path for path in server.counts.paths)


def test_the_token_goes_to_the_endpoint_only(replica: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the Hub redirects to another host is fetched from there without the token."""
    monkeypatch.setenv("HF_TOKEN", SECRET)
    elsewhere = replica(from_generator(3))
    server = replica(from_generator(3), faults=Faults(redirect_base=elsewhere.base))
    client = HubClient(QUICK)
    with client.stream(server.base + CARD, elsewhere=True) as (response, _):
        assert response.status_code == 200
    assert server.counts.with_token == 1
    assert sum(elsewhere.counts.requests.values()) == 1
    assert elsewhere.counts.with_token == 0


def test_a_redirect_of_a_card_to_another_host_is_refused(replica: Start) -> None:
    """Cards come from the endpoint only; nothing is sent to another host."""
    elsewhere = replica(from_generator(3))
    replica(from_generator(3), faults=Faults(redirect_base=elsewhere.base))
    with pytest.raises(SourceError, match="redirects to another host"):
        HubClient(QUICK).get(CARD, 10_000)
    assert sum(elsewhere.counts.requests.values()) == 0


def test_a_token_is_not_sent_over_plain_http_beyond_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers for a http:// mirror elsewhere carry no token; those for https:// do."""
    monkeypatch.setenv("HF_TOKEN", SECRET)
    plain, safe = HubClient(QUICK, base="http://mirror.example"), HubClient(QUICK, base="https://mirror.example")
    assert "authorization" not in plain._headers("http://mirror.example/api/models")
    assert "authorization" in safe._headers("https://mirror.example/api/models")
    assert "authorization" not in safe._headers("https://mirror.example:444/api/models")
    assert "authorization" not in safe._headers("http://mirror.example/api/models")


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (Faults(error=1.0), "HTTP 503 after 3 attempts"),
        (Faults(reset=1.0), "ReadError after 3 attempts"),
        (Faults(truncated=1.0), "connection lost or body cut short after 3 attempts"),
        (Faults(slow=1.0, slow_seconds=600), "timed out after 3 attempts"),
    ],
)
def test_a_fault_that_stays_ends_with_a_reason(replica: Start, faults: Faults, reason: str) -> None:
    """After all attempts the error names the last fault, in words that can be counted."""
    server = replica(from_generator(3), faults=faults)
    reported: list[str] = []
    limits = replace(QUICK, attempts=3, read_seconds=0.3 if faults.slow else 30.0)
    client = HubClient(limits, report=lambda where, what: reported.append(what))
    with pytest.raises(NoAnswerError) as caught:
        client.get(CARD, 10_000)
    assert caught.value.reason == reason
    assert caught.value.overloaded == bool(faults.slow or faults.error)
    assert len(reported) == 3
    if faults.slow:  # the server may read a request after the client has given up on it
        assert client.requests == 3
    else:
        assert server.counts.paths[CARD] == 3


def test_a_passing_fault_is_retried(replica: Start) -> None:
    """With half of all requests failing the answer is still right."""
    catalogue = from_generator(3)
    replica(catalogue, faults=Faults(error=0.3, reset=0.1, truncated=0.1, seed=3))
    answer = HubClient(replace(QUICK, attempts=30)).get(CARD, 10_000)
    assert answer.body == catalogue.models["owner-001/model-0000001"].files["README.md"]


def test_a_body_is_cut_at_the_limit(replica: Start) -> None:
    """A body is read up to the size that the caller allows."""
    replica(from_generator(3))
    answer = HubClient(QUICK).get(CARD, 10)
    assert (len(answer.body), answer.cut) == (10, True)


def test_a_check_can_ask_for_another_attempt(replica: Start) -> None:
    """A 200 that the caller's check rejects is requested again."""
    replica(from_generator(3))
    seen: list[int] = []

    def check(answer: Answer) -> None:
        seen.append(answer.status)
        if len(seen) < 3:
            raise TransientError("not yet")

    assert HubClient(QUICK).get(CARD, 10_000, check).status == 200
    assert seen == [200, 200, 200]


@pytest.mark.parametrize("retry_after", [False, True])
def test_a_429_is_waited_for_as_long_as_the_server_says(replica: Start, retry_after: bool) -> None:
    """Another client uses up the window; the client waits until its end and sends nothing before."""
    time = FakeTime()
    windows = Windows({"api": 10, "resolvers": 1, "pages": 10}, 20.0, retry_after=retry_after, monotonic=time.monotonic)
    server = replica(
        from_generator(3), windows=windows, faults=Faults(ignores=("cache", "headers") if retry_after else ("cache",))
    )
    get_session().get(server.base + CARD)
    begun = time.now
    assert HubClient(QUICK, clock=time.clock).get(CARD, 10_000).status == 200
    assert 20 <= time.now - begun <= 21.2
    assert server.windows.refused["resolvers"] == 1


@pytest.mark.parametrize("named", [40, 3600])
def test_a_named_wait_is_kept_and_announced_if_it_is_long(replica: Start, named: int) -> None:
    """A 503 with Retry-After is repeated after that wait; the line says why and until when."""
    replica(from_generator(3), faults=Faults(error=1.0, retry_after=str(named)))
    time, lines = FakeTime(), []
    with pytest.raises(NoAnswerError):
        HubClient(replace(QUICK, attempts=3), note=lines.append, clock=time.clock).get(CARD, 10_000)
    assert time.slept == [named, named]
    ends = ("01:00:00", "02:00:00")
    assert lines == [f"127.0.0.1: waiting until {end} UTC (HTTP 503)" for end in ends if named > 60]


@pytest.mark.parametrize("faults", [Faults(error=1.0, retry_after="7200"), Faults(throttle_seconds=7200)])
def test_a_wait_of_more_than_an_hour_ends_the_run(replica: Start, faults: Faults) -> None:
    """Every thread of a crawl stops with one line that says how long the server asks to wait."""
    replica(from_generator(3), faults=faults)
    client = HubClient(QUICK, clock=FakeTime().clock)
    for _ in range(2):
        with pytest.raises(UnrecoverableError, match="asks to wait 120 minutes"):
            client.get(CARD, 10_000)


def test_a_long_window_is_announced_once_for_all_threads(replica: Start) -> None:
    """The wait for the next window is one line, whichever thread meets it."""
    time, lines = FakeTime(), []
    windows = Windows({"api": 10, "resolvers": 1, "pages": 10}, 290.0, monotonic=time.monotonic)
    replica(from_generator(3), windows=windows, faults=Faults(ignores=("cache",)))
    client = HubClient(QUICK, note=lines.append, clock=time.clock)
    for _ in range(3):
        assert client.get(CARD, 10_000).status == 200
    assert [line.partition("(")[2] for line in lines] == ["rate limit of resolvers)"] * 2


@pytest.mark.parametrize("location", ["http://[bad", "http://127.0.0.1:99999/x", "http://\x7f", "//"])
def test_a_redirect_to_nonsense_is_a_fault_of_that_answer(replica: Start, location: str) -> None:
    """It is reported in words, or refused as another host; nothing else is raised."""
    replica(from_generator(3), faults=Faults(location=location))
    with pytest.raises(SourceError):
        HubClient(QUICK).get(CARD, 10_000)


@pytest.mark.parametrize("value", ["soon", "-1", "9" * 400, "Mon, 99 Foo 0000", "1.5", "\u00b2"])
def test_a_wait_that_is_nonsense_is_not_kept(replica: Start, value: str) -> None:
    """The client waits as if none was named, or says that the wait is too long."""
    replica(from_generator(3), faults=Faults(error=1.0, retry_after=value))
    with pytest.raises(SourceError):
        HubClient(replace(QUICK, attempts=2), clock=FakeTime().clock).get(CARD, 10_000)


@pytest.mark.parametrize("status", [520, 522, 524, 525, 599])
def test_every_5xx_may_pass(replica: Start, status: int) -> None:
    """The statuses that proxies invent are retried as 503 is."""
    server = replica(from_generator(3), faults=Faults(once={"/resolve/": status}))
    assert HubClient(QUICK).get(CARD, 10_000).status == 200
    assert server.counts.paths[CARD] == 2


@pytest.mark.parametrize("gzip", ["", "cut", "damaged", "br"])
def test_a_body_is_unpacked_completely_or_not_taken(replica: Start, gzip: str) -> None:
    """A gzip body that was cut short never passes for a shorter body."""
    catalogue = from_generator(3)
    server = replica(catalogue, faults=Faults(gzip=gzip or "whole"))
    if gzip:
        with pytest.raises(NoAnswerError, match=r"gzip|encoding"):
            HubClient(QUICK).get(CARD, 10_000)
    else:
        answer = HubClient(QUICK).get(CARD, 10_000)
        assert answer.body == catalogue.models["owner-001/model-0000001"].files["README.md"]
    assert server.counts.requests.total() > 1


def test_the_real_clients_listing_gets_a_time_out_through_our_session(replica: Start) -> None:
    """``list_models`` passes timeout=None, and times out all the same."""
    server = replica(from_generator(3), faults=Faults(slow=1.0, slow_seconds=600))
    HubClient(Limits(read_seconds=0.1))
    with pytest.raises(Exception, match="timed out"):
        get_session().get(f"{server.base}/api/models?limit=1", timeout=None)
    assert HfApi(endpoint=server.base).endpoint == server.base


def test_offline_mode_is_kept(replica: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """With HF_HUB_OFFLINE no request is sent."""
    server = replica(from_generator(3))
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: True)
    with pytest.raises(SourceError, match="HF_HUB_OFFLINE"):
        HubClient(QUICK).get(CARD, 10_000)
    assert sum(server.counts.requests.values()) == 0


def test_a_rejected_token_is_an_error_that_says_so(replica: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong or expired token ends the crawl at once; it must not make every model look gated."""
    server = replica(from_generator(3))
    monkeypatch.setenv("HF_TOKEN", planted.token("hf_refused"))
    with pytest.raises(SourceError, match="rejects the token"):
        HubClient(QUICK).get(CARD, 10_000)
    assert sum(server.counts.requests.values()) == 1
    server.faults.token_expires_after = 0
    monkeypatch.setenv("HF_TOKEN", planted.HUB)
    with pytest.raises(UnrecoverableError, match=r"rejects the token \(it is expired\)"):
        HubClient(QUICK).get(CARD, 10_000)
    assert sum(server.counts.requests.values()) == 2


def test_an_endpoint_that_is_no_address_is_refused() -> None:
    """An endpoint with another scheme is refused before a request is sent."""
    with pytest.raises(SourceError, match="not an http"):
        HubClient(QUICK, base="ftp://mirror.example")
