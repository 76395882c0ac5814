"""The page: one HTML file that holds all of a snapshot's numbers and needs nothing else.

In: snapshot, claims, charts. Out: ``report.html``, readable without script and without a single outside request. Every
text is escaped by the template engine, card-derived or not; an unknown name in the template is an error. The one
script, the search of ``lookup``, is let through by its hash.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from peft_census.count import parse_rule
from peft_census.count.rules import SWITCHES
from peft_census.errors import output_error
from peft_census.publish.charts import Missing
from peft_census.publish.charts.draw import Drawn
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.instruments import is_beside, side_by_side
from peft_census.publish.claims.shares import COVERAGE, HEADLINE
from peft_census.publish.report.evidence import read_coverage, read_examples
from peft_census.publish.report.search import read_lookup
from peft_census.publish.snapshot_reader import (
    SPECIMEN_MARK,
    Share,
    SnapshotLike,
    clean,
    read_shares,
    root_name,
    select,
    source_line,
    technique_name,
)
from peft_census.publish.text.numbers import count, interval, percent
from peft_census.publish.text.wording import base_words, counting

SIX = (
    "exactly_one",
    "any",
    "fractional",
    "exactly_one/variants_separate",
    "any/variants_separate",
    "fractional/variants_separate",
)
"""The rules that stand side by side on the page."""

LEADING = 4
"""Techniques taken from the top of every way to count into the side-by-side table."""

Cell = dict[str, str]


def write_report(
    snapshot: SnapshotLike,
    claims: Sequence[Claim],
    drawn: Sequence[Drawn],
    missing: Sequence[Missing],
    out: Path,
    change: Mapping[str, Any] | None = None,
) -> Path:
    """Writes the page to ``out`` and returns it.

    Args:
        snapshot: what it is about.
        claims: all of the snapshot's.
        drawn: its charts, the headline's among them.
        missing: the charts that it has no material for.
        out: the file.
        change: what changed since an earlier snapshot, as ``difference.change_section`` tells it.

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
    environment.filters["tight"] = _tight
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    page = environment.get_template("report.html.j2").render(
        _context(snapshot, claims, drawn, missing) | {"change": change}
    )
    try:
        out.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise output_error(out, error) from error
    return out


def _context(
    snapshot: SnapshotLike, claims: Sequence[Claim], drawn: Sequence[Drawn], missing: Sequence[Missing]
) -> dict[str, Any]:
    """Returns everything the template may name; numbers are words already."""
    shares = read_shares(snapshot)
    first = next(c for c in claims if c.id == HEADLINE)
    big = "" if first.share is None else percent(first.share)
    return {
        "headline": first,
        "big": big,
        "finding": first.title.removeprefix(big).lstrip(),
        "coverage": next(c for c in claims if c.id == COVERAGE),
        "claims": [c for c in claims if c.kind == "share" and c.id != HEADLINE],
        "beside": side_by_side(snapshot, first),
        "beside_claims": [c for c in claims if is_beside(c)],
        "figures": {d.chart.name: _figure(d, out_of=first) for d in drawn},
        "missing": missing,
        "specimen_mark": SPECIMEN_MARK if snapshot.manifest.specimen else "",
        "source_line": source_line(snapshot),
        "ways": [_way(shares, rule) for rule in SIX],
        "variants": {word: option.meaning for word, option in SWITCHES["variants"].options.items()},
        "side_by_side": _side_by_side(snapshot, shares),
        "full": [(rule, _full(shares, rule)) for rule in dict.fromkeys(s.rule for s in shares)],
        "rules": [_rule(shares, rule) for rule in dict.fromkeys(s.rule for s in shares)],
        "examples": read_examples(snapshot, first.technique) if first.technique else [],
        "sources": read_coverage(snapshot),
        "lookup": read_lookup(snapshot),
        "has_models": not snapshot.manifest.aggregate,
        "snapshot_id": snapshot.id,
        "provenance": _provenance(snapshot),
        "tables": sorted(snapshot.manifest.tables.items()),
    }


def _way(shares: list[Share], rule: str) -> Cell:
    rows = select(shares, rule)
    return {"rule": parse_rule(rule).vote, "base": count(rows[0].base) if rows else "0"}


def _rule(shares: list[Share], rule: str) -> Cell:
    first = select(shares, rule)[0]
    return {"name": rule, "base": base_words(first.way, first.base, first.cards), "counted": counting(first.way)}


def _side_by_side(snapshot: SnapshotLike, shares: list[Share]) -> list[tuple[str, list[Cell]]]:
    """Returns the leading techniques of any way to count, each with one cell for every way."""
    found = {(s.rule, s.technique): s for s in reversed(shares)}
    leading = dict.fromkeys(s.technique for rule in SIX for s in select(shares, rule)[:LEADING])
    table = []
    for technique in leading:
        root = root_name(snapshot, technique)
        cells = []
        for rule in SIX:
            share = found.get((rule, technique))
            if share:
                cells.append({"share": percent(share.share), "n": count(share.numerator)})
            else:
                cells.append({"share": f"in {root}" if root and "variants_separate" not in rule else "–", "n": ""})
        table.append((technique_name(snapshot, technique), cells))
    return table


def _full(shares: list[Share], rule: str) -> list[Cell]:
    """Returns every technique that got a vote under ``rule``."""
    return [_cell(share) for share in select(shares, rule)]


def _cell(share: Share) -> Cell:
    return {
        "name": share.name,
        "n": count(share.numerator),
        "share": percent(share.share),
        "interval": interval(share.low, share.high),
    }


def _provenance(snapshot: SnapshotLike) -> list[tuple[str, str]]:
    """Returns what a reader needs to get the same numbers again."""
    manifest = snapshot.manifest
    source = manifest.source
    facts = [
        ("Snapshot", snapshot.id),
        ("Source", source.label),
        ("Kind of source", source.kind),
        ("Revision of the source", source.revision or "none: a bulk file has no revision"),
        ("Content of the source (SHA-256)", source.content_sha256),
        *((f"Source, {key.replace('_', ' ')}", value) for key, value in sorted(source.details.items())),
        ("Taxonomy (SHA-256)", manifest.taxonomy.sha256),
        ("Generators (SHA-256)", manifest.generators_sha256),
        ("Corrections (SHA-256)", manifest.corrections_sha256),
        ("Tagger version", manifest.tagger_version),
        ("Rules version", manifest.rules_version),
        ("Schema version", manifest.schema_version),
    ]
    return [(clean(str(name)), clean(str(value))) for name, value in facts]


def _figure(drawn: Drawn, out_of: Claim) -> dict[str, Any]:
    """Returns a chart for the template: its images as data URIs, for an image cannot run what a name may smuggle in."""
    claim, name = drawn.chart.claim, drawn.chart.name
    images = {key: _uri(getattr(drawn, key), "image/svg+xml") for key in ("wide", "wide_dark", "narrow", "narrow_dark")}
    data = drawn.wide.with_name(f"{name}.csv")
    return {**images, "claim": claim, "data": _uri(data, "text/csv"), "file": data.name, "first": claim.id == out_of.id}


def _uri(file: Path, kind: str) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise output_error(file, error) from error
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _tight(text: str) -> str:
    """Returns ``text`` with number and per cent sign kept on one line."""
    return text.replace(" %", "\u00a0%")
