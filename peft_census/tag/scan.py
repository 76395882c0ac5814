"""Finding candidate places, fast where nothing is to be found.

In: a column of cards. Out: which cards may mention a technique (one linear RE2 pass over the Arrow buffer),
and for each of those the candidate places. Nothing is decided here; the guards and zones decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

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
        self.prefilter_patterns = _prefilters(names, titles, self._papers)

    def prefilter(self, cards: pa.Array) -> pa.Array:
        """Returns a boolean array: True where a card may hold a candidate; False for nulls."""
        hits = [
            pc.fill_null(pc.match_substring_regex(cards, pattern, ignore_case=True), False)
            for pattern in self.prefilter_patterns
        ]
        return reduce(pc.or_, hits)

    def candidates(self, text: str, most: int | None = None) -> list[Candidate]:
        """Returns the candidates of one text, left to right, not overlapping, longest name first.

        Args:
            text: the card.
            most: how many at most; None for all.
        """
        named = (self._named(text, *m.span()) for m in self._pattern.finditer(_lowered(text)))
        found = list(islice((c for c in named if c), most))
        papers = ((m, self._papers.get(m.group(1))) for m in _PAPER.finditer(text))
        found += islice((Candidate(t, m.start(), m.end(), "paper") for m, t in papers if t), most)
        return sorted(found, key=lambda c: c.start)[:most]

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
_RE2 = {_SEPARATOR: "[^a-z0-9]*", _GAP: "[^a-z0-9]+"}


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


def _prefilters(names: set[tuple[str, ...]], titles: set[tuple[str, ...]], papers: Iterable[str]) -> list[str]:
    """Returns RE2 patterns of which one matches every card with a candidate.

    RE2 has no look-arounds and an ASCII ``\\s``; it only has to say which cards are worth a closer look.
    Names stay apart from titles and paper ids: each pattern alone runs at several hundred MB/s, together their
    automaton outgrows RE2's cache and runs ten times as slow.
    """
    patterns = []
    for group, end, others in (
        (names, r"(?:'?s)?(?:[^a-z0-9]|$)", []),
        (titles, "", [re.escape(p) for p in sorted(papers)]),
    ):
        plain = {tuple(_RE2.get(token, token) for token in _beginning(name)) for name in group}
        some = [rf"(?:^|[^a-z0-9])(?:{_trie(plain)}){end}"] if plain else []
        patterns += ["|".join(some + others)] if some or others else []
    return patterns or [r"[^\s\S]"]


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
