"""What authors cite later is counted by hand, and planted habits are found."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from worlds import FACTS, World, cards_of, evidence_of

from peft_census.count.evidence import Evidence
from peft_census.count.stickiness import Choices, stickiness, stickiness_rows
from peft_census.snapshot.schema import check

EVEN = World(taste=1e6)
WORLDS = {
    "no habit": EVEN,
    "trend": replace(EVEN, trend=-0.006),
    "taste": World(),
    "habit": replace(EVEN, repeats=0.5),
    "rare": World(share=0.95, repeats=0.3, authors=3000),
}
"""An author's taste makes cards alike: their correlation is 1 / (1 + ``World.taste``)."""

Key = tuple[str, str, str | None]


def draw(world: World, seed: int) -> dict[Key, dict[str, Any]]:
    """Returns the rows of all cohorts together by measure, first and later technique."""
    cards = cards_of(world, np.random.default_rng(seed), "peft")
    found = Choices(("ia3", "lora"), cards["lora"].astype(np.int64), cards["author"], cards["day"])
    return {(r["measure"], r["first"], r["later"]): r for r in stickiness_rows(found) if r["cohort"] == "all"}


@cache
def truth(name: str) -> dict[Key, float]:
    """Returns the shares of 150,000 authors; the gap by its formula, which does not depend on our code."""
    world = WORLDS[name]
    gap = world.repeats + (1 - world.repeats) / (1 + world.taste)
    big = {key: row["share"] for key, row in draw(replace(world, authors=150_000), 99).items()}
    assert big["gap", "lora", "lora"] == pytest.approx(gap, abs=0.02)
    return big | {("gap", "lora", "lora"): gap}


def hits(name: str, draws: int) -> dict[Key, float]:
    """Returns the fraction of draws whose interval holds the truth, for each estimate that is made."""
    held: dict[Key, list[bool]] = {}
    for seed in range(draws):
        for key, row in draw(WORLDS[name], seed).items():
            if row["enough"]:
                held.setdefault(key, []).append(row["low"] <= truth(name)[key] <= row["high"])
    assert ("gap", "lora", "lora") in held and ("left", "lora", None) in held
    return {key: float(np.mean(values)) for key, values in held.items() if len(values) == draws}


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_the_interval_holds_what_was_planted(name: str) -> None:
    """In at least 93% of 400 draws, for every share, the leavers and the gap."""
    assert min(hits(name, 400).values()) >= 0.93, hits(name, 400)


def test_a_habit_is_found_and_none_where_there_is_none() -> None:
    """In twelve draws, at most two miss; without habit and taste the gap is zero, with a trend as well."""
    for name in ("no habit", "trend", "habit"):
        assert min(hits(name, 12).values()) >= 10 / 12, name
    assert draw(WORLDS["habit"], 1)["gap", "lora", "lora"]["low"] > 0.3


def test_authors_are_counted_by_hand() -> None:
    """Days decide what is first; an author whose first day has two techniques, or who has one day, does not count."""
    lora, ia3 = 1, 0
    cards = [
        ("stays", 0, lora), ("stays", 1, lora), ("stays", 40, lora),
        ("leaves", 0, lora), ("leaves", 0, lora), ("leaves", 9, lora), ("leaves", 9, ia3), ("leaves", 10, ia3), ("leaves", 11, ia3),
        ("returns", 400, ia3), ("returns", 401, lora),
        ("both", 0, lora), ("both", 0, ia3), ("both", 5, lora),
        ("once", 0, lora), ("once", 0, lora),
    ]  # fmt: skip
    names = sorted({name for name, _, _ in cards})
    author, day, technique = zip(*((names.index(a), 19_000 + d, t) for a, d, t in cards), strict=True)
    rows = stickiness_rows(Choices(("ia3", "lora"), *(np.array(c) for c in (technique, author, day))))
    found = {(r["cohort"], r["measure"], r["first"], r["later"]): r for r in rows}
    left = found["all", "left", "lora", None]
    assert (left["numerator"], left["base"], left["cards"], left["share"]) == (1, 2, 6, 0.5)
    later = found["all", "later", "lora", "lora"]
    assert (later["numerator"], later["base"]) == (1.25, 2)
    assert found["all", "later", "lora", "other"]["numerator"] == 0.75  # too few authors began with (IA)^3
    assert found["2023", "later", "other", "lora"]["share"] == 1
    assert {cohort for cohort, *_ in found} == {"all", "2022", "2023"}
    assert not found["all", "gap", "lora", "lora"]["enough"]
    assert sum(r["share"] for r in rows if (r["cohort"], r["measure"], r["first"]) == ("all", "later", "lora")) == 1


def test_the_interval_is_that_of_a_bootstrap_of_authors() -> None:
    """Drawing whole authors again gives the same bounds, to a fifth of their distance."""
    rng = np.random.default_rng(7)
    cards = cards_of(World(), rng, "peft")
    author, day, lora = cards["author"], cards["day"], cards["lora"]
    row = draw(World(), 7)["later", "lora", "lora"]
    parts = []
    for a in range(World().authors):
        mine = author == a
        first = day[mine] == day[mine].min()
        if lora[mine][first].all() and not first.all():
            parts.append(lora[mine][~first].mean())
    drawn = np.array(parts)
    again = rng.choice(drawn, (2000, len(drawn))).mean(axis=1)
    low, high = np.quantile(again, [0.025, 0.975])
    assert row["base"] == len(parts) and row["share"] == pytest.approx(drawn.mean())
    assert abs(row["low"] - low) + abs(row["high"] - high) < 0.2 * (high - low)


def test_the_table_fits_its_schema() -> None:
    """Cards of real evidence, no dates, and no card at all."""
    table = stickiness(evidence_of(World(authors=300), 1))
    check("stickiness", table)
    assert table.num_rows > 10
    models = pa.table({"model_id": pa.array(["a/b"], pa.string())})
    cited = pa.table({"model_id": ["a/b"], "technique": ["lora"]})
    empty = stickiness(Evidence(models, cited, FACTS))
    check("stickiness", empty)
    assert [r["measure"] for r in empty.to_pylist()] == ["gap"] and not empty["enough"][0].as_py()
