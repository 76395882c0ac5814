"""Claims about other data sources, the table that compares them, gaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from peft_census.count import calibration, instrument_shares
from peft_census.publish.claims.comparison import ComparisonRow, comparison_md, comparison_rows
from peft_census.publish.claims.instruments import instrument_claims, is_instrument_claim
from peft_census.publish.claims.shares import headline_of, make_claims
from peft_census.snapshot.instruments import (
    Asked,
    CivitaiDescription,
    CivitaiFrame,
    Description,
    GithubDescription,
    NotRead,
    ReadingCounts,
)
from peft_census.snapshot.manifest import TableInfo
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.snapshot import Snapshot

DAY = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def snapshot(make_snapshot: Callable[..., Snapshot]) -> Snapshot:
    """Gives the literal snapshot as it is."""
    return make_snapshot()


def _with(snapshot: Snapshot, tables: dict[str, pa.Table], about: dict[str, Description]) -> Snapshot:
    tables = {**tables, "instrument_shares": instrument_shares(tables), "calibration": calibration(tables)}
    manifest = snapshot.manifest
    techniques = dict(manifest.taxonomy.techniques)
    for technique, name in (("locon", "LoCon"), ("dora", "DoRA")):
        techniques[technique] = replace(techniques["lora"], name=name, variant_of="lora")
    manifest = replace(
        manifest,
        instruments=about,
        taxonomy=replace(manifest.taxonomy, techniques=techniques),
        tables=manifest.tables | {n: TableInfo(t.num_rows, 1, "0") for n, t in tables.items()},
    )
    return replace(snapshot, manifest=manifest, in_memory={**snapshot.in_memory, **tables})


def _readings(totals: dict[str, int], **more: Any) -> pa.Table:
    rows = [
        {
            "technique": name,
            "config_class": f"{name}Config",
            "measure": "phrase",
            "scope": "all",
            "query": "q",
            "reading": 1,
            "asked_at": DAY,
            "status": "read",
            "total_count": total,
            **more,
        }
        for name, total in totals.items()
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema("github_counts"))


def asked(endpoint: str, replica: bool = False) -> Asked:
    return Asked(endpoint, replica, 4, DAY, DAY)


def _github(replica: bool = False) -> dict[str, Description]:
    readings = ReadingCounts(read=3, incomplete=1, refused=0, failed=0)
    return {"github": GithubDescription("read", asked("https://api.github.com", replica), readings, 1)}


def _civitai(models: int, whole: bool, replica: bool = False) -> dict[str, Description]:
    frame = CivitaiFrame(models=models, sort="Oldest")
    return {"civitai": CivitaiDescription("read", asked("https://civitai.com", replica), frame, whole, 1, 0, 0)}


def compared(snapshot: Snapshot) -> list[ComparisonRow]:
    """Returns the rows that compare the headline with other data sources."""
    return comparison_rows(snapshot, headline_of(make_claims(snapshot)))


def test_a_snapshot_without_instruments_says_nothing_of_them(snapshot: Snapshot) -> None:
    """Without other data sources there are no claims, no rows and no table."""
    assert instrument_claims(snapshot) == []
    assert compared(snapshot) == []
    assert comparison_md([]) == []


def test_each_claim_names_its_base_and_date(snapshot: Snapshot) -> None:
    """A GitHub claim carries numerator, base, what the base is, the range, its day and what was not used."""
    filled = _with(snapshot, {"github_counts": _readings({"lora": 713, "adalora": 35, "ia3": 252})}, _github())
    claims = {c.id: c for c in instrument_claims(filled)}
    lora = claims["github.phrase.lora"]
    assert (lora.numerator, lora.base, lora.share) == (713, 1000, pytest.approx(0.713))
    for words in ("71.3%", "713 of 1,000", "first place", "23 November 2026", "1 reading not used", filled.id):
        assert words in lora.quote
    assert "not a project" in lora.why_not
    assert is_instrument_claim(lora)
    assert not any(is_instrument_claim(c) for c in make_claims(filled))


def test_replica_answers_are_marked(snapshot: Snapshot) -> None:
    """A figure read from a replica says so in claim and table."""
    tables = {"github_counts": _readings({"lora": 7})}
    filled = _with(snapshot, tables, _github(replica=True))
    assert instrument_claims(filled)[0].quote.startswith("REPLICA")
    lines = compared(filled)
    assert "REPLICA" in lines[1].coverage
    assert "REPLICA" not in lines[0].coverage


def test_skipped_and_failed_instruments_stand_in_the_table(snapshot: Snapshot) -> None:
    """A data source without a figure is a row with its reason, not a missing row and not a zero."""
    about = {
        "github": NotRead("skipped", "GITHUB_TOKEN is not set"),
        "civitai": NotRead("failed", "no answer"),
    }
    filled = _with(snapshot, {}, about)
    text = "\n".join(comparison_md(compared(filled)))
    assert "| GitHub code search | no figure: skipped | – | – | – | GITHUB_TOKEN is not set |" in text
    assert "| Civitai | no figure: failed | – | – | – | no answer |" in text


def test_civitai_shows_both_denominators_and_what_locon_is(snapshot: Snapshot) -> None:
    """Both Civitai measures are in the table, with an explanation of LoCon's label."""
    kinds = ["LORA"] * 71 + ["LoCon"] * 4 + ["Checkpoint"] * 25
    rows = [{"model_id": n, "type": k, "base_models": [], "versions": 1, "asked_at": DAY} for n, k in enumerate(kinds)]
    about = _civitai(100, whole=False)
    filled = _with(snapshot, {"civitai": pa.Table.from_pylist(rows, schema=arrow_schema("civitai"))}, about)
    lines = compared(filled)[1:]
    assert [line.figure.split(",")[0] for line in lines] == ["LoRA 94.7%", "LoRA 71.0%"]
    assert all("the first 100 models" in line.coverage and "LyCORIS" in line.coverage for line in lines)
    claims = {c.id: c for c in instrument_claims(filled)}
    assert "LyCORIS" in claims["civitai.identified.locon"].quote
    assert claims["civitai.all.lora"].base == 100


def test_a_calibration_is_shown(snapshot: Snapshot) -> None:
    """With a checkout, the coverage says how many files GitHub shows and how many the checkout has."""
    within = _readings({"lora": 40, "ia3": 10}, scope="huggingface/peft", local_count=30)
    table = pa.concat_tables([_readings({"lora": 7}), within])
    filled = _with(snapshot, {"github_counts": table}, _github())
    line = compared(filled)[1]
    assert "calibration in huggingface/peft: GitHub shows 50 files, a checkout has 60" in line.coverage


def test_the_benchmark_claims_no_cause(snapshot: Snapshot) -> None:
    """The benchmark's line and claim name commit, runs and single seeds, and have no share."""
    from peft_census.collect.benchmark import read_benchmark

    table, description = read_benchmark(None, {"LORA": "lora"})
    filled = _with(snapshot, {"benchmark": table}, {"benchmark": description})
    (claim,) = instrument_claims(filled)
    assert (claim.share, claim.base) == (None, 94)
    assert "one run and one seed each" in claim.quote
    assert "5d602fdb" in claim.source_line
    assert "no cause" in compared(filled)[1].coverage
