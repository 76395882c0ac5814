"""The headline's technique in model cards, code and image models: our figure and the published one, each with its base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from peft_census.count.reproduction import Figure
from peft_census.publish.charts.rows import Row, Rows
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.claims.instruments import NAMES, days_text, is_replica
from peft_census.publish.measures import Measure, read_measures
from peft_census.publish.published import load_published
from peft_census.publish.snapshot_reader import REPLICA_MARK, card_span
from peft_census.publish.text.numbers import count, percent, percent_label
from peft_census.publish.text.wording import interval_text
from peft_census.snapshot.snapshot import Snapshot

NAME = "sources"
_SHORT = {"github": "GitHub", "civitai": "Civitai"}
_MEASURES = {
    "class_python": "Python files",
    "class_notebook": "notebooks",
    "phrase": "import line",
    "repositories": "repositories",
    "identified": "identified",
    "all": "all models",
}
_PUBLICATION = "beyond-lora"
_FIGURE_OF = {"phrase": "github-imports", "identified": "image-identified", "all": "image-all"}
"""The published figure that each measure can be compared with."""

_KEY = (
    ("lora", "our figure, with its interval or range"),
    ("outline:others", "published figure (Hugging Face, June 2026)"),
)
_NOTE = (
    "Each figure has its own base: cards, files, repositories or models. Shares of different bases are never averaged."
)


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    measures = read_measures(snapshot)
    if not measures or headline.technique is None or headline.share is None:
        return Missing(NAME, "This census read model cards only, so there is no other data source to compare with.")
    figures = {f.id: f for f in load_published()[_PUBLICATION].figures if f.technique == headline.technique}
    rows = _rows(headline, measures, figures)
    panel = Rows(
        rows=[row for r in rows for row in _drawn(r)],
        columns=("Share", "Base"),
        dots=True,
        x_title=f"{headline.name}'s share",
    )
    return ChartSpec(NAME, _claim(snapshot, headline, measures, rows), list(rows[0]), rows, [panel], _NOTE, _KEY)


def _rows(headline: Claim, measures: Sequence[Measure], figures: dict[str, Figure]) -> list[dict[str, Any]]:
    published = next((f for f in figures.values() if f.dataset), None)
    rows = [
        {
            "where": "Model cards",
            "technique": headline.technique,
            "numerator": headline.numerator,
            "base": headline.base,
            "share": headline.share,
            "low": headline.low,
            "high": headline.high,
            "method": headline.method,
            "of": headline.population,
        }
        | _published(published)
    ]
    for measure in measures:
        figure = figures.get(_FIGURE_OF.get(measure.name, ""))
        rows += [
            {
                "where": f"{_SHORT[measure.instrument]}, {_MEASURES[measure.name]}",
                "technique": part.technique,
                "numerator": part.numerator,
                "base": measure.base,
                "share": part.share,
                "low": part.low,
                "high": part.high,
                "method": measure.method,
                "of": measure.base_meaning,
            }
            | _published(figure)
            for part in measure.parts
            if part.technique == headline.technique
        ]
    return rows


def _published(figure: Figure | None) -> dict[str, Any]:
    return {
        "published_share": figure.share if figure else None,
        "published_base": figure.denominator if figure else None,
        "published_of": figure.of if figure else None,
    }


def _drawn(row: dict[str, Any]) -> list[Row]:
    """Returns the row of our figure and, under it, that of the published one."""
    values = (percent_label(row["share"]), count(row["base"]))
    drawn = [Row(row["where"], row["share"], (row["low"], row["high"]), values, row["technique"], True)]
    if row["published_share"] is not None:
        base = count(row["published_base"]) if row["published_base"] else "not given"
        values = (percent_label(row["published_share"]), base)
        drawn.append(Row("published", None, None, values, diamond=row["published_share"]))
    return drawn


def _claim(snapshot: Snapshot, headline: Claim, measures: Sequence[Measure], rows: list[dict[str, Any]]) -> Claim:
    about = snapshot.manifest.instruments
    mark = REPLICA_MARK if any(is_replica(about[m.instrument]) for m in measures) else ""
    lowest, highest = min(rows, key=lambda r: r["share"]), max(rows, key=lambda r: r["share"])
    title = f"{headline.name}'s share in {count(len(rows))} counts of {count(len({r['where'].split(',')[0] for r in rows}))} data sources"
    lines = [
        f"{r['where']}: {percent(r['share'])} of {count(r['base'])} {r['of']} "
        f"({interval_text(r['low'], r['high'], r['method'])})"
        + (f", published {percent(r['published_share'])}" if r["published_share"] is not None else "")
        for r in rows
    ]
    names = ", ".join(NAMES[instrument] for instrument in dict.fromkeys(m.instrument for m in measures))
    claim = Claim(
        id=NAME,
        population="each source's own",
        technique=headline.technique,
        name=headline.name,
        numerator=headline.numerator,
        base=headline.base,
        share=headline.share,
        low=lowest["share"],
        high=highest["share"],
        method="lowest and highest share over the data sources",
        quote=f"{headline.name}'s share runs from {percent(lowest['share'])} ({lowest['where']}) to {percent(highest['share'])} ({highest['where']}), each of its own base",
        misquote=f"On average {headline.name} has half of the field.",
        why_not="A card, a file, a repository and a model are different units, so their average has no meaning.",
        caveat=f"Data sources: {names}. Each has its own coverage.",
        title=title,
        subtitle=f"Model cards that cite exactly one technique ({card_span(snapshot)}; variants count as {headline.name}); imports on GitHub and image models on Civitai (variants separate).",
        alt_text=f"Dots. {title}. {'; '.join(lines)}.",
        mark=mark,
    )
    claim = about_cards(claim, snapshot, None)
    days = {NAMES[m.instrument]: days_text(m) for m in measures}
    others = "".join(f"; {name}, retrieved {day}" for name, day in days.items())
    return replace(claim, source_line=claim.source_line + others)
