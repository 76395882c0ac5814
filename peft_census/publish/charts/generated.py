"""Who wrote what cards say of the headline's technique and of the others: people, or the tools that generate cards."""

from __future__ import annotations

from typing import Any

from peft_census.count.authorship import ALL, BEFORE, RULE, SINCE, TAGGED_SINCE
from peft_census.count.groups import NOT_KNOWN
from peft_census.publish.charts.rows import Row, Rows
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.wording import INTERVALS, carries, who
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows
from peft_census.publish.text.numbers import count, interval, month_text, percent, percent_label, plural
from peft_census.snapshot.snapshot import Snapshot

NAME = "generated"
_TABLE = "generated"
_DAY = month_text(TAGGED_SINCE)
_PERIODS = {ALL: "all cards", BEFORE: f"before {_DAY}", SINCE: f"{_DAY} and later", NOT_KNOWN: "date not known"}
_KEY = (("second", "only tools wrote the mentions"), ("faint", "a person wrote at least one mention"))
_NOTE = f"{INTERVALS} Months: when the model was created. Since {_DAY} (PEFT 0.16.0) the cards that PEFT generates carry a tag if they are LoRA's, and none for other techniques."


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    rows = read_rows(snapshot, NAME)
    lead = {r["period"]: r for r in rows if r["technique"] is not None}
    others = {r["period"]: r for r in rows if r["technique"] is None}
    if not lead or headline.technique is None:
        return Missing(NAME, "No card cites the headline's technique, so there is nothing to sort by its writer.")
    name = headline.name or ""
    groups = ((name, lead), ("All other techniques", others))
    panels = [
        Rows(
            head=head,
            rows=[_row(r) for r in _shown(found)],
            columns=("By tools alone", "Cards"),
            parts=("second", "faint"),
            x_title="Share of the cards that cite one" if found is others else "Share of the cards that cite it",
        )
        for head, found in groups
        if found
    ]
    return ChartSpec(NAME, _claim(snapshot, name, lead, others), list(rows[0]), rows, panels, _NOTE, _KEY)


def _shown(found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the rows by period, without periods if no date is known."""
    known = BEFORE in found or SINCE in found
    return [found[p] for p in _PERIODS if p in found and (known or p == ALL)]


def _row(row: dict[str, Any]) -> Row:
    share = row["share"]
    values = (percent_label(share), count(row["cards"]))
    return Row(_PERIODS[row["period"]], 1.0, (row["low"], row["high"]), values, parts=(share, 1 - share))


def _title(name: str, lead: dict[str, dict[str, Any]]) -> str:
    known = {p: r for p, r in lead.items() if carries(r["effective_n"], r["low"], r["high"])}
    before, since = known.get(BEFORE), known.get(SINCE)
    if before and since and (before["high"] < since["low"] or since["high"] < before["low"]):
        return (
            f"Tools alone mention {name} on {percent(since['share'])} of cards since {_DAY}, "
            f"{percent(before['share'])} before"
        )
    if ALL in known and not known[ALL]["generated_only"]:
        return f"Every card that cites {name} does so in text by a person"
    if ALL in known:
        return f"On {percent(known[ALL]['share'])} of cards that cite {name}, only tools mention it"
    return f"Who wrote the mentions of {name}: people or tools"


def _claim(snapshot: Snapshot, name: str, lead: dict[str, dict[str, Any]], others: dict[str, dict[str, Any]]) -> Claim:
    whole, title = lead[ALL], _title(name, lead)
    lines = [
        f"{head}, {_PERIODS[r['period']]}: {count(r['generated_only'])} of {plural(r['cards'], 'card')} "
        f"({percent(r['share'])}, 95% interval {interval(r['low'], r['high'])})"
        for head, found in ((name, lead), ("all other techniques", others))
        for r in _shown(found)
    ]
    claim = Claim(
        id=NAME,
        population="all cards",
        technique=whole["technique"],
        name=name,
        numerator=whole["generated_only"],
        base=whole["cards"],
        share=whole["share"],
        low=whole["low"],
        high=whole["high"],
        method=whole["method"],
        effective_n=whole["effective_n"],
        quote=(
            f"Of {plural(whole['cards'], 'model card')} that cite {name}, {count(whole['generated_only'])} "
            f"({percent(whole['share'])}) do so only in text that a tool wrote"
        ),
        misquote=f"People with these models only pressed a button and did not choose {name}.",
        why_not="Who wrote the text of a card does not show how the model was trained, or by whom.",
        caveat="A tool is recognized by its fixed sentences and labels. Text from an unknown tool counts as a person's.",
        title=title,
        subtitle=who(snapshot, whole["cards"], f"model cards that cite {name}", "variants are grouped"),
        alt_text=f"Stacked bars, the part by tools alone. {title}. {'; '.join(lines)}.",
    )
    return about_cards(claim, snapshot, RULE)
