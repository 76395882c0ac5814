"""Reads the TOML files that declare techniques, card generators, releases and corrections."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from peft_census.errors import TaxonomyError


def read_toml(path: Path) -> dict[str, Any]:
    """Returns the parsed file.

    Raises:
        TaxonomyError: the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TaxonomyError(f"{path}: cannot be read: {error.strerror}", "check the path of the file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaxonomyError(f"{path}: not valid TOML: {error}", "correct the file.") from error
