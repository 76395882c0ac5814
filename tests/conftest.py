"""Shared by all tests: no socket leaves this machine, no token gets out, and how to run the command line."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from typing import Any

import planted
import pytest
from click.testing import CliRunner, Result
from helpers import SHARED
from sweep import Sweep

os.environ.setdefault("PEFT_CENSUS_CHARTS", "headline")  # tests of all charts ask for them
os.environ.update(planted.ENVIRONMENT)  # whatever a test does, these must come out nowhere


def pytest_configure(config: pytest.Config) -> None:
    """Lets the search for planted tokens listen from the first test on."""
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
    """The folder of real material, or a skip that says so."""
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
