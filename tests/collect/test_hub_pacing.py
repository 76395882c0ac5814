"""Pacing by the RateLimit headers: no request is sent too early, and little of the quota stays unused.

No test here depends on the wall clock: ``FakeTime`` and ``SharedTime`` advance only when the code sleeps.
"""

from __future__ import annotations

import threading

import pytest

from peft_census.collect.http.hub import HubClient
from peft_census.collect.http.rate_limit import Allowance, Pacer, Window, retry_after
from tests.collect.conftest import Start
from tests.collect.fake_time import FakeTime, SharedTime
from tests.replica.catalogue import from_generator
from tests.replica.crawl import QUICK
from tests.replica.faults import Windows


def report(left: int, reset: int, limit: int = 100) -> Allowance:
    """Returns what a response may report."""
    return Allowance("api", left, reset, limit, 300)


def test_before_the_first_answer_only_one_request_is_in_flight() -> None:
    """The quota of a server is unknown until its first response."""
    window = Window(500, 300)
    assert window.wait(0.0) == 0.0
    window.take(0.0)
    assert window.wait(0.1) > 0


def test_requests_in_flight_are_charged_before_they_return() -> None:
    """With three requests left and three in flight the next one waits for the reset."""
    window = Window(500, 300)
    window.take(0.0)
    window.in_flight -= 1
    window.learn(0.0, 0.1, report(left=3, reset=50))
    for _ in range(3):
        window.take(1.0)
    assert window.wait(1.0) == pytest.approx(50.1)  # sent at 0, received at 0.1, 50 s reported: the window ends by 51.1


def test_the_wait_is_never_early_and_gets_exact_with_many_answers() -> None:
    """A server that rounds down reports 9 until the end of the tenth second; many answers narrow the bound."""
    window = Window(500, 300)
    window.answered = True
    for tenth in range(0, 100):
        now = tenth / 10
        window.learn(now, now + 0.01, report(left=200 - tenth, reset=int(10.0 - now)))
    assert 10.0 <= window.ends_by <= 10.12


def test_an_answer_out_of_order_does_not_raise_the_budget() -> None:
    """Within a window the smallest number left counts, less what is in flight."""
    window = Window(500, 300)
    window.learn(0.0, 0.1, report(left=10, reset=50))
    window.learn(0.0, 0.2, report(left=90, reset=50))
    assert window.left == 10


def test_a_new_window_brings_the_full_budget_less_what_is_in_flight() -> None:
    """After the reset the quota of the policy may be used."""
    window = Window(500, 300)
    window.learn(0.0, 0.1, report(left=0, reset=5, limit=80))
    assert window.wait(1.0) == pytest.approx(5.1)
    window.in_flight = 2
    assert window.wait(7.0) == 0.0
    assert window.left == 78


def test_a_request_that_was_lost_stays_charged() -> None:
    """A failed request is not refunded: the server may have counted it, even if a late answer does not show it."""
    window = Window(500, 300)
    window.learn(0.0, 0.1, report(left=10, reset=50))
    window.take(1.0)
    window.take(1.0)
    window.lose()
    window.learn(0.9, 1.2, report(left=10, reset=49))  # written before the two were counted
    assert window.left == 8
    window.learn(1.0, 1.3, report(left=9, reset=49))
    assert window.left <= 8


def test_a_request_that_was_lost_may_be_counted_in_the_next_window() -> None:
    """A busy server may count it after the reset; it is charged to one more window, and then no longer."""
    window = Window(500, 300)
    window.learn(0.0, 0.1, report(left=3, reset=5, limit=80))
    window.take(1.0)
    window.lose()
    assert (window.wait(7.0), window.left) == (0.0, 79)
    window.learn(7.0, 7.1, report(left=80, reset=299, limit=80))
    assert window.left == 79
    window.wait(window.ends_by)
    assert window.left == 80


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("120", None, 120.0),
        ("Mon, 23 Nov 2026 10:00:30 GMT", "Mon, 23 Nov 2026 10:00:00 GMT", 30.0),
        ("Mon, 23 Nov 2026 09:00:00 GMT", "Mon, 23 Nov 2026 10:00:00 GMT", 0.0),
        ("soon", None, None),
        ("²", None, None),
        (None, None, None),
    ],
)
def test_retry_after_is_read_as_a_number_or_a_date(value: str | None, date: str | None, seconds: float | None) -> None:
    """A date is compared with the server's own clock."""
    headers = {"retry-after": value, "date": date}
    assert retry_after({k: v for k, v in headers.items() if v is not None}) == seconds


@pytest.mark.parametrize("round_up", [False, True])
def test_reading_cards_uses_the_quota_and_causes_no_429(replica: Start, round_up: bool) -> None:
    """A client that reads one card after the other uses at least 90% of each full window and is never refused."""
    time = FakeTime(tick=0.01)
    windows = Windows({"api": 10, "resolvers": 60, "pages": 10}, 10.0, round_up=round_up, monotonic=time.monotonic)
    catalogue = from_generator(3)
    server = replica(catalogue, windows=windows)
    client = HubClient(QUICK, clock=time.clock)
    for _ in range(100):
        client.get("/owner-001/model-0000001/resolve/main/README.md", 10_000)
    full = [used for _, used in server.windows.finished["resolvers"]]
    assert len(full) >= 2
    assert min(full) >= 0.9 * 60
    assert server.windows.refused["resolvers"] == 0


@pytest.mark.parametrize("round_up", [False, True])
@pytest.mark.parametrize("lost", [0, 40])
def test_threads_share_the_quota_and_cause_no_429(round_up: bool, lost: int) -> None:
    """Eight threads use at least 90% of each full window; none is refused, also where every 40th response is lost."""
    time = SharedTime(8)
    pacer, lock = Pacer(time.clock), threading.Lock()
    windows = Windows({"resolvers": 500}, 60.0, round_up=round_up, monotonic=time.monotonic)
    todo = list(range(2500))

    def work() -> None:
        while todo:
            with lock:
                number = todo.pop() if todo else 0
            ticket = pacer.reserve("resolvers")
            time.sleep(0.05)
            with lock:
                _, left, reset = windows.charge("resolvers")
            time.sleep(0.05)
            answered = not lost or number % lost > 0
            pacer.settle(ticket, Allowance("resolvers", left, reset, 500, 60) if answered else None, answered)
        time.leave()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    full = [used for _, used in windows.finished["resolvers"]]
    assert len(full) >= 3
    assert min(full) >= 0.9 * 500
    assert windows.refused["resolvers"] == 0


def test_a_server_without_the_headers_gets_the_anonymous_quota() -> None:
    """Without RateLimit headers 100 pages are requested at once, and the next one after 300 seconds."""
    time = FakeTime()
    pacer = Pacer(time.clock)
    for _ in range(101):
        pacer.settle(pacer.reserve("pages"), None)
    assert sum(time.slept) >= 300
