"""PEFT's method comparison: what each technique achieved on two tasks, by PEFT's maintainers and contributors.

In: a checkout of PEFT, its ``method_comparison`` folder, a folder with ``benchmark.csv``, or the bundled table. Out:
rows of ``benchmark`` and the commit that they were read at. Runs that did not succeed are left out. One run with one
seed for each setting: this does not explain why a technique is popular.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from peft_census.collect.instrument import Cost, Instrument, InstrumentResult, InstrumentRun
from peft_census.errors import BadInputError, UsageError
from peft_census.snapshot.files import bundled
from peft_census.snapshot.instruments import BenchmarkDescription
from peft_census.snapshot.schema import arrow_schema

TASKS = {"MetaMathQA": "test accuracy", "image-gen": "test dino_similarity"}
"""The metric of each task."""
TEST_QUESTIONS = 1319
"""Questions in the test set of MetaMathQA, that of GSM8K. Images are compared with 4, without a score for each."""
_TABLE = "benchmark.csv"
_CSV_NAMES = {
    "base_model": "model_id",
    "memory_max_bytes": "accelerator_memory_max_bytes",
    "memory_reserved_avg_bytes": "accelerator_memory_reserved_avg_bytes",
    "trainable_params": "num_trainable_params",
    "total_params": "num_total_params",
    "run_at": "run_created_at",
}
"""Columns of ``benchmark`` that ``benchmark.csv`` names otherwise."""
_COMMIT = re.compile(r"[0-9a-f]{7,40}\Z")
_FLAGS = {"use_dora": "dora", "use_rslora": "rslora", "use_qalora": "qalora", "use_bdlora": "use_bdlora"}
_PLAIN_OPTIMIZERS = ("adam", "sgd")


def read_benchmark(place: Path | None, types: Mapping[str, str]) -> tuple[pa.Table, BenchmarkDescription]:
    """Returns ``benchmark`` and its description.

    Args:
        place: a checkout of PEFT, ``method_comparison``, a folder with ``benchmark.csv``, or None for the bundled
            table.
        types: PEFT type to technique id.

    Raises:
        UsageError: ``place`` holds no results.
        BadInputError: a result file cannot be read.
    """
    folder = place or bundled("benchmark")
    root = next((f for f in (folder / "method_comparison", folder) if any((f / t).is_dir() for t in TASKS)), None)
    if root is not None:
        rows, commit = _read_results(root), _checkout_commit(root)
    elif (folder / _TABLE).is_file():
        rows, commit = _read_table(folder / _TABLE), _table_commit(folder)
    else:
        raise UsageError(f"{folder}: no benchmark results", "give a checkout of huggingface/peft.")
    if not rows:
        raise UsageError(f"{folder}: no successful benchmark run", "give a checkout of huggingface/peft.")
    for row in rows:
        row["technique"] = types.get(row["peft_type"] or "")
        row["test_questions"] = _test_questions(row["task"], row["value"])
    rows.sort(key=lambda r: (r["task"], r["peft_type"] or "", r["experiment"]))
    description = BenchmarkDescription(
        state="read",
        commit=commit,
        runs=len(rows),
        content_sha256=hashlib.sha256(json.dumps(rows, sort_keys=True, default=str).encode()).hexdigest(),
        types_without_technique=tuple(
            sorted({r["peft_type"] for r in rows if r["peft_type"] and r["technique"] is None})
        ),
        bundled=place is None,
    )
    return pa.Table.from_pylist(rows, schema=arrow_schema("benchmark")), description


def _test_questions(task: str, value: float) -> int | None:
    """Returns the size of the test set; None if ``value`` is not a whole number of correct answers to so many."""
    answers = value * TEST_QUESTIONS
    return TEST_QUESTIONS if task == "MetaMathQA" and abs(answers - round(answers)) < 1e-6 else None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _commit(text: str) -> str | None:
    return text.strip() if _COMMIT.fullmatch(text.strip()) else None


def bundled_commit() -> str | None:
    """Returns the commit of PEFT that the bundled table was read at."""
    return _table_commit(bundled("benchmark"))


def _table_commit(folder: Path) -> str | None:
    return _commit(_text(folder / "COMMIT").partition("\n")[0])


def _checkout_commit(root: Path) -> str | None:
    """Returns the commit checked out in or above ``root``, from Git's own files; None outside a checkout."""
    git = next((f / ".git" for f in (root, *root.parents) if (f / ".git" / "HEAD").is_file()), None)
    if git is None:
        return None
    head = _text(git / "HEAD").strip()
    if not head.startswith("ref: "):
        return _commit(head)
    name = head.removeprefix("ref: ")
    packed = (line.partition(" ") for line in _text(git / "packed-refs").splitlines())
    return _commit(_text(git / name)) or next((_commit(sha) for sha, _, ref in packed if ref == name), None)


def _read_results(root: Path) -> list[dict[str, Any]]:
    rows = []
    for task in TASKS:
        for file in sorted((root / task / "results").glob("*.json")):
            try:
                row = _result_row(task, json.loads(file.read_text(encoding="utf-8")))
            except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                raise BadInputError(f"{file}: not a benchmark result ({error!r})", "update the checkout.") from error
            rows += [row] if row else []
    return rows


def _result_row(task: str, result: dict[str, Any]) -> dict[str, Any] | None:
    run, train, meta = result["run_info"], result["train_info"], result["meta_info"]
    if train["status"] != "success":
        return None
    config, last, settings = run["peft_config"], train["metrics"][-1], run["train_config"]
    return {
        "peft_type": config["peft_type"] if config else None,
        "variant": _variant(config, str(settings.get("optimizer_type") or "")) if config else None,
        "task": task,
        "experiment": run["experiment_name"],
        "base_model": settings.get("model_id"),
        "metric": TASKS[task],
        "value": float(last[TASKS[task]]),
        "forgetting": last.get("forgetting"),
        "drift": last.get("drift"),
        "train_loss": last.get("train loss"),
        "memory_max_bytes": _integer(_either(train, "accelerator_memory_max", "cuda_memory_max")),
        "memory_reserved_avg_bytes": _integer(
            _either(train, "accelerator_memory_reserved_avg", "cuda_memory_reserved_avg")
        ),
        "train_time_s": train.get("train_time"),
        "file_size_bytes": _integer(train.get("file_size")),
        "trainable_params": _integer(train.get("num_trainable_params")),
        "total_params": _integer(train.get("num_total_params")),
        "run_at": _moment(run["created_at"]),
        "peft_version": (meta.get("package_info") or {}).get("peft-version"),
        "seed": settings.get("seed"),
        "accelerator": _either(meta.get("system_info") or {}, "accelerator", "gpu"),
    }


def _either(facts: dict[str, Any], name: str, former: str) -> Any:
    """Returns a fact under its present name or the one that it had until 2025."""
    return facts.get(name, facts.get(former))


def _variant(config: dict[str, Any], optimizer: str) -> str | None:
    """Returns what distinguishes a run within its PEFT type.

    An optimizer (LoRA-FA) leaves nothing in the PEFT configuration, only in the training settings.
    """
    for key, name in _FLAGS.items():
        if config.get(key):
            return name
    miss = config["peft_type"] == "MISS"
    init = config.get("init_weights" if miss else "init_lora_weights")
    if isinstance(init, str):
        return f"{'miss' if miss else 'init'}:{init}"
    if optimizer and not optimizer.lower().startswith(_PLAIN_OPTIMIZERS):
        return f"optimizer:{optimizer}"
    return None


def _integer(value: float | None) -> int | None:
    return None if value is None else int(value)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_table(file: Path) -> list[dict[str, Any]]:
    fields = [f for f in arrow_schema("benchmark") if f.name not in ("technique", "metric", "value", "test_questions")]
    results = {task: metric.replace(" ", "_") for task, metric in TASKS.items()}
    types = {_CSV_NAMES.get(f.name, f.name): f.type for f in fields}
    types |= {"status": pa.string(), **dict.fromkeys(results.values(), pa.float64())}
    options = csv.ConvertOptions(
        column_types=types, include_columns=list(types), null_values=[""], strings_can_be_null=True
    )
    try:
        runs = [r for r in csv.read_csv(file, convert_options=options).to_pylist() if r["status"] == "success"]
        return [
            {f.name: r[_CSV_NAMES.get(f.name, f.name)] for f in fields}
            | {"peft_type": None if r["peft_type"] == "full-finetuning" else r["peft_type"]}
            | {"metric": TASKS[r["task"]], "value": float(r[results[r["task"]]])}
            for r in runs
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"{file}: not a benchmark table ({error!r})", "restore the file, or give a checkout of huggingface/peft."
        ) from error


def collect(run: InstrumentRun) -> InstrumentResult:
    """Returns ``benchmark``."""
    table, description = read_benchmark(run.config.benchmark, run.types)
    return InstrumentResult({"benchmark": table}, description)


INSTRUMENT = Instrument(collect, estimate=lambda config, classes: Cost(0, 0.0))
