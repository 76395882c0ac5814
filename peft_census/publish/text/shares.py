"""The files ``shares.csv``, ``coverage.csv``, ``shares.md`` and ``claims.json``.

In: shares and claims. Out: text. CSV has full precision; Markdown has the sentences and roundings of the claims. Every
file names its snapshot and marks a specimen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from peft_census.count import HEADLINE as RULE
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import coverage_of, headline_of
from peft_census.publish.snapshot_reader import SPECIMEN_MARK, Share, source_line
from peft_census.publish.text.numbers import count, interval, percent_label, size_text
from peft_census.publish.text.table import Table, markdown_safe
from peft_census.publish.text.wording import base_text, counting_text
from peft_census.snapshot.schema import TABLES
from peft_census.snapshot.snapshot import Snapshot


def shares_csv(snapshot: Snapshot, shares: Sequence[Share]) -> str:
    """Returns the shares as CSV: the columns of the table ``shares``, then snapshot id and specimen."""
    return data_csv(snapshot, [c.name for c in TABLES["shares"][1]], (vars(share) for share in shares))


def coverage_csv(snapshot: Snapshot) -> str:
    """Returns how many models were listed, by source, status and reason, as CSV."""
    return data_csv(snapshot, [c.name for c in TABLES["coverage"][1]], snapshot.table("coverage").to_pylist())


def data_csv(snapshot: Snapshot, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns ``rows`` as CSV, each with the id of the snapshot and whether it is a specimen."""
    more = {"snapshot_id": snapshot.id, "specimen": "true" if snapshot.manifest.specimen else "false"}
    return Table.of([*columns, *more], ({**row, **more} for row in rows)).csv()


def claims_json(claims: Sequence[Claim]) -> str:
    """Returns the claims as a JSON list, keys in alphabetical order."""
    return json.dumps([asdict(c) for c in claims], indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def shares_md(
    snapshot: Snapshot, claims: Sequence[Claim], shares: Sequence[Share], comparison: Sequence[str] = ()
) -> str:
    """Returns the shares as Markdown: the headline, one table for each rule, ``comparison``, footnotes."""
    first = headline_of(claims)
    lines = [f"# {markdown_safe(first.title)}", ""]
    if first.specimen:
        lines += [f"> **{SPECIMEN_MARK}**", ""]
    lines += [f"To quote: {markdown_safe(first.quote)}", "", markdown_safe(first.caveat), ""]
    if first.share is None:
        lines += [f"## {RULE.name}", "", f"{markdown_safe(first.subtitle)} Nothing to count, so there is no share.", ""]
    for rule, group in groupby(shares, key=lambda s: s.rule):
        lines += _rule_md(rule, list(group))
    lines += [
        *comparison,
        "---",
        "",
        f"- {markdown_safe(coverage_of(claims).quote)}",
        "- Intervals cover sampling error only. A mention is not a use.",
        f"- {markdown_safe(source_line(snapshot))}",
    ]
    if first.specimen:
        lines.append(f"- {SPECIMEN_MARK}")
    return "\n".join(lines) + "\n"


def _rule_md(rule: str, rows: list[Share]) -> list[str]:
    first, parsed = rows[0], rows[0].parsed_rule
    table = Table(
        ("technique", "n", "base", "share", "interval", "effective n", "method"),
        [
            (
                s.name,
                count(s.numerator),
                count(s.base),
                percent_label(s.share),
                interval(s.low, s.high),
                size_text(s.effective_n),
                s.method,
            )
            for s in rows
        ],
        right=(1, 2, 3, 4, 5),
    )
    return [
        f"## {rule}",
        "",
        f"n = {base_text(parsed, first.base, first.cards)} (considered: {markdown_safe(first.population)}). "
        f"Counting: {counting_text(parsed)}.",
        "",
        *table.markdown(),
        "",
    ]
