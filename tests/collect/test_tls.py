"""A server without a valid certificate is one error that says so, at the first attempt."""

from __future__ import annotations

from typing import NoReturn

import pytest

from peft_census.collect.http.hub import HubClient
from peft_census.collect.http.rate_limit import Clock
from peft_census.collect.http.rest import Pace, RestClient
from peft_census.errors import UnrecoverableError
from tests.collect.conftest import Start
from tests.replica.catalogue import from_generator


def no_wait(seconds: float) -> NoReturn:
    raise AssertionError("another attempt was made")


def test_a_server_without_tls_is_named(replica: Start) -> None:
    """Both clients: the address, the cause, and no further attempt."""
    server = replica(from_generator(1))
    secure = server.base.replace("http://", "https://")
    with pytest.raises(UnrecoverableError, match=r"https://127\.0\.0\.1:\d+: no secure connection \(\w+"):
        HubClient(base=secure, clock=Clock(sleep=no_wait)).get("api/models", 1000)
    with pytest.raises(UnrecoverableError, match=r"no secure connection \(\w+"):
        RestClient(secure, Pace(0.0), clock=Clock(sleep=no_wait)).get("/search", [])
