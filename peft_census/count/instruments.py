"""Shares from the instruments beside the Hub, each with its own base.

In: ``github_counts``, ``github_imports``, ``civitai``. Out: one ``Measure`` for each way of counting, with what
its denominator is. It refuses to average instruments, and to use a reading that GitHub called incomplete.

Four ranges that mean different things: Wilson intervals where units were drawn (repositories, models); the
range of readings where GitHub's totals move by themselves; none of them covers what an instrument cannot see.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import pyarrow as pa

from peft_census.count.uncertainty import METHOD, wilson

CIVITAI_TECHNIQUES = {"LORA": "lora", "LoCon": "locon", "DoRA": "dora"}
"""Civitai types that name an adapter technique; LoCon's label there also covers the other LyCORIS types."""

RANGE = "range of readings"


@dataclass(frozen=True)
class InstrumentShare:
    """One technique's part of a measure."""

    technique: str
    numerator: float
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Measure:
    """One way of counting with one instrument.

    Args:
        instrument: ``github`` or ``civitai``.
        name: which measure.
        base: the denominator.
        base_meaning: what the denominator is, in words.
        method: what ``low`` and ``high`` are.
        parts: by size.
        missing: techniques without a usable reading; they are not zeros.
        first: day of the first answer used.
        last: day of the last.
    """

    instrument: str
    name: str
    base: float
    base_meaning: str
    method: str
    parts: tuple[InstrumentShare, ...]
    missing: tuple[str, ...]
    first: str
    last: str


@dataclass(frozen=True)
class Readings:
    """The usable readings of one technique under one measure."""

    technique: str
    median: float
    low: int
    high: int
    n: int


def github_readings(counts: pa.Table, measure: str, scope: str = "all") -> tuple[list[Readings], list[str]]:
    """Returns median and range for each technique, and the techniques without a complete reading."""
    totals: dict[str, list[int]] = {}
    for row in counts.to_pylist():
        if row["measure"] == measure and row["scope"] == scope:
            kept = totals.setdefault(row["technique"], [])
            if row["status"] == "read":
                kept.append(row["total_count"])
    usable = [
        Readings(technique, statistics.median(found), min(found), max(found), len(found))
        for technique, found in sorted(totals.items())
        if found
    ]
    return usable, sorted(t for t, found in totals.items() if not found)


@dataclass(frozen=True)
class Calibration:
    """What GitHub shows within one repository beside what a checkout of it holds, summed over the classes asked."""

    scope: str
    shown: int
    held: int
    classes: int


def calibration(counts: pa.Table, measure: str) -> Calibration | None:
    """Returns how GitHub's totals compare with a checkout under ``measure``; None without a usable pair."""
    pairs = [
        r
        for r in counts.to_pylist()
        if r["measure"] == measure and r["scope"] != "all" and r["status"] == "read" and r["local_count"] is not None
    ]
    if not pairs:
        return None
    shown, held = sum(r["total_count"] for r in pairs), sum(r["local_count"] for r in pairs)
    return Calibration(pairs[0]["scope"], shown, held, len(pairs))


def github_measures(counts: pa.Table) -> list[Measure]:
    """Returns the measures of hits: each technique's median as a share of the summed medians.

    The shares are of hits, not of projects: one repository may hold hundreds of files. ``low`` sets a
    technique's lowest reading against the highest of all others, ``high`` the reverse.
    """
    meanings = {
        "class_python": "summed hits of all PEFT config classes in Python files that also hold the word peft",
        "class_notebook": "summed hits of all PEFT config classes in notebooks that also hold the word peft",
        "phrase": "summed hits of the import line with the class in first place, as the published estimate searched",
    }
    measures = []
    for name, meaning in meanings.items():
        usable, missing = github_readings(counts, name)
        base = sum(r.median for r in usable)
        if base:
            lows, highs = sum(r.low for r in usable), sum(r.high for r in usable)
            parts = [
                InstrumentShare(
                    r.technique,
                    r.median,
                    r.median / base,
                    _ratio(r.low, r.low + highs - r.high),
                    _ratio(r.high, r.high + lows - r.low),
                )
                for r in usable
            ]
            rows = [r for r in counts.to_pylist() if r["measure"] == name and r["scope"] == "all"]
            days = [str(r["asked_at"])[:10] for r in rows]
            measures.append(_measure("github", name, base, meaning, RANGE, parts, missing, days))
    return measures


def import_measure(imports: pa.Table) -> Measure | None:
    """Returns the share of repositories whose sampled files import each config class; None without any.

    A blob that stands in several repositories (a vendored copy) counts for the first of them only; a
    repository counts once for each technique, however many files it holds.
    """
    blobs: set[str] = set()
    votes: dict[str, set[str]] = {}
    days = []
    for row in sorted(imports.to_pylist(), key=lambda r: (r["repository"], r["blob_sha"])):
        if row["blob_sha"] in blobs:
            continue
        blobs.add(row["blob_sha"])
        for technique in row["techniques"]:
            votes.setdefault(technique, set()).add(row["repository"])
            days.append(str(row["asked_at"])[:10])
    base = len(set().union(*votes.values()))
    if not base:
        return None
    parts = [InstrumentShare(t, len(repos), len(repos) / base, *wilson(len(repos), base)) for t, repos in votes.items()]
    meaning = "repositories in the sample that import at least one PEFT config class; one may count for several"
    return _measure("github", "repositories", base, meaning, METHOD, parts, [], days)


def civitai_measures(models: pa.Table) -> list[Measure]:
    """Returns two measures: of the models whose type names a technique, and of all models read."""
    kinds = models["type"].to_pylist()
    days = sorted({str(moment)[:10] for moment in models["asked_at"].to_pylist()})
    found = {technique: kinds.count(kind) for kind, technique in CIVITAI_TECHNIQUES.items()}
    identified = sum(found.values())
    bases = {
        "identified": (identified, "models whose type names a technique (LORA, LoCon, DoRA)"),
        "all": (len(kinds), "models read, of every type"),
    }
    measures = []
    for name, (base, meaning) in bases.items():
        if base:
            parts = [InstrumentShare(t, n, n / base, *wilson(n, base)) for t, n in found.items() if n]
            measures.append(_measure("civitai", name, base, meaning, METHOD, parts, [], days))
    return measures


def _measure(
    instrument: str,
    name: str,
    base: float,
    meaning: str,
    method: str,
    parts: list[InstrumentShare],
    missing: list[str],
    days: list[str],
) -> Measure:
    ordered = tuple(sorted(parts, key=lambda p: (-p.numerator, p.technique)))
    return Measure(instrument, name, base, meaning, method, ordered, tuple(missing), min(days), max(days))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
