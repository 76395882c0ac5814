"""What decides the content of a snapshot besides its cards: taxonomy, tagger, rules and corrections."""

from __future__ import annotations

from dataclasses import dataclass

from peft_census.count import RULES_VERSION
from peft_census.pipeline.evaluate import scores_of_record
from peft_census.snapshot.manifest import GoldScores
from peft_census.tag import TAGGER_VERSION, corrections_sha256, generators_sha256, load_taxonomy


@dataclass(frozen=True)
class RuleInputs:
    """Hashes and versions of the rules; the id of a snapshot is derived from them.

    Args:
        taxonomy_sha256: hash of ``techniques.toml``.
        released: technique id to the day of the first PEFT release with it; None if none or not known.
        generators_sha256: hash of ``generators.toml``.
        corrections_sha256: hash of ``corrections.toml``.
        tagger_version: version of the tagger.
        rules_version: version of the counting rules.
        accuracy: the recorded scores of the tagger, by gold set.
    """

    taxonomy_sha256: str
    released: dict[str, str | None]
    generators_sha256: str
    corrections_sha256: str
    tagger_version: str
    rules_version: str
    accuracy: dict[str, GoldScores]


def rule_inputs() -> RuleInputs:
    """Returns the rules of this release."""
    taxonomy = load_taxonomy()
    return RuleInputs(
        taxonomy_sha256=taxonomy.sha256,
        released={technique: taxonomy.released(technique) for technique in taxonomy.techniques},
        generators_sha256=generators_sha256(),
        corrections_sha256=corrections_sha256(),
        tagger_version=TAGGER_VERSION,
        rules_version=RULES_VERSION,
        accuracy=scores_of_record(),
    )
