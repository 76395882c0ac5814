"""Techniques to test instead of another, on runs whose front is known."""

from __future__ import annotations

from typing import Any

import pytest

from peft_census.count.alternatives import Limits, alternatives
from peft_census.errors import UsageError


def run(technique: str, value: float, memory: int | None, adapter: int | None, **more: Any) -> dict[str, Any]:
    bounds = {"value_low": value - 0.03, "value_high": value + 0.03}
    return (
        {"task": "T", "technique": technique, "variant": None, "experiment": f"{technique}/{value}", "runs": 1}
        | {"metric": "test accuracy", "value": value, "memory_max_bytes": memory, "cards": 1.0, "share": 0.1}
        | {"base": 10.0, "file_size_bytes": adapter, "train_time_s": 60.0}
        | bounds
        | more
    )


RUNS = [
    run("lora", 0.50, 20, 70),
    run("lora", 0.45, 10, 70),
    run("best", 0.55, 30, 90),
    run("small", 0.48, 20, 5),
    run("beaten", 0.47, 21, 6),  # by small, in everything
    run("below", 0.44, 11, 71),  # by the other run of lora, in everything
    run("unknown", 0.60, None, None),
    run("elsewhere", 0.99, 1, 1, task="U"),
]


def find(limits: Limits | None = None, like: str = "lora") -> Any:
    return alternatives(RUNS, RUNS, like, "T", limits or Limits())


def test_runs_that_another_beats_are_left_out() -> None:
    """The front without limits: a run of unknown size cannot be beaten; runs of the replaced technique beat as well."""
    found = find()
    assert [r.technique for r in found.found] == ["unknown", "best", "small"]
    assert (found.replaced.experiment, found.within_limits, found.techniques, found.excluded) == (
        "lora/0.5",
        True,
        5,
        0,
    )


def test_limits_leave_out_what_is_not_below_or_not_known() -> None:
    """A run of 20 is not below 20, and of a run without a size nothing is known."""
    found = find(Limits(memory=21))
    assert [r.technique for r in found.found] == ["small"]
    assert (found.replaced.experiment, found.excluded) == ("lora/0.5", 3)
    small = find(Limits(memory=20))
    assert (small.replaced.experiment, small.within_limits) == ("lora/0.45", True)
    assert [r.technique for r in small.found] == []
    tiny = find(Limits(adapter=6))
    assert (tiny.replaced.experiment, tiny.within_limits) == ("lora/0.5", False)
    assert [r.technique for r in tiny.found] == ["small"]


def test_the_difference_has_the_interval_of_two_test_sets() -> None:
    """Half widths of 0.03 give 0.03 · √2 on either side; without bounds there is no interval."""
    (best,) = [r for r in find().found if r.technique == "best"]
    assert best.difference == pytest.approx(0.05)
    assert (best.low, best.high) == (pytest.approx(0.05 - 0.03 * 2**0.5), pytest.approx(0.05 + 0.03 * 2**0.5))
    bare = [r | {"value_low": None, "value_high": None} for r in RUNS]
    assert {(r.low, r.high) for r in alternatives(bare, bare, "lora", "T", Limits()).found} == {(None, None)}


def test_a_technique_without_a_run_is_named() -> None:
    """The error lists the techniques that have one."""
    with pytest.raises(UsageError, match="no run of 'xlora' on T"):
        find(like="xlora")
