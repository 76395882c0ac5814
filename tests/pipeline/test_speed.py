"""Tagging stays fast and keeps its memory: ratios of two measurements in one run, never seconds or megabytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pace import processor_seconds

from benchmarks.cards import write_cards
from benchmarks.measure import run
from benchmarks.tagging import names
from peft_census.tag import tag


def best(action: Callable[[], object], times: int = 3) -> float:
    """Returns the lowest processor time of a few runs, in seconds."""
    return min(processor_seconds(action)[0] for _ in range(times))


@pytest.mark.campaign
def test_tagging_stays_far_ahead_of_plain_expressions(tmp_path: Path) -> None:
    """Tagging costs less than a fifth of a search for the names with `re` (a seventeenth when this was written)."""
    write_cards(400, tmp_path / "cards.parquet")
    cards = pq.read_table(tmp_path / "cards.parquet", columns=["modelId", "card"]).rename_columns(["model_id", "card"])
    batch = cards.combine_chunks().to_batches()[0]
    texts = [t for t in batch.column("card").to_pylist() if t]
    pattern = re.compile("|".join(map(re.escape, names())), re.IGNORECASE)
    tag(batch.slice(0, 10))  # compiles the scanner
    ours, theirs = best(lambda: tag(batch)), best(lambda: [pattern.findall(t) for t in texts], 1)
    assert ours < theirs / 5, f"{theirs / ours:.1f} times"


@pytest.mark.campaign
def test_cards_without_a_name_cost_next_to_nothing() -> None:
    """Only the scan reads them: ten times as fast as cards with names."""
    plain, full = ("A card about birds. " * 100, "Trained with LoRA. " * 100)
    plain_batch, full_batch = (
        pa.record_batch({"model_id": [f"a/{i}" for i in range(n)], "card": [card] * n})
        for card, n in ((plain, 400), (full, 40))
    )
    tag(plain_batch)
    assert best(lambda: tag(plain_batch)) < best(lambda: tag(full_batch), 1)


@pytest.mark.campaign
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read in /proc")
def test_memory_does_not_grow_with_the_cards(tmp_path: Path) -> None:
    """Six times the cards take at most a quarter more memory; to hold all cards would double it."""
    peaks = []
    for n in (20_000, 120_000):
        write_cards(n, tmp_path / f"{n}.parquet")
        verb = ("-m", "peft_census", "tag", "-s", f"{n}.parquet", "-o", "out.parquet", "-q", "--no-cache")
        peaks.append(run(*verb, "--jobs", "1", folder=tmp_path)[1])
    assert peaks[1] < 1.25 * peaks[0], peaks
