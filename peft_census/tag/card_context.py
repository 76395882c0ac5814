"""Finds facts about a whole card on which the interpretation of its mentions depends.

In: a card, its front matter and its accepted candidates. Out: a ``CardContext``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from peft_census.tag.disambiguation import AcceptedCandidate
from peft_census.tag.front_matter import FrontMatter

_OWN_LOAD = re.compile(
    r"(?:PeftModel\w*|PeftConfig|AutoPeftModel\w*|load_lora\w*|load_adapter|load_attn_procs|set_adapters|"
    r"load_textual_inversion)\b"
)
_OWN_LOAD_SIGNS = ("Peft", "load_", "set_adapters")
"""Every text that the pattern matches contains one of these. A search for literal text first is faster."""
_PEFT_VERSION = re.compile(r"^\W{0,4}PEFT:? [0-9]+\.[0-9]", re.MULTILINE)
_FOR_TRAINING = re.compile(
    r"training[- ]only|(?:base|checkpoint|model|weights)\b[^.\n]{0,80}\bfor (?:native |custom |further )?"
    r"(?:Q?LoRA|DoRA|adapter)s?(?:/\w+)? (?:fine-?)?t(?:rain|un)ing",
    re.IGNORECASE,
)
_FOR_TRAINING_SIGNS = (re.compile(r"ng[- ]only"), re.compile(r"for (?:\w+ )?(?:q?lora|dora|adapter)"))
"""The same for the pattern above, in lower case."""
_OPENING_CHARS = 4000


@dataclass(frozen=True)
class CardContext:
    """What a card says about its model.

    Args:
        adapter: the model is an adapter: its tags or library say so, or code in the card loads it as one.
        for_training: the model is a base on which others can train adapters.
    """

    adapter: bool = False
    for_training: bool = False


def find_card_context(
    text: str, model_id: str, front: FrontMatter, accepted: Sequence[AcceptedCandidate]
) -> CardContext:
    """Returns the context of a card.

    Args:
        text: the card.
        model_id: its model.
        front: its front matter.
        accepted: its accepted candidates.
    """
    tags = {t.lower() for t in front.strings("tags")}
    libraries = {t.lower() for t in front.strings("library_name")}
    names = {model_id, model_id.rpartition("/")[2]}
    loads_itself = (
        any(sign in text for sign in _OWN_LOAD_SIGNS)
        and _OWN_LOAD.search(text) is not None
        and any(re.search(r"[\"']" + re.escape(name) + r"[\"'/]", text) for name in names if len(name) > 2)
    )
    adapter = (
        any(a.location == "front_matter" and a.candidate.form == "alias" for a in accepted)
        or "peft" in libraries | tags
        or any(t.startswith("base_model:adapter:") for t in tags)
        or loads_itself
        or ("PEFT" in text and _PEFT_VERSION.search(text) is not None)
    )
    end = front.after + _OPENING_CHARS
    opening = text[front.after : end].lower()
    for_training = (
        any(sign.search(opening) for sign in _FOR_TRAINING_SIGNS)
        and _FOR_TRAINING.search(text, front.after, end) is not None
    )
    return CardContext(adapter and not for_training, for_training)
