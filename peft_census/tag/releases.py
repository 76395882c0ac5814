"""When each release of PEFT came out: ``peft_releases.toml`` (its head says how the days are known).

In: the file. Out: days by version. A file whose days do not ascend with the versions is refused.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

from peft_census.errors import TaxonomyError

BUNDLED = Path(__file__).with_name("peft_releases.toml")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


@cache
def release_dates(path: Path = BUNDLED) -> dict[str, date]:
    """Returns the day of every release of PEFT, by version, in ascending order.

    Raises:
        TaxonomyError: the file is missing, is not TOML, or a version or its day cannot be right.
    """
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8")).get("uploaded")
    except OSError as error:
        raise TaxonomyError(f"{path}: cannot be read: {error.strerror}", "install peft_census again.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaxonomyError(f"{path}: not valid TOML: {error}", "mend the file.") from error
    if not isinstance(written, dict) or not written:
        raise TaxonomyError(f"{path}: has no table [uploaded]", 'add [uploaded] with lines like "0.21.2" = 2026-10-01.')
    for version, day in written.items():
        if not _VERSION.fullmatch(version) or not isinstance(day, date) or isinstance(day, datetime):
            raise TaxonomyError(f"{path}: {version!r} = {day} is no release and day", "write it like 2026-10-01.")
    days: dict[str, date] = dict(sorted(written.items(), key=lambda item: [int(n) for n in item[0].split(".")]))
    for (one, first), (other, second) in pairwise(days.items()):
        if second < first:
            raise TaxonomyError(f"{path}: {other} ({second}) stands before {one} ({first})", "correct one of the days.")
    return days
