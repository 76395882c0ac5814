"""The specification curve: the headline's share under every rule that counts enough cards, and its options.

After Simonsohn, Simmons and Nelson 2020 (Specification curve analysis, Nature Human Behaviour 4).
"""

from __future__ import annotations

from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peft_census.count import HEADLINE, parse_rule
from peft_census.count.rules import SWITCHES
from peft_census.count.shares import ENOUGH
from peft_census.count.switches import Option
from peft_census.publish.charts.bars import TICK_STEPS, label_bar, percent_tick, value_style
from peft_census.publish.charts.layout import NARROW, TICK_SIZE, Panel, label_width, make_figure, strip_axes
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import chart_style, width
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows, technique_name
from peft_census.publish.text.numbers import count, percent, percent_label
from peft_census.publish.text.wording import capitalized
from peft_census.snapshot.snapshot import Snapshot

NAME = "sensitivity"
_NOTE = "Each column is one distinct count, ordered by share. Vertical lines: 95% intervals, clustered by author (sampling error only)."

Medians = list[tuple[Option, float]]
"""Options that some rules have and others do not, with the median share of the rules that have it."""


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the curve, or why there is none."""
    rows = [row for row in read_rows(snapshot, NAME) if row["enough"]]
    if len(rows) < 2:
        return Missing(
            NAME, "Fewer than two rules have an effective sample size that is enough for a range of the headline."
        )
    rows.sort(key=lambda row: (row["share"], row["rule"]))
    medians = _medians(rows)
    claim = _claim(snapshot, rows, medians)
    return ChartSpec(NAME, claim, list(rows[0]), rows, lambda wide, palette: _draw(claim, rows, medians, wide, palette))


def _claim(snapshot: Snapshot, rows: list[dict[str, Any]], medians: Medians) -> Claim:
    name = technique_name(snapshot, rows[0]["technique"])
    low, high = rows[0]["share"], rows[-1]["share"]
    ends = f"from {percent(low)} to {percent(high)}"
    of = f"{count(len(rows))} distinct counts of {count(sum(row['rules'] for row in rows))} rules"
    here = next((row for row in rows if row["rule"] == HEADLINE.name), None)
    if low == high:
        title = f"{name}'s share is {percent(low)} under every counting rule"
    else:
        title = f"{name}'s share ranges {ends}, depending on the counting rule"
        title += f"; rule {HEADLINE.name} gives {percent(here['share'])}" if here else ""
    options = "; ".join(f"{option.short} {percent(share)}" for option, share in medians)
    claim = Claim(
        id=NAME,
        population=f"cards under {of}",
        technique=rows[0]["technique"],
        name=name,
        numerator=here["numerator"] if here else 0,
        base=here["base"] if here else 0,
        share=here["share"] if here else None,
        low=low,
        high=high,
        method="lowest and highest share over the rules",
        quote=f"Under {of} with an effective sample size of at least {ENOUGH}, {name}'s share ranges {ends}",
        misquote=f"{capitalized(percent(high))} of models use {name}.",
        why_not="This is the highest of many shares, chosen after all of them were computed.",
        caveat="The rules overlap and were not sampled, so their range is not a confidence interval.",
        title=title,
        subtitle=f"n = {of} with an effective sample size of at least {ENOUGH}; each share has its rule's base.",
        alt_text=f"Specification curve. {title}. Median share of the rules with each option: {options}.",
    )
    return about_cards(claim, snapshot, HEADLINE)


def _words(rule: str) -> set[str]:
    return set(vars(parse_rule(rule)).values())


def _medians(rows: list[dict[str, Any]]) -> Medians:
    options = [(_words(row["rule"]), row["share"]) for row in rows]
    medians = []
    for option in (option for switch in SWITCHES.values() for option in switch.options.values() if option.short):
        shares = [share for words, share in options if option.word in words]
        if shares and len(shares) < len(rows):
            medians.append((option, median(shares)))
    return medians


def _draw(claim: Claim, rows: list[dict[str, Any]], medians: Medians, wide: float, palette: Palette) -> Figure:
    with chart_style(palette):
        names = label_width([option.short for option, _ in medians], wide)
        values = max([width(percent_label(share), TICK_SIZE) for _, share in medians] + [0.4]) + 0.1
        panels = [Panel(2.4, "", names, values, below=0.1)]
        if medians:
            head = "Options of the rules, and the median share with each"
            panels.append(Panel(0.235 * len(medians), head, names, values, 0.08))
        figure, axes = make_figure(claim, _NOTE, wide, palette, panels)
        _draw_curve(axes[0], rows, wide, palette)
        if medians:
            _draw_options(axes[1], rows, medians, names, palette)
    return figure


def _draw_curve(axes: Axes, rows: list[dict[str, Any]], wide: float, palette: Palette) -> None:
    gap = float("nan")
    whiskers = [(i, v) for i, row in enumerate(rows) for v in (row["low"], row["high"], gap)]
    thickness = max(0.6, min(2.5, 300 / len(rows)))
    style: dict[str, Any] = {"solid_capstyle": "butt"}
    axes.plot(*zip(*whiskers, strict=True), color=palette.summed, linewidth=thickness, zorder=2, **style)
    dots = [(x, row["share"]) for i, row in enumerate(rows) for x in (i - 0.45, i + 0.45, gap)]
    axes.plot(*zip(*dots, strict=True), color=palette.others, linewidth=2.2, zorder=3, **style)
    for i, row in enumerate(rows):
        if row["rule"] == HEADLINE.name:
            _mark(axes, i, row["share"], len(rows), wide, palette)
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.set_ylim(0, 1)
    axes.set_xticks([])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=TICK_STEPS))
    axes.yaxis.set_major_formatter(FuncFormatter(percent_tick))
    strip_axes(axes, palette, "y")


def _mark(axes: Axes, place: int, share: float, n: int, wide: float, palette: Palette) -> None:
    """Marks the headline's rule, with a label on the side that has space."""
    axes.plot([place], [share], marker="o", markersize=8, color=palette.leader, zorder=5)
    left = place > n / 2
    lines = "\n" if wide <= NARROW else " "
    axes.annotate(
        f"rule {HEADLINE.name}:{lines}{percent_label(share)}",
        (place, share),
        (-10 if left else 10, -18 if share > 0.5 else 18),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        color=palette.leader,
        fontsize=9.5 if wide > NARROW else 9,
        weight="bold",
        bbox={"facecolor": palette.background, "edgecolor": "none", "pad": 1.5},
        zorder=6,
    )


def _draw_options(axes: Axes, rows: list[dict[str, Any]], medians: Medians, names: float, palette: Palette) -> None:
    """Draws one line for every option, thick where the rule of the column has it."""
    have = [_words(row["rule"]) for row in rows]
    for line, (option, share) in enumerate(medians):
        edges = [
            i - 0.5
            for i in range(len(have) + 1)
            if (i > 0 and option.word in have[i - 1]) != (i < len(have) and option.word in have[i])
        ]
        points = [(x, line) for i, edge in enumerate(edges) for x in ((edge, float("nan")) if i % 2 else (edge,))]
        axes.axhline(line, color=palette.rule, linewidth=0.5, zorder=1)
        axes.plot(*zip(*points, strict=True), color=palette.muted, linewidth=5, solid_capstyle="butt", zorder=2)
        label_bar(axes, line, option.short, names, size=TICK_SIZE)
        style = value_style() | {"fontsize": TICK_SIZE}
        axes.annotate(percent_label(share), (1, line), (7, 0), xycoords=axes.get_yaxis_transform(), **style)
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.set_ylim(len(medians) - 0.5, -0.5)
    axes.axis("off")
