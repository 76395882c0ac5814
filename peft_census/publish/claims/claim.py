"""A claim: one number, or what one chart shows, with everything that is needed to print it.

In: a snapshot and the figures and sentences of the claim. Out: a record that holds also the source, its dates, its
coverage and the accuracy of the tagger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from peft_census.count import Rule
from peft_census.publish.snapshot_reader import card_span, mark_of, source_label, source_line
from peft_census.publish.text.numbers import count, percent, plural
from peft_census.snapshot.snapshot import Snapshot


@dataclass(frozen=True)
class Claim:
    """One number and everything needed to print it.

    Args:
        id: ``headline``, ``coverage``, ``<rule>.<technique>`` or the name of a chart.
        population: which cards were considered.
        numerator: votes for the technique, or cards with text.
        base: cards that the rule counts, or models listed.
        method: how the interval was computed.
        quote: the sentence to quote.
        misquote: a sentence that must not be written.
        why_not: what is wrong with ``misquote``.
        caveat: what the interval leaves out.
        title: the finding.
        subtitle: the base: n, what was counted, rule.
        alt_text: the claim, or the chart made from it, for readers who cannot see it.
        kind: ``share``, ``empty`` (a base of zero, so there is no share), ``coverage``, ``funnel`` (what cards say of
            models with an adapter), ``finding`` (what a chart shows), ``change``, ``instrument`` or ``benchmark`` (data
            sources that are not model cards).
        sentence: the claim in one plain sentence without source, rule, snapshot and full stop.
        source_line: project, snapshot, data set and dates of its cards.
        snapshot_id: the snapshot.
        specimen: whether the cards are made up.
        mark: what every chart of the claim must bear: that its cards are made up, or from a test server; else empty.
        rule: how it was counted; None if no card was counted.
        technique: technique id; None if the claim is not about one technique.
        name: display name of the technique.
        share: numerator / base; None on a base of zero.
        low: lower bound of the interval; None if nothing was sampled or counted.
        high: upper bound, likewise.
        effective_n: independent cards that would give such an interval; None if the method has no such size.
        evidence_level: which evidence levels were counted; None if no card was counted.
        accuracy: accuracy of the tagger on labelled cards; None if no card was counted.
        coverage: how much of the source could be read.
        first: day of the oldest card; None if it is not known.
        last: day of the newest card, likewise.
        data: file with the numbers behind the chart of this claim; None if the claim holds them all.
    """

    id: str
    population: str
    numerator: float
    base: float
    method: str
    quote: str
    misquote: str
    why_not: str
    caveat: str
    title: str
    subtitle: str
    alt_text: str
    kind: str = "finding"
    sentence: str = ""
    source_line: str = ""
    snapshot_id: str = ""
    specimen: bool = False
    mark: str = ""
    rule: str | None = None
    technique: str | None = None
    name: str | None = None
    share: float | None = None
    low: float | None = None
    high: float | None = None
    effective_n: float | None = None
    evidence_level: str | None = None
    accuracy: str | None = None
    coverage: str | None = None
    first: str | None = None
    last: str | None = None
    data: str | None = None


def about_cards(claim: Claim, snapshot: Snapshot, rule: Rule | None) -> Claim:
    """Returns a claim about the cards of ``snapshot`` with source, dates, coverage and accuracy filled in.

    The source line is added to the alt text, the mark of a specimen or a test server to alt text and quote. A finding
    gets the data file of its chart, and data set, dates, rule and snapshot at the end of its quote.

    Args:
        claim: figures and sentences.
        snapshot: whose cards it is about.
        rule: how they were counted; None if no card was counted.
    """
    cards = snapshot.manifest.cards
    found = mark_of(snapshot) or claim.mark
    mark = f"{found}. " if found else ""
    quote, data = claim.quote, claim.data
    if claim.kind == "finding":
        by = f"rule {rule.name}; " if rule else ""
        quote += f" ({source_label(snapshot)}, {card_span(snapshot)}; {by}peft_census, snapshot {snapshot.id})."
        data = f"{claim.id}.csv"
    return replace(
        claim,
        quote=mark + quote,
        sentence=claim.sentence or claim.quote.removesuffix("."),
        source_line=source_line(snapshot),
        alt_text=f"{mark}{claim.alt_text} {source_line(snapshot)}.",
        snapshot_id=snapshot.id,
        specimen=snapshot.manifest.specimen,
        mark=found,
        rule=rule.name if rule else None,
        evidence_level=rule.options[2].meaning if rule else None,
        accuracy=accuracy_text(snapshot) if rule else None,
        coverage=coverage_text(snapshot),
        first=cards.first,
        last=cards.last,
        data=data,
    )


def coverage_text(snapshot: Snapshot) -> str:
    """Returns how many of the listed models have a card that could be read, and what the listing lacks."""
    listed, read = snapshot.manifest.cards.rows, snapshot.manifest.cards.with_text
    part = f" ({percent(read / listed)})" if listed else ""
    lacking = ", ".join(f"{count(n)}: {reason}" for reason, n in snapshot.manifest.source.gaps.items())
    incomplete = f"; the listing is incomplete ({lacking})" if lacking else ""
    return f"{count(read)} of {plural(listed, 'listed model')} have a card that could be read{part}{incomplete}"


def accuracy_text(snapshot: Snapshot) -> str:
    """Returns the accuracy of the tagger on the labelled real cards, as the manifest records it."""
    real = snapshot.manifest.accuracy.get("real")
    if not real:
        return "not measured on real cards"
    cited, applied, one = real.cited, real.applied, real.exactly_one
    return (
        f"on {count(real.cards)} labelled real cards, precision and recall are {percent(cited.precision)} and "
        f"{percent(cited.recall)} for cited techniques, {percent(applied.precision)} and {percent(applied.recall)} for "
        f"applied techniques, and {percent(one.precision)} and {percent(one.recall)} for cards that cite exactly one "
        "technique; these cards were used in development"
    )
