"""Renders techniques to test instead of another, as text and Markdown.

In: ``Alternatives``, the taxonomy and the commit of the benchmark. Out: strings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from peft_census.count.alternatives import Alternatives, BenchmarkRun
from peft_census.publish.text.numbers import count, percent_label, plural
from peft_census.publish.text.table import Table, markdown_safe

HEAD = ("technique", "result", "difference", "memory", "adapter", "minutes", "cited", "runs", "PEFT", "swap in")


@dataclass(frozen=True)
class Swap:
    """What one needs to use a technique: its name, configuration class and first release of PEFT with it."""

    name: str
    config_class: str
    since: str | None


def alternatives_text(
    found: Alternatives, swaps: Mapping[str, Swap], commit: str | None, markdown: bool = False
) -> str:
    """Returns the table, what was compared, and where the settings of the runs are.

    Args:
        found: the alternatives.
        swaps: by technique id.
        commit: of PEFT, at which the benchmark was read.
        markdown: Markdown instead of text for a terminal.
    """
    own = found.replaced
    rows = [_row(own, swaps, own), *(_row(run, swaps, own) for run in found.found)]
    table = Table(HEAD, rows, right=(1, 2, 3, 4, 5, 6, 7))
    notes = list(_notes(found, swaps, commit))
    if markdown:
        return "\n".join([*table.markdown(), "", *(f"- {markdown_safe(note)}" for note in notes)])
    return "\n".join([*table.text(), "", *notes])


def _row(run: BenchmarkRun, swaps: Mapping[str, Swap], own: BenchmarkRun) -> list[str]:
    swap = swaps[run.technique]
    mine = swap.name if run.variant is None else f"{swap.name} ({run.variant})"
    return [
        mine,
        f"{run.value:.3f}",
        "" if run is own else _difference(run),
        _size(run.memory_max_bytes),
        _size(run.file_size_bytes),
        "not known" if run.train_time_s is None else f"{run.train_time_s / 60:.0f}",
        "hidden" if run.cards is None or run.share is None else f"{count(run.cards)} ({percent_label(run.share)})",
        count(run.runs),
        swap.since or "not known",
        "" if run is own else f"{swaps[own.technique].config_class}(…) → {swap.config_class}(…)",
    ]


def _difference(run: BenchmarkRun) -> str:
    if run.low is None or run.high is None:
        return f"{run.difference:+.3f}"
    return f"{run.difference:+.3f} ({run.low:+.3f} to {run.high:+.3f})"


def _size(size: int | None) -> str:
    if size is None:
        return "not known"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _notes(found: Alternatives, swaps: Mapping[str, Swap], commit: str | None) -> Iterator[str]:
    name = swaps[found.replaced.technique].name
    if not found.within_limits:
        yield f"{name} has no run within the limits; its best run is shown."
    if not found.found:
        yield "No other technique has a run within the limits that no other run beats."
    yield (
        f"{found.task}, {found.metric}. Of {plural(found.techniques, 'other technique')}, {count(found.excluded)} have "
        "no run within the limits. Shown: runs that no other beats in result, memory and size of the adapter together."
    )
    if any(run.low is not None for run in found.found):
        yield (
            "Difference: 95% interval by the size of the test set, as if each run had a test set of its own. If it "
            "contains 0, the benchmark cannot tell the two apart."
        )
    else:
        yield "The error of the test set is not known: small differences mean nothing."
    yield (
        f"One seed each, settings chosen by contributors; the best of many runs is higher by chance. Cited: of "
        f"{plural(found.base, 'card')} that cite a technique. Compare them on your own task."
    )
    where = f"https://github.com/huggingface/peft/tree/{commit or 'main'}/method_comparison/{found.task}/experiments"
    for run in (found.replaced, *found.found):
        yield f"settings of {swaps[run.technique].name}: {where}/{run.experiment}"
