"""The instruments beside the cards: GitHub's code search, Civitai, PEFT's benchmark, as the pipeline sees them.

In: the wishes of the command line. Out: tables, coverage and descriptions for a snapshot. This is where the
taxonomy's config classes and PEFT types are handed to collecting, which does not know the taxonomy itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from peft_census.errors import UsageError
from peft_census.settings import settings
from peft_census.snapshot.instruments import CivitaiFrame, GithubDescription, NotRead
from peft_census.snapshot.records import to_json

if TYPE_CHECKING:
    from peft_census.collect.instrument import Cost, InstrumentConfig
    from peft_census.collect.instruments import CollectedInstruments

Note = Callable[[str], None]


@dataclass(frozen=True)
class InstrumentResults:
    """What the instruments gave.

    Args:
        tables: by name, in the schema of the registry.
        about: instrument to its description, for the manifest.
        coverage: rows for the ``coverage`` table.
        gaps: one line for everything missing.
        content_sha256: changes when, and only when, tables or descriptions change.
    """

    tables: dict[str, pa.Table]
    about: dict[str, Any]
    coverage: list[dict[str, Any]]
    gaps: tuple[str, ...]
    content_sha256: str


def split_names(given: Iterable[str]) -> tuple[str, ...]:
    """Returns the names in ``given``, split at commas and spaces, each once."""
    return tuple(dict.fromkeys(name for text in given for name in text.replace(",", " ").split()))


def make_instrument_config(
    given: Iterable[str], civitai: str = "all", order: str = "Oldest", types: str = "", **rest: Any
) -> InstrumentConfig | None:
    """Returns what to collect; None where no instrument is named.

    Args:
        given: instruments, as ``--with`` takes them.
        civitai: ``all``, or the number of models of a declared sample.
        order: Civitai's order.
        types: Civitai's types, with commas; empty for all.
        rest: the other fields of ``InstrumentConfig``.

    Raises:
        UsageError: an instrument or a number that makes no sense.
    """
    names = split_names(given)
    if not names:
        return None
    from peft_census.collect.instrument import InstrumentConfig
    from peft_census.collect.instruments import checked_config

    if civitai != "all" and not civitai.isdecimal():
        raise UsageError(f"--civitai {civitai}: not a number of models", "give a number, or 'all'.")
    frame = CivitaiFrame(0 if civitai == "all" else int(civitai), order, split_names([types]))
    return checked_config(InstrumentConfig(names, civitai=frame, **rest))


def peft_classes() -> dict[str, str]:
    """Returns the taxonomy's PEFT types: technique id to config class."""
    from peft_census.tag import load_taxonomy

    found = load_taxonomy().techniques.values()
    return {t.id: t.config_class for t in found if t.kind == "peft_type" and t.config_class}


def peft_types() -> dict[str, str]:
    """Returns PEFT type to technique id."""
    from peft_census.tag import load_taxonomy

    found = load_taxonomy().techniques.values()
    return {t.peft_type: t.id for t in found if t.kind == "peft_type" and t.peft_type}


def collect_instruments(wanted: InstrumentConfig, note: Note, progress: Callable[[int], object]) -> InstrumentResults:
    """Runs the instruments."""
    from peft_census.collect.instrument import InstrumentRun
    from peft_census.collect.instruments import collect

    found = collect(InstrumentRun(wanted, peft_classes(), peft_types(), settings().raw, note, progress))
    about = to_json(found.descriptions)
    return InstrumentResults(found.tables, about, _coverage(found), found.gaps, found.content_sha256())


def _coverage(found: CollectedInstruments) -> list[dict[str, Any]]:
    """Returns a row for each instrument and state: readings of GitHub, models of Civitai, runs of the benchmark."""
    rows: list[dict[str, Any]] = []

    def add(name: str, status: str, n: int, reason: str | None = None) -> None:
        rows.append({"source": name, "status": status, "reason": reason, "n": n})

    for name, description in found.descriptions.items():
        if isinstance(description, NotRead):
            add(name, "skipped" if description.state == "skipped" else "missing", 0, description.reason)
        elif isinstance(description, GithubDescription):
            for status, n in vars(description.readings).items():
                if n:
                    add(name, "missing" if status == "failed" else status, n)
        else:
            add(name, "read", found.tables[name].num_rows)
        if description.state == "partial":
            add(name, "missing", 0, "broke off; run the same command again")
    return rows


def estimate(wanted: InstrumentConfig | None) -> dict[str, Cost]:
    """Returns what each instrument would cost; sends nothing."""
    if wanted is None:
        return {}
    from peft_census.collect.instruments import estimate

    return estimate(wanted, peft_classes())


def estimate_text(costs: Mapping[str, Cost]) -> str:
    """Returns the estimate in lines for people."""
    lines = []
    for name, cost in costs.items():
        if cost.requests is None:
            lines.append(f"{name:<10} {cost.note}")
        else:
            more = cost.requests_if_incomplete
            extra = f"; at most {more:,} requests where readings come back incomplete" if more else ""
            lines.append(f"{name:<10} {cost.requests:,} requests, {cost.minutes:,} minutes{extra}")
    return "\n".join(lines)
