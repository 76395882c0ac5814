"""Two runs never write to the same folder at once. A killed run does not block the next one. Readers need no lock."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import REPO, write_cards

from peft_census.errors import FAILED, BusyError, OutputError
from peft_census.snapshot.lock import HOLDER, exclusive_lock

HOLD = """
import sys, time
from pathlib import Path
from peft_census.snapshot.lock import exclusive_lock
with exclusive_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
FORK = """
import os, sys, time
from pathlib import Path
from peft_census.snapshot.lock import exclusive_lock
with exclusive_lock(Path(sys.argv[1])):
    if os.fork() == 0:
        print("held", os.getpid(), flush=True)
        time.sleep(600)
        os._exit(0)
    time.sleep(600)
"""


@contextmanager
def holder(file: Path, code: str = HOLD) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Starts another process that holds ``file``; gives the process and the line that it printed."""
    command = [sys.executable, "-c", code, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPO) as process:
        assert process.stdout
        said = process.stdout.readline().strip()
        assert said.startswith("held")
        try:
            yield process, said
        finally:
            process.kill()


def holder_of(file: Path) -> Path:
    """Returns the file that describes the holder of the lock ``file``."""
    return file.with_name(file.name + HOLDER)


def test_the_error_names_the_process_that_holds_the_lock(tmp_path: Path) -> None:
    """The message names process, host and folder; the hint says what to do."""
    with holder(tmp_path / "out" / "lock") as (process, _):
        with pytest.raises(BusyError) as caught, exclusive_lock(tmp_path / "out" / "lock"):
            pass
        assert f"process {process.pid} on {platform.node()}, since 20" in caught.value.what
        assert str(tmp_path / "out") in caught.value.what
        assert f"stop process {process.pid};" in caught.value.hint
    assert caught.value.exit_code == FAILED


def test_a_holder_on_another_host_is_named_with_its_host(tmp_path: Path) -> None:
    """On a shared folder the message names the machine on which the process runs."""
    file = tmp_path / "lock"
    with holder(file):
        holder_of(file).write_text(
            json.dumps({"pid": 7, "host": "elsewhere", "since": "2026-11-22T03:00:00+00:00"}), "utf-8"
        )
        with pytest.raises(BusyError, match="process 7 on elsewhere") as caught, exclusive_lock(file):
            pass
    assert "stop process 7 on elsewhere;" in caught.value.hint


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', "\x00" * 9000])
def test_an_unreadable_holder_stays_unnamed(tmp_path: Path, content: str) -> None:
    """A holder whose record is missing or damaged is not named; the error is the same otherwise."""
    file = tmp_path / "lock"
    with holder(file):
        holder_of(file).write_text(content, encoding="utf-8")
        with pytest.raises(BusyError, match="another census is running") as caught, exclusive_lock(file):
            pass
    assert "process" not in caught.value.what


def test_a_killed_holder_blocks_nobody(tmp_path: Path) -> None:
    """After ``kill -9`` the record of the holder remains and the lock is free at once."""
    file = tmp_path / "lock"
    with holder(file) as (process, _):
        process.kill()
        process.wait()
    assert json.loads(holder_of(file).read_text("utf-8"))["pid"] == process.pid
    with exclusive_lock(file):
        assert json.loads(holder_of(file).read_text("utf-8"))["pid"] == os.getpid()
    assert not holder_of(file).exists()


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
    """An exception inside the block releases the lock."""
    with pytest.raises(ZeroDivisionError), exclusive_lock(tmp_path / "lock"):
        _ = 1 // 0
    with exclusive_lock(tmp_path / "lock"):
        pass


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    """A file in the place of the folder is named."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="file"), exclusive_lock(tmp_path / "file" / "lock"):
        pass


def test_two_censuses_never_overlap_and_readers_are_free(run: Any, tmp_path: Path) -> None:
    """While one census writes to a folder, a second one fails there; show, count and publish work."""
    write_cards(tmp_path / "cards.parquet", [{"modelId": "acme/one", "card": "Trained with LoRA."}])
    census = ("census", "--source", "cards.parquet", "--quiet")
    made = json.loads(run(*census, "--json").stdout)
    with holder(tmp_path / "data" / "snapshots" / ".lock"):
        began = time.monotonic()
        refused = run(*census)
        assert time.monotonic() - began < 300  # the other process holds the lock for 600 seconds
        assert refused.exit_code == FAILED
        assert "another census is running in data/snapshots" in refused.stderr
        assert run("show").exit_code == 0
        assert run("count", "--rule", "exactly_one").exit_code == 0
        assert run("techniques").exit_code == 0
        assert run("publish", "--out", "report").exit_code == 0
        assert run(*census, "--out", "elsewhere").exit_code == 0
    assert json.loads(run(*census, "--json").stdout) == made | {"unchanged": True}
