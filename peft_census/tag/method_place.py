"""Decides whether an ambiguous name stands where a sentence names a training method.

In: a name that is also an ordinary word, and the card. Out: the sign by which it names the technique, or None. "LoRA"
is a mention wherever it stands; "Bone" is one in "fine-tuned with Bone" and in "Method: Bone", not in "Bone scans".
What the card says elsewhere decides about places such as a heading or a list item, which hold any word.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

from peft_census.tag.clauses import clause_around
from peft_census.tag.front_matter import FrontMatter
from peft_census.tag.place_patterns import (
    BASE_AND,
    CHOSEN,
    COMPARED,
    END,
    FEATURES,
    IMAGE_SUBJECT,
    IN_OPTION,
    IS_METHOD,
    IS_SOURCE,
    ITEM,
    LABEL,
    MEANS,
    METHOD_NOUN,
    NAMES_PEFT,
    OBJECT,
    OWN_WEIGHTS,
    RUN_FIGURES,
    RUN_HEADING,
    RUN_NOUN,
    SETTING,
    TITLE,
    TRAINING,
    TUNED,
)
from peft_census.tag.sentences import sentence_around
from peft_census.tag.techniques import HERE

_REACH = 260
"""Most characters on either side of a name that belong to its sentence."""


class MethodSign(StrEnum):
    """Why an ambiguous name is a mention. The values occur in the column ``disambiguation_rule``."""

    SETTING = "value_of_a_method_setting"
    TRAINED_WITH = "object_of_training"
    LABEL = "after_a_method_label"
    METHOD_NOUN = "before_a_method_noun"
    ADAPTER_CARD = "place_in_an_adapter_card"


_NO_TEXT = frozenset(("name", "link", "citation"))


@dataclass(frozen=True)
class _Place:
    """What a sentence says about the name ``HERE`` in it.

    Args:
        sign: the sign that is enough in any card.
        method_noun: a noun such as adapter or weights follows, which is enough in the card of an adapter.
        item: the name is a whole list item, heading or cell, which is enough in a card that names PEFT.
        compared: a means, or compared with other tuning, which is enough in the card of an adapter.
    """

    sign: MethodSign | None
    method_noun: bool = False
    item: bool = False
    compared: bool = False


@lru_cache(maxsize=20_000)
def _names_setting(line: str) -> bool:
    return SETTING.search(line) is not None


@lru_cache(maxsize=20_000)
def _read_place(sentence: str) -> _Place:
    if IN_OPTION.search(sentence) or IS_SOURCE.search(sentence):
        return _Place(None)
    clause = clause_around(sentence)
    ends = END.match(clause.partition(HERE)[2]) is not None
    is_means = ends and MEANS.search(clause) is not None
    if (is_means and TRAINING.search(clause)) or (ends and OBJECT.search(clause)) or OWN_WEIGHTS.search(clause):
        return _Place(MethodSign.TRAINED_WITH)
    if ends and LABEL.search(sentence):
        return _Place(MethodSign.LABEL)
    if IS_METHOD.search(sentence) and (ends or not sentence.isascii()):
        return _Place(MethodSign.LABEL)
    if CHOSEN.search(sentence) or BASE_AND.search(sentence):
        return _Place(MethodSign.TRAINED_WITH)
    if RUN_NOUN.search(clause) and RUN_FIGURES.search(sentence):
        return _Place(MethodSign.METHOD_NOUN)
    method_noun = METHOD_NOUN.search(clause) is not None
    if method_noun and (TUNED.search(clause) or NAMES_PEFT.search(sentence)):
        return _Place(MethodSign.METHOD_NOUN)
    item = ends and (ITEM.match(sentence) or TITLE.match(sentence)) is not None
    return _Place(None, method_noun, item, is_means or (ends and COMPARED.search(sentence) is not None))


class MethodPlaces:
    """Finds the signs for the ambiguous names of one card.

    Args:
        text: the card.
        front: its front matter.
    """

    def __init__(self, text: str, front: FrontMatter) -> None:
        self._text = text
        self._front = front

    def is_setting(self, start: int, end: int, location: str) -> bool:
        """Returns whether ``text[start:end]`` is the value of a setting that selects a method."""
        return location not in _NO_TEXT and _names_setting(self._sentence(start, end, "code"))

    def sign(self, start: int, end: int, location: str) -> MethodSign | None:
        """Returns the sign by which ``text[start:end]`` names a technique; None if there is none."""
        if location in _NO_TEXT or location == "front_matter":
            return None
        place = _read_place(self._sentence(start, end, location))
        if place.sign is not None:
            return place.sign
        if place.method_noun and self.is_adapter:
            return MethodSign.METHOD_NOUN
        if location == "heading" and self._heads_a_run(start, end):
            return MethodSign.METHOD_NOUN
        if (place.item and self._names_peft and not self._shows_subjects) or (
            place.compared and self.is_adapter and not self._shows_subjects
        ):
            return MethodSign.ADAPTER_CARD
        return None

    def _heads_a_run(self, start: int, end: int) -> bool:
        """Returns whether the heading is a name and a noun, and the lines below it give figures of a training run."""
        below = self._text[end : end + _REACH].partition("\n")[2]
        return RUN_HEADING.match(self._sentence(start, end, "heading")) is not None and bool(RUN_FIGURES.search(below))

    def _sentence(self, start: int, end: int, location: str) -> str:
        """Returns the sentence of a name; in a heading, table or code, and in the front matter, its line."""
        floor, ceiling = max(0, start - _REACH), end + _REACH
        if location != "prose":
            floor = max(floor, self._text.rfind("\n", floor, start) + 1)
            stop = self._text.find("\n", end, ceiling)
            return self._text[floor:start] + HERE + self._text[end : ceiling if stop < 0 else stop]
        return sentence_around(self._text, start, end, floor, ceiling)

    @cached_property
    def _shows_subjects(self) -> bool:
        """Whether the card is about an image model, whose LoRAs have the names of people and things."""
        return IMAGE_SUBJECT.search(self._text) is not None

    @cached_property
    def _names_peft(self) -> bool:
        """Whether the card says that its model is tuned with PEFT."""
        tags = {t.lower() for t in self._front.strings("tags")}
        libraries = {t.lower() for t in self._front.strings("library_name")}
        return (
            "peft" in tags | libraries
            or any(t.startswith("base_model:adapter:") for t in tags)
            or NAMES_PEFT.search(self._text, self._front.after) is not None
        )

    @cached_property
    def is_adapter(self) -> bool:
        """Whether the card names PEFT, or two features of an adapter."""
        if self._names_peft:
            return True
        signs = [sign.search(self._text, self._front.after) is not None for sign in FEATURES]
        return bool(self._front.strings("base_model")) + sum(signs) >= 2
