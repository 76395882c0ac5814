"""Pacing by the RateLimit headers: nothing leaves too early, and little of the budget is left unused."""

from __future__ import annotations

from pathlib import Path

import pytest

from peft_census.collect.http.rate_limit import Allowance, Window, retry_after
from peft_census.collect.hub.api import HubApi, Selection
from tests.collect.conftest import Start
from tests.replica.catalogue import from_generator
from tests.replica.crawl import QUICK
from tests.replica.faults import Windows


def heard(left: int, reset: int, limit: int = 100) -> Allowance:
    """What a response may say."""
    return Allowance("api", left, reset, limit, 300)


def test_before_the_first_answer_only_one_request_is_in_flight() -> None:
    """An unknown server is asked once and then listened to."""
    window = Window(500, 300)
    assert window.wait(0.0) == 0.0
    window.take(0.0)
    assert window.wait(0.1) > 0


def test_requests_in_flight_are_charged_before_they_return() -> None:
    """Three left and three in flight means: wait for the reset, whatever the last answer said."""
    window = Window(500, 300)
    window.take(0.0)
    window.in_flight -= 1
    window.learn(0.0, 0.1, heard(left=3, reset=50))
    for _ in range(3):
        window.take(1.0)
    assert window.wait(1.0) == pytest.approx(50.1)  # sent at 0, back at 0.1, 50 s named: over by 51.1


def test_the_wait_is_never_early_and_gets_exact_with_many_answers() -> None:
    """A server that rounds down names 9 until the very end of the tenth second; the proofs close in on it."""
    window = Window(500, 300)
    window.heard = True
    for tenth in range(0, 100):
        now = tenth / 10
        window.learn(now, now + 0.01, heard(left=200 - tenth, reset=int(10.0 - now)))
    assert 10.0 <= window.ends_by <= 10.12


def test_an_answer_out_of_order_does_not_raise_the_budget() -> None:
    """Within a window the smallest number left counts, less what is in flight."""
    window = Window(500, 300)
    window.learn(0.0, 0.1, heard(left=10, reset=50))
    window.learn(0.0, 0.2, heard(left=90, reset=50))
    assert window.left == 10


def test_a_new_window_brings_the_full_budget_less_what_is_in_flight() -> None:
    """After the reset as much may leave as the policy names."""
    window = Window(500, 300)
    window.learn(0.0, 0.1, heard(left=0, reset=5, limit=80))
    assert window.wait(1.0) == pytest.approx(5.1)
    window.in_flight = 2
    assert window.wait(7.0) == 0.0
    assert window.left == 78


def test_a_request_that_was_lost_stays_charged() -> None:
    """A reset or a time-out is no refund: the server counted it, whatever an older answer that comes late says."""
    window = Window(500, 300)
    window.learn(0.0, 0.1, heard(left=10, reset=50))
    window.take(1.0)
    window.take(1.0)
    window.lose()
    window.learn(0.9, 1.2, heard(left=10, reset=49))  # written before the two were counted
    assert window.left == 8
    window.learn(1.0, 1.3, heard(left=9, reset=49))
    assert window.left <= 8


def test_a_request_that_was_lost_may_be_counted_in_the_next_window() -> None:
    """A server under load may read it after the reset; one window later it is forgotten."""
    window = Window(500, 300)
    window.learn(0.0, 0.1, heard(left=3, reset=5, limit=80))
    window.take(1.0)
    window.lose()
    assert (window.wait(7.0), window.left) == (0.0, 79)
    window.learn(7.0, 7.1, heard(left=80, reset=299, limit=80))
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
        (None, None, None),
    ],
)
def test_retry_after_is_read_as_a_number_or_a_date(value: str | None, date: str | None, seconds: float | None) -> None:
    """A date is read against the server's own clock, not ours."""
    assert retry_after(value, date) == seconds


@pytest.mark.parametrize("round_up", [False, True])
def test_a_crawl_uses_the_budget_and_causes_no_429(replica: Start, tmp_path: Path, round_up: bool) -> None:
    """In each full window at least 90 % of the quota is used, and the replica refuses nothing."""
    quotas = {"api": 1000, "resolvers": 220, "pages": 100}
    seconds = 3.0
    server = replica(from_generator(300), windows=Windows(quotas, seconds, round_up=round_up))
    HubApi(tmp_path, Selection("all"), QUICK, quiet=True).prepare()
    full = [used for _, used in server.windows.finished["resolvers"]]
    assert len(full) >= 2
    assert min(full) >= 0.9 * 220
    assert server.windows.refused["resolvers"] == 0
