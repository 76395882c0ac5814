"""Other instruments beside the cards: their claims, and the table that puts all figures side by side.

In: a snapshot that may hold GitHub, Civitai or benchmark tables. Out: claims and rows of words. Every figure
keeps its own base, date and coverage; nothing here averages or adds instruments, because a card, a file, a
repository and a model on Civitai are not the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peft_census.publish.claims.benchmark import NAME as BENCHMARK
from peft_census.publish.claims.benchmark import ComparisonRow, benchmark_claim, benchmark_line
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import HEADLINE
from peft_census.publish.measures import InstrumentShare, Measure, read_calibration, read_measures
from peft_census.publish.snapshot_reader import SPECIMEN_MARK, SnapshotLike, card_span, technique_name
from peft_census.publish.text.numbers import count, interval, percent, plural

REPLICA_MARK = "REPLICA · answers of a test server · shares mean nothing"
TOP = 4
"""Techniques of each measure that get a claim and stand in the table."""

NAMES = {"github": "GitHub code search", "civitai": "Civitai", "benchmark": BENCHMARK}
UNITS = {"github": "search hits", "civitai": "models"}
MEASURES = {
    "class_python": "class names in Python files",
    "class_notebook": "class names in notebooks",
    "phrase": "the import line",
    "repositories": "sampled repositories",
    "identified": "identified techniques",
    "all": "all models",
}
WHY_NOT = {
    "github": (
        "A hit is a file that GitHub indexes, not a project and not a training run; vendored copies, tutorials "
        "and tests count like anything else, and private code is not seen."
    ),
    "civitai": (
        "A type is a file format chosen on upload, mostly for images; it says nothing about language models or "
        "about how often a technique is used."
    ),
}
LOCON = "Civitai shows LoCon as LyCORIS: that type also covers LoHa, LoKr and others."


def instrument_claims(snapshot: SnapshotLike) -> list[Claim]:
    """Returns the claims of all instruments in the snapshot; none where it has none."""
    about = _about(snapshot)
    claims = [
        _claim(snapshot, measure, part, about[measure.instrument])
        for measure in read_measures(snapshot)
        for part in _top(measure)
    ]
    return claims + ([benchmark_claim(snapshot, about["benchmark"])] if _has(snapshot, "benchmark") else [])


def side_by_side(snapshot: SnapshotLike, headline: Claim) -> list[ComparisonRow]:
    """Returns the headline and, under it, every measure, skipped and failed instruments included."""
    about = _about(snapshot)
    if not about:
        return []
    lines = [_card_line(snapshot, headline)]
    lines += [_line(snapshot, measure, about[measure.instrument]) for measure in read_measures(snapshot)]
    lines += [
        ComparisonRow(NAMES[name], f"no figure: {facts['state']}", "–", "–", "–", str(facts["reason"]))
        for name, facts in about.items()
        if facts["state"] in ("skipped", "failed")
    ]
    if _has(snapshot, "benchmark"):
        lines.append(benchmark_line(snapshot, about["benchmark"]))
    return lines


def brief_lines(snapshot: SnapshotLike) -> list[str]:
    """Returns one short line for each measure and each instrument that gave nothing, for a terminal."""
    about = _about(snapshot)
    lines = []
    for measure in read_measures(snapshot):
        mark = f" ({REPLICA_MARK})" if is_replica(about[measure.instrument]) else ""
        top = [f"{_name(snapshot, p)} {percent(p.share)}" for p in _top(measure)]
        lines.append(f"{measure.instrument}, {measure.name}: {', '.join(top)} of {count(measure.base)}{mark}")
    for name, facts in about.items():
        if facts["state"] != "read":
            lines.append(f"{name}: {facts['state']}" + (f" ({facts['reason']})" if "reason" in facts else ""))
    if _has(snapshot, "benchmark"):
        lines.append(f"benchmark: {plural(about['benchmark']['runs'], 'run')} at commit {about['benchmark']['commit']}")
    return lines


def side_by_side_md(lines: list[ComparisonRow]) -> list[str]:
    """Returns the table as Markdown lines."""
    if not lines:
        return []
    return [
        "",
        "## Other instruments, side by side",
        "",
        "Each figure has a denominator of its own; they are never averaged.",
        "",
        "| where | figure | of what | range | date | coverage |",
        "|---|---|---|---|---|---|",
        *(
            f"| {line.where} | {line.figure} | {line.base} | {line.range} | {line.date} | "
            f"{line.coverage}{f'. {line.remark}' if line.remark else ''} |"
            for line in lines
        ),
    ]


def _about(snapshot: SnapshotLike) -> Mapping[str, Any]:
    about: Mapping[str, Any] = snapshot.manifest.instruments
    return about


def _has(snapshot: SnapshotLike, table: str) -> bool:
    return table in snapshot.manifest.tables


def _top(measure: Measure) -> tuple[InstrumentShare, ...]:
    return tuple(part for part in measure.parts if part.numerator)[:TOP]


def _name(snapshot: SnapshotLike, part: InstrumentShare) -> str:
    return technique_name(snapshot, part.technique)


def _days(measure: Measure) -> str:
    return measure.first if measure.first == measure.last else f"{measure.first} to {measure.last}"


def is_replica(facts: Mapping[str, Any]) -> bool:
    """Says whether a test server gave the answers."""
    return "replica" in str(facts.get("endpoint", ""))


def _unit(measure: Measure) -> str:
    return "repositories" if measure.name == "repositories" else UNITS[measure.instrument]


def _coverage(snapshot: SnapshotLike, measure: Measure, facts: Mapping[str, Any]) -> str:
    """Returns what was read and what is missing, in words."""
    parts = []
    if measure.instrument == "civitai":
        asked = "every model listed" if facts["whole"] else f"the first {count(facts['models'])} models"
        if facts["state"] == "partial":
            asked = "part of the listing (broke off)"
        kinds = "all types" if facts["types"] == "all" else "types " + ", ".join(facts["types"])
        parts.append(f"{asked}, {kinds}, order {facts['sort']}, all levels")
    elif measure.name == "repositories":
        sample = facts["sample"]
        frame = sum(f["files_in_frame"] or 0 for f in sample["frames"].values())
        read = snapshot.manifest.tables["github_imports"].rows
        parts.append(f"{count(read)} of about {count(frame)} files, slices by file size, seed {sample['seed']}")
    else:
        readings = facts["readings"]
        parts.append(f"median of {count(facts['readings_wanted'])} readings")
        unused = sum(readings[s] for s in ("incomplete", "refused", "failed"))
        parts += [f"{plural(unused, 'reading')} not used"] if unused else []
        parts += [f"no usable reading for {', '.join(measure.missing)}"] if measure.missing else []
        calibration = read_calibration(snapshot, measure)
        if calibration:
            parts.append(
                f"calibration in {calibration.scope}: GitHub shows {count(calibration.reported)} files where a "
                f"checkout holds {count(calibration.counted)}"
            )
    return "; ".join(parts)


def _line(snapshot: SnapshotLike, measure: Measure, facts: Mapping[str, Any]) -> ComparisonRow:
    top = _top(measure)
    first = top[0] if top else None
    remark = REPLICA_MARK if is_replica(facts) else ""
    if measure.instrument == "civitai":
        remark = f"{LOCON} {remark}".strip()
    return ComparisonRow(
        where=f"{NAMES[measure.instrument]}, {MEASURES[measure.name]}",
        figure=", ".join(f"{_name(snapshot, p)} {percent(p.share)}" for p in top) or "no technique found",
        base=f"{count(measure.base)} {measure.base_meaning}",
        range=f"{interval(first.low, first.high)} ({measure.method})" if first else "–",
        date=_days(measure),
        coverage=_coverage(snapshot, measure, facts),
        remark=remark,
    )


def _card_line(snapshot: SnapshotLike, headline: Claim) -> ComparisonRow:
    figure = "no share" if headline.share is None else f"{headline.name} {percent(headline.share)}"
    low, high = headline.low, headline.high
    return ComparisonRow(
        where="Model cards, rule exactly_one",
        figure=figure,
        base=f"{count(headline.base)} cards that cite exactly one technique",
        range="–" if low is None or high is None else f"{interval(low, high)} ({headline.method})",
        date=card_span(snapshot),
        coverage=f"{count(snapshot.manifest.cards.with_text)} of {count(snapshot.manifest.cards.rows)} "
        "models listed have a card with text",
        remark=SPECIMEN_MARK if headline.specimen else "",
    )


def _claim(snapshot: SnapshotLike, measure: Measure, part: InstrumentShare, facts: Mapping[str, Any]) -> Claim:
    name, unit, where = _name(snapshot, part), _unit(measure), NAMES[measure.instrument]
    mark = f"{REPLICA_MARK}. " if is_replica(facts) else ""
    share, ends = percent(part.share), interval(part.low, part.high)
    remark = f" {LOCON}" if part.technique == "locon" else ""
    finding = f"{share} of {measure.base_meaning} on {where} go to {name}"
    said = (
        f"On {where} ({_days(measure)}) {count(part.numerator)} of {count(measure.base)} {measure.base_meaning} "
        f"({share}) fall to {name} ({measure.method} {ends}; {_coverage(snapshot, measure, facts)}; "
        f"peft_census, snapshot {snapshot.id}).{remark}"
    )
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
        quote=f"{mark}{said}",
        misquote=f"{share} of fine-tuning uses {name}.",
        why_not=WHY_NOT[measure.instrument],
        caveat=f"The range covers the {unit} that were read, not what {where} does not list.{remark}",
        title=finding,
        subtitle=f"n = {count(measure.base)} {measure.base_meaning}.",
        source_line=f"Source: {where} · {_days(measure)} · snapshot {snapshot.id}",
        alt_text=f"{mark}{finding}: {count(part.numerator)} of {count(measure.base)}, {measure.method} {ends}.",
        snapshot_id=snapshot.id,
        specimen=is_replica(facts),
    )


def is_beside(claim: Claim) -> bool:
    """Tells the claims of instruments from those of the cards."""
    return claim.kind in ("instrument", "benchmark") and claim.id != HEADLINE
