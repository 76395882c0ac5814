"""A snapshot with literal tables: what publishing reads, and nothing that has to be counted first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from peft_census.snapshot.manifest import Manifest
from peft_census.snapshot.records import read_record
from peft_census.snapshot.schema import SCHEMA_VERSION, arrow_schema
from peft_census.snapshot.snapshot import Snapshot

NAMES = {
    "lora": ("LoRA", None),
    "qlora": ("QLoRA", "lora"),
    "adalora": ("AdaLoRA", None),
    "llama_adapter": ("LLaMA-Adapter (adaption prompt)", None),
    "ia3": ("(IA)^3", None),
}

EXACTLY_ONE = {
    "lora": (20509, 0.98440, 0.98262, 0.98600),
    "adalora": (310, 0.014880, 0.013322, 0.016616),
    "llama_adapter": (14, 0.000672, 0.000400, 0.001128),
    "ia3": (1, 0.000048, 0.0000085, 0.000272),
}
SEPARATE = {
    "lora": (14000, 0.67198, 0.66557, 0.67832),
    "qlora": (6509, 0.31242, 0.30616, 0.31875),
    "adalora": (325, 0.015600, 0.014003, 0.017375),
}
ANY = {"lora": (20900, 0.97847, 0.97643, 0.98034), "adalora": (700, 0.032772, 0.030473, 0.035239)}
FRACTIONAL = {"lora": (20704.5, 0.96932, 0.96693, 0.97154), "adalora": (655.5, 0.030688, 0.028462, 0.033083)}


def share_rows(rule: str, base: int, votes: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "rule": rule,
            "population": "all cards",
            "technique": technique,
            "numerator": float(n),
            "base": float(base),
            "cards": base,
            "share": share,
            "low": low,
            "high": high,
            "method": "author-clustered 95%",
            "effective_n": base / 2,
            "wilson_low": low,
            "wilson_high": high,
        }
        for technique, (n, share, low, high) in votes.items()
    ]


ROWS = [
    *share_rows("exactly_one", 20834, EXACTLY_ONE),
    *share_rows("exactly_one/variants_separate", 20834, SEPARATE),
    *share_rows("any", 21360, ANY),
    *share_rows("fractional", 21360, FRACTIONAL),
]

COVERAGE = [
    {"source": "files", "status": "text", "reason": None, "n": 25000},
    {"source": "files", "status": "no_card", "reason": "placeholder text", "n": 4000},
    {"source": "files", "status": "gated", "reason": None, "n": 1000},
]


def mention(**changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(arrow_schema("mentions").names)
    row |= {
        "model_id": "someone/model",
        "technique": "lora",
        "evidence_level": "named",
        "location": "prose",
        "start": 3,
        "end": 7,
    }
    row |= {"matched": "LoRA", "form": "alias", "polarity": "affirmed", "applied": False}
    return row | changed


def make_literal(
    rows: list[dict[str, Any]] = ROWS,
    *,
    specimen: bool = False,
    names: dict[str, tuple[str, str | None]] = NAMES,
    label: str = "cards.parquet",
    mentions: list[dict[str, Any]] | None = None,
) -> Snapshot:
    """Returns a literal snapshot; every part can be replaced."""
    manifest = {
        "snapshot_id": "2025-04-30-0123456789ab",
        "schema_version": SCHEMA_VERSION,
        "specimen": specimen,
        "source": {
            "kind": "files",
            "label": label,
            "content_sha256": "5" * 64,
            "revision": None,
            "specimen": specimen,
            "details": {"files": 2},
        },
        "taxonomy": {
            "sha256": "6" * 64,
            "techniques": {
                technique: {"name": name, "kind": "peft_type", "family": "adapter", "variant_of": parent}
                for technique, (name, parent) in names.items()
            },
        },
        "generators_sha256": "7" * 64,
        "corrections_sha256": "8" * 64,
        "tagger_version": "1",
        "rules_version": "1",
        "cards": {"rows": 30000, "with_text": 25000, "first": "2022-03-02", "last": "2025-04-30"},
        "tables": {"shares": {"rows": len(rows), "bytes": 1234, "sha256": "9" * 64}},
    }
    tables = {
        "shares": pa.Table.from_pylist(rows, schema=arrow_schema("shares")),
        "coverage": pa.Table.from_pylist(COVERAGE, schema=arrow_schema("coverage")),
        "mentions": pa.Table.from_pylist(
            [mention()] if mentions is None else mentions, schema=arrow_schema("mentions")
        ),
    }
    return Snapshot(Path("nowhere"), read_record(Manifest, manifest, "test"), tables)


def png_info(path: Path) -> dict[str, Any]:
    """Returns the text chunks of a PNG."""
    with Image.open(path) as image:
        return dict(image.info)


def corner(path: Path) -> tuple[int, int, int]:
    """Returns the color near the top left of a PNG."""
    with Image.open(path) as image:
        return image.convert("RGB").getpixel((5, 5))
