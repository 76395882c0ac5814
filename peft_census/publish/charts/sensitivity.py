"""The specification curve: the headline's share under every rule that counts enough cards, and the effect of options.

After Simonsohn, Simmons and Nelson 2020 (Specification curve analysis, Nature Human Behaviour 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from peft_census.count import HEADLINE, parse_rule
from peft_census.count.rules import SWITCHES
from peft_census.count.shares import ENOUGH
from peft_census.publish.charts.frame import Frame
from peft_census.publish.charts.marks import marker
from peft_census.publish.charts.measure import TICK_SIZE, widest
from peft_census.publish.charts.rows import Row, Rows, axis_start, percent_tick
from peft_census.publish.charts.spec import ChartSpec, Missing, Panel
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import card_span, read_rows, technique_name
from peft_census.publish.text.numbers import count, percent, percent_label
from peft_census.publish.text.wording import capitalized
from peft_census.snapshot.snapshot import Snapshot

NAME = "sensitivity"
_NOTE = "Gray lines: 95% intervals, clustered by author (sampling error only). Below, lines run from the lowest to the highest share."


@dataclass(frozen=True, kw_only=True)
class _Curve(Panel):
    """The share under every rule, in order, with the rule of the headline marked."""

    rows: Sequence[dict[str, Any]]

    def left(self, wide: float) -> float:
        return widest(["100%"], TICK_SIZE) + 0.12

    def right(self, wide: float) -> float:
        return 0.1

    def tall(self) -> float:
        return 2.2

    def draw(self, frame: Frame) -> None:
        frame.across = (-0.5, len(self.rows) - 0.5)
        frame.up = (axis_start([r["low"] for r in self.rows]), 1.0)
        frame.lines(frame.ticks(frame.up, 5), percent_tick)
        frame.columns(frame.ticks(frame.across, frame.wide / 0.8, whole=True), count, grid=False)
        frame.base("below")
        thin = max(0.4, min(2.5, 50 * frame.wide / len(self.rows)))
        for i, row in enumerate(self.rows):
            frame.stroke(frame.places([(i, row["low"]), (i, row["high"])]), "faint", thin)
        frame.stroke(frame.places([(i, row["share"]) for i, row in enumerate(self.rows)]), "ink", 1.8)
        for i, row in enumerate(self.rows):
            if row["rule"] == HEADLINE.name:
                frame.marks.append(marker("o", *frame.places([(i, row["share"])])[0], 0.06, "lora"))


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the curve, or why there is none."""
    rows = [row for row in read_rows(snapshot, NAME) if row["enough"]]
    if len(rows) < 2:
        return Missing(NAME, f"Fewer than two rules have an effective sample size of {ENOUGH} cards.")
    name = technique_name(snapshot, rows[0]["technique"])
    options = _options(rows)
    key = (
        [("lora", f"rule of the headline, {HEADLINE.name}")]
        if any(row["rule"] == HEADLINE.name for row in rows)
        else []
    )
    panels: list[Panel] = [
        _Curve(
            rows=rows,
            y_title=f"{name}'s share under each rule",
            x_title="Rules with distinct counts, in order of the share",
        )
    ]
    if options:
        panels.append(
            Rows(
                rows=options,
                ends=(axis_start([row["low"] for row in rows]), 1.0),
                head="Median share of the rules with each option",
                columns=("Median",),
                dots=True,
                x_title=f"{name}'s share",
            )
        )
    return ChartSpec(NAME, _claim(snapshot, rows, name, options), list(rows[0]), rows, panels, _NOTE, key)


def _options(rows: list[dict[str, Any]]) -> list[Row]:
    """Returns the options that some rules have and others do not, with the median and the range of their shares."""
    words = [(set(vars(parse_rule(row["rule"])).values()), row["share"]) for row in rows]
    found = []
    for option in (option for switch in SWITCHES.values() for option in switch.options.values() if option.short):
        shares = [share for chosen, share in words if option.word in chosen]
        if shares and len(shares) < len(rows):
            middle = median(shares)
            found.append(Row(option.short, middle, (min(shares), max(shares)), (percent_label(middle),), "lora"))
    return found


def _claim(snapshot: Snapshot, rows: list[dict[str, Any]], name: str, options: Sequence[Row]) -> Claim:
    low, high = rows[0]["share"], rows[-1]["share"]
    here = next((row for row in rows if row["rule"] == HEADLINE.name), None)
    rules = f"{count(sum(row['rules'] for row in rows))} combinations of counting rules"
    medians = "; ".join(f"{option.name} {option.values[0]}" for option in options)
    claim = Claim(
        id=NAME,
        population=f"cards under {count(len(rows))} rules",
        technique=rows[0]["technique"],
        name=name,
        numerator=here["numerator"] if here else 0,
        base=here["base"] if here else 0,
        share=here["share"] if here else None,
        low=low,
        high=high,
        method="lowest and highest share over the rules",
        quote=(
            f"Under {count(len(rows))} rules with an effective sample size of at least {ENOUGH}, {name}'s share ranges "
            f"from {percent(low)} to {percent(high)}"
        ),
        misquote=f"{capitalized(percent(high))} of models use {name}.",
        why_not="This is the highest of many shares, chosen after all of them were computed.",
        caveat="The rules overlap and were not sampled, so their range is not a confidence interval.",
        title=f"{name}'s share under {rules}",
        subtitle=f"Rules with an effective sample size of at least {ENOUGH} cards, sensible or not, {card_span(snapshot)}: {percent(low)} to {percent(high)}.",
        alt_text=f"Specification curve, from {percent(low)} to {percent(high)}. Median share of the rules with each option: {medians}.",
    )
    return about_cards(claim, snapshot, HEADLINE)
