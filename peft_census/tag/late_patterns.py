"""Patterns that are compiled when they are first used, so that a command that reads no card does not wait for them."""

from __future__ import annotations

import re
from typing import Any, cast


class _LatePattern:
    """Acts as the compiled pattern; each of its methods is looked up once."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(re.compile(self._text, re.IGNORECASE), name)  # re keeps the compiled pattern
        setattr(self, name, found)
        return found


def any_of(*parts: str) -> re.Pattern[str]:
    """Returns one pattern for all alternatives, in any case."""
    return cast(re.Pattern[str], _LatePattern("|".join(parts)))
