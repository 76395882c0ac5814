"""Reads ``data/published.toml``: figures that others published."""

from __future__ import annotations

import tomllib
from pathlib import Path

from peft_census.count.reproduction import Publication
from peft_census.errors import BadInputError, UsageError
from peft_census.snapshot.files import bundled
from peft_census.snapshot.records import read_record

FILE = "published.toml"


def load_published(file: Path | None = None) -> dict[str, Publication]:
    """Returns the publications of ``file`` by id.

    Args:
        file: None for the bundled one.

    Raises:
        BadInputError: it is not valid TOML, a key is missing, unknown or of a wrong type, or numbers contradict each
            other.
    """
    path = bundled(FILE) if file is None else file
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: not readable as TOML ({error})", "correct the file.") from error
    publications = {name: {"id": name, **table} if isinstance(table, dict) else table for name, table in tables.items()}
    return read_record(dict[str, Publication], publications, path, hint=f"the head of {FILE} describes the keys.")


def find_publication(name: str) -> Publication:
    """Returns the publication ``name``.

    Raises:
        UsageError: there is no publication of that name.
    """
    known = load_published()
    if name not in known:
        raise UsageError(f"no publication {name!r}", f"known: {', '.join(known)}; see data/{FILE}.")
    return known[name]
