"""Interprets the mentions of one card.

In: an accepted candidate and the card. Out: its ``Interpretation``. This module knows the parts of a card: names,
links, tags, configurations, code and tables. ``interpretation`` knows the language of its sentences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from peft_census.tag.candidates import Candidate
from peft_census.tag.card_context import find_card_context
from peft_census.tag.card_structure import CardStructure
from peft_census.tag.disambiguation import AcceptedCandidate
from peft_census.tag.front_matter import FrontMatter
from peft_census.tag.interpretation import Cue, Interpretation, SentenceContext, interpret_sentence
from peft_census.tag.sentence_patterns import SWITCHED_OFF
from peft_census.tag.sentences import sentence_around
from peft_census.tag.techniques import HERE

_SETTING = re.compile(
    rf"(?:^|[\s{{,]|--)[\"']?(?:adapter|finetuning_type|peft_type|peft_method|train_type|algo|network_module|tuning_type|"
    rf"lora_type|method)[\"']?(?:\s*[:=]\s*|\s+)[\"']?(?:[\w.]*\.)?{HERE}",
    re.IGNORECASE,
)
_YAML_OPTION = re.compile(rf"[ \t]*\w*{HERE}\w*[ \t]*:")
_ADAPTER_KEY = re.compile(r"^[ \t]*adapter:[ \t]*[\"']?([A-Za-z]\w*)?", re.MULTILINE)
_CONFIGURATION_REACH = 6_000
"""Characters on either side of an option that may belong to the same configuration."""
_LINE_REACH = 200
_OWN_ROW = re.compile(
    r"\b(?:this|ours?|released|shipped|here|chosen|selected|final|submitted)\b"
    r"|\*\*|\.safetensors\b|/`?[ \t]*\||←|本模型|我们",
    re.IGNORECASE,
)
_TABLE_REACH = 30
"""Rows on either side of a row that may belong to the same table."""


class CardInterpreter:
    """Interprets the mentions of one card.

    Args:
        text: the card.
        model_id: the card's model.
        front: its front matter.
        structure: its parts.
        accepted: all its accepted candidates.
    """

    def __init__(
        self,
        text: str,
        model_id: str,
        front: FrontMatter,
        structure: CardStructure,
        accepted: Sequence[AcceptedCandidate],
    ) -> None:
        self._text = text
        self._front = front
        self._structure = structure
        self._card = find_card_context(text, model_id, front, accepted)
        self._in_tables = [(a.candidate.start, a.candidate.technique) for a in accepted if a.location == "table"]
        self._tags = {a.candidate.technique for a in accepted if a.location == "front_matter"}

    def interpret(self, accepted: AcceptedCandidate) -> Interpretation:
        """Returns the interpretation of one of the accepted candidates."""
        candidate, location = accepted.candidate, accepted.location
        if location == "name":
            return Interpretation(False, False, Cue.INSIDE_NAME)
        if location == "link":
            return Interpretation(False, False, Cue.PAPER_LINK)
        if location == "front_matter":
            return self._interpret_tag(candidate)
        if location == "code":
            return self._interpret_code(candidate)
        if location == "table" and self._is_compared(candidate):
            return Interpretation(False, False, Cue.COMPARISON_ROW)
        if self._in_link_text(candidate):
            return Interpretation(False, False, Cue.LINK_TEXT)
        floor, ceiling = self._paragraph(candidate.start, location)
        sentence = sentence_around(self._text, candidate.start, candidate.end, floor, ceiling)
        headings = tuple(self._structure.section(candidate.start)[:2])
        return interpret_sentence(SentenceContext(sentence, location, headings, self._card))

    def _line_around(self, candidate: Candidate) -> str:
        """Returns the line of the candidate, which is replaced by ``HERE``."""
        line = self._structure.line(candidate.start)
        before = self._text[max(line.start, candidate.start - _LINE_REACH) : candidate.start]
        return before + HERE + self._text[candidate.end : min(line.end, candidate.end + _LINE_REACH)]

    def _interpret_tag(self, candidate: Candidate) -> Interpretation:
        if SWITCHED_OFF.search(self._line_around(candidate)):
            return Interpretation(True, False, Cue.SWITCHED_OFF)
        if candidate.form == "paper":
            return Interpretation(False, False, Cue.PAPER_TAG)
        if self._card.for_training:
            return Interpretation(False, False, Cue.BASE_FOR_TRAINING)
        if candidate.technique == "lora" and "lycoris" in self._tags:
            return Interpretation(False, False, Cue.GENERIC_TAG)
        return Interpretation(False, True, Cue.TAG)

    def _interpret_code(self, candidate: Candidate) -> Interpretation:
        line = self._line_around(candidate)
        if _SETTING.search(line):
            return Interpretation(False, not self._card.for_training, Cue.TRAINING_CONFIGURATION)
        if option := self._interpret_option(candidate, line):
            return option
        if SWITCHED_OFF.search(line):
            return Interpretation(True, False, Cue.SWITCHED_OFF)
        if self._card.adapter:
            return Interpretation(False, True, Cue.ADAPTER_CODE)
        return Interpretation(False, False, Cue.CODE)

    def _interpret_option(self, candidate: Candidate, line: str) -> Interpretation | None:
        """Interprets an option such as ``lora_r: 8`` of a training configuration; None for any other code."""
        if _YAML_OPTION.match(line) is None or "_" not in line.partition(":")[0]:
            return None
        value = self._text[candidate.end : candidate.end + 80]
        is_empty = re.match(r"\w*:[ \t]*(?:#|\r?\n|\Z)", value) is not None
        first, last = max(0, candidate.start - _CONFIGURATION_REACH), candidate.end + _CONFIGURATION_REACH
        adapter = _ADAPTER_KEY.search(self._text[first:last])
        if adapter is None:
            return Interpretation(False, False, Cue.EMPTY_SETTING) if is_empty else None
        if (adapter.group(1) or "none").lower() in ("none", "null", "false"):
            return Interpretation(False, False, Cue.NO_ADAPTER_RUN)
        return Interpretation(False, not is_empty, Cue.EMPTY_SETTING if is_empty else Cue.RUN_SETTING)

    def _is_compared(self, candidate: Candidate) -> bool:
        """Returns whether the table lists other techniques too and the row is not marked as this model's."""
        lines = self._structure.lines
        at = first = last = self._structure.line_index(candidate.start)
        row = self._text[max(lines[at].start, candidate.start - 400) : min(lines[at].end, candidate.end + 400)]
        if _OWN_ROW.search(row):
            return False
        while first > 0 and lines[first - 1].location == "table" and at - first < _TABLE_REACH:
            first -= 1
        while last + 1 < len(lines) and lines[last + 1].location == "table" and last - at < _TABLE_REACH:
            last += 1
        return any(
            technique != candidate.technique
            and lines[first].start <= start < lines[last].end
            and not lines[at].start <= start < lines[at].end
            for start, technique in self._in_tables
        )

    def _in_link_text(self, candidate: Candidate) -> bool:
        """Returns whether the mention is part of a longer link text, which describes the target of the link.

        "[LoRA](paper)" in a sentence is a statement of the author; "[LoRA version](other repository)" is not.
        """
        before = self._text[max(0, candidate.start - 160) : candidate.start]
        after = self._text[candidate.end : candidate.end + 160]
        opening = re.search(r"\[([^\[\]\n]*)\Z", before)
        closing = re.match(r"([^\[\]\n]*)\]\((?!#|\.?/|https?://arxiv)", after)
        if opening is None or closing is None or before[: opening.start()].endswith("!"):
            return False
        return len((opening.group(1) + closing.group(1)).strip(" *_`")) > 3

    def _paragraph(self, position: int, location: str) -> tuple[int, int]:
        """Returns the span of the line at ``position`` and of at most four adjacent ones of its kind on either side."""
        lines = self._structure.lines
        at = first = last = self._structure.line_index(position)
        if location not in ("heading", "table"):
            while first > max(0, at - 4) and lines[first - 1].location == lines[at].location:
                first -= 1
            while last < min(len(lines) - 1, at + 4) and lines[last + 1].location == lines[at].location:
                last += 1
        after = self._front.after
        floor = max(lines[first].start, after) if position >= after else lines[first].start
        return floor, lines[last].end
