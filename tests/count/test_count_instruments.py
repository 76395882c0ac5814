"""Shares of the instruments, from literal tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from peft_census.count.instruments import calibration, instrument_shares, search_readings
from peft_census.snapshot.schema import arrow_schema, check

DAY = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _counts(*rows: tuple[str, str, int | None]) -> pa.Table:
    """Returns readings of the phrase measure from (technique, status, total)."""
    return pa.Table.from_pylist(
        [
            {
                "technique": technique,
                "config_class": f"{technique}Config",
                "measure": "phrase",
                "scope": "all",
                "query": "q",
                "reading": n,
                "asked_at": DAY,
                "status": status,
                "total_count": total,
            }
            for n, (technique, status, total) in enumerate(rows)
        ],
        schema=arrow_schema("github_counts"),
    )


def _shares(**tables: pa.Table) -> list[dict[str, Any]]:
    """Returns the rows of ``instrument_shares``, which fit the schema."""
    table = instrument_shares(tables)
    check("instrument_shares", table)
    return table.to_pylist()


def test_the_published_import_shares_come_back() -> None:
    """Hits in the published proportions give 71.3, 3.7 and 3.5%."""
    readings = [("lora", "read", 713), ("loha", "read", 37), ("adalora", "read", 35), ("ia3", "read", 215)]
    rows = _shares(github_counts=_counts(*readings))
    shares = {r["technique"]: round(100 * r["share"], 1) for r in rows}
    assert (shares["lora"], shares["loha"], shares["adalora"]) == (71.3, 3.7, 3.5)
    assert {(r["base"], r["first"], r["last"]) for r in rows} == {(1000, "2026-11-23", "2026-11-23")}
    assert [r["technique"] for r in rows] == ["lora", "ia3", "loha", "adalora"]


def test_the_median_is_of_complete_readings() -> None:
    """Incomplete and failed readings enter neither median nor range; a technique without any is a row of nulls."""
    readings = [
        ("lora", "read", 100),
        ("lora", "incomplete", 3),
        ("lora", "read", 120),
        ("lora", "read", 90),
        ("loha", "incomplete", 7),
        ("loha", "failed", None),
        ("ia3", "read", 0),
    ]
    usable, missing = search_readings(_counts(*readings), "phrase")
    assert [(r.technique, r.median, r.low, r.high) for r in usable] == [("ia3", 0, 0, 0), ("lora", 100, 90, 120)]
    assert missing == ["loha"]
    rows = _shares(github_counts=_counts(*readings))
    assert [(r["technique"], r["numerator"], r["share"]) for r in rows] == [
        ("lora", 100, 1.0),
        ("ia3", 0, 0.0),
        ("loha", None, None),
    ]


def test_the_range_sets_readings_against_each_other() -> None:
    """The low end of a share takes the lowest reading of one against the highest of the others."""
    readings = [("lora", "read", 80), ("lora", "read", 100), ("loha", "read", 10), ("loha", "read", 20)]
    lora = _shares(github_counts=_counts(*readings))[0]
    assert (lora["numerator"], lora["share"]) == (90, pytest.approx(90 / 105))
    assert (lora["low"], lora["high"]) == (pytest.approx(80 / 100), pytest.approx(100 / 110))
    assert lora["method"] == "range of readings"


def test_nothing_read_gives_no_share() -> None:
    """Without a complete reading, or without any instrument, the table is empty; a gap is not a zero."""
    assert _shares(github_counts=_counts(("lora", "incomplete", 5))) == []
    assert _shares(github_counts=_counts()) == []
    assert _shares() == []


def test_calibration_adds_up_what_can_be_compared() -> None:
    """Only complete readings of one repository with a count of its checkout are added up."""
    columns = {"scope": "huggingface/peft", "local_count": 30}
    rows = _counts(("lora", "read", 40), ("ia3", "read", 10), ("loha", "incomplete", 5)).to_pylist()
    within = pa.Table.from_pylist([r | columns for r in rows], schema=arrow_schema("github_counts"))
    table = calibration({"github_counts": pa.concat_tables([_counts(("lora", "read", 7)), within])})
    check("calibration", table)
    assert table.to_pylist() == [
        {"measure": "phrase", "scope": "huggingface/peft", "techniques": 2, "reported": 50, "counted": 60}
    ]
    assert calibration({"github_counts": _counts(("lora", "read", 7))}).num_rows == calibration({}).num_rows == 0


def _imports(*rows: tuple[str, str, list[str]]) -> pa.Table:
    common: dict[str, Any] = {
        "kind": "python",
        "example_techniques": [],
        "uses_peft": True,
        "star": False,
        "cut": False,
        "slice": "0..9",
        "asked_at": DAY,
    }
    return pa.Table.from_pylist(
        [{"repository": r, "blob_sha": b, "techniques": t, **common} for r, b, t in rows],
        schema=arrow_schema("github_imports"),
    )


def test_repositories_count_once() -> None:
    """Hundreds of files in one repository are one vote, and a copied blob is no vote at all."""
    rows = [("a/a", f"{n}", ["lora"]) for n in range(300)]
    rows += [("b/b", "x", ["loha", "lora"]), ("c/c", "x", ["loha", "lora"]), ("d/d", "y", ["ia3"]), ("e/e", "z", [])]
    rows = _shares(github_imports=_imports(*rows))
    assert {r["base"] for r in rows} == {3}
    assert [(r["technique"], r["numerator"]) for r in rows] == [("lora", 2), ("ia3", 1), ("loha", 1)]
    assert all(r["low"] < r["share"] < r["high"] for r in rows)
    assert _shares(github_imports=_imports(("a/a", "1", []))) == []


def _civitai(types: dict[str, int]) -> pa.Table:
    kinds = [kind for kind, n in types.items() for _ in range(n)]
    rows = [
        {"model_id": n, "type": kind, "base_models": [], "versions": 1, "asked_at": DAY} for n, kind in enumerate(kinds)
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema("civitai"))


def test_the_published_civitai_shares_come_back() -> None:
    """7,111, 363 and 11 of 10,000 give 95.0% of the identified and 71.1% of all; variants are counted separately."""
    rows = _shares(civitai=_civitai({"LORA": 7111, "LoCon": 363, "DoRA": 11, "Checkpoint": 2515}))
    identified, every = ([r for r in rows if r["measure"] == name] for name in ("identified", "all"))
    assert (identified[0]["base"], every[0]["base"]) == (7485, 10000)
    assert [round(100 * measure[0]["share"], 1) for measure in (identified, every)] == [95.0, 71.1]
    assert [(r["technique"], r["numerator"]) for r in identified] == [("lora", 7111), ("locon", 363), ("dora", 11)]
    assert (round(identified[0]["low"], 4), round(identified[0]["high"], 4)) == (0.9449, 0.9547)
    assert {r["variants"] for r in rows} == {"variants_separate"}


def test_no_models_give_no_share() -> None:
    """An empty listing has no shares; one without any technique has no share of the identified, and zeros of all."""
    assert _shares(civitai=_civitai({})) == []
    rows = _shares(civitai=_civitai({"Checkpoint": 3}))
    assert [(r["measure"], r["numerator"]) for r in rows] == [("all", 0)] * 3
