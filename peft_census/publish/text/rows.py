"""Rows of figures as text: for a terminal, for Markdown.

In: numbers and cells. Out: text. Signs and factors are worded here, shares and counts in ``numbers``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from peft_census.publish.text.numbers import count, percent
from peft_census.publish.text.tables import markdown_safe


def times(factor: float) -> str:
    if factor >= 1e6:
        return f"×{factor:.1e}".replace("e+0", "e").replace("e+", "e")
    return f"×{factor:.2f}" if factor < 100 else f"×{factor:,.0f}"


def votes(votes: float) -> str:
    return count(votes) if abs(votes - round(votes)) < 1e-9 else f"{votes:,.1f}"


def share(share: float | None) -> str:
    return "not known" if share is None else percent(share)


def signed(number: float) -> str:
    nearest = round(number)
    return f"{nearest:+,}" if nearest or number == 0 else f"{number:+.1f}"


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int], indent: str = "  ") -> list[str]:
    """Returns rows as aligned text under their head; columns in ``left`` are aligned to the left."""
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    lines = []
    for row in table:
        cells = [c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines


def md_table(head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int]) -> list[str]:
    marks = ["---" if i in left else "---:" for i in range(len(head))]
    body = ("| " + " | ".join(markdown_safe(cell) for cell in row) + " |" for row in rows)
    return ["| " + " | ".join(head) + " |", "|" + "|".join(marks) + "|", *body]


def wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent=indent, subsequent_indent=indent)


def harmless(text: str) -> str:
    """Returns ``text`` without characters that steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
