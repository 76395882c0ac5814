"""Any number of made-up cards with the statistics of real ones, for benchmarks; nothing in them is anybody's.

The words are the specimen's, which was written for this project; the statistics are those of a sample of the Hub:
the 959 model pages of April 2025 (see ``data/README.md``), measured with ``python -m benchmarks.cards --measure``.

    python -m benchmarks.cards 667424 cards.parquet
    python -m benchmarks.cards 667424 changed.parquet --changed 0.01
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from peft_census.snapshot.files import replaced_file

REPO = Path(__file__).resolve().parent.parent
CHUNK = 10_000
"""Cards made and written at a time, so that memory stays flat."""

WITHOUT_TEXT = 0.13
"""Share of model pages without a card."""
WITH_CANDIDATE = 0.036
"""Share of cards in which the scan finds anything to look at."""
CITING = 0.67
"""Share of those that cite a technique once guards and locations have spoken."""
PERCENTILES = (0, 5, 25, 50, 75, 90, 95, 99, 100)
LENGTHS = (20, 98, 552, 1_515, 2_306, 4_179, 5_519, 22_831, 31_025)
"""Bytes of a card at each of these percentiles."""
TEMPLATES = 0.3
"""Share of cards that a tool filled in and that differ only in names and numbers."""

SCHEMA = pa.schema(
    [
        ("modelId", pa.string()),
        ("author", pa.string()),
        ("last_modified", pa.timestamp("us", "UTC")),
        ("downloads", pa.int64()),
        ("likes", pa.int64()),
        ("library_name", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("pipeline_tag", pa.string()),
        ("createdAt", pa.timestamp("us", "UTC")),
        ("card", pa.string()),
    ]
)
_DAY = 86_400_000_000
_EPOCH = 1_640_995_200_000_000  # 2022-01-01


@cache
def _words() -> tuple[list[str], list[str], list[str], str, list[int]]:
    """Returns cards that cite, cards with candidates that do not, heads, the plain lines in a row, and their starts."""
    from peft_census.tag import read_card
    from peft_census.tag.batch import may_have_mentions
    from peft_census.tag.candidates import bundled_scanner

    lines = (REPO / "data/specimen/cards.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [t for line in lines if (t := json.loads(line)["text"]) and len(t) > 100]
    batch = pa.RecordBatch.from_pydict({"model_id": [f"bench/{i}" for i in range(len(texts))], "card": texts})
    selected = may_have_mentions(batch).to_pylist()
    read = [t for t, is_read in zip(texts, selected, strict=True) if is_read]
    plain = [t for t, is_read in zip(texts, selected, strict=True) if not is_read]
    cites = [any(m.location != "name" for m in read_card("bench/card", t).mentions) for t in read]
    citing = [t for t, is_citing in zip(read, cites, strict=True) if is_citing]
    idle = [t for t, is_citing in zip(read, cites, strict=True) if not is_citing]
    heads = [t[: t.index("\n---", 3) + 5] for t in plain if t.startswith("---\n") and "\n---" in t[3:]]
    bodies = [part for t in plain for part in t.split("\n---", 2)[-1].splitlines() if part.strip("-` ")]
    order = np.random.default_rng(1).permutation(len(bodies) * 4) % len(bodies)
    river = "".join(bodies[i] + "\n" for i in order)
    safe = [line for line in river.splitlines(keepends=True) if not bundled_scanner().find(line)]
    river = "".join(safe)
    starts = np.cumsum([0] + [len(line) for line in safe])[:-1].tolist()
    return citing, idle, heads, river, starts


def _card(number: int, length: int, draws: np.ndarray) -> str | None:
    citing, idle, heads, river, starts = _words()
    without, candidate, cites, which, template, place = draws
    if without < WITHOUT_TEXT:
        return None
    at = starts[int((0.5 if template < TEMPLATES else place) * len(starts) * 0.5)]
    if candidate < WITH_CANDIDATE:
        pool = citing if cites < CITING else idle
        text = pool[int(which * len(pool))]
        return text + f"\n\nRun {number}.\n\n" + river[at : at + max(0, length - len(text))]
    head = heads[int(which * len(heads))]
    return (f"{head}\n# Model {number}\n\n" + river[at : at + max(0, length - len(head))])[: max(length, 20)]


def make_cards(n: int, seed: int = 7, changed: float = 0.0, first: int = 0) -> pa.RecordBatch:
    """Returns the cards ``first`` to ``first + n`` in the columns of the public dump.

    Args:
        n: how many.
        seed: the same seed gives the same cards, however they are cut into chunks of ``CHUNK``.
        changed: share of cards whose text got one more line than with 0, and whose last commit is a day later.
        first: number of the first one.
    """
    rng = np.random.default_rng([seed, first])
    draws = rng.random((n, 6))
    lengths = np.interp(rng.random(n) * 100, PERCENTILES, LENGTHS).astype(int).tolist()
    edited = np.random.default_rng([seed, first, 1]).random(n) < changed
    cards = [_card(first + i, lengths[i], draws[i]) for i in range(n)]
    cards = [t + "\nOne line more.\n" if edited[i] and t else t for i, t in enumerate(cards)]
    created = _EPOCH + rng.integers(0, 1_600, n) * _DAY
    tags = [["transformers", "safetensors", "region:us"][: int(d * 4)] for d in draws[:, 3]]
    columns = [
        [f"bench{(first + i) % 50_021}/model-{first + i}" for i in range(n)],
        [f"bench{(first + i) % 50_021}" for i in range(n)],
        created + (rng.integers(0, 60, n) + edited) * _DAY,
        rng.zipf(1.7, n) % 1_000_000,
        rng.zipf(2.2, n) % 10_000,
        [("transformers", "diffusers", "peft", None)[int(d * 4)] for d in draws[:, 4]],
        tags,
        [("text-generation", "text-to-image", None)[int(d * 3)] for d in draws[:, 5]],
        created,
        cards,
    ]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def chunks(n: int, seed: int = 7, changed: float = 0.0, at_the_end: bool = False) -> Iterator[pa.RecordBatch]:
    """Yields ``n`` cards, ``CHUNK`` at a time; the changed ones are spread evenly or stand at the end."""
    for first in range(0, n, CHUNK):
        size = min(CHUNK, n - first)
        late = first + size - n * (1 - changed)
        yield make_cards(size, seed, min(max(late / size, 0), 1) if at_the_end else changed, first)


def write_cards(n: int, file: Path, seed: int = 7, changed: float = 0.0, at_the_end: bool = False) -> int:
    """Writes ``n`` cards to a Parquet file, a row group per chunk, and returns the bytes of their texts."""
    size = 0
    with replaced_file(file) as temporary, pq.ParquetWriter(temporary, SCHEMA, compression="snappy") as writer:
        for chunk in chunks(n, seed, changed, at_the_end):
            size += pc.sum(pc.binary_length(chunk["card"])).as_py() or 0
            writer.write_batch(chunk)
    return size


def measure(spec: str) -> None:
    """Prints the statistics of real cards from which the figures above come."""
    from peft_census.collect.parquet import Files
    from peft_census.tag import tag
    from peft_census.tag.candidates import bundled_scanner

    source = Files(spec)
    source.prepare()
    rows = hits = citing = 0
    lengths: list[int] = []
    for cards in source.batches():
        rows += cards.num_rows
        lengths += pc.drop_null(pc.binary_length(cards["card"])).to_pylist()
        hits += pc.sum(bundled_scanner().prefilter(cards["card"])).as_py() or 0
        citing += pc.count_distinct(tag(cards)["model_id"]).as_py()
    told = ", ".join(f"{p}: {v:,.0f}" for p, v in zip(PERCENTILES, np.percentile(lengths, PERCENTILES), strict=True))
    print(f"{rows:,} pages, {1 - len(lengths) / rows:.3f} without text, {hits / len(lengths):.4f} of cards with a hit,")
    print(f"{citing / hits:.3f} of those with a mention, mean length {np.mean(lengths):,.0f}; percentiles {told}")


def main() -> None:
    """Writes a file of cards, or measures one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("n", type=int, nargs="?", help="how many cards")
    parser.add_argument("file", type=Path, nargs="?", help="Parquet file to write")
    parser.add_argument("--changed", type=float, default=0.0, help="share of cards with one more line")
    parser.add_argument("--measure", metavar="SOURCE", help="print the statistics of these cards instead")
    given = parser.parse_args()
    if given.measure:
        measure(given.measure)
    else:
        size = write_cards(given.n, given.file, changed=given.changed)
        print(f"{given.n:,} cards, {size / 1e6:,.0f} MB of text → {given.file}")


if __name__ == "__main__":
    main()
