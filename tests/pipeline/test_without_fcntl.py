"""A census runs where Unix-only modules and calls are missing, as on Windows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from helpers import REPO

WITHOUT_UNIX = """
import os, signal, sys, warnings
# These were built for this system and use its calls while they load. Builds for Windows do not.
import concurrent.futures.process, multiprocessing.spawn, subprocess, tempfile
import matplotlib.pyplot, numpy, pandas, pyarrow
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
UNIX_CALLS = (
    "chown", "fchmod", "fchown", "fork", "forkpty", "geteuid", "getgid", "getloadavg", "getpgid", "getuid", "killpg", "lockf", "mkfifo",
    "nice", "pread", "pwrite", "register_at_fork", "sched_getaffinity", "setsid", "sync", "wait3", "wait4",
)
for name in UNIX_CALLS:
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGALRM", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "SIGUSR2", "alarm"):
    if hasattr(signal, name):
        delattr(signal, name)
warnings.filterwarnings("ignore", "flock not supported")  # filelock then locks with a file that must not exist

from peft_census.cli.main import main
main(["census", "--quiet", "--json"])
"""


def test_a_census_of_the_specimen_needs_no_unix_call(tmp_path: Path) -> None:
    """Without ``fcntl`` and other Unix-only modules and calls, a census writes a snapshot and releases its lock."""
    environment = {**os.environ, "PYTHONPATH": str(REPO), "PEFT_CENSUS_CHARTS": "headline"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_UNIX], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode in (0, 3), done.stderr
    facts = json.loads(done.stdout)
    assert facts["specimen"] and facts["cards"] > 0
    assert (tmp_path / facts["snapshot_path"] / "manifest.json").is_file()
    assert not list((tmp_path / "data" / "snapshots").glob(".lock.*"))


def test_the_package_calls_no_unix_only_function() -> None:
    """Libraries of this system call ``os.uname`` while they run, so it cannot be removed above; our code must not."""
    users = [f for f in (REPO / "peft_census").rglob("*.py") if "os.uname" in f.read_text(encoding="utf-8")]
    assert users == []
