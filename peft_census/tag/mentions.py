"""The tagger: from cards to mentions.

In: a record batch in the ``cards`` schema. Out: a record batch in the ``mentions`` schema, one row for every
place where a card cites a technique, with its evidence. Pure: no network, no clock, no state; a batch of n
gives what n batches of one give. One bad card never stops a batch.

The steps, in order: find candidates (scan) → tell the zone (zones, front matter, names) → ask the guard of an
ambiguous name (taxonomy) → read polarity and applied (reading) → say who wrote the place (generators).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import pyarrow as pa

from peft_census.schema import arrow_schema
from peft_census.tag.front_matter import FrontMatter, read_front_matter
from peft_census.tag.front_zone import PROMPT, FrontZone, own_names
from peft_census.tag.generators import Written, find_written
from peft_census.tag.names import is_name, run_around
from peft_census.tag.reading import HERE, SWITCHED_OFF, Drift, Reading, read_code, read_sentence, sentence_around
from peft_census.tag.scan import Candidate, Scanner
from peft_census.tag.taxonomy import Guard, Taxonomy, load
from peft_census.tag.zones import Zones

TAGGER_VERSION = "1"
"""Raised whenever the same card may get other mentions."""

MAX_CARD_CHARS = 1_000_000
MAX_MENTIONS = 2_000
"""Limits a card; what lies beyond is counted in ``unread_chars``."""
_MAX_MATCHED = 200


@dataclass(frozen=True)
class Mention:
    """One row of the ``mentions`` table, without the model id."""

    technique: str
    rung: str
    zone: str | None
    start: int | None
    end: int | None
    matched: str
    form: str
    guard: str | None = None
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


def tag(cards: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the mentions of ``cards``, in the order of cards and of places within each.

    Args:
        cards: a batch in the ``cards`` schema; only ``model_id`` and ``card`` matter.
    """
    return tag_batch(cards)[0]


def tag_batch(cards: pa.RecordBatch) -> tuple[pa.RecordBatch, list[CardReading | None]]:
    """Returns the mentions, and for every card its reading, or None where nothing could be found."""
    texts = cards.column("card")
    ids = cards.column("model_id")
    columns: dict[str, list[Any]] = {f.name: [] for f in arrow_schema("mentions")}
    readings: list[CardReading | None] = [None] * cards.num_rows
    for i, hit in enumerate(scanner().prefilter(texts).to_pylist()):
        if not hit:
            continue
        model_id = ids[i].as_py()
        reading = readings[i] = read_card(model_id, texts[i].as_py())
        for mention in reading.mentions:
            columns["model_id"].append(model_id)
            for name, value in vars(mention).items():
                columns[name].append(value)
    schema = arrow_schema("mentions")
    return pa.RecordBatch.from_arrays([pa.array(columns[f.name], f.type) for f in schema], schema=schema), readings


@cache
def scanner() -> Scanner:
    """Returns the scanner of the bundled taxonomy."""
    return Scanner(load())


def read_card(model_id: str, card: str) -> CardReading:
    """Returns everything that the tagger reads from one card."""
    return _CardReader(model_id, card, load()).read()


class _CardReader:
    """Reads one card; the place where the steps of the module docstring meet."""

    def __init__(self, model_id: str, card: str, taxonomy: Taxonomy) -> None:
        self.text = card[:MAX_CARD_CHARS]
        self.taxonomy = taxonomy
        self.front = read_front_matter(self.text)
        self.zones = Zones(self.text, self.front)
        self.own = own_names(model_id, self.front, self.zones)
        self.front_zone = FrontZone(self.text, self.front, self.own)
        self._settled: dict[str, bool] = {}
        self.reading = CardReading(front_matter=self.front.status, unread_chars=len(card) - len(self.text))
        self.written: list[Written] = []
        self.drift = Drift()
        self.model_id = model_id

    def read(self) -> CardReading:
        reading = self.reading
        kept: list[tuple[Candidate, str, str | None]] = []
        for candidate in scanner().candidates(self.text):
            if len(kept) >= MAX_MENTIONS:
                reading.unread_chars += len(self.text) - candidate.start
                break
            zone = self._zone(candidate)
            admitted, reason = self._ask_guard(candidate, zone)
            if zone == PROMPT:
                admitted, reason = False, "an example prompt in the front matter"
            if admitted:
                kept.append((candidate, zone, reason))
            else:
                reading.rejected.append(
                    Rejected(
                        candidate.technique, candidate.start, candidate.end, self._matched(candidate), reason or ""
                    )
                )
        if kept:
            self.written = find_written(self.text, self.front)
            reading.generators = sorted({w.generator for w in self.written})
            self.drift = find_drift(self.text, self.model_id, self.front, kept)
            reading.mentions = [self._mention(*k, kept) for k in kept]
        return reading

    def _matched(self, candidate: Candidate) -> str:
        return self.text[candidate.start : candidate.end]

    def _zone(self, candidate: Candidate) -> str:
        """Returns the zone, with names told apart; ``PROMPT`` for places that say nothing."""
        zone = self.zones.zone(candidate.start)
        if candidate.form == "paper":
            return "link" if zone != "front_matter" and self.zones.in_link(candidate.start) else zone
        if zone == "front_matter":
            return self.front_zone.zone(candidate.start, candidate.end)
        if self.zones.in_link(candidate.start):
            return "name"
        if candidate.form in ("class", "title"):
            return zone
        return "name" if is_name(self.text, candidate.start, candidate.end, zone, self.own) else zone

    def _ask_guard(self, candidate: Candidate, zone: str) -> tuple[bool, str | None]:
        """Returns whether one of the candidate's aliases admits it, and the guard's name or the reason against."""
        if not candidate.aliases or any(alias.guard is None for alias in candidate.aliases):
            return True, None
        against = ""
        for guard in (self.taxonomy.guards[alias.guard] for alias in candidate.aliases if alias.guard):
            around = (
                self.text[max(0, candidate.start - guard.window) : candidate.start]
                + HERE
                + self.text[candidate.end : candidate.end + guard.window]
            )
            if guard.unless and guard.unless.search(around):
                against = f"guard {guard.name}: the words around it speak against it"
            elif zone in guard.zones or (guard.near and guard.near.search(around)) or self._card_settles(guard):
                return True, guard.name
            else:
                against = against or f"guard {guard.name}: nothing around it speaks of the technique"
        return False, against

    def _card_settles(self, guard: Guard) -> bool:
        """Says whether the card as a whole admits what ``guard`` guards; searched once a card."""
        if guard.anywhere is None:
            return guard.near is None and not guard.zones  # a guard that only knows what speaks against
        if guard.name not in self._settled:
            self._settled[guard.name] = bool(guard.anywhere.search(self.text))
        return self._settled[guard.name]

    def _mention(
        self, candidate: Candidate, zone: str, guard: str | None, kept: list[tuple[Candidate, str, str | None]]
    ) -> Mention:
        reading = self._read_place(candidate, zone, kept)
        form = candidate.form
        if form == "alias":
            begin, stop = run_around(self.text, candidate.start, candidate.end)
            run = self.text[begin:stop]
            if zone == "name":
                form = "file" if re.search(r"\.\w{1,11}$", run) and "://" not in run else form
            elif "_" in run or run.startswith("--"):
                form = "option"
        return Mention(
            technique=candidate.technique,
            rung="tagged" if zone == "front_matter" else "named",
            zone=zone,
            start=candidate.start,
            end=candidate.end,
            matched=self._matched(candidate)[:_MAX_MATCHED],
            form=form,
            guard=guard,
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

    def _read_place(self, candidate: Candidate, zone: str, kept: list[tuple[Candidate, str, str | None]]) -> Reading:
        if zone == "name":
            return Reading(False, False, "inside a name")
        if zone == "link":
            return Reading(False, False, "link to the paper")
        line = self.zones.line(candidate.start)
        if zone == "front_matter":
            return self._read_tag(candidate, kept)
        if zone == "code":
            return self._read_code(candidate, line.start, line.end)
        floor, ceiling = self._paragraph(candidate.start, zone)
        sentence = sentence_around(self.text, candidate.start, candidate.end, floor, ceiling)
        return _read_sentence(sentence, zone, tuple(self.zones.section(candidate.start)[:2]), self.drift)

    def _read_tag(self, candidate: Candidate, kept: list[tuple[Candidate, str, str | None]]) -> Reading:
        line = self.zones.line(candidate.start)
        text = self.text[line.start : candidate.start] + HERE + self.text[candidate.end : line.end]
        if SWITCHED_OFF.search(text):
            return Reading(True, False, "switched off")
        if candidate.form == "paper":
            return Reading(False, False, "paper tag")
        if self.drift.for_training:
            return Reading(False, False, "a base meant for training adapters on")
        if candidate.technique == "lora" and any(c.technique == "lycoris" for c, z, _ in kept if z == "front_matter"):
            return Reading(False, False, "generic tag beside lycoris")
        return Reading(False, True, "tag")

    def _read_code(self, candidate: Candidate, floor: int, ceiling: int) -> Reading:
        begin, end = max(floor, candidate.start - 200), min(ceiling, candidate.end + 200)
        line = self.text[begin : candidate.start] + HERE + self.text[candidate.end : end]
        setting = self._training_setting(candidate, line)
        return setting or read_code(line, self.drift)

    def _training_setting(self, candidate: Candidate, line: str) -> Reading | None:
        """Reads a line of a training configuration (axolotl, LLaMA-Factory, LyCORIS): empty keys say nothing."""
        in_config = any(
            w.start <= candidate.start < w.end and w.generator.partition("/")[0] == "axolotl" for w in self.written
        )
        if in_config:
            return self._axolotl(candidate)
        if re.search(
            rf"^\s*[\"']?(?:adapter|finetuning_type|peft_type|peft_method|train_type|algo|network_module|tuning_type|method|lora_type)[\"']?\s*[:=]\s*[\"']?(?:[\w.]*\.)?{HERE}",
            line,
            re.IGNORECASE,
        ):
            return Reading(False, not self.drift.for_training, "training configuration")
        return None

    def _axolotl(self, candidate: Candidate) -> Reading:
        block = next(w for w in self.written if w.start <= candidate.start < w.end)
        text = self.text[block.start : block.end]
        adapter = re.search(r"^adapter:[ \t]*[\"']?([A-Za-z]\w*)", text, re.MULTILINE)
        if adapter is None:
            return Reading(False, False, "axolotl configuration without an adapter")
        at = block.start + adapter.start(1)
        if candidate.start == at or adapter.group(1).lower() == candidate.technique:
            return Reading(False, True, "axolotl adapter")
        filled = re.match(r"\w*:[ \t]*[^\s#]", self.text[candidate.end : candidate.end + 80])
        return Reading(False, bool(filled), "axolotl setting" if filled else "empty axolotl setting")

    def _paragraph(self, position: int, zone: str) -> tuple[int, int]:
        """Returns the span of lines of the same kind around ``position``, at most four each way."""
        lines = self.zones.lines
        at = first = last = self.zones.line_index(position)
        if zone not in ("heading", "table"):
            while first > max(0, at - 4) and lines[first - 1].zone == lines[at].zone:
                first -= 1
            while last < min(len(lines) - 1, at + 4) and lines[last + 1].zone == lines[at].zone:
                last += 1
        floor = max(lines[first].start, self.front.after) if position >= self.front.after else lines[first].start
        return floor, lines[last].end


@lru_cache(maxsize=20_000)
def _read_sentence(sentence: str, zone: str, section: Any, drift: Drift) -> Reading:
    return read_sentence(sentence, zone, list(section), drift)


_OWN_LOAD = r"(?:PeftModel\w*|PeftConfig|AutoPeftModel\w*|load_lora_weights|load_lora\w*|load_adapter|load_attn_procs|set_adapters|load_textual_inversion)\b"


def find_drift(text: str, model_id: str, front: FrontMatter, kept: list[tuple[Candidate, str, str | None]]) -> Drift:
    """Returns what the card as a whole is about."""
    tags = {t.lower() for t in front.strings("tags")}
    libraries = {t.lower() for t in front.strings("library_name")}
    names = {model_id, model_id.rpartition("/")[2]} - {""}
    loads_itself = bool(re.search(_OWN_LOAD, text)) and any(
        re.search(r"[\"']" + re.escape(name) + r"[\"'/]", text) for name in names if len(name) > 2
    )
    tagged = any(z == "front_matter" and c.form == "alias" for c, z, _ in kept)
    adapter = (
        tagged
        or "peft" in libraries
        or "peft" in tags
        or any(t.startswith("base_model:adapter:") for t in tags)
        or loads_itself
        or bool(re.search(r"^\W{0,4}PEFT:? [0-9]+\.[0-9]", text, re.MULTILINE))
    )
    for_training = bool(
        re.search(
            r"training[- ]only|(?:base|checkpoint|model|weights)\b[^.\n]{0,80}\bfor (?:native |custom |further )?(?:Q?LoRA|DoRA|adapter)s?(?:/\w+)? (?:fine-?)?t(?:rain|un)ing",
            text[front.after : front.after + 4000],
            re.IGNORECASE,
        )
    )
    return Drift(adapter and not for_training, for_training)
