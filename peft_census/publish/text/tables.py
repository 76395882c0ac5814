"""Tables for people and programs: ``shares.csv``, ``coverage.csv``, ``shares.md`` and ``claims.json``.

In: shares and claims. Out: text. The CSV holds full precision; the Markdown holds the words and roundings of
the claims. Every file names its snapshot and says when the cards are made up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import COVERAGE, HEADLINE
from peft_census.publish.snapshot_reader import SPECIMEN_MARK, Share, SnapshotLike, source_line
from peft_census.publish.text.numbers import count, interval, percent
from peft_census.publish.text.spreadsheet import csv_text
from peft_census.publish.text.wording import base_words, counting
from peft_census.snapshot.schema import TABLES

COLUMNS = tuple(c.name for c in TABLES["shares"][1])
"""Columns of ``shares.csv``; after them come ``snapshot_id`` and ``specimen``."""


def shares_csv(snapshot: SnapshotLike, shares: Sequence[Share]) -> str:
    """Returns the shares as CSV: the columns of the schema, then snapshot id and specimen."""
    return data_csv(snapshot, COLUMNS, ({name: getattr(share, name) for name in COLUMNS} for share in shares))


def coverage_csv(snapshot: SnapshotLike) -> str:
    """Returns how many models were listed, by source, status and reason, as CSV."""
    return data_csv(snapshot, [c.name for c in TABLES["coverage"][1]], snapshot.table("coverage").to_pylist())


def data_csv(snapshot: SnapshotLike, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns ``rows`` as CSV that a spreadsheet may open, each with the snapshot's id and whether it is a specimen."""
    more = {"snapshot_id": snapshot.id, "specimen": "true" if snapshot.manifest.specimen else "false"}
    return csv_text([*columns, *more], ({**row, **more} for row in rows))


def claims_json(claims: Sequence[Claim]) -> str:
    """Returns the claims as a JSON list, keys in alphabetical order."""
    return json.dumps([asdict(c) for c in claims], indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def shares_md(
    snapshot: SnapshotLike, claims: Sequence[Claim], shares: Sequence[Share], beside: Sequence[str] = ()
) -> str:
    """Returns the shares as Markdown: the headline, one table for each way to count, ``beside``, footnotes."""
    first = next(c for c in claims if c.id == HEADLINE)
    coverage = next(c for c in claims if c.id == COVERAGE)
    lines = [f"# {markdown_safe(first.title)}", ""]
    if first.specimen:
        lines += [f"> **{SPECIMEN_MARK}**", ""]
    lines += [
        f"To quote: {markdown_safe(first.quote)}",
        "",
        f"Not to write: ~~{markdown_safe(first.misquote)}~~ {markdown_safe(first.why_not)}",
        "",
        markdown_safe(first.caveat),
    ]
    if first.share is None:
        lines += [
            "",
            "## exactly_one",
            "",
            f"{markdown_safe(first.subtitle)} Nothing to count: no share, not even of zero.",
        ]
    for rule, group in groupby(shares, key=lambda s: s.rule):
        lines += _table(rule, list(group))
    lines += [_md_row(line) for line in beside]
    lines += [
        "",
        "---",
        "",
        f"- {markdown_safe(coverage.quote)}",
        "- Intervals cover sampling only. To cite a technique is not to have used it.",
        f"- {markdown_safe(source_line(snapshot))}",
    ]
    if first.specimen:
        lines.append(f"- {SPECIMEN_MARK}")
    return "\n".join(lines) + "\n"


def _table(rule: str, rows: list[Share]) -> list[str]:
    way = rows[0].way
    return [
        "",
        f"## {rule}",
        "",
        f"n = {base_words(way, rows[0].base, rows[0].cards)} (considered: {markdown_safe(rows[0].population)}). "
        f"Counting: {counting(way)}.",
        "",
        "| technique | n | base | share | interval | method |",
        "|---|---:|---:|---:|---:|---|",
        *(
            f"| {markdown_safe(s.name)} | {count(s.numerator)} | {count(s.base)} | {percent(s.share)} | "
            f"{interval(s.low, s.high)} | {markdown_safe(s.method)} |"
            for s in rows
        ),
    ]


def _md_row(line: str) -> str:
    """Returns a line of a table whose cells hold no markup: only tags could do harm there."""
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown_safe(text: str) -> str:
    """Returns ``text`` such that Markdown shows it as it is: no markup, no tag, no new cell."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|~])", r"\\\1", text)
