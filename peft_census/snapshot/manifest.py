"""Reading a snapshot's manifest, which may be damaged, of another release, or written by somebody else.

In: ``manifest.json``. Out: its facts, of which the rest of the project may rely on those named here. Refuses whatever
could make a reader of snapshots stumble, or read and write outside the snapshot's folder.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from peft_census.errors import SnapshotError
from peft_census.snapshot.schema import SCHEMA_VERSION, TABLES

MANIFEST = "manifest.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_AGAIN = "run the census again, or `peft-census doctor`."
_NEWER = "a newer release wrote it: upgrade peft-census."
_OLDER = "an older release wrote it: run the census again, or use the release that wrote it."
_FACTS: dict[str, dict[str, type]] = {
    "": {"snapshot_id": str, "specimen": bool, "source": dict, "taxonomy": dict, "cards": dict, "tables": dict},
    "source": {"kind": str, "label": str},
    "taxonomy": {"sha256": str, "techniques": dict},
    "cards": {"rows": int, "with_text": int},
}
"""What every manifest holds, by part."""


def read_manifest(file: Path) -> dict[str, Any]:
    """Returns the facts of a manifest.

    Raises:
        SnapshotError: it cannot be read, is of another schema, or is not what this project writes.
    """
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        version = manifest["schema_version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SnapshotError(f"{file}: not a snapshot manifest ({error})", _AGAIN) from error
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        what = f"{file.parent}: written with schema {version!s:.20}, this is schema {SCHEMA_VERSION}"
        raise SnapshotError(what, _NEWER if newer else _OLDER)
    wrong = _wrong(manifest)
    if wrong:
        raise SnapshotError(f"{file}: damaged manifest ({wrong})", _AGAIN)
    facts: dict[str, Any] = manifest
    return facts


def _wrong(manifest: dict[str, Any]) -> str:
    """Returns what is wrong with a manifest of this schema; nothing where all is well."""
    for part, kinds in _FACTS.items():
        facts = manifest[part] if part else manifest
        for name, kind in kinds.items():
            if not isinstance(facts.get(name), kind):
                return f"no {f'{part}.' * bool(part)}{name}"
    if not _NAME.fullmatch(manifest["snapshot_id"]):
        return "its id is no name"
    for name, facts in manifest["tables"].items():
        if name not in TABLES:
            return f"unknown table {name[:50]!r}"
        if not isinstance(facts, dict) or not isinstance(facts.get("sha256"), str):
            return f"no sha256 of table {name}"
        if not isinstance(facts.get("rows"), int) or not isinstance(facts.get("bytes"), int):
            return f"no size of table {name}"
    for technique, facts in manifest["taxonomy"]["techniques"].items():
        if not isinstance(facts, dict) or not {"name", "kind", "family", "variant_of"} <= facts.keys():
            return f"no facts of technique {technique[:50]!r}"
    return ""
