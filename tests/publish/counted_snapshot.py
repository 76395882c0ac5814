"""Snapshots for tests of charts: invented models and mentions, counted by the real rules."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from peft_census.collect.benchmark import read_benchmark
from peft_census.count import Evidence
from peft_census.pipeline.counting import count_tables
from peft_census.snapshot.manifest import Manifest
from peft_census.snapshot.records import read_record, to_json
from peft_census.snapshot.schema import SCHEMA_VERSION, TABLES, arrow_schema
from peft_census.snapshot.snapshot import Snapshot
from peft_census.tag import load_taxonomy

OTHERS = ("ia3", "adalora", "prefix_tuning", "qlora", "dora", "vera", "prompt_tuning", "boft", "textual_inversion")
TASKS = (
    "text-generation",
    "text-generation",
    "text-to-image",
    "text-classification",
    "automatic-speech-recognition",
    None,
)
BASES = (
    "meta-llama/Llama-3.1-8B",
    "Qwen/Qwen2.5-7B",
    "mistralai/Mistral-7B",
    "google/gemma-2-9b",
    "sdxl-base",
    "black/flux",
    "openai/whisper",
    None,
)
TOOLS = (None, None, "peft", "trl")
LOCATIONS = (("named", "prose"), ("named", "heading"), ("tagged", "front_matter"), ("named", "code"))


@cache
def counted(kind: str) -> Snapshot:
    """Returns a snapshot of ``mixed``, ``series``, ``all_lora``, ``none_lora``, ``one_card``, ``empty`` or ``hostile`` cards."""
    rng = random.Random(kind)
    size = {"one_card": 1, "empty": 0, "series": 25_000}.get(kind, 900)
    models, mentions = [], []
    for i in range(size):
        days = int(1080 * rng.random() ** 0.6) if kind == "series" else rng.randrange(360)
        created = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(days=days)
        if kind == "mixed" and created.month in (5, 6):
            created -= timedelta(days=100)
        author = int(6_000 * rng.random() ** 2) if kind == "series" else rng.randrange(200)
        models.append(_model(f"a{author}/m{i}", created, rng))
        mentions += _series(models[-1], days, rng) if kind == "series" else _cited(models[-1], kind, rng)
    tables = {
        "models": pa.Table.from_pylist(models, schema=arrow_schema("models")),
        "mentions": pa.Table.from_pylist(mentions, schema=arrow_schema("mentions")),
        "coverage": pa.Table.from_pylist(
            [{"source": "files", "status": "text", "reason": None, "n": size}], schema=arrow_schema("coverage")
        ),
    }
    techniques = load_taxonomy().facts()
    if kind == "hostile":
        techniques["lora"] = replace(techniques["lora"], name="<script>alert(1)</script> $x^2$ " + "W" * 200)
        techniques["ia3"] = replace(techniques["ia3"], name="=HYPERLINK(1) \u202e" + "i" * 10_000)
    evidence = Evidence(tables["models"], tables["mentions"], techniques)
    tables |= count_tables(evidence, {"benchmark": _benchmark()})
    manifest: dict[str, Any] = {
        "snapshot_id": "2023-12-31-0123456789ab", "schema_version": SCHEMA_VERSION, "specimen": False,
        "source": {"kind": "files", "label": "cards.parquet", "content_sha256": "5" * 64, "revision": None, "specimen": False, "details": {}},
        "taxonomy": {"sha256": "6" * 64, "techniques": to_json(techniques)},
        "generators_sha256": "7" * 64, "corrections_sha256": "8" * 64, "tagger_version": "1", "rules_version": "2",
        "cards": {"rows": size, "with_text": size, "first": "2023-01-01" if size else None, "last": "2025-12-31" if size else None},
        "tables": {name: {"rows": t.num_rows, "bytes": t.nbytes, "sha256": "9" * 64} for name, t in tables.items() if name in TABLES},
    }  # fmt: skip
    return Snapshot(Path("nowhere"), read_record(Manifest, manifest, "test"), tables)


def _model(name: str, created: datetime, rng: random.Random) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(arrow_schema("models").names)
    return row | {
        "model_id": name, "author": name.split("/")[0], "created_at": created, "last_modified": created,
        "downloads": rng.randrange(1000), "status": "text", "tags": [], "generators": [], "config_status": rng.choice(("parsed", None)),
        "adapter_files": int(name.rpartition("m")[2]) % 3,
        "pipeline_tag": rng.choice(TASKS), "library_name": rng.choice(("peft", "peft", "diffusers", "transformers", None)), "base_model": rng.choice(BASES),
    }  # fmt: skip


def _cited(model: dict[str, Any], kind: str, rng: random.Random) -> list[dict[str, Any]]:
    if kind == "all_lora" or (kind != "none_lora" and rng.random() < 0.8):
        techniques = ["lora"]
    else:
        techniques = rng.sample(OTHERS[:3] if kind == "none_lora" else OTHERS, rng.choice((1, 1, 2)))
    rows = []
    for technique in techniques:
        evidence_level, location = rng.choice(LOCATIONS)
        rows.append(_mention(model, technique, evidence_level, location, rng.choice(TOOLS), rng.random() < 0.4))
    if model["config_status"] == "parsed":
        rows.append(
            _mention(
                model,
                "lora" if rng.random() < 0.5 and kind != "none_lora" else techniques[0],
                "configured",
                None,
                None,
                True,
            )
        )
    return rows


def _series(model: dict[str, Any], days: int, rng: random.Random) -> list[dict[str, Any]]:
    """Returns the mentions of one card of a series as on the Hub: nearly all LoRA, more and more of it from tools."""
    rare = 0.05 - 0.035 * days / 1080
    if model["pipeline_tag"] == "text-classification":
        rare *= 4
    techniques = ["lora"]
    if rng.random() < rare:
        techniques = [OTHERS[int(len(OTHERS) * rng.random() ** 2)]]
    elif rng.random() < 0.02:
        techniques = ["lora", "qlora"]
    tool = "peft" if rng.random() < (0.6 if days > 910 else 0.2) else None
    level, location = ("tagged", "front_matter") if tool else LOCATIONS[0]
    rows = [_mention(model, t, level, location, tool, rng.random() < 0.4) for t in techniques]
    if model["config_status"] == "parsed":
        rows.append(_mention(model, techniques[0], "configured", None, None, True))
    return rows


def _mention(
    model: dict[str, Any], technique: str, evidence_level: str, location: str | None, tool: str | None, applied: bool
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(arrow_schema("mentions").names)
    return row | {
        "model_id": model["model_id"], "technique": technique, "evidence_level": evidence_level, "location": location, "generator": tool, "matched": technique,
        "form": "alias" if location else "config", "polarity": "affirmed", "applied": applied,
        **({"start": 0, "end": 4} if location else {}),
    }  # fmt: skip


@cache
def _benchmark() -> pa.Table:
    return read_benchmark(None, {f.peft_type: t for t, f in load_taxonomy().facts().items() if f.peft_type})[0]
