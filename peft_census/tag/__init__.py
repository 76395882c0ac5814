"""Tagging: an Arrow batch of cards in, an Arrow batch of mentions out. Nothing here touches a network."""

from peft_census.tag.batch import tag, tag_batch
from peft_census.tag.corrections import corrections_sha256
from peft_census.tag.generators import generators_sha256
from peft_census.tag.mentions import TAGGER_VERSION, CardReading, Mention, read_card
from peft_census.tag.taxonomy import load as load_taxonomy

__all__ = [
    "TAGGER_VERSION",
    "CardReading",
    "Mention",
    "corrections_sha256",
    "generators_sha256",
    "load_taxonomy",
    "read_card",
    "tag",
    "tag_batch",
]
