"""The records that tagging one card returns: its mentions, its rejected candidates and facts about the card.

``batch`` turns them into Arrow, the only form in which other packages exchange them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from peft_census.tag.adapter_config import AdapterConfig
from peft_census.tag.disambiguation import RejectedCandidate
from peft_census.tag.interpretation import Cue


@dataclass(frozen=True)
class Mention:
    """One row of the table ``mentions``, without the model id. ``docs/data-dictionary.md`` explains the columns."""

    technique: str
    evidence_level: str
    location: str | None
    start: int | None
    end: int | None
    matched: str
    form: str
    disambiguation_rule: str | None = None
    polarity: str = "affirmed"
    applied: bool = False
    cue: Cue | None = None
    generator: str | None = None
    sentence: int | None = None
    correction: str | None = None


@dataclass(frozen=True)
class Fingerprint:
    """What near-duplicates are found by; see ``near_duplicates``.

    Args:
        key: 16 hex digits, equal for texts that differ only in names, numbers and links.
        signature: MinHash of the text and hash of the techniques, in hex.
    """

    key: str
    signature: str


@dataclass(frozen=True)
class TaggedCard:
    """What the tagger finds in one card.

    Args:
        mentions: in the order of the card.
        rejected: candidates that are not mentions.
        front_matter: parse status of the front matter; None without a card.
        generators: card generators that wrote a part of the card.
        unread_chars: characters that the tagger did not read because the card exceeds a limit.
        config: what ``adapter_config.json`` says; None without that file.
        base_models: base models that the front matter names.
        languages: languages that the front matter names.
        body: first character after the front matter.
        fingerprint: what near-duplicates are found by; None for cards without mentions.
    """

    mentions: list[Mention] = field(default_factory=list)
    rejected: list[RejectedCandidate] = field(default_factory=list)
    front_matter: str | None = None
    generators: list[str] = field(default_factory=list)
    unread_chars: int = 0
    config: AdapterConfig | None = None
    base_models: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    body: int = 0
    fingerprint: Fingerprint | None = None
