"""Fixtures of the hostile tests: cards, processes of the command line, a replica of the Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import REPO, write_cards

from tests.collect.conftest import no_user_settings, replica
from tests.hostile import DONE, FULL, SEED

__all__ = ["no_user_settings", "replica"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Sends the counts of a worker process to the main process."""
    if (handed_on := getattr(session.config, "workeroutput", None)) is not None:
        handed_on["done"] = dict(DONE)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Adds the counts of a worker process."""
    DONE.update(getattr(node, "workeroutput", {}).get("done", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints the counts."""
    if DONE:
        terminalreporter.section(f"hostile tests, {'long' if FULL else 'short'} form, seed {SEED}")
        for what, n in sorted(DONE.items()):
            terminalreporter.write_line(f"{n:>12,} {what}")


@pytest.fixture(scope="session")
def some_cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand cards with the texts of the specimen."""
    lines = (REPO / "data/specimen/cards.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    made = [
        {"modelId": f"o{i % 300}/m{i}", "card": r["text"], "downloads": i, "adapter_config": r["adapter_config"]}
        for i, r in enumerate(rows[k % len(rows)] for k in range(1000))
    ]
    return write_cards(tmp_path_factory.mktemp("cards") / "cards.parquet", made)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system; a test sets its size."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]).returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def environment(**more: str) -> dict[str, str]:
    """Returns the environment of a process of the command line: this project's packages, the chart of the headline."""
    return {
        **os.environ,
        "PEFT_CENSUS_CHARTS": "headline",
        "PYTHONPATH": os.pathsep.join(["", str(REPO), *sys.path]),
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def start(folder: Path, *arguments: object, **more: str) -> subprocess.Popen[str]:
    """Starts the command line in ``folder``."""
    command = [sys.executable, "-m", "peft_census", *map(str, arguments)]
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        command, cwd=folder, env=environment(**more), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Waits for a run and returns its exit code, stdout and stderr."""
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def visible(snapshots: Path) -> dict[str, bytes]:
    """Returns the content of every file of the complete snapshots."""
    return {
        str(p.relative_to(snapshots)): p.read_bytes()
        for folder in sorted(snapshots.glob("[!.]*"))
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def check_whole(snapshots: Path, raw: Path) -> None:
    """Fails unless all that is there is whole: no half snapshot to be seen, ledgers and raw files sound."""
    from peft_census.pipeline.verify import Kind, verify

    found: list[Any] = [f for f in verify(snapshots, raw).findings if f.kind is not Kind.LEFTOVER]
    assert found == []
