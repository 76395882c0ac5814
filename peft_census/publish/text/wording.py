"""The sentences about a share, made from the words of its rule.

In: a share. Out: its base in words, its title and the sentence to quote. Every sentence names the base and says what
the cards do (*cite*, *name*, *tag*, *configure*). No sentence says *use*: a card that cites a technique may belong to a
model that was trained without it.
"""

from __future__ import annotations

from peft_census.count import Rule
from peft_census.count.uncertainty import CLUSTERED, FEW_CLUSTERS
from peft_census.publish.snapshot_reader import Share
from peft_census.publish.text.numbers import count, interval, percent, plural, size_text


def base_text(rule: Rule, base: float, cards: int) -> str:
    """Returns the base of a share: what was counted, and of how many cards."""
    if rule.unit == "cards":
        return f"{count(cards)} {rule.cards}"
    of = {
        "authors": f"{plural(round(base), 'author')} of",
        "clusters": f"{plural(round(base), 'group')} of near-duplicates among",
        "downloads": f"{plural(base, 'download')} of models with",
    }
    return f"{of[rule.unit]} {count(cards)} {rule.cards}"


def counting_text(rule: Rule) -> str:
    """Returns how the rule counts: votes, evidence level, variants, and every option that is not the default."""
    vote, variants, level = rule.options[:3]
    return "; ".join(option.meaning for option in dict.fromkeys((vote, level, variants, *rule.changed)))


def title(share: Share) -> str:
    """Returns the finding, without a full stop."""
    rule, part = share.parsed_rule, percent(share.share)
    if rule.divided:
        text = f"{share.name} gets {part} if each card's vote is divided equally among the techniques it cites"
    else:
        text = capitalized(f"{part} of {rule.cards} {_verb(rule)} {share.name}")
    return ", ".join([text, *(option.short for option in rule.qualifiers)])


def quote(share: Share, label: str, span: str, snapshot_id: str) -> str:
    """Returns the sentence to quote: share, counts, base, source, interval and snapshot."""
    rule, part = share.parsed_rule, percent(share.share)
    base = f"{base_text(rule, share.base, share.cards)} ({label}, {span})"
    if rule.whole_cards:
        base = base.replace(" cards that", " model cards that", 1)
        sentence = f"Of {base}, {count(share.numerator)} ({part}) {_verb(rule)} {share.name}"
        sentence += "" if rule.single else ", alone or with others"
    else:
        votes = f"{count(round(share.numerator, 1))} of {count(round(share.base, 1))} votes"
        sentence = f"Of {base}, {share.name} gets {votes} ({part})"
    divided = rule.options[:1] if rule.divided else ()
    clauses = [o.meaning for o in dict.fromkeys((*divided, rule.options[1], *rule.qualifiers))]
    return (
        f"{'; '.join([sentence, *clauses])} ({bounds_text(share)}; rule {rule.name}; peft_census, "
        f"snapshot {snapshot_id})."
    )


def sentence(share: Share) -> str:
    """Returns the finding with its counts, without source, interval, snapshot and full stop."""
    rule, part = share.parsed_rule, percent(share.share)
    if not rule.whole_cards:
        return title(share)
    cards = rule.cards.replace("cards", "model cards", 1)
    return ", ".join(
        [
            f"Of {count(share.base)} {cards}, {count(share.numerator)} ({part}) {_verb(rule)} {share.name}",
            *(option.short for option in rule.qualifiers),
        ]
    )


def bounds_text(share: Share) -> str:
    """Returns the interval to quote with a share: its method, its ends and the effective sample size."""
    return interval_text(share.low, share.high, share.method, share.effective_n)


def interval_text(low: float, high: float, method: str, effective_n: float | None = None) -> str:
    """Returns an interval with its method: ``range of readings 71.0–71.5%``, ``Wilson 95% interval 98.3–98.6%``.

    With ``effective_n`` the effective sample size follows: ``…, effective sample size 812``.
    """
    kind = "" if method.startswith("range") else " interval"
    size = "" if effective_n is None else f", effective sample size {size_text(effective_n)}"
    return f"{method.replace(FEW_CLUSTERS, CLUSTERED)}{kind} {interval(low, high)}{size}"


def capitalized(text: str) -> str:
    """Returns ``text`` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def _verb(rule: Rule) -> str:
    return rule.verb if rule.use == "applied_only" else rule.verb.split()[0]
