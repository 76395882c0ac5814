"""Interprets the mentions of one card.

In: an accepted candidate and the card. Out: its ``Interpretation``. This module knows the parts of a card: names,
links, tags, configurations, code and tables. ``interpretation`` knows the language of its sentences.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from peft_census.tag.candidates import Candidate
from peft_census.tag.card_context import find_card_context
from peft_census.tag.card_structure import CardStructure
from peft_census.tag.disambiguation import AcceptedCandidate
from peft_census.tag.front_matter import FrontMatter
from peft_census.tag.interpretation import Cue, Interpretation, SentenceContext, interpret_sentence
from peft_census.tag.names import METHOD_OF_BASE, run_around, without_own_name
from peft_census.tag.sentence_patterns import COMMENTED_OUT, NEGATED_CELL, SWITCHED_OFF
from peft_census.tag.sentences import sentence_around, sentence_hash
from peft_census.tag.techniques import HERE

_SETTING = re.compile(
    rf"(?:^|[\s{{,]|--)[\"']?(?:adapter|finetuning_type|peft_type|peft_method|train_type|algo|network_module"
    rf"|tuning_type|"
    rf"lora_type|method)[\"']?(?:\s*[:=]\s*|\s+)[\"']?(?:[\w.]*\.)?{HERE}",
    re.IGNORECASE,
)
_YAML_OPTION = re.compile(rf"[ \t]*\w*{HERE}\w*[ \t]*:")
_ADAPTER_KEY = re.compile(r"^[ \t]*adapter:[ \t]*[\"']?([A-Za-z]\w*)?", re.MULTILINE)
_CONFIGURATION_REACH = 6_000
"""Characters on either side of an option that may belong to the same configuration."""
_SAVED_REACH = 1_500
_LINE_REACH = 200
_BULLET = re.compile(r"[ \t>]*(?:[-*+•]|\d{1,2}[.)])[ \t]")
_LIST_REACH = 12
"""Lines above an item that may belong to the same list."""
_UNDECIDED = frozenset((Cue.NO_STATEMENT, Cue.TRAINING_SECTION, Cue.OPENING, Cue.ADAPTER_CARD))
"""Cues of a list item that the line above the list overrides if it gives one of the following."""
_DECIDED_BY_LEAD = frozenset(
    (Cue.ADVICE, Cue.ASIDE, Cue.COMPARED, Cue.PLANNED, Cue.TRAINED_WITH, Cue.MERGED, Cue.OTHER_MODEL)
)
_OWN_ROW = re.compile(
    r"\b(?:this|ours?|released|shipped|here|chosen|selected|final|submitted)\b"
    r"|\*\*|\.safetensors\b|/`?[ \t]*\||←|本模型|我们",
    re.IGNORECASE,
)
_PARAMETER_ROW = re.compile(
    rf"^[ \t>]*\|?[ \t*`_]*{HERE}(?:[ \t_-]+(?:r|rank|alpha|dropout|target modules|modules|scaling|layers|dim"
    rf"|bias)[ \t*`_]*"
    r"(?:\([^)|]{0,20}\)[ \t]*)?\|[ \t*`]*[\w\[.]|[ \t*`_]*\|[ \t*`]*(?:enabled|yes|true|on\b|✓|✔|✅))",
    re.IGNORECASE,
)
"""A row that gives a parameter of the run: "LoRA alpha | 32"."""
_PARAMETER_HEAD = re.compile(
    r"[ \t>]*\|?[ \t*`]*(?:(?:training |lora |peft )?(?:hyper-?)?(?:parameters?|params?|settings?|config(?:uration)?"
    r"|options?|"
    r"propert(?:y|ies)|fields?|attributes?|keys?|items?|aspects?|features?|details?)|参数|項目|设置|配置)[ \t*`]*\|"
    r"[ \t*`]*(?:values?|settings?|details?|descriptions?|configuration|choice|值|设置|内容|説明)",
    re.IGNORECASE,
)
"""The head of a table of parameters."""
_THIS_MODEL = re.compile(
    r"\bthis (?:model|work|repo(?:sitory)?|version|card|checkpoint|one)\b|\(this\)|\bours\b|本模型", re.IGNORECASE
)
"""A row that is marked as this model's."""
_LONGEST_TABLE = 6_000
_QUOTED_KEY = re.compile(r"[ \t]*[\"']\w{1,60}[\"'][ \t]*:[ \t]*(?:[\"'\[{]|None|null|true|false|\d)", re.IGNORECASE)
_SENTENCE = re.compile(r"(?:\w+[ ,]+){4}", re.ASCII)
_CODE_CHARS = re.compile(r"[=(){}<>$;#\\]|--\w|\w_\w|\||//|://")
_TABLE_REACH = 30
"""Rows on either side of a row that may belong to the same table."""


@dataclass(frozen=True)
class _Table:
    """Facts about a table: is it one of parameters, does it have a row of this model, and the techniques by line."""

    parameters: bool
    own_row: bool
    techniques: frozenset[tuple[int, str]]


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
        self._model_id = model_id
        self._front = front
        self._structure = structure
        self._card = find_card_context(text, model_id, front, accepted)
        self._title = next((h for h in structure.headings if h.level == 1), None)
        self._tables: dict[int, _Table] = {}
        self._last_sentence = -1, ""
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
        if location == "table" and (row := self._interpret_row(candidate)):
            return row
        if self._in_link_text(candidate):
            return Interpretation(False, False, Cue.LINK_TEXT)
        line = self._line_around(candidate)
        if location == "heading" and COMMENTED_OUT.search(line) and line.strip() == line.strip().lower():
            return Interpretation(False, False, Cue.COMMENTED_OUT)
        if SWITCHED_OFF.search(line):
            return Interpretation(not self._in_saved_config(candidate), False, Cue.SWITCHED_OFF)
        if location == "prose" and _QUOTED_KEY.match(line):  # code whose fences are unbalanced
            return self._interpret_code(candidate)
        return self._interpret_text(candidate, location)

    def sentence_hash(self, accepted: AcceptedCandidate) -> int | None:
        """Returns the hash of the sentence or line around a candidate; None where it says nothing about who wrote it.

        Names, tags and the entries of bibliographies are the same in many cards, whoever writes them.
        """
        candidate, location = accepted.candidate, accepted.location
        if location in ("front_matter", "citation", "name"):
            return None
        sentence = self._line_around(candidate) if location == "code" else self._sentence(candidate, location)
        return sentence_hash(without_own_name(self._model_id, sentence.lower()), candidate.technique)

    def _sentence(self, candidate: Candidate, location: str) -> str:
        """Returns the sentence around a candidate, which is replaced by ``HERE``."""
        if self._last_sentence[0] != candidate.start:
            floor, ceiling = self._paragraph(candidate.start, location)
            sentence = sentence_around(self._text, candidate.start, candidate.end, floor, ceiling)
            self._last_sentence = candidate.start, sentence
        return self._last_sentence[1]

    def _interpret_text(self, candidate: Candidate, location: str) -> Interpretation:
        """Interprets the sentence around a mention."""
        sentence = self._sentence(candidate, location)
        headings = tuple(self._structure.section(candidate.start)[:2])
        is_title = location == "heading" and bool(headings) and headings[0] == self._title
        context = SentenceContext(sentence, location, headings, self._card, is_title)
        interpretation = interpret_sentence(context)
        if interpretation.cue in _UNDECIDED and (lead := self._list_lead(candidate.start)):
            with_lead = interpret_sentence(replace(context, sentence=f"{lead} {sentence}"))
            if with_lead.cue in _DECIDED_BY_LEAD:
                return with_lead
        return interpretation

    def _list_lead(self, position: int) -> str:
        """Returns the line that introduces the list around ``position`` and ends with a colon; "" if there is none."""
        lines = self._structure.lines
        at = self._structure.line_index(position)
        if not _BULLET.match(self._text, lines[at].start, lines[at].end):
            return ""
        for line in reversed(lines[max(0, at - _LIST_REACH) : at]):
            text = self._text[line.start : min(line.end, line.start + 1000)].strip()
            if line.location != "prose" or (text and not _BULLET.match(text)):
                return text[-_LINE_REACH:] if line.location == "prose" and text.endswith((":", "：")) else ""
        return ""

    def _line_around(self, candidate: Candidate) -> str:
        """Returns the line of the candidate, which is replaced by ``HERE``."""
        line = self._structure.line(candidate.start)
        before = self._text[max(line.start, candidate.start - _LINE_REACH) : candidate.start]
        return before + HERE + self._text[candidate.end : min(line.end, candidate.end + _LINE_REACH)]

    def _interpret_tag(self, candidate: Candidate) -> Interpretation:
        if SWITCHED_OFF.search(self._line_around(candidate)):
            return Interpretation(not self._in_saved_config(candidate), False, Cue.SWITCHED_OFF)
        if candidate.form == "paper":
            return Interpretation(False, False, Cue.PAPER_TAG)
        if self._card.for_training:
            return Interpretation(False, False, Cue.BASE_FOR_TRAINING)
        if candidate.technique == "lora" and "lycoris" in self._tags:
            return Interpretation(False, False, Cue.GENERIC_TAG)
        return Interpretation(False, True, Cue.TAG)

    def _interpret_code(self, candidate: Candidate) -> Interpretation:
        if self._text.startswith(":", candidate.end) and self._text.startswith("<", candidate.start - 1):
            return Interpretation(False, False, Cue.CODE)  # <lora:style:0.9> in a prompt loads another adapter
        line = self._line_around(candidate)
        if COMMENTED_OUT.search(line):
            return Interpretation(False, False, Cue.COMMENTED_OUT)
        if SWITCHED_OFF.search(line):
            return Interpretation(not self._in_saved_config(candidate), False, Cue.SWITCHED_OFF)
        if _SETTING.search(line):
            return Interpretation(False, not self._card.for_training, Cue.TRAINING_CONFIGURATION)
        if option := self._interpret_option(candidate, line):
            return option
        fenced = self._structure.line(candidate.start).location == "code"
        if fenced and _SENTENCE.search(line.replace(HERE, "it")) and not _CODE_CHARS.search(line):
            return self._interpret_text(candidate, "prose")
        if self._card.adapter:
            return Interpretation(False, True, Cue.ADAPTER_CODE)
        return Interpretation(False, False, Cue.CODE)

    def _in_saved_config(self, candidate: Candidate) -> bool:
        """Returns whether a key belongs to a copy of ``adapter_config.json``, which PEFT writes with all its keys."""
        around = self._text[max(0, candidate.start - _SAVED_REACH) : candidate.end + _SAVED_REACH]
        return '"peft_type"' in around

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

    def _interpret_row(self, candidate: Candidate) -> Interpretation | None:
        """Interprets the row of a table; None if its text decides."""
        line = self._line_around(candidate)
        if NEGATED_CELL.search(line):
            return Interpretation(True, False, Cue.NEGATED)
        if _PARAMETER_ROW.search(line):
            return Interpretation(False, not self._card.for_training, Cue.TRAINING_CONFIGURATION)
        _, stop = run_around(self._text, candidate.start, candidate.end)
        of_base = METHOD_OF_BASE.fullmatch(self._text, candidate.end, stop) and not _OWN_ROW.search(line)
        if of_base or self._is_compared(candidate):
            return Interpretation(False, False, Cue.COMPARISON_ROW)
        return None

    def _is_compared(self, candidate: Candidate) -> bool:
        """Returns whether the row of a table is about another model.

        It is if the row is not marked as this model's and the table has a row for another technique, or a row that
        is marked as this model's. A table of parameters compares nothing.
        """
        lines = self._structure.lines
        at = first = last = self._structure.line_index(candidate.start)
        row = self._text[max(lines[at].start, candidate.start - 400) : min(lines[at].end, candidate.end + 400)]
        if _OWN_ROW.search(row):
            return False
        while first > 0 and lines[first - 1].location == "table" and at - first < _TABLE_REACH:
            first -= 1
        while last + 1 < len(lines) and lines[last + 1].location == "table" and last - at < _TABLE_REACH:
            last += 1
        start, end = lines[first].start, lines[last].end
        if start not in self._tables:
            self._tables[start] = self._read_table(start, end)
        table = self._tables[start]
        if table.parameters or table.own_row:
            return table.own_row
        return any(line != at and technique != candidate.technique for line, technique in table.techniques)

    def _read_table(self, start: int, end: int) -> _Table:
        """Returns the facts about the table ``text[start:end]`` on which the interpretation of its rows depends."""
        read = min(end, start + _LONGEST_TABLE)
        first, last = (bisect_left(self._in_tables, (position, "")) for position in (start, end))
        rows = {(self._structure.line_index(at), technique) for at, technique in self._in_tables[first:last]}
        parameters = _PARAMETER_HEAD.match(self._text, start, read) is not None
        own_row = not parameters and _THIS_MODEL.search(self._text, start, read) is not None
        return _Table(parameters, own_row, frozenset(rows))

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
