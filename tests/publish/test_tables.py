"""The tables say the same as the claims, in three formats."""

from __future__ import annotations

import csv
import io
import json

import pytest
from literal_snapshot import NAMES, ROWS

from peft_census.publish.claims.shares import make_claims
from peft_census.publish.snapshot_reader import read_shares
from peft_census.publish.text.shares import claims_json, shares_csv, shares_md
from peft_census.publish.text.table import Table
from peft_census.snapshot.schema import TABLES


def markdown(snapshot) -> str:
    return shares_md(snapshot, make_claims(snapshot), read_shares(snapshot))


def test_the_csv_has_the_columns_of_the_schema_and_full_precision(make_snapshot) -> None:
    """Every share is read back exactly, with snapshot and specimen in columns of their own."""
    snapshot = make_snapshot()
    read = list(csv.DictReader(io.StringIO(shares_csv(snapshot, read_shares(snapshot)))))
    assert list(read[0]) == [c.name for c in TABLES["shares"][1]] + ["snapshot_id", "specimen"]
    found = {(row["rule"], row["technique"]): row for row in read}
    assert len(found) == len(ROWS)
    for literal in ROWS:
        row = found[literal["rule"], literal["technique"]]
        assert (float(row["share"]), float(row["numerator"])) == (literal["share"], literal["numerator"])
        assert (row["snapshot_id"], row["specimen"]) == ("2025-04-30-0123456789ab", "false")


def test_the_markdown_starts_with_the_headline_rule(make_snapshot) -> None:
    """The first table is that of the headline; the others follow with n, share and interval."""
    text = markdown(make_snapshot())
    assert text.startswith("# 98.4% of cards that cite exactly one technique cite LoRA\n")
    assert text.index("## exactly_one\n") < text.index("## any\n") < text.index("## exactly_one/variants_separate")
    assert "| LoRA | 20,509 | 20,834 | 98.4% | 98.3–98.6% | 10,417 | author-clustered 95% |" in text
    assert "| (IA)³ | 1 | 20,834 | &lt;0.1% | 0.00085–0.027% | 10,417 | author-clustered 95% |" in text
    assert "snapshot 2025-04-30-0123456789ab" in text.splitlines()[-1]


def test_the_markdown_of_nothing_says_so(make_snapshot) -> None:
    """A base of zero has a heading and a sentence instead of a table."""
    text = markdown(make_snapshot([]))
    assert "Nothing to count, so there is no share." in text
    assert "| technique |" not in text


def test_hostile_names_neither_break_a_table_nor_make_a_tag(make_snapshot) -> None:
    """Pipes, brackets and angle brackets are escaped."""
    text = markdown(make_snapshot(names=NAMES | {"lora": ("<b>|[x](y)|`", None)}))
    row = next(line for line in text.splitlines() if "20,509 | 20,834" in line)
    assert row.startswith(r"| &lt;b&gt;\|\[x\](y)\|\` | 20,509")
    assert "<b>" not in text


def test_the_json_is_the_list_of_claims_with_sorted_keys(make_snapshot) -> None:
    """A program gets every field of every claim, always in the same order."""
    claims = make_claims(make_snapshot())
    read = json.loads(claims_json(claims))
    assert [c["id"] for c in read] == [c.id for c in claims]
    assert all(list(c) == sorted(c) for c in read)
    assert (read[0]["numerator"], read[0]["base"], read[0]["share"]) == (20509.0, 20834, 0.9844)
    assert json.loads(claims_json(make_claims(make_snapshot([]))))[0]["share"] is None


def test_every_table_of_a_specimen_says_so(make_snapshot) -> None:
    """CSV, Markdown and JSON mark made-up cards."""
    snapshot = make_snapshot(specimen=True)
    assert all(
        row["specimen"] == "true" for row in csv.DictReader(io.StringIO(shares_csv(snapshot, read_shares(snapshot))))
    )
    assert markdown(snapshot).count("SPECIMEN") >= 3
    assert all(c["specimen"] for c in json.loads(claims_json(make_claims(snapshot))))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1"])
def test_text_never_becomes_a_formula(text: str) -> None:
    """What begins like a formula gets an apostrophe, also in the head; all other text stays as it is."""
    rows = list(csv.reader(io.StringIO(Table((text, "b"), [(text, "a" + text)]).csv(), newline="")))
    assert rows == [["'" + text, "b"], ["'" + text, "a" + text]]


def test_numbers_stay_numbers() -> None:
    """Negative numbers are not escaped; None is an empty cell."""
    row = {"a": -1.5, "b": 0.1 + 0.2, "c": None, "d": -3}
    assert Table.of(list(row), [row]).csv() == "a,b,c,d\n-1.5,0.30000000000000004,,-3\n"


def test_shares_csv_is_safe_to_open(make_snapshot) -> None:
    """A population or a technique that begins like a formula is escaped; numbers keep full precision."""
    rows = [ROWS[0] | {"population": "=HYPERLINK(1)", "share": -0.5}]
    snapshot = make_snapshot(rows, names=NAMES | {"lora": ("=LoRA", None)})
    read = next(csv.DictReader(io.StringIO(shares_csv(snapshot, read_shares(snapshot)))))
    assert read["population"] == "'=HYPERLINK(1)"
    assert float(read["share"]) == -0.5 and read["technique"] == "lora"


def test_text_is_aligned_by_column() -> None:
    """Columns are as wide as their longest cell; those named in ``right`` are aligned to the right."""
    table = Table(("name", "n"), [("LoRA", "20,509"), ("AdaLoRA", "310")], right=(1,))
    assert table.text("  ") == ["  name          n", "  LoRA     20,509", "  AdaLoRA     310"]
