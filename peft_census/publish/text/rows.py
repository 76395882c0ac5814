"""Numbers in the report of a reproduction: factors, votes, shares and differences as text."""

from __future__ import annotations

import textwrap

from peft_census.publish.text.numbers import count, percent_label


def times(factor: float) -> str:
    if factor >= 1e6:
        return f"×{factor:.1e}".replace("e+0", "e").replace("e+", "e")
    return f"×{factor:.2f}" if factor < 100 else f"×{factor:,.0f}"


def votes(votes: float) -> str:
    return count(votes) if abs(votes - round(votes)) < 1e-9 else f"{votes:,.1f}"


def share(share: float | None) -> str:
    return "not known" if share is None else percent_label(share)


def signed(number: float) -> str:
    nearest = round(number)
    return f"{nearest:+,}" if nearest or number == 0 else f"{number:+.1f}"


def wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent=indent, subsequent_indent=indent)


def harmless(text: str) -> str:
    """Returns ``text`` without characters that a terminal interprets."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
