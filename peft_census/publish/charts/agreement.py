"""What cards cite, compared with what the ``adapter_config.json`` of the same models says."""

from __future__ import annotations

from typing import Any

from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.stacked import StackedBar, draw_stacked
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import read_rows, technique_name
from peft_census.publish.text.numbers import count, percent, plural
from peft_census.publish.text.wording import capitalized, interval_text
from peft_census.snapshot.snapshot import Snapshot

NAME = "agreement"
MOST = 8
"""Techniques shown."""

_PARTS = ("cites_and_is", "cites_but_is_not", "is_but_does_not_cite")
_LABELS = ("cited and configured", "only cited", "only configured")
_NOTE = "Each bar: models that cite the technique or have it configured. Right: number of models in each part."


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec | Missing:
    """Returns the chart, or why there is none."""
    rows = [r for r in read_rows(snapshot, NAME) if r["variants"] == "variants_grouped" and r["checked"] and _size(r)]
    if not rows:
        return Missing(
            NAME,
            "No model has both a card and an adapter_config.json that could be read, so cards cannot be compared with "
            "configurations.",
        )
    rows.sort(key=lambda row: (row["technique"] != headline.technique, -_size(row), row["technique"]))
    rows = rows[:MOST]
    claim = _claim(snapshot, rows)
    bars = [
        StackedBar(
            technique_name(snapshot, r["technique"]),
            [r[part] for part in _PARTS],
            " · ".join(count(r[part]) for part in _PARTS),
        )
        for r in rows
    ]
    return ChartSpec(
        NAME,
        claim,
        list(rows[0]),
        rows,
        lambda wide, palette: draw_stacked(claim, bars, _LABELS, _NOTE, wide, palette, shares=True),
    )


def _claim(snapshot: Snapshot, rows: list[dict[str, Any]]) -> Claim:
    first, name = rows[0], technique_name(snapshot, rows[0]["technique"])
    configured = first["cites_and_is"] + first["is_but_does_not_cite"]
    share, low, high = (first[column] for column in ("being_that_cite", "being_that_cite_low", "being_that_cite_high"))
    method = first["being_that_cite_method"]
    bounds = method if share is None else interval_text(low, high, method, first["being_that_cite_effective_n"])
    title = f"No configuration that could be read has type {name}"
    if share is not None:
        title = f"{capitalized(percent(share))} of models configured with {name} have a card that cites it"
    checked = f"{count(first['checked'])} of {plural(first['listed'], 'listed model')}"
    lines = [
        f"{technique_name(snapshot, r['technique'])}: "
        + ", ".join(f"{count(r[part])} {label}" for part, label in zip(_PARTS, _LABELS, strict=True))
        for r in rows
    ]
    claim = Claim(
        id=NAME,
        population="models with a readable card and configuration",
        technique=first["technique"],
        name=name,
        numerator=first["cites_and_is"],
        base=configured,
        share=share,
        low=low,
        high=high,
        method=method,
        effective_n=first["being_that_cite_effective_n"],
        quote=(
            f"Of {plural(configured, 'model')} whose adapter_config.json has type {name}, "
            f"{count(first['cites_and_is'])} have a card that cites it ({bounds}); {checked} can be checked"
        ),
        misquote=f"Model cards are right about {name}.",
        why_not="Only models with a saved adapter configuration can be checked, and they differ from the others.",
        caveat=f"{checked} ({percent(first['checked'] / first['listed'])}) can be checked.",
        title=title,
        subtitle=(
            f"n = {plural(first['checked'], 'model')} with a readable card and adapter_config.json, of "
            f"{count(first['listed'])} listed; variants grouped."
        ),
        alt_text=f"Stacked bars. {title}. {'; '.join(lines)}.",
    )
    return about_cards(claim, snapshot, None)


def _size(row: dict[str, Any]) -> int:
    return int(sum(row[part] for part in _PARTS))
