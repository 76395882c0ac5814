"""Snapshots and published folders that several tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from counted_snapshot import counted
from helpers import make_once
from literal_snapshot import make_literal

from peft_census.publish.charts.registry import chart_names
from peft_census.publish.folder import publish
from peft_census.snapshot.snapshot import Snapshot


@pytest.fixture
def make_snapshot() -> Callable[..., Snapshot]:
    """Builds a literal snapshot; every part can be replaced."""
    return make_literal


@pytest.fixture(scope="session")
def literal_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the literal snapshot gives, published once. Tests only read it."""
    folder = tmp_path_factory.mktemp("literal") / "deep" / "out"
    publish(make_literal(), folder)
    return folder


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns the folder of a counted snapshot with all charts and a post, published once. Tests only read it."""

    def folder(kind: str) -> Path:
        return make_once(
            tmp_path_factory, f"published-{kind}", lambda out: publish(counted(kind), out, chart_names(), blog=True)
        )

    return folder
