"""Settings: defaults, then ``census.toml``, then the environment, read once into one frozen object.

Secrets (HF_TOKEN, GITHUB_TOKEN) are not settings: the client that needs one reads it from the environment
and nothing here keeps it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from peft_census.errors import UsageError

_PACKAGE = Path(str(resources.files("peft_census")))


@dataclass(frozen=True)
class Settings:
    """Where things are and how much is taken at a time.

    Each field may stand in ``census.toml`` in the working directory, or in the environment as
    ``PEFT_CENSUS_<FIELD>``.
    """

    snapshots: Path = Path("data/snapshots")
    raw: Path = Path("data/raw")
    batch_rows: int = 2048
    """Cards read and tagged at a time; memory grows with it, results do not change."""
    charts: str = "all"
    """Which charts are drawn into a report: ``all``, or ``headline``, which is some seconds quicker."""

    @property
    def wanted_charts(self) -> tuple[str, ...] | None:
        """Names of the charts to draw; None for all."""
        return None if self.charts == "all" else (self.charts,)


def bundled(name: str) -> Path:
    """Returns the path of a file or folder that ships with the project (``specimen``, ``gold`` …).

    Raises:
        UsageError: neither the installed package nor the working tree holds it.
    """
    for place in (_PACKAGE / "_data" / name, _PACKAGE.parent / "data" / name):
        if place.exists():
            return place
    raise UsageError(f"the bundled {name} is missing", "reinstall peft-census, or run from a clone.")


_KINDS: dict[str, Callable[[str], Any]] = {"Path": Path, "int": int, "str": str}


@cache
def settings() -> Settings:
    """Returns the settings of this process."""
    values: dict[str, object] = {}
    file = Path("census.toml")
    if file.is_file():
        try:
            values |= tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} is not valid TOML: {error}", "mend or remove it.") from error
    known = {f.name: f.type for f in fields(Settings)}
    values |= {n: v for n in known if (v := os.environ.get(f"PEFT_CENSUS_{n.upper()}"))}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise UsageError(f"{file}: unknown setting {', '.join(unknown)}", f"known: {', '.join(known)}.")
    made: dict[str, Any] = {}
    for name, value in values.items():
        try:
            made[name] = _KINDS[str(known[name])](str(value))
        except (TypeError, ValueError) as error:
            raise UsageError(f"setting {name}: {value!r} is not a valid value", f"see {file}.") from error
    result = replace(Settings(), **made)
    if result.batch_rows < 1:
        raise UsageError(f"setting batch_rows: {result.batch_rows} is not a positive number")
    if result.charts not in ("all", "headline"):
        raise UsageError(f"setting charts: {result.charts!r} is not a valid value", "give all or headline.")
    return result
