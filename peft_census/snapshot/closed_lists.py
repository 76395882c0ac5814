"""The closed lists of ``closed_lists.toml``: what the public copy may say where the source is free text."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class ClosedLists:
    """Allowed values by kind; all in lower case, reasons with every number written ``000``."""

    languages: frozenset[str]
    tasks: frozenset[str]
    libraries: frozenset[str]
    licences: frozenset[str]
    sources: frozenset[str]
    reasons: frozenset[str]


@cache
def closed_lists() -> ClosedLists:
    """Returns the lists that ship with the package."""
    text = resources.files("peft_census.snapshot").joinpath("closed_lists.toml").read_text(encoding="utf-8")
    lists = tomllib.loads(text)
    return ClosedLists(
        languages=_words(lists["languages_two"], lists["languages_three"], lists["languages_more"]),
        tasks=_words(lists["tasks"]),
        libraries=_words(lists["libraries"]),
        licences=_words(lists["licences"]),
        sources=_words(lists["sources"]),
        reasons=frozenset(reason_form(reason) for reason in lists["reasons"]),
    )


def reason_form(reason: str) -> str:
    """Returns a reason as the list holds it: lower case, every number such as ``404`` or ``2,000,000`` as ``000``."""
    return re.sub(r"\b[0-9]{1,3}(,[0-9]{3})*\b", "000", reason.lower())


def _words(*texts: str) -> frozenset[str]:
    return frozenset(word for text in texts for word in text.split())
