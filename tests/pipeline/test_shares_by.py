"""The one function for shares, against a recount by hand with pandas."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import peft_census
from peft_census.errors import UsageError
from peft_census.publish.text.formats import FORMATS

GROUPED = ["rule", "technique", "numerator", "base", "cards", "share", "low", "high", "method", "effective_n"]


def cited(frames: Any, variants: str = "variants_grouped") -> pd.DataFrame:
    """Returns the techniques that each card cites, one row for each pair."""
    facts = frames.manifest.taxonomy.techniques
    found = frames.mentions.query("location != 'name' and evidence_level != 'configured'")[
        ["model_id", "technique"]
    ].drop_duplicates()
    found = found[found.technique.map(lambda t: facts[t].kind != "not_peft")]
    if variants == "variants_grouped":
        while (parents := found.technique.map(lambda t: facts[t].variant_of)).notna().any():
            found["technique"] = parents.fillna(found.technique)
    return found.drop_duplicates()


def exactly_one(frames: Any, variants: str = "variants_grouped") -> pd.DataFrame:
    found = cited(frames, variants)
    return found[~found.model_id.duplicated(keep=False)].merge(frames.models, on="model_id")


def test_by_month_quarter_and_year(specimen: str) -> None:
    """Periods are those of the date of creation, and a card without a date is not lost."""
    frames = peft_census.load_snapshot("latest")
    one = exactly_one(frames)
    known = one[one.created_at >= "2022-03-03"]
    for by, spell in {
        "month": known.created_at.dt.strftime("%Y-%m"),
        "quarter": known.created_at.dt.year.astype(str) + "-Q" + known.created_at.dt.quarter.astype(str),
        "year": known.created_at.dt.year.astype(str),
    }.items():
        found = peft_census.shares(frames, by=by, technique="lora").set_index(by)
        assert sum(found.base) == len(one)
        counts = known.groupby(spell).technique.agg([("n", lambda t: (t == "lora").sum()), ("base", "size")])
        assert len(counts) > 2
        assert {name: (row.numerator, row.base) for name, row in found.loc[counts.index].iterrows()} == {
            name: (row.n, row.base) for name, row in counts.iterrows()
        }
        assert list(found.index)[1:-1] == sorted(list(found.index)[1:-1])


@pytest.mark.parametrize(
    ("by", "column"), [("task", "pipeline_tag"), ("library", "library_name"), ("author", "author")]
)
def test_by_task_library_and_author(specimen: str, by: str, column: str) -> None:
    """Numerators and bases are those of pandas, shares are their quotients, the rest of a long list is ``other``."""
    frames = peft_census.load_snapshot("latest")
    one = exactly_one(frames, "variants_separate")
    values = one[column].fillna("not known")
    found = peft_census.shares(frames, "exactly_one/variants_separate", by=by, technique=["lora", "qlora"], top=3)
    assert {*GROUPED, by} <= {*found.columns}
    largest = values.value_counts()
    for _, row in found[found[by] != "other"].iterrows():
        chosen = one[values == row[by]]
        assert (row.numerator, row.base) == ((chosen.technique == row.technique).sum(), len(chosen))
        assert row.base >= largest.iloc[2]
        assert row.share == row.numerator / row.base
        assert 0 <= row.low <= row.share <= row.high <= 1
        assert 1 <= row.effective_n <= row.base
    assert found.base.sum() == 2 * len(one)


def test_two_dimensions_and_a_condition(specimen: str) -> None:
    """Only models that fulfil the conditions count; two dimensions give every combination that occurs."""
    frames = peft_census.load_snapshot("latest")
    one = exactly_one(frames)
    task = one.pipeline_tag.value_counts().index[0]
    chosen = one[one.pipeline_tag == task]
    found = peft_census.shares(frames, by=("library", "year"), where={"task": task}, technique="lora")
    expected = chosen.assign(
        library=chosen.library_name.fillna("not known"),
        year=chosen.created_at.dt.year.astype("Int64").astype(str).replace("<NA>", "not known"),
    )
    expected = expected[expected.created_at.isna() | (expected.created_at >= "2022-03-03")]
    counts = expected.groupby(["library", "year"]).size().to_dict()
    bases = {(row.library, row.year): row.base for row in found.itertuples() if not row.year.startswith("before")}
    assert bases == counts
    assert found.base.sum() == len(chosen)
    either = peft_census.shares(frames, where={"task": [task, "not known"]}, technique="lora")
    assert either.base.tolist() == [len(chosen) + one.pipeline_tag.isna().sum()]


def test_weights_are_those_of_the_chosen_models(specimen: str) -> None:
    """Under per_author the authors of the chosen models have one vote each."""
    frames = peft_census.load_snapshot("latest")
    one = exactly_one(frames)
    task = one.pipeline_tag.value_counts().index[0]
    chosen = one[one.pipeline_tag == task]
    found = peft_census.shares(frames, "exactly_one/per_author", where={"task": task}, technique="lora")
    shares = (chosen.technique == "lora").groupby(chosen.author).mean()
    assert found.numerator.tolist() == pytest.approx([shares.sum()])
    assert found.base.tolist() == pytest.approx([len(shares)])


def test_without_groups_the_columns_are_those_of_the_table(specimen: str) -> None:
    """One rule, several rules, and all standard rules."""
    assert set(peft_census.shares("latest", "any").rule) == {"any"}
    assert set(peft_census.shares("latest", ["any", "fractional"]).rule) == {"any", "fractional"}
    assert {"population", "unread_low", *GROUPED} <= {*peft_census.shares("latest").columns}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"by": "mood"}, "month, quarter, year, task, library"),
        ({"where": {"mood": "glad"}}, "month, quarter, year, task, library"),
        ({"where": {"task": "gardening"}}, "values, the most frequent first: "),
        ({"by": ("month", "task", "library")}, "leave some out"),
        ({"by": ("task", "task")}, "leave some out"),
        ({"by": "task", "technique": "velvet"}, "`peft-census techniques` lists them"),
        ({"by": "task", "top": 0}, "number of groups"),
        ({"top": 3}, "name a dimension"),
        ({"by": "task", "rule": "mine"}, "options: vote"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_possible(
    specimen: str, query: dict[str, Any], expected: str
) -> None:
    """The error lists the dimensions, values or options that exist."""
    with pytest.raises(UsageError) as error:
        peft_census.shares("latest", **query)
    assert expected in str(error.value)


def test_the_command_line_asks_the_same_questions(run: Any, specimen: str) -> None:
    """Every format holds the rows of the Python function."""
    expected = peft_census.shares(
        "latest", "exactly_one/variants_separate", by="library", where={"author_kind": "1 model"}
    )
    asked = ("--by", "library", "--where", "author_kind=1 model", "--rule", "exactly_one/variants_separate")

    def rows(frame: pd.DataFrame) -> list[Any]:
        return frame[["library", "technique", "numerator", "base", "share"]].values.tolist()

    for form, read in {
        "csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet, "xlsx": pd.read_excel,
    }.items():  # fmt: skip
        assert run("count", *asked, "--format", form, "--out", f"shares.{form}").exit_code == 0
        assert rows(read(f"shares.{form}")) == rows(expected)
    assert run("count", *asked, "--format", "csv").stdout == Path("shares.csv").read_text(encoding="utf-8")
    assert json.loads(run("count", *asked, "--json").stdout)["shares"][0]["library"] == expected.library[0]
    assert run("count", *asked, "--format", "md").stdout.startswith("| rule | library | technique |")
    text = run("count", *asked).stdout
    assert "LoRA" in text
    assert "nan" not in text
    assert run("count", *asked, "--format", "xlsx").exit_code == 2
    assert run("count", "--where", "task").exit_code == 2
    assert run("count", "--by", "task", "--table", "monthly").exit_code == 2


def test_tables_under_any_rule(run: Any, specimen: str) -> None:
    """`count --table monthly --rule NAME` is counted by that rule; other tables have rules of their own."""
    for table in ("monthly", "breakdown"):
        rows = json.loads(run("count", "--table", table, "--rule", "fractional", "--json").stdout)[table]
        assert {row["rule"] for row in rows} == {"fractional"}
    assert run("count", "--table", "adoption", "--rule", "any").exit_code == 2


def test_every_format_of_times_and_formulas() -> None:
    """Excel gets times without a zone, in UTC; a text is never a formula."""
    table = pa.table({
        "when": pa.array([datetime(2026, 5, 1, 12, tzinfo=UTC), None], pa.timestamp("us", tz="UTC")),
        "text": ["=1+1", "LoRA微调"],
        "n": [1, None],
        "enough": [True, False],
    })  # fmt: skip
    excel = pd.read_excel(io.BytesIO(FORMATS["xlsx"](table)))
    assert excel.when[0] == pd.Timestamp("2026-05-01 12:00")
    assert excel.text.tolist() == ["'=1+1", "LoRA微调"]
    assert excel.enough.tolist() == [True, False]
    csv = pd.read_csv(io.BytesIO(FORMATS["csv"](table)), parse_dates=["when"])
    assert csv.when[0] == pd.Timestamp("2026-05-01 12:00", tz="UTC")
    assert pq.read_table(io.BytesIO(FORMATS["parquet"](table))).equals(table)
    assert json.loads(FORMATS["json"](table))[1]["n"] is None
