"""The specification curve: the headline under every rule that counts enough cards, and what each switch does.

After Simonsohn, Simmons and Nelson 2020 (Specification curve analysis, Nature Human Behaviour 4).
"""

from __future__ import annotations

from statistics import median
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peft_census.count import HEADLINE, parse_rule
from peft_census.count.rules import SWITCHES
from peft_census.count.shares import ENOUGH
from peft_census.publish.charts.headline import percent_tick
from peft_census.publish.charts.layout import NARROW, TICK_SIZE, Panel, label_width, make_figure, strip_axes, truncate
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import chart_style, width
from peft_census.publish.charts.spec import ChartSpec, Missing, columns_of, finding, rows_of
from peft_census.publish.snapshot_reader import SnapshotLike, technique_name
from peft_census.publish.text.numbers import count, interval, percent

NAME = "sensitivity"
_SHORT = {word: option.short for s in SWITCHES.values() for word, option in s.options.items() if option.short}
_NOTE = (
    "Every column is one rule, from the lowest share to the highest; lines are 95 % intervals of the sampling alone."
)


def sensitivity_chart(snapshot: SnapshotLike) -> ChartSpec | Missing:
    """Returns the curve, or why there is none."""
    rows = [row for row in rows_of(snapshot, "sensitivity") if row["enough"]]
    if len(rows) < 2:
        return Missing(NAME, "Too few ways of counting find enough cards to draw the range of the headline.")
    rows.sort(key=lambda row: (row["share"], row["rule"]))
    name = technique_name(snapshot, rows[0]["technique"])
    low, high = rows[0]["share"], rows[-1]["share"]
    here = [row for row in rows if row["rule"] == HEADLINE.name]
    medians = _medians(rows)
    ends = interval(low, high)
    title = (
        f"{percent(low)} whatever the rule: {name}'s share does not depend on how cards are counted"
        if low == high
        else f"{name}'s share lies anywhere in {ends}, depending on how cards are counted"
    )
    if here and low != high:
        title += f"; rule {HEADLINE.name} gives {percent(here[0]['share'])}"
    said = f"Under {count(len(rows))} rules that each count at least {ENOUGH} cards, {name}'s share lies in {ends}"
    claim = finding(
        snapshot,
        NAME,
        HEADLINE,
        population=f"cards under {count(len(rows))} rules",
        technique=rows[0]["technique"],
        name=name,
        numerator=here[0]["numerator"] if here else 0,
        base=here[0]["base"] if here else 0,
        share=here[0]["share"] if here else None,
        low=low,
        high=high,
        method="lowest and highest share over the rules",
        said=said,
        misquote=f"{percent(high)} of models use {name}.",
        why_not="That is the highest of many ways to count, picked after seeing them all.",
        caveat="The rules overlap and are not draws from anything: their range is no confidence interval.",
        title=title,
        subtitle=f"n = {count(len(rows))} rules that count at least {ENOUGH} cards each; shares are of each rule's base.",
        alt=(
            f"Specification curve. {title}. Median share where the rule has the switch: "
            f"{'; '.join(f'{_SHORT[w]} {percent(m)}' for w, m in medians)}."
        ),
    )
    return ChartSpec(
        NAME,
        claim,
        columns_of(rows),
        rows,
        lambda wide, palette: _draw(claim.title, claim.subtitle, rows, wide, palette),
    )


def _words(rule: str) -> set[str]:
    return set(vars(parse_rule(rule)).values())


def _medians(rows: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """Returns the words that some rules have and some have not, with the median share of those that have it."""
    words = [(_words(row["rule"]), row["share"]) for row in rows]
    found = []
    for word in _SHORT:
        having = [share for there, share in words if word in there]
        if having and len(having) < len(rows):
            found.append((word, median(having)))
    return found


def _draw(title: str, subtitle: str, rows: list[dict[str, Any]], wide: float, palette: Palette) -> Figure:
    with chart_style(palette):
        medians = _medians(rows)
        names = label_width([_SHORT[w] for w, _ in medians], wide)
        values = max([width(percent(m), TICK_SIZE) for _, m in medians] + [0.4]) + 0.1
        panels = [Panel(2.4, "", names, values, below=0.1)]
        if medians:
            panels.append(
                Panel(0.235 * len(medians), "The rule's switches, and the median share with each", names, values, 0.08)
            )
        figure, axes = make_figure(title, subtitle, _NOTE, wide, palette, panels)
        top = axes[0]
        places = range(len(rows))
        gap = float("nan")
        whiskers = [(i, v) for i, row in zip(places, rows, strict=True) for v in (row["low"], row["high"], gap)]
        top.plot(
            *zip(*whiskers, strict=True),
            color=palette.summed,
            linewidth=max(0.6, min(2.5, 300 / len(rows))),
            zorder=2,
            solid_capstyle="butt",
        )
        dots = [(x, row["share"]) for i, row in zip(places, rows, strict=True) for x in (i - 0.45, i + 0.45, gap)]
        top.plot(*zip(*dots, strict=True), color=palette.others, linewidth=2.2, solid_capstyle="butt", zorder=3)
        for i, row in zip(places, rows, strict=True):
            if row["rule"] == HEADLINE.name:
                _mark(top, i, row["share"], len(rows), wide, palette)
        top.set_xlim(-0.5, len(rows) - 0.5)
        top.set_ylim(0, 1)
        top.set_xticks([])
        top.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        top.yaxis.set_major_formatter(FuncFormatter(percent_tick))
        strip_axes(top, palette, "y")
        if medians:
            _draw_switches(axes[1], rows, medians, names, palette)
    return figure


def _mark(axes: Any, place: int, share: float, n: int, wide: float, palette: Palette) -> None:
    """Marks the headline's rule, with its words on the side that has room."""
    axes.plot([place], [share], marker="o", markersize=8, color=palette.leader, zorder=5)
    left = place > n / 2
    high = share > 0.5
    axes.annotate(
        f"rule {HEADLINE.name}: {percent(share)}",
        (place, share),
        (-10 if left else 10, -18 if high else 18),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        color=palette.leader,
        fontsize=9.5 if wide > NARROW else 9,
        weight="bold",
        bbox={"facecolor": palette.paper, "edgecolor": "none", "pad": 1.5},
        zorder=6,
    )


def _draw_switches(
    axes: Any, rows: list[dict[str, Any]], medians: list[tuple[str, float]], names: float, palette: Palette
) -> None:
    """Draws one line for every switch, inked where the rule of the column has it."""
    have = [_words(row["rule"]) for row in rows]
    style: dict[str, Any] = {"textcoords": "offset points", "va": "center_baseline", "annotation_clip": False}
    for line, (word, middle) in enumerate(medians):
        edges = [
            i - 0.5
            for i in range(len(have) + 1)
            if (word in have[i - 1] if i else False) != (i < len(have) and word in have[i])
        ]
        points = [(x, line) for i, edge in enumerate(edges) for x in ((edge, float("nan")) if i % 2 else (edge,))]
        axes.axhline(line, color=palette.rule, linewidth=0.5, zorder=1)
        axes.plot(*zip(*points, strict=True), color=palette.muted, linewidth=5, solid_capstyle="butt", zorder=2)
        axes.annotate(
            truncate(_SHORT[word], names - 0.1, TICK_SIZE),
            (-0.5, line),
            (-7, 0),
            ha="right",
            fontsize=TICK_SIZE,
            **style,
        )
        axes.annotate(percent(middle), (len(rows) - 0.5, line), (7, 0), ha="left", fontsize=TICK_SIZE, **style)
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.set_ylim(len(medians) - 0.5, -0.5)
    axes.axis("off")
