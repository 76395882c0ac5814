"""The counted tables about the reasons for LoRA's share; docs/network-effects.md explains them."""

from __future__ import annotations

from functools import partial

import pyarrow as pa

from peft_census.snapshot.schema.column import Column, Public, Table

_column = partial(Column, public=Public.AS_IS)
"""A column of numbers and fixed words, which the public copy keeps."""

EFFECT_COUNTS: dict[str, Table] = {
    "interrupted_series": Table(
        "How mentions of LoRA changed when PEFT began to tag cards by itself (July 2025), by who wrote the text: "
        "change of level and slope by segmented regression, and changes at placebo dates before. It shows no cause.",
        (
            _column(
                "wrote",
                pa.string(),
                "Whose text counts.",
                nullable=False,
                allowed=("anyone", "people", "tools"),
            ),
            _column(
                "measure",
                pa.string(),
                "`share`: of the cards in which this text cites exactly one technique, the fraction with LoRA. `rate`: "
                "of all cards with text, the fraction in which this text cites LoRA.",
                nullable=False,
                allowed=("share", "rate"),
            ),
            _column(
                "cards_of",
                pa.string(),
                "The library of the cards; `difference`: the change in cards of PEFT minus that in cards of Diffusers.",
                nullable=False,
                allowed=("peft", "diffusers", "difference"),
            ),
            _column("month", pa.string(), "First month after the interruption, `2025-07`.", nullable=False),
            _column("placebo", pa.bool_(), "Whether it is a placebo date.", nullable=False),
            _column("base", pa.int64(), "Cards from 12 months before to 12 months after.", "cards"),
            _column("authors", pa.int64(), "Their authors.", "authors"),
            _column("expected", pa.float64(), "Fitted value of that month without a change.", "fraction"),
            _column("level", pa.float64(), "Change of level.", "fraction"),
            _column("level_low", pa.float64(), "Lower bound of it, clustered by author.", "fraction"),
            _column("level_high", pa.float64(), "Upper bound of it.", "fraction"),
            _column("slope", pa.float64(), "Change of slope.", "fraction per month"),
            _column("slope_low", pa.float64(), "Lower bound of it, clustered by author.", "fraction per month"),
            _column("slope_high", pa.float64(), "Upper bound of it.", "fraction per month"),
            _column(
                "effective_authors",
                pa.float64(),
                "Authors of equal size that would be as informative, on the side with fewer.",
                "authors",
            ),
            _column("placebos", pa.int64(), "Placebo dates; null in their rows.", "dates"),
            _column("as_large", pa.int64(), "Of these, dates with a change of level at least as large.", "dates"),
            _column("placebo_largest", pa.float64(), "The largest size of such a change.", "fraction"),
            _column("enough", pa.bool_(), "Whether there are enough months and authors.", nullable=False),
            _column("method", pa.string(), "How the interval was computed, or why there is none.", nullable=False),
        ),
    ),
    "stickiness": Table(
        "What authors cite after the technique of their first card, in all and by the year of that card: cards that "
        "cite exactly one technique, every author with the same weight. It does not tell habit from taste.",
        (
            _column("cohort", pa.string(), "Year of an author's first card, or `all`.", nullable=False),
            _column(
                "measure",
                pa.string(),
                "`later`: the share of `later` in the later cards of the authors who began with `first`. `left`: the "
                "share of these authors who later cite another technique. `gap`: the share of LoRA in later cards of "
                "authors who began with it, minus that of other authors in the same months.",
                nullable=False,
                allowed=("later", "left", "gap"),
            ),
            _column("first", pa.string(), "Technique of the first day; `other` for small ones.", nullable=False),
            _column("later", pa.string(), "Technique of later cards; null for `left`."),
            _column("numerator", pa.float64(), "Authors, or parts of them; null for `gap`.", "authors"),
            _column("base", pa.int64(), "Authors with a card on a later day.", "authors", nullable=False),
            _column("cards", pa.int64(), "Their later cards.", "cards", nullable=False),
            _column("share", pa.float64(), "numerator / base; the difference for `gap`.", "fraction"),
            _column("low", pa.float64(), "Lower bound of it, clustered by author.", "fraction"),
            _column("high", pa.float64(), "Upper bound of it.", "fraction"),
            _column("method", pa.string(), "How it was computed, or why there is none.", nullable=False),
            _column("effective_n", pa.float64(), "Its effective sample size.", "cards"),
            _column("enough", pa.bool_(), "Whether effective_n and base are at least 30.", nullable=False),
        ),
    ),
    "choice": Table(
        "LoRA's share of the cards of the PEFT library, in months when PEFT had another type for the task, in all and "
        "by month of creation.",
        (
            _column("rule", pa.string(), "Name of the rule.", nullable=False),
            _column(
                "task",
                pa.string(),
                "Kind of task: `text`, which soft prompts count as alternatives for, or `not text` (or not known).",
                nullable=False,
                allowed=("text", "not text"),
            ),
            _column("month", pa.string(), "Month of creation, or `all`.", nullable=False),
            _column("technique", pa.string(), "Technique id.", nullable=False),
            _column(
                "alternatives", pa.int64(), "Other types for the task that PEFT had before; null for `all`.", "types"
            ),
            _column("numerator", pa.float64(), "Votes for the technique.", "votes"),
            _column("base", pa.float64(), "All votes.", "votes"),
            _column("cards", pa.int64(), "Cards that count.", "cards"),
            _column("share", pa.float64(), "numerator / base; null where there are too few cards.", "fraction"),
            _column("low", pa.float64(), "Lower bound of the interval, clustered by author.", "fraction"),
            _column("high", pa.float64(), "Upper bound of it.", "fraction"),
            _column("method", pa.string(), "How it was computed, or why there is none."),
            _column("effective_n", pa.float64(), "Its effective sample size.", "cards"),
            _column(
                "wilson_low", pa.float64(), "Lower bound of Wilson's interval, with independent cards.", "fraction"
            ),
            _column("wilson_high", pa.float64(), "Upper bound of it.", "fraction"),
            _column("enough", pa.bool_(), "Whether effective_n is at least 30.", nullable=False),
        ),
    ),
}
