"""The counting rules: every named way to turn citations into votes, and the one grammar that names them.

A rule's name is words joined by ``/``: how a card votes first (``blog``, ``any``, ``fractional``), then any of
the switches below in any order, as in ``blog/split/people``. A word that is left out means the first of its
line. Two names with the same meaning are the same rule: ``parse_rule`` puts the words in one order.

A card *cites* a technique when it mentions it anywhere but inside a name (repository id, file name, URL, the
model's own name). Denied techniques are cited too: "LoRA was not used" speaks of LoRA. Techniques of kind
``not_peft`` are recorded where they stand and never counted.

Sampling is the smallest of the errors here: whether a variant counts as LoRA moves the headline more than any
interval. So no share leaves ``count`` without its rule's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from peft_census.errors import UsageError

RULES_VERSION = "2"
"""Raised when any rule would give another number for the same mentions."""

Facts = Mapping[str, Mapping[str, Any]]
"""Technique id to its facts (``kind``, ``variant_of`` …) as a snapshot's manifest keeps them."""

SWITCHES: dict[str, dict[str, str]] = {
    "vote": {
        "blog": "cards that cite exactly one technique, one vote a card",
        "any": "cards that cite at least one technique; a card counts for each it cites",
        "fractional": "cards that cite at least one technique; one vote a card, split evenly",
    },
    "variants": {
        "rolled_up": "a variant counts as the technique it varies (QLoRA as LoRA)",
        "split": "each variant counts as a technique of its own",
    },
    "rung": {
        "any_rung": "evidence on any rung of the ladder",
        "named_only": "only what the text names",
        "tagged_only": "only what the front matter names",
        "configured_only": "only what adapter_config.json holds",
    },
    "said": {
        "cited": "cited is enough",
        "applied_only": "only where the card says that this model was trained with it",
    },
    "writer": {
        "tools_too": "evidence written by people and by tools",
        "people": "only evidence that no card-writing tool wrote",
    },
    "denied": {
        "denied_too": "a technique that the card denies is cited too",
        "affirmed": "places where the card denies the technique are left out",
    },
    "names": {
        "names_out": "names of repositories, files and links do not count",
        "names_in": "names of repositories, files and links count as citing",
    },
    "scope": {
        "every_technique": "techniques outside PEFT count like PEFT's own",
        "peft_types": "only PEFT's types and their variants; others are not seen at all",
    },
    "voters": {
        "per_card": "every card has the same weight",
        "per_author": "every author has the same weight, shared by the author's counted cards",
        "collapsed": "near-duplicate cards share the weight of one",
        "downloaded": "cards of models without a download are left out",
        "weighted": "a card weighs as many votes as its model had downloads in 30 days",
    },
}
"""Switch to its words with their meaning; the first word of each is what a name without one means."""

_SWITCH_OF = {word: switch for switch, words in SWITCHES.items() for word in words}


@dataclass(frozen=True)
class Rule:
    """A way to count; every field holds one of the words of its line in ``SWITCHES``."""

    vote: str = "blog"
    variants: str = "rolled_up"
    rung: str = "any_rung"
    said: str = "cited"
    writer: str = "tools_too"
    denied: str = "denied_too"
    names: str = "names_out"
    scope: str = "every_technique"
    voters: str = "per_card"

    @property
    def name(self) -> str:
        """The rule's one name: the vote, then every switch that is not at its first word."""
        words = [getattr(self, f.name) for f in fields(self)]
        return "/".join([words[0], *(w for w in words[1:] if w != next(iter(SWITCHES[_SWITCH_OF[w]])))])

    @property
    def meaning(self) -> str:
        """What the rule counts, in words, without what goes without saying."""
        return "; ".join(SWITCHES[_SWITCH_OF[word]][word] for word in self.name.split("/"))

    @property
    def whole_cards(self) -> bool:
        """Whether every vote is one whole card, so that votes are counts."""
        return self.vote != "fractional" and self.voters in ("per_card", "downloaded")


def parse_rule(name: str) -> Rule:
    """Returns the rule that ``name`` means. A name without a vote (``applied_only``) votes by ``any``.

    Raises:
        UsageError: a word that no switch has, or two words of one switch.
    """
    chosen: dict[str, str] = {}
    for word in name.strip().lower().replace("-", "_").split("/"):
        switch = _SWITCH_OF.get(word)
        if switch is None:
            raise UsageError(
                f"no rule {name!r}: {word!r} is not a word of any",
                "words: " + "; ".join(f"{s}: {', '.join(words)}" for s, words in SWITCHES.items()) + ".",
            )
        if switch in chosen:
            raise UsageError(
                f"no rule {name!r}: {chosen[switch]!r} and {word!r} exclude each other", "leave one of them out."
            )
        chosen[switch] = word
    return Rule(**({"vote": "any"} | chosen))


HEADLINE = Rule()
"""The rule behind the published figure: exactly one technique, at any rung, variants rolled up."""

STANDARD = tuple(
    parse_rule(name)
    for name in (
        "blog",
        "any",
        "fractional",
        "blog/split",
        "any/split",
        "fractional/split",
        "blog/people",
        "blog/per_author",
        "blog/collapsed",
        "any/applied_only",
        "any/configured_only",
    )
)
"""The rules whose shares of every technique are kept in a snapshot; others are counted when asked for."""

SUBJECT = "lora"
"""The technique whose share is the headline: the published figure that the census sets out to check."""


def root(technique: str, facts: Facts) -> str:
    """Returns the technique that ``technique`` is a variant of, at the end of the chain."""
    while (parent := facts[technique]["variant_of"]) is not None:
        technique = parent
    return technique


def specifications() -> list[Rule]:
    """Returns every combination of switches that makes sense, for the sensitivity of the headline.

    Left out is what says nothing new: names have no rung of their own, what is applied or configured is never
    denied, and what is configured was written by a tool.
    """
    evidence = [
        {"denied": denied, "names": names, "writer": writer}
        for writer in SWITCHES["writer"]
        for denied in SWITCHES["denied"]
        for names in SWITCHES["names"]
    ]
    evidence += [{"rung": "named_only", "denied": denied} for denied in SWITCHES["denied"]]
    evidence += [{"rung": "tagged_only"}, {"rung": "configured_only"}, {"said": "applied_only"}]
    return [
        Rule(vote=vote, variants=variants, scope=scope, voters=voters, **chosen)
        for chosen in evidence
        for variants in SWITCHES["variants"]
        for scope in SWITCHES["scope"]
        for vote in SWITCHES["vote"]
        for voters in SWITCHES["voters"]
    ]
