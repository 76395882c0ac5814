"""Instruments side by side: one technique's share on cards, in code and on image sites, each with its own base."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from peft_census.publish.charts.headline import NAMES_AT_MOST, ROW, Bar, draw_bars
from peft_census.publish.charts.layout import NAME_SIZE, NARROW, VALUE_SIZE, Panel, make_figure
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import chart_style, width
from peft_census.publish.charts.spec import ChartSpec, Missing, columns_of, finding
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.instruments import MEASURES, NAMES, REPLICA_MARK, is_replica
from peft_census.publish.measures import read_measures
from peft_census.publish.snapshot_reader import SnapshotLike
from peft_census.publish.text.numbers import count, interval, percent

NAME = "sources"
_SHORT = {"github": "GitHub", "civitai": "Civitai"}
_NOTE = (
    "Every bar has a denominator of its own: cards, files, repositories or models of a site. They are never averaged."
)


def sources_chart(snapshot: SnapshotLike, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart of one technique across instruments, or why there is none."""
    measures = read_measures(snapshot)
    if not measures or headline.technique is None or headline.share is None:
        return Missing(NAME, "This census read model cards alone, so there is nothing to put beside them.")
    rows: list[dict[str, Any]] = [
        {
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
    ]
    rows += [
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
    about = snapshot.manifest.instruments
    replica = any(is_replica(about[m.instrument]) for m in measures)
    lowest, highest = min(rows, key=lambda r: r["share"]), max(rows, key=lambda r: r["share"])
    title = (
        f"{headline.name}'s share runs from {percent(lowest['share'])} ({lowest['where']}) to {percent(highest['share'])} "
        f"({highest['where']}), each of its own base"
    )
    mark = f"{REPLICA_MARK}. " if replica else ""
    told = [
        f"{r['where']}: {percent(r['share'])} of {count(r['base'])} {r['of']}"
        + (
            f" ({r['method']} {interval(r['low'], r['high'])})"
            if r["low"] is not None and r["high"] is not None
            else ""
        )
        for r in rows
    ]
    claim = finding(
        snapshot,
        NAME,
        None,
        population="each instrument's own",
        technique=headline.technique,
        name=headline.name,
        numerator=headline.numerator,
        base=headline.base,
        share=headline.share,
        low=lowest["share"],
        high=highest["share"],
        method="lowest and highest share over the instruments",
        said=f"{mark}{title}",
        misquote=f"On average {headline.name} has half of the field.",
        why_not="A card, a file, a repository and a model on a site are different things; a mean of them means nothing.",
        caveat=f"Instruments: {', '.join(NAMES[m] for m in dict.fromkeys(m.instrument for m in measures))}; see their coverage.",
        title=f"{mark}{title}",
        subtitle=f"Model cards: variants count as {headline.name}. Other sources: variants are counted separately.",
        alt=f"Bars. {mark}{title}. {'; '.join(told)}.",
    )
    return ChartSpec(NAME, claim, columns_of(rows), rows, lambda wide, palette: _draw(claim, rows, wide, palette))


def _draw(claim: Claim, rows: list[dict[str, Any]], wide: float, palette: Palette) -> Figure:
    bars = []
    for i, r in enumerate(rows):
        bounds = (r["low"], r["high"]) if r["low"] is not None and r["high"] is not None else None
        value = f"{percent(r['share'])}  ·  {count(r['base'])}"
        bars.append(Bar(str(r["where"]), r["share"], bounds, value, palette.others if i else palette.leader, i == 0))
    with chart_style(palette):
        names = min(max(width(b.name, NAME_SIZE, b.weight) for b in bars) + 0.12, NAMES_AT_MOST * wide)
        values = max(width(b.value, VALUE_SIZE, b.weight) for b in bars) + 0.14
        note = f"{_NOTE} At the right: share and base."
        figure, (axes,) = make_figure(
            claim.title, claim.subtitle, note, wide, palette, [Panel(ROW * len(bars), "", names, values)]
        )
        draw_bars(axes, bars, 1.0, names, palette)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5 if wide > NARROW else 2, steps=[1, 2, 2.5, 5, 10]))
    return figure
