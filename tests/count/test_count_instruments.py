"""Shares of the instruments, from literal tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from peft_census.count.instruments import civitai_measures, github_measures, github_readings, import_measure
from peft_census.snapshot.schema import arrow_schema

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


def test_the_published_import_shares_come_back() -> None:
    """Hits in the published proportions give 71.3, 3.7 and 3.5 %."""
    rows = [("lora", "read", 713), ("loha", "read", 37), ("adalora", "read", 35), ("ia3", "read", 215)]
    (measure,) = github_measures(_counts(*rows))
    shares = {p.technique: round(100 * p.share, 1) for p in measure.parts}
    assert (shares["lora"], shares["loha"], shares["adalora"]) == (71.3, 3.7, 3.5)
    assert (measure.base, measure.first, measure.last) == (1000, "2026-11-23", "2026-11-23")


def test_the_median_is_of_complete_readings() -> None:
    """Incomplete and failed readings enter neither median nor range; a technique without any is missing."""
    rows = [
        ("lora", "read", 100),
        ("lora", "incomplete", 3),
        ("lora", "read", 120),
        ("lora", "read", 90),
        ("loha", "incomplete", 7),
        ("loha", "failed", None),
        ("ia3", "read", 0),
    ]
    usable, missing = github_readings(_counts(*rows), "phrase")
    assert [(r.technique, r.median, r.low, r.high, r.n) for r in usable] == [
        ("ia3", 0, 0, 0, 1),
        ("lora", 100, 90, 120, 3),
    ]
    assert missing == ["loha"]
    assert github_measures(_counts(*rows))[0].missing == ("loha",)


def test_the_range_sets_readings_against_each_other() -> None:
    """The low end of a share takes the lowest reading of one against the highest of the others."""
    rows = [("lora", "read", 80), ("lora", "read", 100), ("loha", "read", 10), ("loha", "read", 20)]
    (measure,) = github_measures(_counts(*rows))
    lora = measure.parts[0]
    assert (lora.numerator, lora.share) == (90, pytest.approx(90 / 105))
    assert (lora.low, lora.high) == (pytest.approx(80 / 100), pytest.approx(100 / 110))
    assert measure.method == "range of readings"


def test_nothing_read_gives_no_measure() -> None:
    """Without a complete reading there is no share; a gap is not a zero."""
    assert github_measures(_counts(("lora", "incomplete", 5))) == []
    assert github_measures(_counts()) == []


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
    measure = import_measure(_imports(*rows))
    assert measure is not None
    assert measure.base == 3
    assert [(p.technique, p.numerator) for p in measure.parts] == [("lora", 2), ("ia3", 1), ("loha", 1)]
    assert all(p.low < p.share < p.high for p in measure.parts)
    assert import_measure(_imports(("a/a", "1", []))) is None


def _civitai(types: dict[str, int]) -> pa.Table:
    kinds = [kind for kind, n in types.items() for _ in range(n)]
    rows = [
        {"model_id": n, "type": kind, "base_models": [], "versions": 1, "asked_at": DAY} for n, kind in enumerate(kinds)
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema("civitai"))


def test_the_published_civitai_shares_come_back() -> None:
    """7,111, 363 and 11 of 10,000 give 95.0 % of the identified and 71.1 % of all."""
    identified, everything = civitai_measures(_civitai({"LORA": 7111, "LoCon": 363, "DoRA": 11, "Checkpoint": 2515}))
    assert (identified.base, everything.base) == (7485, 10000)
    assert [round(100 * m.parts[0].share, 1) for m in (identified, everything)] == [95.0, 71.1]
    assert [(p.technique, p.numerator) for p in identified.parts] == [("lora", 7111), ("locon", 363), ("dora", 11)]
    low, high = identified.parts[0].low, identified.parts[0].high
    assert (round(low, 4), round(high, 4)) == (0.9449, 0.9547)


def test_no_models_give_no_measure() -> None:
    """An empty listing has no shares; one without any technique has no share of the identified."""
    assert civitai_measures(_civitai({})) == []
    assert [m.name for m in civitai_measures(_civitai({"Checkpoint": 3}))] == ["all"]
