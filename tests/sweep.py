"""The search for planted tokens in everything that tests write or print.

During the tests it searches the output of the command line under ``CliRunner``, of processes, captured output and log
lines. After the last test it searches every file below pytest's temporary folder. If it finds a token, the session
fails. With several worker processes each one searches its outputs, and the main process searches the files.
"""

from __future__ import annotations

import os
import subprocess
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import planted
import pytest
from click.testing import CliRunner, Result


class Sweep:
    """A plugin of pytest that searches all output and all files for planted tokens.

    Args:
        config: pytest's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.found: list[str] = []
        self.heard = 0
        """Number of outputs searched."""
        self.told = "nothing was searched for planted tokens"
        self._restore: list[Callable[[], None]] = []
        self._wrap(CliRunner, "invoke", self._hear_result)
        self._wrap(subprocess.Popen, "communicate", self._hear_process)
        self._wrap(pytest.CaptureFixture, "readouterr", self._hear_process)

    def hear(self, what: str, *texts: object) -> None:
        """Notes the current test where one of the texts holds a planted token."""
        self.heard += 1
        if any(planted.holds(text) for text in texts if isinstance(text, str | bytes)):
            where = os.environ.get("PYTEST_CURRENT_TEST", "outside a test").partition(" (")[0]
            self.found.append(f"{where}: {what}")

    def _wrap(self, owner: type, name: str, listen: Callable[[Any], None]) -> None:
        original = getattr(owner, name)

        def wrapped(*arguments: Any, **more: Any) -> Any:
            result = original(*arguments, **more)
            listen(result)
            return result

        setattr(owner, name, wrapped)
        self._restore.append(lambda: setattr(owner, name, original))

    def _hear_result(self, result: Result) -> None:
        error = result.exception
        told = "" if error is None or isinstance(error, SystemExit) else "".join(traceback.format_exception(error))
        self.hear("output of the command line", result.output, told)

    def _hear_process(self, output: tuple[object, object]) -> None:
        self.hear("output of a process", *output)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Searches what a test printed and logged."""
        self.hear("what was printed or logged", report.capstdout, report.capstderr, report.caplog)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Searches the temporary folder before pytest deletes it."""
        if (handed_on := getattr(self.config, "workeroutput", None)) is not None:
            handed_on["planted"] = (self.heard, self.found)
            return
        factory = getattr(self.config, "_tmp_path_factory", None)
        base: Path | None = getattr(factory, "_basetemp", None)
        if base is not None and base.is_dir():
            began = time.monotonic()
            self.found += planted.leaks(base)
            files = sum(path.is_file() for path in base.rglob("*"))
            self.told = f"searched {files:,} files and {self.heard:,} outputs for planted tokens in {time.monotonic() - began:.1f} s"
        if self.found and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Adds the findings of a worker process; a process that died sends none."""
        heard, found = getattr(node, "workeroutput", {}).get("planted", (0, []))
        self.heard += heard
        self.found += found

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Prints what was searched and every place with a token, never the token."""
        terminalreporter.line(self.told)
        if self.found:
            terminalreporter.section("planted tokens found", red=True)
            for line in self.found:
                terminalreporter.line(line)

    def pytest_unconfigure(self) -> None:
        """Restores the wrapped functions."""
        while self._restore:
            self._restore.pop()()
