"""A report of a reproduction as text, Markdown, CSV and JSON.

In: the report of ``peft_census.pipeline.reproduce``. Out: strings and files. Nothing is counted here, nothing is
rounded but for people, and no card text comes by. Names from outside are shown as they are, harmlessly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from peft_census.errors import OutputError
from peft_census.publish.snapshot_reader import SPECIMEN_MARK
from peft_census.publish.text.numbers import count, percent, plural
from peft_census.publish.text.rows import harmless, share, signed, times, votes, wrapped
from peft_census.publish.text.table import Table, markdown_safe
from peft_census.snapshot.files import write_atomically

FILES = ("reproduction.md", "attempts.csv", "changes.csv", "reproduction.json")
"""What ``write_reproduction`` writes."""

DECLARED = (
    "exactly_one",
    "exactly_one/variants_separate",
    "exactly_one/include_names",
    "exactly_one/human_only",
    "exactly_one/peft_types",
    "exactly_one/deduplicated",
    "naive/substring/every_type/card",
    "naive/substring/first_types/card",
    "naive/word/every_type/card",
    "naive/word/no_words/card",
    "naive/word/first_types/card",
    "naive/written/no_words/card",
    "naive/word/every_type/front_matter",
    "naive/equal/every_type/tags",
)
"""Ways of counting that are always shown, however far off: the census's own, and what a script would do."""

_COUNTS = ("numerator", "others", "base", "share", "diff_numerator", "diff_others", "diff_base", "diff_points")
_ATTEMPT = ("source", "method", "rule", "meaning", "unit", *_COUNTS, "factor", "odds")
_CHANGE = ("source", "group", "change", "rule", *_COUNTS, "factor", "odds", "cards_moved", "closes")
_BRIEF = 60
_ENOUGH = 30
"""Votes that a share needs to be listed among the nearest by share."""


def reproduction_text(report: dict[str, Any], top: int) -> str:
    """Returns the report for a terminal.

    Args:
        report: as made by ``reproduction.make_report``.
        top: how many of the nearest ways of counting, and of the changes, to show.
    """
    lines = [SPECIMEN_MARK, ""] if report["specimen"] else []
    lines += [*_published(report), "", "read", *_table(_SOURCE_HEAD, _source_rows(report), (0, 1, 6)).text("  ")]
    if report["remark"]:
        lines += ["", *wrapped(report["remark"], "  ")]
    for title, rows in _attempt_blocks(report, top):
        lines += ["", title, *_table(_attempt_head(report), rows, (8,)).text("  ")]
    lines += ["", *wrapped(report["measure"], "  "), *wrapped(report["caution"], "  ")]
    lines += ["", f"what would explain the rest: single changes to rule exactly_one on {report['first']}"]
    lines += _table(_change_head(report), _change_rows(report, top), (0, 8)).text("  ")
    lines += ["", *wrapped(report["closes"], "  ")]
    lines += ["", "not known, and not to be had from the cards"]
    lines += [f"  - {line}" for line in report["not_known"]]
    lines += ["", "published beside it, and not counted here"]
    lines += [f"  - {line}" for line in _beside(report)]
    return "\n".join(harmless(line) for line in lines)


def reproduction_md(report: dict[str, Any], top: int) -> str:
    """Returns the report as Markdown; arguments as for ``reproduction_text``."""
    lines = [f"# How near: {markdown_safe(report['publication']['title'])}", ""]
    if report["specimen"]:
        lines += [f"> **{SPECIMEN_MARK}**", ""]
    lines += [f"{markdown_safe(line)}  " for line in _published(report)]
    lines += ["", "## Read", "", *_table(_SOURCE_HEAD, _source_rows(report), (0, 1, 6)).markdown()]
    lines += ["", markdown_safe(report["remark"])] if report["remark"] else []
    lines += ["", *(f"- gap: {markdown_safe(gap)}" for gap in report["gaps"])] if report["gaps"] else []
    for title, rows in _attempt_blocks(report, top):
        lines += ["", f"## {title[0].upper()}{markdown_safe(title[1:])}", ""]
        lines += _table(_attempt_head(report), rows, (8,)).markdown()
    lines += ["", markdown_safe(report["measure"]), "", markdown_safe(report["caution"])]
    lines += [
        "",
        "## What would explain the rest",
        "",
        f"Single changes to rule `exactly_one` on {markdown_safe(report['first'])}.",
    ]
    lines += [
        "",
        *_table(_change_head(report), _change_rows(report, top), (0, 8)).markdown(),
        "",
        markdown_safe(report["closes"]),
    ]
    lines += ["", "## Not known, and not to be had from the cards", ""]
    lines += [f"- {markdown_safe(line)}" for line in report["not_known"]]
    lines += [
        "",
        "## Published beside it, and not counted here",
        "",
        *(f"- {markdown_safe(line)}" for line in _beside(report)),
    ]
    return "\n".join(harmless(line) for line in lines) + "\n"


def write_reproduction(report: dict[str, Any], out: Path, top: int) -> list[Path]:
    """Writes the report as Markdown, CSV and JSON into the folder ``out`` and returns the files.

    Each file is replaced whole; other files of the folder stay.

    Raises:
        OutputError: ``out`` is no folder, or cannot be written.
    """
    texts = {
        "reproduction.md": reproduction_md(report, top),
        "attempts.csv": Table.of(_ATTEMPT, report["attempts"]).csv(),
        "changes.csv": Table.of(_CHANGE, report["changes"]).csv(),
        "reproduction.json": json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n",
    }
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file, not a folder", "choose another folder with --out.")
    for name, text in texts.items():
        write_atomically(out / name, text)
    return [out / name for name in FILES]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int]) -> Table:
    return Table(head, rows, right=[i for i in range(len(head)) if i not in left])


def _published(report: dict[str, Any]) -> list[str]:
    publication, figure, name = report["publication"], report["figure"], report["technique_name"]
    rest = figure["denominator"] - figure["numerator"]
    return [
        f"{publication['publisher']}, {publication['published']}: {publication['title']}",
        f"published: {count(figure['numerator'])} of {count(figure['denominator'])} {figure['of']} name {name} "
        f"({figure['percent']} %), {count(rest)} name another",
        "This report says how near each way of counting comes. It does not say that the published count was made so.",
    ]


def _attempt_head(report: dict[str, Any]) -> tuple[str, ...]:
    name = report["technique_name"]
    return ("off by", name, "others", "of", "share", f"Δ{name}", "Δothers", "Δpoints", "rule")


def _change_head(report: dict[str, Any]) -> tuple[str, ...]:
    return ("", "closes", "off by", report["technique_name"], "others", "of", "share", "Δof", "change")


_SOURCE_HEAD = ("source", "committed", "days", "models", "with card", "newest", "")


def _source_rows(report: dict[str, Any]) -> list[list[str]]:
    rows = []
    for source in report["sources"]:
        name = str(source["revision"])[:12] if source["revision"] else source["label"]
        numbers = ["" if source[k] is None else count(source[k]) for k in ("cards", "with_text")]
        days = "" if source["days"] is None else f"{source['days']:+d}"
        note = "" if source["state"] == "read" else _brief(f"{source['state']}: {source['reason']}")
        committed = str(source["committed"] or "not known")[:10]
        rows.append([name, committed, days, *numbers, str(source["newest"] or ""), note])
    return rows


def _brief(text: str) -> str:
    """Returns ``text`` so short that a table can hold it; the whole of it stands among the gaps."""
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF - 1]}…"


def _attempt_blocks(report: dict[str, Any], top: int) -> Iterator[tuple[str, list[list[str]]]]:
    """Yields tables of attempts: those declared beforehand, the nearest by counts, the nearest by share."""
    several = sum(s["state"] == "read" for s in report["sources"]) > 1
    attempts = report["attempts"]
    first = {row["rule"]: row for row in attempts if row["source"] == report["first"]}
    chosen = [first[name] for name in DECLARED if name in first]
    yield f"declared beforehand, on {report['first']}", [_attempt_row(row, row["factor"], "") for row in chosen]
    for title, measure, least in (
        (f"nearest of {len(attempts):,} by both counts", "factor", 0),
        (f"nearest by share alone (odds), of at least {_ENOUGH} votes", "odds", _ENOUGH),
    ):
        rows = [row for row in attempts if row["odds"] is not None and row["base"] >= least]
        rows.sort(key=lambda r: (r[measure], _plainness(r)))
        yield (
            title,
            [
                _attempt_row(row, row[measure], f"{row['source']}  " if several else "", more)
                for row, more in _distinct(rows, top)
            ],
        )


def _distinct(rows: Iterable[dict[str, Any]], most: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Yields the first rows with counts of their own, and how many further ones have the same."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["source"], row["numerator"], row["base"]), []).append(row)
    for group in list(groups.values())[:most]:
        yield min(group, key=_plainness), len(group) - 1


def _plainness(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["rule"].startswith("naive"), row["rule"].count("/"), row["rule"], row["source"])


def _attempt_row(row: dict[str, Any], factor: float, source: str, more: int = 0) -> list[str]:
    same = f"  (and {more:,} more alike)" if more else ""
    unit = "" if row["unit"] == "cards" else f"  [{row['unit']}]"
    return [
        times(factor),
        votes(row["numerator"]),
        votes(row["others"]),
        votes(row["base"]),
        share(row["share"]),
        signed(row["diff_numerator"]),
        signed(row["diff_others"]),
        "not known" if row["diff_points"] is None else f"{row['diff_points']:+.2f}",
        f"{source}{row['rule']}{unit}{same}",
    ]


def _change_rows(report: dict[str, Any], top: int) -> list[list[str]]:
    """Returns the changes on the first source by group, the group with the greatest effect first."""
    rows = [row for row in report["changes"] if row["source"] == report["first"]]
    rows.sort(key=lambda r: r["group"])
    groups = [(name, sorted(group, key=_closes)) for name, group in groupby(rows, key=lambda r: r["group"])]
    groups.sort(key=lambda g: (_closes(g[1][0]), g[0]))
    return [
        [name if number == 0 else "", *_change_row(row)]
        for name, group in groups
        for number, row in enumerate(group[:top])
    ]


def _closes(row: dict[str, Any]) -> float:
    return -row["closes"] if row["closes"] is not None else 0.0


def _change_row(row: dict[str, Any]) -> list[str]:
    closes = "not known" if row["closes"] is None else f"{100 * row['closes']:+.1f} %"
    counts = [votes(row[column]) for column in ("numerator", "others", "base")]
    return [closes, times(row["factor"]), *counts, share(row["share"]), signed(row["cards_moved"]), row["change"]]


def _beside(report: dict[str, Any]) -> list[str]:
    lines = []
    for figure in report["beside"]:
        counts = "counts not published"
        if figure["numerator"] is not None:
            counts = f"{count(figure['numerator'])} of {count(figure['denominator'])}"
        printed = f"{figure['percent']} %" if figure["percent"] is not None else percent(figure["share"])
        how = f"; see census --with {figure['instrument']}" if figure["instrument"] else ""
        lines.append(f"{printed} ({counts}) of {figure['of']}: {figure['where']}{how}")
    return lines


def plan_text(plan: dict[str, Any]) -> str:
    """Returns what a dry run would read, for a terminal."""
    lines = [f"would read {plan['what']}"]
    if plan["revisions"]:
        head = ("revision", "committed", "days", "files", "MB", "MB to download", "")
        lines += _table(head, [_plan_row(row) for row in plan["revisions"]], (0, 1, 6)).text("  ")
        lines.append(f"to download: {plan['bytes'] / 1e6:,.1f} MB in {plural(plan['files'], 'file')}")
        lines.append(f"this plan took {plural(plan['requests'], 'request')}; no card was fetched")
    return "\n".join(harmless(line) for line in lines)


def _plan_row(row: dict[str, Any]) -> list[str]:
    sizes = ["", "", ""]
    if row["state"] != "missing":
        sizes = [count(row["files"]), f"{row['size'] / 1e6:,.1f}", f"{row['missing_bytes'] / 1e6:,.1f}"]
    return [row["revision"][:12], row["committed"][:10], f"{row['days']:+d}", *sizes, row["note"]]
