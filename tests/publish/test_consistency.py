"""Every number has one base, one rule and one interval: no two files of a snapshot disagree."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from counted_snapshot import counted

from peft_census.publish.text.numbers import count, interval, percent_label, size_text
from peft_census.publish.text.terminal import headline_text, shares_text
from peft_census.snapshot.schema.counts import COUNTED_TABLES
from peft_census.snapshot.snapshot import Snapshot

CELLS = ("numerator", "base", "share", "low", "high", "method", "effective_n")


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """A snapshot with enough data for all charts but one."""
    return counted("mixed")


@pytest.fixture(scope="module")
def folder(published: Callable[[str], Path]) -> Path:
    """The published folder of it."""
    return published("mixed")


def rows(snapshot: Snapshot, table: str, **wanted: Any) -> list[dict[str, Any]]:
    return [r for r in snapshot.table(table).to_pylist() if all(r[k] == v for k, v in wanted.items())]


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def as_csv(value: Any) -> str:
    return "" if value is None else str(value)


def claims(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "claims.json").read_text()))


def test_tables_give_one_share_for_one_rule_and_technique(snapshot: Snapshot) -> None:
    """The changes and the curve repeat the cells of ``shares``; months and groups never exceed its base."""
    shares = {(r["rule"], r["technique"]): r for r in rows(snapshot, "shares")}
    compared = 0
    for table in ("rule_changes", "sensitivity"):
        for row in rows(snapshot, table):
            if same := shares.get((row["rule"], row["technique"])):
                assert {c: row[c] for c in CELLS} == {c: same[c] for c in CELLS}, (table, row["rule"])
                compared += 1
    assert compared >= 10
    for table in ("monthly", "breakdown"):
        bases: dict[tuple[str, ...], float] = {}
        for row in rows(snapshot, table, technique="lora"):
            key = (row["rule"], row.get("dimension", "month"))
            bases[key] = bases.get(key, 0) + row["base"]
            assert row["share"] is None or row["share"] == row["numerator"] / row["base"]
        assert bases and all(base <= shares[rule, "lora"]["base"] for (rule, _), base in bases.items()), table


def test_tables_about_cards_count_the_same_cards(snapshot: Snapshot) -> None:
    """Authorship, popular, concentration, adoption, agreement and funnel have the numbers of ``shares``."""
    shares = {(r["rule"], r["technique"]): r for r in rows(snapshot, "shares")}
    for row in rows(snapshot, "authorship", location="anywhere"):
        assert row["cards"] == shares[row["rule"], row["technique"]]["numerator"]
    for row in rows(snapshot, "concentration", month="all"):
        mine = rows(snapshot, "shares", rule=row["rule"])
        assert row["base"] == pytest.approx(mine[0]["base"])
        assert row["techniques"] == sum(r["numerator"] > 0 for r in mine)
    for row in rows(snapshot, "adoption", anchor="paper"):
        assert row["cumulative"] <= shares["any/variants_separate", row["technique"]]["numerator"]
    (lora,) = rows(snapshot, "agreement", variants="variants_grouped", technique="lora")
    assert {r["base"] for r in rows(snapshot, "funnel", population="configured")} == {lora["checked"]}
    assert lora["cites_and_is"] + lora["is_but_does_not_cite"] == shares["any/configured_only", "lora"]["numerator"]


def test_claims_are_rows_of_tables(snapshot: Snapshot, folder: Path) -> None:
    """A claim about a share has the cells of its row; every claim's share is numerator / base within its interval."""
    shares = {(r["rule"], r["technique"]): r for r in rows(snapshot, "shares")}
    kinds = set()
    for claim in claims(folder):
        kinds.add(claim["kind"])
        if claim["share"] is None:
            continue
        assert claim["share"] == pytest.approx(claim["numerator"] / claim["base"]), claim["id"]
        if claim["low"] is not None:
            assert claim["low"] <= claim["share"] + 1e-9 and claim["share"] <= claim["high"] + 1e-9, claim["id"]
        if claim["kind"] == "share":
            row = shares[claim["rule"], claim["technique"]]
            assert {c: claim[c] for c in CELLS} == {c: row[c] for c in CELLS}
            assert interval(row["low"], row["high"]) in claim["quote"]
            assert f"effective sample size {size_text(row['effective_n'])}" in claim["quote"]
        if claim["kind"] == "funnel":
            assert any(r["models"] == claim["numerator"] and r["low"] == claim["low"] for r in rows(snapshot, "funnel"))
    assert {"share", "funnel", "coverage"} <= kinds


def test_data_of_charts_are_rows_of_tables(snapshot: Snapshot, folder: Path) -> None:
    """A CSV of the name of a table holds rows of it; any row with a rule, technique and base repeats a table's cells."""
    every = {
        (r["rule"], r["technique"], as_csv(r["numerator"]), as_csv(r["base"])): tuple(as_csv(r[c]) for c in CELLS)
        for table in ("shares", "rule_changes", "sensitivity", "monthly", "breakdown", "choice")
        for r in rows(snapshot, table)
        if r["technique"]
    }
    checked = set()
    for file in sorted(folder.glob("*.csv")):
        for row in read_csv(file):
            if set(CELLS) | {"rule", "technique"} <= row.keys() and row["technique"]:
                key = (row["rule"], row["technique"], row["numerator"], row["base"])
                found = tuple(row[c] for c in CELLS)
                same = [r for k, r in every.items() if k == key]
                assert found in same or row["share"] == "" or _repeats(every, snapshot, row), (file.name, row)
                checked.add(file.name)
        if file.stem in COUNTED_TABLES:
            known = [{k: as_csv(v) for k, v in r.items()} for r in rows(snapshot, file.stem)]
            for row in read_csv(file):
                assert any(all(row[k] == v for k, v in r.items() if k in row) for r in known), (file.name, row)
            checked.add(file.name)
    assert {"headline.csv", "shares.csv"} <= checked and len(checked) > 4


def _repeats(every: dict[Any, Any], snapshot: Snapshot, row: dict[str, str]) -> bool:
    """Months and groups may agree in numerator and base; then any of them may be the row."""
    return any(
        all(as_csv(r[c]) == row[c] for c in CELLS)
        for table in ("monthly", "breakdown", "choice")
        for r in rows(snapshot, table, rule=row["rule"], technique=row["technique"])
    )


def test_page_markdown_and_terminal_print_the_rows_of_the_table(snapshot: Snapshot, folder: Path) -> None:
    """Each share stands on the page, in ``shares.md`` and in the terminal with its interval and effective size."""
    page = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", (folder / "report.html").read_text())))
    markdown = (folder / "shares.md").read_text()
    terminal = " ".join(shares_text(snapshot, snapshot.table("shares")).split())
    for row in rows(snapshot, "shares"):
        cells = [percent_label(row["share"]), interval(row["low"], row["high"]), size_text(row["effective_n"])]
        assert " ".join([count(row["numerator"]), *cells]) in page, row
        line = [count(row["numerator"]), count(row["base"]), *(c.replace("<", "&lt;") for c in cells)]
        assert f"| {' | '.join(line)} |".replace(">", "&gt;") in markdown, row
        assert " ".join([count(row["numerator"]), *cells]) in terminal, row


def test_the_headline_is_the_same_everywhere(snapshot: Snapshot, folder: Path) -> None:
    """Quote, alt text, page, Markdown, post and terminal have one share with one interval."""
    (head,) = [c for c in claims(folder) if c["id"] == "headline"]
    ends = interval(head["low"], head["high"])
    texts = {name: (folder / name).read_text() for name in ("report.html", "shares.md", "headline.txt")}
    texts |= {"quote": head["quote"], "terminal": headline_text(snapshot)}
    for name, text in texts.items():
        assert ends in text and percent_label(head["share"]) in text, name
