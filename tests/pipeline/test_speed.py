"""A guard against tagging becoming slow or greedy by accident: ratios in one run, never seconds or megabytes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.cards import write_cards
from benchmarks.measure import run
from benchmarks.tagging import names
from peft_census.tag import tag


def best(action: Callable[[], object], times: int = 3) -> float:
    """Returns the quickest of a few runs, in seconds: a busy machine slows both sides, but not always."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        took.append(time.perf_counter() - began)
    return min(took)


def test_tagging_stays_far_ahead_of_plain_expressions(tmp_path: Path) -> None:
    """All evidence costs less than a fifth of only finding the names with `re` (about a seventeenth when written)."""
    write_cards(1500, tmp_path / "cards.parquet")
    cards = pq.read_table(tmp_path / "cards.parquet", columns=["modelId", "card"]).rename_columns(["model_id", "card"])
    batch = cards.combine_chunks().to_batches()[0]
    texts = [t for t in batch.column("card").to_pylist() if t]
    pattern = re.compile("|".join(map(re.escape, names())), re.IGNORECASE)
    tag(batch.slice(0, 10))  # the scanner is made once
    ours, theirs = best(lambda: tag(batch)), best(lambda: [pattern.findall(t) for t in texts], 1)
    assert ours < theirs / 5, f"{theirs / ours:.1f} times"


def test_cards_without_a_name_cost_next_to_nothing() -> None:
    """The scan alone decides about them: ten times as quick as cards that must be read."""
    plain = pa.record_batch({"model_id": [f"a/{i}" for i in range(400)], "card": ["A card about birds. " * 100] * 400})
    full = pa.record_batch({"model_id": [f"a/{i}" for i in range(400)], "card": ["Trained with LoRA. " * 100] * 400})
    tag(plain)
    assert best(lambda: tag(plain)) < best(lambda: tag(full), 1) / 10


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read in /proc")
def test_memory_does_not_grow_with_the_cards(tmp_path: Path) -> None:
    """Six times the cards take no more memory (8 % at a hundred times when written); to hold them would double it."""
    peaks = []
    for n in (20_000, 120_000):
        write_cards(n, tmp_path / f"{n}.parquet")
        verb = ("-m", "peft_census", "tag", "-s", f"{n}.parquet", "-o", "out.parquet", "-q", "--no-cache")
        peaks.append(run(*verb, "--jobs", "1", folder=tmp_path)[1])
    assert peaks[1] < 1.25 * peaks[0], peaks
