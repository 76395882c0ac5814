"""Two runs never overlap on the same output; a killed run blocks nobody; reading is never blocked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import REPO

from peft_census.errors import FAILED, BusyError, OutputError
from peft_census.snapshot.lock import exclusive_lock

HOLD = """
import sys, time
from pathlib import Path
from peft_census.snapshot.lock import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
FORK = """
import os, sys, time
from pathlib import Path
from peft_census.snapshot.lock import alone
with alone(Path(sys.argv[1])):
    if os.fork() == 0:
        print("held", os.getpid(), flush=True)
        time.sleep(60)
        os._exit(0)
    time.sleep(60)
"""


@contextmanager
def holder(file: Path, code: str = HOLD) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that holds ``file``, and the line it said."""
    command = [sys.executable, "-c", code, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPO) as process:
        assert process.stdout
        said = process.stdout.readline().strip()
        assert said.startswith("held")
        try:
            yield process, said
        finally:
            process.kill()


def test_the_second_is_told_who_is_first(tmp_path: Path) -> None:
    """The message names process, host and folder, and says what to do."""
    with holder(tmp_path / "out" / "lock") as (process, _):
        with pytest.raises(BusyError) as caught, exclusive_lock(tmp_path / "out" / "lock"):
            pass
        assert f"process {process.pid} on {os.uname().nodename}, since 20" in caught.value.what
        assert str(tmp_path / "out") in caught.value.what
        assert f"`kill {process.pid}`" in caught.value.hint
    assert caught.value.exit_code == FAILED


def test_a_holder_on_another_host_is_to_be_stopped_there(tmp_path: Path) -> None:
    """On a shared folder the message says on which machine the process runs."""
    file = tmp_path / "lock"
    with holder(file):
        file.write_text(json.dumps({"pid": 7, "host": "elsewhere", "since": "2026-11-22T03:00:00+00:00"}), "utf-8")
        with pytest.raises(BusyError, match="process 7 on elsewhere") as caught, exclusive_lock(file):
            pass
    assert "`kill 7` on elsewhere" in caught.value.hint


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', "\x00" * 9000])
def test_an_unreadable_holder_stays_unnamed(tmp_path: Path, content: str) -> None:
    """A lock whose holder has not yet written its name, or whose file is damaged, still refuses in words."""
    file = tmp_path / "lock"
    with holder(file):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(BusyError, match="another census is at work"), exclusive_lock(file):
            pass


def test_a_killed_holder_blocks_nobody(tmp_path: Path) -> None:
    """After kill -9 the file is still there and the lock is free at once."""
    file = tmp_path / "lock"
    with holder(file) as (process, _):
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert file.stat().st_size > 0
    with exclusive_lock(file):
        assert json.loads(file.read_text("utf-8"))["pid"] == os.getpid()
    assert file.read_text("utf-8") == ""


def test_orphans_of_a_killed_holder_block_nobody(tmp_path: Path) -> None:
    """A forked worker that outlives its killed parent does not keep the parent's lock."""
    file = tmp_path / "lock"
    with holder(file, FORK) as (process, said):
        orphan = int(said.split()[1])
        try:
            process.kill()
            process.wait()
            os.kill(orphan, 0)
            with exclusive_lock(file):
                pass
        finally:
            os.kill(orphan, signal.SIGKILL)


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    """Whatever goes wrong inside, the lock is given back."""
    with pytest.raises(ZeroDivisionError), exclusive_lock(tmp_path / "lock"):
        _ = 1 // 0
    with exclusive_lock(tmp_path / "lock"):
        pass


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    """A file where the folder should be is said to be in the way."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="file"), exclusive_lock(tmp_path / "file" / "lock"):
        pass


def test_two_censuses_never_overlap_and_readers_are_free(run: Any, tmp_path: Path) -> None:
    """While one writes to a folder, a second census is refused there; show, count, explain and publish are not."""
    made = json.loads(run("census", "--quiet", "--json").stdout)
    with holder(tmp_path / "data" / "snapshots" / ".lock"):
        began = time.monotonic()
        refused = run("census", "--quiet")
        assert time.monotonic() - began < 5
        assert refused.exit_code == FAILED
        assert "another census is at work in data/snapshots" in refused.stderr
        assert run("show").exit_code == 0
        assert run("count", "--rule", "exactly_one").exit_code == 0
        assert run("techniques").exit_code == 0
        assert run("publish", "--out", "report").exit_code == 0
        assert run("census", "--quiet", "--out", "elsewhere").exit_code == 0
    assert json.loads(run("census", "--quiet", "--json").stdout) == made | {"unchanged": True}
