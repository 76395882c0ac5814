"""The interrupted time series finds what was planted, and nothing where nothing was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from worlds import FACTS, TAGGED, World, cards_of, evidence_of

from peft_census.count.evidence import Evidence
from peft_census.count.interrupted import interrupted_series, is_clear
from peft_census.count.segmented import Change, Series, change, effective_number, level_change, t_quantile
from peft_census.snapshot.schema import check

NONE, TOOL, SHIFT = World(), World(tool=0.9), World(shift=-0.15)
RARE = World(share=0.97, authors=3000)
WORLDS = {"no effect": NONE, "rare alternatives": RARE, "tool only": TOOL, "true shift": SHIFT}


def people(world: World, seed: int, library: str = "peft") -> Series:
    """Returns the cards of one library on which a person names a technique, around July 2025."""
    cards = cards_of(world, np.random.default_rng((seed, library == "peft")), library)
    author = cards["author"] + (0 if library == "peft" else world.authors)
    series = Series(cards["month"], cards["lora"].astype(float), author)
    return series.where(cards["person"]).around(TAGGED, TAGGED + 99)


def tools(world: World, seed: int) -> Series:
    """Returns all cards of PEFT around July 2025, with whether a tool tags LoRA."""
    cards = cards_of(world, np.random.default_rng((seed, 1)), "peft")
    return Series(cards["month"], cards["tagged"].astype(float), cards["author"]).around(TAGGED, TAGGED + 99)


def held(found: Change | str, level: float) -> bool:
    """Says whether the interval of the change of level holds the truth."""
    assert isinstance(found, Change), found
    return found.interval(1)[0] <= level <= found.interval(1)[1]


def rows(evidence: Evidence, **wanted: Any) -> list[dict[str, Any]]:
    table = interrupted_series(evidence)
    check("interrupted_series", table)
    return [r for r in table.to_pylist() if all(r[k] == v for k, v in wanted.items())]


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_the_interval_holds_the_planted_change(name: str) -> None:
    """In at least 93% of 600 draws: people's change of level and slope, the difference to Diffusers, the tool's."""
    world, draws = WORLDS[name], 600
    hits = np.zeros(4)
    for seed in range(draws):
        mine, other = change(people(world, seed), TAGGED), change(people(world, seed, "diffusers"), TAGGED)
        assert isinstance(mine, Change) and isinstance(other, Change)
        low, high = mine.interval(2)
        hits[:3] += held(mine, world.shift), low <= 0 <= high, held(mine.minus(other), world.shift)
        hits[3] += held(change(tools(world, seed), TAGGED), world.tool * world.share) if world.tool else 1
    assert (hits >= 0.93 * draws).all(), hits / draws


@pytest.mark.parametrize("name", WORLDS)
def test_few_draws_of_each_world(name: str) -> None:
    """The same in twelve draws, of which one may miss."""
    world = WORLDS[name]
    assert sum(held(change(people(world, seed), TAGGED), world.shift) for seed in range(12)) >= 11


def test_the_tool_alone_changes_nothing_for_people() -> None:
    """Where people's choices never change, the tag moves the text of tools and any text, and not that of people."""
    world = replace(TOOL, authors=2500, taste=8)
    found = {(r["wrote"], r["measure"], r["cards_of"]): r for r in rows(evidence_of(world, 2), placebo=False)}
    tag = found["tools", "rate", "peft"]
    assert is_clear(tag) and tag["level_low"] <= TOOL.tool * TOOL.share <= tag["level_high"]
    assert is_clear(found["anyone", "share", "peft"]) and is_clear(found["anyone", "share", "difference"])
    for row in found.values():
        if row["wrote"] == "people" and row["cards_of"] != "diffusers":
            assert not is_clear(row), row
    without = {
        (r["wrote"], r["measure"], r["cards_of"]): r
        for r in rows(evidence_of(replace(world, tool=0), 2), placebo=False)
    }
    for key, row in found.items():
        if key[0] == "people":
            assert row == without[key]


def test_a_shift_of_people_is_found() -> None:
    """People who change their choices show in the text of people, in PEFT's cards only."""
    found = {(r["wrote"], r["measure"], r["cards_of"]): r for r in rows(evidence_of(SHIFT, 2), placebo=False)}
    mine = found["people", "share", "peft"]
    assert is_clear(mine) and mine["level_low"] <= SHIFT.shift <= mine["level_high"] < 0
    assert not is_clear(found["people", "share", "diffusers"])
    assert found["tools", "share", "peft"]["method"].startswith("none")


def test_placebo_dates_lie_before_the_tag() -> None:
    """No placebo window holds a card of July 2025 or later, so that the tool cannot change a placebo."""
    placebo = {(r["cards_of"], r["month"]): r["level"] for r in rows(evidence_of(TOOL, 3), placebo=True, wrote="people", measure="share")}  # fmt: skip
    assert max(month for _, month in placebo) == "2025-01"
    assert len({month for _, month in placebo}) >= 10
    again = {(r["cards_of"], r["month"]): r["level"] for r in rows(evidence_of(NONE, 3), placebo=True, wrote="anyone", measure="share")}  # fmt: skip
    assert again == placebo


def test_too_few_authors_give_no_estimate() -> None:
    """Thirty authors, no card, or cards without a date or a library: a reason instead of a number."""
    few = rows(evidence_of(World(authors=30, cards=20), 1), placebo=False)
    assert not any(r["enough"] for r in few) and all(r["level"] is None for r in few)
    assert {r["method"] for r in few if r["wrote"] == "people"} == {"none: fewer than 30 effective authors on one side"}
    models = pa.table({"model_id": pa.array([], pa.string())})
    empty = Evidence(models, pa.table({n: pa.array([], pa.string()) for n in ("model_id", "technique")}), FACTS)
    assert [r["base"] for r in rows(empty)] == [0] * 18


def test_the_segmented_regression_recovers_an_exact_line() -> None:
    """A series without noise has its level and slope; weights are cards, so a month counts by its cards."""
    month = np.repeat(np.arange(100, 124), 10)
    mean = 0.2 + 0.1 * (month >= 112) + 0.02 * (month - 112) * (month >= 112)
    outcome = (np.tile(np.arange(10), 24) < np.round(10 * mean)).astype(float)
    series = Series(month, outcome, np.tile(np.arange(10), 24))
    slope, level = np.polyfit(np.arange(12), np.round(10 * mean[month >= 112][::10]) / 10, 1)
    assert level_change(series, 112) == pytest.approx(level - 0.2)
    whole = change(Series(np.tile(month, 8), np.tile(outcome, 8), np.arange(8 * 240) // 2), 112)
    assert isinstance(whole, Change)
    assert whole.values == pytest.approx([0.2, level - 0.2, slope])


def test_copies_of_an_author_do_not_narrow_the_interval() -> None:
    """Ten copies of every card of every author give the same interval."""
    series = people(NONE, 5)
    copies = Series(*(np.tile(values, 10) for values in vars(series).values()))
    one, ten = change(series, TAGGED), change(copies, TAGGED)
    assert isinstance(one, Change) and isinstance(ten, Change)
    assert one.interval(1) == pytest.approx(ten.interval(1))


def test_a_difference_takes_an_author_of_both_as_one() -> None:
    """A series minus itself has neither a change nor an error."""
    found = change(people(NONE, 5), TAGGED)
    assert isinstance(found, Change)
    assert found.minus(found).interval(1) == (0.0, 0.0)


def test_quantiles_and_effective_numbers() -> None:
    """Values of tables of Student's t; equal clusters count fully, one large one counts once."""
    assert [round(t_quantile(n), 3) for n in (10, 29, 100, 10**9)] == [2.228, 2.045, 1.984, 1.96]
    assert effective_number(np.repeat(np.arange(40), 3)) == pytest.approx(40)
    assert effective_number(np.zeros(100, dtype=np.int64)) == 1
