"""What a snapshot records about the instruments: GitHub's code search, Civitai, PEFT's benchmark.

``collect`` builds these records; the manifest keeps them as JSON under ``instruments``, by name; ``read_descriptions``
returns them from there. ``publish`` needs nothing else to say what was asked, when, and what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from peft_census.errors import SnapshotError
from peft_census.snapshot.records import read_record, record


@record
class NotRead:
    """An instrument without rows, and why.

    ``skipped`` for a missing token, ``failed`` for a fault, ``left_out`` in a public copy, which has
    counted tables only.
    """

    state: Literal["skipped", "failed", "left_out"]
    reason: str


@record
class Asked:
    """Where and when an API was asked.

    Args:
        endpoint: base URL; for a replica its host alone, because its port changes.
        replica: whether a test server on this machine answered, so that the figures mean nothing.
        requests_kept: answers that the tables are made from.
        first_asked: time of the first of them; None without any.
        last_asked: time of the last.
    """

    endpoint: str
    replica: bool
    requests_kept: int
    first_asked: datetime | None
    last_asked: datetime | None


@record
class ReadingCounts:
    """How many readings of GitHub's totals ended in each status of ``github_counts``."""

    read: int
    incomplete: int
    refused: int
    failed: int


@record
class SampleFrame:
    """The files of one kind that the GitHub sample is drawn from (None in number if not known), and what was read."""

    query: str
    files_in_frame: int | None
    pages_read: int
    requests: int
    pages_incomplete: int
    items_malformed: int


@record
class GithubSample:
    """The sample of files: slices of file size, drawn in proportion to their number of files; frames by kind of file.

    ``requests`` is the budget, ``asked.requests_kept`` what was used of it.
    """

    asked: Asked
    requests: int
    seed: int
    frames: dict[str, SampleFrame]


@record
class GithubDescription:
    """GitHub's code search; ``partial`` if it broke off or a reading failed."""

    state: Literal["read", "partial"]
    asked: Asked
    readings: ReadingCounts
    readings_wanted: int
    sample: GithubSample | None = None


@record
class CivitaiFrame:
    """Which models are asked for: at most ``models`` (0: all), in the order ``sort``, of ``types`` (none: all)."""

    models: int = 0
    sort: str = "Oldest"
    types: tuple[str, ...] = ()
    period: str = "AllTime"
    nsfw: bool = True


@record
class CivitaiDescription:
    """Civitai's listing; ``partial`` if it broke off.

    Args:
        whole: whether the end of the listing was reached.
        duplicates_dropped: models listed more than once.
        items_malformed: models without id or type, left out.
    """

    state: Literal["read", "partial"]
    asked: Asked
    frame: CivitaiFrame
    whole: bool
    pages: int
    duplicates_dropped: int
    items_malformed: int


@record
class BenchmarkDescription:
    """PEFT's method comparison at a commit of PEFT (None outside a checkout)."""

    state: Literal["read"]
    commit: str | None
    runs: int
    content_sha256: str
    types_without_technique: tuple[str, ...]
    bundled: bool


Description = NotRead | GithubDescription | CivitaiDescription | BenchmarkDescription


def read_descriptions(data: Mapping[str, Any], where: Path | str) -> dict[str, Description]:
    """Returns the descriptions in ``instruments`` of a manifest, by instrument.

    Raises:
        SnapshotError: they are not what this release writes; names ``where``.
    """
    return read_record(dict[str, Description], dict(data), where, SnapshotError, "run the census again.")
