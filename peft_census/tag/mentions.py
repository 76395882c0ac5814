"""Tags one card: finds its mentions of techniques.

In: a model id, its card and its ``adapter_config.json``. Out: a ``TaggedCard`` with a mention for every place at which
the card names a technique, and the evidence for it. ``batch`` does this for Arrow batches. The steps are:

1. ``candidates``: find names, classes, titles and arXiv ids of techniques;
2. ``location``: find the part of the card that contains each candidate;
3. ``disambiguation``: decide which ambiguous names are mentions;
4. ``card_interpreter`` and ``interpretation``: decide whether a mention is negated, and whether it is applied;
5. ``generators``: find out which card generator wrote the mention, if any;
6. ``resolve_mentions``: compare the mentions of the card with one another;
7. ``adapter_config`` and ``corrections``: add the evidence of the configuration, and apply declared corrections.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from peft_census.snapshot.manifest import root_of
from peft_census.tag.adapter_config import read_adapter_config
from peft_census.tag.candidates import Candidate, bundled_scanner
from peft_census.tag.card_interpreter import CardInterpreter
from peft_census.tag.card_structure import CardStructure
from peft_census.tag.corrections import apply_corrections, bundled_corrections
from peft_census.tag.disambiguation import AcceptedCandidate, Disambiguator, Rejection, reject
from peft_census.tag.front_matter import read_front_matter
from peft_census.tag.generators import GeneratedSpan, find_generated_spans
from peft_census.tag.interpretation import NEUTRAL_CUES, WEAK_CUES, Cue, Interpretation
from peft_census.tag.location import CandidateLocator, LocatedCandidate
from peft_census.tag.names import run_around
from peft_census.tag.tagged_card import Mention, TaggedCard
from peft_census.tag.taxonomy import load_taxonomy

TAGGER_VERSION = "4"
"""Incremented whenever the tagger finds other mentions in the same card."""

MAX_CARD_CHARS = 1_000_000
MAX_CANDIDATES = 2_000
"""Limits of a card. ``unread_chars`` counts the characters beyond them."""
_MAX_VALUES = 20
_MAX_VALUE_CHARS = 200
_OPENING_CHARS = 1_500
_FILE_NAME = re.compile(r"\.\w{1,11}$")


def read_card(model_id: str, card: str | None, adapter_config: str | None = None) -> TaggedCard:
    """Returns what the tagger finds in a card and in its ``adapter_config.json``; None stands for a missing file."""
    tagged = TaggedCard() if card is None else _read_text(model_id, card)
    if adapter_config is not None:
        config = read_adapter_config(adapter_config, load_taxonomy())
        configured = [
            Mention(
                m.technique, "configured", None, None, None, m.matched, "config", applied=True, cue=Cue.ADAPTER_CONFIG
            )
            for m in config.mentions
        ]
        tagged = replace(tagged, config=config, mentions=tagged.mentions + configured)
    if corrections := bundled_corrections().get(model_id):
        tagged = replace(tagged, mentions=apply_corrections(tagged.mentions, corrections))
    return tagged


def _read_text(model_id: str, card: str) -> TaggedCard:
    text = card[:MAX_CARD_CHARS]
    taxonomy, scanner = load_taxonomy(), bundled_scanner()
    front = read_front_matter(text)
    structure = CardStructure(text, front)
    locator = CandidateLocator(text, model_id, front, structure)
    candidates = scanner.find(text, MAX_CANDIDATES + 1)
    located: list[LocatedCandidate] = []
    prompts: list[Candidate] = []
    unread_chars = len(card) - len(text)
    for candidate in candidates:
        if len(located) >= MAX_CANDIDATES:
            unread_chars += len(text) - candidate.start
            break
        if (place := locator.locate(candidate)) is None:
            prompts.append(candidate)
        else:
            located.append(place)

    def find_shorter(candidate: Candidate) -> LocatedCandidate | None:
        shorter = scanner.find_shorter(text, candidate)
        return None if shorter is None else locator.locate(shorter)

    accepted, rejected = Disambiguator(text, front, taxonomy, find_shorter).decide(located)
    mentions: list[Mention] = []
    spans: list[GeneratedSpan] = []
    if accepted:
        spans = find_generated_spans(text, front)
        interpreter = CardInterpreter(text, model_id, front, structure, accepted)
        mentions = resolve_mentions(
            [_mention(a, text, interpreter, spans) for a in accepted],
            partial(root_of, techniques=taxonomy.techniques),
            front.after,
        )
    return TaggedCard(
        mentions=mentions,
        rejected=[reject(candidate, text, Rejection.EXAMPLE_PROMPT) for candidate in prompts] + rejected,
        front_matter=front.status,
        generators=sorted({span.generator for span in spans}),
        unread_chars=unread_chars,
        base_models=_first_values(front.strings("base_model")),
        # YAML 1.1 parses no, the code of Norwegian, as False.
        languages=["no" if v == "False" else v for v in _first_values(front.strings("language"))],
        body=front.after,
    )


def _mention(
    accepted: AcceptedCandidate, text: str, interpreter: CardInterpreter, spans: Sequence[GeneratedSpan]
) -> Mention:
    candidate, location = accepted.candidate, accepted.location
    span = next((s for s in spans if s.start <= candidate.start < s.end), None)
    if span and span.about_others and location != "name":
        interpretation = Interpretation(False, False, Cue.TOOL_TEXT)
    else:
        interpretation = interpreter.interpret(accepted)
    return Mention(
        technique=candidate.technique,
        evidence_level="tagged" if location == "front_matter" else "named",
        location=location,
        start=candidate.start,
        end=candidate.end,
        matched=candidate.matched(text),
        form=_form(candidate, location, text),
        disambiguation_rule=accepted.disambiguation_rule,
        polarity="negated" if interpretation.negated else "affirmed",
        applied=interpretation.applied,
        cue=interpretation.cue,
        generator=span.generator if span else None,
        sentence=interpreter.sentence_hash(accepted),
    )


def _form(candidate: Candidate, location: str, text: str) -> str:
    """Returns the form, in which an alias inside a file name is a ``file`` and one inside an option an ``option``."""
    if candidate.form != "alias":
        return candidate.form
    start, end = run_around(text, candidate.start, candidate.end)
    run = text[start:end]
    if location == "name":
        return "file" if _FILE_NAME.search(run) and "://" not in run else "alias"
    return "option" if "_" in run or run.startswith("--") else "alias"


def _first_values(values: list[str]) -> list[str]:
    """Returns the first values that are not blank, truncated."""
    return [v.strip()[:_MAX_VALUE_CHARS] for v in values if v.strip()][:_MAX_VALUES]


def resolve_mentions(mentions: list[Mention], root: Callable[[str], str], body: int) -> list[Mention]:
    """Returns the mentions of one card after a comparison with one another.

    A weak cue does not make a technique applied that a setting of the card switches off. If the card states which
    technique was applied, a weak cue no longer makes another technique applied, except for
    a variant of that technique. If no mention states anything and only one technique is cited, in the opening of the
    card or by a configuration class, that technique is applied.

    Args:
        mentions: of one card.
        root: returns the technique that a variant belongs to.
        body: first character after the front matter.
    """
    off = {m.technique for m in mentions if m.cue is Cue.SWITCHED_OFF}
    mentions = [
        replace(m, applied=False, cue=Cue.SWITCHED_OFF)
        if m.technique in off and m.applied and m.cue in WEAK_CUES
        else m
        for m in mentions
    ]
    stated = {m.technique for m in mentions if m.applied and m.cue not in WEAK_CUES}
    if stated:
        return [
            replace(m, applied=False, cue=Cue.OTHER_TECHNIQUE)
            if m.applied and m.cue in WEAK_CUES and not {m.technique, root(m.technique)} & stated
            else m
            for m in mentions
        ]
    cited = {m.technique for m in mentions if m.location != "name"}
    neutral = all(m.location == "name" or m.cue in NEUTRAL_CUES for m in mentions)
    if len(cited) == 1 and neutral and not any(m.applied for m in mentions):
        return [
            replace(m, applied=(m.cue is Cue.NO_STATEMENT and _in_opening(m, body)) or m.form == "class")
            for m in mentions
        ]
    return mentions


def _in_opening(mention: Mention, body: int) -> bool:
    """Returns whether a mention is in the opening of the body, which describes the model."""
    return mention.start is not None and mention.start - body < _OPENING_CHARS
