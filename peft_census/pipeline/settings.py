"""Settings: the defaults, replaced by ``census.toml``, replaced by environment variables; read once per process.

Tokens (HF_TOKEN, GITHUB_TOKEN, CIVITAI_TOKEN) are not settings. The client that needs a token reads it from the
environment.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from peft_census.errors import UsageError
from peft_census.snapshot.records import read_record, record

FILE = Path("census.toml")
PREFIX = "PEFT_CENSUS_"


@record
class Settings:
    """Where files are, and how many cards are processed at a time.

    Each field can be set in ``census.toml`` in the working directory, or in the environment variable
    ``PEFT_CENSUS_<FIELD>``.

    Args:
        snapshots: the folder of snapshots.
        raw: the folder of collected data and caches.
        batch_rows: cards tagged at a time; memory grows with it, results do not depend on it.
        charts: the charts of a report: ``all``, ``headline``, which saves some seconds, or ``none``.
    """

    snapshots: Path = Path("data/snapshots")
    raw: Path = Path("data/raw")
    batch_rows: Annotated[int, Field(gt=0)] = 2048
    charts: Literal["all", "headline", "none"] = "all"

    @property
    def chart_names(self) -> tuple[str, ...] | None:
        """Names of the charts to draw; None for all."""
        return {"all": None, "none": ()}.get(self.charts, (self.charts,))

    @property
    def copy_chart_names(self) -> tuple[str, ...]:
        """Names of the charts to draw into a public copy or a data set."""
        return () if self.charts == "none" else ("headline",)


@cache
def settings() -> Settings:
    """Returns the settings of this process.

    Raises:
        UsageError: a setting is unknown or not valid; names the file or the variable.
    """
    names = [field.name for field in fields(Settings)]
    hint = f"the settings are: {', '.join(names)}."
    result = read_record(Settings, _read_toml(), FILE, UsageError, hint)
    for name in names:
        variable = PREFIX + name.upper()
        if text := os.environ.get(variable):
            given = read_record(Settings, {name: text}, f"environment variable {variable}", UsageError, hint)
            result = replace(result, **{name: getattr(given, name)})
    return result


def _read_toml() -> dict[str, Any]:
    if not FILE.is_file():
        return {}
    try:
        return tomllib.loads(FILE.read_text(encoding="utf-8-sig"))  # some editors write a byte order mark
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{FILE} cannot be read as TOML: {error}", "correct or remove the file.") from error
