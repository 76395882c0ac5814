"""The claims beside the headline: what cards say of models with adapter files, and of models with a configuration.

In: the table ``funnel`` of a snapshot. Out: a claim for each population that has models; none for an aggregate copy
that leaves out the cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peft_census.count import HEADLINE
from peft_census.publish.claims.claim import Claim, about_cards
from peft_census.publish.snapshot_reader import card_span, read_rows, source_label
from peft_census.publish.text.numbers import count, percent, plural
from peft_census.publish.text.wording import capitalized, interval_text
from peft_census.snapshot.snapshot import Snapshot


@dataclass(frozen=True)
class _Step:
    """A row of ``funnel`` that becomes a claim: its population and step, the id and words of the claim."""

    population: str
    step: str
    id: str
    models: str
    says: str
    why_not: str


_STEPS = (
    _Step(
        "adapter_files",
        "cites",
        "adapter_files",
        "with adapter files",
        "cites any technique",
        "Their adapter files show that these models were trained with a technique, whatever the card says.",
    ),
    _Step(
        "configured",
        "cites_configured",
        "configured",
        "whose adapter_config.json was read",
        "cites the technique that the file has",
        "A card that does not cite the technique of its configuration does not deny it either.",
    ),
)


def funnel_claims(snapshot: Snapshot) -> list[Claim]:
    """Returns the claims about what cards say of models that have an adapter."""
    rows = {(row["population"], row["step"]): row for row in read_rows(snapshot, "funnel")}
    return [
        _claim(snapshot, step, rows[step.population, step.step])
        for step in _STEPS
        if (step.population, step.step) in rows
    ]


def _claim(snapshot: Snapshot, step: _Step, row: dict[str, Any]) -> Claim:
    part, models = percent(row["share"]), plural(row["base"], "model")
    bounds = interval_text(row["low"], row["high"], row["method"], row["effective_n"])
    title = capitalized(f"{part} of models {step.models} have a card that {step.says}")
    claim = Claim(
        id=step.id,
        kind="funnel",
        population=f"models {step.models}",
        numerator=row["models"],
        base=row["base"],
        share=row["share"],
        low=row["low"],
        high=row["high"],
        effective_n=row["effective_n"],
        method=row["method"],
        quote=(
            f"Of {models} {step.models} ({source_label(snapshot)}, {card_span(snapshot)}), {count(row['models'])} "
            f"({part}) have a card that {step.says} ({bounds}; peft_census, snapshot {snapshot.id})."
        ),
        misquote=f"The other {plural(row['base'] - row['models'], 'model')} use no technique.",
        why_not=step.why_not,
        caveat="Only models whose files are known are counted; they differ from the others.",
        title=title,
        subtitle=f"n = {models} {step.models}.",
        alt_text=f"{title}: {count(row['models'])} of {count(row['base'])}, {bounds}.",
    )
    return about_cards(claim, snapshot, HEADLINE)
