"""LoRA's share corrected for the tagger's errors: a snapshot and labels in, raw and corrected figures out.

The labels are turned into mentions and counted by the very rule that counts the tagger's, so that both sides mean
the same; ``count.label_error`` does the statistics. Only what people can judge from a card is corrected: rules about
who wrote a place, on which evidence level it stands, or how cards are weighed against one another are refused. What
``adapter_config.json`` says is taken on both sides as it stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from peft_census.count import HEADLINE, MENTION_COLUMNS, MODEL_COLUMNS, Evidence, Rule, Votes, parse_rule
from peft_census.count.label_error import ENOUGH_ERRORS, Corrected, Counts, corrected_share
from peft_census.count.rules import HEADLINE_TECHNIQUE
from peft_census.count.uncertainty import METHOD, NO_BASE, cluster_interval, wilson
from peft_census.errors import UsageError
from peft_census.pipeline.counting import evidence_of
from peft_census.pipeline.label_sample import NO_TEXT, SILENT, STRATA, population_of
from peft_census.pipeline.labels import is_read, read_sample
from peft_census.snapshot.manifest import TechniqueFacts
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.snapshot import Snapshot

JUDGED = {
    "evidence_level": ("any_level",),
    "authorship": ("include_generated",),
    "weighting": ("per_card", "downloaded"),
}
"""Switches of a rule that labels can only follow with these words."""


def correct(snapshot: Snapshot, file: Path, rule: str | None = None) -> dict[str, Any]:
    """Returns LoRA's share by the tagger and by the labels in ``file``, ready for JSON.

    Args:
        snapshot: the population.
        file: a labelled sample of it, from ``peft-census sample-gold``.
        rule: how to count; the headline's rule where it is None.

    Raises:
        UsageError: a rule that labels cannot follow; labels of another snapshot; ``ppi-python`` is missing.
        BadInputError: the labels are no complete probability sample.
    """
    chosen = HEADLINE if rule is None else parse_rule(rule)
    for switch, words in JUDGED.items():
        if (word := getattr(chosen, switch)) not in words:
            raise UsageError(f"labels cannot follow {word!r} of rule {chosen.name!r}", "leave that word out.")
    evidence = evidence_of(snapshot)
    population = population_of(snapshot, evidence)
    lines = read_sample(file, population)
    labels = [line for line in lines if is_read(line)]
    with_text = np.flatnonzero(population.strata != NO_TEXT)
    everything = _counts(evidence.votes(chosen), evidence.n_cards)
    tagger = Counts(everything.numerators[with_text], everything.bases[with_text])
    by_author = cluster_interval(tagger.numerators, tagger.bases, evidence.authors[with_text])
    letters = list(STRATA)
    corrected = corrected_share(
        tagger,
        population.strata[with_text],
        label_counts(snapshot, labels, chosen),
        np.searchsorted(with_text, [line["place"] for line in labels]),
        float(tagger.bases.sum()) / by_author.effective_n if by_author.effective_n else 1.0,
        frozenset({letters.index(SILENT)}),
    )
    return {
        "rule": chosen.name,
        "technique": HEADLINE_TECHNIQUE,
        "labels": len(labels),
        "unread": len(lines) - len(labels),
        "differing": corrected.differing,
        "enough": corrected.differing >= ENOUGH_ERRORS,
        "raw": _raw(tagger),
        "by_author": {
            "low": by_author.low,
            "high": by_author.high,
            "method": by_author.method,
            "authors": by_author.n_clusters,
            "effective_n": by_author.effective_n,
        },
        "corrected": _facts(corrected),
        "strata": [
            {"stratum": letters[s.code], "meaning": STRATA[letters[s.code]]}
            | {"cards": s.cards, "labels": s.labels, "differing": s.differing}
            for s in corrected.strata
        ],
        "outside_taxonomy": sorted(_ids(labels) - set(snapshot.manifest.taxonomy.techniques)),
        "without_text": int(everything.bases.sum() - tagger.bases.sum()),
    }


def label_counts(snapshot: Snapshot, labels: list[dict[str, Any]], rule: Rule) -> Counts:
    """Returns what people's labels count for under ``rule``, one entry a label.

    Ids that the taxonomy lacks count as techniques of their own.
    """
    facts = dict(snapshot.manifest.taxonomy.techniques)
    for technique in _ids(labels) - set(facts):
        facts[technique] = TechniqueFacts(technique, "outside_peft", "")
    models = snapshot.table("models", MODEL_COLUMNS).take([line["place"] for line in labels])
    mentions = snapshot.table("mentions", MENTION_COLUMNS)
    configured = pc.and_(
        pc.equal(mentions["evidence_level"], "configured"), pc.is_in(mentions["model_id"], models["model_id"])
    )
    by_people = [mention for line in labels for mention in _mentions(line)]
    schema = pa.schema([arrow_schema("mentions").field(name) for name in MENTION_COLUMNS])
    both = pa.concat_tables([pa.Table.from_pylist(by_people, schema=schema), mentions.filter(configured).cast(schema)])
    return _counts(Evidence(models, both, facts).votes(rule), len(labels))


def _mentions(line: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns one mention for each label of a card."""
    common = {"model_id": line["model_id"], "evidence_level": "named", "generator": None}
    cited = [
        {
            **common,
            "technique": technique,
            "location": "prose",
            "polarity": "negated" if technique in line["negated"] else "affirmed",
            "applied": technique in line["applied"],
        }
        for technique in line["cited"]
    ]
    named = {"location": "name", "polarity": "affirmed", "applied": False}
    return cited + [{**common, "technique": technique, **named} for technique in line["name_only"]]


def _counts(votes: Votes, n_cards: int) -> Counts:
    numerators, bases = np.zeros(n_cards), np.zeros(n_cards)
    numerators[votes.cards], bases[votes.cards] = votes.of(HEADLINE_TECHNIQUE), votes.weight
    return Counts(numerators, bases)


def _ids(labels: list[dict[str, Any]]) -> set[str]:
    return {technique for line in labels for key in ("cited", "name_only") for technique in line[key]}


def _raw(tagger: Counts) -> dict[str, Any]:
    numerator, base = float(tagger.numerators.sum()), float(tagger.bases.sum())
    facts: dict[str, Any] = {"numerator": numerator, "base": base}
    if not base:
        return facts | {"share": None, "low": None, "high": None, "method": NO_BASE}
    low, high = wilson(numerator, base)
    return facts | {"share": numerator / base, "low": low, "high": high, "method": METHOD}


def _facts(corrected: Corrected) -> dict[str, Any]:
    known = corrected.share is not None
    return {
        "numerator": corrected.numerator,
        "base": corrected.base,
        "share": corrected.share,
        "low": corrected.low if known else None,
        "high": corrected.high if known else None,
        "method": corrected.method,
    }
