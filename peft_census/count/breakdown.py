"""Breakdowns: shares within groups of cards, small cells suppressed.

A cell is shown when it holds at least ``MIN_CARDS`` counted cards of at least ``MIN_AUTHORS`` authors: below, one
author or one accident is the whole story. Where one cell of a dimension alone is hidden, the next smallest is
hidden with it, so that nobody gets it back by subtraction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from peft_census.count.evidence import Evidence, Ints, Votes
from peft_census.count.groups import DIMENSIONS, OTHER
from peft_census.count.rules import HEADLINE, HEADLINE_TECHNIQUE, Rule
from peft_census.count.uncertainty import METHOD, wilson
from peft_census.snapshot.schema import arrow_schema

MIN_CARDS, MIN_AUTHORS = 5, 3
TOP_VALUES = 40
"""Values of a dimension shown one by one; the rest are ``other``. Months are all shown."""
TOP_TECHNIQUES = 12
"""Techniques with rows of their own, by votes, beside the headline's."""


def breakdown(evidence: Evidence, rule: Rule = HEADLINE) -> pa.Table:
    """Returns the ``breakdown`` table: for every dimension, value and technique a share.

    A suppressed cell has one row, without technique, numerator, base and share.

    Args:
        evidence: with the columns of ``groups.GROUP_COLUMNS``; a dimension whose column is missing has no rows.
        rule: one whose votes are whole cards.
    """
    votes = evidence.votes(rule)
    techniques = leading(votes)
    rows: list[dict[str, Any]] = []
    for dimension, values_of in DIMENSIONS.items():
        try:
            values = values_of(evidence)
        except KeyError:  # an absent column
            continue
        names, group = _groups(values.take(pa.array(votes.cards)), keep_all=dimension == "month")
        sizes = np.bincount(group, minlength=len(names))
        hidden = _hidden(names, sizes, group, evidence.authors[votes.cards])
        for i in sorted(range(len(names)), key=lambda i: names[i] if dimension == "month" else (-sizes[i], names[i])):
            head = {"rule": rule.name, "dimension": dimension, "value": names[i], "suppressed": bool(hidden[i])}
            if hidden[i]:
                rows.append(head)
                continue
            rows += [head | _cell(votes.of(t)[group == i].sum(), sizes[i]) | {"technique": t} for t in techniques]
    return pa.Table.from_pylist(rows, schema=arrow_schema("breakdown"))


def leading(votes: Votes) -> list[str]:
    """Returns the headline's technique and those with most votes, in that order; none where nothing is counted."""
    totals = sorted(votes.totals().items(), key=lambda item: (-item[1], item[0]))
    if not totals:
        return []
    return list(dict.fromkeys([HEADLINE_TECHNIQUE, *(t for t, _ in totals[:TOP_TECHNIQUES])]))


def _cell(numerator: float, base: float) -> dict[str, Any]:
    low, high = wilson(numerator, base)
    share = float(numerator) / float(base)
    return {
        "numerator": float(numerator),
        "base": float(base),
        "share": share,
        "low": low,
        "high": high,
        "method": METHOD,
    }


def _groups(values: pa.Array, keep_all: bool) -> tuple[list[str], Ints]:
    """Returns the groups' names and each card's group; the small ones of a long list become one."""
    encoded = values.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    group = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    if keep_all or len(names) <= TOP_VALUES + 1:
        return names, group
    sizes = np.bincount(group, minlength=len(names))
    order = sorted(range(len(names)), key=lambda i: (-sizes[i], names[i]))
    kept = [names[i] for i in order[:TOP_VALUES] if names[i] != OTHER]
    place = np.full(len(names), len(kept))
    for new, name in enumerate(kept):
        place[names.index(name)] = new
    return [*kept, OTHER], place[group]


def _hidden(names: list[str], sizes: Ints, group: Ints, authors: Ints) -> Any:
    """Says of each group whether it is too small to be shown."""
    pairs = np.unique(np.stack([group, authors]), axis=1)
    distinct = np.bincount(pairs[0], minlength=len(names))
    hidden = (sizes < MIN_CARDS) | (distinct < MIN_AUTHORS)
    if hidden.sum() == 1 and len(names) > 1:
        hidden[min((i for i in range(len(names)) if not hidden[i]), key=lambda i: (sizes[i], names[i]))] = True
    return hidden
