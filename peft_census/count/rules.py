"""The counting rules: every named way to turn citations into votes, and the one grammar that names them.

A rule's name is words joined by ``/``: how a card votes first (``exactly_one``, ``any``, ``fractional``), then any of
the switches below in any order, as in ``exactly_one/variants_separate/human_only``. A word that is left out means the first of its
line. Two names with the same meaning are the same rule: ``parse_rule`` puts the words in one order.

A card *cites* a technique when it mentions it anywhere but inside a name (repository id, file name, URL, the
model's own name). Denied techniques are cited too: "LoRA was not used" speaks of LoRA. Techniques of kind
``not_peft`` are recorded where they stand and never counted.

Sampling is the smallest of the errors here: whether a variant counts as LoRA moves the headline more than any
interval. So no share leaves ``count`` without its rule's name.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from peft_census.errors import UsageError
from peft_census.snapshot.manifest import Techniques

RULES_VERSION = "2"
"""Raised when any rule would give another number for the same mentions."""

SWITCHES: dict[str, dict[str, str]] = {
    "vote": {
        "exactly_one": "cards that cite exactly one technique, one vote a card",
        "any": "cards that cite at least one technique; a card counts for each it cites",
        "fractional": "cards that cite at least one technique; one vote a card, split evenly",
    },
    "variants": {
        "variants_grouped": "a variant counts as the technique it varies (QLoRA as LoRA)",
        "variants_separate": "each variant counts as a technique of its own",
    },
    "evidence_level": {
        "any_level": "evidence on any evidence level of the ladder",
        "named_only": "only what the text names",
        "tagged_only": "only what the front matter names",
        "configured_only": "only what adapter_config.json holds",
    },
    "use": {
        "cited": "cited is enough",
        "applied_only": "only where the card says that this model was trained with it",
    },
    "authorship": {
        "include_generated": "evidence written by people and by tools",
        "human_only": "only evidence that no card-writing tool wrote",
    },
    "negation": {
        "include_negated": "a technique that the card denies is cited too",
        "affirmed_only": "places where the card denies the technique are left out",
    },
    "names": {
        "exclude_names": "names of repositories, files and links do not count",
        "include_names": "names of repositories, files and links count as citing",
    },
    "scope": {
        "all_techniques": "techniques outside PEFT count like PEFT's own",
        "peft_types": "only PEFT's types and their variants; others are not seen at all",
    },
    "weighting": {
        "per_card": "every card has the same weight",
        "per_author": "every author has the same weight, shared by the author's counted cards",
        "deduplicated": "near-duplicate cards share the weight of one",
        "downloaded": "cards of models without a download are left out",
        "by_downloads": "a card weighs as many votes as its model had downloads in 30 days",
    },
}
"""Switch to its words with their meaning; the first word of each is what a name without one means."""

_SWITCH_OF = {word: switch for switch, words in SWITCHES.items() for word in words}


@dataclass(frozen=True)
class Rule:
    """A way to count; every field holds one of the words of its line in ``SWITCHES``."""

    vote: str = "exactly_one"
    variants: str = "variants_grouped"
    evidence_level: str = "any_level"
    use: str = "cited"
    authorship: str = "include_generated"
    negation: str = "include_negated"
    names: str = "exclude_names"
    scope: str = "all_techniques"
    weighting: str = "per_card"

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
        return self.vote != "fractional" and self.weighting in ("per_card", "downloaded")


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
"""The rule behind the published figure: exactly one technique, at any evidence level, variants rolled up."""

STANDARD = tuple(
    parse_rule(name)
    for name in (
        "exactly_one",
        "any",
        "fractional",
        "exactly_one/variants_separate",
        "any/variants_separate",
        "fractional/variants_separate",
        "exactly_one/human_only",
        "exactly_one/per_author",
        "exactly_one/deduplicated",
        "any/applied_only",
        "any/configured_only",
    )
)
"""The rules whose shares of every technique are kept in a snapshot; others are counted when asked for."""

HEADLINE_TECHNIQUE = "lora"
"""The technique whose share is the headline: the published figure that the census sets out to check."""


def root(technique: str, facts: Techniques) -> str:
    """Returns the technique that ``technique`` is a variant of, at the end of the chain."""
    while (parent := facts[technique].variant_of) is not None:
        technique = parent
    return technique


def specifications() -> list[Rule]:
    """Returns every combination of switches that makes sense, for the sensitivity of the headline.

    Left out is what says nothing new: names have no evidence level of their own, what is applied or configured is never
    denied, and what is configured was written by a tool.
    """
    evidence = [
        {"negation": negation, "names": names, "authorship": authorship}
        for authorship in SWITCHES["authorship"]
        for negation in SWITCHES["negation"]
        for names in SWITCHES["names"]
    ]
    evidence += [{"evidence_level": "named_only", "negation": negation} for negation in SWITCHES["negation"]]
    evidence += [{"evidence_level": "tagged_only"}, {"evidence_level": "configured_only"}, {"use": "applied_only"}]
    return [
        Rule(vote=vote, variants=variants, scope=scope, weighting=weighting, **chosen)
        for chosen in evidence
        for variants in SWITCHES["variants"]
        for scope in SWITCHES["scope"]
        for vote in SWITCHES["vote"]
        for weighting in SWITCHES["weighting"]
    ]
