"""How the headline depends on counting: its share, and that with one option of its rule changed at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peft_census.count import HEADLINE, parse_rule
from peft_census.count.shares import ENOUGH
from peft_census.publish.charts.rows import Row, Rows, axis_start
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.wording import INTERVALS, carries, who
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows
from peft_census.publish.text.numbers import count, interval, percent, percent_label
from peft_census.publish.text.wording import capitalized
from peft_census.snapshot.snapshot import Snapshot

NAME = "rule_changes"
_NOTE = f"{INTERVALS} Gray: effective sample size below {ENOUGH}. Dashed: the headline's rule. Each rule counts its own cards."


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    rows = [r for r in read_rows(snapshot, NAME) if r["share"] is not None]
    if not rows or rows[0]["rule"] != HEADLINE.name or len(rows) < 2:
        return Missing(NAME, "No card counts under another rule, so there is nothing to compare the headline with.")
    panel = Rows(
        rows=[_row(r) for r in rows],
        ends=(axis_start([r["low"] for r in rows]), 1.0),
        dots=True,
        line=rows[0]["share"],
        x_title=f"{headline.name}'s share under each rule",
    )
    return ChartSpec(NAME, _claim(snapshot, headline, rows), list(rows[0]), rows, [panel], _NOTE)


def _name(row: dict[str, Any]) -> str:
    """Returns the option that a rule changes, in a few words."""
    changed = [o for o in parse_rule(row["rule"]).changed if o.short]
    return capitalized(", ".join(o.short for o in changed)) or "Rule of the headline"


def _row(row: dict[str, Any]) -> Row:
    leads = row["rule"] == HEADLINE.name
    color = row["technique"] if row["enough"] else "others"
    values = (percent_label(row["share"]), count(row["cards"]))
    return Row(_name(row), row["share"], (row["low"], row["high"]), values, color, leads)


def _at(rows: list[dict[str, Any]], end: Callable[..., dict[str, Any]]) -> str:
    row = end(rows, key=lambda r: r["share"])
    return f"{percent(row['share'])} ({_name(row).lower()})"


def _claim(snapshot: Snapshot, headline: Claim, rows: list[dict[str, Any]]) -> Claim:
    name, first, others = headline.name or "", rows[0], rows[1:]
    low, high = min(r["share"] for r in others), max(r["share"] for r in others)
    title = f"{name}'s share if one counting rule is changed"
    if all(carries(r["effective_n"], r["low"], r["high"]) for r in rows):
        title = (
            f"{name}'s share is {percent(first['share'])}; other counting rules give {percent(low)} to {percent(high)}"
        )
    lines = [
        f"{_name(r)}: {percent(r['share'])} of {count(r['cards'])} cards ({interval(r['low'], r['high'])})"
        for r in rows
    ]
    claim = Claim(
        id=NAME,
        population=f"cards under {count(len(rows))} rules",
        technique=first["technique"],
        name=name,
        numerator=first["numerator"],
        base=first["base"],
        share=first["share"],
        low=min(low, first["share"]),
        high=max(high, first["share"]),
        method="lowest and highest share with one option changed",
        quote=f"If one option of the counting rule is changed, {name}'s share ranges from {percent(low)} to {percent(high)}; {'; '.join(lines)}",
        sentence=f"If one option of the counting rule is changed, {name}'s share ranges from {_at(others, min)} to {_at(others, max)}",
        misquote=f"Another way to count would show that {name} does not lead.",
        why_not="Each row changes one option. What several changes together give is in the table of all rules.",
        caveat="Each rule has its own base. The range over the rules is not a confidence interval.",
        title=title,
        subtitle=who(
            snapshot,
            first["base"],
            "model cards that cite exactly one technique",
            "each row changes one option of the rule",
        ),
        alt_text=f"Dots with intervals. {title}. {'; '.join(lines)}.",
    )
    return about_cards(claim, snapshot, HEADLINE)
