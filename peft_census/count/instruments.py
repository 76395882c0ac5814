"""Shares of techniques on GitHub and Civitai: the tables ``instrument_shares`` and ``calibration``.

In: the tables ``github_counts``, ``github_imports`` and ``civitai``, those that a snapshot has. Out: one row for each
measure and technique. Each measure has its own base, because a file, a repository and a model on Civitai are
different things. A reading that GitHub calls incomplete is not used.

The bounds of a share are a Wilson interval where units were counted (repositories, models), and the range of repeated
readings for search hits, because GitHub's totals differ from one reading to the next. Neither includes what the
source does not list.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

import pyarrow as pa

from peft_census.count.uncertainty import METHOD, wilson
from peft_census.snapshot.schema import arrow_schema

CIVITAI_TECHNIQUES = {"LORA": "lora", "LoCon": "locon", "DoRA": "dora"}
"""Civitai types that name an adapter technique; the site uses LoCon for all LyCORIS types."""

HITS = {
    "class_python": "summed hits of all PEFT config classes in Python files that also hold the word peft",
    "class_notebook": "summed hits of all PEFT config classes in notebooks that also hold the word peft",
    "phrase": "summed hits of the import line with the class in first place, as the published estimate searched",
}
"""Measure of search hits to what its base is."""

RANGE = "range of readings"
_ALL = "all"
"""Scope of a query that searches all of GitHub."""


@dataclass(frozen=True)
class Measure:
    """One way of counting; the columns of ``instrument_shares`` that all techniques share."""

    instrument: str
    measure: str
    base_meaning: str
    base: float
    method: str
    first: str
    last: str
    variants: str = "variants_separate"


@dataclass(frozen=True)
class Count:
    """What a measure counts of one technique; the bounds are those of its share."""

    technique: str
    numerator: float
    low: float
    high: float


@dataclass(frozen=True)
class Readings:
    """The complete readings of a technique's search hits."""

    technique: str
    median: float
    low: int
    high: int


def instrument_shares(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Returns the ``instrument_shares`` table; empty where ``tables`` has none of GitHub and Civitai.

    Rows are ordered by measure, then by share (largest first). Techniques without a complete reading come last.
    """
    parts = [arrow_schema("instrument_shares").empty_table()]
    if "github_counts" in tables:
        parts += [search_shares(tables["github_counts"], measure) for measure in HITS]
    if "github_imports" in tables:
        parts.append(import_shares(tables["github_imports"]))
    if "civitai" in tables:
        parts.append(civitai_shares(tables["civitai"]))
    return pa.concat_tables(parts).combine_chunks()


def calibration(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Returns the ``calibration`` table: for each measure the sums over the techniques that can be compared."""
    rows = []
    counts = tables["github_counts"].to_pylist() if "github_counts" in tables else []
    pairs = [r for r in counts if r["scope"] != _ALL and r["status"] == "read" and r["local_count"] is not None]
    for measure, scope in dict.fromkeys((r["measure"], r["scope"]) for r in pairs):
        mine = [r for r in pairs if (r["measure"], r["scope"]) == (measure, scope)]
        rows.append(
            {
                "measure": measure,
                "scope": scope,
                "techniques": len(mine),
                "reported": sum(r["total_count"] for r in mine),
                "counted": sum(r["local_count"] for r in mine),
            }
        )
    return pa.Table.from_pylist(rows, schema=arrow_schema("calibration"))


def search_readings(counts: pa.Table, measure: str) -> tuple[list[Readings], list[str]]:
    """Returns the readings of each technique under ``measure``, and the techniques without a complete one."""
    totals: dict[str, list[int]] = {}
    for row in counts.to_pylist():
        if row["measure"] == measure and row["scope"] == _ALL:
            complete = totals.setdefault(row["technique"], [])
            if row["status"] == "read":
                complete.append(row["total_count"])
    usable = [Readings(t, statistics.median(v), min(v), max(v)) for t, v in sorted(totals.items()) if v]
    return usable, sorted(t for t, values in totals.items() if not values)


def search_shares(counts: pa.Table, measure: str) -> pa.Table:
    """Returns the shares of search hits: each technique's median, as a share of the summed medians.

    They are shares of hits, not of projects: one repository may hold hundreds of files. ``low`` is the share with the
    technique's lowest reading and the highest readings of all others, ``high`` the reverse. Without a complete
    reading of any technique there are no rows.
    """
    usable, missing = search_readings(counts, measure)
    lows, highs = sum(r.low for r in usable), sum(r.high for r in usable)
    shares = [
        Count(r.technique, r.median, _ratio(r.low, r.low + highs - r.high), _ratio(r.high, r.high + lows - r.low))
        for r in usable
    ]
    days = [str(r["asked_at"])[:10] for r in counts.to_pylist() if (r["measure"], r["scope"]) == (measure, _ALL)]
    base = sum(r.median for r in usable)
    return _table(Measure("github", measure, HITS[measure], base, RANGE, *_span(days)), shares, missing)


def import_shares(imports: pa.Table) -> pa.Table:
    """Returns the share of repositories whose sampled files import each config class.

    A repository counts once for each technique, however many of its files import it. A blob found in several
    repositories (a vendored copy) counts for the first of them only.
    """
    blobs: set[str] = set()
    repositories: dict[str, set[str]] = {}
    days = []
    for row in sorted(imports.to_pylist(), key=lambda r: (r["repository"], r["blob_sha"])):
        if row["blob_sha"] in blobs:
            continue
        blobs.add(row["blob_sha"])
        for technique in row["techniques"]:
            repositories.setdefault(technique, set()).add(row["repository"])
            days.append(str(row["asked_at"])[:10])
    base = len(set().union(*repositories.values()))
    meaning = "repositories in the sample that import at least one PEFT config class; one may count for several"
    measure = Measure("github", "repositories", meaning, base, METHOD, *_span(days))
    return _table(measure, _intervals({t: len(found) for t, found in repositories.items()}, base))


def civitai_shares(models: pa.Table) -> pa.Table:
    """Returns two measures: shares of the models whose type names a technique, and shares of all models."""
    types = models["type"].to_pylist()
    counts = {technique: types.count(kind) for kind, technique in CIVITAI_TECHNIQUES.items()}
    span = _span(str(moment)[:10] for moment in models["asked_at"].to_pylist())
    identified = sum(counts.values())
    named = Measure(
        "civitai", "identified", "models whose type names a technique (LORA, LoCon, DoRA)", identified, METHOD, *span
    )
    every = replace(named, measure="all", base_meaning="models read, of every type", base=len(types))
    return pa.concat_tables([_table(m, _intervals(counts, m.base)) for m in (named, every)])


def _table(measure: Measure, counts: list[Count], missing: Iterable[str] = ()) -> pa.Table:
    """Returns the rows of one measure; none where its base is zero."""
    rows = []
    if measure.base:
        ordered = sorted(counts, key=lambda c: (-c.numerator, c.technique))
        rows += [asdict(measure) | asdict(c) | {"share": c.numerator / measure.base} for c in ordered]
        rows += [asdict(measure) | {"technique": technique} for technique in missing]
    return pa.Table.from_pylist(rows, schema=arrow_schema("instrument_shares"))


def _intervals(numerators: Mapping[str, int], base: float) -> list[Count]:
    return [Count(t, n, *wilson(n, base)) for t, n in numerators.items()] if base else []


def _span(days: Iterable[str]) -> tuple[str, str]:
    """Returns the first and the last day; empty where there are none."""
    known = sorted(days) or [""]
    return known[0], known[-1]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
