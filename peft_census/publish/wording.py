"""The sentences a share is told in, one pattern for each rule.

In: a share. Out: its title and the sentence that may be quoted. Every sentence names its base and says
*cite*; none says *use*, because a card that cites a technique need not belong to a model trained with it.
"""

from __future__ import annotations

from peft_census.publish.numbers import count, interval, percent
from peft_census.publish.reading import Share

BASES = {
    "blog": "cards that cite exactly one technique",
    "any": "cards that cite at least one technique",
    "fractional": "cards that cite at least one technique",
}
"""What the base of each rule holds."""

COUNTED = {
    "blog": "one vote a card",
    "any": "a card counts for each technique it cites, so shares may add up to more than 100 %",
    "fractional": "one vote a card, split evenly over the techniques it cites",
}
"""How each rule counts."""

VARIANTS = {
    "rolled_up": "a variant counts as the technique it varies",
    "split": "each variant counts as a technique of its own",
}
"""What becomes of variants such as QLoRA."""


def title(share: Share) -> str:
    """Returns the finding, without a full stop."""
    part = percent(share.share)
    if share.rule == "fractional":
        text = f"{part} of the votes go to {share.name} when every card that cites a technique has one vote"
    else:
        text = f"{part} of {BASES[share.rule]} cite {share.name}"
    return text if share.variants == "rolled_up" else f"{text}, variants counted apart"


def quote(share: Share, label: str, span: str, snapshot_id: str) -> str:
    """Returns the sentence that may be quoted: share, counts, base, source, interval and snapshot."""
    votes, base, part = count(share.numerator), count(share.base), percent(share.share)
    name = share.name
    told = {
        "blog": f"Of {base} model {BASES['blog']} ({label}, {span}), {votes} ({part}) cite {name}",
        "any": f"Of {base} model {BASES['any']} ({label}, {span}), {votes} ({part}) cite {name}, alone or with others",
        "fractional": (
            f"With one vote for each of {base} model {BASES['fractional']} ({label}, {span}), split evenly over "
            f"what the card cites, {name} receives {votes} votes ({part})"
        ),
    }[share.rule]
    return (
        f"{told}; {VARIANTS[share.variants]} ({share.method} interval {interval(share.low, share.high)}; "
        f"peft_census, snapshot {snapshot_id})."
    )
