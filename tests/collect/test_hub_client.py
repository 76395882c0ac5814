"""The HTTP client: where the token goes, what is retried, how long is waited."""

from __future__ import annotations

import time

import planted
import pytest
from huggingface_hub import HfApi, get_session

from peft_census.collect.http.hub import Answer, HubClient, NoAnswerError, TransientError, endpoint
from peft_census.collect.http.session import Limits
from peft_census.errors import SourceError
from tests.collect.conftest import Start
from tests.replica.catalogue import from_generator
from tests.replica.crawl import QUICK
from tests.replica.faults import Faults, Windows

SECRET = planted.HUB
CARD = "/owner-001/model-0000001/resolve/main/README.md"


def test_the_endpoint_is_read_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_ENDPOINT counts as it is now; without it the public Hub is meant."""
    assert endpoint() == "https://huggingface.co"
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9/hub/")
    assert endpoint() == "http://127.0.0.1:9/hub"


def test_a_card_is_read_through_the_redirect(replica: Start) -> None:
    """The 307 is followed, and the commit named on the way is kept."""
    catalogue = from_generator(3)
    replica(catalogue)
    answer = HubClient(QUICK).get(CARD, 10_000)
    model = catalogue.models["owner-001/model-0000001"]
    assert (answer.status, answer.body) == (200, model.files["README.md"])
    assert answer.header("x-repo-commit") == model.sha


def test_the_client_names_itself_and_counts_no_download(replica: Start) -> None:
    """Every request carries our User-Agent and none the download counter; /raw/ is never asked."""
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
    """Cards come from the endpoint; nothing is sent to where a redirect points."""
    elsewhere = replica(from_generator(3))
    replica(from_generator(3), faults=Faults(redirect_base=elsewhere.base))
    with pytest.raises(SourceError, match="points to another host"):
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
        (Faults(slow=1.0, slow_seconds=0.6), "timed out after 3 attempts"),
    ],
)
def test_what_never_gets_better_ends_with_a_reason(replica: Start, faults: Faults, reason: str) -> None:
    """After all attempts the error says what went wrong, in words that can be counted."""
    server = replica(from_generator(3), faults=faults)
    reported: list[str] = []
    limits = Limits(**{**vars(QUICK), "attempts": 3, "read_seconds": 0.3})
    client = HubClient(limits, report=lambda where, what: reported.append(what))
    with pytest.raises(NoAnswerError) as caught:
        client.get(CARD, 10_000)
    assert caught.value.reason == reason
    assert len(reported) == 3
    assert sum(n for path, n in server.counts.paths.items() if path == CARD) == 3


def test_a_passing_fault_is_retried(replica: Start) -> None:
    """Half of all requests fail, and the answer is right all the same."""
    catalogue = from_generator(3)
    replica(catalogue, faults=Faults(error=0.3, reset=0.1, truncated=0.1, seed=3))
    answer = HubClient(Limits(**{**vars(QUICK), "attempts": 30})).get(CARD, 10_000)
    assert answer.body == catalogue.models["owner-001/model-0000001"].files["README.md"]


def test_a_body_is_cut_at_the_limit(replica: Start) -> None:
    """No answer is held beyond the size that the caller allows."""
    replica(from_generator(3))
    answer = HubClient(QUICK).get(CARD, 10)
    assert (len(answer.body), answer.cut) == (10, True)


def test_a_check_can_ask_for_another_attempt(replica: Start) -> None:
    """A 200 that the caller calls impossible is asked for again."""
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
    """Somebody else uses up the window; we wait for its end, and do not ask before."""
    windows = Windows({"api": 10, "resolvers": 1, "pages": 10}, 2.0, retry_after=retry_after)
    server = replica(
        from_generator(3), windows=windows, faults=Faults(ignores=("cache", "headers") if retry_after else ("cache",))
    )
    get_session().get(server.base + CARD)
    begun = time.monotonic()
    assert HubClient(QUICK).get(CARD, 10_000).status == 200
    assert 0.9 <= time.monotonic() - begun <= 3.2
    assert server.windows.refused["resolvers"] == 1


def test_the_real_clients_listing_gets_a_time_out_through_our_session(replica: Start) -> None:
    """``list_models`` passes timeout=None, and is stopped all the same."""
    server = replica(from_generator(3), faults=Faults(slow=1.0, slow_seconds=0.5))
    HubClient(Limits(read_seconds=0.1))
    begun = time.monotonic()
    with pytest.raises(Exception, match="timed out"):
        get_session().get(f"{server.base}/api/models?limit=1", timeout=None)
    assert time.monotonic() - begun < 0.45
    assert HfApi(endpoint=server.base).endpoint == server.base


def test_offline_mode_is_kept(replica: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE forbids every request."""
    server = replica(from_generator(3))
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: True)
    with pytest.raises(SourceError, match="HF_HUB_OFFLINE"):
        HubClient(QUICK).get(CARD, 10_000)
    assert sum(server.counts.requests.values()) == 0


def test_a_refused_token_is_an_error_that_says_so(replica: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong token ends the crawl at once; it must not make every model look gated."""
    server = replica(from_generator(3))
    monkeypatch.setenv("HF_TOKEN", planted.token("hf_refused"))
    with pytest.raises(SourceError, match="refuses the token"):
        HubClient(QUICK).get(CARD, 10_000)
    assert sum(server.counts.requests.values()) == 1


def test_an_endpoint_that_is_no_address_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(SourceError, match="not an http"):
        HubClient(QUICK, base="ftp://mirror.example")
