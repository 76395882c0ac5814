"""Fills sentence frames with the names of techniques, so that every technique is tested in the same sentences.

In: a frame, which is a card with ``{X}`` in the place of a name. Out: a card for each name of each technique.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from peft_census.tag import load_taxonomy
from peft_census.tag.techniques import Technique, normal_form

PLACE = "{X}"
_TWO_NAMES = re.compile(r"(.+?) \((.+)\)")
_NOT_A_SPELLING = re.compile(
    r"(?i:create |find |adapters?\Z|adapter transformers|adapterhub|pfeiffer\Z|houlsby\Z|lcm\Z)"  # functions and parts
    r"|[A-Z].*[ :].* .* [A-Z]\w+\Z"  # titles of papers
    r"|.*[^\x00-\x7f]|.*\W\Z|\\"  # other scripts and markup
)


def filled(frame: str) -> Iterator[tuple[str, str]]:
    """Yields ``(technique, card)`` for each name of each technique."""
    for technique in load_taxonomy().techniques.values():
        for name in own_spellings(technique):
            yield technique.id, frame.replace(PLACE, name)


@cache
def own_spellings(technique: Technique) -> tuple[str, ...]:
    """Returns the names of a technique as its authors write them: the display names, and aliases with other letters.

    A display name that is not an alias is a description. ``Polytropon (Poly)`` is two names.
    """
    two = _TWO_NAMES.fullmatch(technique.name)
    display = two.groups() if two else (technique.name,)
    known = {normal_form(alias.text).removesuffix("s") for alias in technique.aliases}
    names = {_key(name): name for name in display if normal_form(name).removesuffix("s") in known}
    for name in (alias.text for alias in technique.aliases):
        is_word = name == name.lower() and " " not in name
        if not names or not (is_word or _NOT_A_SPELLING.match(name)):
            names.setdefault(_key(name), name)
    return tuple(names.values())


def _key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower())
