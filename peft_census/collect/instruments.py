"""Runs the instruments: data sources that are not cards.

In: which ones, and technique ids with their config classes and PEFT types. Out: tables of the schema, and for each
instrument what was asked, when, and what is missing. A fault of one instrument is a gap with its reason; the others
still run. To add an instrument, write its module and name it in ``INSTRUMENTS``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from peft_census.collect import benchmark, civitai
from peft_census.collect.github import instrument as github
from peft_census.collect.instrument import Cost, Instrument, InstrumentConfig, InstrumentResult, InstrumentRun
from peft_census.errors import SourceError, UsageError
from peft_census.snapshot.instruments import Description, NotRead
from peft_census.snapshot.records import to_json

INSTRUMENTS: dict[str, Instrument] = {
    "github": github.INSTRUMENT,
    "civitai": civitai.INSTRUMENT,
    "benchmark": benchmark.INSTRUMENT,
}


@dataclass(frozen=True)
class CollectedInstruments:
    """What the instruments returned.

    Args:
        tables: by name, in the schema of the registry.
        descriptions: by instrument, for the manifest.
        gaps: one line for everything that is missing.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    descriptions: dict[str, Description] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()

    def content_sha256(self) -> str:
        """Returns a hash over all tables and descriptions: the same content has the same hash."""
        digest = hashlib.sha256()
        for name, table in sorted(self.tables.items()):
            digest.update(name.encode())
            for batch in table.to_batches(max_chunksize=4096):
                digest.update(json.dumps(batch.to_pylist(), default=str).encode())
        digest.update(json.dumps(to_json(self.descriptions), sort_keys=True).encode())
        return digest.hexdigest()


def checked_config(config: InstrumentConfig) -> InstrumentConfig:
    """Returns ``config``; raises UsageError for an unknown instrument or a number that makes no sense."""
    unknown = [n for n in config.names if n not in INSTRUMENTS]
    if unknown:
        raise UsageError(f"unknown instrument {', '.join(unknown)}", f"known: {', '.join(INSTRUMENTS)}.")
    for instrument in INSTRUMENTS.values():
        instrument.check(config)
    return config


def collect(run: InstrumentRun) -> CollectedInstruments:
    """Runs the configured instruments in the order of ``INSTRUMENTS``."""
    results: dict[str, InstrumentResult] = {}
    for name in (n for n in INSTRUMENTS if n in run.config.names):
        try:
            results[name] = INSTRUMENTS[name].collect(run)
        except SourceError as error:
            results[name] = InstrumentResult({}, NotRead("failed", error.what), (f"{name}: {error}",))
    return CollectedInstruments(
        tables={table: data for result in results.values() for table, data in result.tables.items()},
        descriptions={name: result.description for name, result in results.items()},
        gaps=tuple(gap for result in results.values() for gap in result.gaps),
    )


def estimate(config: InstrumentConfig, classes: Mapping[str, str]) -> dict[str, Cost]:
    """Returns the cost of each configured instrument; sends nothing."""
    return {name: INSTRUMENTS[name].estimate(config, classes) for name in config.names}
