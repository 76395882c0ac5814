"""Where the Hub's sources keep raw data: one folder for each endpoint and crawl."""

from __future__ import annotations

import re
from pathlib import Path

LOCK = "lock"
"""File in that folder that a crawl holds while it runs (``peft_census.snapshot.lock``)."""


def crawl_folder(raw: Path, base: str, name: str) -> Path:
    """Returns where a crawl of the endpoint ``base`` keeps its ledger and shards."""
    return raw / re.sub(r"[^a-z0-9.]+", "-", base.partition("://")[2].lower()).strip(".-") / name
