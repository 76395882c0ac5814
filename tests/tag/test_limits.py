"""Limits: the time for a hostile card is proportional to its length, and unread characters are counted."""

from __future__ import annotations

import pytest
from pace import within

from peft_census.tag import read_card

ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(12))
HOSTILE = {
    "10-MB-of-prose": ("Zebras eat grass. This one knows LoRA.\n" * 256_410, True),
    "a-million-lora": ("lora " * 1_000_000, True),
    "a-million-lora-joined": ("lora-" * 1_000_000, True),
    "a-million-lora-lines": ("lora\n" * 1_000_000, True),
    "brackets": ("LoRA " + "[" * 100_000 + "]" * 100_000, False),
    "link-openings": ("LoRA " + "[a](" * 100_000, False),
    "alias-bomb": (f"---\n{ALIASES}---\nLoRA", False),
    "brackets-in-front-matter": ("---\na: " + "[" * 100_000 + "\n---\nLoRA", False),
    "base64-line": ("LoRA\n![x](data:image/png;base64," + "QUJD" * 1_250_000 + ")\n", True),
    "backticks": ("LoRA " + "`" * 300_000, False),
    "backticks-apart": ("LoRA " + "` " * 300_000, False),
    "html-code": ("LoRA " + "<code>" * 100_000, False),
    "angle-brackets": ("LoRA " + "<" * 300_000, False),
    "bars": ("LoRA " + "|" * 300_000, False),
    "headings": ("LoRA\n" + "# a\n" * 100_000, False),
    "underlines": ("LoRA\n" + "a\n---\n" * 80_000, False),
    "open-bibtex": ("LoRA\n" + "@misc{\n" * 80_000, False),
    "spaces": ("LoRA" + " " * 900_000 + "x", False),
    "carriage-returns": ("LoRA" + "\r" * 300_000 + "x", False),
    "long-word": ("LoRA " + "x" * 900_000, False),
    "long-option": ("LoRA" + "_" * 400_000, False),
    "urls": ("LoRA " + "http://" * 100_000, False),
    "link-targets": ("LoRA " + "](" * 200_000, False),
    "reference-lines": ("LoRA\n" + "x et al " * 100_000, False),
    "tags": ("---\ntags:\n" + "- lora\n" * 60_000 + "---\n", True),
    "codes": ("`lora` " * 100_000, True),
    "ambiguous-names": ("vera, dora, lily, prompt tuning, " * 20_000, True),
    "blank-lines": ("LoRA" + "\n" * 300_000 + "x", False),
    "hyphens": ("LoRA " + "-" * 500_000, False),
    "titles": ("LoRA " + "low-rank adaptation of large language " * 20_000, True),
    "blocks": ("See axolotl config\nlora\n" * 40_000, True),
    "cells": ("| LoRA | no " * 40_000, True),
    "line-ends": ("LoRA" + "\r\n" * 499_000, False),
    "quotations": ("LoRA " + ">" * 300_000, False),
}


@pytest.mark.parametrize(("card", "cut"), HOSTILE.values(), ids=HOSTILE)
def test_under_two_seconds(card: str, cut: bool) -> None:
    """A hostile card is read in under two seconds of an ordinary machine, and unread characters are counted."""
    read_card("acme/zebra", "LoRA")  # compile the patterns outside the measurement
    reading = within(2, lambda: read_card("acme/zebra", card))
    assert reading.mentions or reading.rejected
    assert (reading.unread_chars > 0) is cut


def test_unread_characters_are_counted() -> None:
    """Read and unread characters add up to the card."""
    card = "LoRA. " + "z" * 1_500_000
    unread = read_card("acme/zebra", card).unread_chars
    assert 0 < unread < len(card)
    assert read_card("acme/zebra", card[: len(card) - unread]).unread_chars == 0


def test_the_number_of_mentions_is_bounded() -> None:
    """A card made of names gives no more than a few thousand mentions."""
    assert len(read_card("acme/zebra", "lora " * 100_000).mentions) <= 10_000


def test_an_ordinary_card_is_read_to_the_end() -> None:
    """An ordinary long card is read completely."""
    card = "Zebras eat grass. " * 10_000 + "This model was trained with LoRA."
    reading = read_card("acme/zebra", card)
    assert (reading.unread_chars, [m.technique for m in reading.mentions]) == (0, ["lora"])
