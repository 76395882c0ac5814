"""Citations next to the results of PEFT's benchmark."""

from __future__ import annotations

import pyarrow as pa

from peft_census.collect.benchmark import read_benchmark
from peft_census.count import Evidence, popular
from peft_census.count.popular import standings
from peft_census.snapshot.manifest import peft_types
from peft_census.snapshot.schema import arrow_schema, check
from peft_census.tag import load_taxonomy

FACTS = load_taxonomy().facts()


def evidence(*cited: tuple[str, str]) -> Evidence:
    """Returns the evidence of cards that cite (model id, technique)."""
    models = pa.table({"model_id": pa.array(sorted({model for model, _ in cited}), pa.string())})
    columns = zip(*cited, strict=True) if cited else ((), ())
    names = ("model_id", "technique")
    return Evidence(models, pa.table({n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)}), FACTS)


def benchmark_of(*runs: tuple[str | None, str, str | None, float, int | None]) -> pa.Table:
    """Returns the table ``benchmark`` of (technique, experiment, variant, value, memory), 1,000 test questions each."""
    names = ("technique", "experiment", "variant", "value", "memory_max_bytes")
    common = dict.fromkeys(arrow_schema("benchmark").names) | {
        "task": "T",
        "metric": "test accuracy",
        "test_questions": 1000,
    }
    return pa.Table.from_pylist(
        [common | dict(zip(names, run, strict=True)) for run in runs], schema=arrow_schema("benchmark")
    )  # fmt: skip


def test_popular_joins_runs_and_marks_the_front() -> None:
    """A run is off the front when another is as good with less memory; full fine-tuning has no share."""
    table = benchmark_of(
        ("lora", "plain", None, 0.5, 10),
        ("lora", "better", "dora", 0.6, 20),
        ("ia3", "worse", None, 0.4, 10),
        (None, "full", None, 0.7, None),
    )
    cited = [("a/0", "lora"), ("a/1", "lora"), ("a/2", "dora"), ("a/2", "lora"), ("a/3", "ia3")]
    counted = popular(evidence(*cited), table)
    check("popular", counted)
    columns = ("experiment", "technique", "variant", "cards", "share", "runs", "best", "on_front")
    assert [tuple(r[c] for c in columns) for r in counted.to_pylist()] == [
        ("full", None, None, None, None, 1, True, None),
        ("better", "lora", "dora", 3, 0.75, 2, True, True),
        ("plain", "lora", None, 3, 0.75, 2, False, True),
        ("worse", "ia3", None, 1, 0.25, 1, True, False),
    ]


def test_runs_of_variants_have_the_names_of_the_taxonomy() -> None:
    """PEFT's names of MiCA, BD-LoRA and LoRA-FA are found; a mode without a technique keeps PEFT's name."""
    names = ("init:mica", "use_bdlora", "optimizer:lora-fa", "rslora", "init:gaussian")
    runs = [("lora", name, name, 0.5, None) for name in names]
    counted = popular(evidence(), benchmark_of(*runs, ("miss", "miss:bat", "miss:bat", 0.5, None)))
    assert {r["experiment"]: (r["technique"], r["variant"]) for r in counted.to_pylist()} == {
        "init:mica": ("lora", "mica"),
        "use_bdlora": ("lora", "bdlora"),
        "optimizer:lora-fa": ("lora", "lora_fa"),
        "rslora": ("lora", "rslora"),
        "init:gaussian": ("lora", "init:gaussian"),
        "miss:bat": ("miss", "miss:bat"),
    }


def test_a_standing_counts_techniques_once_and_knows_the_error_of_the_test_set() -> None:
    """The best run of each technique counts: one is better; within 4.4 points of 1,000 questions two are similar."""
    runs = [
        ("lora", "a", None, 0.50, None), ("lora", "b", "rslora", 0.52, None), ("lily", "c", None, 0.55, None),
        ("lily", "d", None, 0.53, None), ("hira", "e", None, 0.52, None), ("ia3", "f", None, 0.40, None),
        (None, "full", None, 0.9, None),
    ]  # fmt: skip
    table = popular(evidence(), benchmark_of(*runs)).to_pylist()
    (lora,) = standings(table, "lora")
    assert (lora.best["experiment"], lora.techniques, lora.better, lora.similar) == ("b", 4, 1, 2)
    assert (round(lora.best["value_low"], 3), round(lora.best["value_high"], 3)) == (0.489, 0.551)
    unknown = [row | {"value_low": None, "value_high": None} for row in table]
    assert [s.similar for s in standings(unknown, "lora")] == [None]
    assert standings(table, "vera") == []


def test_lora_is_behind_one_technique_of_the_shipped_benchmark() -> None:
    """With variants grouped one of 37 techniques is ahead of LoRA on MetaMathQA, and none of 27 on images."""
    lora = standings(
        popular(evidence(), read_benchmark(None, peft_types(load_taxonomy().facts()))[0]).to_pylist(), "lora"
    )
    assert [(s.best["task"], s.techniques, s.better, s.best["runs"]) for s in lora] == [
        ("MetaMathQA", 37, 1, 8), ("image-gen", 27, 0, 3),
    ]  # fmt: skip
