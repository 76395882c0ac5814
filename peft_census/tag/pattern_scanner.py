"""Where names may stand in texts: Hyperscan, an automaton for many patterns at about a gigabyte a second.

In: patterns over bytes, and a text or a column of texts. Out: where one of them ends, or which texts have such a
place. A column is scanned in one call over Arrow's buffer; the texts in which that finds something are scanned once
more by themselves, so that the answer for a text depends on that text alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import hyperscan
import numpy as np
import pyarrow as pa

_Numbers = np.ndarray[Any, np.dtype[np.int64]]


Compiled = tuple[tuple[str, ...], bytes]
"""Patterns, and what Hyperscan made of them."""

_handed: dict[tuple[str, ...], bytes] = {}


def load_compiled(compiled: Compiled) -> None:
    """Takes patterns that another process of this machine compiled: loading them takes a thousandth of the time."""
    _handed.update([compiled])


def _compile(patterns: tuple[str, ...]) -> hyperscan.Database:
    mode = hyperscan.HS_MODE_BLOCK
    if patterns in _handed:
        return hyperscan.loadb(_handed[patterns], mode)
    database = hyperscan.Database(mode=mode)
    database.compile(
        expressions=[pattern.encode() for pattern in patterns],
        ids=list(range(len(patterns))),
        elements=len(patterns),
        flags=[hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_DOTALL] * len(patterns),
    )
    return database


class PatternScanner:
    """Finds places in texts; threads may share one.

    Args:
        patterns: in Hyperscan's language, over UTF-8 bytes; ASCII letters match in either case. What they ask for on
            either side of a place is at most a byte other than ``[a-z0-9]``, or the text's end.
        reach: the most bytes that one of them matches.
        starts: the characters with which a place may start.
    """

    def __init__(self, patterns: Sequence[str], reach: int, starts: Iterable[str]) -> None:
        self._reach = reach
        self._starts = np.zeros(256, dtype=bool)
        self._starts[[c.encode()[0] for start in starts for c in (start.lower(), start.upper())]] = True
        self._patterns = tuple(patterns)
        self._database = _compile(self._patterns)
        self._own = threading.local()

    def compiled(self) -> Compiled:
        """Returns the compiled patterns, for ``hand_over`` in another process."""
        return self._patterns, hyperscan.dumpb(self._database)

    def in_text(self, text: bytes | memoryview) -> list[tuple[int, int]]:
        """Returns ``(end, number of the pattern)`` of every place, by ends; an end is one past the last byte."""
        if not hasattr(self._own, "scratch"):  # the working memory of one thread
            self._own.scratch = hyperscan.Scratch(self._database)
        found: list[tuple[int, int]] = []

        def keep(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((end, number))

        self._database.scan(text, match_event_handler=keep, scratch=self._own.scratch)  # type: ignore[type-var]
        return sorted(found)

    def in_column(self, texts: pa.Array) -> pa.Array:
        """Returns a boolean array: True for every text with a place, False for others and nulls."""
        texts = texts.cast(pa.large_binary())
        _, offsets, data = texts.buffers()
        hit = np.zeros(len(texts), dtype=bool)
        if len(texts) == 0 or data is None:
            return pa.array(hit)
        bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        whole = memoryview(data)[bounds[0] : bounds[-1]]
        bounds = bounds - bounds[0]
        for i in self._suspects(whole, bounds):
            hit[i] = bool(self.in_text(whole[bounds[i] : bounds[i + 1]]))
        return pa.array(hit)

    def _suspects(self, whole: memoryview, bounds: _Numbers) -> list[int]:
        """Returns the numbers of the texts near a place in ``whole``, and of those whose ends hide one."""
        ends = np.array([end for end, _ in self.in_text(whole)], np.int64)
        firsts = np.searchsorted(bounds[1:], ends - self._reach, side="right")
        lasts = np.searchsorted(bounds[:-1], ends, side="left")
        near = {i for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True) for i in range(first, last)}
        # A letter or digit at the end of one text may hide a place at the start of the next, and the other way round.
        data = np.frombuffer(whole, np.uint8)
        full = np.flatnonzero(bounds[1:] > bounds[:-1])
        first, last = data[bounds[full]], data[bounds[full + 1] - 1]
        hidden = np.concatenate(
            [full[1:][_in_word(last[:-1]) & self._starts[first[1:]]], full[:-1][_in_word(first[1:])]]
        )
        return sorted(near.union(hidden.tolist()))


def _in_word(data: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Says of every byte whether it is an ASCII letter or digit."""
    lowered = data | 0x20
    letter = (lowered >= ord("a")) & (lowered <= ord("z"))
    return letter | (data >= ord("0")) & (data <= ord("9"))
