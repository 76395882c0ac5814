"""A snapshot in a few lines, for a terminal.

In: a snapshot or rows made from it. Out: plain text. The figures are worded by ``numbers`` like everywhere else.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count import parse_rule
from peft_census.count.shares import ENOUGH
from peft_census.publish.claims.instruments import brief_lines
from peft_census.publish.snapshot_reader import SPECIMEN_MARK, SnapshotLike
from peft_census.publish.text.numbers import count, interval, percent, plural
from peft_census.publish.text.wording import base_words
from peft_census.snapshot.schema.counts import COUNTED_TABLES

MOST_NAMED = 5
"""Models that are not there which a run names."""

COLUMNS = [column for _, columns in COUNTED_TABLES.values() for column in columns]


def headline_text(facts: dict[str, Any], names: dict[str, Any]) -> str:
    """Returns the headline with rule, base and interval, in one or two lines."""
    head = facts["headline"]
    if not head["base"]:
        return "no card cites exactly one technique: nothing to count under rule exactly_one"
    name = names[head["technique"]].name
    more = ""
    if head["author_low"] is not None:
        more = (
            f"  with the cards of an author taken together {interval(head['author_low'], head['author_high'])}, "
            f"worth {count(round(head['effective_n'], 1))} independent cards\n"
        )
    if head["unread_low"] is not None and head["unread_low"] < head["unread_high"]:
        more += f"  whatever the unread cards say, between {interval(head['unread_low'], head['unread_high'])}\n"
    return (
        f"{name}: {percent(head['share'])} of cards that cite exactly one technique "
        f"({count(head['n'])} of {count(head['base'])}; 95 % interval {interval(head['low'], head['high'])})\n{more}"
        f"  rule {head['rule']}: {parse_rule(head['rule']).meaning}"
    )


def describe_run(snapshot: SnapshotLike, facts: dict[str, Any]) -> str:
    """Returns what ``census`` prints when it is done."""
    lines = [SPECIMEN_MARK] if facts["specimen"] else []
    lines += [
        headline_text(facts, snapshot.manifest.taxonomy.techniques),
        *_read_lines(snapshot, facts),
        *brief_lines(snapshot),
        f"snapshot {facts['snapshot_id']}" + (" is unchanged; nothing was written" if facts["unchanged"] else ""),
        f"  {snapshot.path}",
        f"  {snapshot.path / 'report' / 'report.html'}",
    ]
    return "\n".join(lines)


def _read_lines(snapshot: SnapshotLike, facts: dict[str, Any]) -> list[str]:
    """Returns how many models have a card, what became of the others, and which are not on the Hub at all."""
    line = f"  {plural(facts['cards'], 'model')} listed, {count(facts['cards_with_text'])} with a card to read"
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
    return [line, f"  deleted, private or never there: {', '.join(gone)}{more}"]


def describe_snapshot(snapshot: SnapshotLike, facts: dict[str, Any]) -> str:
    """Returns what ``show`` prints: headline, coverage, provenance."""
    manifest = snapshot.manifest
    source, cards = manifest.source, manifest.cards
    lines = [f"snapshot {snapshot.id}"]
    if facts["specimen"]:
        lines.append(SPECIMEN_MARK)
    lines += ["", headline_text(facts, manifest.taxonomy.techniques), "", "coverage"]
    for row in facts["coverage"]:
        reason = f" ({row['reason']})" if row["reason"] else ""
        lines.append(f"  {count(row['n']):>12}  {row['source']}: {row['status']}{reason}")
    revision = f" @ {source.revision}" if source.revision else ""
    lines += [
        "",
        "provenance",
        f"  source    {source.kind}: {source.label}{revision}",
        f"  content   sha256 {source.content_sha256[:16]}…",
        f"  cards     {cards.first or 'unknown'} to {cards.last or 'unknown'}",
        f"  taxonomy  sha256 {manifest.taxonomy.sha256[:16]}…, tagger {manifest.tagger_version}, "
        f"rules {manifest.rules_version}, schema {manifest.schema_version}",
    ]
    return "\n".join(lines)


def shares_text(snapshot: SnapshotLike, shares: pa.Table) -> str:
    """Returns a shares table as aligned text, one block for each rule."""
    names = snapshot.manifest.taxonomy.techniques
    lines: list[str] = [SPECIMEN_MARK] if snapshot.manifest.specimen else []
    block = None
    for row in shares.to_pylist():
        if row["rule"] != block:
            block = row["rule"]
            rule = parse_rule(block)
            lines += ["", f"rule {block}: n = {base_words(rule, row['base'], row['cards'])}", f"  {rule.meaning}"]
        name = names[row["technique"]].name if row["technique"] in names else row["technique"]
        lines.append(
            f"  {name:<34.34} {count(row['numerator']):>12} {percent(row['share']):>10}"
            f"   {interval(row['low'], row['high'])}"
        )
    if block is None:
        lines.append("no card cites a technique")
    return "\n".join([*lines, "", f"snapshot {snapshot.id}; intervals: sampling error only"]).lstrip("\n")


def table_text(snapshot: SnapshotLike, table: pa.Table) -> str:
    """Returns any counted table as aligned text; shares in per cent, a dash for what is not known."""
    lines = [SPECIMEN_MARK] if snapshot.manifest.specimen else []
    if not table.num_rows:
        return "\n".join([*lines, "not enough to say: the table has no rows", f"snapshot {snapshot.id}"])
    fractions = {c.name for c in COLUMNS if c.unit == "fraction"}
    cells = [[_cell(v, name in fractions) for v in table[name].to_pylist()] for name in table.schema.names]
    widths = [max(len(name), *map(len, column)) for name, column in zip(table.schema.names, cells, strict=True)]
    lines += [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in (table.schema.names, *zip(*cells, strict=True))
    ]
    if {"rule", "enough", "share", "cards"} <= set(table.schema.names):
        lines.append(_range_over_rules(table))
    return "\n".join([*lines, f"snapshot {snapshot.id}"])


def _range_over_rules(table: pa.Table) -> str:
    """Returns the range of a specification curve, which is the headline's honest uncertainty."""
    shares = [row["share"] for row in table.to_pylist() if row["enough"]]
    if not shares:
        return f"range: not enough to say; none of {count(table.num_rows)} rules counts {ENOUGH} cards"
    return (
        f"range: {interval(min(shares), max(shares))} over the {count(len(shares))} of {count(table.num_rows)} rules "
        f"that count at least {ENOUGH} cards"
    )


def _cell(value: Any, fraction: bool) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return percent(value) if fraction else count(round(value, 3))
    return count(value) if isinstance(value, int) else str(value)


def techniques_text(listed: list[dict[str, Any]]) -> str:
    """Returns the taxonomy as aligned text."""
    lines = [f"{'id':<26} {'name':<34} {'kind':<13} {'variant of':<18} {'PEFT':<8} year"]
    lines += [
        f"{t['id']:<26.26} {t['name']:<34.34} {t['kind']:<13} {t['variant_of'] or '':<18.18} "
        f"{t['since'] or '':<8} {t['year'] or ''}"
        for t in listed
    ]
    return "\n".join([*lines, f"{len(listed)} techniques"])
