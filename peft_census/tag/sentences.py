"""Finds the sentence around a mention.

In: a card and the span of a mention. Out: the sentence without markup, with the mention replaced by ``HERE``, and a
hash by which the same sentence is found in other cards.
"""

from __future__ import annotations

import hashlib
import re

from peft_census.tag.techniques import HERE

_REACH = 260
"""Most characters on either side of the mention."""
_SENTENCE_END = re.compile(
    r"(?<![A-Z])(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bal)(?<!\betc)(?<!\bE\.g)"
    r"[.!?](?=[\s\"')\]*<]|\Z)|[。！？]|\n[ \t>]*\n|"
    r"\n(?=[ \t>]*(?:[-*+•|#]|\d{1,3}[.)])[ \t])|(?i:<br ?/?>|</(?:p|li|td|tr|h\d)>)",
)
_TARGET = re.compile(r"\]\([^)\s]{0,500}\)?")
_VARIABLE = re.compile(r"`[^`]*`|(?<!\S)[^\s\d/_@\\]*[\d/_@\\]\S*|[^\w\s\0]+")
"""Code, numbers, links and names of models, which differ between the cards of one template; and punctuation."""
_DISTINCTIVE = 30
"""Bytes of letters from which a sentence is not written twice by chance."""


def sentence_around(text: str, start: int, end: int, floor: int, ceiling: int) -> str:
    """Returns the sentence around the mention ``text[start:end]``, which is replaced by ``HERE``.

    Args:
        text: the card.
        start: first character of the mention.
        end: one past its last character.
        floor: first character that the sentence may contain.
        ceiling: one past the last character that it may contain.
    """
    before = text[max(floor, start - _REACH) : start]
    after = text[end : min(ceiling, end + _REACH)]
    ends = [match.end() for match in _SENTENCE_END.finditer(before)]
    before = before[ends[-1] :] if ends else before
    if stop := _SENTENCE_END.search(after):
        after = after[: stop.start() + 1]
    return _plain(before) + HERE + _plain(after)


def _plain(text: str) -> str:
    """Returns the text without link targets, emphasis and line breaks, which the patterns ignore."""
    return re.sub(r"\s+", " ", _TARGET.sub("]", text).replace("**", "").replace("\u00a0", " "))


def sentence_hash(sentence: str, technique: str) -> int | None:
    """Returns a hash of a technique and its sentence, without names, numbers and links; None for a short sentence.

    Args:
        sentence: in lower case, with ``HERE`` instead of the mention.
        technique: id of the technique.
    """
    words = _VARIABLE.sub(" ", sentence).split()
    if len("".join(words).encode()) < _DISTINCTIVE:
        return None
    digest = hashlib.sha256(" ".join((technique, *words)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
