"""Decides which ambiguous names are mentions: "Vera", "road" or "EVA" name a technique only in some contexts.

In: the candidates of one card with their locations. Out: the accepted and the rejected candidates, each with the
reason. First each candidate is checked against the disambiguation rules of its name. Then the rejected candidates are
re-evaluated with the whole card. These names, in the column ``disambiguation_rule``, accept a candidate:

- ``named_in_full``: an accepted candidate elsewhere in the card is a mention of the same technique;
- ``adapter_card_tag``: the name is a whole tag in a card whose front matter names PEFT or an adapter;
- ``beside_technique``: the name is an item of a list, a cell or brackets, close to another technique.

All three require the technique's usual capitalization, and none overrides the ``unless`` of a rule.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from peft_census.tag.candidates import Candidate
from peft_census.tag.front_matter import FrontMatter
from peft_census.tag.location import LocatedCandidate
from peft_census.tag.method_place import MethodPlaces, MethodSign
from peft_census.tag.names import run_around
from peft_census.tag.techniques import DisambiguationRule, Taxonomy

_CLOSE = 120
"""Most characters between a candidate and another technique that is close to it."""
_ITEM_START = re.compile(
    r"(?:[|,;/(（\[、，+&]|\n[ \t>]*(?:[-*+•]|\d{1,2}[.)])|\b(?:and|or|und|et|y|e|vs\.?)|和|与|や)[\s*_`\"']{0,4}\Z"
)
_ITEM_END = re.compile(
    r"[\s*_`\"']{0,4}(?:[|,;:/)）\].、，+&(（]|\r?\n|\b(?:and|or|und|et|y|e|vs\.?)\b|和|与|や|→|=|\d|\Z)"
)
_TEXT_TASKS = frozenset(
    """text-generation text2text-generation text-classification token-classification question-answering summarization
    translation fill-mask conversational feature-extraction sentence-similarity""".split()
)
_SENTENCE_END = re.compile(r"[.!?]\s|[。！？]|\n\s*\n")
_ONE_WORD = re.compile(r"[A-Za-z]+(?:[-\u2010-\u2014][A-Za-z]+)*")

FindShorter = Callable[[Candidate], LocatedCandidate | None]


class Rejection(StrEnum):
    """Why a candidate is not a mention."""

    EXAMPLE_PROMPT = "example_prompt"
    EXCLUDED_BY_CONTEXT = "excluded_by_context"
    NO_SUPPORTING_CONTEXT = "no_supporting_context"


@dataclass(frozen=True)
class AcceptedCandidate:
    """A candidate that is a mention, its location, and the name of the rule that accepted it."""

    candidate: Candidate
    location: str
    disambiguation_rule: str | None


@dataclass(frozen=True)
class RejectedCandidate:
    """A candidate that is not a mention.

    Args:
        technique: technique id.
        start: first character.
        end: one past the last character.
        matched: the text, at most 200 characters.
        reason: why it is not a mention.
        disambiguation_rule: name of the rule that rejected it; None for an example prompt.
    """

    technique: str
    start: int
    end: int
    matched: str
    reason: Rejection
    disambiguation_rule: str | None = None


def reject(candidate: Candidate, text: str, reason: Rejection, rule: str | None = None) -> RejectedCandidate:
    """Returns the record of a candidate of the card ``text`` that is not a mention."""
    return RejectedCandidate(candidate.technique, candidate.start, candidate.end, candidate.matched(text), reason, rule)


class Disambiguator:
    """Decides the candidates of one card.

    Args:
        text: the card.
        front: its front matter.
        taxonomy: the disambiguation rules.
        find_shorter: returns the shorter name inside a rejected candidate, or None.
    """

    def __init__(self, text: str, front: FrontMatter, taxonomy: Taxonomy, find_shorter: FindShorter) -> None:
        self._text = text
        self._front = front
        self._rules = taxonomy.disambiguation_rules
        self._find_shorter = find_shorter
        self._accepted_by_card: dict[str, bool] = {}
        self._places = MethodPlaces(text, front)

    def decide(self, candidates: Sequence[LocatedCandidate]) -> tuple[list[AcceptedCandidate], list[RejectedCandidate]]:
        """Returns the accepted candidates in the order of the card, and the rejected ones."""
        results = [(located, self._apply_rules(located)) for located in candidates]
        accepted = [result for _, result in results if isinstance(result, AcceptedCandidate)]
        cited = [a.candidate for a in accepted if a.location != "name"]
        techniques = {candidate.technique for candidate in cited}
        rejected: list[RejectedCandidate] = []
        for located, result in results:
            if isinstance(result, AcceptedCandidate):
                continue
            rule = None
            if result.reason is not Rejection.EXCLUDED_BY_CONTEXT and _has_usual_letters(located.candidate, self._text):
                rule = self._reevaluate(located, techniques, cited)
            if rule:
                accepted.append(AcceptedCandidate(located.candidate, located.location, rule))
                continue
            rejected.append(result)
            accepted += self._accept_shorter(located)
        return sorted(accepted, key=lambda a: a.candidate.start), rejected

    def _accept_shorter(self, located: LocatedCandidate) -> list[AcceptedCandidate]:
        """Returns the longest name inside a rejected candidate of several words that its own rule accepts.

        "Anna's LoRA" names LoRA, not S-LoRA. "x-lora" in a sentence is one word, so it never names LoRA.
        """
        candidate = located.candidate
        span = (candidate.start, candidate.end)
        first, last = run_around(self._text, *span)
        first = max(first, self._text.rfind("=", first, candidate.start) + 1)  # algo=x-lora
        if _ONE_WORD.fullmatch(self._text, *span) and (first, last) == span:
            return []
        shorter = self._find_shorter(candidate)
        while shorter is not None:
            result = self._apply_rules(shorter)
            if isinstance(result, AcceptedCandidate):
                return [result]
            shorter = self._find_shorter(shorter.candidate)
        return []

    def _apply_rules(self, located: LocatedCandidate) -> AcceptedCandidate | RejectedCandidate:
        """Checks a candidate against the rules of its aliases. One rule that accepts is enough."""
        candidate, location = located.candidate, located.location
        rules = [self._rules[a.disambiguation_rule] for a in candidate.aliases if a.disambiguation_rule]
        result: AcceptedCandidate | RejectedCandidate = AcceptedCandidate(candidate, location, None)
        if len(rules) < len(candidate.aliases):  # one of the aliases is not ambiguous
            return result
        for rule in rules:
            window = rule.window_around(self._text, candidate.start, candidate.end)
            if rule.unless and rule.unless.search(window):
                if isinstance(result, AcceptedCandidate):
                    result = reject(candidate, self._text, Rejection.EXCLUDED_BY_CONTEXT, rule.name)
            elif location in rule.locations or (rule.near and rule.near.search(window)) or self._matches_card(rule):
                return AcceptedCandidate(candidate, location, rule.name)
            elif rule.place and (sign := self._method_sign(candidate, rule, location)):
                return AcceptedCandidate(candidate, location, sign)
            else:
                result = reject(candidate, self._text, Rejection.NO_SUPPORTING_CONTEXT, rule.name)
        return result

    def _method_sign(self, candidate: Candidate, rule: DisambiguationRule, location: str) -> str | None:
        """Returns the sign of the place of a candidate that is spelled as the technique, or in capitals."""
        matched = self._text[candidate.start : candidate.end]
        if self._places.is_setting(candidate.start, candidate.end, location):
            return MethodSign.SETTING
        texts = [alias.text for alias in candidate.aliases if alias.disambiguation_rule == rule.name]
        if not any(_is_own_spelling(text, matched) for text in texts):
            return None
        if rule.place == "setting" or (rule.place == "adapter_card" and not self._places.is_adapter):
            return None
        sign = self._places.sign(candidate.start, candidate.end, location)
        is_word = matched.islower() and matched.isalpha()
        return None if is_word and sign is MethodSign.METHOD_NOUN else sign  # "a deft fine-tune"

    def _matches_card(self, rule: DisambiguationRule) -> bool:
        """Returns whether ``anywhere`` matches the card; searches once per rule."""
        if rule.anywhere is None:
            return False
        if rule.name not in self._accepted_by_card:
            self._accepted_by_card[rule.name] = bool(rule.anywhere.search(self._text))
        return self._accepted_by_card[rule.name]

    def _reevaluate(self, located: LocatedCandidate, techniques: set[str], cited: list[Candidate]) -> str | None:
        """Returns the name under which the whole card accepts a candidate; None if it does not.

        Args:
            located: the candidate that its rules rejected.
            techniques: techniques of the accepted candidates outside names.
            cited: these candidates, in the order of the card.
        """
        candidate = located.candidate
        if located.location == "citation":  # surnames
            return None
        if candidate.technique in techniques:
            return "named_in_full"
        if located.location == "front_matter":
            if not self._is_whole_tag(candidate):
                return None
            return "adapter_card_tag" if self._is_adapter_card() or self._is_only_tag(candidate) else None
        before = self._text[max(0, candidate.start - 12) : candidate.start]
        after = self._text[candidate.end : candidate.end + 8]
        if located.location == "name" or not _ITEM_START.search(before) or not _ITEM_END.match(after):
            return None
        at = bisect_left(cited, candidate.start, key=lambda c: c.start)
        is_beside = any(
            c.technique != candidate.technique and self._is_close(*sorted((c, candidate), key=lambda c: c.start))
            for c in cited[max(0, at - 2) : at + 2]
        )
        return "beside_technique" if is_beside else None

    def _is_close(self, first: Candidate, second: Candidate) -> bool:
        """Returns whether two candidates are close to each other, with no end of a sentence between them."""
        gap = self._text[first.end : second.start]
        return len(gap) <= _CLOSE and _SENTENCE_END.search(gap) is None

    def _is_whole_tag(self, candidate: Candidate) -> bool:
        before = self._text[max(0, candidate.start - 3) : candidate.start]
        after = self._text[candidate.end : candidate.end + 2]
        return bool(re.search(r"(?:-[ \t]+|[\[,]\s?)[\"']?\Z", before) and re.match(r"[\"']?(?:\s|[,\]]|\Z)", after))

    def _is_only_tag(self, candidate: Candidate) -> bool:
        """Returns whether a tag in its own capitals is in the card of a language model that says the word nowhere else.

        A card of a person, a place or a law names it in its text as well.
        """
        matched = self._text[candidate.start : candidate.end]
        rules = [(a.text, self._rules[a.disambiguation_rule]) for a in candidate.aliases if a.disambiguation_rule]
        values = {v.lower() for key in ("tags", "pipeline_tag") for v in self._front.strings(key)}
        return (
            any(rule.place == "any" and _is_own_spelling(text, matched) for text, rule in rules)
            and not (matched.islower() and matched.isalpha())
            and not values.isdisjoint(_TEXT_TASKS)
            and re.search(rf"\b{re.escape(matched)}\b", self._text[self._front.after :], re.IGNORECASE) is None
        )

    def _is_adapter_card(self) -> bool:
        tags = {t.lower() for t in self._front.strings("tags")}
        library = {t.lower() for t in self._front.strings("library_name")}
        return "peft" in tags | library or any(t.startswith("base_model:adapter:") for t in tags)


def _is_own_spelling(alias: str, matched: str) -> bool:
    """Returns whether a name has the capitals of its alias, or is in capitals. A phrase needs none."""
    return _letters(alias) == _letters(matched) or matched.isupper() or (" " in alias and alias.islower())


def _letters(text: str) -> str:
    """Returns the letters and digits of a name without a plural s."""
    return "".join(c for c in text if c.isalnum()).removesuffix("s")


def _has_usual_letters(candidate: Candidate, text: str) -> bool:
    """Returns whether the name has the capitalization of an alias, or is code (``vera_dropout``) or a tag."""
    letters = _letters(text[candidate.start : candidate.end])
    if any(_letters(a.text) == letters or (" " in a.text and a.text.islower()) for a in candidate.aliases):
        return True
    neighbours = text[max(0, candidate.start - 1) : candidate.start] + text[candidate.end : candidate.end + 1]
    return "_" in neighbours or (
        letters.islower() and bool(re.search(r"[-\[,] ?[\"']?\Z", text[max(0, candidate.start - 3) : candidate.start]))
    )
