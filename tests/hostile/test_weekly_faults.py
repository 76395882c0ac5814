"""The commands of the weekly workflow under one fault each; the next week gives the bytes of an undisturbed one."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import planted
import pytest
import yaml
from civitai_replica import CivitaiReplica, models_of
from click.testing import Result
from github_replica import GithubReplica, Window, corpus_of
from helpers import REPO
from serving import serve

from peft_census.collect.github import search
from peft_census.collect.http import rest
from peft_census.collect.hub import api_with_dump
from peft_census.collect.hub.options import ADAPTER_TAGS
from tests.hostile.conftest import check_whole, visible
from tests.replica.catalogue import from_generator
from tests.replica.crawl import QUICK
from tests.replica.faults import Faults
from tests.replica.hub import Replica, serving

pytestmark = pytest.mark.campaign

MODELS, PAGE = 240, 30
BEGAN = datetime.now(UTC)
LIMITS = replace(QUICK, page_items=PAGE, attempts=3, workers=4, shard_rows=20)
CHANGES = runpy.run_path(str(REPO / "scripts/changes.py"), run_name="changes")


def workflow_arguments() -> list[str]:
    """The arguments of ``peft-census census`` in the workflow."""
    steps = yaml.safe_load((REPO / ".github/workflows/census.yml").read_text("utf-8"))["jobs"]["census"]["steps"]
    (command,) = (step["run"] for step in steps if step.get("name") == "Census")
    given = dict(word.split("=", 1) for word in shlex.split(command) if re.match("[A-Z]+=", word))
    assert set(given) == {"SOURCE", "WITH", "GAPS", "ARGS"} and given["GAPS"] == "publish"
    return ["--source", given["SOURCE"], "--with", given["WITH"], *given["ARGS"].split()]


class OneMoment(datetime):
    """The clock of the answers: a snapshot holds the times of the instruments' answers."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """Returns the moment at which the tests began."""
        return BEGAN


Week = Callable[..., tuple[Result, str]]
"""Runs one week; returns the census, and the text of the pull request (empty if the census failed)."""


@pytest.fixture
def week(run: Any, hub: Replica, monkeypatch: pytest.MonkeyPatch) -> Week:
    """Runs the steps of the workflow in this process: the census, then the public copy and the text."""
    for module in (rest, search):
        monkeypatch.setattr(module, "datetime", OneMoment)
    monkeypatch.setattr(api_with_dump, "open_source", lambda r: replace(opened(r), limits=LIMITS))

    def census(*words: object) -> SimpleNamespace:
        done = run(*words)
        return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)

    monkeypatch.setitem(CHANGES["main"].__globals__, "census", census)

    def invoke(*more: object) -> tuple[Result, str]:
        done = run("census", *workflow_arguments(), "--quiet", *more)
        if done.exit_code not in (0, 3):
            return done, ""
        Path("census.json").write_text(done.stdout, "utf-8")
        monkeypatch.setattr(sys, "argv", ["changes.py", "census.json", "--text", "changes.md"])
        assert CHANGES["main"]() == 0
        return done, Path("changes.md").read_text("utf-8")

    return invoke


opened = api_with_dump.open_source


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Replica, str, str]]:
    """The three servers. One set serves all tests, because a snapshot names its addresses."""
    github = GithubReplica(corpus_of({"LoraConfig": 12, "LoHaConfig": 3}), Window(100_000, 60))
    with (
        serving(from_generator(MODELS)) as server,
        serve(github) as github_url,
        serve(CivitaiReplica(models_of({"LORA": 30, "Checkpoint": 9}))) as civitai_url,
    ):
        server.clock = lambda: datetime(2026, 11, 23, 3, 17, tzinfo=UTC).timestamp()
        yield server, github_url, civitai_url


@pytest.fixture
def hub(servers: tuple[Replica, str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Replica]:
    """The replica of the Hub without faults; the environment names all three servers."""
    server, github_url, civitai_url = servers
    for name, value in {
        "HF_ENDPOINT": server.base, "HF_TOKEN": planted.HUB, "GITHUB_API_URL": github_url,
        "GITHUB_TOKEN": planted.GITHUB, "CIVITAI_API_URL": civitai_url, "PEFT_CENSUS_BATCH_ROWS": "10",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    mend(server)
    yield server
    mend(server)


def mend(server: Replica) -> None:
    """Makes the Hub sound, and counts from zero."""
    server.faults = Faults()
    server.counts.pages = server.counts.with_token = 0
    server.counts.requests.clear()


UNDISTURBED: dict[str, Any] = {}


@pytest.fixture
def undisturbed(week: Week, hub: Replica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The snapshot of a week without faults, its requests with a token, and the bytes of its raw files."""
    if not UNDISTURBED:
        (tmp_path / "undisturbed").mkdir()
        monkeypatch.chdir(tmp_path / "undisturbed")
        done, text = week()
        assert done.exit_code == 0 and "None: everything that was listed was read." in text, done.stderr
        raw = sum(p.stat().st_size for p in Path("data/raw").rglob("*") if p.is_file())
        UNDISTURBED.update(snapshot=snapshots(), requests=hub.counts.with_token, raw=raw)
        monkeypatch.chdir(tmp_path)
        mend(hub)
    return UNDISTURBED


def snapshots() -> dict[str, bytes]:
    """The bytes of all snapshots but the public copies."""
    return {n: d for n, d in visible(Path("data/snapshots")).items() if not n.partition("/")[0].endswith("-public")}


def completes(week: Week, hub: Replica, undisturbed: dict[str, Any], fault: str) -> None:
    """The next week, without the fault, writes the snapshot of an undisturbed one and lists no gap of the Hub."""
    mend(hub)
    done, text = week()
    assert done.exit_code == 0, (fault, done.stderr)
    name = json.loads(done.stdout)["snapshot_id"]
    found = {n: d for n, d in snapshots().items() if n.startswith(f"{name}/")}
    whole = undisturbed["snapshot"]
    assert [n for n in sorted({*found, *whole}) if found.get(n) != whole.get(n)] == []
    assert "None: everything that was listed was read." in text
    check_whole(Path("data/snapshots"), Path(os.environ.get("PEFT_CENSUS_RAW", "data/raw")))


def broken_card(hub: Replica) -> str:
    """A listed model that everyone may read."""
    models = hub.catalogue.models.values()
    return min(m.id for m in models if set(m.tags) & set(ADAPTER_TAGS) and "README.md" in m.files and not m.gated)


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("an expired token", 1, "rejects the token (it is expired)"),
        ("a lost Link", 3, "the end of a listing was not proved"),
        ("one 524", 0, ""),
        ("a card that always answers 524", 3, "1 card: HTTP 524"),
    ],
)
def test_a_week_with_a_fault_of_the_hub(
    week: Week, hub: Replica, undisturbed: dict[str, Any], fault: str, code: int, says: str
) -> None:
    """Exit code, gap and pull request say what is missing; nothing is proposed by a week that failed."""
    hub.faults = {
        "an expired token": Faults(token_expires_after=int(0.4 * undisturbed["requests"])),
        "a lost Link": Faults(no_link_later=True),
        "one 524": Faults(once={"/resolve/": 524}),
        "a card that always answers 524": Faults(always={f"{broken_card(hub)}/resolve": 524}),
    }[fault]
    done, text = week()
    assert done.exit_code == code and says in done.stderr, done.stderr
    assert (text == "") == (code == 1)
    assert code != 1 or snapshots() == {}
    assert code != 3 or says in text
    completes(week, hub, undisturbed, fault)


def test_a_week_with_a_full_disk(
    week: Week, hub: Replica, undisturbed: dict[str, Any], small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, exit code 1 and no snapshot; with space the crawl resumes."""
    monkeypatch.setenv("PEFT_CENSUS_RAW", str(small_disk / "raw"))
    half = undisturbed["raw"] // 2048
    subprocess.run(["mount", "-o", f"remount,size={half}k", small_disk], check=True)
    done, _ = week()
    assert done.exit_code == 1 and "no space left" in done.stderr and snapshots() == {}, done.stderr
    subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
    completes(week, hub, undisturbed, "a full disk")


def test_a_week_with_a_killed_worker(week: Week, hub: Replica, undisturbed: dict[str, Any]) -> None:
    """One line, exit code 1 and no snapshot; the next week reads no card again."""
    killed = threading.Event()

    def kill() -> None:
        while not killed.wait(0.005):
            for child in multiprocessing.active_children():
                os.kill(child.pid or 0, signal.SIGKILL)
                killed.set()

    watcher = threading.Thread(target=kill, daemon=True)
    watcher.start()
    done, _ = week("--jobs", 2)
    assert killed.is_set()
    assert done.exit_code == 1 and "a process that read cards died" in done.stderr and snapshots() == {}, done.stderr
    served = hub.readme_requests()
    completes(week, hub, undisturbed, "a killed worker")
    assert hub.readme_requests() == served
