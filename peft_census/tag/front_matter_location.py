"""What a place inside the front matter says: a tag, a name, or an example prompt.

In: a candidate inside the YAML block. Out: its location. The raw lines are read, not the parsed data, because
offsets must point into the text and because broken YAML still shows what its author tagged.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from peft_census.tag.front_matter import FrontMatter
from peft_census.tag.locations import Locations
from peft_census.tag.names import is_name

PROMPT = "prompt"
"""Not a location of the schema: example prompts and the like are no evidence at all."""

_TOP_KEY = re.compile(r"^[\"']?([A-Za-z_][\w .-]{0,80}?)[\"']?[ \t]*:(?=\s|$)", re.MULTILINE)
_NAME_KEYS = frozenset(
    """base_model base_models base_model_relation model_name model-index model_index model name model_id datasets
    dataset     license license_name license_link licence thumbnail new_version repo repo_id model_creator quantized_by
    model_link author authors url homepage space spaces demo finetuned_from""".split()
)
_PROMPT_KEYS = frozenset(
    "widget instance_prompt prompt validation_prompt inference example examples prompt_template".split()
)
_JOINED = re.compile(r"[-_/]")
_ONE_WORD = re.compile(r"[\w.+/-]*[-_/][\w.+/-]*", re.ASCII)
_AROUND_TITLE = re.compile(r"^Model Card for (?:Model )?|[`*]")
_REACH = 1000
"""A scalar longer than this on either side is no tag."""
_LIBRARY_KEYS = frozenset(("library_name", "library", "pipeline_tag"))


class FrontMatterLocation:
    """Tells the location of places inside one card's front matter.

    Args:
        text: the card.
        front: its front matter.
        own: the model's own names, lower case.
    """

    def __init__(self, text: str, front: FrontMatter, own: frozenset[str]) -> None:
        self.text = text
        self.front = front
        self.own = own
        keys = list(_TOP_KEY.finditer(text, front.start, front.end))
        self._starts = [match.start() for match in keys]
        self._keys = [match.group(1).lower() for match in keys]

    def location(self, start: int, end: int) -> str:
        """Returns ``front_matter``, ``name`` or ``PROMPT`` for the candidate ``text[start:end]``."""
        at = bisect_right(self._starts, start) - 1
        key = self._keys[at] if at >= 0 else ""
        if key in _PROMPT_KEYS:
            return PROMPT
        if key in _NAME_KEYS:
            return "name"
        value = self.text[slice(*_value(self.text, start, end, self.front))].strip()
        if key in _LIBRARY_KEYS:
            return "name" if value.lower() == "adapter-transformers" else "front_matter"
        if key == "tags" and re.match(r"[\w-]+:(?!\s)", value):
            return "name"  # machine tags: base_model:adapter:…, template:…, dataset:…
        if value == self.text[start:end]:
            return "front_matter"
        return "name" if is_name(self.text, start, end, "front_matter", self.own) else "front_matter"


def own_names(model_id: str, front: FrontMatter, locations: Locations) -> frozenset[str]:
    """Returns the model's own names in lower case: from its id, front matter and one-word headings."""
    names = {model_id, model_id.rpartition("/")[2]}
    names.update(front.strings("model_name"))
    index = front.data.get("model-index")
    for entry in index if isinstance(index, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            names.add(entry["name"])
    for heading in locations.headings[:200]:
        if not _JOINED.search(heading.text):
            continue
        title = _AROUND_TITLE.sub("", heading.text).strip()
        if _ONE_WORD.fullmatch(title) and len(title) > 5:
            names.add(title)
    return frozenset(n.strip().lower() for n in names if n and n.strip())


def _value(text: str, start: int, end: int, front: FrontMatter) -> tuple[int, int]:
    """Returns the span of the scalar that holds the candidate: up to quotes, commas, brackets, line ends."""
    floor = max(front.start, start - _REACH)
    ceiling = min(front.end, end + _REACH)
    left = max(floor - 1, *(text.rfind(c, floor, start) for c in "\n\r\"',[{"))
    line_start = max(text.rfind("\n", floor, start), text.rfind("\r", floor, start), floor - 1)
    opening = re.match(r"[\s>]*(?:-\s+|[\w -]+:\s+)*", text[line_start + 1 : start])
    left = max(left, line_start + (opening.end() if opening else 0))
    rights = [i for c in "\n\r\"',]}" if (i := text.find(c, end, ceiling)) >= 0]
    comment = text.find(" #", end, ceiling)
    return left + 1, min([*rights, ceiling, *([comment] if comment >= 0 else [])])
