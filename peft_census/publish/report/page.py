"""The page ``report.html``: all numbers of a snapshot in one HTML file.

In: snapshot, claims, charts. Out: a file that is readable without scripts and makes no request. The template engine
escapes every text, and an unknown name in the template is an error. The content security policy allows two scripts, the
table and the search, by their hashes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from peft_census.count import parse_rule
from peft_census.count.rules import SWITCHES
from peft_census.errors import output_error
from peft_census.publish.charts import registry
from peft_census.publish.charts.draw import Drawn
from peft_census.publish.charts.spec import Missing
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.comparison import comparison_rows
from peft_census.publish.claims.instruments import is_instrument_claim
from peft_census.publish.claims.shares import HEADLINE, coverage_of, headline_of
from peft_census.publish.report.evidence import read_coverage, read_examples
from peft_census.publish.report.explore import read_explore
from peft_census.publish.report.search import policy, read_lookup
from peft_census.publish.snapshot_reader import (
    SPECIMEN_MARK,
    Share,
    clean,
    read_shares,
    root_name,
    select,
    source_line,
    technique_name,
)
from peft_census.publish.text.difference import ChangeSection
from peft_census.publish.text.numbers import count, interval, percent, percent_label, size_text
from peft_census.publish.text.table import Table
from peft_census.publish.text.wording import base_text, capitalized, counting_text
from peft_census.snapshot.snapshot import Snapshot

COMPARED = {
    variants: [parse_rule(f"{vote}/{variants}").name for vote in SWITCHES["vote"].options]
    for variants in SWITCHES["variants"].options
}
"""How variants count to the rules that the table of rules shows for it."""

TREND, BREAKDOWN = "Over time", "By task, library and base model"
"""Sections of charts that stand open on the page."""

LEADING = 4
"""Techniques taken from the top of every rule into the table of rules."""


@dataclass(frozen=True)
class RuleSection:
    """One rule on the page: its name, its base, how it counts, and the shares of all techniques."""

    name: str
    base: str
    counting: str
    table: Table


def write_report(
    snapshot: Snapshot,
    claims: Sequence[Claim],
    drawn: Sequence[Drawn],
    missing: Sequence[Missing],
    out: Path,
    change: ChangeSection | None = None,
) -> Path:
    """Writes the page to ``out`` and returns it.

    Args:
        snapshot: what it is about.
        claims: all claims of the snapshot.
        drawn: its charts.
        missing: charts without data.
        out: the file.
        change: the change since an earlier snapshot.

    Raises:
        OutputError: the file cannot be written.
    """
    environment = Environment(
        loader=PackageLoader("peft_census.publish.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    context = _context(snapshot, claims) | _charts(drawn) | {"missing": missing, "change": change}
    page = environment.get_template("report.html.j2").render(context)
    try:
        out.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise output_error(out, error) from error
    return out


def _context(snapshot: Snapshot, claims: Sequence[Claim]) -> dict[str, Any]:
    """Returns everything that the template names, except charts; numbers are text already."""
    shares, first = read_shares(snapshot), headline_of(claims)
    lookup, explore = read_lookup(snapshot), read_explore(snapshot)
    big = "" if first.share is None else capitalized(percent(first.share))
    return {
        "headline": first,
        "big": big,
        "finding": first.title.removeprefix(big).lstrip(),
        "coverage": coverage_of(claims),
        "claims": [c for c in claims if c.kind == "share" and c.id != HEADLINE],
        "comparison": Table(
            ("Source", "Figure", "Base", "Range", "Date", "Coverage"), comparison_rows(snapshot, first)
        ),
        "instrument_claims": [c for c in claims if is_instrument_claim(c)],
        "specimen_mark": SPECIMEN_MARK if snapshot.manifest.specimen else "",
        "source_line": source_line(snapshot),
        "compared": _compared(shares),
        "leading": _leading(snapshot, shares),
        "rules": [_rule(select(shares, rule)) for rule in dict.fromkeys(s.rule for s in shares)],
        "examples": read_examples(snapshot, first.technique),
        "sources": read_coverage(snapshot),
        "lookup": lookup,
        "explore": explore,
        "policies": [policy(script) for script in (explore.script, lookup.script) if script],
        "trend": TREND,
        "breakdown": BREAKDOWN,
        "has_models": not snapshot.manifest.aggregate,
        "snapshot_id": snapshot.id,
        "provenance": _provenance(snapshot),
        "tables": _tables(snapshot),
    }


def _charts(drawn: Sequence[Drawn]) -> dict[str, Any]:
    """Returns the figures by the heading of their section, in the order of the registry."""
    figures = {d.chart.name: figure(d) for d in drawn}
    sections: dict[str, list[dict[str, Any]]] = {}
    for chart in registry.CHARTS:
        sections.setdefault(chart.section, []).extend([figures[chart.name]] if chart.name in figures else [])
    return {"charts": sections}


def _compared(shares: list[Share]) -> list[dict[str, Any]]:
    """Returns for each way to count variants its label, its meaning, and the votes and bases of its rules."""
    groups = []
    for variants, rules in COMPARED.items():
        option = SWITCHES["variants"].options[variants]
        bases = [next((count(s.base) for s in shares if s.rule == rule), "0") for rule in rules]
        votes = [parse_rule(rule).vote for rule in rules]
        groups.append({"label": option.short, "meaning": option.meaning, "votes": votes, "bases": bases})
    return groups


def _leading(snapshot: Snapshot, shares: list[Share]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Returns the leading techniques of any rule, each with share and votes under every rule of ``COMPARED``."""
    found = {(s.rule, s.technique): s for s in shares}
    rules = [(variants, rule) for variants, names in COMPARED.items() for rule in names]
    leading = dict.fromkeys(s.technique for _, rule in rules for s in select(shares, rule)[:LEADING])
    table = []
    for technique in leading:
        root = root_name(snapshot, technique)
        cells = []
        for variants, rule in rules:
            share = found.get((rule, technique))
            if share:
                cells.append((percent_label(share.share), count(share.numerator)))
            else:
                cells.append((f"in {root}" if root and variants == "variants_grouped" else "–", ""))
        table.append((technique_name(snapshot, technique), cells))
    return table


def _rule(shares: list[Share]) -> RuleSection:
    first, rule = shares[0], shares[0].parsed_rule
    rows = [
        (s.name, count(s.numerator), percent_label(s.share), interval(s.low, s.high), size_text(s.effective_n))
        for s in shares
    ]
    table = Table(("Technique", "votes", "share", "95% interval", "effective n"), rows, right=(1, 2, 3, 4))
    return RuleSection(first.rule, base_text(rule, first.base, first.cards), counting_text(rule), table)


def _provenance(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Returns what a reader needs to reproduce the numbers."""
    manifest = snapshot.manifest
    source = manifest.source
    facts = [
        ("Snapshot", snapshot.id),
        ("Source", source.label),
        ("Kind of source", source.kind),
        ("Revision of the source", source.revision or "none: a bulk file has no revision"),
        ("Content of the source (SHA-256)", source.content_sha256),
        *((f"Source, {key.replace('_', ' ')}", _detail(value)) for key, value in sorted(source.details.items())),
        ("Taxonomy (SHA-256)", manifest.taxonomy.sha256),
        ("Generators (SHA-256)", manifest.generators_sha256),
        ("Corrections (SHA-256)", manifest.corrections_sha256),
        ("Tagger version", manifest.tagger_version),
        ("Rules version", manifest.rules_version),
        ("Schema version", manifest.schema_version),
    ]
    return [(clean(str(name)), clean(str(value))) for name, value in facts]


def _detail(value: object) -> object:
    """Returns a detail of the source as text: what a dictionary or a list holds, separated by commas."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_detail(found)}" for key, found in value.items())
    return ", ".join(str(_detail(found)) for found in value) if isinstance(value, list | tuple) else value


def _tables(snapshot: Snapshot) -> Table:
    rows = [(name, count(t.rows), count(t.bytes), t.sha256) for name, t in sorted(snapshot.manifest.tables.items())]
    return Table(("Table", "Rows", "Bytes", "SHA-256"), rows, right=(1, 2))


def figure(drawn: Drawn) -> dict[str, Any]:
    """Returns a chart for the template, its images as data URIs, because an image cannot run a script."""
    claim, name = drawn.chart.claim, drawn.chart.name
    images = {key: _uri(getattr(drawn, key), "image/svg+xml") for key in ("wide", "wide_dark", "narrow", "narrow_dark")}
    file = drawn.wide.with_name(f"{name}.csv")
    return {**images, "name": name, "claim": claim, "data": _uri(file, "text/csv"), "file": file.name}


def _uri(file: Path, kind: str) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise output_error(file, error) from error
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
