"""Horizontal bars of two or three parts: where the evidence stands, and what is cited against what is configured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peft_census.count.authorship import ANYWHERE, CONFIGURATION, RULE
from peft_census.publish.charts.headline import ROW, percent_tick
from peft_census.publish.charts.layout import (
    NAME_SIZE,
    NARROW,
    VALUE_SIZE,
    Panel,
    label_width,
    make_figure,
    strip_axes,
    truncate,
)
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import MARGIN, chart_style, width
from peft_census.publish.charts.spec import ChartSpec, Missing, columns_of, finding, rows_of
from peft_census.publish.claims.claim import Claim
from peft_census.publish.snapshot_reader import SnapshotLike, technique_name
from peft_census.publish.text.numbers import count, interval, percent, plural
from peft_census.snapshot.schema import LOCATIONS

ORIGIN, AGREEMENT = "authorship", "agreement"
MOST = 8
"""Techniques shown in the chart of agreement."""

_LOCATION_WORDS = {
    ANYWHERE: "anywhere in the card",
    "front_matter": "front matter",
    CONFIGURATION: "adapter_config.json",
    **{z: z for z in LOCATIONS if z not in ("front_matter", "name")},
}
Parts = Sequence[tuple[str, Sequence[float], str]]
"""Name of the bar, its parts, its value in words."""


def authorship_chart(snapshot: SnapshotLike, technique: str | None) -> ChartSpec | Missing:
    """Returns the chart of where the evidence for ``technique`` comes from, or why there is none."""
    rows = [row for row in rows_of(snapshot, "authorship") if row["technique"] == technique]
    if not rows or technique is None:
        return Missing(ORIGIN, "No card cites the headline's technique, so there is no evidence to sort by its place.")
    name = technique_name(snapshot, technique)
    order = list(_LOCATION_WORDS)
    whole = next(row for row in rows if row["location"] == ANYWHERE)
    rows = [
        whole,
        *sorted((r for r in rows if r is not whole), key=lambda r: (-r["cards"], order.index(r["location"]))),
    ]
    rows = [{**row, "tools_share": row["generated_only"] / row["cards"]} for row in rows]
    part = percent(whole["generated_only"] / whole["cards"])
    if whole["generated_only"] == 0:
        title = f"In every card that cites {name} a person wrote at least one of the places that do"
    else:
        title = f"In {part} of the cards that cite {name}, tools wrote all that cites it"
    told = [
        f"{_LOCATION_WORDS[r['location']]}: {plural(r['cards'], 'card')}, {count(r['human'])} with words of people, "
        f"{count(r['generated_only'])} with words of tools alone"
        for r in rows
    ]
    claim = finding(
        snapshot,
        ORIGIN,
        RULE,
        population="all cards",
        technique=technique,
        name=name,
        numerator=whole["generated_only"],
        base=whole["cards"],
        share=whole["generated_only"] / whole["cards"],
        method="full count of the cards read; no interval",
        said=f"Of {plural(whole['cards'], 'model card')} that cite {name}, {count(whole['generated_only'])} ({part}) do so only in words that a tool wrote",
        misquote=f"{part} of {name} users only pressed a button.",
        why_not="Who wrote the words of a card does not say how the model was trained or by whom.",
        caveat="A tool is recognised by its fixed sentences and labels; what an unknown tool wrote counts as a person's.",
        title=title,
        subtitle=f"n = {plural(whole['cards'], 'card')} that cite {name}, variants rolled up.",
        alt=f"Stacked bars. {title}. {'; '.join(told)}.",
    )
    bars = [
        (
            _LOCATION_WORDS[r["location"]],
            (r["human"], r["generated_only"]),
            f"{percent(r['tools_share'])} by tools alone",
        )
        for r in rows
    ]
    legend = ("a person wrote some of it", "tools wrote all of it")
    return ChartSpec(
        ORIGIN,
        claim,
        columns_of(rows),
        rows,
        lambda wide, palette: _draw(
            claim, bars, legend, "Across: cards. A card counts in each location where it cites.", wide, palette
        ),
    )


def agreement_chart(snapshot: SnapshotLike, technique: str | None) -> ChartSpec | Missing:
    """Returns the chart of what is cited against what is configured, or why there is none."""
    rows = [row for row in rows_of(snapshot, "agreement") if row["variants"] == "variants_grouped"]
    rows = [row for row in rows if row["checked"] and _seen(row)]
    if not rows:
        return Missing(
            AGREEMENT,
            "No model of this source has both a card and an adapter_config.json that could be read, so what cards "
            "cite cannot be checked against what was configured.",
        )
    rows.sort(key=lambda row: (row["technique"] != technique, -_seen(row), row["technique"]))
    rows = rows[:MOST]
    first = rows[0]
    names = {row["technique"]: technique_name(snapshot, row["technique"]) for row in rows}
    name = names[first["technique"]]
    configured = first["cites_and_is"] + first["is_but_does_not_cite"]
    checked, listed = first["checked"], first["listed"]
    if first["being_that_cite"] is not None:
        title = f"{percent(first['being_that_cite'])} of the models whose configuration says {name} have a card that cites it"
        ends = f", {interval(first['being_that_cite_low'], first['being_that_cite_high'])}"
    else:
        title, ends = f"No configuration that could be read says {name}", ""
    told = [
        f"{names[r['technique']]}: {count(r['cites_and_is'])} cite it and have it, {count(r['cites_but_is_not'])} cite it "
        f"and have it not, {count(r['is_but_does_not_cite'])} have it and do not cite it"
        for r in rows
    ]
    claim = finding(
        snapshot,
        AGREEMENT,
        None,
        population="models with a readable card and configuration",
        technique=first["technique"],
        name=name,
        numerator=first["cites_and_is"],
        base=configured,
        share=first["being_that_cite"],
        low=first["being_that_cite_low"],
        high=first["being_that_cite_high"],
        method=first["method"],
        said=(
            f"Of {plural(configured, 'model')} whose adapter_config.json says {name}, {count(first['cites_and_is'])} have a "
            f"card that cites it ({first['method']}{ends}); {count(checked)} of {count(listed)} models can be checked"
        ),
        misquote=f"Model cards are right about {name}.",
        why_not="Only models with a saved adapter configuration can be checked, and they are not like the others.",
        caveat=f"{count(checked)} of {plural(listed, 'listed model')} ({percent(checked / listed)}) can be checked at all.",
        title=title,
        subtitle=f"n = {plural(checked, 'model')} with a readable card and adapter_config.json, of {count(listed)} listed; variants rolled up.",
        alt=f"Stacked bars. {title}. {'; '.join(told)}.",
    )
    bars = [
        (
            names[r["technique"]],
            (r["cites_and_is"], r["cites_but_is_not"], r["is_but_does_not_cite"]),
            f"{count(r['cites_and_is'])} · {count(r['cites_but_is_not'])} · {count(r['is_but_does_not_cite'])}",
        )
        for r in rows
    ]
    legend = ("cites it and has it", "cites it, has it not", "has it, does not cite it")
    note = "Each bar: parts of the models that cite the technique or have it; at the right their numbers."
    return ChartSpec(
        AGREEMENT,
        claim,
        columns_of(rows),
        rows,
        lambda wide, palette: _draw(claim, bars, legend, note, wide, palette, True),
    )


def _seen(row: dict[str, Any]) -> int:
    return int(row["cites_and_is"] + row["cites_but_is_not"] + row["is_but_does_not_cite"])


def _draw(
    claim: Claim, bars: Parts, legend: Sequence[str], note: str, wide: float, palette: Palette, shares: bool = False
) -> Figure:
    """Draws the bars, each scaled to 1 where ``shares``, with a legend above them."""
    with chart_style(palette):
        names = label_width([name for name, _, _ in bars], wide, 0.34)
        values = max(width(value, VALUE_SIZE) for _, _, value in bars) + 0.14
        columns = len(legend) if wide > NARROW else 1
        above = 0.3 + 0.2 * (0 if wide > NARROW else len(legend) - 1)
        panel = Panel(ROW * len(bars), "", names, values, above=above)
        figure, (axes,) = make_figure(claim.title, claim.subtitle, note, wide, palette, [panel])
        looks = _looks(palette)[: len(legend)]
        for row, (name, parts, value) in enumerate(bars):
            whole = sum(parts) if shares else 1
            start = 0.0
            for part, look in zip(parts, looks, strict=True):
                axes.barh(row, part / whole, left=start, height=0.66, zorder=2, **look)
                start += part / whole
            style: dict[str, Any] = {
                "va": "center_baseline",
                "parse_math": False,
                "annotation_clip": False,
                "textcoords": "offset points",
            }
            axes.annotate(truncate(name, names - 0.1), (0, row), (-7, 0), ha="right", fontsize=NAME_SIZE, **style)
            axes.annotate(
                value, (1, row), (7, 0), xycoords=axes.get_yaxis_transform(), ha="left", fontsize=VALUE_SIZE, **style
            )
        most = 1.0 if shares else max(sum(parts) for _, parts, _ in bars)
        axes.set_xlim(0, most)
        axes.set_ylim(len(bars) - 0.5, -0.5)
        axes.set_yticks([])
        axes.xaxis.set_major_locator(
            MaxNLocator(nbins=4 if wide > NARROW else 2, steps=[1, 2, 2.5, 5, 10], integer=not shares)
        )
        axes.xaxis.set_major_formatter(FuncFormatter(percent_tick if shares else lambda v, _: count(v)))
        strip_axes(axes, palette)
        patches = [Patch(label=label, **look) for label, look in zip(legend, looks, strict=True)]
        edge = -names / (wide - 2 * MARGIN - names - values)
        axes.legend(
            handles=patches,
            ncols=columns,
            loc="lower left",
            bbox_to_anchor=(edge, 1.0),
            borderaxespad=0.3,
            frameon=False,
            fontsize=9,
            handlelength=1.2,
            handleheight=0.9,
            borderpad=0,
            columnspacing=1.4,
            labelspacing=0.25,
        )
    return figure


def _looks(palette: Palette) -> list[dict[str, Any]]:
    """Returns how the parts look: told apart in grey as well, the last by its hatching."""
    return [
        {"facecolor": palette.leader, "edgecolor": palette.leader, "linewidth": 0.5},
        {"facecolor": palette.others, "edgecolor": palette.others, "linewidth": 0.5},
        {"facecolor": palette.paper, "edgecolor": palette.gap, "hatch": "////", "linewidth": 0.5},
    ]
