"""Interprets a sentence: does it negate a technique, and does it say that the technique was applied to this model?

In: a ``SentenceContext``: the sentence around a mention, its location, the headings above it and facts about the card.
Out: an ``Interpretation``, with the cue that decided it. The clause around the mention decides first: its subject and
the class of its verb. Where the clause says nothing, patterns over the sentence decide, in this order: negation,
advice, a statement about the model, the facts about the card. Any parser with this input and output can replace
``interpret_sentence``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from peft_census.tag import sentence_patterns as patterns
from peft_census.tag.card_context import CardContext
from peft_census.tag.card_structure import Heading
from peft_census.tag.clauses import Act, Subject, read_clause


class Cue(StrEnum):
    """What decided an interpretation. The values are those of the column ``cue``."""

    INSIDE_NAME = "inside a name"
    PAPER_LINK = "link to the paper"
    LINK_TEXT = "text of a link"
    COMPARISON_ROW = "row of a comparison"
    TAG = "tag"
    PAPER_TAG = "paper tag"
    BASE_FOR_TRAINING = "a base meant for training adapters on"
    GENERIC_TAG = "generic tag beside lycoris"
    SWITCHED_OFF = "switched off"
    TRAINING_CONFIGURATION = "training configuration"
    RUN_SETTING = "setting of the run"
    EMPTY_SETTING = "empty setting"
    NO_ADAPTER_RUN = "setting of a run without an adapter"
    COMMENTED_OUT = "commented out"
    TOOL_TEXT = "text of a tool about other models"
    OTHER_MODEL = "about another model or version"
    COMPARED = "comparison"
    PLANNED = "planned"
    ABLATED = "ablation"
    MERGED = "merged into the model"
    CODE = "code"
    ADAPTER_CODE = "code of an adapter's card"
    NEGATED = "negated"
    BIBLIOGRAPHY = "bibliography"
    ADVICE = "advice or support"
    TRAINED_WITH = "trained with it"
    ASIDE = "aside, comparison or definition"
    OTHER_SECTION = "section is not about this model's training"
    STATED = "stated"
    TRAINING_SECTION = "section on training"
    OPENING = "opens the sentence"
    ADAPTER_CARD = "card is an adapter's"
    NO_STATEMENT = "no statement"
    TITLE = "title"
    HEADING = "heading"
    OTHER_HEADING = "heading of another matter"
    ADAPTER_CONFIG = "adapter_config.json"
    OTHER_TECHNIQUE = "another technique is stated"


WEAK_CUES = frozenset((Cue.ADAPTER_CARD, Cue.ADAPTER_CODE, Cue.OPENING))
"""Cues of an applied technique that a statement about another technique overrides."""
NEUTRAL_CUES = frozenset((Cue.NO_STATEMENT, Cue.CODE, Cue.HEADING, Cue.PAPER_LINK, Cue.BIBLIOGRAPHY))
"""Cues that neither affirm nor negate that the technique was applied."""


_NOT_APPLIED = {Act.ABLATED: Cue.ABLATED, Act.PLANNED: Cue.PLANNED, Act.ADVISED: Cue.ADVICE}
_APPLIED = {Act.TRAINED: Cue.TRAINED_WITH, Act.MERGED: Cue.MERGED}


@dataclass(frozen=True)
class Interpretation:
    """What one mention says.

    Args:
        negated: the technique was not used.
        applied: this model was trained with the technique.
        cue: what decided.
    """

    negated: bool
    applied: bool
    cue: Cue


@dataclass(frozen=True)
class SentenceContext:
    """A mention in a sentence, a heading or a table row, and what its interpretation depends on.

    Args:
        sentence: the sentence, with the mention replaced by ``HERE``.
        location: location of the mention.
        headings: the two innermost headings above the mention, innermost first.
        card: facts about the whole card.
        is_title: the mention is in the first heading of level 1.
    """

    sentence: str
    location: str
    headings: tuple[Heading, ...]
    card: CardContext
    is_title: bool = False


@lru_cache(maxsize=20_000)  # the sentences of card generators recur
def interpret_sentence(context: SentenceContext) -> Interpretation:
    """Returns what the sentence says about the technique."""
    sentence = context.sentence
    clause = read_clause(sentence)
    in_heading = context.location == "heading"
    if clause.act is Act.COMPARED and not in_heading:
        return Interpretation(False, False, Cue.COMPARED)
    if clause.act is Act.NEGATED or (
        patterns.NEGATED.search(sentence) and not patterns.NOT_A_NEGATION.search(sentence)
    ):
        return Interpretation(True, False, Cue.NEGATED)
    if context.location == "citation":
        return Interpretation(False, False, Cue.BIBLIOGRAPHY)
    if clause.subject is Subject.OTHER_MODEL and not in_heading:
        return Interpretation(False, False, Cue.OTHER_MODEL)
    if clause.act in _NOT_APPLIED:
        return Interpretation(False, False, _NOT_APPLIED[clause.act])
    if clause.act in _APPLIED and not in_heading and not patterns.MODAL.search(clause.text):
        return Interpretation(False, True, _APPLIED[clause.act])
    if patterns.ADVICE.search(sentence):
        return Interpretation(False, False, Cue.ADVICE)
    if context.location == "heading":
        return _interpret_heading(context)
    if patterns.TRAINED_WITH.search(sentence):
        return Interpretation(False, True, Cue.TRAINED_WITH)
    if patterns.ASIDE.search(sentence):
        return Interpretation(False, False, Cue.ASIDE)
    if not context.card.adapter and any(patterns.OTHER_SECTION.search(h.text) for h in context.headings):
        return Interpretation(False, False, Cue.OTHER_SECTION)
    if patterns.STATED.search(sentence):
        return Interpretation(False, True, Cue.STATED)
    if any(patterns.TRAINING_SECTION.search(h.text) for h in context.headings):
        return Interpretation(False, True, Cue.TRAINING_SECTION)
    if context.location == "prose" and patterns.OPENING.match(sentence):
        return Interpretation(False, True, Cue.OPENING)
    if context.card.adapter:
        return Interpretation(False, True, Cue.ADAPTER_CARD)
    return Interpretation(False, False, Cue.NO_STATEMENT)


def _interpret_heading(context: SentenceContext) -> Interpretation:
    """Interprets a heading. The title says what the model is; another heading says what its section is about."""
    headings = context.headings
    if patterns.ASIDE.search(context.sentence) or any(patterns.OTHER_SECTION.search(h.text) for h in headings):
        return Interpretation(False, False, Cue.OTHER_HEADING)
    if context.is_title:
        return Interpretation(False, True, Cue.TITLE)
    return Interpretation(False, context.card.adapter, Cue.HEADING)
