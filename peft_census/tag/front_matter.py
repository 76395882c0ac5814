"""Parses the front matter of a card: the YAML block at its head.

In: the text of a card. Out: the span of the block, its parse status, and its data if it is a mapping. Cards are
untrusted input: only PyYAML's safe C loader parses them, size, depth and aliases are limited, and nothing raises.
The Hub's client rejects some blocks that this module reads, such as those with leading text, a BOM or duplicate keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_CHARS = 200_000
"""A longer block is not parsed (``too_large``). Its text is still searched for candidates."""
MAX_DEPTH = 60
MAX_ALIASES = 10
"""A few lines of YAML aliases can expand to gigabytes. Cards do not need them."""

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
    """The front matter of a card.

    Args:
        status: parse status, as in the column ``front_matter`` of ``models``.
        start: first character between the delimiters; equal to ``end`` without front matter.
        end: one past the last character between the delimiters.
        after: first character of the rest of the card.
        data: the mapping; empty unless ``status`` is ``parsed``.
    """

    status: str
    start: int = 0
    end: int = 0
    after: int = 0
    data: dict[Any, Any] = field(default_factory=dict)

    def strings(self, key: str) -> list[str]:
        """Returns the scalars of ``key`` as text: one value, the items of a list or the keys of a mapping."""
        value = self.data.get(key)
        items = list(value) if isinstance(value, list | dict) else [] if value is None else [value]
        plain = (i for i in items if isinstance(i, str | float) or (isinstance(i, int) and i.bit_length() < 1000))
        return [str(item) for item in plain]


class _Loader(yaml.CSafeLoader):
    """The safe C loader without conversion of dates."""


# The default constructor raises ValueError for a date such as 2024-13-45.
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read_front_matter(text: str) -> FrontMatter:
    """Returns the front matter of ``text``; raises nothing."""
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
    status, data = _parse(text[start : closing.start()])
    if status != "parsed" and not _KEY.search(text, start, closing.start()):
        return FrontMatter("none")  # prose between two horizontal rules
    return FrontMatter(status, start, closing.start(), after, data)


def _late_block(text: str) -> re.Match[str] | None:
    """Returns the opening delimiter of a block that follows other text, if the block looks like metadata."""
    opening = _LATE_OPEN.search(text, 0, _LATE_WITHIN)
    if opening is None:
        return None
    closing = _CLOSE.search(text, opening.end())
    if closing is None or not _LIKELY_KEY.search(text, opening.end(), closing.start()):
        return None
    return opening


def _parse(block: str) -> tuple[str, dict[Any, Any]]:
    """Returns ``(status, data)`` of a YAML block."""
    if len(block) > MAX_CHARS or len(_ALIAS.findall(block)) > MAX_ALIASES or _nested_too_deep(block):
        return "too_large", {}
    try:
        data = yaml.load(block, Loader=_Loader)  # noqa: S506 (a subclass of a safe loader)
    except (
        yaml.YAMLError,
        ValueError,
        TypeError,
        RecursionError,
        OverflowError,
        MemoryError,
        AttributeError,
        LookupError,
    ):
        return "invalid", {}
    if data is None:
        return "parsed", {}
    if not isinstance(data, dict):
        return "not_a_mapping", {}
    return "parsed", data


def _nested_too_deep(block: str) -> bool:
    """Returns whether the block nests more deeply than ``MAX_DEPTH``. The parser recurses to that depth."""
    depth = 0
    for bracket in re.finditer(r"[\[\]{}]", block):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > MAX_DEPTH:
            return True
    return bool(re.search(r"(?:^|\n)(?:- ){60}| {400}\S", block))
