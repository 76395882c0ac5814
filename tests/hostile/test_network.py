"""Network faults for hours: each model ends in one state, and the number of requests stays within its limits."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import replace as with_changes
from pathlib import Path

import pytest

from peft_census.collect.hub.api import HubApi
from peft_census.collect.hub.options import HubOptions
from peft_census.errors import SourceError
from peft_census.snapshot.schema import STATUSES
from tests.collect.conftest import Start
from tests.hostile import DONE, SEED, sized
from tests.replica.catalogue import from_generator
from tests.replica.crawl import QUICK, cards
from tests.replica.faults import Faults, Windows
from tests.replica.hub import Replica

pytestmark = pytest.mark.campaign

MODELS = 150
WINDOW_SECONDS = 0.5
"""What stands for the Hub's window of five minutes: a second here is ten minutes there."""
CRAWLS, STORMS = sized(1, 3), sized(2, 3)
"""New crawls, and interrupted runs of each."""
ATTEMPTS = 12
"""Requests for one file of one model, at most, in one run: each attempt may fail in its own way."""
LIMITS = with_changes(QUICK, read_seconds=0.4, answer_seconds=2.0)


def weather(dice: random.Random) -> Faults:
    """Returns a random mixture of all faults."""
    bad = {
        name: dice.choice((0.0, 0.02, 0.08, 0.2)) for name in ("error", "reset", "truncated", "wrong_length", "html")
    }
    return Faults(
        **bad,
        slow=dice.choice((0.0, 0.01)),
        slow_seconds=0.5,
        seed=dice.randrange(10**9),
        malformed=dice.choice(((), ({"id": 5}, None), ("text", {"id": "../../x"}))),
        ignores=dice.choice(((), ("headers",), ("cache",))),
    )


@pytest.mark.parametrize("seed", range(SEED, SEED + sized(1, 5)))
def test_a_crawl_through_bad_weather(replica: Start, tmp_path: Path, seed: int) -> None:
    """Crawls through storms, each under other faults; the next one under a blue sky ends as if none had been."""
    dice = random.Random(seed)
    server = replica(from_generator(MODELS))
    whole = HubApi(tmp_path / "peace", HubOptions("all"), QUICK, quiet=True)
    info, table = whole.prepare(), cards(whole)
    for crawl in range(CRAWLS):
        folder = tmp_path / str(crawl)
        for _ in range(STORMS):
            storm(server, folder, dice)
            check_states(next(folder.rglob("ledger.sqlite"), None))
        server.faults, server.windows = Faults(), Windows()
        final = HubApi(folder, HubOptions("all"), QUICK, quiet=True)
        assert final.prepare() == info
        assert cards(final) == table


def storm(server: Replica, folder: Path, dice: random.Random) -> None:
    """Crawls once in bad weather; fails where requests or refusals are more than they may be."""
    server.faults = weather(dice)
    server.windows = Windows({"api": 40, "resolvers": 60, "pages": 20}, WINDOW_SECONDS)
    server.counts.asked.clear()
    before, began = server.counts.requests.total(), time.monotonic()
    with suppress(SourceError):  # the listing could not be read: the run says so and keeps what it has
        HubApi(folder, HubOptions("all"), LIMITS, quiet=True).prepare()
    requests, refused = server.counts.requests.total() - before, server.windows.refused.total()
    DONE["minutes of the Hub's time crawled in bad weather"] += round((time.monotonic() - began) / WINDOW_SECONDS * 5)
    DONE["requests to the Hub in bad weather"] += requests
    DONE["refused with 429 by a server that names no window"] += refused * ("headers" in server.faults.ignores)
    DONE["refused with 429 by a server that names its window"] += refused * ("headers" not in server.faults.ignores)
    DONE["faults injected into the Hub"] += server.counts.faulted.total()
    server.counts.faulted.clear()
    assert max(server.counts.asked.values(), default=0) <= ATTEMPTS
    if "headers" not in server.faults.ignores:
        assert refused <= 0.02 * requests + 1


def check_states(ledger: Path | None) -> None:
    """Every model is in the ledger once, in no state or exactly one known; a text has its hash, others have none."""
    if ledger is None:
        return
    with closing(sqlite3.connect(ledger)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute("SELECT model_id, status, text_sha256 FROM model").fetchall()
    assert len({r[0] for r in rows}) == len(rows)
    assert {r[1] for r in rows} <= {*STATUSES, None}
    assert not [r for r in rows if (r[1] == "text") != (r[2] is not None)]
