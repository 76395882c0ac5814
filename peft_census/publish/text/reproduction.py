"""Renders the report of a reproduction as text, Markdown, CSV and JSON.

In: a ``Report``. Out: strings and files. Names of sources are untrusted: Markdown and CSV are escaped, and characters
that a terminal interprets are replaced.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from peft_census.count.attempts import Attempt, ChangeEffect
from peft_census.count.nearness import MIN_FACTOR
from peft_census.count.placebo import DRAWS, MIN_VOTES, NEAR, Placebo
from peft_census.count.reproduction import DECLARED, CountedSource, Figure, PlannedRevision, ReadingPlan, Report
from peft_census.publish.snapshot_reader import SPECIMEN_MARK
from peft_census.publish.text.numbers import count, factor_text, percent_label, plural, signed, votes_text
from peft_census.publish.text.table import Table, markdown_safe
from peft_census.snapshot.files import refuse_other_files, replaced_folder
from peft_census.snapshot.records import to_json

MEASURE = (
    "off by ×F: the ratio of our count of cards with the technique to the published one, times the same ratio for "
    "cards with another technique, each inverted where it is below 1. ×1.00 means that both are the published counts. "
    "odds ×F compares the two shares only, whatever the number of cards, for the case that the published cards are a "
    "sample."
)
CLOSES = (
    "closes: the part of the difference between rule exactly_one and the published counts that a change removes, on "
    "the logarithm of ×F; below zero the change leads away. It is left out where that difference is below "
    f"×{MIN_FACTOR}."
)
CAUTION = (
    "A near count is a possible explanation, not a proof: {n} ways of counting were tried and gave {distinct} distinct "
    "counts, and among so many some come near by chance. Rule exactly_one was declared beforehand."
)

_CHANGE_COLUMNS = (
    "source", "group", "change", "rule", "numerator", "others", "base", "share", "diff_numerator", "diff_others",
    "diff_base", "diff_points", "factor", "odds", "cards_moved", "closes",
)  # fmt: skip
_MAX_NOTE = 60


@dataclass(frozen=True)
class Section:
    """One part of the report: a title, a table, paragraphs and a list."""

    title: str
    table: Table | None = None
    paragraphs: Sequence[str] = ()
    items: Sequence[str] = ()

    def text(self) -> Iterator[str]:
        """Yields the lines for a terminal."""
        yield from ("", self.title)
        yield from self.table.text("  ") if self.table else ()
        for paragraph in self.paragraphs:
            yield ""
            yield from textwrap.wrap(paragraph, 110, initial_indent="  ", subsequent_indent="  ")
        yield from (f"  - {item}" for item in self.items)

    def markdown(self) -> Iterator[str]:
        """Yields the lines in Markdown."""
        yield from ("", f"## {markdown_safe(self.title[0].upper() + self.title[1:])}")
        yield from ("", *self.table.markdown()) if self.table else ()
        for paragraph in self.paragraphs:
            yield from ("", markdown_safe(paragraph))
        yield from ("", *(f"- {markdown_safe(item)}" for item in self.items)) if self.items else ()


def reproduction_text(report: Report, top: int) -> str:
    """Returns the report for a terminal, with ``top`` rows of each table."""
    lines = [SPECIMEN_MARK, ""] if report.specimen else []
    lines += _published(report)
    for section in _sections(report, top):
        lines += section.text()
    return _printable(lines)


def reproduction_md(report: Report, top: int) -> str:
    """Returns the report as Markdown, with ``top`` rows of each table."""
    lines = [f"# Comparison with a published figure: {markdown_safe(report.publication.title)}", ""]
    lines += [f"> **{SPECIMEN_MARK}**", ""] if report.specimen else []
    lines += [f"{markdown_safe(line)}  " for line in _published(report)]
    for section in _sections(report, top):
        lines += section.markdown()
    return _printable(lines) + "\n"


def reproduction_json(report: Report) -> dict[str, Any]:
    """Returns the report for JSON; docs/development/reproduction.md explains its keys."""
    publication = to_json(report.publication)
    del publication["figures"]
    return {
        "publication": publication,
        "figure": to_json(report.figure),
        "technique_name": report.technique_name,
        "beside": to_json(report.other_figures),
        "measure": MEASURE,
        "closes": CLOSES,
        "caution": _caution(report),
        "placebos": to_json(report.placebos),
        "specimen": report.specimen,
        "rules": report.rules,
        "walk": to_json(report.walk),
        "sources": to_json(report.sources),
        "first": report.first,
        "remark": report.remark,
        "attempts": [attempt.row() for attempt in report.attempts],
        "changes": [change.row() for change in report.changes],
        "not_known": list(report.figure.not_published),
        "gaps": report.gaps,
    }


def write_reproduction(report: Report, out: Path, top: int) -> list[Path]:
    """Writes the report as Markdown, CSV and JSON into the folder ``out`` and returns the files.

    The folder of an earlier run is replaced; one with other files is refused.

    Raises:
        OutputError: ``out`` has other files, or cannot be written.
    """
    facts = reproduction_json(report)
    texts = {
        "reproduction.md": reproduction_md(report, top),
        "attempts.csv": Table.of(list(facts["attempts"][0]), facts["attempts"]).csv(),
        "changes.csv": Table.of(_CHANGE_COLUMNS, facts["changes"]).csv(),
        "reproduction.json": json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
    }
    refuse_other_files(out, texts, "reproduce")
    with replaced_folder(out) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return [out / name for name in texts]


def plan_text(plan: ReadingPlan) -> str:
    """Returns what a run would read, for a terminal."""
    lines = [f"would read {plan.what}"]
    if plan.revisions:
        head = ("revision", "committed", "days", "files", "MB", "MB to download", "")
        lines += Table(head, [_plan_row(row) for row in plan.revisions], right=(2, 3, 4, 5)).text("  ")
        lines.append(f"to download: {plan.bytes / 1e6:,.1f} MB in {plural(plan.files, 'file')}")
        lines.append(f"this plan took {plural(plan.requests, 'request')}; no card was fetched")
    return _printable(lines)


def _plan_row(row: PlannedRevision) -> list[str]:
    sizes = [count(row.files), f"{row.size / 1e6:,.1f}", f"{row.missing_bytes / 1e6:,.1f}"]
    return [
        row.revision[:12],
        row.committed[:10],
        f"{row.days:+d}",
        *(sizes if row.state != "missing" else ["", "", ""]),
        row.note,
    ]


def _published(report: Report) -> list[str]:
    publication, figure = report.publication, report.figure
    numerator, denominator = figure.numerator or 0, figure.denominator or 0
    return [
        f"{publication.publisher}, {publication.published}: {publication.title}",
        f"published: {count(numerator)} of {count(denominator)} {figure.of} name {report.technique_name} "
        f"({figure.percent}%), {count(denominator - numerator)} name another",
        "This report compares ways of counting with the published count. How that count was made is not published.",
    ]


def _sections(report: Report, top: int) -> Iterator[Section]:
    head = ("source", "committed", "days", "models", "with card", "newest", "")
    sources = Table(head, [_source_row(source) for source in report.sources], right=(2, 3, 4, 5))
    yield Section("sources", sources, [report.remark] if report.remark else [], report.gaps)
    declared = [a for name in DECLARED for a in report.attempts if (a.rule, a.source) == (name, report.first)]
    yield Section(
        f"declared beforehand, on {report.first}",
        _attempt_table(report, [_attempt_row(report, attempt, attempt.near.factor) for attempt in declared]),
    )
    by_counts, by_share = report.placebos
    yield Section(
        f"nearest of {by_counts.distinct:,} distinct counts ({by_counts.attempts:,} ways of counting) by both counts",
        _nearest(report, top, lambda attempt: attempt.near.factor, 0),
        [_placebo_text(by_counts)],
    )
    yield Section(
        f"nearest by share alone (odds), of at least {MIN_VOTES} votes",
        _nearest(report, top, lambda attempt: attempt.near.odds or 0, MIN_VOTES),
        [_placebo_text(by_share), MEASURE, _caution(report)],
    )
    yield Section(
        f"what would explain the difference: single changes to rule exactly_one on {report.first}",
        _change_table(report, top),
        [CLOSES],
    )
    yield Section("not published, and not recoverable from the cards", items=report.figure.not_published)
    yield Section("other figures of the publication, not counted here", items=list(map(_figure, report.other_figures)))


def _caution(report: Report) -> str:
    return CAUTION.format(n=count(len(report.attempts)), distinct=count(report.placebos[0].distinct))


def _placebo_text(placebo: Placebo) -> str:
    """Returns how often chance alone comes as near."""
    if placebo.nearest is None or placebo.as_near is None or placebo.within is None:
        return f"chance: no way of counting has {MIN_VOTES} votes."
    return (
        f"chance: of {count(DRAWS)} placebo targets drawn evenly from the range of these {count(placebo.distinct)} "
        f"distinct counts, {percent_label(placebo.as_near)} have one as near as the published target has "
        f"({factor_text(placebo.nearest)}), and {percent_label(placebo.within)} have one within ×{NEAR}."
    )


def _source_row(source: CountedSource) -> list[str]:
    note = "" if source.state == "read" else f"{source.state}: {source.reason}"
    return [
        source.name,
        str(source.committed or "not known")[:10],
        "" if source.days is None else f"{source.days:+d}",
        *("" if n is None else count(n) for n in (source.cards, source.with_text)),
        source.newest or "",
        note if len(note) <= _MAX_NOTE else f"{note[: _MAX_NOTE - 1]}…",
    ]


def _attempt_table(report: Report, rows: list[list[str]]) -> Table:
    name = report.technique_name
    head = ("off by", name, "others", "of", "share", f"Δ{name}", "Δothers", "Δpoints", "rule")
    return Table(head, rows, right=range(8))


def _nearest(report: Report, top: int, measure: Callable[[Attempt], float], min_base: int) -> Table:
    """Returns the attempts with the smallest ``measure``; attempts with equal counts are shown once."""
    attempts = [a for a in report.attempts if a.near.odds is not None and a.near.base >= min_base]
    groups: dict[tuple[str, float, float], list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda a: (measure(a), _complexity(a))):
        groups.setdefault((attempt.source, attempt.near.numerator, attempt.near.base), []).append(attempt)
    shown = [(min(group, key=_complexity), len(group) - 1) for group in list(groups.values())[:top]]
    return _attempt_table(report, [_attempt_row(report, a, measure(a), more) for a, more in shown])


def _complexity(attempt: Attempt) -> tuple[bool, int, str, str]:
    return (attempt.method == "naive", attempt.rule.count("/"), attempt.rule, attempt.source)


def _attempt_row(report: Report, attempt: Attempt, factor: float, more: int | None = None) -> list[str]:
    near = attempt.near
    source = f"{attempt.source}  " if more is not None and len(report.read) > 1 else ""
    unit = "" if attempt.unit == "cards" else f"  [{attempt.unit}]"
    equal = f"  (and {more:,} with equal counts)" if more else ""
    return [
        factor_text(factor),
        *map(votes_text, (near.numerator, near.others, near.base)),
        _share(near.share),
        signed(near.numerator - near.of_numerator),
        signed(near.others - (near.of_base - near.of_numerator)),
        "not known" if near.points is None else f"{near.points:+.2f}",
        f"{source}{attempt.rule}{unit}{equal}",
    ]


def _change_table(report: Report, top: int) -> Table:
    """Returns the changes on the first source by group, the group with the greatest effect first."""
    changes = [change for change in report.changes if change.source == report.first]
    changes.sort(key=lambda change: change.group)
    groups = [(name, sorted(group, key=_effect)) for name, group in groupby(changes, key=lambda change: change.group)]
    groups.sort(key=lambda group: (_effect(group[1][0]), group[0]))
    rows = [
        [name if number == 0 else "", *_change_row(change)]
        for name, group in groups
        for number, change in enumerate(group[:top])
    ]
    head = ("", "closes", "off by", report.technique_name, "others", "of", "share", "Δof", "change")
    return Table(head, rows, right=range(1, 8))


def _effect(change: ChangeEffect) -> float:
    return -(change.closes or 0.0)


def _change_row(change: ChangeEffect) -> list[str]:
    near = change.near
    return [
        "" if change.closes is None else f"{100 * change.closes:+.1f}%",
        factor_text(near.factor),
        *map(votes_text, (near.numerator, near.others, near.base)),
        _share(near.share),
        signed(change.cards_moved),
        change.change,
    ]


def _figure(figure: Figure) -> str:
    counts = "counts not published"
    if figure.numerator is not None and figure.denominator is not None:
        counts = f"{count(figure.numerator)} of {count(figure.denominator)}"
    printed = f"{figure.percent}%" if figure.percent is not None else percent_label(figure.share)
    instrument = f"; see census --with {figure.instrument}" if figure.instrument else ""
    return f"{printed} ({counts}) of {figure.of}: {figure.where}{instrument}"


def _share(share: float | None) -> str:
    return "not known" if share is None else percent_label(share)


def _printable(lines: Iterable[str]) -> str:
    """Returns the lines with every character that a terminal interprets replaced."""
    return "\n".join("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line) for line in lines)
