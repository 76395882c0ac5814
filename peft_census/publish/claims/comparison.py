"""The table that compares model cards with other data sources.

In: a snapshot and its headline. Out: rows of text, their Markdown, and short lines for a terminal. A data source that
was skipped or failed is a row with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from peft_census.publish.claims.benchmark import NAME, best_runs_text
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.instruments import (
    LOCON,
    MEASURES,
    NAMES,
    days_text,
    instrument_coverage,
    is_replica,
    largest,
    shares_text,
)
from peft_census.publish.measures import Measure, read_measures
from peft_census.publish.snapshot_reader import REPLICA_MARK, SPECIMEN_MARK, card_span
from peft_census.publish.text.numbers import count, percent, plural
from peft_census.publish.text.table import Table
from peft_census.publish.text.wording import interval_text
from peft_census.snapshot.instruments import BenchmarkDescription, Description, NotRead
from peft_census.snapshot.snapshot import Snapshot


class ComparisonRow(NamedTuple):
    """One figure with its base and everything that limits it, as text."""

    source: str
    figure: str
    base: str
    range: str
    date: str
    coverage: str


def comparison_rows(snapshot: Snapshot, headline: Claim) -> list[ComparisonRow]:
    """Returns the headline and every other data source; nothing if there is no other."""
    about = snapshot.manifest.instruments
    if not about:
        return []
    rows = [_card_row(snapshot, headline)]
    rows += [_measure_row(snapshot, measure, about[measure.instrument]) for measure in read_measures(snapshot)]
    rows += [
        ComparisonRow(NAMES[name], f"no figure: {found.state.replace('_', ' ')}", "–", "–", "–", found.reason)
        for name, found in about.items()
        if isinstance(found, NotRead)
    ]
    rows += [
        ComparisonRow(NAMES[name], "no figure: partial", "–", "–", "–", "a part of a source does not give its share")
        for name, found in about.items()
        if found.state == "partial"
    ]
    benchmark = about.get("benchmark")
    if isinstance(benchmark, BenchmarkDescription):
        rows.append(_benchmark_row(snapshot, benchmark))
    return rows


def comparison_md(rows: Sequence[ComparisonRow]) -> list[str]:
    """Returns the table as Markdown lines."""
    if not rows:
        return []
    return [
        "## Other data sources",
        "",
        "Each figure has its own base. The figures are never averaged.",
        "",
        *Table(ComparisonRow._fields, rows).markdown(),
        "",
    ]


def instrument_lines(snapshot: Snapshot) -> list[str]:
    """Returns one short line for each measure and each data source without a figure, for a terminal."""
    about = snapshot.manifest.instruments
    lines = []
    for measure in read_measures(snapshot):
        mark = f" ({REPLICA_MARK})" if is_replica(about[measure.instrument]) else ""
        shares = shares_text(snapshot, measure)
        lines.append(f"{measure.instrument}, {measure.name}: {shares} of {count(measure.base)}{mark}")
    for name, found in about.items():
        if isinstance(found, NotRead):
            lines.append(f"{name}: {found.state.replace('_', ' ')} ({found.reason})")
        elif isinstance(found, BenchmarkDescription):
            lines.append(f"benchmark: {plural(found.runs, 'run')} at commit {found.commit}")
        elif found.state != "read":
            lines.append(f"{name}: {found.state}")
    return lines


def _card_row(snapshot: Snapshot, headline: Claim) -> ComparisonRow:
    cards = snapshot.manifest.cards
    bounds = "–"
    if headline.low is not None and headline.high is not None:
        bounds = interval_text(headline.low, headline.high, headline.method, headline.effective_n)
    return ComparisonRow(
        source="Model cards, rule exactly_one",
        figure="no share" if headline.share is None else f"{headline.name} {percent(headline.share)}",
        base=f"{count(headline.base)} cards that cite exactly one technique",
        range=interval_text(headline.low or 0, headline.high or 0, headline.method, headline.effective_n)
        if bounds
        else "–",
        date=card_span(snapshot),
        coverage=_sentences(
            f"{count(cards.with_text)} of {count(cards.rows)} models listed have a card with text",
            SPECIMEN_MARK if headline.specimen else "",
        ),
    )


def _measure_row(snapshot: Snapshot, measure: Measure, description: Description) -> ComparisonRow:
    first = next(iter(largest(measure)), None)
    return ComparisonRow(
        source=f"{NAMES[measure.instrument]}, {MEASURES[measure.name]}",
        figure=shares_text(snapshot, measure) or "no technique found",
        base=f"{count(measure.base)} {measure.base_meaning}",
        range=interval_text(first.low, first.high, measure.method) if first else "–",
        date=days_text(measure),
        coverage=_sentences(
            instrument_coverage(snapshot, measure, description),
            LOCON if measure.instrument == "civitai" else "",
            REPLICA_MARK if is_replica(description) else "",
        ),
    )


def _benchmark_row(snapshot: Snapshot, benchmark: BenchmarkDescription) -> ComparisonRow:
    days = sorted(str(d)[:10] for d in snapshot.table("benchmark")["run_at"].to_pylist() if d)
    return ComparisonRow(
        source=NAME,
        figure=best_runs_text(snapshot),
        base=f"{plural(benchmark.runs, 'run')}, one seed each; not a share",
        range="none: one run each",
        date=f"runs {days[0]} to {days[-1]}" if days else "–",
        coverage=f"commit {benchmark.commit or 'unknown'}. Contributors chose the settings. The results show no cause.",
    )


def _sentences(*parts: str) -> str:
    return ". ".join(part.removesuffix(".") for part in parts if part)
