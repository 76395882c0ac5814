"""The share of the headline technique, corrected for the tagger's errors.

In: a snapshot and a labelled sample of it. Out: a ``LabelCorrection``. The labels are turned into mentions and counted
by the same rule as the tagger's mentions; ``count.label_error`` computes the interval. Labels say what a card cites, so
rules that depend on other facts (authorship, evidence levels, weights) are rejected.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from peft_census.count import HEADLINE, MENTION_COLUMNS, MODEL_COLUMNS, Evidence, Rule, Votes, parse_rule
from peft_census.count.label_error import (
    ENOUGH_ERRORS,
    AuthorInterval,
    Corrected,
    Counts,
    Estimate,
    LabelCorrection,
    StratumLabels,
    Unjudged,
    corrected_share,
)
from peft_census.count.rules import HEADLINE_TECHNIQUE
from peft_census.count.uncertainty import METHOD, NO_BASE, cluster_interval, wilson
from peft_census.errors import UsageError
from peft_census.pipeline.counting import evidence_of
from peft_census.pipeline.label_sample import NO_CANDIDATE, NO_TEXT, STRATA, Label, population_of, read_sample
from peft_census.snapshot.manifest import TechniqueFacts
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.snapshot import Snapshot

SUPPORTED = {
    "evidence_level": ("named_or_tagged",),
    "authorship": ("include_generated",),
    "weighting": ("per_card", "downloaded"),
}
"""Switches of a rule that depend on more than labels, and the options that do not."""


def correct(snapshot: Snapshot, file: Path, rule: str | None = None) -> LabelCorrection:
    """Returns the share by the tagger and corrected by the labels in ``file``.

    Args:
        snapshot: the population.
        file: a labelled sample of it, from ``peft-census sample-gold``.
        rule: how to count; None for the rule of the headline.

    Raises:
        UsageError: labels cannot be counted by the rule, the labels belong to another snapshot, or ``ppi-python`` is
            missing.
        BadInputError: the labels are not a complete probability sample.
    """
    chosen = HEADLINE if rule is None else parse_rule(rule)
    for switch, options in SUPPORTED.items():
        if (option := getattr(chosen, switch)) not in options:
            raise UsageError(
                f"labels cannot be counted by {option!r} of rule {chosen.name!r}", "leave that option out."
            )
    evidence = evidence_of(snapshot)
    population = population_of(snapshot, evidence)
    sample = read_sample(file, population)
    labels = sample.labels
    with_text = np.flatnonzero(population.strata != NO_TEXT)
    all_models = _counts(evidence.votes(chosen), evidence.n_cards)
    tagger = Counts(all_models.numerators[with_text], all_models.bases[with_text])
    by_author = cluster_interval(tagger.numerators, tagger.bases, evidence.authors[with_text])
    letters = list(STRATA)
    silent = letters.index(NO_CANDIDATE)
    corrected = corrected_share(
        tagger,
        population.strata[with_text],
        label_counts(snapshot, labels, chosen),
        np.searchsorted(with_text, [label.place for label in labels]),
        float(tagger.bases.sum()) / by_author.effective_n if by_author.effective_n else 1.0,
        frozenset({silent}),
    )
    return LabelCorrection(
        rule=chosen.name,
        technique=HEADLINE_TECHNIQUE,
        labels=len(labels),
        unread=sample.unread,
        differing=corrected.differing,
        enough=corrected.differing >= ENOUGH_ERRORS,
        raw=_tagger_estimate(tagger),
        by_author=AuthorInterval(
            by_author.low, by_author.high, by_author.method, by_author.clusters, by_author.effective_n
        ),
        corrected=_corrected_estimate(corrected),
        strata=[
            StratumLabels(letters[s.code], STRATA[letters[s.code]], s.cards, s.labels, s.differing)
            for s in corrected.strata
        ],
        unjudged=next((Unjudged.of(s) for s in corrected.strata if s.code == silent), None),
        outside_taxonomy=sorted(_techniques(labels) - set(snapshot.manifest.taxonomy.techniques)),
    )


def label_counts(snapshot: Snapshot, labels: list[Label], rule: Rule) -> Counts:
    """Returns the votes of people's labels under ``rule``, one entry for each label.

    Ids that the taxonomy does not have count as separate techniques.
    """
    facts = dict(snapshot.manifest.taxonomy.techniques)
    for technique in _techniques(labels) - set(facts):
        facts[technique] = TechniqueFacts(technique, "outside_peft", "")
    models = snapshot.table("models", MODEL_COLUMNS).take([label.place for label in labels])
    by_people = [mention for label in labels for mention in _mentions(label)]
    schema = pa.schema([arrow_schema("mentions").field(name) for name in MENTION_COLUMNS])
    mentions = pa.Table.from_pylist(by_people, schema=schema)
    return _counts(Evidence(models, mentions, facts).votes(rule), len(labels))


def _mentions(label: Label) -> Iterator[dict[str, Any]]:
    """Yields one row of the table ``mentions`` for each technique of a label."""
    common = {"model_id": label.model_id, "evidence_level": "named", "generator": None}
    for technique in sorted(label.cited):
        yield {
            **common,
            "technique": technique,
            "location": "prose",
            "polarity": "negated" if technique in label.negated else "affirmed",
            "applied": technique in label.applied,
        }
    for technique in sorted(label.name_only):
        yield {**common, "technique": technique, "location": "name", "polarity": "affirmed", "applied": False}


def _counts(votes: Votes, n_cards: int) -> Counts:
    numerators, bases = np.zeros(n_cards), np.zeros(n_cards)
    numerators[votes.cards], bases[votes.cards] = votes.of(HEADLINE_TECHNIQUE), votes.weight
    return Counts(numerators, bases)


def _techniques(labels: list[Label]) -> set[str]:
    return {technique for label in labels for technique in label.cited | label.name_only}


def _tagger_estimate(tagger: Counts) -> Estimate:
    numerator, base = float(tagger.numerators.sum()), float(tagger.bases.sum())
    if not base:
        return Estimate(numerator, base, None, None, None, NO_BASE)
    return Estimate(numerator, base, numerator / base, *wilson(numerator, base), METHOD)


def _corrected_estimate(found: Corrected) -> Estimate:
    low, high = (None, None) if found.share is None else (found.low, found.high)
    return Estimate(found.numerator, found.base, found.share, low, high, found.method)
