"""Paths, files of cards, and data that several tests read and one of them makes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

REPO = Path(__file__).resolve().parent.parent
SHARED = REPO.parent / "shared"
"""Real material beside the repository; tests that need it skip where it is absent."""


def write_cards(path: Path, rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> Path:
    """Writes ``rows`` as a Parquet file of cards and returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Returns a folder that ``make`` fills once per session, for all worker processes; tests must not change it.

    Args:
        factory: pytest's ``tmp_path_factory``.
        name: the folder's name, unique in the session.
        make: gets a path that does not exist yet, and creates a folder there.
    """
    base = factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with FileLock(root / f"{name}.lock"):
        if not (root / name).exists():
            make(root / f"{name}.partial")
            (root / f"{name}.partial").rename(root / name)
    return root / name


def is_root() -> bool:
    """Says whether the process has root's rights, so that file permissions do not apply."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def commands() -> dict[str, click.Command]:
    """The commands of the command line by name, imported."""
    from peft_census.cli.main import main

    context = click.Context(main)
    return {name: command for name in main.list_commands(context) if (command := main.get_command(context, name))}
