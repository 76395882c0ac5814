"""PEFT's benchmark in print: one line and one claim, with commit and runs, and no cause.

In: a snapshot with a ``benchmark`` table. Out: words. Refuses nothing and concludes nothing: one run and one
seed each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peft_census.publish.claims.claim import Claim
from peft_census.publish.snapshot_reader import SnapshotLike, source_line
from peft_census.publish.text.numbers import plural

NAME = "PEFT method comparison"


@dataclass(frozen=True)
class ComparisonRow:
    """One line of the side-by-side table, in words."""

    where: str
    figure: str
    base: str
    range: str
    date: str
    coverage: str
    remark: str = ""


def _best(snapshot: SnapshotLike) -> list[tuple[str, dict[str, Any], int]]:
    """Returns for each task its name, the run with the best metric and the number of runs."""
    rows = snapshot.table("benchmark").to_pylist()
    tasks = sorted({r["task"] for r in rows})
    of = {t: [r for r in rows if r["task"] == t] for t in tasks}
    return [(t, max(of[t], key=lambda r: (r["value"], r["experiment"])), len(of[t])) for t in tasks]


def _words(snapshot: SnapshotLike) -> str:
    return "; ".join(
        f"{task}: best {row['metric'].removeprefix('test ')} {row['value']:.3f} by {row['experiment']}"
        for task, row, _ in _best(snapshot)
    )


def benchmark_line(snapshot: SnapshotLike, facts: Mapping[str, Any]) -> ComparisonRow:
    days = sorted(str(d)[:10] for d in snapshot.table("benchmark")["run_at"].to_pylist() if d)
    return ComparisonRow(
        where=NAME,
        figure=_words(snapshot),
        base=f"{plural(facts['runs'], 'run')}, one seed each; not a share",
        range="none: one run each",
        date=f"runs {days[0]} to {days[-1]}" if days else "–",
        coverage=f"commit {facts['commit'] or 'unknown'}",
        remark="Settings chosen by contributors: popular beside measured, no cause.",
    )


def benchmark_claim(snapshot: SnapshotLike, facts: Mapping[str, Any]) -> Claim:
    words = _words(snapshot)
    source = f"Source: huggingface/peft method_comparison @ {facts['commit'] or 'unknown commit'}"
    finding = f"PEFT's own comparison, {plural(facts['runs'], 'run')}: {words}"
    return Claim(
        id="benchmark",
        kind="benchmark",
        rule=None,
        population="successful runs of PEFT's method comparison",
        technique=None,
        name=None,
        numerator=facts["runs"],
        base=facts["runs"],
        share=None,
        low=None,
        high=None,
        method="none: one run and one seed each",
        quote=f"{finding} (one run and one seed each, settings chosen by contributors; commit "
        f"{facts['commit'] or 'unknown'}; peft_census, snapshot {snapshot.id}).",
        misquote="The best technique is the least used because people do not know it.",
        why_not="Two tasks, one run each: the table shows what is popular beside what was measured, and no cause.",
        caveat="Results are overwritten in place at their source; other commits hold other numbers.",
        title=finding,
        subtitle=f"n = {plural(facts['runs'], 'run')}.",
        source_line=f"{source} · snapshot {snapshot.id}",
        alt_text=f"{finding}. {source_line(snapshot)}.",
        snapshot_id=snapshot.id,
        specimen=False,
    )
