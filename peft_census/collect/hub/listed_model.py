"""One item of the Hub's listing, parsed into a record.

In: parsed JSON that a server sent. Out: a ``ListedModel``. A field that cannot be read becomes null and is named in
``repaired``; an item without a valid model id is an error.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from peft_census.collect.adapter_files import count_adapter_files
from peft_census.collect.base import unreadable_fields
from peft_census.collect.hub.options import is_model_id
from peft_census.collect.ledger_rows import ListedModel

_SHA = re.compile(r"[0-9a-f]{40}")
_INT64 = 2**63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_model(item: object) -> ListedModel:
    """Returns the model that an item of a page describes.

    Raises:
        ValueError: the item is not an object, or has no valid model id.
    """
    if not isinstance(item, dict):
        raise ValueError("an item of the listing is not an object")
    model_id = item.get("id")
    if not isinstance(model_id, str):
        raise ValueError("an item of the listing has no model id")
    if not is_model_id(model_id):
        raise ValueError("an item of the listing has a model id that is not valid")
    fields = _Fields(item)
    files = _file_names(item.get("siblings"))
    sha, gated = item.get("sha"), item.get("gated")
    model = ListedModel(
        model_id,
        sha=sha if isinstance(sha, str) and _SHA.fullmatch(sha) else None,
        gated=gated if gated in ("auto", "manual") else "yes" if gated else "",
        has_readme=None if files is None else "README.md" in files,
        has_config=None if files is None else "adapter_config.json" in files,
        adapter_files=None if files is None else count_adapter_files(files),
        tags=json.dumps(fields.strings("tags"), ensure_ascii=False),
        author=fields.text("author"),
        library_name=fields.text("library_name"),
        pipeline_tag=fields.text("pipeline_tag"),
        downloads=fields.number("downloads"),
        likes=fields.number("likes"),
        created_at=fields.time("createdAt"),
        last_modified=fields.time("lastModified"),
    )
    return model._replace(repaired=unreadable_fields(fields.bad)) if fields.bad else model


class _Fields:
    """Reads an item's fields by type; ``bad`` names those that have another type or cannot be stored."""

    def __init__(self, item: dict[str, Any]) -> None:
        self._item = item
        self.bad: list[str] = []

    def text(self, name: str) -> str | None:
        value = self._item.get(name)
        if isinstance(value, str):
            return _without_surrogates(value)
        self._expect_null(name, value)
        return None

    def strings(self, name: str) -> list[str]:
        values = self._item.get(name)
        if not isinstance(values, list):
            self._expect_null(name, values)
            return []
        strings = [_without_surrogates(v) for v in values if isinstance(v, str)]
        if len(strings) < len(values):
            self.bad.append(name)
        return strings

    def number(self, name: str) -> int | None:
        value = self._item.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _INT64:
            return value
        self._expect_null(name, value)
        return None

    def time(self, name: str) -> int | None:
        """Returns microseconds since 1970, UTC."""
        value = self._item.get(name)
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self._expect_null(name, value)
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int((moment - _EPOCH).total_seconds() * 1_000_000)

    def _expect_null(self, name: str, value: object) -> None:
        if value is not None:
            self.bad.append(name)


def _file_names(siblings: object) -> set[str] | None:
    """Returns the names of a repository's files; None if the listing does not have them."""
    if not isinstance(siblings, list) or not siblings:
        return None
    return {s["rfilename"] for s in siblings if isinstance(s, dict) and isinstance(s.get("rfilename"), str)}


def _without_surrogates(text: str) -> str:
    return text.encode(errors="replace").decode()
