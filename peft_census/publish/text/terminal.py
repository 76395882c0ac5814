"""A snapshot in a few lines, for a terminal.

In: a snapshot and tables counted from it. Out: plain text. Text of a snapshot comes from outside the project; the
command line escapes control characters before it prints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count import HEADLINE, Top, headline, parse_rule
from peft_census.count.shares import ENOUGH
from peft_census.publish.claims.comparison import instrument_lines
from peft_census.publish.claims.funnel import funnel_claims
from peft_census.publish.snapshot_reader import SPECIMEN_MARK, card_span, technique_name
from peft_census.publish.text.numbers import count, interval, percent, percent_label, plural, size_text
from peft_census.publish.text.table import Table
from peft_census.publish.text.wording import base_text, interval_text
from peft_census.snapshot.schema.counts import COUNTED_TABLES
from peft_census.snapshot.snapshot import Snapshot

MOST_NAMED = 5
"""Deleted models that a run lists by name."""

_COUNTED = ("votes", "cards", "hits, repositories or models")
"""Units of counts that are stored as floats, because votes can be divided."""
_UNITS = {column.name: column.unit for _, columns in COUNTED_TABLES.values() for column in columns}


def headline_text(snapshot: Snapshot) -> str:
    """Returns the headline with base, intervals and rule, one line each."""
    head = headline(snapshot.table("shares"))
    if not head.base:
        return f"no card cites exactly one technique: nothing to count under rule {head.rule}"
    name = technique_name(snapshot, head.technique)
    if head.share is None or head.low is None or head.high is None or head.method is None:
        return f"{name}: not shown, because this copy leaves out cells of few cards ({count(head.base)} cards counted)"
    lines = [
        f"{name}: {percent(head.share)} of {HEADLINE.cards} ({count(head.n)} of {count(head.base)})",
        f"  {interval_text(head.low, head.high, head.method, head.effective_n)}",
    ]
    if head.unread_low is not None and head.unread_high is not None and head.unread_low < head.unread_high:
        lines.append(f"  if none or all of the unread cards cited it: {interval(head.unread_low, head.unread_high)}")
    lines.append(f"  rule {head.rule}: {HEADLINE.meaning}")
    lines += [f"{claim.title} ({count(claim.numerator)} of {count(claim.base)})" for claim in funnel_claims(snapshot)]
    return "\n".join(lines)


def describe_run(snapshot: Snapshot, unchanged: bool) -> str:
    """Returns what ``census`` prints when it is done; ``unchanged`` if the snapshot existed before."""
    lines = [SPECIMEN_MARK] if snapshot.manifest.specimen else []
    lines += [
        headline_text(snapshot),
        *_card_lines(snapshot),
        *instrument_lines(snapshot),
        f"snapshot {snapshot.id}" + (" is unchanged; nothing was written" if unchanged else ""),
        f"  {snapshot.path}",
        f"  {snapshot.path / 'report' / 'report.html'}",
    ]
    return "\n".join(lines)


def _card_lines(snapshot: Snapshot) -> list[str]:
    """Returns how many models have a card, why the others have none, and the names of some deleted models."""
    cards = snapshot.manifest.cards
    line = f"  {plural(cards.rows, 'model')} listed, {count(cards.with_text)} with a card to read"
    others: Counter[str] = Counter()
    for row in snapshot.table("coverage").to_pylist():
        if row["source"] == snapshot.manifest.source.kind and row["status"] != "text":
            others[row["status"]] += row["n"]
    if others:
        line += " (" + ", ".join(f"{count(n)} {status.replace('_', ' ')}" for status, n in sorted(others.items())) + ")"
    if not others["gone"]:
        return [line]
    models = snapshot.table("models", columns=["model_id", "status"])
    gone = models.filter(pc.equal(models["status"], "gone"))["model_id"].slice(0, MOST_NAMED).to_pylist()
    more = f" and {count(others['gone'] - len(gone))} more" if others["gone"] > len(gone) else ""
    return [line, f"  deleted, private or nonexistent: {', '.join(gone)}{more}"]


def describe_snapshot(snapshot: Snapshot) -> str:
    """Returns what ``show`` prints: headline, coverage, provenance."""
    manifest = snapshot.manifest
    source = manifest.source
    coverage = [
        (count(row["n"]), f"{row['source']}: {row['status']}" + (f" ({row['reason']})" if row["reason"] else ""))
        for row in snapshot.table("coverage").to_pylist()
    ]
    revision = f" @ {source.revision}" if source.revision else ""
    lines = [
        f"snapshot {snapshot.id}",
        *([SPECIMEN_MARK] if manifest.specimen else []),
        "",
        headline_text(snapshot),
        "",
        "coverage",
        *Table(("n", "status"), coverage, right=(0,)).text("  "),
        "",
        "provenance",
        f"  source    {source.kind}: {source.label}{revision}",
        f"  content   sha256 {source.content_sha256[:16]}…",
        f"  cards     {card_span(snapshot)}",
        f"  taxonomy  sha256 {manifest.taxonomy.sha256[:16]}…, tagger {manifest.tagger_version}, "
        f"rules {manifest.rules_version}, schema {manifest.schema_version}",
    ]
    return "\n".join(lines)


def shares_text(snapshot: Snapshot, shares: pa.Table) -> str:
    """Returns a shares table as aligned text, one block for each rule."""
    lines: list[str] = [SPECIMEN_MARK] if snapshot.manifest.specimen else []
    rows = shares.to_pylist()
    for name in dict.fromkeys(row["rule"] for row in rows):
        rule, block = parse_rule(name), [row for row in rows if row["rule"] == name]
        base = base_text(rule, block[0]["base"], block[0]["cards"])
        lines += ["", f"rule {name}: n = {base}", f"  {rule.meaning}"]
        lines += Table(
            ("technique", "n", "share", "interval", "effective n"),
            [
                (
                    technique_name(snapshot, row["technique"]),
                    count(row["numerator"]),
                    percent_label(row["share"]),
                    interval(row["low"], row["high"]),
                    size_text(row["effective_n"]),
                )
                for row in block
            ],
            right=(1, 2, 3, 4),
        ).text("  ")
    if not rows:
        lines.append("no card cites a technique")
    return "\n".join(
        [*lines, "", f"snapshot {snapshot.id}; 95% intervals, clustered by author: sampling error only"]
    ).lstrip("\n")


def table_text(snapshot: Snapshot, table: pa.Table) -> str:
    """Returns any counted table as aligned text: shares in percent, a dash for a missing value."""
    lines = [SPECIMEN_MARK] if snapshot.manifest.specimen else []
    if not table.num_rows:
        return "\n".join([*lines, "not enough to say: the table has no rows", f"snapshot {snapshot.id}"])
    names = table.schema.names
    lines += Table(names, table_cells(table)).text()
    if "rules" in names:
        lines.append(_range_over_rules(table))
    return "\n".join([*lines, f"snapshot {snapshot.id}"])


def table_cells(table: pa.Table) -> list[list[str]]:
    """Returns the cells of any counted table as text."""
    names = table.schema.names
    return [[_cell(row[name], _UNITS.get(name, "")) for name in names] for row in table.to_pylist()]


def groups_text(snapshot: Snapshot, table: pa.Table, by: Sequence[str]) -> str:
    """Returns the shares of groups of cards as aligned text, one block for each rule."""
    lines: list[str] = [SPECIMEN_MARK] if snapshot.manifest.specimen else []
    rows = table.to_pylist()
    for name in dict.fromkeys(row["rule"] for row in rows):
        lines += ["", f"rule {name}: {parse_rule(name).meaning}"]
        lines += Table(
            (*by, "technique", "n", "base", "share", "95% interval", "effective n"),
            [
                (
                    *(row[dimension] for dimension in by),
                    technique_name(snapshot, row["technique"]),
                    count(row["numerator"]),
                    count(row["base"]),
                    percent_label(row["share"]),
                    interval(row["low"], row["high"]),
                    count(round(row["effective_n"], 1)),
                )
                for row in rows
                if row["rule"] == name
            ],
            right=range(len(by) + 1, len(by) + 6),
        ).text("  ")
    if not rows:
        lines.append("no card counts, so there is no share")
    return "\n".join([*lines, "", f"snapshot {snapshot.id}; intervals: sampling error only, by author"]).lstrip("\n")


def top_text(snapshot: Snapshot, found: Top) -> str:
    """Returns a top list as aligned text: the share first, then each group with the share without it."""
    name, by = technique_name(snapshot, found.query.technique), found.query.by
    lines: list[str] = [SPECIMEN_MARK] if snapshot.manifest.specimen else []
    share = percent_label(found.numerator / found.base) if found.base else "no share"
    lines.append(f"{name}: {count(found.numerator)} of {count(found.base)} ({share}), rule {found.rule.name}")
    rows = found.table.to_pylist()
    if not rows:
        return "\n".join([*lines, "no card counts for it, so there is no list", f"snapshot {snapshot.id}"])
    lines += Table(
        (by, name, "of its votes", "all", "share without", "change (points)", "downloads"),
        [
            (
                row[by],
                count(row["numerator"]),
                percent_label(row["fraction"]),
                count(row["base"]),
                percent_label(row["share_without"]),
                "–" if row["influence"] is None else f"{100 * row['influence']:+.2f}",
                "–" if row["downloads"] is None else count(row["downloads"]),
            )
            for row in rows
        ],
        right=range(1, 7),
    ).text("  ")
    shown = sum(row["numerator"] > 0 for row in rows)
    more = f"; {count(found.groups - shown)} more with a vote for it" if found.groups > shown else ""
    return "\n".join([*lines, f"snapshot {snapshot.id}{more}"])


def history_text(table: pa.Table) -> str:
    """Returns a history as aligned text, one block for each rule; what changed stands at the end of a row."""
    lines: list[str] = []
    rows = table.to_pylist()
    for name in dict.fromkeys(row["rule"] for row in rows):
        block = [row for row in rows if row["rule"] == name]
        lines += ["", f"{block[0]['technique']}, rule {name}"]
        lines += Table(
            ("date", "snapshot", "share", "95% interval", "n", "base", "cards", "changed"),
            [
                (
                    row["date"] or "–",
                    row["snapshot_id"],
                    percent_label(row["share"]),
                    "–" if row["low"] is None else interval(row["low"], row["high"]),
                    *("–" if row[key] is None else count(row[key]) for key in ("numerator", "base", "with_text")),
                    _changes(row),
                )
                for row in block
            ],
            right=range(2, 7),
        ).text("  ")
    return "\n".join(lines).lstrip("\n")


def _changes(row: Mapping[str, Any]) -> str:
    """Returns what changed since the snapshot before; a change of our own rules is named as such."""
    if row["data_changed"] is None:
        return f"first of {row['source']}"
    ours = f"OUR RULES ({row['rules_changed']})" if row["rules_changed"] else ""
    return " and ".join(filter(None, ("data" if row["data_changed"] else "", ours))) or "nothing"


def _range_over_rules(table: pa.Table) -> str:
    """Returns the range of a specification curve."""
    rows = table.to_pylist()
    shares = [row["share"] for row in rows if row["enough"]]
    of = f"{count(len(rows))} distinct counts of {count(sum(row['rules'] for row in rows))} rules"
    if not shares:
        return f"range: not enough to say; none of {of} has an effective sample size of {ENOUGH}"
    ends = interval(min(shares), max(shares))
    return f"range: {ends} over {count(len(shares))} of {of}, those with an effective sample size of at least {ENOUGH}"


def _cell(value: Any, unit: str) -> str:
    """Returns a cell: fractions in percent, counts as short as possible, other numbers with three decimals."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and unit == "fraction":
        return percent_label(value)
    if isinstance(value, float) and unit not in _COUNTED:
        return f"{value:,.3f}"
    return count(round(value, 3)) if isinstance(value, int | float) else str(value)


def techniques_text(techniques: Iterable[Mapping[str, Any]]) -> str:
    """Returns the taxonomy as aligned text."""
    rows = [
        (t["id"], t["name"], t["kind"], t["variant_of"] or "", t["since"] or "", str(t["year"] or ""))
        for t in techniques
    ]
    table = Table(("id", "name", "kind", "variant of", "PEFT", "year"), rows)
    return "\n".join([*table.text(), f"{len(rows)} techniques"])
