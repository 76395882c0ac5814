"""The sentences a share is told in, made from the words of its rule.

In: a share. Out: its base in words, its title and the sentence that may be quoted. Every sentence names its base
and says what the cards do (*cite*, *name*, *tag* …); none says *use*, because a card that cites a technique need
not belong to a model trained with it.
"""

from __future__ import annotations

from peft_census.count import Rule
from peft_census.publish.snapshot_reader import Share
from peft_census.publish.text.numbers import count, interval, percent, plural

VERBS = {
    "any_level": "cite",
    "named_only": "name in their text",
    "tagged_only": "tag in their front matter",
    "configured_only": "configure in adapter_config.json",
}
APPLIED = "say that they applied"

LEVEL_WORDS = {
    "any_level": "any evidence level: named, tagged or configured",
    "named_only": "named only",
    "tagged_only": "tagged only",
    "configured_only": "configured only",
}
"""Evidence levels of evidence that a rule takes."""

VOTES = {
    "exactly_one": "one vote a card",
    "any": "a card counts for each technique it cites, so shares may add up to more than 100 %",
    "fractional": "one vote a card, split evenly over the techniques it cites",
}
"""How each vote counts."""

VARIANTS = {
    "variants_grouped": "a variant counts as the technique it varies",
    "variants_separate": "each variant counts as a technique of its own",
}
"""What becomes of variants such as QLoRA."""

SWITCHED = {
    "human_only": "only evidence that no card-writing tool wrote",
    "affirmed_only": "places where a card denies the technique left out",
    "include_names": "names of repositories, files and links counted too",
    "peft_types": "techniques outside PEFT left out",
    "per_author": "every author has one vote, shared by the author's cards",
    "deduplicated": "near-duplicate cards share one vote",
    "downloaded": "cards of models without a download left out",
    "by_downloads": "a card weighs as many votes as its model had downloads in 30 days",
}
"""What each further switch of a rule changes."""

APART = {
    "variants_separate": "variants counted apart",
    "human_only": "without what tools wrote",
    "affirmed_only": "without denials",
    "include_names": "names counted",
    "peft_types": "PEFT's own only",
    "per_author": "one vote an author",
    "deduplicated": "near-duplicates as one",
    "downloaded": "downloaded models only",
    "by_downloads": "by downloads",
}
"""The same, as short as a title needs it."""


SWITCH_NAMES = {
    "exactly_one": "exactly one technique",
    "any": "at least one technique",
    "fractional": "at least one, vote divided",
    "variants_grouped": "variants rolled up",
    "variants_separate": "variants apart",
    "any_level": "any evidence level of evidence",
    "named_only": "named in the text",
    "tagged_only": "front matter only",
    "configured_only": "configuration only",
    "applied_only": "said to be applied",
    "human_only": "not written by tools",
    "affirmed_only": "without denials",
    "include_names": "names count too",
    "peft_types": "PEFT's own only",
    "per_card": "one vote a card",
    "per_author": "one vote an author",
    "deduplicated": "near-duplicates as one",
    "downloaded": "downloaded models only",
    "by_downloads": "weighted by downloads",
}
"""The words of a rule as short as the side of a chart needs them."""


def verb(rule: Rule) -> str:
    """Returns what a counted card does with a technique."""
    return APPLIED if rule.use == "applied_only" else VERBS[rule.evidence_level]


def group(rule: Rule) -> str:
    """Returns which cards the rule counts."""
    return f"cards that {verb(rule)} {'exactly one' if rule.vote == 'exactly_one' else 'at least one'} technique"


def base_words(rule: Rule, base: float, cards: int) -> str:
    """Returns the base in words: what was counted, and of how many cards."""
    if rule.weighting == "per_author":
        return f"{plural(round(base), 'author')} of {count(cards)} {group(rule)}"
    if rule.weighting == "deduplicated":
        return f"{plural(round(base), 'cluster')} of near-duplicates among {count(cards)} {group(rule)}"
    if rule.weighting == "by_downloads":
        return f"{plural(base, 'download')} of models with {count(cards)} {group(rule)}"
    return f"{count(cards)} {group(rule)}"


def counting(rule: Rule) -> str:
    """Returns how the rule counts."""
    evidence_level = (
        "at any evidence level of evidence (named, tagged or configured)" if rule.evidence_level == "any_level" else ""
    )
    more = [SWITCHED[word] for word in vars(rule).values() if word in SWITCHED]
    return "; ".join(filter(None, [VOTES[rule.vote], evidence_level, VARIANTS[rule.variants], *more]))


def title(share: Share) -> str:
    """Returns the finding, without a full stop."""
    rule, part = share.way, percent(share.share)
    if rule.vote == "fractional":
        text = f"{part} of the votes go to {share.name} when every card that cites a technique has one vote"
    else:
        text = f"{part} of {group(rule)} {verb(rule).split()[0]} {share.name}"
        if rule.use == "applied_only":
            text = f"{part} of {group(rule)} say so of {share.name}"
    return ", ".join([text, *(APART[word] for word in vars(rule).values() if word in APART)])


def quote(share: Share, label: str, span: str, snapshot_id: str) -> str:
    """Returns the sentence that may be quoted: share, counts, base, source, interval and snapshot."""
    rule, part = share.way, percent(share.share)
    base, cards = base_words(rule, share.base, share.cards), f"({label}, {span})"
    if rule.vote == "fractional" or not rule.whole_cards:
        how = ", split evenly over what the card cites" if rule.vote == "fractional" else ""
        told = (
            f"With {count(share.base)} votes for {base} {cards}{how}, {share.name} receives "
            f"{count(round(share.numerator, 1))} votes ({part})"
        )
    else:
        does = f"say so of {share.name}" if rule.use == "applied_only" else f"{verb(rule).split()[0]} {share.name}"
        base = base.replace(" cards that", " model cards that", 1)
        told = f"Of {base} {cards}, {count(share.numerator)} ({part}) {does}"
        told += ", alone or with others" if rule.vote == "any" else ""
    changed = [VARIANTS[rule.variants], *(SWITCHED[word] for word in vars(rule).values() if word in SWITCHED)]
    return (
        f"{told}; {'; '.join(changed)} ({share.method} interval {interval(share.low, share.high)}; rule {rule.name}; "
        f"peft_census, snapshot {snapshot_id})."
    )
