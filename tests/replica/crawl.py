"""Runs one crawl as a process of its own, for tests that kill it, and holds the limits that tests use.

``python -m tests.replica.crawl RAW POPULATION SHARD_ROWS`` prints ``begun``, crawls ``HF_ENDPOINT``, and prints
the hash of the content.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa

from peft_census.collect.http.hub import Limits
from peft_census.collect.hub.api import HubApi
from peft_census.collect.hub.options import HubOptions
from peft_census.snapshot.schema import arrow_schema

QUICK = Limits(
    connect_seconds=30.0,
    read_seconds=30.0,
    answer_seconds=60.0,
    backoff_seconds=0.01,
    longest_backoff=0.1,
    shard_rows=100,
)
"""As the defaults, with short waits between attempts. The time-outs are long, so that a busy machine meets none."""


def cards(source: HubApi) -> pa.Table:
    """Returns everything that a prepared source hands over."""
    return pa.Table.from_batches(source.batches(), arrow_schema("cards"))


def main() -> None:
    """Crawls once."""
    raw, population, shard_rows = sys.argv[1:]
    limits = Limits(**{**vars(QUICK), "shard_rows": int(shard_rows), "workers": 4})
    source = HubApi(Path(raw), HubOptions(population), limits, quiet=True)
    print("begun", flush=True)  # noqa: T201
    print(source.prepare().content_sha256)  # noqa: T201


if __name__ == "__main__":
    main()
