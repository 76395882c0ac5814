"""Breakdowns: shares within groups of cards, with small cells suppressed.

A cell is shown when it has at least ``MIN_CARDS`` counted cards of at least ``MIN_AUTHORS`` authors; a smaller cell
says more about one author than about the group. Where only one cell of a dimension is suppressed, the next smallest
is suppressed too, so that it cannot be found by subtraction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from peft_census.count.arrays import Bools, Floats, Ints
from peft_census.count.evidence import Evidence, Votes
from peft_census.count.groups import DIMENSIONS, OTHER
from peft_census.count.rules import HEADLINE, HEADLINE_TECHNIQUE, Rule
from peft_census.count.uncertainty import Clusters
from peft_census.snapshot.schema import arrow_schema

MIN_CARDS, MIN_AUTHORS = 5, 3
TOP_VALUES = 40
"""Values of a dimension shown one by one; the rest are ``other``. All months are shown."""
TOP_TECHNIQUES = 12
"""Techniques with rows of their own, by votes, in addition to that of the headline."""


def breakdown(evidence: Evidence, rule: Rule = HEADLINE) -> pa.Table:
    """Returns the ``breakdown`` table: a share for every dimension, value and technique.

    A suppressed cell has one row, without technique, numerator, base and share.

    Args:
        evidence: with the columns of ``groups.GROUP_COLUMNS``; a dimension whose column is missing has no rows.
        rule: one whose votes are whole cards.
    """
    votes = evidence.votes(rule)
    techniques = leading(votes)
    rows: list[dict[str, Any]] = []
    for name, dimension in DIMENSIONS.items():
        if dimension.column and dimension.column not in evidence.models.schema.names:
            continue
        by_name = name == "month"
        names, group = _groups(dimension.values(evidence).take(pa.array(votes.cards)), keep_all=by_name)
        authors = evidence.authors[votes.cards]
        sizes = np.bincount(group, minlength=len(names))
        suppressed = _suppressed(names, sizes, group, authors)
        clusters = Clusters(votes.weight, authors, group, len(names))
        cells = {technique: share_cells(votes.of(technique), clusters, group) for technique in techniques}
        for i in sorted(range(len(names)), key=lambda i: names[i] if by_name else (-sizes[i], names[i])):
            head = {"rule": rule.name, "dimension": name, "value": names[i], "suppressed": bool(suppressed[i])}
            if suppressed[i]:
                rows.append(head)
                continue
            rows += [head | cells[technique][i] | {"technique": technique} for technique in techniques]
    return pa.Table.from_pylist(rows, schema=arrow_schema("breakdown"))


def leading(votes: Votes) -> list[str]:
    """Returns the headline's technique, then those with the most votes; none where nothing is counted."""
    totals = sorted(votes.totals().items(), key=lambda item: (-item[1], item[0]))
    if not totals:
        return []
    return list(dict.fromkeys([HEADLINE_TECHNIQUE, *(t for t, _ in totals[:TOP_TECHNIQUES])]))


def share_cells(numerators: Floats, clusters: Clusters, group: Ints) -> list[dict[str, Any]]:
    """Returns numerator, base, share and interval of each group; the share is null where the base is zero."""
    sums = np.bincount(group, numerators, len(clusters.bases))
    return [
        {"numerator": float(n), "base": float(base), "share": float(n / base) if base else None} | found.cells
        for n, base, found in zip(sums, clusters.bases, clusters.intervals(numerators), strict=True)
    ]


def _groups(values: pa.Array, keep_all: bool) -> tuple[list[str], Ints]:
    """Returns the names of the groups and each card's group; the small groups of a long list become one."""
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


def _suppressed(names: list[str], sizes: Ints, group: Ints, authors: Ints) -> Bools:
    """Returns which groups are not shown."""
    pairs = np.unique(np.stack([group, authors]), axis=1)
    distinct = np.bincount(pairs[0], minlength=len(names))
    suppressed: Bools = (sizes < MIN_CARDS) | (distinct < MIN_AUTHORS)
    if suppressed.sum() == 1 and len(names) > 1:
        shown = (i for i in range(len(names)) if not suppressed[i])
        suppressed[min(shown, key=lambda i: (sizes[i], names[i]))] = True
    return suppressed
