"""What PEFT's benchmark measured for each technique, and how often cards cite it: result, memory, share of cards.

One run and one seed each, settings chosen by contributors. The chart shows no cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peft_census.count.popular import RULE, Standing, standings
from peft_census.publish.charts.scatter import Dot, Scatter
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.wording import who
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows, technique_name
from peft_census.publish.text.numbers import count, percent, percent_label, plural
from peft_census.snapshot.snapshot import Snapshot

NAME = "popular"
_TASKS = {"MetaMathQA": "Mathematics questions (MetaMathQA)", "image-gen": "Image generation (image-gen)"}
WORST, HEAVIEST = 0.5, 1.75
"""Points shown: at least this part of the best result, and at most this multiple of the least memory."""
LABELS = 6
"""Cited techniques with a label in addition to those on the Pareto front."""

_NOTE = (
    "Size: share of the cards that cite the technique; hollow: no card cites it. Line: Pareto front, the runs that no "
    "other run beats in both result and memory. Vertical bar: error of the test set, 95%, where known. One seed each; "
    "contributors chose the settings. Correlation only. Left out: less than half of the best "
    "result, or three quarters more than the least memory."
)


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    rows = [r for r in read_rows(snapshot, NAME) if r["technique"] is not None and r["share"] is not None]
    tasks = sorted({r["task"] for r in rows}, reverse=True)
    if not any(r["cards"] for r in rows):
        return Missing(NAME, "No card cites a technique that PEFT's benchmark measured.")
    cited = max(rows, key=lambda r: (r["technique"] == headline.technique, r["cards"], r["technique"]))
    panels = [
        Scatter(
            head=_TASKS.get(task, task),
            dots=_dots(snapshot, [r for r in rows if r["task"] == task], cited["technique"]),
            y_title=f"Result: {next(r['metric'] for r in rows if r['task'] == task).replace('_', ' ')}, higher is better",
            x_title="Highest memory, GB (less is better)",
        )
        for task in tasks
    ]
    return ChartSpec(NAME, _claim(snapshot, rows, cited, tasks), list(rows[0]), rows, panels, _NOTE)


def _dots(snapshot: Snapshot, rows: Sequence[dict[str, Any]], lead: str) -> list[Dot]:
    """Returns the best run of every technique and the runs on the front, the ones to label first."""
    shown = [r for r in rows if (r["best"] or r["on_front"]) and r["memory_max_bytes"] is not None]
    least, best = WORST * max(r["value"] for r in shown), HEAVIEST * min(r["memory_max_bytes"] for r in shown)
    shown = [r for r in shown if r["technique"] == lead or (r["value"] >= least and r["memory_max_bytes"] <= best)]
    most = sorted({(-r["cards"], r["technique"]) for r in shown if r["cards"]})[:LABELS]
    named = {technique for _, technique in most}
    shown.sort(key=lambda r: (r["technique"] != lead, not r["on_front"], -r["cards"], -r["value"], r["experiment"]))
    first = {r["technique"]: r["experiment"] for r in reversed(shown)}
    named |= {r["technique"] for r in shown if r["on_front"]}
    return [
        Dot(
            technique=r["technique"],
            label=_label(snapshot, r, lead)
            if r["technique"] in named and first[r["technique"]] == r["experiment"]
            else "",
            x=r["memory_max_bytes"] / 1e9,
            y=r["value"],
            radius=0.04 + 0.14 * r["share"] ** 0.5,
            bounds=(r["value_low"], r["value_high"]) if r["technique"] == lead and r["value_low"] is not None else None,
            hollow=not r["cards"],
            bold=r["technique"] == lead,
            front=bool(r["on_front"]),
        )
        for r in shown
    ]


def _label(snapshot: Snapshot, row: dict[str, Any], lead: str) -> str:
    name, variant = technique_name(snapshot, row["technique"]), row["variant"]
    known = variant in snapshot.manifest.taxonomy.techniques
    if known and variant != row["technique"]:
        name += f" ({technique_name(snapshot, variant)})"
    return f"{name}, {percent_label(row['share'])} of cards" if row["technique"] == lead and row["best"] else name


def _title(name: str, fronts: int, tasks: int) -> str:
    if fronts == tasks:
        return f"No technique beats {name} on both result and memory in PEFT's benchmark"
    if fronts:
        return f"In {fronts} of {tasks} tasks, no technique beats {name} on both result and memory"
    return f"In PEFT's benchmark, other techniques beat {name} on both result and memory"


def _claim(snapshot: Snapshot, rows: list[dict[str, Any]], cited: dict[str, Any], tasks: Sequence[str]) -> Claim:
    technique, name = cited["technique"], technique_name(snapshot, cited["technique"])
    fronts = {r["task"] for r in rows if r["technique"] == technique and r["on_front"]}
    measured = {r["task"] for r in rows if r["technique"] == technique}
    title, base = _title(name, len(fronts), len(measured)), cited["base"]
    found = standings(rows, technique)
    points = "; ".join(
        f"{task}: {_points_text(snapshot, [r for r in rows if r['task'] == task and r['best']])}" for task in tasks
    )
    claim = Claim(
        id=NAME,
        population="cards that cite at least one technique; runs of PEFT's method comparison",
        technique=technique,
        name=name,
        numerator=cited["cards"],
        base=base,
        share=cited["share"],
        method="none: one run and one seed each",
        quote=(
            f"{title}. {' '.join(map(_result, found))} {count(cited['cards'])} of {plural(base, 'card')} that cite a "
            f"technique cite {name} ({percent(cited['share'])})"
        ),
        misquote="People use the wrong technique.",
        why_not=f"{plural(len(tasks), 'task')} and one seed each do not measure other uses.",
        caveat=(
            "Contributors chose the settings, and some techniques had more runs than others: the best of many runs is "
            "higher by chance."
        ),
        title=title,
        subtitle=f"Best runs of PEFT's method comparison. {who(snapshot, base, 'model cards that cite at least one technique', 'variants are grouped')}",
        alt_text=f"Points. {title}. {points}.",
    )
    return about_cards(claim, snapshot, RULE)


def _result(standing: Standing) -> str:
    """Returns the best result of the leader in one task, with its error and how many others cannot be told apart."""
    best = standing.best
    runs = "only run" if best["runs"] == 1 else f"best of {count(best['runs'])} runs"
    rank = f"{count(standing.better) if standing.better else 'none'} of {count(standing.techniques)} scored higher"
    text = f"On {best['task']} its {runs} reaches a {best['metric']} of {best['value']:.3f}; {rank}"
    if standing.similar is None:
        return f"{text}; its test-set error is not known."
    return (
        f"{text} (95% interval for the size of the test set {best['value_low']:.3f}–{best['value_high']:.3f}); "
        f"{plural(standing.similar, 'other technique')} cannot be told apart from it."
    )


def _points_text(snapshot: Snapshot, best: list[dict[str, Any]]) -> str:
    """Returns the best runs of a task as text: cited techniques one by one, the others by their range."""
    cited = [
        f"{technique_name(snapshot, r['technique'])} {r['value']:.3f}, cited on {count(r['cards'])}"
        for r in sorted(best, key=lambda r: (-r["value"], r["experiment"]))
        if r["cards"]
    ]
    others = [r["value"] for r in best if not r["cards"]]
    if others:
        cited.append(f"{plural(len(others), 'technique')} cited on none, {min(others):.3f} to {max(others):.3f}")
    return ", ".join(cited)
