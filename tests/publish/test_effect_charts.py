"""Charts about the reasons for the share state a finding only where the design carries it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from literal_snapshot import make_literal

from peft_census.publish.charts import choice, interrupted, stickiness
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.shares import headline_of, make_claims
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.snapshot import Snapshot


def made(chart: Any, rows: list[dict[str, Any]]) -> ChartSpec | Missing:
    """Returns a chart of a literal snapshot with these rows of its table."""
    literal = make_literal()
    found = {chart.NAME: pa.Table.from_pylist(rows, schema=arrow_schema(chart.NAME))}
    tables = {name: literal.table(name) for name in ("shares", "coverage", "mentions")} | found
    listed = {**literal.manifest.tables, chart.NAME: literal.manifest.tables["shares"]}
    snapshot = Snapshot(literal.path, replace(literal.manifest, tables=listed), tables)
    return chart.make_chart(snapshot, headline_of(make_claims(snapshot)))


def change(wrote: str, measure: str, cards_of: str, level: float, **other: Any) -> dict[str, Any]:
    row = {"wrote": wrote, "measure": measure, "cards_of": cards_of, "month": "2025-07", "placebo": False, "base": 5000}
    row |= {"level": level, "level_low": level - 0.02, "level_high": level + 0.02, "slope": 0.0, "enough": True}
    return row | {"placebos": 19, "as_large": 0, "placebo_largest": 0.01, "method": "m"} | other


TOOL = ("tools", "rate")
PEOPLE = ("people", "share")


@pytest.mark.parametrize(
    ("rows", "finding"),
    [
        ([change(*TOOL, "peft", 0.4), change(*TOOL, "difference", 0.4)], "Tools cite LoRA on +40.0 points more"),
        ([change(*TOOL, "peft", 0.4), change(*TOOL, "difference", 0.01)], None),
        ([change(*TOOL, "peft", 0.4)], None),
        ([change(*TOOL, "peft", 0.4, as_large=1), change(*TOOL, "difference", 0.4)], None),
        ([change(*TOOL, "peft", 0.4, placebos=9), change(*TOOL, "difference", 0.4)], None),
        ([change(*PEOPLE, "peft", -0.1), change(*PEOPLE, "difference", -0.1)], "changed by −10.0 points"),
        ([change(*PEOPLE, "peft", -0.1), change(*PEOPLE, "difference", 0.1)], None),
    ],
)
def test_a_change_is_a_finding_only_if_it_beats_placebos_and_comparison(
    rows: list[dict[str, Any]], finding: str | None
) -> None:
    """Both PEFT's series and its difference to Diffusers must be clear, with the same sign and enough placebo dates."""
    chart = made(interrupted, rows)
    assert isinstance(chart, ChartSpec)
    assert (finding in chart.claim.title) if finding else chart.claim.title.startswith("Mentions of LoRA before and")


def test_rows_without_an_estimate_give_no_chart() -> None:
    """The reason is a sentence."""
    rows = [change(*PEOPLE, "peft", 0.0) | {"enough": False, "level": None, "level_low": None, "level_high": None}]
    chart = made(interrupted, rows)
    assert isinstance(chart, Missing) and "Too few" in chart.why


def stays(measure: str, share: float | None, **other: Any) -> dict[str, Any]:
    row = {"cohort": "all", "measure": measure, "first": "lora", "later": None, "numerator": None, "base": 1000}
    row |= {"cards": 4000, "share": share, "low": share and share - 0.02, "high": share and share + 0.02}
    if share is not None and measure != "gap":
        row["numerator"] = share * 1000
    return row | {"method": "m", "effective_n": 1000.0, "enough": share is not None} | other


def test_leavers_are_a_finding_only_if_known_well() -> None:
    """A wide interval or few authors give no number in the title; a gap that was not estimated is said to be unknown."""
    chart = made(stickiness, [stays("left", 0.1), stays("later", 0.9, later="lora"), stays("gap", None)])
    assert isinstance(chart, ChartSpec)
    assert chart.claim.title == "10.0% of authors who began with LoRA later cite another technique"
    assert "Too few authors began with another technique" in chart.claim.quote
    wide = made(stickiness, [stays("left", 0.3, low=0.1, high=0.5), stays("gap", 0.2)])
    assert isinstance(wide, ChartSpec)
    assert "%" not in wide.claim.title and "+20.0 points (95% interval +18.0 to +22.0)" in wide.claim.quote
    assert isinstance(made(stickiness, [stays("left", 0.1, enough=False)]), Missing)


def test_a_choice_is_counted_in_all_months() -> None:
    """The title has the share of the first kind of task with enough cards; months are not drawn."""
    cell = {"task": "text", "month": "all", "technique": "lora", "numerator": 900.0, "base": 1000.0, "cards": 1000}
    cell |= {"share": 0.9, "low": 0.88, "high": 0.92, "method": "m", "effective_n": 500.0, "enough": True}
    rows = [cell | {"rule": rule} for rule in ("exactly_one", "exactly_one/human_only")]
    chart = made(choice, [*rows, rows[0] | {"month": "2025-01", "share": 0.1}])
    assert isinstance(chart, ChartSpec) and len(chart.rows) == 2
    assert chart.claim.title == "Where PEFT had alternatives for text, LoRA's share is 90.0%"
    assert isinstance(made(choice, [rows[0] | {"enough": False}]), Missing)
