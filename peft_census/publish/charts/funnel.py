"""Said, configured, files present: what cards say, counted in the models that have adapter files or a configuration."""

from __future__ import annotations

from typing import Any

from peft_census.publish.charts.rows import Row, Rows
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.wording import INTERVALS, carries
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import card_span, read_rows
from peft_census.publish.text.numbers import count, interval, percent, percent_label, plural
from peft_census.snapshot.snapshot import Snapshot

NAME = "funnel"
_HEADS = {
    "adapter_files": "Models with adapter files",
    "configured": "Models whose configuration was read",
}
_STEPS = {
    "adapter_files": {
        "card": "with a card",
        "cites": "cites a technique",
        "applies": "says it applied one",
    },
    "configured": {
        "card": "with a card",
        "cites": "cites a technique",
        "cites_configured": "cites this technique",
        "applies": "says it applied one",
    },
}
_NOTE = f"{INTERVALS} All rows of a panel are parts of the same models. Configuration: adapter_config.json. The headline counts only what cards say."


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    rows = read_rows(snapshot, NAME)
    found = {p: {r["step"]: r for r in rows if r["population"] == p} for p in _HEADS}
    found = {population: steps for population, steps in found.items() if steps}
    if not found:
        return Missing(
            NAME,
            "The source lists no files, and no adapter_config.json was read, so there is nothing to compare cards with.",
        )
    panels = [
        Rows(
            head=_HEADS[population],
            rows=[_whole(steps), *(_row(steps[step], words) for step, words in _STEPS[population].items())],
            columns=("Share", "Models"),
            x_title="Share of these models",
        )
        for population, steps in found.items()
    ]
    shown = [r for population, steps in found.items() for step in _STEPS[population] for r in [steps[step]]]
    return ChartSpec(NAME, _claim(snapshot, found), list(rows[0]), shown, panels, _NOTE)


def _whole(steps: dict[str, dict[str, Any]]) -> Row:
    base = next(iter(steps.values()))["base"]
    return Row("all of them", 1.0, None, ("100%", count(base)), "muted", True)


def _row(row: dict[str, Any], words: str) -> Row:
    values = (percent_label(row["share"]), count(row["models"]))
    color = "faint" if row["step"] == "card" else "lora"
    return Row(words, row["share"], (row["low"], row["high"]), values, color)


def _claim(snapshot: Snapshot, found: dict[str, dict[str, dict[str, Any]]]) -> Claim:
    population, steps = next(iter(found.items()))
    cites = steps["cites"]
    what = _HEADS[population].removeprefix("Models ")
    title = "What models have and what their cards say"
    if carries(cites["effective_n"], cites["low"], cites["high"]):
        title = f"{percent(cites['share'])} of models {what} have a card that cites a technique"
    lines = [
        f"{_HEADS[p]}: {words}, {count(s[step]['models'])} of {count(s[step]['base'])} ({percent(s[step]['share'])}, 95% interval {interval(s[step]['low'], s[step]['high'])})"
        for p, s in found.items()
        for step, words in _STEPS[p].items()
    ]
    bases = ", ".join(
        f"{plural(s['cites']['base'], 'model')} {'with adapter files' if p == 'adapter_files' else 'with a configuration that was read'}"
        for p, s in found.items()
    )
    claim = Claim(
        id=NAME,
        population=_HEADS[population].lower(),
        numerator=cites["models"],
        base=cites["base"],
        share=cites["share"],
        low=cites["low"],
        high=cites["high"],
        method=cites["method"],
        effective_n=cites["effective_n"],
        quote=f"Of {plural(cites['base'], 'model')} {what}, {count(cites['models'])} ({percent(cites['share'])}) have a card that cites a technique",
        misquote="Models whose card cites nothing were trained without one of these techniques.",
        why_not="A model with adapter files was trained with some technique, whether or not its card says so.",
        caveat="File names show that a model has adapter weights, not which technique made them. Configurations were read for a sample.",
        title=title,
        subtitle=f"{bases}, {card_span(snapshot)}.",
        alt_text=f"Bars. {title}. {'; '.join(lines)}.",
    )
    return about_cards(claim, snapshot, None)
