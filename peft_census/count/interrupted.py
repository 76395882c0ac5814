"""Whether mentions of LoRA changed when PEFT began to tag cards by itself: an interrupted time series.

PEFT 0.16.0 (July 2025) writes the tag ``lora`` into the cards of LoRA adapters. Diffusers has written it since January
2023, so that nothing changed for its cards in that month; they are the comparison. Text of people and of tools are
separate series: a change of the tool alone leaves the text of people as it was.

The design shows that a series changed at that time, not why. A common shock of one month is not in the errors, which
take authors as independent. The same regression at placebo dates, in the months before, shows how large a change is
without the tool's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from peft_census.count.arrays import Bools, Ints
from peft_census.count.authorship import TAGGED_SINCE
from peft_census.count.evidence import Evidence
from peft_census.count.groups import month, month_name, month_number
from peft_census.count.rules import HEADLINE, HEADLINE_TECHNIQUE
from peft_census.count.segmented import LEAST_MONTHS, Change, Series, change, level_change
from peft_census.snapshot.schema import arrow_schema

PEFT, DIFFUSERS, DIFFERENCE = "peft", "diffusers", "difference"
ANYONE, PEOPLE, TOOLS = "anyone", "people", "tools"
SHARE, RATE = "share", "rate"
METHOD = "segmented regression, author jackknife 95%"

LEAST_PLACEBOS = 10
"""Placebo dates below which no change is called clear."""
MOST_PLACEBOS = 24
"""Months before the date that are tried as placebo dates."""

Row = dict[str, Any]
_EVER = 10**9
_ESTIMATES = ("expected", "level", "level_low", "level_high", "slope", "slope_low", "slope_high", "effective_authors")


def interrupted_series(evidence: Evidence) -> pa.Table:
    """Returns the ``interrupted_series`` table: the change at PEFT 0.16.0 and at placebo dates, for each series."""
    at = month_number(TAGGED_SINCE) or 0
    months = _months(evidence)
    dated = (months >= 0) & evidence.is_status("status", "text")
    rows: list[Row] = []
    for wrote in (ANYONE, PEOPLE, TOOLS):
        number, leads = _cited(evidence, wrote)
        for measure, counted in ((SHARE, number == 1), (RATE, np.ones(len(number), dtype=np.bool_))):
            found = {}
            for library in (PEFT, DIFFUSERS):
                cards = dated & counted & evidence.is_status("library_name", library)
                found[library] = Series(months[cards], leads[cards].astype(np.float64), evidence.authors[cards])
            head = {"wrote": wrote, "measure": measure}
            rows += [head | row for row in _all_rows(found[PEFT], found[DIFFUSERS], at)]
    return pa.Table.from_pylist(rows, schema=arrow_schema("interrupted_series"))


def is_clear(row: Row) -> bool:
    """Says whether the level of a series changed clearly: more than its error, and more than at any placebo date."""
    if not row["enough"] or row["placebos"] < LEAST_PLACEBOS:
        return False
    return not row["level_low"] <= 0 <= row["level_high"] and row["as_large"] == 0


def _all_rows(peft: Series, diffusers: Series, at: int) -> list[Row]:
    """Returns the changes of two series and their difference at ``at``, and those at placebo dates."""
    inside = {PEFT: peft.around(at, _EVER), DIFFUSERS: diffusers.around(at, _EVER)}
    changes: dict[str, Change | str] = {name: change(series, at) for name, series in inside.items()}
    one, other = changes[PEFT], changes[DIFFUSERS]
    changes[DIFFERENCE] = one if isinstance(one, str) else other if isinstance(other, str) else one.minus(other)
    inside[DIFFERENCE] = Series(*(np.concatenate([getattr(s, f) for s in inside.values()]) for f in vars(peft)))
    placebos = _placebos(peft, diffusers, at)
    rows = []
    for name, found in changes.items():
        levels = [levels[name] for levels in placebos.values() if name in levels]
        rows.append(_row(name, inside[name], at, found) | _compared(found, levels))
    for date, values in placebos.items():
        rows += [_placebo_row(name, date, level) for name, level in values.items()]
    return rows


def _placebos(peft: Series, diffusers: Series, at: int) -> dict[int, dict[str, float]]:
    """Returns the change of level at each month before ``at`` that has enough months on both sides, all before it."""
    found: dict[int, dict[str, float]] = {}
    for date in range(at - LEAST_MONTHS, at - LEAST_MONTHS - MOST_PLACEBOS, -1):
        levels = {}
        for name, series in ((PEFT, peft), (DIFFUSERS, diffusers)):
            level = level_change(series.around(date, at), date)
            if level is not None:
                levels[name] = level
        if len(levels) == 2:
            levels[DIFFERENCE] = levels[PEFT] - levels[DIFFUSERS]
        found[date] = levels
    return found


def _row(name: str, cards: Series, at: int, found: Change | str) -> Row:
    row = {
        "cards_of": name,
        "month": month_name(at),
        "placebo": False,
        "base": len(cards.month),
        "authors": len(np.unique(cards.author)),
        "enough": isinstance(found, Change),
        "method": found if isinstance(found, str) else METHOD,
    } | dict.fromkeys(_ESTIMATES)
    if isinstance(found, Change):
        (level_low, level_high), (slope_low, slope_high) = found.interval(1), found.interval(2)
        numbers = (*found.values[:2], level_low, level_high, found.values[2], slope_low, slope_high)
        row |= dict(zip(_ESTIMATES, (round(float(n), 10) for n in (*numbers, found.effective_authors)), strict=True))
    return row


def _compared(found: Change | str, levels: list[float]) -> Row:
    """Returns how many placebo dates there are, and at how many the level changes at least as much."""
    if isinstance(found, str):
        return {"placebos": len(levels), "as_large": None, "placebo_largest": None}
    sizes = np.abs(np.array(levels))
    return {
        "placebos": len(levels),
        "as_large": int((sizes >= abs(found.values[1])).sum()),
        "placebo_largest": round(float(sizes.max()), 10) if levels else None,
    }


def _placebo_row(name: str, date: int, level: float) -> Row:
    return {
        "cards_of": name,
        "month": month_name(date),
        "placebo": True,
        "level": round(level, 10),
        "enough": False,
        "method": "placebo date: no interval",
    }


def _months(evidence: Evidence) -> Ints:
    """Returns the number of each model's month; -1 where it is not known or before the Hub's dates."""
    encoded = month(evidence).dictionary_encode()
    numbers = [month_number(name) for name in encoded.dictionary.to_pylist()]
    known = np.array([-1 if number is None else number for number in numbers], dtype=np.int64)
    found: Ints = known[encoded.indices.to_numpy(zero_copy_only=False)]
    return found


def _cited(evidence: Evidence, wrote: str) -> tuple[Ints, Bools]:
    """Returns the number of techniques that text of ``wrote`` cites in each card, and whether one is LoRA."""
    kinds, technique = evidence.kinds, evidence.counted_as(HEADLINE)
    cites = (technique >= 0) & ~kinds.in_name & ~kinds.at_level("configured")
    if wrote != ANYONE:
        cites &= kinds.generated if wrote == TOOLS else ~kinds.generated
    width = max(1, len(evidence.techniques))
    card, which = np.divmod(np.unique(kinds.card[cites] * width + technique[cites]), width)
    leads = np.zeros(evidence.n_cards, dtype=np.bool_)
    if HEADLINE_TECHNIQUE in evidence.techniques:
        leads[card[which == evidence.techniques.index(HEADLINE_TECHNIQUE)]] = True
    return np.bincount(card, minlength=evidence.n_cards), leads
