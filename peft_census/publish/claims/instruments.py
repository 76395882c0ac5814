"""Claims about data sources other than model cards: GitHub, Civitai and PEFT's benchmark.

In: a snapshot that may have their tables. Out: claims. Every figure keeps its own base, date and coverage. Figures of
different sources are never averaged or added, because a card, a file, a repository and a model are different units.
"""

from __future__ import annotations

from peft_census.publish.claims.benchmark import NAME as BENCHMARK
from peft_census.publish.claims.benchmark import benchmark_claim
from peft_census.publish.claims.claim import Claim
from peft_census.publish.measures import InstrumentShare, Measure, read_calibration, read_measures
from peft_census.publish.snapshot_reader import REPLICA_MARK, technique_name
from peft_census.publish.text.numbers import count, day_text, percent, plural
from peft_census.publish.text.wording import capitalized, interval_text
from peft_census.snapshot.instruments import (
    BenchmarkDescription,
    CivitaiDescription,
    Description,
    GithubDescription,
)
from peft_census.snapshot.snapshot import Snapshot

TOP = 4
"""Techniques of each measure that get a claim."""

NAMES = {"github": "GitHub code search", "civitai": "Civitai", "benchmark": BENCHMARK}
MEASURES = {
    "class_python": "class names in Python files",
    "class_notebook": "class names in notebooks",
    "phrase": "the import line",
    "repositories": "sampled repositories",
    "identified": "identified techniques",
    "all": "all models",
}
LOCON = "Civitai shows LoCon as LyCORIS: that type also covers LoHa, LoKr and others."
_UNITS = {"github": "search hits", "civitai": "models"}
_WHY_NOT = {
    "github": (
        "A hit is a file that GitHub indexes, not a project or a training run. Copies, tutorials and tests are counted "
        "as well; private code is not."
    ),
    "civitai": (
        "A type is a file format chosen on upload, mostly for image models. It does not show how often a technique is "
        "used, or what language models do."
    ),
}


def instrument_claims(snapshot: Snapshot) -> list[Claim]:
    """Returns the claims about all other data sources in the snapshot."""
    about = snapshot.manifest.instruments
    claims = [
        _claim(snapshot, measure, part, about[measure.instrument])
        for measure in read_measures(snapshot)
        for part in largest(measure)
    ]
    benchmark = about.get("benchmark")
    if isinstance(benchmark, BenchmarkDescription):
        claims.append(benchmark_claim(snapshot, benchmark))
    return claims


def is_instrument_claim(claim: Claim) -> bool:
    """Says whether a claim is about a data source other than model cards."""
    return claim.kind in ("instrument", "benchmark")


def is_replica(description: Description) -> bool:
    """Returns whether a test server gave the answers."""
    return isinstance(description, GithubDescription | CivitaiDescription) and description.asked.replica


def largest(measure: Measure) -> tuple[InstrumentShare, ...]:
    """Returns the largest shares of a measure."""
    return tuple(part for part in measure.parts if part.numerator)[:TOP]


def shares_text(snapshot: Snapshot, measure: Measure) -> str:
    """Returns the largest shares of a measure as text."""
    return ", ".join(f"{technique_name(snapshot, p.technique)} {percent(p.share)}" for p in largest(measure))


def days_text(measure: Measure) -> str:
    """Returns when the answers of a measure were read."""
    first, last = day_text(measure.first), day_text(measure.last)
    return first if first == last else f"{first} to {last}"


def instrument_coverage(snapshot: Snapshot, measure: Measure, description: Description) -> str:
    """Returns what was read and what is missing, as text."""
    if isinstance(description, CivitaiDescription):
        return _civitai_coverage(description)
    if not isinstance(description, GithubDescription):
        return "counted before the rows were left out of this copy"
    if measure.name == "repositories" and description.sample:
        sample = description.sample
        frame = sum(f.files_in_frame or 0 for f in sample.frames.values())
        read = snapshot.manifest.tables["github_imports"].rows
        return f"{count(read)} of about {count(frame)} files, stratified by file size, seed {sample.seed}"
    readings = description.readings
    parts = [f"median of {plural(description.readings_wanted, 'reading')}"]
    unused = readings.incomplete + readings.refused + readings.failed
    parts += [f"{plural(unused, 'reading')} not used"] if unused else []
    parts += [f"no usable reading for {', '.join(measure.missing)}"] if measure.missing else []
    if calibration := read_calibration(snapshot, measure):
        parts.append(
            f"calibration in {calibration.scope}: GitHub shows {count(calibration.reported)} files, a checkout has "
            f"{count(calibration.counted)}"
        )
    return "; ".join(parts)


def _civitai_coverage(description: CivitaiDescription) -> str:
    frame = description.frame
    models = "every model listed" if description.whole else f"the first {count(frame.models)} models"
    if description.state == "partial":
        models = "part of the listing (interrupted)"
    types = f"types {', '.join(frame.types)}" if frame.types else "all types"
    return f"{models}, {types}, order {frame.sort}, all levels"


def _claim(snapshot: Snapshot, measure: Measure, part: InstrumentShare, description: Description) -> Claim:
    name, where = technique_name(snapshot, part.technique), NAMES[measure.instrument]
    unit = "repositories" if measure.name == "repositories" else _UNITS[measure.instrument]
    mark = f"{REPLICA_MARK}. " if is_replica(description) else ""
    share, bounds = percent(part.share), interval_text(part.low, part.high, measure.method)
    remark = f" {LOCON}" if part.technique == "locon" else ""
    counts = f"{count(part.numerator)} of {count(measure.base)}"
    finding = f"{name}: {share} of {measure.base_meaning} on {where}"
    return Claim(
        id=f"{measure.instrument}.{measure.name}.{part.technique}",
        kind="instrument",
        rule=f"{measure.instrument} {measure.name}",
        population=measure.base_meaning,
        technique=part.technique,
        name=name,
        numerator=part.numerator,
        base=round(measure.base),
        share=part.share,
        low=part.low,
        high=part.high,
        method=measure.method,
        quote=(
            f"{mark}On {where} ({days_text(measure)}), {counts} {measure.base_meaning} ({share}) are for {name} "
            f"({bounds}; {instrument_coverage(snapshot, measure, description)}; peft_census, snapshot {snapshot.id})."
            f"{remark}"
        ),
        misquote=f"{capitalized(share)} of fine-tuning uses {name}.",
        why_not=_WHY_NOT[measure.instrument],
        caveat=f"The range covers the {unit} that were read, not what {where} does not list.{remark}",
        title=finding,
        subtitle=f"n = {count(measure.base)} {measure.base_meaning}.",
        source_line=f"Source: peft_census, snapshot {snapshot.id}; data: {where}, retrieved {days_text(measure)}",
        alt_text=f"{mark}{finding}: {counts}, {bounds}.",
        snapshot_id=snapshot.id,
        specimen=is_replica(description),
        mark=mark.removesuffix(". "),
    )
