"""Finds candidates: names, config classes, arXiv ids and paper titles of techniques in the text of cards.

In: a column of cards, or one card. Out: which cards may contain a candidate (one pass over the Arrow buffer), or the
candidates of the card. Other modules decide which candidates are mentions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby, islice

import pyarrow as pa

from peft_census.tag.pattern_scanner import Compiled, PatternScanner
from peft_census.tag.taxonomy import load_taxonomy
from peft_census.tag.techniques import Alias, Taxonomy, normal_form

_MAX_MATCHED = 200


@dataclass(frozen=True)
class Candidate:
    """A span of a card that may be a mention.

    Args:
        technique: technique id.
        start: first character.
        end: one past the last character.
        form: what was recognized (see the column ``form``).
        aliases: for the form ``alias``, the aliases that match. A candidate is accepted if the disambiguation rule of
            one of them accepts it.
    """

    technique: str
    start: int
    end: int
    form: str
    aliases: tuple[Alias, ...] = ()

    def matched(self, text: str) -> str:
        """Returns the candidate's text in the card ``text``, at most 200 characters."""
        return text[self.start : self.end][:_MAX_MATCHED]


class CandidateScanner:
    """Finds candidates for the techniques of one taxonomy. Threads may share one."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._aliases: dict[str, list[tuple[str, Alias]]] = {}
        self._classes: dict[str, str] = {}
        self._papers: dict[str, str] = {}
        self._titles: dict[str, str] = {}
        names: set[tuple[str, ...]] = set()
        titles: set[tuple[str, ...]] = set()
        self._alias_patterns: dict[Alias, re.Pattern[str]] = {}
        for technique in taxonomy.techniques.values():
            for alias in technique.aliases:
                tokens = _alias_tokens(alias.text)
                self._aliases.setdefault(normal_form(alias.text), []).append((technique.id, alias))
                spelling = [_HYPHEN if alias.exact and token == _SEPARATOR else token for token in tokens]
                self._alias_patterns[alias] = re.compile("".join(spelling) + "(?:'?s)?")
                names.add(tokens)
            for name in (technique.config_class, *technique.classes):
                if name:
                    self._classes[name] = technique.id
                    names.add(tuple(re.escape(c) for c in name.lower()))
            for paper in technique.arxiv:
                self._papers[paper] = technique.id
            if technique.title:
                self._titles[normal_form(technique.title)] = technique.id
                titles.add(_title_tokens(technique.title))
        # Titles come first: "LoRA-FA: Memory-efficient …" is one title, not the name at its start.
        self._name_pattern = re.compile(
            rf"{_NO_LETTER_BEFORE}(?:{_trie(titles)}|(?:{_trie(names)})(?:'?s)?){_NO_LETTER_AFTER}"
        )
        starts = {name[0] for name in names | titles}
        self._first_letter = re.compile(f"{_NO_LETTER_BEFORE}[{''.join(sorted(starts))}]")
        beginnings = {_beginning(name) for name in names | titles}
        self._reach = max(map(_length, beginnings), default=0) + len("'s") + 1
        by_letter = groupby(sorted(beginnings), key=lambda name: name[0])  # one automaton for all would be too large
        name_patterns = [_in_bytes(set(group)) for _, group in by_letter]
        self._first_paper = len(name_patterns)  # number of the first pattern that is an arXiv id
        self._pattern_scanner = PatternScanner(
            [*name_patterns, *map(re.escape, sorted(self._papers))],
            reach=4 * self._reach + 1,
            starts={start[-1] for start in starts},
        )

    def prefilter(self, cards: pa.Array) -> pa.Array:
        """Returns a boolean array: True for a card that may contain a candidate; False for nulls."""
        return self._pattern_scanner.in_column(cards)

    def compiled(self) -> Compiled:
        """Returns the compiled patterns, for ``pattern_scanner.load_compiled`` in another process."""
        return self._pattern_scanner.compiled()

    def find(self, text: str, limit: int | None = None) -> list[Candidate]:
        """Returns the candidates of a card in order. They do not overlap; the longest name at a place is the candidate.

        Args:
            text: the card.
            limit: largest number of candidates; None for all.
        """
        data = text.encode("utf-8", "surrogatepass")
        if self._pattern_scanner.is_fast:
            hits = self._pattern_scanner.in_text(data)
            if not hits:
                return []
            spans, has_paper = self._spans(data, hits), any(number >= self._first_paper for _, number in hits)
        else:
            lowered = data.lower().decode("utf-8", "surrogatepass")
            spans, has_paper = (match.span() for match in self._name_pattern.finditer(lowered)), True
        by_name = (self._candidate(text, *span) or self._shorter(text, *span) for span in spans)
        candidates = list(islice((c for c in by_name if c), limit))
        if has_paper:
            papers = ((m, self._papers.get(m.group(1))) for m in _PAPER.finditer(text))
            candidates += islice((Candidate(t, m.start(), m.end(), "paper") for m, t in papers if t), limit)
        return sorted(candidates, key=lambda c: c.start)[:limit]

    def _spans(self, data: bytes, hits: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yields the spans, in characters, that the pattern of all names matches; searches only near the hits.

        Args:
            data: the text in UTF-8.
            hits: ``(end, number of the pattern)`` of ``PatternScanner``, in bytes.
        """
        text = data.lower().decode("utf-8", "surrogatepass")
        read = chars = free = 0
        for end, number in hits:
            if number >= self._first_paper:
                continue
            while end < len(data) and data[end] & 0xC0 == 0x80:  # the hit may end inside a character
                end += 1
            chars += end - read if len(text) == len(data) else len(data[read:end].decode("utf-8", "surrogatepass"))
            read = end
            for begin in self._first_letter.finditer(text, max(free, chars - self._reach), chars):
                if begin.start() >= free and (match := self._name_pattern.match(text, begin.start())):
                    yield match.span()
                    free = match.end()
            free = max(free, chars)

    def find_shorter(self, text: str, outer: Candidate) -> Candidate | None:
        """Returns the candidate of a shorter name inside ``outer``, for use if ``outer`` is rejected.

        "LoRA plus a classifier" does not name LoRA+, but it names LoRA.
        """
        return self._shorter(text, outer.start, outer.end)

    def _shorter(self, text: str, first: int, last: int) -> Candidate | None:
        """Returns the candidate of a name inside ``text[first:last]`` that is shorter than that."""
        lowered = _lowered(text[first : last + 1])
        length = last - first
        for start in range(length):
            match = self._name_pattern.match(lowered, start, length - 1 if start == 0 else length)
            if match is None or not re.match(_NO_LETTER_AFTER, lowered[match.end() :]):
                continue
            if candidate := self._candidate(text, first + start, first + match.end()):
                return candidate
        return None

    def _candidate(self, text: str, start: int, end: int) -> Candidate | None:
        """Returns the candidate ``text[start:end]``; None if the capitalization fits no name."""
        matched = text[start:end]
        lowered = _lowered(matched)
        if technique := self._classes.get(matched):
            return Candidate(technique, start, end, "class")
        for name in (normal_form(matched), normal_form(matched).removesuffix("s")):
            if technique := self._titles.get(name):
                return Candidate(technique, start, end, "title")
            entries = self._aliases.get(name, [])
            fits = [
                (t, a)
                for t, a in entries
                if self._alias_patterns[a].fullmatch(lowered) and (not a.case or _same_letters(a.text, matched))
            ]
            if fits:
                return Candidate(fits[0][0], start, end, "alias", tuple(a for _, a in fits))
        return None


@cache
def bundled_scanner() -> CandidateScanner:
    """Returns the scanner of the bundled taxonomy."""
    return CandidateScanner(load_taxonomy())


_NO_LETTER_BEFORE = r"(?<![a-z0-9\u00c0-\u024f])"
_NO_LETTER_AFTER = r"(?![a-z0-9\u00c0-\u024f])"
"""A Latin letter next to a name makes it a longer word; other letters do not: ``LoRA微调`` names LoRA."""
_PAPER = re.compile(r"([0-9](?<![0-9.].)[0-9]{3}\.[0-9]{4,5})(?:v[0-9]{1,2})?(?![0-9])")
"""An arXiv id. The pattern begins with a digit: with a look-behind first, the search takes four times as long."""
_SEPARATOR = r"[\s_\-\u00ad\u2010-\u2014]{0,2}"
_HYPHEN = r"[\-\u2010-\u2014]"
_GAP = r"\W{1,20}"
"""Between the words of a title. A wrapped BibTeX line has a line break and an indent."""
_TOKEN_LENGTHS = {_SEPARATOR: 2, _GAP: 20}
"""Most characters that a token matches; any other token matches one."""
_IN_BYTES = {_SEPARATOR: "[^a-z0-9]{0,8}", _GAP: "[^a-z0-9]{1,80}"}
"""The same tokens over UTF-8, in which a character has up to four bytes."""


def _lowered(text: str) -> str:
    """Returns the text with ASCII letters in lower case. Unlike ``str.lower``, this keeps the length."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _alias_tokens(text: str) -> tuple[str, ...]:
    """Returns the pattern of an alias, one token per character. Separators are optional and interchangeable."""
    return tuple(_SEPARATOR if c.isspace() or c in "-_" else re.escape(c) for c in _lowered(text))


def _title_tokens(title: str) -> tuple[str, ...]:
    """Returns the pattern of a paper's title, with white space or punctuation between its words."""
    tokens: list[str] = []
    for word in re.findall(r"\w+", _lowered(title)):
        tokens += [_GAP] if tokens else []
        tokens += [re.escape(c) for c in word]
    return tuple(tokens)


def _in_bytes(names: set[tuple[str, ...]]) -> str:
    """Returns a pattern over UTF-8 that matches every occurrence of ``names``, and some other text.

    Hyperscan has no look-arounds, and it treats the bytes of a non-ASCII letter as punctuation.
    """
    plain = {tuple(_IN_BYTES.get(token, token) for token in name) for name in names}
    return rf"(?:^|[^a-z0-9])(?:{_trie(plain)})(?:'?s)?(?:[^a-z0-9]|$)"


def _length(name: tuple[str, ...]) -> int:
    """Returns the largest number of characters that a name's tokens match."""
    return sum(_TOKEN_LENGTHS.get(token, 1) for token in name)


def _beginning(name: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the first three words of a title; any other name unchanged."""
    gaps = [i for i, token in enumerate(name) if token == _GAP]
    return name[: gaps[2]] if len(gaps) > 2 else name


def _trie(names: set[tuple[str, ...]]) -> str:
    """Returns one pattern for many names that shares their common prefixes and prefers the longer name.

    It is about twenty times as fast as an alternation of the names, which is tried name by name at every character.
    """
    branches: dict[str, set[tuple[str, ...]]] = {}
    for name in names:
        if name:
            branches.setdefault(name[0], set()).add(name[1:])
    parts = [token + _trie(rests) for token, rests in sorted(branches.items(), key=lambda b: (b[0] == "", b[0]))]
    pattern = parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})" if parts else ""
    if () in names and parts:
        return f"(?:{pattern})?"
    return pattern


def _same_letters(alias: str, matched: str) -> bool:
    """Returns whether the letters and digits are the same, except for a plural s."""
    letters = [c for c in matched if c.isalnum()]
    expected = [c for c in alias if c.isalnum()]
    return letters[: len(expected)] == expected and letters[len(expected) :] in ([], ["s"])
