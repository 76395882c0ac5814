"""What authors cite after the technique of their first card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peft_census.count.groups import OTHER
from peft_census.count.rules import HEADLINE, HEADLINE_TECHNIQUE
from peft_census.count.shares import ENOUGH
from peft_census.count.stickiness import ALL, GAP, LATER, LEFT
from peft_census.publish.charts.rows import Row, Rows
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.wording import carries, who
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows, technique_name
from peft_census.publish.text.numbers import count, interval, percent, percent_label, points
from peft_census.publish.text.wording import capitalized
from peft_census.snapshot.snapshot import Snapshot

NAME = "stickiness"
_NOTE = (
    f"Lines: 95% intervals, clustered by author. Gray: fewer than {ENOUGH} authors. Authors with cards on at "
    "least two days; authors who began later had less time to change."
)


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    rows = read_rows(snapshot, NAME)
    left = [r for r in rows if r["measure"] == LEFT and r["first"] == HEADLINE_TECHNIQUE]
    if not any(r["enough"] for r in left):
        return Missing(NAME, f"Fewer than {ENOUGH} authors began with LoRA and have dated cards of a later day.")
    name = technique_name(snapshot, HEADLINE_TECHNIQUE)
    later = [r for r in rows if r["cohort"] == ALL and r["measure"] == LATER and r["later"] == HEADLINE_TECHNIQUE]
    panels = [
        Rows(
            head=f"Authors who began with {name} and later cite another technique",
            rows=[_row(_start(r), r) for r in left],
            columns=("Share", "Authors"),
            dots=True,
            x_title="Share of the authors, by the year of their first card",
        ),
        Rows(
            head=f"{name}'s share of later cards, by the first technique",
            rows=[_row(_first(snapshot, r), r) for r in later],
            columns=("Share", "Authors"),
            dots=True,
            x_title="Share of later cards, every author with the same weight",
        ),
    ]
    gap = [r for r in rows if r["cohort"] == ALL and r["measure"] == GAP]
    kept = [*left, *later, *gap]
    return ChartSpec(NAME, _claim(snapshot, name, left, later, gap), list(kept[0]), kept, panels, _NOTE)


def _row(name: str, row: dict[str, Any]) -> Row:
    values = (percent_label(row["share"]), count(row["base"]))
    color = HEADLINE_TECHNIQUE if row["enough"] else "others"
    return Row(name, row["share"], (row["low"], row["high"]), values, color, row["cohort"] == ALL and not row["later"])


def _start(row: dict[str, Any]) -> str:
    return "All years" if row["cohort"] == ALL else f"Began in {row['cohort']}"


def _first(snapshot: Snapshot, row: dict[str, Any]) -> str:
    return "Other techniques" if row["first"] == OTHER else technique_name(snapshot, row["first"])


def _text(row: dict[str, Any]) -> str:
    few = "" if row["enough"] else ", too few"
    return f"{percent(row['share'])} of {count(row['base'])} (95% interval {interval(row['low'], row['high'])}{few})"


def _gap_text(name: str, gap: Sequence[dict[str, Any]]) -> str:
    """Returns by how much later cards of authors who began with LoRA differ from others, or that too few began so."""
    if not gap or not gap[0]["enough"]:
        return f"Too few authors began with another technique to compare them with those who began with {name}"
    row = gap[0]
    return (
        f"In the same months, {name}'s share in later cards of authors who began with it differs from that of other "
        f"authors by {points(row['share'])} points (95% interval {points(row['low'])} to {points(row['high'])})"
    )


def _claim(
    snapshot: Snapshot,
    name: str,
    left: Sequence[dict[str, Any]],
    later: Sequence[dict[str, Any]],
    gap: Sequence[dict[str, Any]],
) -> Claim:
    whole = left[0]
    title = f"What authors who began with {name} cite later"
    if carries(whole["effective_n"], whole["low"], whole["high"]):
        title = f"{percent(whole['share'])} of authors who began with {name} later cite another technique"
    lines = [f"{_start(r)}: {_text(r)}" for r in left]
    lines += [f"First {_first(snapshot, r)}: {name} on {percent(r['share'])} of later cards" for r in later]
    claim = Claim(
        id=NAME,
        population="authors with cards on at least two days that cite exactly one technique",
        technique=HEADLINE_TECHNIQUE,
        name=name,
        numerator=whole["numerator"],
        base=whole["base"],
        share=whole["share"],
        low=whole["low"],
        high=whole["high"],
        method=whole["method"],
        effective_n=whole["effective_n"],
        quote=(
            f"Of {count(whole['base'])} authors whose first cards cite {name} and who have later ones, "
            f"{percent(whole['share'])} later cite another technique (95% interval "
            f"{interval(whole['low'], whole['high'])}). {_gap_text(name, gap)}"
        ),
        misquote=f"Authors stay with {name} out of habit.",
        why_not="An author whose task and tools stay the same repeats a technique too; cards do not tell this from habit.",
        caveat=(
            "Only cards that cite exactly one technique count, and only models that the source still lists: the first "
            "card counted may not be the author's first. An author with more later cards has more occasions to change."
        ),
        title=title,
        subtitle=capitalized(
            who(
                snapshot, whole["base"], f"authors who began with {name}", "cards that cite exactly one technique count"
            )
        ),
        alt_text=f"Dots with intervals. {title}. {'; '.join(lines)}. {_gap_text(name, gap)}.",
    )
    return about_cards(claim, snapshot, HEADLINE)
