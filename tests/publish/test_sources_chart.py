"""The chart that compares data sources: one technique, every source with its own base."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from test_all_charts import FORMATS, assert_legible
from test_instrument_claims import DAY, _civitai, _github, _readings, _with

from peft_census.publish.charts.draw import draw_charts
from peft_census.publish.charts.sources import make_chart
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.shares import headline_of, make_claims
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.snapshot import Snapshot


@pytest.fixture
def chart(make_snapshot: Callable[..., Snapshot], tmp_path: Path) -> ChartSpec:
    """Cards, GitHub's import line and Civitai's types."""
    kinds = ["LORA"] * 71 + ["LoCon"] * 4 + ["Checkpoint"] * 25
    rows = [{"model_id": n, "type": k, "base_models": [], "versions": 1, "asked_at": DAY} for n, k in enumerate(kinds)]
    civitai = pa.Table.from_pylist(rows, schema=arrow_schema("civitai"))
    about = {**_github(), **_civitai(100, whole=True)}
    tables = {"github_counts": _readings({"lora": 7100, "ia3": 900, "adalora": 2000}), "civitai": civitai}
    snapshot = _with(make_snapshot(), tables, about)
    found = make_chart(snapshot, headline_of(make_claims(snapshot)))
    assert isinstance(found, ChartSpec)
    if place := os.environ.get("LOOK_AT"):
        (Path(place) / "narrow").mkdir(parents=True, exist_ok=True)
        draw_charts(snapshot, [found], Path(place), Path(place) / "narrow")
    return found


def test_every_instrument_has_a_bar_with_its_own_base(chart: ChartSpec) -> None:
    """Cards come first, then each measure; the title names the lowest and the highest share."""
    assert chart.rows[0]["where"] == "Model cards"
    assert len(chart.rows) >= 3 and len({r["base"] for r in chart.rows}) == len(chart.rows)
    assert [(r["numerator"], r["base"]) for r in chart.rows[1:]] == [(7100, 10_000), (71, 75), (71, 100)]
    assert chart.claim.title == "LoRA's share in 4 counts of 3 data sources"
    assert chart.claim.quote.startswith("LoRA's share runs from ") and "each of its own base" in chart.claim.quote
    assert "average" in chart.claim.misquote


def test_the_published_figure_stands_below_ours(chart: ChartSpec) -> None:
    """Each count has the published one with its own base, where it was published."""
    published = [(r["where"], round(100 * r["published_share"], 1), r["published_base"]) for r in chart.rows]
    assert published == [
        ("Model cards", 98.4, 20834),
        ("GitHub, import line", 71.3, None),
        ("Civitai, identified", 95.0, 7485),
        ("Civitai, all models", 71.1, 10000),
    ]
    rows = chart.panels[0].rows
    assert [row.name for row in rows[:2]] == ["Model cards", "published"]
    assert [row.values for row in rows if row.diamond == 0.713] == [("71.3%", "not given")]


def test_no_text_overlaps_another(chart: ChartSpec) -> None:
    """In every format."""
    for form in FORMATS:
        assert_legible(chart, form)


def test_cards_alone_are_no_comparison(make_snapshot: Callable[..., Snapshot]) -> None:
    """Without other data sources there is a reason instead of a chart."""
    snapshot = make_snapshot()
    assert isinstance(make_chart(snapshot, headline_of(make_claims(snapshot))), Missing)
