"""The claims that every snapshot makes about its cards.

In: a snapshot. Out: claims. Charts, tables, post and page take their sentences and numbers from them, so they agree. A
claim says *cites*, never *uses*, and holds a sentence that must not be written beside the one to quote.
"""

from __future__ import annotations

from collections.abc import Sequence

from peft_census.count import HEADLINE as RULE
from peft_census.count import Rule
from peft_census.count.rules import HEADLINE_TECHNIQUE, ONE_CHANGE
from peft_census.publish.claims.claim import Claim, about_cards, coverage_text
from peft_census.publish.claims.funnel import funnel_claims
from peft_census.publish.snapshot_reader import (
    Share,
    card_span,
    read_shares,
    select,
    source_label,
    technique_name,
)
from peft_census.publish.text.numbers import count, interval, percent, plural
from peft_census.publish.text.wording import base_text, bounds_text, capitalized, counting_text, quote, sentence, title
from peft_census.snapshot.snapshot import Snapshot

HEADLINE, COVERAGE = "headline", "coverage"
"""Ids of the claims that every snapshot has."""

CHANGE = "change"
"""Id of the claim about the change since an earlier snapshot."""

COMPARISONS = (*(rule.name for rule in ONE_CHANGE), "any", "fractional", "exactly_one/deduplicated")
"""The other rules under which the headline's technique always gets a claim."""

OTHERS = 3
"""Techniques other than the headline's that get a claim of their own."""

BARS = 12
"""Small shares shown one by one in the chart and its alt text; the rest are summed."""


def make_claims(snapshot: Snapshot) -> list[Claim]:
    """Returns the claims: the headline, the same under other rules, the largest others, the funnel, coverage."""
    rows = read_shares(snapshot)
    counted = select(rows, RULE.name)
    first = next((s for s in counted if s.technique == HEADLINE_TECHNIQUE), None)
    if first is None:
        return [
            _empty_claim(snapshot, rows, counted),
            *_comparisons(snapshot, rows, None),
            *funnel_claims(snapshot),
            _coverage_claim(snapshot),
        ]
    others = [s for s in counted if s is not first]
    return [
        _headline_claim(snapshot, first, others),
        *_comparisons(snapshot, rows, first.technique),
        *(_share_claim(snapshot, s) for s in others[:OTHERS]),
        *funnel_claims(snapshot),
        _coverage_claim(snapshot),
    ]


def headline_of(claims: Sequence[Claim]) -> Claim:
    """Returns the headline among ``claims``."""
    return next(claim for claim in claims if claim.id == HEADLINE)


def coverage_of(claims: Sequence[Claim]) -> Claim:
    """Returns the claim about coverage among ``claims``."""
    return next(claim for claim in claims if claim.id == COVERAGE)


def break_down(others: list[Share]) -> tuple[list[Share], list[Share]]:
    """Returns the small shares shown one by one, and those summed as "N others" (none, or at least two)."""
    voted = [s for s in others if s.numerator > 0]
    cut = len(voted) if len(voted) <= BARS + 1 else BARS
    return voted[:cut], voted[cut:]


def change_claim(snapshot: Snapshot, lines: Sequence[str], sentence: str, technique: str, rule: Rule) -> Claim:
    """Returns the claim about the change since an earlier snapshot.

    Args:
        snapshot: the newer snapshot.
        lines: the finding, then what belongs to it, one sentence each.
        sentence: the same for a text.
        technique: whose share changed.
        rule: how both snapshots were counted.
    """
    text = "; ".join(lines)
    claim = Claim(
        id=CHANGE,
        kind="change",
        population="all cards of both snapshots",
        technique=technique,
        name=technique_name(snapshot, technique),
        numerator=0,
        base=0,
        method="Shapley values over groups of cards: the parts add up to the difference",
        quote=f"{text} (peft_census, snapshot {snapshot.id}).",
        sentence=sentence,
        misquote="People changed their minds.",
        why_not="A share also changes with the population, the readable cards and the project's own rules.",
        caveat="Snapshots of different populations do not show a trend.",
        title=lines[0],
        subtitle=f"Rule {rule.name}.",
        alt_text=f"{text}.",
        data="change.csv",
    )
    return about_cards(claim, snapshot, rule)


def _comparisons(snapshot: Snapshot, rows: list[Share], technique: str | None) -> list[Claim]:
    """Returns the claims under the other rules for ``technique``, or else for the leading technique."""
    claims = []
    for rule in COMPARISONS:
        counted = select(rows, rule)
        same = [s for s in counted if s.technique == technique] or counted[:1]
        claims += [_share_claim(snapshot, s) for s in same]
    return claims


def _headline_claim(snapshot: Snapshot, share: Share, others: list[Share]) -> Claim:
    finding = title(share)
    if others and others[0].numerator > share.numerator:
        finding += f"; {others[0].name} leads with {percent(others[0].share)}"
    return _share_claim(snapshot, share, HEADLINE, finding, _chart_alt(share, others))


def _share_claim(
    snapshot: Snapshot, share: Share, claim_id: str | None = None, finding: str | None = None, alt: str | None = None
) -> Claim:
    claim = Claim(
        id=claim_id or f"{share.rule}.{share.technique}",
        kind="share",
        population=share.population,
        technique=share.technique,
        name=share.name,
        numerator=share.numerator,
        base=share.base,
        share=share.share,
        low=share.low,
        high=share.high,
        method=share.method,
        effective_n=share.effective_n,
        quote=quote(share, source_label(snapshot), card_span(snapshot), snapshot.id),
        sentence=sentence(share),
        misquote=f"{capitalized(percent(share.share))} of models use {share.name}.",
        why_not=(
            f"A model whose card cites {share.name} may be trained without it; a model whose card cites nothing may "
            "be trained with it. The share is a share of cards under one rule, not of models."
        ),
        caveat=_caveat(share),
        title=finding or title(share),
        subtitle=_subtitle(share.parsed_rule, share.base, share.cards),
        data=f"{HEADLINE}.csv" if claim_id == HEADLINE else None,
        alt_text=alt or f"{title(share)}: {count(share.numerator)} of {count(share.base)}, {bounds_text(share)}.",
    )
    return about_cards(claim, snapshot, share.parsed_rule)


def _empty_claim(snapshot: Snapshot, rows: list[Share], counted: list[Share]) -> Claim:
    """Returns the headline of a snapshot without the share of the headline's technique.

    No card cites exactly one technique, or the snapshot is an aggregate copy that leaves the small cell out.
    """
    cards = snapshot.manifest.cards
    read = f"{plural(cards.with_text, 'card')} could be read"
    more = "cards that cite several are counted under other rules" if rows else "none of them cites any"
    finding, what = "No card cites exactly one technique", "no model card cites exactly one technique"
    if counted:
        more = "this copy leaves out cells of few cards"
        finding = what = "too few cards cite exactly one technique and that technique is LoRA"
        finding = capitalized(finding)
    finding += ", so there is no share to show"
    claim = Claim(
        id=HEADLINE,
        kind="empty",
        population="all cards",
        numerator=0,
        base=0,
        method="none: the base is zero",
        quote=(
            f"In {source_label(snapshot)}, {card_span(snapshot)}, {what}: of "
            f"{plural(cards.rows, 'model')} listed, {read}; {more} (peft_census, snapshot {snapshot.id})."
        ),
        misquote="No model uses parameter-efficient fine-tuning.",
        why_not="A card that cites no technique may belong to a model that was trained with one.",
        caveat="Without a card to count there is no share and no interval. This is not a share of 0%.",
        title=finding,
        subtitle=_subtitle(RULE, 0, 0),
        data=f"{HEADLINE}.csv",
        alt_text=f"An empty chart: {finding[0].lower()}{finding[1:]}; {more}.",
    )
    return about_cards(claim, snapshot, RULE)


def _coverage_claim(snapshot: Snapshot) -> Claim:
    """Returns the claim about how much of the source could be read."""
    listed, read = snapshot.manifest.cards.rows, snapshot.manifest.cards.with_text
    share = read / listed if listed else None
    part = f" ({percent(share)})" if share is not None else ""
    missing = f"{count(listed - read)} have none or could not be read"
    lacking = sum(snapshot.manifest.source.gaps.values())
    incomplete = f"; the listing is incomplete: {plural(lacking, 'model')} or more are missing" if lacking else ""
    claim = Claim(
        id=COVERAGE,
        kind="coverage",
        population="all models listed",
        numerator=read,
        base=listed,
        share=share,
        method="full count of what was listed; no interval",
        quote=(
            f"Of {plural(listed, 'model')} listed in {source_label(snapshot)}, {count(read)}{part} have a card with "
            f"text; {missing}{incomplete} (peft_census, snapshot {snapshot.id})."
        ),
        sentence=(
            f"The source, {source_label(snapshot)}, lists {plural(listed, 'model')}; {count(read)}{part} have a card "
            f"with text, {card_span(snapshot)}{incomplete}"
        ),
        misquote=f"The other {plural(listed - read, 'model')} use no technique.",
        why_not="A model without a readable card may be trained with any technique or with none.",
        caveat="Models that the source does not list are not counted."
        + (" The listing is incomplete." if snapshot.manifest.source.gaps else ""),
        title=coverage_text(snapshot),
        subtitle=f"n = {plural(listed, 'model')} listed by the source.",
        alt_text=f"{coverage_text(snapshot)}; {missing}.",
        data="coverage.csv",
    )
    return about_cards(claim, snapshot, None)


def _chart_alt(first: Share, others: list[Share]) -> str:
    shown, summed = break_down(others)
    votes = first.base - first.numerator
    bars = [f"{s.name} {count(s.numerator)} ({percent(s.share)})" for s in shown]
    if summed:
        bars.append(f"{len(summed)} others together {count(sum(s.numerator for s in summed))}")
    small = f"Lower panel, the other techniques on an enlarged scale: {', '.join(bars)}." if bars else "No others."
    return (
        f"Bar chart in two panels. {title(first)}. Upper panel: {first.name} {count(first.numerator)} of "
        f"{plural(first.base, 'card')} ({percent(first.share)}, {bounds_text(first)}), "
        f"all other techniques together {count(votes)} ({percent(votes / first.base)}). {small}"
    )


def _subtitle(rule: Rule, base: float, cards: int) -> str:
    return f"n = {base_text(rule, base, cards)}. Rule {rule.name}: {counting_text(rule)}."


def _caveat(share: Share) -> str:
    """Returns what the interval leaves out, with the effect of a plausible error under the headline's rule."""
    text = "The interval covers sampling error only, not tagging errors or the choice of rule."
    if share.wilson_high - share.wilson_low < share.high - share.low:
        text += (
            f" It takes the cards of an author as correlated; if all cards were independent it would be "
            f"{interval(share.wilson_low, share.wilson_high)} (Wilson)."
        )
    if share.unread_low is not None and share.unread_high is not None and share.unread_low < share.unread_high:
        text += (
            f" If none or all of the unread cards cited {share.name}, the share would lie in "
            f"{interval(share.unread_low, share.unread_high)}."
        )
    rest = share.base - share.numerator
    if share.rule == RULE.name and 0 < rest < share.numerator / 5:
        moved = percent(share.numerator / (share.base + rest))
        text += (
            f" Only {plural(rest, 'card')} of the base {'cites' if rest == 1 else 'cite'} another technique: "
            f"as many again, mistagged or missed, would move the share to {moved}."
        )
    return text
