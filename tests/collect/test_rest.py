"""The polite client against a real server on loopback."""

from __future__ import annotations

import time
from collections.abc import Callable

import planted
import pytest
from serving import Faults, Replica, Reply, Request, serve

from peft_census.collect.http.rest import Pace, PoliteClient, checked_endpoint, pace_for
from peft_census.collect.http.retry_after import Answer
from peft_census.errors import SourceError, UsageError

QUICK = Pace(floor_s=0.0, attempts=4, backoff_s=0.01, secondary_s=0.2, timeout_s=5.0)


class Script(Replica):
    """Answers one reply after the other, then the last one for ever."""

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
            PoliteClient(url, QUICK, token=planted.GITHUB).get("/x", [])
    assert [h.get("authorization") for h in first.seen] == [f"Bearer {planted.GITHUB}"]
    assert other.seen == []


def test_a_token_that_comes_back_is_blotted_out() -> None:
    """A server that repeats the token in its answer does not get it into what is kept."""
    with serve(Script(lambda request: Reply({"message": request.headers["authorization"]}, 404))) as url:
        answer = PoliteClient(url, QUICK, token=planted.GITHUB).get("/x", [])
    assert answer.message() == "Bearer (secret)"


def test_no_token_means_no_header(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token nothing is sent, also where a .netrc names the host."""
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a plain fixture
        stream.write("machine 127.0.0.1 login someone password hidden\n")
    monkeypatch.setenv("NETRC", netrc)
    script = Script(OK)
    with serve(script) as url:
        PoliteClient(url, QUICK).get("/x", [])
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
def test_passing_faults_are_asked_again(passing: Reply) -> None:
    """A fault that passes costs another request, not the answer."""
    script = Script(passing, passing, OK)
    with serve(script) as url:
        client = PoliteClient(url, QUICK)
        assert client.get("/x", []).json_object() == {"fine": True}
    assert (client.traffic.requests, client.traffic.retries) == (3, 2)


def test_broken_connections_are_asked_again() -> None:
    """Resets and bodies shorter than announced are noticed and asked again."""
    script = Script(Reply({"text": "a" * 5000}), faults=Faults(seed=3, reset=0.3, truncate=0.3))
    with serve(script) as url:
        client = PoliteClient(url, Pace(floor_s=0, attempts=20, backoff_s=0.001))
        answers = [client.get("/x", [("n", str(n))]) for n in range(20)]
    assert all(len(a.json_object()["text"]) == 5000 for a in answers)
    assert client.traffic.retries > 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_final_refusals_are_not_asked_again(status: int) -> None:
    """A refusal that waiting cannot mend is returned after one request."""
    script = Script(Reply({"message": "no"}, status))
    with serve(script) as url:
        assert PoliteClient(url, QUICK).get("/x", []).status == status
    assert script.number == 1


def test_a_spent_window_is_waited_for_before_asking() -> None:
    """After a response with nothing remaining the next request leaves when the window has reset."""
    reset = int(time.time()) + 2
    spent = Reply({"fine": 1}, 200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)})
    script = Script(spent, OK)
    with serve(script) as url:
        client = PoliteClient(url, QUICK)
        client.get("/x", [])
        client.get("/x", [])
    assert time.time() >= reset
    assert script.number == 2


def test_a_primary_limit_is_waited_out() -> None:
    """A 403 with nothing remaining is asked again after the reset, once."""
    reset = int(time.time()) + 1
    refused = Reply(
        {"message": "API rate limit exceeded"}, 403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)}
    )
    script = Script(refused, OK)
    with serve(script) as url:
        assert PoliteClient(url, QUICK).get("/x", []).status == 200
    assert time.time() >= reset


def test_a_secondary_limit_waits_as_told_and_then_longer() -> None:
    """Retry-After is obeyed; without it the wait starts at the agreed minimum and doubles."""
    said = {"message": "You have exceeded a secondary rate limit."}
    script = Script(Reply(said, 403), Reply(said, 403), Reply(said, 429, {"Retry-After": "1"}), OK)
    began = time.monotonic()
    with serve(script) as url:
        client = PoliteClient(url, QUICK)
        assert client.get("/x", []).status == 200
    assert time.monotonic() - began >= 0.2 + 0.4 + 1.0
    assert client.traffic.waited_s == pytest.approx(1.6, abs=0.2)


def test_a_secondary_limit_that_stays_ends_the_asking() -> None:
    """After the last attempt the refusal is returned instead of being repeated for ever."""
    script = Script(Reply({"message": "You have exceeded a secondary rate limit."}, 403))
    with serve(script) as url:
        answer = PoliteClient(url, Pace(0.0, attempts=3, secondary_s=0.01)).get("/x", [])
    assert (answer.status, script.number) == (403, 3)


def test_a_wait_of_hours_is_refused() -> None:
    """A server that names a wait of hours gets an error that says when to come back."""
    with (
        serve(Script(Reply({}, 429, {"Retry-After": "86400"}))) as url,
        pytest.raises(SourceError, match="1440 minutes"),
    ):
        PoliteClient(url, QUICK).get("/x", [])


def test_hopeless_answers_are_not_asked_again() -> None:
    """A 429 that the caller knows to be no rate limit is returned at once."""
    script = Script(Reply({"error": "use cursors"}, 429))

    def hopeless(answer: Answer) -> bool:
        return "cursor" in answer.message()

    with serve(script) as url:
        assert PoliteClient(url, QUICK, hopeless=hopeless).get("/x", []).status == 429
    assert script.number == 1


def test_the_pace_has_a_floor() -> None:
    """Requests leave no faster than the pace allows."""
    script = Script(OK)
    began = time.monotonic()
    with serve(script) as url:
        client = PoliteClient(url, Pace(floor_s=0.1))
        for _ in range(4):
            client.get("/x", [])
    assert time.monotonic() - began >= 0.3


def test_a_dead_server_gives_one_clear_error() -> None:
    """No answer at all ends in a SourceError that names the URL and not the token."""
    with serve(Script(OK)) as url:
        pass
    with pytest.raises(SourceError, match="/x") as caught:
        PoliteClient(url, Pace(0.0, attempts=2, backoff_s=0.01), token=planted.GITHUB).get("/x", [])
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
