"""A run that is killed at any moment leaves no incomplete snapshot, and the next run gives the same bytes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import REPO

from tests.collect.conftest import Start
from tests.collect.test_hub_dump import with_dump
from tests.hostile import DONE, SEED, sized
from tests.hostile.conftest import check_whole, environment, finish, start, visible
from tests.replica.catalogue import from_generator

pytestmark = pytest.mark.campaign

KILLS_OFFLINE = sized(2, 16)
KILLS_CRAWLING = sized(2, 12)
KILLS_VERBS = {"tag": sized(1, 20), "publish": sized(1, 6), "count": sized(1, 20)}
SIGNALS = sized(1, 5)
DISKS = sized(1, 6)
WORKERS = ("--jobs", 2)
MANY_BATCHES = {"PEFT_CENSUS_BATCH_ROWS": "100"}
"""So that a thousand cards are enough for worker processes and for readings kept from run to run."""


def kill_tree(process: subprocess.Popen[str], sent: signal.Signals = signal.SIGKILL) -> None:
    """Signals a run and everything that it started."""
    try:
        os.killpg(process.pid, sent)
    except ProcessLookupError:
        return


def kill_at_random(process: subprocess.Popen[str], dice: random.Random, longest: float) -> tuple[bool, int, str]:
    """Kills a run at a random moment, half the time with its workers, half the time alone.

    Returns whether it was killed, its exit code and what it wrote to stderr.
    """
    killed = False
    try:
        process.wait(dice.uniform(0, 1.05 * longest))
    except subprocess.TimeoutExpired:
        killed = True
        kill_tree(process) if dice.random() < 0.5 else process.kill()
    code, _, err = finish(process)
    return killed and code == -signal.SIGKILL, code, err


def kill_until(kills: int, folder: Path, whole: dict[str, bytes], longest: float, arguments: tuple[object, ...]) -> int:
    """Kills ``kills`` runs at random moments and compares every run that finishes. Returns the number of those."""
    dice = random.Random(SEED)
    ended = died = house = 0
    while died < kills:
        snapshots, raw = folder / str(house) / "data/snapshots", folder / str(house) / "data/raw"
        killed, code, err = kill_at_random(census(folder / str(house), arguments), dice, longest)
        check_whole(snapshots, raw)
        seen = visible(snapshots)
        assert seen in ({}, whole), "a half snapshot was to be seen"
        if killed:
            died += 1
        else:
            assert code in (0, 3), err
            assert seen == whole
            ended, house = ended + 1, house + 1
    code, _, err = finish(census(folder / str(house), arguments))
    assert code in (0, 3), err
    assert visible(folder / str(house) / "data/snapshots") == whole
    DONE["runs killed (kill -9) and run again to the same bytes"] += died
    return ended + 1


def census(folder: Path, arguments: tuple[object, ...], **more: str) -> subprocess.Popen[str]:
    """Starts a census in ``folder`` with workers and kept readings."""
    return start(folder, "census", *arguments, *WORKERS, "--quiet", **MANY_BATCHES, **more)


def files(folder: Path) -> dict[str, bytes]:
    """Returns every file below ``folder``."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def undisturbed(folder: Path, arguments: tuple[object, ...]) -> tuple[dict[str, bytes], float]:
    """Returns the snapshot of an undisturbed run, and its seconds."""
    began = time.monotonic()
    code, _, err = finish(census(folder, arguments))
    assert code in (0, 3), err
    return visible(folder / "data/snapshots"), time.monotonic() - began


Peace = tuple[Path, dict[str, bytes], float]


@pytest.fixture(scope="session")
def peace(some_cards: Path, tmp_path_factory: pytest.TempPathFactory) -> Peace:
    """An undisturbed census of ``some_cards``: its folder, its snapshot, its seconds."""
    folder = tmp_path_factory.mktemp("peace")
    return folder, *undisturbed(folder, ("--source", some_cards))


def test_a_census_killed_at_any_moment(some_cards: Path, tmp_path: Path, peace: Peace) -> None:
    """kill -9 while reading, tagging, counting, drawing or writing: the snapshot is that of an undisturbed run."""
    folder, whole, seconds = peace
    assert len(whole) > 15
    assert any((folder / "data/raw").glob("tags-*.arrow")), "no tagged cards were kept: nothing of them was tested"
    assert kill_until(KILLS_OFFLINE, tmp_path / "war", whole, seconds, ("--source", some_cards)) >= 1


def test_a_crawl_killed_at_any_moment(replica: Start, tmp_path: Path) -> None:
    """The same with a replica of the Hub as source: the crawl resumes."""
    server = replica(from_generator(400))
    arguments = ("--source", "hub-api", "--population", "all")
    whole, seconds = undisturbed(tmp_path / "peace", arguments)
    assert kill_until(KILLS_CRAWLING, tmp_path / "war", whole, seconds, arguments) >= 1
    assert server.counts.requests.total() > 400


@pytest.mark.parametrize("verb", KILLS_VERBS)
def test_a_verb_killed_at_any_moment(some_cards: Path, tmp_path: Path, peace: Peace, verb: str) -> None:
    """Each stage alone: a run after a killed one writes the same files as an undisturbed run."""
    shutil.copytree(peace[0] / "data/snapshots", tmp_path / "data/snapshots")
    arguments = {
        "tag": ("tag", "--source", some_cards, "--out", "out/mentions.parquet", *WORKERS),
        "publish": ("publish", "--out", "out"),
        "count": ("count", "--json"),
    }[verb]
    sealed = visible(tmp_path / "data/snapshots")

    def begin() -> subprocess.Popen[str]:
        return start(tmp_path, *arguments, "--quiet", **MANY_BATCHES)

    began = time.monotonic()
    code, said, err = finish(begin())
    assert code == 0, err
    seconds, whole = time.monotonic() - began, files(tmp_path / "out")
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    dice, died = random.Random(SEED), 0
    while died < KILLS_VERBS[verb]:
        died += kill_at_random(begin(), dice, seconds)[0]
        table = tmp_path / "out/mentions.parquet"
        assert not table.exists() or table.read_bytes() == whole["mentions.parquet"]
        assert visible(tmp_path / "data/snapshots") == sealed
    code, again, err = finish(begin())
    assert code == 0, err
    assert again == said
    assert files(tmp_path / "out") == whole
    DONE["runs killed (kill -9) and run again to the same bytes"] += died


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_a_census_that_is_asked_to_stop(some_cards: Path, tmp_path: Path, peace: Peace, sent: signal.Signals) -> None:
    """No traceback, an exit code of an interrupted run, no incomplete snapshot, no process left."""
    dice = random.Random(SEED)
    _, whole, seconds = peace
    for n in range(SIGNALS):
        process = census(tmp_path / str(n), ("--source", some_cards))
        try:
            process.wait(dice.uniform(0.4, seconds))
        except subprocess.TimeoutExpired:
            process.send_signal(sent)
        code, _, err = finish(process)
        assert "Traceback" not in err, err
        assert code in (0, 1, 130, 143, -sent), err
        assert visible(tmp_path / str(n) / "data/snapshots") in ({}, whole)
        check_whole(tmp_path / str(n) / "data/snapshots", tmp_path / str(n) / "data/raw")
        with pytest.raises(ProcessLookupError):
            for _ in range(600):
                os.killpg(process.pid, 0)
                time.sleep(0.1)
        DONE[f"runs asked to stop ({sent.name})"] += 1


def test_a_disk_that_fills_up(
    run: Any, some_cards: Path, small_disk: Path, peace: Peace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it is too small: exit code 1, one line and no snapshot. If it is large enough: the same snapshot."""
    monkeypatch.setenv("PEFT_CENSUS_CHARTS", "headline")
    arguments = ("census", "--source", some_cards, "--out", small_disk / "out", "--quiet")
    whole = peace[1]
    size = sum(map(len, whole.values())) // 1024
    dice = random.Random(SEED)
    for kilobytes in [8, *(dice.randint(16, size) for _ in range(DISKS))]:
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", small_disk], check=True)
        done = run(*arguments)
        code, err = done.exit_code, done.stderr
        DONE["file systems that filled up"] += code != 0
        if code == 0:
            assert visible(small_disk / "out") == whole
            break
        assert code == 1 and "no space left" in err, err
        assert visible(small_disk / "out") == {}
    subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
    assert run(*arguments).exit_code == 0
    assert visible(small_disk / "out") == whole


@pytest.mark.parametrize("where", ["results", "raw"])
def test_a_folder_that_cannot_be_written(
    replica: Start, run: Any, some_cards: Path, tmp_path: Path, small_disk: Path, peace: Peace, where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Every command that writes reports it and exits with 1; with permission it works."""
    with_dump(replica(from_generator(40)), {"data/train-0.parquet": some_cards.read_bytes()})
    shutil.copytree(peace[0] / "data/snapshots", tmp_path / "data/snapshots")
    crawl = ("census", "--source", "hub-api", "--population", "all", "--quiet")
    labels = REPO / "data/gold/written.jsonl"
    verbs: list[tuple[object, ...]] = {
        "results": [
            (*crawl, "--out", "disk/snapshots"),
            ("tag", "--out", "disk/x/mentions.parquet", "--quiet"),
            ("tag", "--out", "disk/mentions.parquet", "--quiet", *WORKERS),
            *(("publish", "--out", "disk/page", "--for", whom) for whom in ("page", "blog", "analysts")),
            ("diff", "latest", "latest", "--out", "disk/diff.txt"),
            ("gold", labels, "--record", "disk/scores.json"),
            ("sample-gold", "40", "--out", "disk/sample.jsonl"),
            ("reproduce", "beyond-lora", "--source", some_cards, "--out", "disk/report", "--quiet"),
        ],
        "raw": [crawl, (*crawl[:2], "hub-dump", "--quiet")],
    }[where]
    if where == "raw":
        monkeypatch.setenv("PEFT_CENSUS_RAW", "disk/raw")
    subprocess.run(["mount", "-o", "remount,ro,size=200m", small_disk], check=True)
    for verb in verbs:
        done = run(*verb)
        assert done.exit_code == 1 and "no permission to write" in done.stderr, (verb, done.stderr)
        DONE["verbs refused on a read-only file system"] += 1
    assert list(small_disk.iterdir()) == []
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    for verb in verbs[: sized(2, len(verbs))]:
        done = run(*verb)
        assert done.exit_code in (0, 3), (verb, done.stderr)


JUMPING = """
import random, time
_time, _dice = time.time, random.Random(5)
time.time = lambda: _time() + _dice.choice((-400 * 86400.0, 0.0, 3600.0, 4000 * 86400.0))
"""


@pytest.mark.parametrize("source", ["files", "hub"])
def test_a_clock_that_jumps(replica: Start, some_cards: Path, tmp_path: Path, peace: Peace, source: str) -> None:
    """With a clock that jumps by years at each call the snapshot is the same."""
    replica(from_generator(120))
    arguments = ("--source", some_cards) if source == "files" else ("--source", "hub-api", "--population", "all")
    whole = peace[1] if source == "files" else undisturbed(tmp_path / "peace", arguments)[0]
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock/sitecustomize.py").write_text(JUMPING)
    path = os.pathsep.join([str(tmp_path / "clock"), environment()["PYTHONPATH"]])
    code, _, err = finish(start(tmp_path / "jump", "census", *arguments, "--quiet", PYTHONPATH=path))
    assert code in (0, 3), err
    assert visible(tmp_path / "jump/data/snapshots") == whole


def test_two_at_once(some_cards: Path, tmp_path: Path, peace: Peace) -> None:
    """Of several runs at the same time one continues and the others fail; the snapshot is complete."""
    runs = [start(tmp_path / "both", "census", "--source", some_cards, "--quiet") for _ in range(3)]
    ended = [finish(run) for run in runs]
    assert sorted({code for code, _, _ in ended}) in ([0], [0, 1])
    assert all("another census is running" in err for code, _, err in ended if code == 1)
    assert visible(tmp_path / "both/data/snapshots") == peace[1]
