"""Finds the location of each candidate: the part of the card that contains it, or ``name`` inside a name.

In: a candidate of a card. Out: its location, or None in an example prompt, which is not evidence. In the front matter
the location depends on the text, not on the parsed data, because offsets must refer to the text and because invalid
YAML still shows what its author tagged.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from peft_census.tag.candidates import Candidate
from peft_census.tag.card_structure import CardStructure
from peft_census.tag.front_matter import FrontMatter
from peft_census.tag.names import is_name, own_names

_TOP_KEY = re.compile(r"^[\"']?([A-Za-z_][\w .-]{0,80}?)[\"']?[ \t]*:(?=\s|$)", re.MULTILINE)
_NAME_KEYS = frozenset(
    """base_model base_models base_model_relation model_name model-index model_index model name model_id datasets
    dataset license license_name license_link licence thumbnail new_version repo repo_id model_creator quantized_by
    model_link author authors url homepage space spaces demo finetuned_from""".split()
)
_PROMPT_KEYS = frozenset(
    "widget instance_prompt prompt validation_prompt inference example examples prompt_template".split()
)
_LIBRARY_KEYS = frozenset(("library_name", "library", "pipeline_tag"))
_ADAPTER_NAME = re.compile(
    r"(?:adapter_name[\"']?\s?[=:]\s?|set_adapters?\(\s?\[?\s?|delete_adapters?\()[\"'][\w .-]{0,60}\Z"
)
"""The name under which code loads an adapter, which its author chooses: ``adapter_name="lcm-lora"``."""
_SCALAR_REACH = 1000
"""A scalar that extends further than this from the candidate is not a tag."""


@dataclass(frozen=True)
class LocatedCandidate:
    """A candidate and its location."""

    candidate: Candidate
    location: str


class CandidateLocator:
    """Locates the candidates of one card.

    Args:
        text: the card.
        model_id: the card's model.
        front: its front matter.
        structure: its parts.
    """

    def __init__(self, text: str, model_id: str, front: FrontMatter, structure: CardStructure) -> None:
        self._text = text
        self._front = front
        self._structure = structure
        self._own_names = own_names(model_id, front, structure)
        keys = list(_TOP_KEY.finditer(text, front.start, front.end))
        self._key_starts = [match.start() for match in keys]
        self._keys = [match.group(1).lower() for match in keys]

    def locate(self, candidate: Candidate) -> LocatedCandidate | None:
        """Returns the candidate with its location; None in an example prompt of the front matter."""
        location = self._location(candidate)
        return None if location is None else LocatedCandidate(candidate, location)

    def _location(self, candidate: Candidate) -> str | None:
        location = self._structure.location(candidate.start)
        if candidate.form == "paper":
            return "link" if location != "front_matter" and self._structure.in_link(candidate.start) else location
        if location == "front_matter":
            return self._front_matter_location(candidate.start, candidate.end)
        if self._structure.in_link(candidate.start):
            return "name"
        if candidate.form in ("class", "title"):
            return location
        if self._text.startswith(":", candidate.end) and self._text.startswith("<", candidate.start - 1):
            return "code"  # <lora:style:0.9> in a prompt loads a LoRA
        if _ADAPTER_NAME.search(self._text[max(0, candidate.start - 100) : candidate.start]):
            return "name"
        return "name" if self._is_name(candidate.start, candidate.end, location) else location

    def _front_matter_location(self, start: int, end: int) -> str | None:
        at = bisect_right(self._key_starts, start) - 1
        key = self._keys[at] if at >= 0 else ""
        if key in _PROMPT_KEYS:
            return None
        if key in _NAME_KEYS:
            return "name"
        value = self._text[slice(*self._scalar(start, end))].strip()
        if key in _LIBRARY_KEYS:
            return "name" if value.lower() == "adapter-transformers" else "front_matter"
        if key == "tags" and re.match(r"[\w-]+:(?!\s)", value):
            return "name"  # machine tags: base_model:adapter:…, template:…, dataset:…
        if value == self._text[start:end]:
            return "front_matter"
        return "name" if self._is_name(start, end, "front_matter") else "front_matter"

    def _is_name(self, start: int, end: int, location: str) -> bool:
        return is_name(self._text, start, end, location, self._own_names)

    def _scalar(self, start: int, end: int) -> tuple[int, int]:
        """Returns the span of the YAML scalar that contains the candidate. Quotes, commas and brackets bound it."""
        text = self._text
        floor = max(self._front.start, start - _SCALAR_REACH)
        ceiling = min(self._front.end, end + _SCALAR_REACH)
        left = max(floor - 1, *(text.rfind(c, floor, start) for c in "\n\r\"',[{"))
        line_start = max(text.rfind("\n", floor, start), text.rfind("\r", floor, start), floor - 1)
        opening = re.match(r"[\s>]*(?:-\s+|[\w -]+:\s+)*", text[line_start + 1 : start])
        left = max(left, line_start + (opening.end() if opening else 0))
        rights = [i for c in "\n\r\"',]}" if (i := text.find(c, end, ceiling)) >= 0]
        comment = text.find(" #", end, ceiling)
        return left + 1, min([*rights, ceiling, *([comment] if comment >= 0 else [])])
