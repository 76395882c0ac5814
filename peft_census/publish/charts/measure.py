"""The width of texts in inches, and what follows from it: lines, truncated names, positions that do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from matplotlib.font_manager import FontProperties, get_font
from matplotlib.font_manager import findfont as find_font
from matplotlib.ft2font import LoadFlags

from peft_census.publish.snapshot_reader import clean, shorten

FONT = "DejaVu Sans"
MIDDLE, CAPITAL = 0.36 / 72, 0.73 / 72
"""Inches from the middle, and from the top, of capitals of a size of 1 point to their baseline."""

NAME_SIZE, VALUE_SIZE, TICK_SIZE = 10.0, 9.5, 8.5
"""Points: names of rows, their values, and ticks, axis titles and labels of lines."""


def width(text: str, size: float, weight: str = "normal") -> float:
    """Returns the width of ``text`` in inches, without kerning."""
    return sum(_advance(letter, weight) for letter in text) * size / 72


@lru_cache(maxsize=4096)
def _advance(letter: str, weight: str) -> float:
    """Returns the width of one letter at a size of 1."""
    font = get_font(_font_file(weight))
    font.set_size(100, 72)
    return (
        float(font.load_glyph(font.get_char_index(ord(letter)), LoadFlags.NO_HINTING).linearHoriAdvance) / 65536 / 100
    )


@lru_cache(maxsize=4)
def _font_file(weight: str) -> str:
    return str(find_font(FontProperties(family=FONT, weight=weight)))


def wrap(text: str, inches: float, size: float, weight: str = "normal") -> list[str]:
    """Returns ``text`` in lines no wider than ``inches``; a word too long for a line is cut."""
    lines, line = [], ""
    for word in clean(text).split(" "):
        joined = f"{line} {word}" if line else word
        if width(joined, size, weight) <= inches:
            line = joined
            continue
        if line:
            lines.append(line)
        line = word
        while width(line, size, weight) > inches and len(line) > 1:
            cut = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or width(line[:n], size, weight) <= inches)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line]


def widest(texts: Sequence[str], size: float, weight: str = "normal") -> float:
    """Returns the inches of the widest text; 0 of none."""
    return max((width(text, size, weight) for text in texts), default=0.0)


def truncate(name: str, inches: float, size: float = NAME_SIZE, weight: str = "normal") -> str:
    """Returns ``name``, without its middle if it is wider than ``inches``."""
    fitted, most = name, len(name)
    while width(fitted, size, weight) > inches and most > 4:
        most -= 1
        fitted = shorten(name, most)
    return fitted


def avoid_overlap(wanted: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Returns positions as near to ``wanted`` as possible, in the same order and at least ``apart`` from one another.

    Positions stay between ``low`` and ``high`` if there is space for all.
    """
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    groups: list[tuple[float, list[int]]] = []  # mean of the wanted positions, members; placed around the mean
    for i in order:
        groups.append((wanted[i], [i]))
        while len(groups) > 1 and _edge(groups[-2], apart) + apart > _edge(groups[-1], -apart) + 1e-12:
            (m1, g1), (m2, g2) = groups[-2:]
            groups[-2:] = [((m1 * len(g1) + m2 * len(g2)) / (len(g1) + len(g2)), g1 + g2)]
    places = [0.0] * len(wanted)
    for mean, members in groups:
        for k, i in enumerate(members):
            places[i] = mean + apart * (k - (len(members) - 1) / 2)
    floor, ceiling = low, high
    for i in order:
        places[i] = max(places[i], floor)
        floor = places[i] + apart
    for i in reversed(order):
        places[i] = min(places[i], ceiling)
        ceiling = places[i] - apart
    return places


def _edge(group: tuple[float, list[int]], apart: float) -> float:
    """Returns the upper end of a group of labels, or the lower end with a negative ``apart``."""
    return group[0] + apart * (len(group[1]) - 1) / 2
