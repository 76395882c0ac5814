"""The claim about PEFT's own benchmark, with commit and number of runs.

In: a snapshot with a ``benchmark`` table. Out: text. One run and one seed each, so the claim names no cause.
"""

from __future__ import annotations

from peft_census.publish.claims.claim import Claim
from peft_census.publish.snapshot_reader import source_line
from peft_census.publish.text.numbers import plural
from peft_census.snapshot.instruments import BenchmarkDescription
from peft_census.snapshot.snapshot import Snapshot

NAME = "PEFT method comparison"


def best_runs_text(snapshot: Snapshot) -> str:
    """Returns the run with the best metric for each task, as text."""
    rows = snapshot.table("benchmark").to_pylist()
    best = {r["task"]: r for r in sorted(rows, key=lambda r: (r["value"], r["experiment"]))}
    return "; ".join(
        f"{task}: best {row['metric'].removeprefix('test ')} {row['value']:.3f} by {row['experiment']}"
        for task, row in sorted(best.items())
    )


def benchmark_claim(snapshot: Snapshot, benchmark: BenchmarkDescription) -> Claim:
    """Returns the claim about the benchmark that the manifest describes."""
    commit, runs = benchmark.commit or "unknown", benchmark.runs
    finding = f"PEFT's own comparison, {plural(runs, 'run')}: {best_runs_text(snapshot)}"
    return Claim(
        id="benchmark",
        kind="benchmark",
        population="successful runs of PEFT's method comparison",
        numerator=runs,
        base=runs,
        method="none: one run and one seed each",
        quote=f"{finding} (one run and one seed each, settings chosen by contributors; commit {commit}; peft_census, "
        f"snapshot {snapshot.id}).",
        misquote="The best technique is the least used because people do not know it.",
        why_not="Two tasks and one run each do not explain which techniques cards cite.",
        caveat="The results are overwritten at their source; other commits have other results.",
        title=finding,
        subtitle=f"n = {plural(runs, 'run')}.",
        source_line=f"Source: peft_census, snapshot {snapshot.id}; data: huggingface/peft method_comparison, "
        f"commit {commit}",
        alt_text=f"{finding}. {source_line(snapshot)}.",
        snapshot_id=snapshot.id,
        specimen=False,
    )
