"""Computes the keys of near-duplicate cards. Cards that differ only in names, numbers and links have the same key.

In: the texts of cards. Out: a key for each. A key depends only on its own card: cards can be read in any order and on
several machines, and a cluster keeps its key in every snapshot. A MinHash cluster (Broder 1997) has neither property.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

_IGNORED = r"https?://\S+|[\w.-]+/[\w./-]+|[^a-z\x{80}-\x{10FFFF}]+"
"""Links, repository ids, paths, and everything except letters, in lower-case text."""

_SHORT_BODY = 40
"""A body with fewer characters than this is not distinctive. The whole card is then the text of the key."""
_MAX_CHARS = 200_000


def near_duplicate_keys(model_ids: Sequence[str], cards: Sequence[str], bodies: Sequence[int]) -> list[str]:
    """Returns a key of 16 hex digits for each card.

    The key is a hash of the body in lower case, without the model's name and owner, links, repository ids, numbers
    and punctuation. For a card that is almost only front matter, it is a hash of the whole card.

    Args:
        model_ids: ``owner/name``.
        cards: texts.
        bodies: first character after the front matter of each.
    """
    texts = [
        _without_own_name(model_id, card[body : body + _MAX_CHARS].lower())
        for model_id, card, body in zip(model_ids, cards, bodies, strict=True)
    ]
    plain = _plain(texts)
    short = [i for i, text in enumerate(plain) if len(text) < _SHORT_BODY]
    whole = _plain([_without_own_name(model_ids[i], cards[i][:_MAX_CHARS].lower()) for i in short])
    for i, text in zip(short, whole, strict=True):
        plain[i] = text
    return [hashlib.sha256(text.encode()).hexdigest()[:16] for text in plain]


def _without_own_name(model_id: str, text: str) -> str:
    owner, _, name = model_id.lower().rpartition("/")
    for part in (name, name.replace("-", " ").replace("_", " "), owner):
        if len(part) > 2:
            text = text.replace(part, " ")
    return text


def _plain(texts: list[str]) -> list[str]:
    return pc.utf8_trim(pc.replace_substring_regex(pa.array(texts, pa.string()), _IGNORED, " "), " ").to_pylist()  # type: ignore[no-any-return]
