"""The tagger: finds the mentions of PEFT techniques in model cards.

``tag`` takes an Arrow batch of cards and returns an Arrow batch of mentions. ``read_card`` tags one card and also
returns the rejected candidates. ``load_taxonomy`` returns the techniques. ``TAGGER_VERSION`` and the hashes identify
what the result depends on besides the cards. This package opens no network connection.
"""

from peft_census.tag.batch import tag
from peft_census.tag.corrections import corrections_sha256
from peft_census.tag.generators import generators_sha256
from peft_census.tag.mentions import TAGGER_VERSION, read_card
from peft_census.tag.tagged_card import Mention, TaggedCard
from peft_census.tag.taxonomy import load_taxonomy

__all__ = [
    "TAGGER_VERSION",
    "Mention",
    "TaggedCard",
    "corrections_sha256",
    "generators_sha256",
    "load_taxonomy",
    "read_card",
    "tag",
]
