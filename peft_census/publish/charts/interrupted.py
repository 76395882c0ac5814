"""How mentions of LoRA changed when PEFT began to tag cards by itself, by who wrote the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peft_census.count.authorship import TAGGED_SINCE
from peft_census.count.interrupted import (
    ANYONE,
    DIFFERENCE,
    DIFFUSERS,
    LEAST_PLACEBOS,
    PEFT,
    PEOPLE,
    RATE,
    SHARE,
    TOOLS,
    is_clear,
)
from peft_census.count.rules import HEADLINE, HEADLINE_TECHNIQUE
from peft_census.publish.charts.rows import Row, Rows, axis_end
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.wording import who
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows, technique_name
from peft_census.publish.text.numbers import count, month_text, plural, points
from peft_census.publish.text.wording import capitalized
from peft_census.snapshot.snapshot import Snapshot

NAME = "interrupted_series"
_DAY = month_text(TAGGED_SINCE)
_WRITERS = {TOOLS: "text of tools", PEOPLE: "text of people", ANYONE: "any text"}
_CARDS = {PEFT: "PEFT", DIFFUSERS: "Diffusers", DIFFERENCE: "difference"}
_HEADS = {RATE: "Cards that cite {}", SHARE: "{}'s share of the cards that cite exactly one technique"}
_NOTE = (
    f"Change of level at {_DAY}, when PEFT 0.16.0 began to tag LoRA's cards by itself. Lines: 95% intervals, clustered by "
    "author; colored where larger than its error and than any placebo. Placebo: the largest change at an earlier month, without an interruption. Diffusers' cards, tagged since "
    "2023, are the comparison. Of twenty intervals one leaves out zero by chance."
)


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    actual = [r for r in read_rows(snapshot, NAME) if not r["placebo"]]
    rows = [r for r in actual if r["enough"]]
    if not rows:
        return Missing(
            NAME, f"Too few dated cards of PEFT's and Diffusers' authors around {_DAY} to compare before and after."
        )
    name = technique_name(snapshot, HEADLINE_TECHNIQUE)
    panels = [
        _panel(head.format(name), [r for m in _WRITERS for r in rows if (r["measure"], r["wrote"]) == (measure, m)])
        for measure, head in _HEADS.items()
        if any(r["measure"] == measure for r in rows)
    ]
    return ChartSpec(NAME, _claim(snapshot, name, rows), list(rows[0]), rows, panels, _NOTE)


def _panel(head: str, rows: Sequence[dict[str, Any]]) -> Rows:
    end = axis_end([abs(r[bound]) for r in rows for bound in ("level_low", "level_high")])
    return Rows(
        head=head,
        rows=[_row(r) for r in rows],
        columns=("Points", "Placebo", "Cards"),
        ends=(-end, end),
        dots=True,
        line=0.0,
        x_title="Change of level, percentage points",
    )


def _name(row: dict[str, Any]) -> str:
    return capitalized(f"{_WRITERS[row['wrote']]}, {_CARDS[row['cards_of']]}")


def _row(row: dict[str, Any]) -> Row:
    placebo = "–" if row["placebo_largest"] is None else f"{100 * row['placebo_largest']:.1f}"
    values = (points(row["level"]), placebo, count(row["base"]))
    bounds = (row["level_low"], row["level_high"])
    return Row(_name(row), row["level"], bounds, values, HEADLINE_TECHNIQUE if is_clear(row) else "others")


def _change(row: dict[str, Any]) -> str:
    """Returns a change with its interval and its placebo dates, as text."""
    text = f"{points(row['level'])} points (95% interval {points(row['level_low'])} to {points(row['level_high'])}"
    if row["placebos"] < LEAST_PLACEBOS:
        return f"{text}; too few placebo dates)"
    return f"{text}; {count(row['as_large'])} of {plural(row['placebos'], 'placebo date')} changed as much)"


def _title(name: str, rows: Sequence[dict[str, Any]]) -> str:
    """Returns a finding only if a series of PEFT changed clearly, and clearly more than that of Diffusers."""
    clear = {(r["measure"], r["wrote"], r["cards_of"]): r["level"] for r in rows if is_clear(r)}
    people, tools = clear.get((SHARE, PEOPLE, PEFT)), clear.get((RATE, TOOLS, PEFT))
    if people is not None and people * clear.get((SHARE, PEOPLE, DIFFERENCE), 0.0) > 0:
        return f"{name}'s share in text of people changed by {points(people)} points in {_DAY}"
    if tools is not None and tools > 0 and clear.get((RATE, TOOLS, DIFFERENCE), 0.0) > 0:
        return f"Tools cite {name} on {points(tools)} points more of PEFT's cards since {_DAY}"
    return f"Mentions of {name} before and since {_DAY}, by who wrote them"


def _claim(snapshot: Snapshot, name: str, rows: Sequence[dict[str, Any]]) -> Claim:
    title, first = _title(name, rows), rows[0]
    said = [
        f"{name}'s share in {_WRITERS[r['wrote']]}: {_change(r)}"
        for r in rows
        if r["measure"] == SHARE and r["cards_of"] == PEFT
    ]
    lines = [f"{_HEADS[m].format(name)}: {_lines([r for r in rows if r['measure'] == m])}" for m in _HEADS]
    claim = Claim(
        id=NAME,
        population="cards of PEFT and Diffusers from July 2024 to June 2026",
        technique=HEADLINE_TECHNIQUE,
        name=name,
        numerator=first["base"],
        base=first["base"],
        method=first["method"],
        quote=f"{title}. Change of level in {_DAY}, in cards of PEFT: {'; '.join(said) or 'no share can be estimated'}",
        misquote=f"PEFT's tag is the reason for {name}'s share.",
        why_not=(
            "The series shows what changed at that time, not why; whatever else changed in the same months is in it too."
        ),
        caveat=(
            "Users took up the release over months, and a card edited later counts in the month in which its model was "
            "created. Both make the change of level smaller. Text of unknown tools counts as a person's. An interval that "
            "includes zero does not show that nothing changed."
        ),
        title=title,
        subtitle=who(snapshot, max(r["base"] for r in rows), "model cards", f"12 months before and after {_DAY}"),
        alt_text=f"Dots with intervals, in percentage points. {title}. {'. '.join(lines)}.",
    )
    return about_cards(claim, snapshot, HEADLINE)


def _lines(rows: Sequence[dict[str, Any]]) -> str:
    parts = (f"{_name(r)} {points(r['level'])} ({points(r['level_low'])} to {points(r['level_high'])})" for r in rows)
    return "; ".join(parts) or "not enough cards"
