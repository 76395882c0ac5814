"""Fixtures of all tests: connections to loopback only, the search for planted tokens, runs of the command line."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
from importlib import import_module
from pathlib import Path
from typing import Any

import hypothesis
import planted
import pytest
from click.testing import CliRunner, Result
from helpers import SHARED, make_once
from sweep import Sweep

os.environ.setdefault("PEFT_CENSUS_CHARTS", "none")  # a test of charts sets this variable; drawing takes seconds
os.environ.update(planted.ENVIRONMENT)  # no test may write or print these values

# Time limits of hypothesis measure the wall clock, which a busy machine exceeds.
hypothesis.settings.register_profile("tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the search for planted tokens, and reads the sources into the help before a test adds one."""
    import_module("peft_census.cli.census")
    config.pluginmanager.register(Sweep(config), "sweep")


_connect = socket.socket.connect


def _loopback_only(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6):
        host = address[0]
        try:
            inside = ipaddress.ip_address(host).is_loopback
        except ValueError:
            inside = host == "localhost"
        if not inside:
            raise RuntimeError(f"a test tried to reach {host}")
    _connect(self, address)


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Any:
    """Blocks every connection that is not to loopback, for the whole session."""
    socket.socket.connect = _loopback_only  # type: ignore[method-assign]
    yield
    socket.socket.connect = _connect  # type: ignore[method-assign]


@pytest.fixture
def shared() -> Path:
    """The folder of real material; the test is skipped if it is missing."""
    if not SHARED.is_dir():
        pytest.skip("real material (../shared) is not here")
    return SHARED


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command line in an empty folder: ``run("census", "--json")``."""
    from peft_census.cli.main import main
    from peft_census.pipeline.settings import settings

    monkeypatch.chdir(tmp_path)
    settings.cache_clear()

    def invoke(*arguments: object) -> Result:
        result = CliRunner().invoke(main, [str(a) for a in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert "Traceback" not in result.output
        return result

    yield invoke
    settings.cache_clear()


@pytest.fixture(scope="session")
def specimen_snapshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one snapshot, of the specimen and without charts, shared by all tests. Read it only."""
    from peft_census.cli.main import main
    from peft_census.pipeline.settings import settings

    def make(folder: Path) -> None:
        settings.cache_clear()
        result = CliRunner().invoke(main, ["census", "--quiet", "--no-cache", "--jobs", "1", "--out", str(folder)])
        assert result.exit_code == 0, result.output

    return make_once(tmp_path_factory, "specimen-snapshots", make)


@pytest.fixture
def specimen(run: Any, specimen_snapshots: Path, tmp_path: Path) -> str:
    """A copy of the specimen's snapshot in ``data/snapshots`` of the working directory; its id."""
    shutil.copytree(specimen_snapshots, tmp_path / "data/snapshots")
    return next(path.name for path in specimen_snapshots.glob("[!.]*"))
