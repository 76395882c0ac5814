"""Reads ``peft_releases.toml``: the date of each release of PEFT.

In: the file; its head explains the source of the dates. Out: dates by version. A file in which a later version has
an earlier date is rejected.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import Field, Strict

from peft_census.errors import TaxonomyError
from peft_census.snapshot.records import read_record, record
from peft_census.tag.techniques import Release
from peft_census.tag.toml_file import read_toml

RELEASES_FILE = Path(__file__).with_name("peft_releases.toml")


@record
class _File:
    uploaded: Annotated[dict[Release, Annotated[date, Strict()]], Field(min_length=1)]


@cache
def release_dates(path: Path = RELEASES_FILE) -> dict[str, date]:
    """Returns the date of every release of PEFT, by version, in ascending order.

    Raises:
        TaxonomyError: the file is missing, is not TOML or breaks a rule of the format.
    """
    file = read_record(
        _File, read_toml(path), path, TaxonomyError, 'write lines like "0.21.2" = 2026-10-01 below [uploaded].'
    )
    dates = dict(sorted(file.uploaded.items(), key=lambda item: [int(n) for n in item[0].split(".")]))
    for (earlier, first), (later, second) in pairwise(dates.items()):
        if second < first:
            raise TaxonomyError(
                f"{path}: {later} ({second}) is dated before {earlier} ({first})", "correct one of the dates."
            )
    return dates
