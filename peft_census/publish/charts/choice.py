"""LoRA's share of the cards of the PEFT library in months when PEFT had other types for the task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peft_census.count import HEADLINE, parse_rule
from peft_census.count.choice import TEXT
from peft_census.count.rules import HEADLINE_TECHNIQUE
from peft_census.count.shares import ENOUGH
from peft_census.publish.charts.rows import Row, Rows, axis_start
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.wording import INTERVALS, carries, who
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows, technique_name
from peft_census.publish.text.numbers import count, interval, percent, percent_label
from peft_census.snapshot.snapshot import Snapshot

NAME = "choice"
_NOTE = f"{INTERVALS} Gray: effective sample size below {ENOUGH}. For tasks that are not text, soft prompts are no alternative."


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    rows = [r for r in read_rows(snapshot, NAME) if r["month"] == "all"]
    if not any(r["enough"] and r["rule"] == HEADLINE.name for r in rows):
        return Missing(NAME, "Too few dated cards of the PEFT library to count those whose authors had a choice.")
    name = technique_name(snapshot, HEADLINE_TECHNIQUE)
    panel = Rows(
        rows=[_row(r) for r in rows],
        ends=(axis_start([r["low"] for r in rows]), 1.0),
        dots=True,
        x_title=f"{name}'s share of the cards that cite exactly one technique",
    )
    return ChartSpec(NAME, _claim(snapshot, name, rows), list(rows[0]), rows, [panel], _NOTE)


def _name(row: dict[str, Any]) -> str:
    text = "any text" if row["rule"] == HEADLINE.name else parse_rule(row["rule"]).changed[0].short
    return f"{'Text tasks' if row['task'] == TEXT else 'Other tasks'}, {text}"


def _row(row: dict[str, Any]) -> Row:
    values = (percent_label(row["share"]), count(row["cards"]))
    color = HEADLINE_TECHNIQUE if row["enough"] else "others"
    return Row(_name(row), row["share"], (row["low"], row["high"]), values, color, row["rule"] == HEADLINE.name)


def _claim(snapshot: Snapshot, name: str, rows: Sequence[dict[str, Any]]) -> Claim:
    first = next(r for r in rows if r["enough"] and r["rule"] == HEADLINE.name)
    kind = "text" if first["task"] == TEXT else "other tasks"
    title = f"{name}'s share where PEFT had another type for the task"
    if carries(first["effective_n"], first["low"], first["high"]):
        title = f"Where PEFT had alternatives for {kind}, {name}'s share is {percent(first['share'])}"
    lines = [
        f"{_name(r)}: {percent(r['share'])} of {count(r['cards'])} cards ({interval(r['low'], r['high'])})"
        for r in rows
    ]
    claim = Claim(
        id=NAME,
        population="cards of the PEFT library created when PEFT had another type for the task",
        technique=HEADLINE_TECHNIQUE,
        name=name,
        numerator=first["numerator"],
        base=first["base"],
        share=first["share"],
        low=first["low"],
        high=first["high"],
        method=first["method"],
        effective_n=first["effective_n"],
        quote=f"{title}; {'; '.join(lines)}",
        misquote=f"Authors who had the choice preferred {name}.",
        why_not="That a type was released does not show that an author knew it or could use it with this model.",
        caveat="Tools tag LoRA's cards and no others, so the share without generated text stands beside it.",
        title=title,
        subtitle=who(
            snapshot,
            sum(r["cards"] for r in rows if r["rule"] == HEADLINE.name),
            "model cards of the PEFT library that cite exactly one technique",
            "months in which PEFT had another type",
        ),
        alt_text=f"Dots with intervals. {title}. {'; '.join(lines)}.",
    )
    return about_cards(claim, snapshot, HEADLINE)
