"""Techniques to test instead of another: runs of PEFT's benchmark that no other run beats, within limits.

In: the tables ``popular`` and ``benchmark``. Out: alternatives, compared with the technique that they would replace.
One task and one seed do not show which technique is best for other uses; the list says which are worth a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from peft_census.count.popular import Run, difference
from peft_census.errors import UsageError

MOST = 3
"""Alternatives that are returned."""


@dataclass(frozen=True)
class Limits:
    """What a run must stay below, in bytes; None for no limit."""

    memory: int | None = None
    adapter: int | None = None

    def allow(self, run: Run) -> bool:
        """Returns whether ``run`` stays below; a run of unknown size does not."""
        pairs = ((run["memory_max_bytes"], self.memory), (run["file_size_bytes"], self.adapter))
        return all(limit is None or (size is not None and size < limit) for size, limit in pairs)


@dataclass(frozen=True)
class BenchmarkRun:
    """One run, compared with the run that it would replace.

    Args:
        technique: technique id, variants grouped.
        variant: technique id of the variant, or PEFT's name of it.
        experiment: PEFT's name of the run.
        value: its result.
        difference: value minus that of the run to replace.
        low: lower bound of the difference by the size of the test set (``popular.difference``); None if not known.
        high: upper bound.
        memory_max_bytes: highest accelerator memory.
        file_size_bytes: size of the saved adapter.
        train_time_s: training time in seconds.
        runs: runs of the technique in the task.
        cards: cards that cite the technique.
        share: of the cards that cite any.
    """

    technique: str
    variant: str | None
    experiment: str
    value: float
    difference: float
    low: float | None
    high: float | None
    memory_max_bytes: int | None
    file_size_bytes: int | None
    train_time_s: float | None
    runs: int
    cards: float | None
    share: float | None


@dataclass(frozen=True)
class Alternatives:
    """Techniques to test instead of another.

    Args:
        task: of the benchmark.
        metric: what the values are; higher is better.
        replaced: the best run of the technique to replace, within the limits if it has one.
        within_limits: whether it is.
        base: cards that cite any technique.
        found: the alternatives, the best first.
        techniques: other techniques with a run in the task.
        excluded: of these, techniques without a run within the limits.
    """

    task: str
    metric: str
    replaced: BenchmarkRun
    within_limits: bool
    base: float
    found: tuple[BenchmarkRun, ...]
    techniques: int
    excluded: int


def alternatives(
    popular: Sequence[Run], benchmark: Sequence[Run], like: str, task: str, limits: Limits
) -> Alternatives:
    """Returns up to ``MOST`` techniques with a run that no other run within the limits beats.

    A run beats another if it is at least as good in result, memory and size of the adapter, and better in one of them.

    Args:
        popular: rows of the table ``popular``.
        benchmark: rows of the table ``benchmark``.
        like: id of the technique to replace; not a variant.
        task: of the benchmark.
        limits: what the runs must stay below.

    Raises:
        UsageError: ``like`` has no run in the task.
    """
    more = {(r["task"], r["experiment"]): r for r in benchmark}
    runs = [
        r | {name: more[task, r["experiment"]][name] for name in ("file_size_bytes", "train_time_s")}
        for r in popular
        if r["task"] == task and r["technique"] is not None
    ]
    mine = [r for r in runs if r["technique"] == like]
    if not mine:
        known = ", ".join(sorted({r["technique"] for r in runs}))
        raise UsageError(f"PEFT's benchmark has no run of {like!r} on {task}", f"it has: {known}.")
    allowed = [r for r in runs if limits.allow(r)]
    replaced = max([r for r in mine if limits.allow(r)] or mine, key=lambda r: (r["value"], r["experiment"]))
    best: dict[str, Run] = {}
    for run in sorted(allowed, key=lambda r: (-r["value"], r["experiment"])):
        if run["technique"] != like and not any(_beats(other, run) for other in allowed):
            best.setdefault(run["technique"], run)
    others = {r["technique"] for r in runs} - {like}
    return Alternatives(
        task,
        replaced["metric"],
        _compared(replaced, replaced),
        limits.allow(replaced),
        replaced["base"],
        tuple(_compared(replaced, run) for run in list(best.values())[:MOST]),
        len(others),
        len(others - {r["technique"] for r in allowed}),
    )


def _beats(one: Run, other: Run) -> bool:
    if None in (size := [r[name] for r in (one, other) for name in ("memory_max_bytes", "file_size_bytes")]):
        return False
    mine, theirs = (one["value"], -size[0], -size[1]), (other["value"], -size[2], -size[3])
    return mine != theirs and all(a >= b for a, b in zip(mine, theirs, strict=True))


def _compared(replaced: Run, run: Run) -> BenchmarkRun:
    bounds = None if run is replaced else difference(replaced, run)
    low, high = bounds or (None, None)
    kept = ("memory_max_bytes", "file_size_bytes", "train_time_s", "runs", "cards", "share")
    return BenchmarkRun(
        run["technique"],
        run["variant"],
        run["experiment"],
        run["value"],
        run["value"] - replaced["value"],
        low,
        high,
        *(run[name] for name in kept),
    )
