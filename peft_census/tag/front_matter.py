"""The YAML block at the head of a card, read tolerantly.

In: card text. Out: where the block stands, how its parsing went, and its data when it is a mapping.
Card text is hostile input: PyYAML's safe C loader only, limits on size, depth and aliases, never an exception.
The Hub's own client refuses many blocks that people wrote in earnest (leading text, a BOM, duplicate keys);
a census must read them and say how it went.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_CHARS = 200_000
"""A longer block is not parsed (``too_large``); its text is still searched."""
MAX_DEPTH = 60
MAX_ALIASES = 10
"""A few lines of YAML aliases and merge keys can stand for gigabytes; cards have no use for them."""

_ALIAS = re.compile(r"(?:^|[\s\[,{:-])\*[\w-]+(?=[\s,\]}]|$)", re.MULTILINE)
_OPEN = re.compile(r"\ufeff?\s*---[ \t]*(?:\r\n|\r|\n)")
_CLOSE = re.compile(r"(?:^|(?<=[\r\n]))---[ \t]*(?=\r|\n|\Z)")
_LATE_OPEN = re.compile(r"(?:^|(?<=[\r\n]))---[ \t]*(?:\r\n|\r|\n)(?=[ \t]*[A-Za-z_][\w -]*:)")
_LATE_WITHIN = 20_000
_KEY = re.compile(r"^[ \t]*[\"']?[A-Za-z_][\w -]{0,60}[\"']?[ \t]*:", re.MULTILINE)
_LIKELY_KEY = re.compile(
    r"^(?:license|licence|tags|language|library_name|base_model|pipeline_tag|datasets|model-index)[ \t]*:", re.MULTILINE
)


@dataclass(frozen=True)
class FrontMatter:
    """A parsed block.

    Args:
        status: as in the ``front_matter`` column of ``models``.
        start: first character of the block's inside; equal to ``end`` when there is none.
        end: one past the last character of the inside.
        after: where the rest of the card begins.
        data: the mapping, empty unless ``status`` is ``parsed``.
    """

    status: str
    start: int = 0
    end: int = 0
    after: int = 0
    data: dict[Any, Any] = field(default_factory=dict)

    def strings(self, key: str) -> list[str]:
        """Returns the text values under ``key``, whether written as one value, a list or a mapping's keys."""
        value = self.data.get(key)
        items = list(value) if isinstance(value, list | dict) else [] if value is None else [value]
        return [str(item) for item in items if isinstance(item, str | int | float | bool)]


class _Loader(yaml.CSafeLoader):
    """The safe C loader, with dates left as text."""


# Dates such as 2024-13-45 raise ValueError in the stock constructor, and no date is evidence: keep them text.
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read_front_matter(text: str) -> FrontMatter:
    """Returns the front matter of ``text``; never raises."""
    opening = _OPEN.match(text)
    if opening is None:
        opening = _late_block(text)
    if opening is None:
        return FrontMatter("none")
    start = opening.end()
    closing = _CLOSE.search(text, start)
    if closing is None:
        return FrontMatter("none")
    after = closing.end()
    status, data = parse(text[start : closing.start()])
    if status != "parsed" and not _KEY.search(text, start, closing.start()):
        return FrontMatter("none")  # prose between two rules
    return FrontMatter(status, start, closing.start(), after, data)


def _late_block(text: str) -> re.Match[str] | None:
    """Returns the opening of a block that stands behind other text, if its inside looks like metadata."""
    opening = _LATE_OPEN.search(text, 0, _LATE_WITHIN)
    if opening is None:
        return None
    closing = _CLOSE.search(text, opening.end())
    if closing is None or not _LIKELY_KEY.search(text, opening.end(), closing.start()):
        return None
    return opening


def parse(block: str) -> tuple[str, dict[Any, Any]]:
    """Returns ``(status, data)`` of a YAML block."""
    if len(block) > MAX_CHARS or len(_ALIAS.findall(block)) > MAX_ALIASES or _nested_too_deep(block):
        return "too_large", {}
    try:
        data = yaml.load(block, Loader=_Loader)  # noqa: S506 (a safe loader, made stricter)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError, MemoryError, AttributeError):
        return "invalid", {}
    if data is None:
        return "parsed", {}
    if not isinstance(data, dict):
        return "not_a_mapping", {}
    return "parsed", data


def _nested_too_deep(block: str) -> bool:
    """Says whether flow brackets nest deeper than any card needs; the parser would recurse as deep."""
    depth = 0
    for bracket in re.finditer(r"[\[\]{}]", block):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > MAX_DEPTH:
            return True
    return bool(re.search(r"(?:^|\n)(?:- ){60}| {400}\S", block))
