"""A claim: one number, or what one chart shows, with all that is needed to print it.

In: a snapshot. Out: what every claim of it shares: source, dates, coverage, and how well the tagger reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peft_census.count import Rule
from peft_census.count.rules import SWITCHES
from peft_census.publish.snapshot_reader import SPECIMEN_MARK, SnapshotLike, source_line
from peft_census.publish.text.numbers import count, percent, plural


@dataclass(frozen=True)
class Claim:
    """One number and everything needed to print it.

    Args:
        id: ``headline``, ``coverage``, ``<rule>.<technique>`` or the name of a chart.
        kind: ``share``, ``empty`` (nothing to count, hence no share), ``coverage``, ``finding`` (what a chart
            shows), ``instrument`` or ``benchmark`` (what stands beside the cards).
        rule: how it was counted; None for coverage.
        evidence level: on which evidence levels of evidence; None where no card was counted.
        population: which cards were considered.
        technique: technique id; None where the claim is about no technique.
        name: display name of the technique.
        numerator: votes for the technique, or cards with text.
        base: cards that the rule counts, or models listed.
        share: numerator / base; None on a base of zero.
        low: lower bound of the interval; None where nothing was sampled or counted.
        high: upper bound, likewise.
        method: how the interval was made.
        quote: the sentence that may be quoted.
        misquote: the sentence that must not be written.
        why_not: what is wrong with ``misquote``.
        caveat: what the interval leaves out.
        title: the finding.
        subtitle: the base: n, what counted, rule.
        source_line: source, dates of its cards, snapshot id.
        alt_text: the claim, or the chart made from it, for who cannot see it.
        data: file beside the claims with the numbers behind its chart; None where the claim holds them all.
        accuracy: how well the tagger reads hand-labelled cards; None where no card was counted.
        coverage: how much of the source could be read.
        first: day of the oldest card; None where it is not known.
        last: day of the newest, likewise.
        snapshot_id: the snapshot.
        specimen: whether the cards are made up.
    """

    id: str
    kind: str
    rule: str | None
    population: str
    technique: str | None
    name: str | None
    numerator: float
    base: float
    share: float | None
    low: float | None
    high: float | None
    method: str
    quote: str
    misquote: str
    why_not: str
    caveat: str
    title: str
    subtitle: str
    source_line: str
    alt_text: str
    snapshot_id: str
    specimen: bool
    evidence_level: str | None = None
    accuracy: str | None = None
    coverage: str | None = None
    first: str | None = None
    last: str | None = None
    data: str | None = None


def common(snapshot: SnapshotLike, rule: Rule | None) -> dict[str, Any]:
    """Returns the fields that every claim about the cards of ``snapshot`` shares."""
    return {
        "source_line": source_line(snapshot),
        "evidence_level": SWITCHES["evidence_level"].options[rule.evidence_level].short if rule else None,
        "accuracy": accuracy_words(snapshot) if rule else None,
        "coverage": coverage_words(snapshot),
        "first": snapshot.manifest.cards.first,
        "last": snapshot.manifest.cards.last,
        "snapshot_id": snapshot.id,
        "specimen": bool(snapshot.manifest.specimen),
    }


def marked(snapshot: SnapshotLike, sentence: str) -> str:
    """Returns ``sentence`` with the specimen's mark in front where the cards are made up."""
    return f"{SPECIMEN_MARK}. {sentence}" if snapshot.manifest.specimen else sentence


def coverage_words(snapshot: SnapshotLike) -> str:
    """Returns how many of the listed models have a card that could be read."""
    listed, read = snapshot.manifest.cards.rows, snapshot.manifest.cards.with_text
    part = f" ({percent(read / listed)})" if listed else ""
    return f"{count(read)} of {plural(listed, 'listed model')} have a card that could be read{part}"


def accuracy_words(snapshot: SnapshotLike) -> str:
    """Returns how well the tagger that made ``snapshot`` reads the hand-labelled cards of record."""
    scores = snapshot.manifest.accuracy
    real = scores.get("real")
    if not real:
        return "not measured on real cards"
    cited, applied, one = real.cited, real.applied, real.exactly_one
    return (
        f"on {count(real.cards)} hand-labelled real cards the tagger finds the techniques cited with precision "
        f"{percent(cited.precision)} and recall {percent(cited.recall)}, those applied with "
        f"{percent(applied.precision)} and {percent(applied.recall)}, and cards that cite exactly one with "
        f"{percent(one.precision)} and {percent(one.recall)}; the cards were in view while it was made"
    )
