"""Charts over the months in which repositories were created: the headline's share, and how far votes concentrate.

A month with too few cards is a gap, drawn hatched. No line crosses it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peft_census.count import HEADLINE, parse_rule
from peft_census.count.groups import NOT_KNOWN
from peft_census.count.shares import ENOUGH
from peft_census.publish.charts.headline import percent_tick
from peft_census.publish.charts.layout import NARROW, TICK_SIZE, VALUE_SIZE, Panel, make_figure, strip_axes
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import chart_style, width
from peft_census.publish.charts.spec import ChartSpec, Missing, columns_of, finding, rows_of
from peft_census.publish.claims.claim import Claim
from peft_census.publish.snapshot_reader import SnapshotLike, technique_name
from peft_census.publish.text.numbers import count, interval, percent, plural

MONTHLY, CONCENTRATION = "monthly", "concentration"
_GAPS = "Hatched: months with too few cards to say anything; a gap is not a zero."


@dataclass(frozen=True)
class Month:
    """One month: its place on the axis, its cards, and its value with an interval, or none of them."""

    place: int
    base: float
    value: float | None
    low: float | None = None
    high: float | None = None


def monthly_chart(snapshot: SnapshotLike, technique: str | None) -> ChartSpec | Missing:
    """Returns the chart of the headline's share by month, or why there is none."""
    rows = [r for r in rows_of(snapshot, "monthly") if r["technique"] == technique and r["rule"] == HEADLINE.name]
    rows = [r for r in rows if _dated(r["month"])]
    there = [r for r in rows if r["enough"] and r["share"] is not None]
    if len(there) < 2 or technique is None:
        return Missing(MONTHLY, "Fewer than two months have cards enough to draw a share over time.")
    name = technique_name(snapshot, technique)
    first, last = there[0], there[-1]
    title = (
        f"Of cards that cite one technique, {percent(first['share'])} of those created in {first['month']} cite {name}; "
        f"{percent(last['share'])} of those created in {last['month']}"
    )
    told = [f"{r['month']} {percent(r['share'])} of {count(r['base'])}" for r in there]
    claim = finding(
        snapshot,
        MONTHLY,
        HEADLINE,
        population="cards of models with a known month of creation",
        technique=technique,
        name=name,
        numerator=last["numerator"],
        base=last["base"],
        share=last["share"],
        low=last["low"],
        high=last["high"],
        method=last["method"],
        said=(
            f"Of {count(last['base'])} model cards created in {last['month']} that cite exactly one technique, "
            f"{count(last['numerator'])} ({percent(last['share'])}) cite {name}, against {percent(first['share'])} of "
            f"{count(first['base'])} in {first['month']} ({last['method']} interval {interval(last['low'], last['high'])})"
        ),
        misquote=f"{name} went from {percent(first['share'])} to {percent(last['share'])} of models.",
        why_not="Months differ in which models a source holds, and a card may have been edited long after its month.",
        caveat=f"{count(len(rows) - len(there))} of {plural(len(rows), 'month')} have fewer than {ENOUGH} cards and are left out.",
        title=title,
        subtitle=f"n = {count(sum(r['base'] for r in rows))} cards that cite exactly one technique, by month of creation. Rule {HEADLINE.name}.",
        alt=f"Line with an interval, by month. {title}. {'; '.join(told)}. The other months are gaps.",
    )
    months = [
        Month(_place(r["month"]), r["base"], r["share"] if r["enough"] else None, r["low"], r["high"]) for r in rows
    ]
    return ChartSpec(
        MONTHLY,
        claim,
        columns_of(rows),
        rows,
        lambda wide, palette: _draw(
            claim,
            months,
            f"Band: 95 % interval of the sampling alone. {_GAPS}",
            percent_tick,
            (0.0, 1.0),
            wide,
            palette,
        ),
    )


def concentration_chart(snapshot: SnapshotLike) -> ChartSpec | Missing:
    """Returns the chart of the effective number of techniques by month, or why there is none."""
    rule = parse_rule("exactly_one/variants_separate")
    rows = [r for r in rows_of(snapshot, "concentration") if r["rule"] == rule.name]
    whole = next((r for r in rows if r["month"] == "all"), None)
    rows = [r for r in rows if _dated(r["month"])]
    there = [r for r in rows if r["enough"] and r["effective_number"] is not None]
    if whole is None or whole["effective_number"] is None or len(there) < 2:
        return Missing(CONCENTRATION, "Fewer than two months have cards enough to say how far citing concentrates.")
    first, last = there[0], there[-1]

    def words(row: dict[str, Any]) -> str:
        return f"{row['effective_number']:.2f}"

    title = (
        f"Counted by their weight, cards of {last['month']} cite {words(last)} techniques; those of {first['month']} "
        f"cite {words(first)}"
    )
    told = [f"{r['month']} {words(r)} of {count(r['techniques'])} named" for r in there]
    claim = finding(
        snapshot,
        CONCENTRATION,
        rule,
        population="cards of models with a known month of creation",
        numerator=whole["base"],
        base=whole["base"],
        method="inverse of the sum of squared shares (Hill number of order 2); no interval",
        said=(
            f"The {count(whole['base'])} model cards that cite exactly one technique spread as if over {words(whole)} equally "
            f"frequent ones, of {count(whole['techniques'])} that are named"
        ),
        misquote=f"Only {words(whole)} techniques are in use.",
        why_not="The effective number weighs techniques by how often cards cite them; rare ones are there all the same.",
        caveat="With few cards the number is too small: rare techniques have not been met yet.",
        title=title,
        subtitle=(
            f"Effective number of techniques (1 / sum of squared shares), variants apart. All months together: {words(whole)} "
            f"of {count(whole['techniques'])} named. n = {count(whole['base'])} cards. Rule {rule.name}."
        ),
        alt=f"Line by month. {title}. {'; '.join(told)}. The other months are gaps.",
    )
    months = [Month(_place(r["month"]), r["base"], r["effective_number"] if r["enough"] else None) for r in rows]
    top = max(r["effective_number"] for r in there)
    return ChartSpec(
        CONCENTRATION,
        claim,
        columns_of(rows),
        rows,
        lambda wide, palette: _draw(
            claim,
            months,
            f"1 is the least: all cards cite the same technique. {_GAPS}",
            _plain_tick,
            (1.0, max(2.0, 1.08 * top)),
            wide,
            palette,
        ),
    )


def _dated(month: str) -> bool:
    return month not in ("all", NOT_KNOWN) and not month.startswith("before")


def _place(month: str) -> int:
    year, number = month.split("-")
    return 12 * int(year) + int(number) - 1


def _month(place: float) -> str:
    year, number = divmod(round(place), 12)
    return f"{year}-{number + 1:02}"


def _plain_tick(value: float, _position: int | None = None) -> str:
    return f"{value:.4g}"


def _draw(
    claim: Claim,
    months: Sequence[Month],
    note: str,
    tick: Callable[[float, int | None], str],
    ends: tuple[float, float],
    wide: float,
    palette: Palette,
) -> Figure:
    """Draws the line above and, below it on the same months, how many cards each month has."""
    with chart_style(palette):
        most = max(m.base for m in months)
        ticks = [width(tick(v, None), TICK_SIZE) for v in (*ends, sum(ends) / 3)] + [width(count(most), TICK_SIZE)]
        left = max(ticks) + 0.15
        panels = [Panel(2.3, "", left, 0.25, 0.06), Panel(0.7, "Cards of each month", left, 0.25)]
        figure, (top, bottom) = make_figure(claim.title, claim.subtitle, note, wide, palette, panels)
        there = [m for m in months if m.value is not None]
        line = _broken(months, lambda m: m.value)
        top.plot(*line, color=palette.leader, linewidth=1.8, marker="o", markersize=3.5, zorder=4, clip_on=False)
        if there[0].low is not None:
            for run in _runs(months):
                span = [m.place for m in run] if len(run) > 1 else [run[0].place - 0.25, run[0].place + 0.25]
                twice = 1 if len(run) > 1 else 2
                lows, highs = ([getattr(m, end) for m in run] * twice for end in ("low", "high"))
                top.fill_between(span, lows, highs, color=palette.leader, alpha=0.22, linewidth=0, zorder=3)
        for axes in (top, bottom):
            axes.set_xlim(months[0].place - 0.7, months[-1].place + 0.7)
        for start, stop in _gaps(months):
            top.axvspan(
                start - 0.5, stop + 0.5, facecolor="none", edgecolor=palette.rule, hatch="////", linewidth=0, zorder=1
            )
        top.set_ylim(*ends)
        top.set_xticks([])
        top.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        top.yaxis.set_major_formatter(FuncFormatter(tick))
        strip_axes(top, palette, "y")
        bottom.bar([m.place for m in months], [m.base for m in months], width=0.8, color=palette.muted, zorder=2)
        bottom.set_ylim(0, 1.05 * most)
        bottom.set_yticks([most], [count(most)])
        bottom.set_xticks(*_month_ticks(months, 6 if wide > NARROW else 3))
        strip_axes(bottom, palette, "y")
        for month in (there[0], there[-1]):
            above = month.value is not None and month.value < sum(ends) / 2
            top.annotate(
                tick_words(month, tick),
                (month.place, month.value or 0),
                (0, 10 if above else -12),
                textcoords="offset points",
                ha="left" if month is there[0] else "right",
                va="center",
                fontsize=VALUE_SIZE,
                weight="bold",
                color=palette.leader,
                bbox={"facecolor": palette.paper, "edgecolor": "none", "pad": 1.0},
                zorder=6,
                annotation_clip=False,
            )
    return figure


def tick_words(month: Month, tick: Callable[[float, int | None], str]) -> str:
    """Returns a month's value as the claim writes it."""
    value = month.value or 0.0
    return percent(value) if tick is percent_tick else f"{value:.2f}"


def _broken(months: Sequence[Month], value: Callable[[Month], float | None]) -> tuple[list[float], list[float]]:
    """Returns the points of a line that breaks where a month has no value."""
    nan = float("nan")
    return [m.place for m in months], [nan if (v := value(m)) is None else v for m in months]


def _runs(months: Sequence[Month]) -> list[list[Month]]:
    """Returns the runs of months with a value."""
    runs: list[list[Month]] = [[]]
    for month in months:
        if month.value is None:
            runs.append([])
        else:
            runs[-1].append(month)
    return [run for run in runs if run]


def _gaps(months: Sequence[Month]) -> list[tuple[int, int]]:
    """Returns first and last month of every run without a value."""
    gaps: list[tuple[int, int]] = []
    for month in months:
        if month.value is None:
            joined = gaps and gaps[-1][1] == month.place - 1
            gaps[-1:] = [(gaps[-1][0], month.place)] if joined else [*gaps[-1:], (month.place, month.place)]
    return gaps


def _month_ticks(months: Sequence[Month], most: int) -> tuple[list[int], list[str]]:
    """Returns at most about ``most`` ticks, at the same month of the year where the span allows it."""
    first, last = months[0].place, months[-1].place
    step = next((s for s in (1, 2, 3, 6, 12, 24, 36, 60, 120) if (last - first) / s <= most), 240)
    places = [p for p in range(first, last + 1) if p % step == 0] or [first]
    return places, [_month(p) for p in places]
