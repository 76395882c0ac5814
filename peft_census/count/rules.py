"""The counting rules: every way to turn mentions into votes, and the grammar of their names.

The name of a rule is words joined by ``/``: first how a card votes (``exactly_one``, ``any``, ``fractional``), then
options of other switches in any order, as in ``exactly_one/variants_separate/human_only``. A switch that the name
leaves out has its default, except the vote, which is then ``any``. ``parse_rule`` puts the words in one order, so that
a rule has one name.

A card *cites* a technique when it mentions it anywhere but inside a name (repository id, file name, link, the name of
the model). A card that says "LoRA was not used" cites LoRA. Techniques of kind ``not_peft`` are recorded and never
counted.

The choice of a rule changes the headline more than sampling does, so every share carries the name of its rule.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import product

import numpy as np

from peft_census.count.switches import Option, Switch, of_peft, shared, switch
from peft_census.errors import UsageError
from peft_census.snapshot.manifest import root_of

RULES_VERSION = "3"
"""Raised when a rule gives another number for the same mentions."""


@dataclass(frozen=True)
class Rule:
    """A way to count: the word of one option of each switch. To add a switch, add a field here."""

    vote: str = switch(
        "votes",
        Option("exactly_one", "each card counts once", "exactly one technique", single=True),
        Option(
            "any",
            "a card counts for each technique it cites, so shares can add up to more than 100%",
            "at least one technique",
        ),
        Option(
            "fractional",
            "each card has one vote, divided equally among the techniques it cites",
            "at least one, vote divided",
            divided=True,
        ),
    )
    variants: str = switch(
        "variants",
        Option(
            "variants_grouped",
            "variants count as the technique they derive from (QLoRA as LoRA)",
            "variants grouped",
            counts_as=root_of,
        ),
        Option("variants_separate", "each variant counts as a technique of its own", "variants separate"),
    )
    evidence_level: str = switch(
        "locations",
        Option(
            "named_or_tagged",
            "the whole card counts, text and front matter",
            verb="cite",
            evidence=lambda kinds: ~kinds.at_level("configured"),
        ),
        Option(
            "named_only",
            "only the text of the card counts",
            "text only",
            verb="name in their text",
            evidence=lambda kinds: kinds.at_level("named"),
        ),
        Option(
            "tagged_only",
            "only the front matter of the card counts",
            "front matter only",
            verb="tag in their front matter",
            evidence=lambda kinds: kinds.at_level("tagged"),
        ),
        Option(
            "configured_only",
            "only adapter_config.json counts, not the card",
            "configuration only",
            verb="configure in adapter_config.json",
            evidence=lambda kinds: kinds.at_level("configured"),
        ),
    )
    use: str = switch(
        "evidence",
        Option("cited", "a mention is enough"),
        Option(
            "applied_only",
            "only statements that the model was trained with the technique count",
            "stated as applied",
            verb="say that they applied",
            evidence=lambda kinds: kinds.applied,
        ),
    )
    authorship: str = switch(
        "tools",
        Option("include_generated", "text written by people and by card generators counts"),
        Option(
            "human_only",
            "only text that no card generator wrote counts",
            "without generated text",
            evidence=lambda kinds: ~kinds.generated,
        ),
    )
    negation: str = switch(
        "evidence",
        Option("include_negated", "negated mentions count"),
        Option(
            "affirmed_only", "negated mentions do not count", "without negations", evidence=lambda kinds: ~kinds.negated
        ),
    )
    names: str = switch(
        "locations",
        Option(
            "exclude_names",
            "names of repositories, files and links do not count",
            evidence=lambda kinds: ~kinds.in_name,
        ),
        Option("include_names", "names of repositories, files and links count as citing", "names included"),
    )
    scope: str = switch(
        "aliases",
        Option("all_techniques", "techniques outside the PEFT library count"),
        Option(
            "peft_types",
            "only techniques of the PEFT library and their variants count",
            "PEFT library only",
            counts_as=of_peft,
        ),
    )
    weighting: str = switch(
        "votes",
        Option("per_card", "every card has the same weight", "each card counts once"),
        Option(
            "per_author",
            "every author has the same weight, divided equally among the author's counted cards",
            "each author counts once",
            unit="authors",
            weight=lambda models, cards: shared(models.authors[cards]),
        ),
        Option(
            "deduplicated",
            "near-duplicate cards share the weight of one card",
            "near-duplicates count once",
            unit="clusters",
            group="near-duplicates",
            weight=lambda models, cards: shared(models.clusters[cards]),
        ),
        Option(
            "downloaded",
            "only cards of models with at least one download count",
            "downloaded models only",
            weight=lambda models, cards: (models.downloads[cards] > 0).astype(np.float64),
        ),
        Option(
            "by_downloads",
            "a card has as many votes as its model had downloads in 30 days",
            "weighted by downloads",
            unit="downloads",
            weight=lambda models, cards: models.downloads[cards],
        ),
    )

    @property
    def options(self) -> tuple[Option, ...]:
        """The option of each switch, in the order of the switches."""
        return tuple(f.metadata["switch"].options[getattr(self, f.name)] for f in fields(self))

    @property
    def selecting(self) -> tuple[Option, ...]:
        """The options that say which evidence counts, and for which technique."""
        return tuple(o for o in self.options if o.evidence or o.counts_as)

    @property
    def changed(self) -> tuple[Option, ...]:
        """The options that are not the default of their switch."""
        return tuple(o for o, f in zip(self.options, fields(self), strict=True) if o.word != f.default)

    @property
    def name(self) -> str:
        """The rule's one name: the vote, then every option that is not a default."""
        return "/".join(dict.fromkeys([self.vote, *(o.word for o in self.changed)]))

    @property
    def _verb_option(self) -> Option:
        return [o for o in self.options if o.verb][-1]

    @property
    def verb(self) -> str:
        """What a counted card does with a technique: *cite*, *say that they applied* …"""
        return self._verb_option.verb

    @property
    def qualifiers(self) -> tuple[Option, ...]:
        """The options that are not defaults and that neither the vote nor the verb says."""
        return tuple(o for o in self.changed if o not in (self.options[0], self._verb_option))

    @property
    def cards(self) -> str:
        """Which cards count, in words."""
        return f"cards that {self.verb} {'exactly one' if self.single else 'at least one'} technique"

    @property
    def meaning(self) -> str:
        """What the rule counts, in words; defaults are left out."""
        return "; ".join([self.cards, *(o.meaning for o in (self.options[0], *self.qualifiers))])

    @property
    def unit(self) -> str:
        """What is counted: cards, authors, clusters or downloads."""
        return next((o.unit for o in self.options if o.unit), "cards")

    @property
    def single(self) -> bool:
        """Whether only cards with exactly one technique count."""
        return any(o.single for o in self.options)

    @property
    def divided(self) -> bool:
        """Whether a card's vote is divided among its techniques."""
        return any(o.divided for o in self.options)

    @property
    def whole_cards(self) -> bool:
        """Whether every vote is one whole card, so that votes are counts."""
        return self.unit == "cards" and not self.divided


SWITCHES: dict[str, Switch] = {f.name: f.metadata["switch"] for f in fields(Rule)}
"""Switch to its options."""

_SWITCH_OF = {word: name for name, options in SWITCHES.items() for word in options.options}


def parse_rule(name: str) -> Rule:
    """Returns the rule that ``name`` means. A name without a vote (``applied_only``) votes by ``any``.

    Raises:
        UsageError: a word that is not an option, or two options of one switch.
    """
    chosen: dict[str, str] = {}
    for word in name.strip().lower().replace("-", "_").split("/"):
        of = _SWITCH_OF.get(word)
        if of is None:
            options = "; ".join(f"{s}: {', '.join(options.options)}" for s, options in SWITCHES.items())
            raise UsageError(f"unknown rule {name!r}: {word!r} is not an option", f"options: {options}.")
        if of in chosen:
            raise UsageError(f"unknown rule {name!r}: {chosen[of]!r} and {word!r} exclude each other", "leave one out.")
        chosen[of] = word
    return Rule(**({"vote": "any"} | chosen))


HEADLINE = Rule()
"""The rule of the headline, the nearest reading of the published description."""

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
        "exactly_one/include_names",
        "exactly_one/applied_only",
        "exactly_one/deduplicated",
        "any/applied_only",
        "any/configured_only",
    )
)
"""The rules whose shares of every technique a snapshot keeps; others are counted on request."""

ONE_CHANGE = tuple(
    Rule(**{switch: word})
    for switch, word in (
        ("variants", "variants_separate"),
        ("authorship", "human_only"),
        ("weighting", "per_author"),
        ("names", "include_names"),
        ("use", "applied_only"),
    )
)
"""The headline's rule with one option changed: how much the headline depends on counting, at a glance."""

HEADLINE_TECHNIQUE = "lora"
"""The technique of the published figure that the census checks."""


def specifications() -> list[Rule]:
    """Returns every sensible combination of options about what cards say, for the sensitivity of the headline.

    Left out are configurations, which are not the card's words, and combinations that repeat another: names have no
    evidence level of their own, and applied techniques are never negated.
    """
    evidence = [
        dict(zip(("authorship", "negation", "names"), words, strict=True))
        for words in product(*(SWITCHES[name].options for name in ("authorship", "negation", "names")))
    ]
    evidence += [{"evidence_level": "named_only", "negation": negation} for negation in SWITCHES["negation"].options]
    evidence += [{"evidence_level": "tagged_only"}, {"use": "applied_only"}]
    rest = [name for name in SWITCHES if name not in {key for chosen in evidence for key in chosen}]
    return [
        Rule(**chosen, **dict(zip(rest, words, strict=True)))
        for chosen in evidence
        for words in product(*(SWITCHES[name].options for name in rest))
    ]
