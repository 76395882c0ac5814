"""Does an ambiguous name count? "Vera", "road" or "EVA" mean a technique only where something settles it.

In: the candidates of one card with their zones. Out: those that count, each with what admitted it, and those
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

from peft_census.tag.card_context import Kept
from peft_census.tag.front_matter import FrontMatter
from peft_census.tag.scan import Candidate
from peft_census.tag.techniques import Guard, Taxonomy

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
class Refused:
    """A candidate that does not count, and why."""

    candidate: Candidate
    why: str


class Hearing:
    """Decides the candidates of one card.

    Args:
        text: the card.
        front: its front matter.
        taxonomy: where the guards are.
        inner: gives the shorter name inside a refused one, with its zone, or None.
    """

    def __init__(self, text: str, front: FrontMatter, taxonomy: Taxonomy, inner: Inner) -> None:
        self.text = text
        self.front = front
        self.taxonomy = taxonomy
        self.inner = inner
        self._settled: dict[str, bool] = {}

    def decide(self, placed: Sequence[tuple[Candidate, str]]) -> tuple[list[Kept], list[Refused]]:
        """Returns the candidates that count, in order, and the others."""
        kept: list[Kept] = []
        waiting: list[tuple[Candidate, str, str]] = []
        for candidate, zone in placed:
            admitted, why = self._ask(candidate, zone)
            if admitted:
                kept.append(Kept(candidate, zone, why))
            else:
                waiting.append((candidate, zone, why or ""))
        sure = [k for k in kept if k.zone != "name"]
        named = {k.candidate.technique for k in sure}
        starts = [k.candidate.start for k in sure]
        refused: list[Refused] = []
        for candidate, zone, why in waiting:
            final = why == _FINAL or not _own_letters(candidate, self.text)
            reason = None if final else self._second_hearing(candidate, zone, named, sure, starts)
            if reason:
                kept.append(Kept(candidate, zone, reason))
                continue
            refused.append(Refused(candidate, why))
            kept += self._shorter(candidate)
        return sorted(kept, key=lambda k: k.candidate.start), refused

    def _shorter(self, candidate: Candidate) -> list[Kept]:
        """Returns the shorter name inside a refused one, if its own guard admits it."""
        found = self.inner(candidate)
        while found is not None:
            shorter, zone = found
            admitted, why = self._ask(shorter, zone)
            if admitted:
                return [Kept(shorter, zone, why)]
            found = self.inner(shorter)
        return []

    def _ask(self, candidate: Candidate, zone: str) -> tuple[bool, str | None]:
        """Asks the guards of the candidate's aliases; one consent is enough, a veto is final."""
        guards = [self.taxonomy.guards[a.guard] for a in candidate.aliases if a.guard]
        if len(guards) < len(candidate.aliases) or not guards:
            return True, None
        why = ""
        for guard in guards:
            around = guard.around(self.text, candidate.start, candidate.end)
            if guard.unless and guard.unless.search(around):
                why = why or _FINAL
            elif zone in guard.zones or (guard.near and guard.near.search(around)) or self._card_settles(guard):
                return True, guard.name
            else:
                why = f"guard {guard.name}: nothing around it speaks of the technique"
        return False, why

    def _card_settles(self, guard: Guard) -> bool:
        """Says whether the card as a whole admits what ``guard`` guards; searched once a card."""
        if guard.anywhere is None:
            return False
        if guard.name not in self._settled:
            self._settled[guard.name] = bool(guard.anywhere.search(self.text))
        return self._settled[guard.name]

    def _second_hearing(
        self, candidate: Candidate, zone: str, named: set[str], sure: list[Kept], starts: list[int]
    ) -> str | None:
        if candidate.technique in named:
            return "named_in_full"
        if zone == "front_matter":
            return "adapter_card_tag" if self._is_whole_tag(candidate) and self._says_adapter() else None
        before = self.text[max(0, candidate.start - 12) : candidate.start]
        after = self.text[candidate.end : candidate.end + 8]
        if zone == "name" or not _ALONE_BEFORE.search(before) or not _ALONE_AFTER.match(after):
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
