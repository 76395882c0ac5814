"""The client for GitHub and Civitai, against a real server on loopback; its waits take no time."""

from __future__ import annotations

import time
from collections.abc import Callable

import planted
import pytest
from serving import Faults, Replica, Reply, Request, serve

from peft_census.collect.http.rest import Pace, RestClient, checked_endpoint, pace_for
from peft_census.errors import SourceError, UsageError
from tests.collect.fake_time import FakeTime

QUICK = Pace(floor_s=0.0, attempts=4, backoff_s=0.01, secondary_s=0.2, timeout_s=5.0)


class Script(Replica):
    """Answers with one reply after the other, then always with the last."""

    def __init__(self, *replies: Reply | Callable[[Request], Reply], faults: Faults | None = None) -> None:
        super().__init__(faults)
        self.replies = list(replies)

    def reply(self, request: Request) -> Reply:
        """Returns the next reply."""
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply if isinstance(reply, Reply) else reply(request)


OK = Reply({"fine": True})


def test_the_token_goes_to_the_endpoint_only() -> None:
    """A redirect to another host is refused, and no request with the token reaches it."""
    other = Script(OK)
    with serve(other) as elsewhere:
        first = Script(Reply({}, 302, {"Location": f"{elsewhere}/steal"}))
        with serve(first) as url, pytest.raises(SourceError, match="redirect"):
            RestClient(url, QUICK, token=planted.GITHUB).get("/x", [])
    assert [h.get("authorization") for h in first.seen] == [f"Bearer {planted.GITHUB}"]
    assert other.seen == []


def test_a_token_in_an_answer_is_redacted() -> None:
    """A server that repeats the token in its answer does not get it into what is stored."""
    with serve(Script(lambda request: Reply({"message": request.headers["authorization"]}, 404))) as url:
        answer = RestClient(url, QUICK, token=planted.GITHUB).get("/x", [])
    assert answer.message() == "Bearer (secret)"


def test_no_token_means_no_header(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token nothing is sent, also where a .netrc names the host."""
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a plain fixture
        stream.write("machine 127.0.0.1 login someone password hidden\n")
    monkeypatch.setenv("NETRC", netrc)
    script = Script(OK)
    with serve(script) as url:
        RestClient(url, QUICK).get("/x", [])
    assert "authorization" not in script.seen[0]
    assert script.seen[0]["user-agent"].startswith("peft-census/")


@pytest.mark.parametrize(
    "passing",
    [
        Reply({"message": "oops"}, 500),
        Reply({"message": "oops"}, 503, {"Retry-After": "0"}),
        Reply({"message": "slow down"}, 429),
        Reply("<html>sorry</html>", 200),
    ],
)
def test_transient_faults_are_retried(passing: Reply) -> None:
    """After a transient fault the request is repeated, and the fault is reported."""
    script = Script(passing, passing, OK)
    faults: list[str] = []
    with serve(script) as url:
        client = RestClient(url, QUICK, report=lambda where, what: faults.append(where))
        assert client.get("/x", []).json_object() == {"fine": True}
    assert script.number == 3
    assert faults == ["/x", "/x"]


def test_broken_connections_are_asked_again() -> None:
    """Requests whose connection breaks, or whose body is too short, are repeated."""
    script = Script(Reply({"text": "a" * 5000}), faults=Faults(seed=3, reset=0.3, truncate=0.3))
    with serve(script) as url:
        client = RestClient(url, Pace(floor_s=0, attempts=20, backoff_s=0.001))
        answers = [client.get("/x", [("n", str(n))]) for n in range(20)]
    assert all(len(a.json_object()["text"]) == 5000 for a in answers)
    assert script.number > 25


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_final_refusals_are_not_asked_again(status: int) -> None:
    """A refusal that another attempt cannot change is returned after one request."""
    script = Script(Reply({"message": "no"}, status))
    with serve(script) as url:
        assert RestClient(url, QUICK).get("/x", []).status == status
    assert script.number == 1


def _limited(status: int, seconds: int, message: str = "API rate limit exceeded") -> Reply:
    """Returns a reply that uses up the window, which resets in ``seconds`` by the server's clock."""
    reset = str(int(time.time()) + seconds)
    return Reply({"message": message}, status, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})


def test_a_used_up_window_is_waited_for_before_asking() -> None:
    """After a response with nothing remaining the next request is sent when the window has reset."""
    script, waits = Script(_limited(200, 100), OK), FakeTime()
    with serve(script) as url:
        client = RestClient(url, QUICK, clock=waits.clock)
        client.get("/x", [])
        assert waits.slept == []
        client.get("/x", [])
    assert 90 < sum(waits.slept) < 101
    assert script.number == 2


def test_a_primary_limit_is_waited_out() -> None:
    """A 403 with nothing remaining is repeated once, after the reset."""
    script, waits = Script(_limited(403, 100), OK), FakeTime()
    with serve(script) as url:
        assert RestClient(url, QUICK, clock=waits.clock).get("/x", []).status == 200
    assert 90 < sum(waits.slept) < 101
    assert script.number == 2


@pytest.mark.parametrize(
    "body",
    [
        {"message": "You have exceeded a secondary rate limit."},
        {
            "message": "Wait.",
            "documentation_url": "https://docs.github.com/rest/rate-limits#about-secondary-rate-limits",
        },
    ],
)
def test_a_secondary_limit_waits_as_told_and_then_longer(body: dict[str, str]) -> None:
    """Retry-After is kept; without it the first wait is the configured one, and it doubles."""
    script = Script(Reply(body, 403), Reply(body, 403), Reply(body, 429, {"Retry-After": "1"}), OK)
    waits = FakeTime()
    with serve(script) as url:
        assert RestClient(url, QUICK, clock=waits.clock).get("/x", []).status == 200
    assert waits.slept == [0.2, 0.4, 1.0]


def test_a_secondary_limit_that_stays_is_returned() -> None:
    """After the last attempt the refusal itself is returned."""
    script = Script(Reply({"message": "You have exceeded a secondary rate limit."}, 403))
    with serve(script) as url:
        answer = RestClient(url, Pace(0.0, attempts=3), clock=FakeTime().clock).get("/x", [])
    assert (answer.status, script.number) == (403, 3)


def test_a_wait_of_hours_is_refused() -> None:
    """A server that asks for a wait of hours gets an error that says how long."""
    with (
        serve(Script(Reply({}, 429, {"Retry-After": "86400"}))) as url,
        pytest.raises(SourceError, match="1,440 minutes"),
    ):
        RestClient(url, QUICK).get("/x", [])


def test_long_waits_are_announced() -> None:
    """A wait of more than a minute is one line for people, with host, end and reason."""
    script, lines = Script(Reply({}, 503, {"Retry-After": "90"}), Reply({}, 503, {"Retry-After": "60"}), OK), []
    with serve(script) as url:
        RestClient(url, QUICK, note=lines.append, clock=FakeTime().clock).get("/x", [])
    assert lines == ["127.0.0.1: waiting until 00:01:30 UTC (HTTP 503: {})"]


@pytest.mark.parametrize("reset", ["99999999999", "soon", "-5", "9" * 400])
def test_a_reset_that_is_nonsense_does_not_hold_the_run(reset: str) -> None:
    """A window that ends in years is an error in one line; one that ends never or before is a minute's wait."""
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    waits = FakeTime()
    with serve(Script(Reply({}, 200, headers), OK)) as url:
        client = RestClient(url, QUICK, clock=waits.clock)
        client.get("/x", [])
        if reset == "99999999999":
            with pytest.raises(SourceError, match="asks to wait"):
                client.get("/x", [])
        else:
            client.get("/x", [])
    assert sum(waits.slept) < 61


@pytest.mark.parametrize("status", [520, 522, 524, 525])
def test_every_5xx_may_pass(status: int) -> None:
    """The statuses that proxies invent are retried as 503 is."""
    script = Script(Reply({}, status), OK)
    with serve(script) as url:
        assert RestClient(url, QUICK).get("/x", []).status == 200


@pytest.mark.parametrize("location", ["http://[bad", "http://h:99999/", "http://\x7f/", ""])
def test_a_redirect_to_nonsense_is_one_error(location: str) -> None:
    """No redirect is followed, and none is more than a line."""
    with serve(Script(Reply({}, 302, {"Location": location}))) as url, pytest.raises(SourceError):
        RestClient(url, QUICK).get("/x", [])


def test_the_pace_has_a_floor() -> None:
    """Requests are sent no faster than the pace allows."""
    waits = FakeTime()
    with serve(Script(OK)) as url:
        client = RestClient(url, Pace(floor_s=7.0), clock=waits.clock)
        for _ in range(4):
            client.get("/x", [])
    assert waits.slept == [7.0, 7.0, 7.0]


def test_a_dead_server_gives_one_clear_error() -> None:
    """No answer at all ends in a SourceError that names the URL and not the token."""
    with serve(Script(OK)) as url:
        pass
    with pytest.raises(SourceError, match="/x") as caught:
        RestClient(url, Pace(0.0, attempts=2, backoff_s=0.01), token=planted.GITHUB).get("/x", [])
    assert planted.GITHUB not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://api.github.com", "ftp://127.0.0.1", "api.github.com", "https://me:pw@host", "https://h?x=1"]
)
def test_bad_endpoints_are_refused(url: str) -> None:
    """Plain http to another machine, credentials in a URL and things that are no URL are refused."""
    with pytest.raises(UsageError):
        checked_endpoint(url)


def test_only_a_replica_may_be_hurried() -> None:
    """Real sites keep their floor and a minute's wait; a server on this machine does not."""
    assert pace_for("https://api.github.com", 7.0) == Pace(floor_s=7.0, secondary_s=60.0)
    assert pace_for("https://127.0.0.1.example.org", 1.1).floor_s == 1.1
    assert pace_for("http://127.0.0.1:4020", 7.0).floor_s == 0.0
