"""Readings of revisions that were counted before, kept so that a walk that broke off goes on where it stopped.

A reading is kept in the raw folder, in a file named by everything that decides it: revision, published figure,
taxonomy, tagger and rules. Where one of those changes, the file is not found, and the revision is counted again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from peft_census.pipeline.census import rule_inputs
from peft_census.pipeline.published import Figure
from peft_census.settings import settings
from peft_census.snapshot.files import write_atomically
from peft_census.tag.naive import NAIVE_VERSION

REPRODUCTION_VERSION = "1"
"""Raised when the same cards and rules would give another reading."""


def kept_reading(revision: str, figure: Figure) -> Path:
    """Returns where the reading of a revision is kept; another tagger, taxonomy or rule has another place."""
    inputs = {
        "revision": revision,
        "figure": [figure.id, figure.technique, figure.numerator, figure.denominator, figure.dataset],
        "rules": rules_used(),
    }
    key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return settings().raw / "reproduction" / f"{revision[:12]}-{key[:16]}.json"


def rules_used() -> dict[str, Any]:
    """Returns everything but the cards that decides what a reading says."""
    versions = {"naive_version": NAIVE_VERSION, "reproduction_version": REPRODUCTION_VERSION}
    return {k: v for k, v in rule_inputs().items() if k != "accuracy"} | versions


def read_kept(file: Path) -> dict[str, Any] | None:
    """Returns the reading kept in ``file``; None where there is none, or none that can be read."""
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return kept


def keep(file: Path, reading: dict[str, Any]) -> None:
    write_atomically(file, json.dumps(reading, ensure_ascii=False))
