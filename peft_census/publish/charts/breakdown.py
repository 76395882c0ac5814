"""The headline's share by task, by library and by family of base models, as dots with intervals."""

from __future__ import annotations

from typing import Any

from peft_census.count import HEADLINE, OTHER
from peft_census.count.groups import NOT_KNOWN
from peft_census.count.shares import ENOUGH
from peft_census.publish.charts.rows import Row, Rows, axis_start
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.wording import INTERVALS, carries, who
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import clean, read_rows, shorten
from peft_census.publish.text.numbers import count, interval, percent, percent_label
from peft_census.snapshot.snapshot import Snapshot

NAME = "breakdown"
MOST = 6
"""Groups of one dimension."""

_HEADS = {"task": "By task", "library": "By library", "base_family": "By family of the base model"}
_NAMES = {
    "sdxl": "SDXL",
    "gpt2": "GPT-2",
    "gpt_oss": "GPT-OSS",
    "gpt_neo": "GPT-Neo",
    "llava": "LLaVA",
    "glm": "GLM",
    "opt": "OPT",
    "t5": "T5",
    "bert": "BERT",
    "vit": "ViT",
    "deepseek": "DeepSeek",
}


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    rows = [
        r
        for r in read_rows(snapshot, NAME)
        if r["rule"] == HEADLINE.name
        and r["dimension"] in _HEADS
        and r["technique"] == headline.technique
        and r["value"] not in (NOT_KNOWN, OTHER)
    ]
    groups = {d: [r for r in rows if r["dimension"] == d and r["share"] is not None][:MOST] for d in _HEADS}
    groups = {dimension: found for dimension, found in groups.items() if len(found) > 1}
    if not groups or headline.share is None:
        return Missing(NAME, "No two groups of cards with a known task, library or base model have enough cards.")
    shown = [row for found in groups.values() for row in found]
    start = axis_start([r["low"] for r in shown])
    panels = [
        Rows(
            head=_HEADS[dimension],
            rows=[_row(r, headline.technique or "") for r in found],
            ends=(start, 1.0),
            dots=True,
            line=headline.share,
            x_title=f"{headline.name}'s share of the cards" if dimension == list(groups)[-1] else "",
        )
        for dimension, found in groups.items()
    ]
    note = f"{INTERVALS} Gray: effective sample size below {ENOUGH}. Dashed: all cards. Groups of fewer than 5 cards are left out."
    return ChartSpec(NAME, _claim(snapshot, headline, shown), list(shown[0]), shown, panels, note)


def _row(row: dict[str, Any], technique: str) -> Row:
    color = technique if (row["effective_n"] or 0) >= ENOUGH else "others"
    values = (percent_label(row["share"]), count(row["base"]))
    return Row(_name(row), row["share"], (row["low"], row["high"]), values, color)


def _name(row: dict[str, Any]) -> str:
    value = shorten(clean(row["value"]), 60)
    if row["dimension"] == "base_family":
        return _NAMES.get(value, value.replace("_", " ").capitalize())
    return value.replace("-", " ") if row["dimension"] == "task" else value


def _claim(snapshot: Snapshot, headline: Claim, rows: list[dict[str, Any]]) -> Claim:
    name, share = headline.name or "", headline.share or 0.0
    apart = [
        r
        for r in rows
        if carries(r["effective_n"], r["low"], r["high"])
        and (r["high"] < (headline.low or 0) or r["low"] > (headline.high or 1))
    ]
    title = f"{name}'s share by task, library and base model"
    if apart:
        far = max(apart, key=lambda r: abs(r["share"] - share))
        title = f"{name}'s share is {percent(far['share'])} for {_name(far)}, {percent(share)} overall"
    lines = [f"{_name(r)}: {percent(r['share'])} of {count(r['base'])} ({interval(r['low'], r['high'])})" for r in rows]
    least, most = (end(rows, key=lambda r: r["share"]) for end in (min, max))
    claim = Claim(
        id=NAME,
        population="cards with a known task, library or base model",
        technique=headline.technique,
        name=name,
        numerator=headline.numerator,
        base=headline.base,
        share=share,
        low=headline.low,
        high=headline.high,
        method=headline.method,
        quote=f"{title}. {'; '.join(lines)}",
        sentence=(
            f"{name}'s share lies between {percent(least['share'])} ({_name(least)}, {count(least['base'])} cards) and "
            f"{percent(most['share'])} ({_name(most)}, {count(most['base'])} cards) in the groups shown"
        ),
        misquote=f"People who fine-tune for other tasks avoid {name}.",
        why_not="Groups differ in their tools and authors as well, so a difference between them has many possible causes.",
        caveat="Task, library and base model are what the card or the Hub says; many cards say none.",
        title=title,
        subtitle=who(
            snapshot,
            headline.base,
            "model cards that cite exactly one technique",
            "variants are grouped",
            f"shown are the largest groups, at most {MOST} of each kind",
        ),
        alt_text=f"Dots with intervals. {title}. {'; '.join(lines)}.",
    )
    return about_cards(claim, snapshot, HEADLINE)
