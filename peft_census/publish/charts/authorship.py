"""Where in a card the evidence for the headline's technique stands, and whether a person or a tool wrote it."""

from __future__ import annotations

from typing import Any

from peft_census.count.authorship import ANYWHERE, RULE
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.stacked import StackedBar, draw_stacked
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows, technique_name
from peft_census.publish.text.numbers import count, percent, percent_label, plural
from peft_census.publish.text.wording import capitalized
from peft_census.snapshot.schema import LOCATIONS
from peft_census.snapshot.snapshot import Snapshot

NAME = "authorship"
_LOCATIONS = {
    ANYWHERE: "anywhere in the card",
    "front_matter": "front matter",
    **{location: location for location in LOCATIONS if location not in ("front_matter", "name")},
}
_LEGEND = ("a person wrote at least one mention", "tools wrote all mentions")
_NOTE = "Horizontal axis: cards. A card counts in every location where it cites the technique."


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    rows = [row for row in read_rows(snapshot, NAME) if row["technique"] == headline.technique]
    if not rows or headline.technique is None:
        return Missing(NAME, "No card cites the headline's technique, so there is no evidence to sort by location.")
    order = list(_LOCATIONS)
    rows.sort(key=lambda r: (r["location"] != ANYWHERE, -r["cards"], order.index(r["location"])))
    rows = [{**row, "tools_share": row["generated_only"] / row["cards"]} for row in rows]
    claim = _claim(snapshot, headline.technique, rows)
    bars = [
        StackedBar(
            _LOCATIONS[r["location"]],
            (r["human"], r["generated_only"]),
            f"{percent_label(r['tools_share'])} by tools alone",
        )
        for r in rows
    ]
    return ChartSpec(
        NAME, claim, list(rows[0]), rows, lambda wide, palette: draw_stacked(claim, bars, _LEGEND, _NOTE, wide, palette)
    )


def _claim(snapshot: Snapshot, technique: str, rows: list[dict[str, Any]]) -> Claim:
    whole, name = rows[0], technique_name(snapshot, technique)
    part = percent(whole["tools_share"])
    title = f"{capitalized(part)} of cards that cite {name} do so only in text from automated tools"
    if whole["generated_only"] == 0:
        title = f"Every card that cites {name} does so at least once in text written by a person"
    lines = [
        f"{_LOCATIONS[r['location']]}: {plural(r['cards'], 'card')}, {count(r['human'])} with text from people, "
        f"{count(r['generated_only'])} with text from tools only"
        for r in rows
    ]
    claim = Claim(
        id=NAME,
        population="all cards",
        technique=technique,
        name=name,
        numerator=whole["generated_only"],
        base=whole["cards"],
        share=whole["tools_share"],
        method="full count of the cards read; no interval",
        quote=(
            f"Of {plural(whole['cards'], 'model card')} that cite {name}, {count(whole['generated_only'])} ({part}) do so "
            "only in text that a tool wrote"
        ),
        misquote=f"{capitalized(part)} of {name} users only pressed a button.",
        why_not="Who wrote the text of a card does not show how the model was trained, or by whom.",
        caveat="A tool is recognized by its fixed sentences and labels. Text from an unknown tool counts as a person's.",
        title=title,
        subtitle=f"n = {plural(whole['cards'], 'card')} that cite {name}, variants grouped.",
        alt_text=f"Stacked bars. {title}. {'; '.join(lines)}.",
    )
    return about_cards(claim, snapshot, RULE)
