"""Counts cards by a naive search for the names of PEFT's types. The counts serve for comparison only.

In: batches of cards. Out: for each naive matcher, the number of cards that name exactly one PEFT type, and the number
of these that name LoRA. No share of this project uses these counts. They show which naive search gives a result close
to a published figure whose method is not known.

The name of a matcher has three parts: how it matches a name, which names it searches, and where.

- ``substring``: anywhere, ignoring case, so that AdaLoRA and *exploration* name LoRA; ``word``: a whole word, ignoring
  case; ``written``: a whole word in the usual capitalization; ``equal``: a whole tag of the Hub.
- ``every_type``: all types of PEFT; ``no_words``: without types whose name is also a word or a common abbreviation;
  ``first_types``: the types of PEFT up to release 0.6.0.
- ``card``: the whole text; ``front_matter``: its YAML block; ``tags``: the column of that name in the dump.

Arrow's RE2 searches whole columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.tag.techniques import Technique

NAIVE_VERSION = "1"
"""Incremented whenever a naive matcher gives another count for the same cards."""

Bools = npt.NDArray[np.bool_]

HOW = {
    "substring": "anywhere, ignoring case",
    "word": "as a whole word, ignoring case",
    "written": "as a whole word in the usual capitalization",
    "equal": "as a whole tag of the Hub",
}
NAMES = {
    "every_type": "every type of PEFT",
    "no_words": "the types of PEFT whose name is not also a word",
    "first_types": "the types of PEFT up to release 0.6.0",
}
WHERE = {"card": "the whole card", "front_matter": "the front matter", "tags": "the column of the Hub's tags"}
"""The parts of a matcher's name and their meaning."""

WORDS = frozenset("bone cartridge cpt deft hira lily miss oft osf peanut poly road shadow vera".split())
"""Types whose name is an ordinary word or a common abbreviation. Some occur in many cards."""
_FIRST_UNTIL = (0, 6, 0)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 ]+")

_FRONT = r"\A\s*---[ \t]*\r?\n(?P<block>(?s:.*?))\r?\n---"


@dataclass(frozen=True)
class Name:
    """The name of a type in the forms that are searched. A space stands for an optional separator.

    Args:
        technique: technique id.
        plain: in lower case.
        written: in the usual capitalization; in lower case if that is not known.
    """

    technique: str
    plain: str
    written: str

    def pattern(self, how: str) -> tuple[str, bool]:
        """Returns the RE2 pattern for ``how``, and whether it ignores case."""
        text = self.written if how == "written" else self.plain
        joined = "[ _-]?".join(re.escape(part) for part in text.split())
        ignore = how != "written" or text.islower()
        return (joined if how == "substring" else rf"\b{joined}\b"), ignore


@dataclass
class Tally:
    """The counts of one matcher.

    Args:
        how: how it matches a name; a key of ``HOW``.
        names: which names it searches; a key of ``NAMES``.
        where: where it searches; a key of ``WHERE``.
        one: cards that name exactly one type.
        subject: cards that name exactly one type, and it is the subject.
        any: cards that name at least one type.
    """

    how: str
    names: str
    where: str
    one: int = 0
    subject: int = 0
    any: int = 0

    @property
    def name(self) -> str:
        """The name of the matcher."""
        return f"naive/{self.how}/{self.names}/{self.where}"

    @property
    def meaning(self) -> str:
        """What the matcher counts, in words."""
        return f"{NAMES[self.names]}, found {HOW[self.how]}, in {WHERE[self.where]}"


def peft_names(techniques: Iterable[Technique]) -> tuple[list[Name], dict[str, frozenset[str]]]:
    """Returns the names of PEFT's types, and for each key of ``NAMES`` the ids of its techniques."""
    names, words, first = [], set(), set()
    for technique in techniques:
        if technique.kind != "peft_type" or not technique.peft_type:
            continue
        type_name = technique.peft_type.lower().replace("_", " ")
        same = (a.text for a in technique.aliases if _letters(a.text) == _letters(type_name))
        written = next((text for text in same if _PLAIN_NAME.fullmatch(text)), type_name)
        names.append(Name(technique.id, written.lower(), written))
        if type_name in WORDS:
            words.add(technique.id)
        if technique.since and _release(technique.since) <= _FIRST_UNTIL:
            first.add(technique.id)
    every = frozenset(n.technique for n in names)
    return names, {"every_type": every, "no_words": every - words, "first_types": frozenset(first)}


@dataclass
class NaiveCount:
    """Counts batches of cards with every naive matcher.

    Args:
        names: names of PEFT's types.
        lists: ids of the techniques, by key of ``NAMES``.
        subject: the technique that the published figure is about.
        tallies: the counts so far.
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
            substrings = {n: _matches(column, *n.pattern("substring")) for n in self.names}
            self._count("substring", where, substrings)
            for how in ("word", "written"):
                words = {n: _matches_among(column, rows, *n.pattern(how)) for n, rows in substrings.items()}
                self._count(how, where, words)
        self._count("equal", "tags", self._tagged(cards.column("tags")))

    def _tagged(self, tags: pa.Array) -> dict[Name, Bools]:
        """Returns for each name which rows have it as a tag, ignoring separators."""
        plain_tags = pc.replace_substring_regex(pc.utf8_lower(pc.list_flatten(tags)), "[ _-]+", "")
        rows = pc.list_parent_indices(tags).to_numpy()
        plain_names = pa.array([n.plain.replace(" ", "") for n in self.names])
        numbers = pc.fill_null(pc.index_in(plain_tags, value_set=plain_names), -1).to_numpy()
        tagged = {n: np.zeros(len(tags), dtype=np.bool_) for n in self.names}
        for number, name in enumerate(self.names):
            tagged[name][rows[numbers == number]] = True
        return tagged

    def _count(self, how: str, where: str, rows: Mapping[Name, Bools]) -> None:
        """Adds to the tallies of a matcher.

        Args:
            how: how it matches a name.
            where: where it searches.
            rows: for each name, which cards name it.
        """
        for tally in self.tallies:
            if (tally.how, tally.where) != (how, where):
                continue
            masks = [mask for name, mask in rows.items() if name.technique in self.lists[tally.names]]
            types = np.sum(masks, axis=0, dtype=np.int16)
            subject = next(mask for name, mask in rows.items() if name.technique == self.subject)
            tally.any += int((types > 0).sum())
            tally.one += int((types == 1).sum())
            tally.subject += int(((types == 1) & subject).sum())


def front_matter(cards: pa.Array) -> pa.Array:
    """Returns the YAML block at the beginning of each card; null if there is none."""
    return pc.struct_field(pc.extract_regex(cards, _FRONT), "block")


def _matches(texts: pa.Array, pattern: str, ignore_case: bool) -> Bools:
    matches = pc.fill_null(pc.match_substring_regex(texts, pattern, ignore_case=ignore_case), False)
    return matches.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _matches_among(texts: pa.Array, rows: Bools, pattern: str, ignore_case: bool) -> Bools:
    """Returns which of ``rows`` match. Word boundaries make the search slow, so it reads only these."""
    result = np.zeros(len(rows), dtype=np.bool_)
    if rows.any():
        result[rows] = _matches(texts.filter(pa.array(rows)), pattern, ignore_case)
    return result


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
