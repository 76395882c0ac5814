"""Finds matches of many patterns in texts with Hyperscan, an automaton that scans about a gigabyte per second.

In: patterns over bytes, and a text or a column of texts. Out: the ends of the matches, or which texts contain one. A
column is scanned in one call over Arrow's buffer. The texts with a match are then scanned again one by one, so that
the result for a text depends only on that text. A few texts are searched with Python's regular expressions, because
compiling the patterns for Hyperscan takes a second; the result is the same.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import hyperscan
import numpy as np
import pyarrow as pa

_Numbers = np.ndarray[Any, np.dtype[np.int64]]


Compiled = tuple[tuple[str, ...], bytes]
"""Patterns, and the database that Hyperscan compiled from them."""

WORTH_COMPILING = 500_000
"""Bytes of text that must have been scanned before the patterns are compiled."""

_loaded: dict[tuple[str, ...], bytes] = {}


def load_compiled(compiled: Compiled) -> None:
    """Stores patterns that another process of this machine compiled. Loading them is a thousand times as fast."""
    _loaded.update([compiled])


def _compile(patterns: tuple[str, ...]) -> hyperscan.Database:
    mode = hyperscan.HS_MODE_BLOCK
    if patterns in _loaded:
        return hyperscan.loadb(_loaded[patterns], mode)
    database = hyperscan.Database(mode=mode)
    database.compile(
        expressions=[pattern.encode() for pattern in patterns],
        ids=list(range(len(patterns))),
        elements=len(patterns),
        flags=[hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_DOTALL] * len(patterns),
    )
    return database


class PatternScanner:
    """Finds matches in texts. Threads may share one.

    Args:
        patterns: in Hyperscan's syntax, over UTF-8 bytes; the case of ASCII letters is ignored. On either side of a
            match they may require only a byte other than ``[a-z0-9]``, or the end of the text.
        reach: largest number of bytes that a pattern matches.
        starts: characters with which a match may start.
    """

    def __init__(self, patterns: Sequence[str], reach: int, starts: Iterable[str]) -> None:
        self._reach = reach
        self._starts = np.zeros(256, dtype=bool)
        self._starts[[c.encode()[0] for start in starts for c in (start.lower(), start.upper())]] = True
        self._patterns = tuple(patterns)
        self._database: hyperscan.Database | None = None
        self._scanned = 0
        self._lock = threading.Lock()
        self._thread = threading.local()

    def compiled(self) -> Compiled:
        """Returns the compiled patterns, for ``load_compiled`` in another process."""
        return self._patterns, hyperscan.dumpb(self._compiled())

    @property
    def is_fast(self) -> bool:
        """Whether the patterns are compiled. Compiling takes as long as Python takes to search ``WORTH_COMPILING``."""
        return self._database is not None or self._patterns in _loaded

    def _compiled(self) -> hyperscan.Database:
        with self._lock:
            if self._database is None:
                self._database = _compile(self._patterns)
            return self._database

    def _is_worth_compiling(self, n: int) -> bool:
        """Returns whether so much text was scanned, with ``n`` more bytes, that compiling pays."""
        self._scanned += n
        return self.is_fast or self._scanned > WORTH_COMPILING

    @cached_property
    def _plain(self) -> re.Pattern[bytes]:
        return re.compile("|".join(self._patterns).encode(), re.IGNORECASE | re.DOTALL)

    def in_text(self, text: bytes | memoryview) -> list[tuple[int, int]]:
        """Returns ``(end, number of the pattern)`` of every match, sorted; an end is one past the last byte."""
        database = self._compiled()
        if not hasattr(self._thread, "scratch"):  # Hyperscan needs working memory for each thread
            self._thread.scratch = hyperscan.Scratch(database)
        matches: list[tuple[int, int]] = []

        def add_match(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            matches.append((end, number))

        database.scan(text, match_event_handler=add_match, scratch=self._thread.scratch)  # type: ignore[type-var]
        return sorted(matches)

    def in_column(self, texts: pa.Array) -> pa.Array:
        """Returns a boolean array: True for a text with a match, False for others and nulls."""
        texts = texts.cast(pa.large_binary())
        _, offsets, data = texts.buffers()
        has_match = np.zeros(len(texts), dtype=bool)
        if len(texts) == 0 or data is None:
            return pa.array(has_match)
        bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        whole = memoryview(data)[bounds[0] : bounds[-1]]
        bounds = bounds - bounds[0]
        if not self._is_worth_compiling(len(whole)):
            spans = zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
            return pa.array([self._plain.search(whole[start:end]) is not None for start, end in spans])
        for i in self._possible_matches(whole, bounds):
            has_match[i] = bool(self.in_text(whole[bounds[i] : bounds[i + 1]]))
        return pa.array(has_match)

    def _possible_matches(self, whole: memoryview, bounds: _Numbers) -> list[int]:
        """Returns the numbers of the texts near a match in ``whole``, and of those whose bounds may hide a match."""
        ends = np.array([end for end, _ in self.in_text(whole)], np.int64)
        firsts = np.searchsorted(bounds[1:], ends - self._reach, side="right")
        lasts = np.searchsorted(bounds[:-1], ends, side="left")
        near = {i for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True) for i in range(first, last)}
        # A letter or digit at the end of a text may hide a match at the start of the next text, and vice versa.
        data = np.frombuffer(whole, np.uint8)
        full = np.flatnonzero(bounds[1:] > bounds[:-1])
        first, last = data[bounds[full]], data[bounds[full + 1] - 1]
        hidden = np.concatenate(
            [full[1:][_in_word(last[:-1]) & self._starts[first[1:]]], full[:-1][_in_word(first[1:])]]
        )
        return sorted(near.union(hidden.tolist()))


def _in_word(data: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Returns for every byte whether it is an ASCII letter or digit."""
    lowered = data | 0x20
    letter = (lowered >= ord("a")) & (lowered <= ord("z"))
    return letter | (data >= ord("0")) & (data <= ord("9"))
