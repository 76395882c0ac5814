"""Does an ambiguous name count? "Vera", "road" or "EVA" mean a technique only where something settles it.

In: the candidates of one card with their locations. Out: those that count, each with what admitted it, and those
that do not, with why. First every guard of the taxonomy is asked about the words around its candidate. Then
the candidates that were refused get a second hearing in the light of the rest of the card:

- ``named_in_full``: the card names the same technique beyond doubt elsewhere;
- ``adapter_card_tag``: the name is a whole tag of a card whose front matter says PEFT or adapter;
- ``beside_technique``: the name stands alone in a cell, a list or brackets, close to another technique.

In each case the letters must be as the technique writes itself, and a guard's ``unless`` is final.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from peft_census.tag.card_context import AcceptedCandidate
from peft_census.tag.front_matter import FrontMatter
from peft_census.tag.scan import Candidate
from peft_census.tag.techniques import DisambiguationRule, Taxonomy

_CLOSE = 120
"""Characters within which another technique counts as beside this one."""
_ALONE_BEFORE = re.compile(
    r"(?:[|,;:/(（\[、，+&]|\n[ \t>]*(?:[-*+•]|\d{1,2}[.)])|\b(?:and|or|und|et|y|e|vs\.?)|和|与|や)[\s*_`\"']{0,4}\Z"
)
_ALONE_AFTER = re.compile(
    r"[\s*_`\"']{0,4}(?:[|,;:/)）\].、，+&(（]|\r?\n|\b(?:and|or|und|et|y|e|vs\.?)\b|和|与|や|→|=|\d|\Z)"
)
_FINAL = "the words around it speak against it"


Inner = Callable[[Candidate], tuple[Candidate, str] | None]


@dataclass(frozen=True)
class RejectedCandidate:
    """A candidate that does not count, and why."""

    candidate: Candidate
    why: str


class Disambiguator:
    """Decides the candidates of one card.

    Args:
        text: the card.
        front: its front matter.
        taxonomy: where the guards are.
        inner: gives the shorter name inside a refused one, with its location, or None.
    """

    def __init__(self, text: str, front: FrontMatter, taxonomy: Taxonomy, inner: Inner) -> None:
        self.text = text
        self.front = front
        self.taxonomy = taxonomy
        self.inner = inner
        self._settled: dict[str, bool] = {}

    def decide(
        self, placed: Sequence[tuple[Candidate, str]]
    ) -> tuple[list[AcceptedCandidate], list[RejectedCandidate]]:
        """Returns the candidates that count, in order, and the others."""
        kept: list[AcceptedCandidate] = []
        waiting: list[tuple[Candidate, str, str]] = []
        for candidate, location in placed:
            accepted, why = self._ask(candidate, location)
            if accepted:
                kept.append(AcceptedCandidate(candidate, location, why))
            else:
                waiting.append((candidate, location, why or ""))
        sure = [k for k in kept if k.location != "name"]
        named = {k.candidate.technique for k in sure}
        starts = [k.candidate.start for k in sure]
        refused: list[RejectedCandidate] = []
        for candidate, location, why in waiting:
            final = why == _FINAL or not _own_letters(candidate, self.text)
            reason = None if final else self._reevaluate_with_card(candidate, location, named, sure, starts)
            if reason:
                kept.append(AcceptedCandidate(candidate, location, reason))
                continue
            refused.append(RejectedCandidate(candidate, why))
            kept += self._shorter(candidate)
        return sorted(kept, key=lambda k: k.candidate.start), refused

    def _shorter(self, candidate: Candidate) -> list[AcceptedCandidate]:
        """Returns the shorter name inside a refused one, if its own guard admits it."""
        found = self.inner(candidate)
        while found is not None:
            shorter, location = found
            accepted, why = self._ask(shorter, location)
            if accepted:
                return [AcceptedCandidate(shorter, location, why)]
            found = self.inner(shorter)
        return []

    def _ask(self, candidate: Candidate, location: str) -> tuple[bool, str | None]:
        """Asks the guards of the candidate's aliases; one consent is enough, a veto is final."""
        disambiguation_rules = [
            self.taxonomy.disambiguation_rules[a.disambiguation_rule]
            for a in candidate.aliases
            if a.disambiguation_rule
        ]
        if len(disambiguation_rules) < len(candidate.aliases) or not disambiguation_rules:
            return True, None
        why = ""
        for disambiguation_rule in disambiguation_rules:
            around = disambiguation_rule.around(self.text, candidate.start, candidate.end)
            if disambiguation_rule.unless and disambiguation_rule.unless.search(around):
                why = why or _FINAL
            elif (
                location in disambiguation_rule.locations
                or (disambiguation_rule.near and disambiguation_rule.near.search(around))
                or self._card_decides(disambiguation_rule)
            ):
                return True, disambiguation_rule.name
            else:
                why = f"guard {disambiguation_rule.name}: nothing around it speaks of the technique"
        return False, why

    def _card_decides(self, disambiguation_rule: DisambiguationRule) -> bool:
        """Says whether the card as a whole admits what ``disambiguation_rule`` guards; searched once a card."""
        if disambiguation_rule.anywhere is None:
            return False
        if disambiguation_rule.name not in self._settled:
            self._settled[disambiguation_rule.name] = bool(disambiguation_rule.anywhere.search(self.text))
        return self._settled[disambiguation_rule.name]

    def _reevaluate_with_card(
        self, candidate: Candidate, location: str, named: set[str], sure: list[AcceptedCandidate], starts: list[int]
    ) -> str | None:
        if candidate.technique in named:
            return "named_in_full"
        if location == "front_matter":
            return "adapter_card_tag" if self._is_whole_tag(candidate) and self._says_adapter() else None
        before = self.text[max(0, candidate.start - 12) : candidate.start]
        after = self.text[candidate.end : candidate.end + 8]
        if location == "name" or not _ALONE_BEFORE.search(before) or not _ALONE_AFTER.match(after):
            return None
        at = bisect_left(starts, candidate.start)
        close = (sure[i].candidate for i in (at - 2, at - 1, at, at + 1) if 0 <= i < len(sure))
        beside = any(
            c.technique != candidate.technique and max(c.start - candidate.end, candidate.start - c.end) <= _CLOSE
            for c in close
        )
        return "beside_technique" if beside else None

    def _is_whole_tag(self, candidate: Candidate) -> bool:
        before = self.text[max(0, candidate.start - 3) : candidate.start]
        after = self.text[candidate.end : candidate.end + 2]
        return bool(re.search(r"(?:-[ \t]+|[\[,]\s?)[\"']?\Z", before) and re.match(r"[\"']?(?:\s|[,\]]|\Z)", after))

    def _says_adapter(self) -> bool:
        tags = {t.lower() for t in self.front.strings("tags")}
        library = {t.lower() for t in self.front.strings("library_name")}
        return "peft" in tags | library or any(t.startswith("base_model:adapter:") for t in tags)


def _own_letters(candidate: Candidate, text: str) -> bool:
    """Says whether the name is written as one of its aliases writes it, or in code style (``vera_dropout``)."""
    written = [c for c in text[candidate.start : candidate.end] if c.isalnum()]
    if any([c for c in alias.text if c.isalnum()] == written for alias in candidate.aliases):
        return True
    around = text[max(0, candidate.start - 1) : candidate.start] + text[candidate.end : candidate.end + 1]
    return "_" in around or (
        "".join(written).islower()
        and bool(re.search(r"[-\[,] ?[\"']?\Z", text[max(0, candidate.start - 3) : candidate.start]))
    )
