"""How one place is read in the light of its card: which sentence, which setting, which drift.

In: a candidate with its location, and the card around it. Out: its Reading. ``reading`` knows the language,
this module knows where in a card language, settings and tags stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from peft_census.tag.front_matter import FrontMatter
from peft_census.tag.interpretation import (
    SWITCHED_OFF,
    CardContext,
    Interpretation,
    read_code,
    read_sentence,
    sentence_around,
)
from peft_census.tag.locations import Heading, Locations
from peft_census.tag.scan import Candidate
from peft_census.tag.techniques import HERE

_SETTING = re.compile(
    rf"(?:^|[\s{{,]|--)[\"']?(?:adapter|finetuning_type|peft_type|peft_method|train_type|algo|network_module|tuning_type|"
    rf"lora_type|method)[\"']?(?:\s*[:=]\s*|\s+)[\"']?(?:[\w.]*\.)?{HERE}",
    re.IGNORECASE,
)
_YAML_OPTION = re.compile(rf"[ \t]*\w*{HERE}\w*[ \t]*:")
_ADAPTER_KEY = re.compile(r"^[ \t]*adapter:[ \t]*[\"']?([A-Za-z]\w*)?", re.MULTILINE)
_SETTINGS_REACH = 6_000
"""Characters on either side that are taken for the same configuration file."""
_OWN_ROW = re.compile(
    r"\b(?:this|ours?|released|shipped|here|chosen|selected|final|submitted)\b"
    r"|\*\*|\.safetensors\b|/`?[ \t]*\||←|本模型|我们",
    re.IGNORECASE,
)
_TABLE_REACH = 30
"""Rows on either side that are taken for the same table."""
_OWN_LOAD = re.compile(
    r"(?:PeftModel\w*|PeftConfig|AutoPeftModel\w*|load_lora\w*|load_adapter|load_attn_procs|set_adapters|"
    r"load_textual_inversion)\b"
)
_OWN_LOAD_SIGNS = ("Peft", "load_", "set_adapters")
"""One of these is in every text that the pattern finds; looking for plain text first is fast. So below."""
_PEFT_VERSION = re.compile(r"^\W{0,4}PEFT:? [0-9]+\.[0-9]", re.MULTILINE)
_FOR_TRAINING = re.compile(
    r"training[- ]only|(?:base|checkpoint|model|weights)\b[^.\n]{0,80}\bfor (?:native |custom |further )?"
    r"(?:Q?LoRA|DoRA|adapter)s?(?:/\w+)? (?:fine-?)?t(?:rain|un)ing",
    re.IGNORECASE,
)
_FOR_TRAINING_SIGNS = (re.compile(r"ng[- ]only"), re.compile(r"for (?:\w+ )?(?:q?lora|dora|adapter)"))


@dataclass(frozen=True)
class AcceptedCandidate:
    """A candidate that is a mention: its location and the guard that admitted it."""

    candidate: Candidate
    location: str
    disambiguation_rule: str | None


class Places:
    """Reads the places of one card.

    Args:
        text: the card.
        model_id: the card's model.
        front: its front matter.
        locations: its locations.
        kept: all its mentions.
    """

    def __init__(
        self, text: str, model_id: str, front: FrontMatter, locations: Locations, kept: Sequence[AcceptedCandidate]
    ) -> None:
        self.text = text
        self.front = front
        self.locations = locations
        self.context = find_card_context(text, model_id, front, kept)
        self.in_tables = [(k.candidate.start, k.candidate.technique) for k in kept if k.location == "table"]
        self.tags = {k.candidate.technique for k in kept if k.location == "front_matter"}

    def read(self, candidate: Candidate, location: str) -> Interpretation:
        """Returns how the place is read."""
        if location == "name":
            return Interpretation(False, False, "inside a name")
        if location == "link":
            return Interpretation(False, False, "link to the paper")
        line = self.locations.line(candidate.start)
        if location == "front_matter":
            return self._tag(candidate, self._around(candidate, line.start, line.end))
        if location == "code":
            around = self._around(candidate, line.start, line.end)
            return self._setting(candidate, around) or read_code(around, self.context)
        if location == "table" and self._is_compared(candidate):
            return Interpretation(False, False, "row of a comparison")
        if self._in_link_text(candidate):
            return Interpretation(False, False, "text of a link")
        floor, ceiling = self._paragraph(candidate.start, location)
        sentence = sentence_around(self.text, candidate.start, candidate.end, floor, ceiling)
        return _read_sentence(sentence, location, tuple(self.locations.section(candidate.start)[:2]), self.context)

    def _around(self, candidate: Candidate, floor: int, ceiling: int) -> str:
        before = self.text[max(floor, candidate.start - 200) : candidate.start]
        return before + HERE + self.text[candidate.end : min(ceiling, candidate.end + 200)]

    def _tag(self, candidate: Candidate, line: str) -> Interpretation:
        if SWITCHED_OFF.search(line):
            return Interpretation(True, False, "switched off")
        if candidate.form == "paper":
            return Interpretation(False, False, "paper tag")
        if self.context.for_training:
            return Interpretation(False, False, "a base meant for training adapters on")
        if candidate.technique == "lora" and "lycoris" in self.tags:
            return Interpretation(False, False, "generic tag beside lycoris")
        return Interpretation(False, True, "tag")

    def _setting(self, candidate: Candidate, line: str) -> Interpretation | None:
        """Reads a line of a training configuration, or returns None where the code is something else."""
        if _SETTING.search(line):
            return Interpretation(False, not self.context.for_training, "training configuration")
        if _YAML_OPTION.match(line) is None or "_" not in line.partition(":")[0]:
            return None
        value = self.text[candidate.end : candidate.end + 80]
        empty = re.match(r"\w*:[ \t]*(?:#|\r?\n|\Z)", value) is not None
        nearby = self.text[max(0, candidate.start - _SETTINGS_REACH) : candidate.end + _SETTINGS_REACH]
        adapter = _ADAPTER_KEY.search(nearby)
        if adapter is None:
            return Interpretation(False, False, "empty setting") if empty else None
        if (adapter.group(1) or "none").lower() in ("none", "null", "false"):
            return Interpretation(False, False, "setting of a run without an adapter")
        return Interpretation(False, not empty, "empty setting" if empty else "setting of the run")

    def _is_compared(self, candidate: Candidate) -> bool:
        """Says whether the row is one of several techniques in a table and is not marked as this model's."""
        at = self.locations.line_index(candidate.start)
        lines = self.locations.lines
        near = slice(max(lines[at].start, candidate.start - 400), min(lines[at].end, candidate.end + 400))
        row = self.text[near]
        if _OWN_ROW.search(row):
            return False
        first = last = at
        while first > 0 and lines[first - 1].location == "table" and at - first < _TABLE_REACH:
            first -= 1
        while last + 1 < len(lines) and lines[last + 1].location == "table" and last - at < _TABLE_REACH:
            last += 1
        return any(
            technique != candidate.technique
            and lines[first].start <= start < lines[last].end
            and not lines[at].start <= start < lines[at].end
            for start, technique in self.in_tables
        )

    def _in_link_text(self, candidate: Candidate) -> bool:
        """Says whether the place is inside a longer link text, which speaks of what it links to.

        "[LoRA](paper)" in a sentence is the author's own word; "[LoRA version](other repository)" is not.
        """
        before = self.text[max(0, candidate.start - 160) : candidate.start]
        after = self.text[candidate.end : candidate.end + 160]
        opening = re.search(r"\[([^\[\]\n]*)\Z", before)
        closing = re.match(r"([^\[\]\n]*)\]\((?!#|\.?/|https?://arxiv)", after)
        if opening is None or closing is None or before[: opening.start()].endswith("!"):
            return False
        return len((opening.group(1) + closing.group(1)).strip(" *_`")) > 3

    def _paragraph(self, position: int, location: str) -> tuple[int, int]:
        """Returns the span of lines of the same kind around ``position``, at most four each way."""
        lines = self.locations.lines
        at = first = last = self.locations.line_index(position)
        if location not in ("heading", "table"):
            while first > max(0, at - 4) and lines[first - 1].location == lines[at].location:
                first -= 1
            while last < min(len(lines) - 1, at + 4) and lines[last + 1].location == lines[at].location:
                last += 1
        floor = max(lines[first].start, self.front.after) if position >= self.front.after else lines[first].start
        return floor, lines[last].end


@lru_cache(maxsize=20_000)
def _read_sentence(sentence: str, location: str, section: tuple[Heading, ...], context: CardContext) -> Interpretation:
    return read_sentence(sentence, location, list(section), context)


def find_card_context(text: str, model_id: str, front: FrontMatter, kept: Sequence[AcceptedCandidate]) -> CardContext:
    """Returns what the card as a whole is about."""
    tags = {t.lower() for t in front.strings("tags")}
    libraries = {t.lower() for t in front.strings("library_name")}
    names = {model_id, model_id.rpartition("/")[2]}
    loads_itself = (
        any(sign in text for sign in _OWN_LOAD_SIGNS)
        and _OWN_LOAD.search(text) is not None
        and any(re.search(r"[\"']" + re.escape(name) + r"[\"'/]", text) for name in names if len(name) > 2)
    )
    adapter = (
        any(k.location == "front_matter" and k.candidate.form == "alias" for k in kept)
        or "peft" in libraries | tags
        or any(t.startswith("base_model:adapter:") for t in tags)
        or loads_itself
        or ("PEFT" in text and _PEFT_VERSION.search(text) is not None)
    )
    opening = text[front.after : front.after + 4000].lower()
    for_training = (
        any(sign.search(opening) for sign in _FOR_TRAINING_SIGNS)
        and _FOR_TRAINING.search(text, front.after, front.after + 4000) is not None
    )
    return CardContext(adapter and not for_training, for_training)
