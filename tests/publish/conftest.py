"""The fixture that builds a literal snapshot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from literal_snapshot import COVERAGE, NAMES, ROWS, LiteralSnapshot, mention

from peft_census.snapshot.manifest import Manifest
from peft_census.snapshot.records import read_record
from peft_census.snapshot.schema import SCHEMA_VERSION, arrow_schema


@pytest.fixture
def make_snapshot() -> Callable[..., LiteralSnapshot]:
    """Builds a literal snapshot; every part can be replaced."""

    def make(
        rows: list[dict[str, Any]] = ROWS,
        *,
        specimen: bool = False,
        names: dict[str, tuple[str, str | None]] = NAMES,
        label: str = "cards.parquet",
        mentions: list[dict[str, Any]] | None = None,
    ) -> LiteralSnapshot:
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
        return LiteralSnapshot(
            "2025-04-30-0123456789ab", Path("nowhere"), read_record(Manifest, manifest, "test"), tables
        )

    return make
