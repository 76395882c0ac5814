"""Time and memory of the full set of counted tables on generated labels: `python -m benchmarks.counting --models N`.

Labels are drawn, not read from cards: techniques by a steep power law, authors by another (few large, many small),
dates over four years, a third of the models without a mention. The process measures its own peak.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from peft_census.count import Evidence
from peft_census.pipeline.counting import count_tables
from peft_census.snapshot.schema import arrow_schema
from peft_census.tag import load_taxonomy


def generate(n: int, seed: int = 0) -> tuple[pa.Table, pa.Table]:
    """Returns ``models`` and ``mentions`` of ``n`` models, two mentions for each of two thirds of them."""
    rng = np.random.default_rng(seed)
    techniques = [t for t, f in load_taxonomy().facts().items() if f.kind != "not_peft"]
    owner = rng.zipf(1.6, n) % (n // 3 + 1)
    ids = pa.array([f"owner{o}/model{i}" for i, o in enumerate(owner)], pa.string())
    created = np.datetime64("2022-03-02") + rng.integers(0, 1600, n).astype("timedelta64[D]")

    def pick(values: list[str | None], p: list[float] | None = None) -> pa.Array:
        return pa.array(np.array(values, dtype=object)[rng.choice(len(values), n, p=p)], pa.string())

    columns = {
        "model_id": ids,
        "author": pa.array([f"owner{o}" for o in owner], pa.string()),
        "created_at": pa.array(created.astype("datetime64[us]")).cast(pa.timestamp("us", tz="UTC")),
        "downloads": pa.array(rng.zipf(1.5, n).clip(0, 10**7) - 1, pa.int64()),
        "library_name": pick(["peft", "diffusers", "transformers", None]),
        "pipeline_tag": pick(["text-generation", "text-to-image", None]),
        "status": pa.array(["text"] * n, pa.string()),
        "generators": pa.array([["peft/0.18.1"] if g else [] for g in rng.random(n) < 0.4], pa.list_(pa.string())),
        "base_model": pick(["meta-llama/Llama-3.2-1B", "Qwen/Qwen2.5-7B", "black-forest-labs/FLUX.1-dev", None]),
        "languages": pa.array([["en"] if g else None for g in rng.random(n) < 0.5], pa.list_(pa.string())),
        "near_duplicate": pa.array([f"{k:016x}" for k in rng.zipf(1.4, n) % n], pa.string()),
        "config_status": pick(["parsed", None], [0.01, 0.99]),
    }
    schema = arrow_schema("models")
    models = pa.table([columns.get(f.name, pa.nulls(n, f.type)) for f in schema], schema=schema)
    m = 4 * n // 3
    which = np.sort(rng.integers(0, 2 * n // 3, m))
    evidence_level = rng.choice(["named", "tagged", "configured"], m, p=[0.6, 0.39, 0.01]).astype(object)
    drawn = rng.zipf(3.0, m) - 1
    cells = {
        "model_id": ids.take(pa.array(which)),
        "technique": pa.array(np.array(techniques, dtype=object)[drawn % len(techniques)], pa.string()),
        "evidence_level": pa.array(evidence_level, pa.string()),
        "location": pa.array(np.where(rng.random(m) < 0.1, "name", "prose").astype(object), pa.string()),
        "matched": pa.array(["LoRA"] * m, pa.string()),
        "form": pa.array(["alias"] * m, pa.string()),
        "polarity": pa.array(np.where(rng.random(m) < 0.02, "negated", "affirmed").astype(object), pa.string()),
        "applied": pa.array(rng.random(m) < 0.5),
        "generator": pa.array(np.where(rng.random(m) < 0.3, "peft", None).astype(object), pa.string()),
    }
    schema = arrow_schema("mentions")
    return models, pa.table([cells.get(f.name, pa.nulls(m, f.type)) for f in schema], schema=schema)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=300_000)
    models, mentions = generate(parser.parse_args().models)
    before = time.perf_counter()
    evidence = Evidence(models, mentions, load_taxonomy().facts())
    total = time.perf_counter() - before
    print(f"{models.num_rows:,} models, {mentions.num_rows:,} mentions\n  {'evidence':<14} {total:7.1f} s")
    instruments = {"benchmark": arrow_schema("benchmark").empty_table()}
    from peft_census.snapshot.schema.counts import COUNTED_TABLES

    for name in COUNTED_TABLES:
        before = time.perf_counter()
        table = count_tables(evidence, instruments, [name])[name]
        took = time.perf_counter() - before
        total += took
        print(f"  {name:<14} {took:7.1f} s  {table.num_rows:,} rows", flush=True)
    peak = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM")).split()[1]
    print(f"  {'all':<14} {total:7.1f} s, peak {int(peak) / 1e6:.2f} GB with the labels in memory")


if __name__ == "__main__":
    main()
