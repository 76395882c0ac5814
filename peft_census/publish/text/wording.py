"""Sentences about a share, made from the words of its rule (``count.rules``).

In: a share. Out: its base in words, its title and the sentence that may be quoted. Every sentence names its base and
says what the cards do (*cite*, *name*, *tag* …). None says *use*, because a card that cites a technique need not
belong to a model trained with it.
"""

from __future__ import annotations

from peft_census.count import Rule
from peft_census.count.rules import SWITCHES
from peft_census.count.switches import Option
from peft_census.publish.snapshot_reader import Share
from peft_census.publish.text.numbers import count, interval, percent, plural


def base_words(rule: Rule, base: float, cards: int) -> str:
    """Returns the base in words: what was counted, and of how many cards."""
    of = f"{count(cards)} {rule.cards}"
    match rule.unit:
        case "authors":
            return f"{plural(round(base), 'author')} of {of}"
        case "clusters":
            return f"{plural(round(base), 'cluster')} of near-duplicates among {of}"
        case "downloads":
            return f"{plural(base, 'download')} of models with {of}"
    return of


def counting(rule: Rule) -> str:
    """Returns how the rule counts."""
    vote, variants, level = (
        SWITCHES[name].options[word]
        for name, word in (("vote", rule.vote), ("variants", rule.variants), ("evidence_level", rule.evidence_level))
    )
    said = [vote, *([level] if level not in rule.changed else []), variants, *_extras(rule)]
    return "; ".join(option.meaning for option in said)


def title(share: Share) -> str:
    """Returns the finding, without a full stop."""
    rule, part = share.way, percent(share.share)
    if rule.divided:
        text = f"{part} of the votes go to {share.name} when every card that cites a technique has one vote"
    else:
        text = f"{part} of {rule.cards} {_does(rule, share.name)}"
    separate = [option for option in rule.changed if option.word == rule.variants]
    return ", ".join([text, *(option.short for option in (*separate, *_extras(rule)))])


def quote(share: Share, label: str, span: str, snapshot_id: str) -> str:
    """Returns the sentence that may be quoted: share, counts, base, source, interval and snapshot."""
    rule, part = share.way, percent(share.share)
    base, cards = base_words(rule, share.base, share.cards), f"({label}, {span})"
    if not rule.whole_cards:
        how = ", split evenly over what the card cites" if rule.divided else ""
        text = (
            f"With {count(share.base)} votes for {base} {cards}{how}, {share.name} receives "
            f"{count(round(share.numerator, 1))} votes ({part})"
        )
    else:
        base = base.replace(" cards that", " model cards that", 1)
        text = f"Of {base} {cards}, {count(share.numerator)} ({part}) {_does(rule, share.name)}"
        text += "" if rule.single else ", alone or with others"
    meanings = [option.meaning for option in (SWITCHES["variants"].options[rule.variants], *_extras(rule))]
    return (
        f"{text}; {'; '.join(meanings)} ({share.method} interval {interval(share.low, share.high)}; rule {rule.name}; "
        f"peft_census, snapshot {snapshot_id})."
    )


def _does(rule: Rule, name: str) -> str:
    """Returns what the cards of the numerator do with the technique called ``name``."""
    return f"say so of {name}" if rule.use == "applied_only" else f"{rule.verb.split()[0]} {name}"


def _extras(rule: Rule) -> list[Option]:
    """Returns the changed options that neither ``Rule.cards`` nor the words on votes and variants mention."""
    return [option for option in rule.changed if not option.verb and option.word not in (rule.vote, rule.variants)]
