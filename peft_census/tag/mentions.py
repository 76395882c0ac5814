"""The tagger: from one card to its mentions.

In: a model id, its card and its adapter_config.json. Out: one mention for every place where the card cites a
technique, with its evidence. Pure: no network, no clock, no state. ``batch`` does this for Arrow batches.

The steps, in order: find candidates (scan) → tell the location (locations, front matter, names) → ask the guard of an
ambiguous name (taxonomy) → read polarity and applied (reading) → say who wrote the place (generators).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from peft_census.tag.card_context import AcceptedCandidate, Places
from peft_census.tag.configured import Configured, read_config
from peft_census.tag.corrections import Correction, bundled_corrections
from peft_census.tag.disambiguation import Disambiguator
from peft_census.tag.front_matter import read_front_matter
from peft_census.tag.front_matter_location import PROMPT, FrontMatterLocation, own_names
from peft_census.tag.generators import GeneratedSpan, find_generated_spans
from peft_census.tag.interpretation import OPENS
from peft_census.tag.locations import Locations
from peft_census.tag.names import is_name, run_around
from peft_census.tag.scan import Candidate, Scanner
from peft_census.tag.taxonomy import Taxonomy, load

TAGGER_VERSION = "1"
"""Raised whenever the same card may get other mentions."""

MAX_CARD_CHARS = 1_000_000
MAX_CANDIDATES = 2_000
"""Limits a card; what lies beyond is counted in ``unread_chars``."""
_MAX_MATCHED = 200


@dataclass(frozen=True)
class Mention:
    """One row of the ``mentions`` table, without the model id."""

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
    cue: str | None = None
    generator: str | None = None
    correction: str | None = None


@dataclass(frozen=True)
class Rejected:
    """A candidate that is no mention, and why; kept for ``explain`` only."""

    technique: str
    start: int
    end: int
    matched: str
    why: str


@dataclass
class CardReading:
    """All that the tagger learns from one card."""

    mentions: list[Mention] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    front_matter: str | None = None
    generators: list[str] = field(default_factory=list)
    unread_chars: int = 0
    config: Configured | None = None
    base_models: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    body: int = 0
    near_duplicate: str | None = None


@cache
def scanner() -> Scanner:
    """Returns the scanner of the bundled taxonomy."""
    return Scanner(load())


def read_card(model_id: str, card: str | None, adapter_config: str | None = None) -> CardReading:
    """Returns everything that the tagger reads from one card and, where there is one, its adapter_config.json."""
    reading = CardReading() if card is None else _CardReader(model_id, card, load()).read()
    if adapter_config is not None:
        reading.config = read_config(adapter_config, load())
        why = "adapter_config.json"
        reading.mentions += [
            Mention(m.technique, "configured", None, None, None, m.matched, "config", applied=True, cue=why)
            for m in reading.config.mentions
        ]
    if corrections := bundled_corrections().get(model_id):
        reading.mentions = correct(reading.mentions, corrections)
    return reading


class _CardReader:
    """Reads one card; the place where the steps of the module docstring meet."""

    def __init__(self, model_id: str, card: str, taxonomy: Taxonomy) -> None:
        self.text = card[:MAX_CARD_CHARS]
        self.taxonomy = taxonomy
        self.front = read_front_matter(self.text)
        self.locations = Locations(self.text, self.front)
        self.own = own_names(model_id, self.front, self.locations)
        self.front_matter_location = FrontMatterLocation(self.text, self.front, self.own)
        self.reading = CardReading(front_matter=self.front.status, unread_chars=len(card) - len(self.text))
        self.reading.base_models = _first_few(self.front.strings("base_model"))
        # YAML reads Norwegian's code as false.
        self.reading.languages = ["no" if v == "False" else v for v in _first_few(self.front.strings("language"))]
        self.reading.body = self.front.after
        self.written: list[GeneratedSpan] = []
        self.model_id = model_id

    def read(self) -> CardReading:
        reading = self.reading
        placed: list[tuple[Candidate, str]] = []
        for candidate in scanner().candidates(self.text, MAX_CANDIDATES + 1):
            if len(placed) >= MAX_CANDIDATES:
                reading.unread_chars += len(self.text) - candidate.start
                break
            location = self._location(candidate)
            if location == PROMPT:
                reading.rejected.append(self._reject(candidate, "an example prompt in the front matter"))
            else:
                placed.append((candidate, location))
        kept, refused = Disambiguator(self.text, self.front, self.taxonomy, self._inner).decide(placed)
        reading.rejected += [self._reject(r.candidate, r.why) for r in refused]
        if kept:
            self.written = find_generated_spans(self.text, self.front)
            reading.generators = sorted({w.generator for w in self.written})
            places = Places(self.text, self.model_id, self.front, self.locations, kept)
            reading.mentions = resolve_mentions([self._mention(k, places) for k in kept], self.taxonomy.root)
        return reading

    def _inner(self, candidate: Candidate) -> tuple[Candidate, str] | None:
        """Returns the shorter name inside ``candidate`` and its location; None where there is none."""
        shorter = scanner().inside(self.text, candidate)
        return None if shorter is None or (location := self._location(shorter)) == PROMPT else (shorter, location)

    def _matched(self, candidate: Candidate) -> str:
        return self.text[candidate.start : candidate.end][:_MAX_MATCHED]

    def _reject(self, candidate: Candidate, why: str) -> Rejected:
        return Rejected(candidate.technique, candidate.start, candidate.end, self._matched(candidate), why)

    def _location(self, candidate: Candidate) -> str:
        """Returns the location, with names told apart; ``PROMPT`` for places that say nothing."""
        location = self.locations.location(candidate.start)
        if candidate.form == "paper":
            return "link" if location != "front_matter" and self.locations.in_link(candidate.start) else location
        if location == "front_matter":
            return self.front_matter_location.location(candidate.start, candidate.end)
        if self.locations.in_link(candidate.start):
            return "name"
        if candidate.form in ("class", "title"):
            return location
        return "name" if is_name(self.text, candidate.start, candidate.end, location, self.own) else location

    def _mention(self, kept: AcceptedCandidate, places: Places) -> Mention:
        candidate, location = kept.candidate, kept.location
        reading = places.read(candidate, location)
        form = candidate.form
        if form == "alias":
            begin, stop = run_around(self.text, candidate.start, candidate.end)
            run = self.text[begin:stop]
            if location == "name":
                form = "file" if re.search(r"\.\w{1,11}$", run) and "://" not in run else form
            elif "_" in run or run.startswith("--"):
                form = "option"
        return Mention(
            technique=candidate.technique,
            evidence_level="tagged" if location == "front_matter" else "named",
            location=location,
            start=candidate.start,
            end=candidate.end,
            matched=self._matched(candidate),
            form=form,
            disambiguation_rule=kept.disambiguation_rule,
            polarity="negated" if reading.negated else "affirmed",
            applied=reading.applied,
            cue=reading.cue,
            generator=self._generator(candidate.start),
        )

    def _generator(self, position: int) -> str | None:
        for written in self.written:
            if written.start <= position < written.end:
                return written.generator
        return None


def _first_few(values: list[str]) -> list[str]:
    """Returns at most 20 values that are not blank, each cut to 200 characters."""
    return [v.strip()[:_MAX_MATCHED] for v in values if v.strip()][:20]


def correct(mentions: list[Mention], corrections: Sequence[Correction]) -> list[Mention]:
    """Returns the mentions of one card with its declared corrections applied.

    A refuted citation is moved to location ``name``, where it does not count; a citation that the tagger missed
    is added without a place. Every touched mention carries the reason.
    """
    for c in corrections:
        reason = f"{c.claim}: {c.reason} ({c.date.isoformat()})"
        concerned = [m for m in mentions if m.technique == c.technique]
        if c.claim != "not_cited" and not any(m.location != "name" for m in concerned):
            added = Mention(c.technique, "named", None, None, None, c.technique, "correction", correction=reason)
            mentions = [*mentions, added]
        changes: dict[str, dict[str, Any]] = {
            "cited": {},
            "not_cited": {"location": "name", "applied": False},
            "applied": {"applied": True, "polarity": "affirmed"},
            "not_applied": {"applied": False},
            "negated": {"applied": False, "polarity": "negated"},
        }
        mentions = [
            replace(m, correction=reason, **changes[c.claim])
            if m.technique == c.technique and (m.location != "name" or c.claim == "not_cited")
            else m
            for m in mentions
        ]
    return mentions


WEAK_CUES = frozenset(("card is an adapter's", "code of an adapter's card", OPENS))
"""Readings by the card's general drift, which yield to anything that the card says outright."""


SILENT_CUES = frozenset(("no statement", "code", "heading", "link to the paper", "bibliography"))
"""Readings that neither say nor deny that the technique was applied."""


def resolve_mentions(mentions: list[Mention], root: Callable[[str], str]) -> list[Mention]:
    """Returns the mentions of one card, each read in the light of the others.

    Where the card says outright which technique it applied, the drift of the card no longer speaks for
    others it names, unless they are recipes of that one. Where it says nothing and names one technique only,
    that is the one it speaks of.
    """
    said = {m.technique for m in mentions if m.applied and m.cue not in WEAK_CUES}
    if said:
        return [
            replace(m, applied=False, cue="another technique is stated")
            if m.applied and m.cue in WEAK_CUES and not {m.technique, root(m.technique)} & said
            else m
            for m in mentions
        ]
    cited = {m.technique for m in mentions if m.location != "name"}
    silent = all(m.location == "name" or m.cue in SILENT_CUES for m in mentions)
    if len(cited) == 1 and silent and not any(m.applied for m in mentions):
        return [replace(m, applied=m.cue == "no statement" or m.form == "class") for m in mentions]
    return mentions
