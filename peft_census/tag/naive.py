"""What a quick script would count: names searched in card texts without a thought. For comparison only.

In: batches of cards. Out: for each of a declared set of naive matchers, how many cards name exactly one PEFT
type, and how many of those name LoRA. No share of this project is made from these counts: they stand beside a
published figure of which no method is known, to show which shortcut would have given something like it.

A matcher is named by three words: how a name is matched, which names are searched, and where.

- ``substring``: anywhere, whatever the case, so that AdaLoRA and *exploration* name LoRA;
  ``word``: between word boundaries, whatever the case; ``written``: likewise, in the letters of its authors;
  ``equal``: the whole of one of the Hub's tags.
- ``every_type``: all types of PEFT; ``no_words``: without those that are words of a language or of other trades;
  ``first_types``: those that PEFT had in its first half-year.
- ``card``: the whole text; ``front_matter``: its YAML block; ``tags``: the dump's column of that name.

The search runs through Arrow's RE2 over whole columns; Python sees no card.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

NAIVE_VERSION = "1"
"""Raised when any naive matcher would give another number for the same cards."""

Bools = npt.NDArray[np.bool_]

HOW = {
    "substring": "anywhere, whatever the case",
    "word": "between word boundaries, whatever the case",
    "written": "between word boundaries, in the letters of its authors",
    "equal": "as the whole of one of the Hub's tags",
}
NAMES = {
    "every_type": "every type of PEFT",
    "no_words": "PEFT's types but those whose name is also a word",
    "first_types": "the types of PEFT's first half-year",
}
WHERE = {"card": "the whole card", "front_matter": "the front matter", "tags": "the column of the Hub's tags"}
"""The words of a matcher's name, with their meaning."""

WORDS = frozenset("bone cartridge cpt deft hira lily miss oft osf peanut poly road shadow vera".split())
"""Types whose name is an ordinary word or a common abbreviation; real cards are full of some of them."""
_FIRST_UNTIL = (0, 6, 0)
_WRITABLE = re.compile(r"[A-Za-z0-9 ]+")

_FRONT = r"\A\s*---[ \t]*\r?\n(?P<block>(?s:.*?))\r?\n---"


@dataclass(frozen=True)
class Name:
    """A type's name in the forms that are searched.

    Args:
        technique: its id.
        plain: in lower case, its words separated by one space; they are searched with or without a separator.
        written: likewise, in the letters of its authors; in lower case where any case will do.
    """

    technique: str
    plain: str
    written: str

    def pattern(self, how: str) -> tuple[str, bool]:
        """Returns the RE2 pattern for ``how`` and whether case is ignored."""
        text = self.written if how == "written" else self.plain
        joined = "[ _-]?".join(re.escape(part) for part in text.split())
        ignore = how != "written" or text.islower()
        return (joined if how == "substring" else rf"\b{joined}\b"), ignore


@dataclass
class Tally:
    """What one matcher counted.

    Args:
        how, names, where: the words of its name.
        one: cards that name exactly one type.
        subject: those of them that name the technique in question.
        any: cards that name at least one.
    """

    how: str
    names: str
    where: str
    one: int = 0
    subject: int = 0
    any: int = 0

    @property
    def name(self) -> str:
        """The matcher's name."""
        return f"naive/{self.how}/{self.names}/{self.where}"

    @property
    def meaning(self) -> str:
        """What it counts, in words."""
        return f"{NAMES[self.names]}, found {HOW[self.how]}, in {WHERE[self.where]}"


def peft_names(techniques: Iterable[Any]) -> tuple[list[Name], dict[str, frozenset[str]]]:
    """Returns the names of PEFT's types, and for each list of ``NAMES`` the ids of its techniques.

    Args:
        techniques: of the taxonomy, with ``id``, ``kind``, ``peft_type``, ``aliases`` and ``since``.
    """
    names, words, first = [], set(), set()
    for technique in techniques:
        if technique.kind != "peft_type" or not technique.peft_type:
            continue
        type_name = technique.peft_type.lower().replace("_", " ")
        same = (a.text for a in technique.aliases if _letters(a.text) == _letters(type_name))
        written = next((text for text in same if _WRITABLE.fullmatch(text)), type_name)
        names.append(Name(technique.id, written.lower(), written))
        if type_name in WORDS:
            words.add(technique.id)
        if technique.since and _release(technique.since) <= _FIRST_UNTIL:
            first.add(technique.id)
    every = frozenset(n.technique for n in names)
    return names, {"every_type": every, "no_words": every - words, "first_types": frozenset(first)}


@dataclass
class NaiveCount:
    """Counts batches of cards under every naive matcher.

    Args:
        names: PEFT's types.
        lists: list of ``NAMES`` to the techniques in it.
        subject: the technique in question.
        tallies: what was counted so far.
    """

    names: list[Name]
    lists: Mapping[str, frozenset[str]]
    subject: str = "lora"
    tallies: list[Tally] = field(default_factory=list)

    def __post_init__(self) -> None:
        texts = product(("substring", "word", "written"), NAMES, ("card", "front_matter"))
        tags = product(("equal",), NAMES, ("tags",))
        self.tallies = [Tally(*words) for words in (*texts, *tags)]

    def add(self, cards: pa.RecordBatch) -> None:
        """Counts one batch.

        Args:
            cards: columns ``card`` (string, null without text) and ``tags`` (list of strings).
        """
        texts = {"card": cards.column("card"), "front_matter": front_matter(cards.column("card"))}
        for where, column in texts.items():
            anywhere = {n: _matches(column, *n.pattern("substring")) for n in self.names}
            self._count("substring", where, anywhere)
            for how in ("word", "written"):
                self._count(how, where, {n: _narrowed(column, hits, *n.pattern(how)) for n, hits in anywhere.items()})
        self._count("equal", "tags", self._tagged(cards.column("tags")))

    def _tagged(self, tags: pa.Array) -> dict[Name, Bools]:
        """Returns for each name which rows have a tag that is that name, separators aside."""
        letters = pc.replace_substring_regex(pc.utf8_lower(pc.list_flatten(tags)), "[ _-]+", "")
        rows = pc.list_parent_indices(tags).to_numpy()
        wanted = pa.array([n.plain.replace(" ", "") for n in self.names])
        found = pc.fill_null(pc.index_in(letters, value_set=wanted), -1).to_numpy()
        hits = {n: np.zeros(len(tags), dtype=np.bool_) for n in self.names}
        for number, name in enumerate(self.names):
            hits[name][rows[found == number]] = True
        return hits

    def _count(self, how: str, where: str, hits: Mapping[Name, Bools]) -> None:
        for tally in self.tallies:
            if (tally.how, tally.where) != (how, where):
                continue
            listed = [mask for name, mask in hits.items() if name.technique in self.lists[tally.names]]
            named = np.sum(listed, axis=0, dtype=np.int16)
            mine = next(mask for name, mask in hits.items() if name.technique == self.subject)
            tally.any += int((named > 0).sum())
            tally.one += int((named == 1).sum())
            tally.subject += int(((named == 1) & mine).sum())


def front_matter(cards: pa.Array) -> pa.Array:
    """Returns the YAML block of each card, null where it has none at its beginning."""
    return pc.struct_field(pc.extract_regex(cards, _FRONT), "block")


def _matches(texts: pa.Array, pattern: str, ignore_case: bool) -> Bools:
    found = pc.fill_null(pc.match_substring_regex(texts, pattern, ignore_case=ignore_case), False)
    return found.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _narrowed(texts: pa.Array, among: Bools, pattern: str, ignore_case: bool) -> Bools:
    """Returns which rows of ``among`` match; word boundaries make a search slow, so it reads these alone."""
    result = np.zeros(len(among), dtype=np.bool_)
    if among.any():
        result[among] = _matches(texts.filter(pa.array(among)), pattern, ignore_case)
    return result


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
