"""The headline's technique in model cards, code and image models, each source with its own base."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from peft_census.publish.charts.bars import ROW, Bar, bar_room, draw_bars
from peft_census.publish.charts.layout import Panel, make_figure
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import chart_style
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.claims.instruments import MEASURES, NAMES, REPLICA_MARK, is_replica
from peft_census.publish.measures import Measure, read_measures
from peft_census.publish.text.numbers import count, percent, percent_label
from peft_census.publish.text.wording import interval_text
from peft_census.snapshot.snapshot import Snapshot

NAME = "sources"
_SHORT = {"github": "GitHub", "civitai": "Civitai"}
_NOTE = (
    "Each bar has its own base: cards, files, repositories or models. The shares are never averaged. Right: share and "
    "base."
)


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    measures = read_measures(snapshot)
    if not measures or headline.technique is None or headline.share is None:
        return Missing(NAME, "This census read model cards only, so there is no other data source to compare with.")
    rows = _rows(headline, measures)
    claim = _claim(snapshot, headline, measures, rows)
    return ChartSpec(NAME, claim, list(rows[0]), rows, lambda wide, palette: _draw(claim, rows, wide, palette))


def _rows(headline: Claim, measures: list[Measure]) -> list[dict[str, Any]]:
    cards = {
        "where": "Model cards, rule exactly_one",
        "technique": headline.technique,
        "numerator": headline.numerator,
        "base": headline.base,
        "share": headline.share,
        "low": headline.low,
        "high": headline.high,
        "method": headline.method,
        "of": headline.population,
    }
    others = [
        {
            "where": f"{_SHORT[m.instrument]}, {MEASURES[m.name]}",
            "technique": part.technique,
            "numerator": part.numerator,
            "base": m.base,
            "share": part.share,
            "low": part.low,
            "high": part.high,
            "method": m.method,
            "of": m.base_meaning,
        }
        for m in measures
        for part in m.parts
        if part.technique == headline.technique
    ]
    return [cards, *others]


def _claim(snapshot: Snapshot, headline: Claim, measures: list[Measure], rows: list[dict[str, Any]]) -> Claim:
    about = snapshot.manifest.instruments
    mark = f"{REPLICA_MARK}. " if any(is_replica(about[m.instrument]) for m in measures) else ""
    lowest, highest = min(rows, key=lambda r: r["share"]), max(rows, key=lambda r: r["share"])
    title = (
        f"{headline.name}'s share runs from {percent(lowest['share'])} ({lowest['where']}) to "
        f"{percent(highest['share'])} ({highest['where']}), each of its own base"
    )
    lines = [
        f"{r['where']}: {percent(r['share'])} of {count(r['base'])} {r['of']} "
        f"({interval_text(r['low'], r['high'], r['method'])})"
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
        quote=f"{mark}{title}",
        misquote=f"On average {headline.name} has half of the field.",
        why_not="A card, a file, a repository and a model are different units, so their average has no meaning.",
        caveat=f"Data sources: {names}. Each has its own coverage.",
        title=title,
        subtitle=f"{mark}Model cards: variants count as {headline.name}. Other sources: variants are counted separately.",
        alt_text=f"Bars. {mark}{title}. {'; '.join(lines)}.",
    )
    return about_cards(claim, snapshot, None)


def _draw(claim: Claim, rows: list[dict[str, Any]], wide: float, palette: Palette) -> Figure:
    bars = [
        Bar(
            r["where"],
            r["share"],
            (r["low"], r["high"]),
            f"{percent_label(r['share'])}  ·  {count(r['base'])}",
            palette.others if i else palette.leader,
            i == 0,
        )
        for i, r in enumerate(rows)
    ]
    with chart_style(palette):
        names, values = bar_room(bars, wide)
        figure, (axes,) = make_figure(claim, _NOTE, wide, palette, [Panel(ROW * len(bars), "", names, values)])
        draw_bars(axes, bars, 1.0, names, wide, palette)
    return figure
