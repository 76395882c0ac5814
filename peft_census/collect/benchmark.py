"""PEFT's own method comparison: what each technique achieved on two tasks, by PEFT's maintainers and contributors.

In: a checkout of PEFT, its ``method_comparison`` folder, a table made from it, or the one that ships with the
project. Out: rows of ``benchmark`` and the commit they were read at. It refuses runs that did not succeed and
a folder without results. One run and one seed per setting: nothing here says why a technique is popular.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from peft_census.errors import BadInputError, UsageError
from peft_census.settings import bundled
from peft_census.snapshot.schema import arrow_schema

TASKS = {"MetaMathQA": "test accuracy", "image-gen": "test dino_similarity"}
_TABLE = "benchmark.csv"
_COMMIT = re.compile(r"[0-9a-f]{7,40}\Z")
_FLAGS = {"use_dora": "dora", "use_rslora": "rslora", "use_qalora": "qalora", "use_bdlora": "use_bdlora"}
_PLAIN_OPTIMIZERS = ("adam", "sgd")


def read_benchmark(place: Path | None, types: Mapping[str, str]) -> tuple[pa.Table, dict[str, Any]]:
    """Returns ``benchmark`` and a description for the manifest.

    Args:
        place: a checkout of PEFT, ``method_comparison``, a folder with ``benchmark.csv``, or None for the
            table that ships with the project.
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
        rows, commit = _read_table(folder / _TABLE), _noted_commit(folder)
    else:
        raise UsageError(f"{folder}: no benchmark results", "give a checkout of huggingface/peft.")
    if not rows:
        raise UsageError(f"{folder}: no successful benchmark run")
    for row in rows:
        row["technique"] = types.get(row["peft_type"] or "")
    rows.sort(key=lambda r: (r["task"], r["peft_type"] or "", r["experiment"]))
    unknown = sorted({r["peft_type"] for r in rows if r["peft_type"] and r["technique"] is None})
    text = json.dumps(rows, sort_keys=True, default=str)
    about = {
        "commit": commit,
        "runs": len(rows),
        "content_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "types_without_technique": unknown,
        "bundled": place is None,
    }
    return pa.Table.from_pylist(rows, schema=arrow_schema("benchmark")), about


def _checkout_commit(root: Path) -> str | None:
    """Returns the commit checked out above ``root``, read from Git's own files; None outside a checkout."""
    for folder in (root, *root.parents):
        head = folder / ".git" / "HEAD"
        if not head.is_file():
            continue
        text = head.read_text(encoding="utf-8").strip()
        if text.startswith("ref: "):
            name = text.removeprefix("ref: ")
            loose, packed = folder / ".git" / name, folder / ".git" / "packed-refs"
            if loose.is_file():
                text = loose.read_text(encoding="utf-8").strip()
            elif packed.is_file():
                lines = packed.read_text(encoding="utf-8").splitlines()
                text = next((line.split()[0] for line in lines if line.endswith(f" {name}")), "")
        return text if _COMMIT.fullmatch(text) else None
    return None


def _noted_commit(folder: Path) -> str | None:
    file = folder / "COMMIT"
    text = file.read_text(encoding="utf-8").split("\n")[0].strip() if file.is_file() else ""
    return text if _COMMIT.fullmatch(text) else None


def _read_results(root: Path) -> list[dict[str, Any]]:
    rows = []
    for task in TASKS:
        for file in sorted((root / task / "results").glob("*.json")):
            try:
                result = json.loads(file.read_text(encoding="utf-8"))
                row = _result_row(task, result)
            except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                raise BadInputError(f"{file}: not a benchmark result ({error!r})", "update the checkout.") from error
            rows += [row] if row else []
    return rows


def _result_row(task: str, result: dict[str, Any]) -> dict[str, Any] | None:
    run, train, meta = result["run_info"], result["train_info"], result["meta_info"]
    if train["status"] != "success":
        return None
    config, last, settings = run["peft_config"], train["metrics"][-1], run["train_config"]
    packages = meta.get("package_info") or {}
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
        "memory_max_bytes": _whole(_either(train, "accelerator_memory_max", "cuda_memory_max")),
        "memory_reserved_avg_bytes": _whole(
            _either(train, "accelerator_memory_reserved_avg", "cuda_memory_reserved_avg")
        ),
        "train_time_s": train.get("train_time"),
        "file_size_bytes": _whole(train.get("file_size")),
        "trainable_params": _whole(train.get("num_trainable_params")),
        "total_params": _whole(train.get("num_total_params")),
        "run_at": _moment(run["created_at"]),
        "peft_version": packages.get("peft-version"),
        "seed": settings.get("seed"),
        "accelerator": _either(meta.get("system_info") or {}, "accelerator", "gpu"),
    }


def _either(facts: dict[str, Any], name: str, former: str) -> Any:
    """Returns a fact under its present name or the one it had until 2025."""
    return facts.get(name, facts.get(former))


def _variant(config: dict[str, Any], optimizer: str) -> str | None:
    """Names what sets a run apart within its PEFT type.

    An optimizer (LoRA-FA) leaves nothing in the PEFT configuration; the training settings tell it.
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


def _read_table(file: Path) -> list[dict[str, Any]]:
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            return [_table_row(r) for r in csv.DictReader(stream) if r["status"] == "success"]
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{file}: not a benchmark table ({error!r})") from error


def _table_row(r: dict[str, str]) -> dict[str, Any]:
    task = r["task"]
    return {
        "peft_type": None if r["peft_type"] in ("", "full-finetuning") else r["peft_type"],
        "variant": r["variant"] or None,
        "task": task,
        "experiment": r["experiment"],
        "base_model": r["model_id"] or None,
        "metric": TASKS[task],
        "value": float(r["test_accuracy" if task == "MetaMathQA" else "test_dino_similarity"]),
        "forgetting": _number(r["forgetting"]),
        "drift": _number(r["drift"]),
        "train_loss": _number(r["train_loss"]),
        "memory_max_bytes": _whole(_number(r["accelerator_memory_max_bytes"])),
        "memory_reserved_avg_bytes": _whole(_number(r["accelerator_memory_reserved_avg_bytes"])),
        "train_time_s": _number(r["train_time_s"]),
        "file_size_bytes": _whole(_number(r["file_size_bytes"])),
        "trainable_params": _whole(_number(r["num_trainable_params"])),
        "total_params": _whole(_number(r["num_total_params"])),
        "run_at": _moment(r["run_created_at"]),
        "peft_version": r["peft_version"] or None,
        "seed": _whole(_number(r["seed"])),
        "accelerator": r["accelerator"] or None,
    }


def _number(text: str) -> float | None:
    return float(text) if text else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
