"""PEFT's benchmark, from the table that ships and from a checkout."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from peft_census.collect.benchmark import read_benchmark
from peft_census.errors import BadInputError, UsageError
from peft_census.snapshot.schema import check

TYPES = {"LORA": "lora", "MISS": "miss"}


def _result(name: str, **config: Any) -> dict[str, Any]:
    return {
        "run_info": {
            "created_at": "2026-07-15T07:47:49+00:00",
            "experiment_name": name,
            "train_config": {"model_id": "org/base", "seed": 0, "optimizer_type": config.pop("optimizer", "AdamW")},
            "peft_config": config or None,
        },
        "train_info": {
            "accelerator_memory_max": 2_000,
            "accelerator_memory_reserved_avg": 1_000,
            "train_time": 12.5,
            "file_size": 300,
            "num_trainable_params": 40,
            "num_total_params": 5_000,
            "status": "success",
            "metrics": [{"step": 250}, {"test accuracy": 0.5, "forgetting": 0.1, "train loss": 0.6}],
        },
        "meta_info": {"package_info": {"peft-version": "0.20.0"}, "system_info": {"accelerator": "GPU"}},
    }


def _checkout(folder: Path, *results: dict[str, Any]) -> Path:
    place = folder / "method_comparison" / "MetaMathQA" / "results"
    place.mkdir(parents=True)
    for n, result in enumerate(results):
        (place / f"{n}.json").write_text(json.dumps(result), encoding="utf-8")
    (folder / ".git" / "refs" / "heads").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    (folder / ".git" / "refs" / "heads" / "main").write_text("a" * 40 + "\n", encoding="utf-8")
    return folder


def test_the_table_that_ships_is_whole() -> None:
    """94 runs: 63 of MetaMathQA and 31 of images, at a named commit; 38 and 28 types, full fine-tuning included."""
    table, about = read_benchmark(None, TYPES)
    check("benchmark", table)
    rows = table.to_pylist()
    assert Counter(r["task"] for r in rows) == {"MetaMathQA": 63, "image-gen": 31}
    assert len({r["peft_type"] for r in rows if r["task"] == "MetaMathQA"}) == 38
    assert len({r["peft_type"] for r in rows if r["task"] == "image-gen"}) == 28
    assert (about.commit, about.runs, about.bundled) == ("5d602fdb", 94, True)
    assert sum(r["technique"] == "lora" for r in rows) == 11
    assert {(r["task"], r["test_questions"]) for r in rows} == {("MetaMathQA", 1319), ("image-gen", None)}
    assert all(r["peft_type"] is None and r["technique"] is None for r in rows if "full-finetuning" in r["experiment"])


def test_known_values_come_back() -> None:
    """Two results that the published post quotes differently hold what the files say at this commit."""
    rows = {r["experiment"]: r for r in read_benchmark(None, TYPES)[0].to_pylist()}
    assert rows["lora/llama-3.2-3B-rank64-rslora"]["value"] == pytest.approx(0.513, abs=0.0005)
    lily = [r["value"] for name, r in rows.items() if name.startswith("lily/llama")]
    assert max(lily) == pytest.approx(0.526, abs=0.0005)


def test_a_checkout_is_read_at_its_commit(tmp_path: Path) -> None:
    """Results of a checkout have its commit, and variants within one type are distinguished."""
    place = _checkout(
        tmp_path,
        _result("lora/plain", peft_type="LORA", init_lora_weights=True),
        _result("lora/dora", peft_type="LORA", use_dora=True),
        _result("lora/mica", peft_type="LORA", init_lora_weights="mica"),
        _result("lora/lorafa", peft_type="LORA", optimizer="lora-fa"),
        _result("miss/bat", peft_type="MISS", init_weights="bat"),
        _result("new/one", peft_type="NEWTYPE"),
        _result("full-finetuning/x"),
    )
    table, about = read_benchmark(place, TYPES)
    assert {r["experiment"]: (r["technique"], r["variant"]) for r in table.to_pylist()} == {
        "lora/plain": ("lora", None),
        "lora/dora": ("lora", "dora"),
        "lora/mica": ("lora", "init:mica"),
        "lora/lorafa": ("lora", "optimizer:lora-fa"),
        "miss/bat": ("miss", "miss:bat"),
        "new/one": (None, None),
        "full-finetuning/x": (None, None),
    }
    assert about.commit == "a" * 40
    assert about.types_without_technique == ("NEWTYPE",)
    assert not about.bundled


def test_an_accuracy_of_another_test_set_has_no_size(tmp_path: Path) -> None:
    """0.5 is not a share of 1,319 questions, so that the number of questions is not known; 660 of 1,319 is."""
    same = _result("lora/same", peft_type="LORA")
    same["train_info"]["metrics"][-1]["test accuracy"] = 660 / 1319
    table, _ = read_benchmark(_checkout(tmp_path, _result("lora/other", peft_type="LORA"), same), TYPES)
    sizes = {r["experiment"]: r["test_questions"] for r in table.to_pylist()}
    assert sizes == {"lora/other": None, "lora/same": 1319}


def test_runs_that_failed_are_left_out(tmp_path: Path) -> None:
    """A run whose status is not success has no result to show."""
    broken = _result("lora/broken", peft_type="LORA")
    broken["train_info"]["status"] = "failed"
    place = _checkout(tmp_path, broken, _result("lora/plain", peft_type="LORA"))
    assert read_benchmark(place, TYPES)[0]["experiment"].to_pylist() == ["lora/plain"]


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    """A result file of another shape is an error that names it."""
    with pytest.raises(BadInputError, match=r"0\.json"):
        read_benchmark(_checkout(tmp_path, {"run_info": {}}), TYPES)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    """A table without the columns, or with an unknown task, is an error that names it."""
    bundled_table = (Path(__file__).parents[2] / "data" / "benchmark" / "benchmark.csv").read_text(encoding="utf-8")
    for text in ("a,b\n1,2\n", bundled_table.replace("MetaMathQA", "Chess")):
        (tmp_path / "benchmark.csv").write_text(text, encoding="utf-8")
        with pytest.raises(BadInputError, match=r"benchmark\.csv"):
            read_benchmark(tmp_path, TYPES)


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    """A folder that holds no results is a usage error."""
    with pytest.raises(UsageError, match="no benchmark results"):
        read_benchmark(tmp_path, TYPES)
