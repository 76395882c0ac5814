"""Finding candidate places, fast where nothing is to be found.

In: a column of cards, or one card. Out: which cards may mention a technique (one pass over the Arrow buffer), or
the candidate places of the card. Nothing is decided here; the guards and locations decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice

import pyarrow as pa

from peft_census.tag.pattern_scanner import Compiled, PatternScanner
from peft_census.tag.techniques import Alias, Taxonomy, normal_form


@dataclass(frozen=True)
class Candidate:
    """A place that may be a mention.

    Args:
        technique: technique id.
        start: first character.
        end: one past the last character.
        form: how it was recognised (see the ``form`` column).
        aliases: for form ``alias``, the entries of that name whose letters fit; one guard's consent is enough.
    """

    technique: str
    start: int
    end: int
    form: str
    aliases: tuple[Alias, ...] = ()


class Scanner:
    """Finds candidates for the techniques of one taxonomy."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._aliases: dict[str, list[tuple[str, Alias]]] = {}
        self._classes: dict[str, str] = {}
        self._papers: dict[str, str] = {}
        self._titles: dict[str, str] = {}
        names: set[tuple[str, ...]] = set()
        titles: set[tuple[str, ...]] = set()
        self._own: dict[Alias, re.Pattern[str]] = {}
        for technique in taxonomy.techniques.values():
            for alias in technique.aliases:
                tokens = _alias_tokens(alias.text)
                self._aliases.setdefault(normal_form(alias.text), []).append((technique.id, alias))
                self._own[alias] = re.compile("".join(tokens) + "(?:'?s)?")
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
        # Titles first: "LoRA-FA: Memory-efficient …" is one title, not the name it begins with.
        self._pattern = re.compile(
            rf"{_NO_LETTER_BEFORE}(?:{_trie(titles)}|(?:{_trie(names)})(?:'?s)?){_NO_LETTER_AFTER}"
        )
        starts = {name[0] for name in names | titles}
        self._may_begin = re.compile(f"{_NO_LETTER_BEFORE}[{''.join(sorted(starts))}]")
        beginnings = {_beginning(name) for name in names | titles}
        self._reach = max(map(_length, beginnings), default=0) + len("'s") + 1
        by_letter = groupby(sorted(beginnings), key=lambda name: name[0])  # one automaton for all would be too large
        of_names = [_in_bytes(set(group)) for _, group in by_letter]
        self._of_papers = len(of_names)
        self._hits = PatternScanner(
            [*of_names, *map(re.escape, sorted(self._papers))],
            reach=4 * self._reach + 1,
            starts={start[-1] for start in starts},
        )

    def prefilter(self, cards: pa.Array) -> pa.Array:
        """Returns a boolean array: True where a card may hold a candidate; False for nulls."""
        return self._hits.in_column(cards)

    def compiled(self) -> Compiled:
        """Returns what took the time to make, for ``hits.hand_over`` in another process."""
        return self._hits.compiled()

    def candidates(self, text: str, most: int | None = None) -> list[Candidate]:
        """Returns the candidates of one text, left to right, not overlapping, longest name first.

        Args:
            text: the card.
            most: how many at most; None for all.
        """
        data = text.encode("utf-8", "surrogatepass")
        hits = self._hits.in_text(data)
        if not hits:
            return []
        named = (self._named(text, *span) for span in self._spans(data, hits))
        found = list(islice((c for c in named if c), most))
        if any(number >= self._of_papers for _, number in hits):
            papers = ((m, self._papers.get(m.group(1))) for m in _PAPER.finditer(text))
            found += islice((Candidate(t, m.start(), m.end(), "paper") for m, t in papers if t), most)
        return sorted(found, key=lambda c: c.start)[:most]

    def _spans(self, data: bytes, hits: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yields where the pattern of all names matches, left to right, not overlapping; looks near the hits only.

        Args:
            data: the text in UTF-8.
            hits: places of ``Hits``, in bytes.
        """
        text = data.lower().decode("utf-8", "surrogatepass")
        read = chars = free = 0
        for end, number in hits:
            if number >= self._of_papers:
                continue
            while end < len(data) and data[end] & 0xC0 == 0x80:  # a letter of several bytes is taken whole
                end += 1
            chars += end - read if len(text) == len(data) else len(data[read:end].decode("utf-8", "surrogatepass"))
            read = end
            for begin in self._may_begin.finditer(text, max(free, chars - self._reach), chars):
                if begin.start() >= free and (match := self._pattern.match(text, begin.start())):
                    yield match.span()
                    free = match.end()
            free = max(free, chars)

    def inside(self, text: str, outer: Candidate) -> Candidate | None:
        """Returns the candidate of a shorter name within ``outer``, for when a guard refuses the longer one.

        "LoRA plus a classifier" does not name LoRA+, but it names LoRA.
        """
        lowered = _lowered(text[outer.start : outer.end + 1])
        length = outer.end - outer.start
        for start in range(length):
            match = self._pattern.match(lowered, start, length - 1 if start == 0 else length)
            if match is None or not re.match(_NO_LETTER_AFTER, lowered[match.end() :]):
                continue
            if found := self._named(text, outer.start + start, outer.start + match.end()):
                return found
        return None

    def _named(self, text: str, start: int, end: int) -> Candidate | None:
        written = text[start:end]
        lowered = _lowered(written)
        if technique := self._classes.get(written):
            return Candidate(technique, start, end, "class")
        for name in (normal_form(written), normal_form(written).removesuffix("s")):
            if technique := self._titles.get(name):
                return Candidate(technique, start, end, "title")
            entries = self._aliases.get(name, [])
            fits = [
                (t, a)
                for t, a in entries
                if self._own[a].fullmatch(lowered) and (not a.case or _same_letters(a.text, written))
            ]
            if fits:
                return Candidate(fits[0][0], start, end, "alias", tuple(a for _, a in fits))
        return None  # the letters of a class or a case-bound alias in another case


_NO_LETTER_BEFORE = r"(?<![a-z0-9\u00c0-\u024f])"
_NO_LETTER_AFTER = r"(?![a-z0-9\u00c0-\u024f])"
"""Letters of Latin script bound a name; CJK and other letters do not: ``LoRA微调`` names LoRA."""
_PAPER = re.compile(r"([0-9](?<![0-9.].)[0-9]{3}\.[0-9]{4,5})(?:v[0-9]{1,2})?(?![0-9])")
"""It begins with a digit, so that Python skips to the next one; a look-behind first costs four times as much."""
_SEPARATOR = r"[\s_\-\u00ad\u2010-\u2014]{0,2}"
_GAP = r"\W{1,20}"
"""Between the words of a title; a wrapped BibTeX line has a break and an indent."""
_MOST = {_SEPARATOR: 2, _GAP: 20}
"""Characters that they match at the most; any other token is one character."""
_IN_BYTES = {_SEPARATOR: "[^a-z0-9]{0,8}", _GAP: "[^a-z0-9]{1,80}"}
"""The same over UTF-8, where a character has up to four bytes."""


def _lowered(text: str) -> str:
    """Returns the text with ASCII letters in lower case, as long as it was; ``str.lower`` changes other letters."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _alias_tokens(text: str) -> tuple[str, ...]:
    """Returns the pattern of an alias, a token a character: separators are optional and interchangeable."""
    tokens = (_SEPARATOR if c.isspace() or c in "-_" else re.escape(c) for c in _lowered(text))
    return tuple(tokens)


def _title_tokens(title: str) -> tuple[str, ...]:
    """Returns the pattern of a paper's title: any white space or punctuation between its words."""
    tokens: list[str] = []
    for word in re.findall(r"\w+", _lowered(title)):
        tokens += [_GAP] if tokens else []
        tokens += [re.escape(c) for c in word]
    return tuple(tokens)


def _in_bytes(names: set[tuple[str, ...]]) -> str:
    """Returns a pattern over UTF-8 that matches wherever one of ``names`` begins, and in some more places.

    Hyperscan has no look-arounds, and to it a letter beyond ASCII is some bytes like others.
    """
    plain = {tuple(_IN_BYTES.get(token, token) for token in name) for name in names}
    return rf"(?:^|[^a-z0-9])(?:{_trie(plain)})(?:'?s)?(?:[^a-z0-9]|$)"


def _length(name: tuple[str, ...]) -> int:
    """Returns the most characters that match a name's tokens."""
    return sum(_MOST.get(token, 1) for token in name)


def _beginning(name: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the first three words of a title, and other names whole."""
    gaps = [i for i, token in enumerate(name) if token == _GAP]
    return name[: gaps[2]] if len(gaps) > 2 else name


def _trie(names: set[tuple[str, ...]]) -> str:
    """Returns one pattern for many names that shares their beginnings and prefers the longer name.

    An alternation of whole names is tried name by name at every character of a card; this one fails at
    the first letter, which makes it some twenty times as fast.
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
    letters = [c for c in matched if c.isalnum()]
    wanted = [c for c in alias if c.isalnum()]
    return letters[: len(wanted)] == wanted and letters[len(wanted) :] in ([], ["s"])
