"""Near-duplicate cards: one key for all cards that differ only in names, numbers and links.

In: card texts. Out: a key for each. A key depends on its own card alone, so that cards can be read in any order,
in parts and on many machines, and a cluster keeps its key from one snapshot to the next; a MinHash cluster
(Broder 1997) has neither property.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

_NOISE = r"https?://\S+|[\w.-]+/[\w./-]+|[^a-z\x{80}-\x{10FFFF}]+"
"""Links, repository ids and paths, then everything but letters; on lower-case text."""

_FEW_WORDS = 40
"""A body of fewer characters than this says nothing of its own; then the front matter is read too."""
_MAX_CHARS = 200_000


def near_duplicate_keys(model_ids: Sequence[str], cards: Sequence[str], bodies: Sequence[int]) -> list[str]:
    """Returns a key of 16 hex digits for each card; near-duplicates have the same.

    The body in lower case, without the model's own name and owner, links, repository ids, numbers and
    punctuation is hashed. A card that is nearly all front matter is taken whole.

    Args:
        model_ids: ``owner/name``.
        cards: texts.
        bodies: where the text after the front matter begins in each.
    """
    texts = [
        _without_own_name(model_id, card[body : body + _MAX_CHARS].lower())
        for model_id, card, body in zip(model_ids, cards, bodies, strict=True)
    ]
    plain = _plain(texts)
    short = [i for i, text in enumerate(plain) if len(text) < _FEW_WORDS]
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
    return pc.utf8_trim(pc.replace_substring_regex(pa.array(texts, pa.string()), _NOISE, " "), " ").to_pylist()  # type: ignore[no-any-return]
