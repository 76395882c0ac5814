"""Claims: every number that leaves the project, with all that is needed to print it.

In: a snapshot. Out: frozen records; charts, tables and the page take their words from them, so they cannot
disagree. A claim says *cites*, never *uses*: it carries the sentence that may be quoted and, beside it, the
sentence that must not be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from peft_census.count import HEADLINE as RULE
from peft_census.count import Rule, headline
from peft_census.publish.claims.claim import Claim, common, coverage_words, marked
from peft_census.publish.snapshot_reader import (
    Share,
    SnapshotLike,
    card_span,
    read_shares,
    select,
    source_label,
    source_line,
    technique_name,
)
from peft_census.publish.text.numbers import count, interval, percent, plural
from peft_census.publish.text.wording import base_words, counting, quote, title

HEADLINE, COVERAGE = "headline", "coverage"
"""Ids of the claims that every snapshot has."""

CHANGE = "change"
"""Id of the claim of what changed since an earlier snapshot."""

COMPARISONS = (
    "exactly_one/variants_separate",
    "any",
    "fractional",
    "exactly_one/human_only",
    "exactly_one/per_author",
    "exactly_one/deduplicated",
)
"""The other ways of counting that are always printed beside the headline."""

OTHERS = 3
"""Techniques beside the headline's that get a claim of their own."""

BARS = 12
"""Small shares shown one by one in the chart and its alt text; the rest are summed."""


def make_claims(snapshot: SnapshotLike) -> list[Claim]:
    """Returns the snapshot's claims: the headline, the same under other rules, the largest others, coverage."""
    rows = read_shares(snapshot)
    counted = select(rows, RULE.name)
    if not counted:
        return [_empty_claim(snapshot, len(rows) > 0), *_comparisons(snapshot, rows, None), _coverage_claim(snapshot)]
    first = _headline_share(snapshot, counted)
    others = [s for s in counted if s.technique != first.technique]
    return [
        _share_claim(snapshot, first, HEADLINE, others),
        *_comparisons(snapshot, rows, first.technique),
        *(_share_claim(snapshot, s) for s in others[:OTHERS]),
        _coverage_claim(snapshot),
    ]


def _headline_share(snapshot: SnapshotLike, counted: list[Share]) -> Share:
    """Returns the share that ``count.headline`` names; where no card cites its technique, a counted zero."""
    head = headline(snapshot.table("shares"))
    if cited := [s for s in counted if s.technique == head.technique]:
        return cited[0]
    figures = asdict(head)
    return replace(
        counted[0], name=technique_name(snapshot, head.technique), numerator=float(figures.pop("n")), **figures
    )


def break_down(others: list[Share]) -> tuple[list[Share], list[Share]]:
    """Returns the small shares shown one by one, and those summed as "N others" (none, or at least two)."""
    voted = [s for s in others if s.numerator > 0]
    cut = len(voted) if len(voted) <= BARS + 1 else BARS
    return voted[:cut], voted[cut:]


def _comparisons(snapshot: SnapshotLike, rows: list[Share], technique: str | None) -> list[Claim]:
    """Returns the claims for the headline's technique, or failing it the leading one, under the other rules."""
    claims = []
    for rule in COMPARISONS:
        counted = select(rows, rule)
        same = [s for s in counted if s.technique == technique] or counted[:1]
        claims += [_share_claim(snapshot, s) for s in same]
    return claims


def _share_claim(
    snapshot: SnapshotLike, share: Share, claim_id: str | None = None, others: list[Share] | None = None
) -> Claim:
    """Returns the claim for one share; with ``others`` its alt text describes the whole chart."""
    finding = title(share)
    if others and others[0].numerator > share.numerator:
        finding += f"; {others[0].name} leads with {percent(others[0].share)}"
    if others is None:
        alt = f"{title(share)}: {count(share.numerator)} of {count(share.base)}, {_range(share)}."
    else:
        alt = _chart_alt(share, others)
    return Claim(
        id=claim_id or f"{share.rule}.{share.technique}",
        kind="share",
        rule=share.rule,
        population=share.population,
        technique=share.technique,
        name=share.name,
        numerator=share.numerator,
        base=share.base,
        share=share.share,
        low=share.low,
        high=share.high,
        method=share.method,
        quote=marked(snapshot, quote(share, source_label(snapshot), card_span(snapshot), snapshot.id)),
        misquote=f"{percent(share.share)} of models use {share.name}.",
        why_not=(
            f"A card that cites {share.name} does not say that its model was trained with it, and a card that "
            "cites nothing may belong to a model that was; the share is one of cards under one rule, not of models."
        ),
        caveat=_caveat(share),
        title=finding,
        subtitle=_subtitle(share.way, share.base, share.cards),
        alt_text=marked(snapshot, f"{alt} {source_line(snapshot)}."),
        **common(snapshot, share.way),
    )


def _empty_claim(snapshot: SnapshotLike, counted_elsewhere: bool) -> Claim:
    """Returns the headline of a snapshot in which no card cites exactly one technique."""
    cards = snapshot.manifest.cards
    seen = f"{plural(cards.with_text, 'card')} could be read"
    more = "cards that cite several are counted under other rules" if counted_elsewhere else "none of them cites any"
    finding = "No card cites exactly one technique, so there is no share to show"
    return Claim(
        id=HEADLINE,
        kind="empty",
        rule=RULE.name,
        population="all cards",
        technique=None,
        name=None,
        numerator=0,
        base=0,
        share=None,
        low=None,
        high=None,
        method="none: the base is zero",
        quote=marked(
            snapshot,
            f"In {source_label(snapshot)}, {card_span(snapshot)}, no model card cites exactly one technique: of "
            f"{plural(cards.rows, 'model')} listed, {seen}; {more} (peft_census, snapshot {snapshot.id}).",
        ),
        misquote="No model uses parameter-efficient fine-tuning.",
        why_not="A card that cites no technique may belong to a model that was trained with one.",
        caveat="With nothing to count there is no share and no interval; this is not a share of zero.",
        title=finding,
        subtitle=_subtitle(RULE, 0, 0),
        alt_text=marked(
            snapshot, f"An empty chart: {finding[0].lower()}{finding[1:]}; {more}. {source_line(snapshot)}."
        ),
        **common(snapshot, RULE),
    )


def _coverage_claim(snapshot: SnapshotLike) -> Claim:
    """Returns the claim that says how much of the source could be read."""
    cards = snapshot.manifest.cards
    listed, read = cards.rows, cards.with_text
    share = read / listed if listed else None
    part = f" ({percent(share)})" if share is not None else ""
    finding = coverage_words(snapshot)
    said = f"Of {plural(listed, 'model')} listed in {source_label(snapshot)}, {count(read)}{part} have a card with text"
    missing = f"{count(listed - read)} have none or could not be read"
    return Claim(
        id=COVERAGE,
        kind="coverage",
        rule=None,
        population="all models listed",
        technique=None,
        name=None,
        numerator=read,
        base=listed,
        share=share,
        low=None,
        high=None,
        method="full count of what was listed; no interval",
        quote=marked(snapshot, f"{said}; {missing} (peft_census, snapshot {snapshot.id})."),
        misquote=f"The other {plural(listed - read, 'model')} use no technique.",
        why_not="A card that is missing says nothing either way: a gap is a gap, not a zero.",
        caveat="What the source does not list is not in the count.",
        title=finding,
        subtitle=f"n = {plural(listed, 'model')} listed by the source.",
        alt_text=marked(snapshot, f"{finding}; {missing}. {source_line(snapshot)}."),
        data="coverage.csv",
        **common(snapshot, None),
    )


def change_claim(snapshot: SnapshotLike, section: Mapping[str, Any], technique: str, rule: Rule) -> Claim:
    """Returns the claim of what changed since an earlier snapshot; ``section`` is ``difference.change_section``."""
    parts = "; ".join([section["head"], *section["more"], *section["frames"], *section["tail"]])
    return Claim(
        id=CHANGE,
        kind="change",
        rule=rule.name,
        population="all cards of both snapshots",
        technique=technique,
        name=technique_name(snapshot, technique),
        numerator=0,
        base=0,
        share=None,
        low=None,
        high=None,
        method="Shapley values over groups of cards: the parts add up to the difference",
        quote=marked(snapshot, f"{parts} (peft_census, snapshot {snapshot.id})."),
        misquote="People changed their minds.",
        why_not="A share moves when the population, what could be read, or our own rules change, too.",
        caveat="Two snapshots of different populations have no trend.",
        title=section["head"],
        subtitle=f"Rule {rule.name}.",
        alt_text=marked(snapshot, f"{parts}."),
        data="change.csv",
        **common(snapshot, rule),
    )


def _chart_alt(first: Share, others: list[Share]) -> str:
    shown, summed = break_down(others)
    votes = first.base - first.numerator
    bars = [f"{s.name} {count(s.numerator)} ({percent(s.share)})" for s in shown]
    if summed:
        bars.append(f"{len(summed)} others together {count(sum(s.numerator for s in summed))}")
    small = f"Lower panel, the others on a scale of their own: {', '.join(bars)}." if bars else "There are no others."
    return (
        f"Bar chart in two panels. {title(first)}. Upper panel: {first.name} {count(first.numerator)} of "
        f"{plural(first.base, 'card')} ({percent(first.share)}, {_range(first)}), all other techniques together "
        f"{count(votes)} ({percent(votes / first.base)}). {small}"
    )


def _subtitle(rule: Rule, base: float, cards: int) -> str:
    return f"n = {base_words(rule, base, cards)}. Rule {rule.name}: {counting(rule)}."


def _range(share: Share) -> str:
    return f"{share.method} interval {interval(share.low, share.high)}"


def _caveat(share: Share) -> str:
    """Returns what the interval leaves out, with the size of a plausible error where the rule allows one."""
    text = "The interval covers sampling only, not misread cards nor the choice of rule."
    if share.author_low is not None and share.author_high is not None and share.effective_n is not None:
        text += (
            f" It takes cards as independent; with the cards of an author taken together it is "
            f"{interval(share.author_low, share.author_high)}, as from {count(round(share.effective_n))} cards."
        )
    if share.unread_low is not None and share.unread_high is not None and share.unread_low < share.unread_high:
        text += f" If all unread cards or none cited it: {interval(share.unread_low, share.unread_high)}."
    rest = share.base - share.numerator
    if share.rule == RULE.name and 0 < rest < share.numerator / 5:
        moved = percent(share.numerator / (share.base + rest))
        text += (
            f" Only {plural(rest, 'card')} of the base {'cites' if rest == 1 else 'cite'} another technique: "
            f"as many again, misread or left out, would move the share to {moved}."
        )
    return text
