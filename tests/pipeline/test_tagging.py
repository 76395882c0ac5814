"""Tagging in several processes: the same bytes, in order, with clear errors and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import REPO, write_cards

from benchmarks.cards import write_cards as write_made_up
from peft_census.collect.parquet import Files
from peft_census.errors import CensusError
from peft_census.pipeline import workers as reading
from peft_census.pipeline.tagging import IN_PROCESS, TagOptions, tag_source, tagged
from peft_census.pipeline.workers import WorkerPool, read_here, read_in_worker, workers

CARDS = 400


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of made-up cards, with one that only its configuration speaks for."""
    file = tmp_path_factory.mktemp("cards") / "cards.parquet"
    write_made_up(CARDS, file)
    table = pq.read_table(file)
    configs = [None] * (CARDS - 1) + ['{"peft_type": "LORA", "base_model_name_or_path": "acme/base"}']
    pq.write_table(table.append_column("adapter_config", pa.array(configs, pa.string())), file)
    return file


@pytest.fixture(autouse=True)
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every source has enough cards for worker processes."""
    monkeypatch.setattr("peft_census.pipeline.tagging.FEW", 0)


def tables(file: Path, options: TagOptions = IN_PROCESS, batch_rows: int = 40) -> list[pa.Table]:
    """Returns models and mentions of a file."""
    source = Files(str(file), batch_rows)
    pairs = list(tag_source(source, source.prepare(), options))
    return [pa.Table.from_batches([pair[i] for pair in pairs]).combine_chunks() for i in (0, 1)]


def test_two_processes_give_what_one_gives(cards: Path) -> None:
    """Models and mentions are equal, cell by cell and in order, whatever the number of processes and batches."""
    alone, whole, many = tables(cards), tables(cards, batch_rows=CARDS), tables(cards, TagOptions(jobs=2))
    assert alone[1].num_rows > 20
    assert alone == whole == many
    assert alone[0]["config_status"].to_pylist()[-1] == "parsed"
    assert alone[0]["config_base_model"].to_pylist()[-1] == "acme/base"


@pytest.mark.campaign
def test_the_command_line_writes_the_same_bytes_with_one_and_two_jobs(
    run: Any, cards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--jobs`` leaves no trace in the file of mentions, nor in a snapshot."""
    monkeypatch.setenv("PEFT_CENSUS_BATCH_ROWS", "40")
    for jobs in ("1", "2"):
        for verb, out in (("tag", f"{jobs}.parquet"), ("census", jobs)):
            assert run(verb, "-s", cards, "-o", out, "--jobs", jobs, "--no-cache").exit_code == 0
    assert Path("1.parquet").read_bytes() == Path("2.parquet").read_bytes()
    one, two = ({p.relative_to(top): p.read_bytes() for p in top.rglob("*.*")} for top in (Path("1"), Path("2")))
    assert one == two and len(one) > 10
    assert not Path("data").exists()


def test_few_cards_start_no_process(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small source is tagged in this process, whatever the options say."""
    monkeypatch.setattr("peft_census.pipeline.tagging.FEW", CARDS)
    monkeypatch.setattr("peft_census.pipeline.workers.workers", lambda jobs: pytest.fail("started processes"))
    assert tables(cards, TagOptions(jobs=2)) == tables(cards)


def test_processes_are_started_once_many_cards_were_read(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left to itself a run starts none for the cards that are read meanwhile, then as many as it was told to."""
    started: list[int] = []
    start = reading.workers

    def watched(jobs: int) -> Any:
        started.append(jobs)
        return start(jobs)

    monkeypatch.setattr("peft_census.pipeline.workers.workers", watched)
    alone = tables(cards)
    monkeypatch.setattr("peft_census.pipeline.tagging.usable_cpus", lambda: 2)
    monkeypatch.setattr("peft_census.pipeline.tagging.WORTH_STARTING", CARDS)
    assert tables(cards, TagOptions(None)) == alone
    assert not started
    monkeypatch.setattr("peft_census.pipeline.tagging.WORTH_STARTING", 3)
    assert tables(cards, TagOptions(None)) == alone
    assert started == [2]


def test_cards_are_read_here_until_the_processes_are_ready(cards: Path) -> None:
    """The first cards past the bound wait for nobody; later ones are read there, and the readings are the same."""
    batch = next(iter(Files(str(cards)).batches())).select(["model_id", "card", "adapter_config"]).slice(0, 20)
    with WorkerPool(2, after=30) as readers:
        first, second = readers.read(batch), readers.read(batch)
        wait_for(lambda: readers._pool)
        assert readers.read(batch) == first == second == read_here(batch)
        for process in list(readers._pool._processes.values()):  # type: ignore[union-attr]
            os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(CensusError, match="died"):
            readers.read(batch)


def test_batches_are_taken_as_they_are_needed(cards: Path) -> None:
    """No more than a handful of batches is read ahead of the one that comes out."""
    taken = 0

    def counted() -> Any:
        nonlocal taken
        for batch in Files(str(cards), 10).batches():
            taken += 1
            yield batch

    running = tagged(counted(), 2)
    next(running)
    assert 0 < taken <= 8
    running.close()


def test_a_process_that_dies_is_a_clear_error(cards: Path) -> None:
    """A worker that is killed ends the run with what happened and what to do; nothing hangs."""
    batch = next(iter(Files(str(cards)).batches())).select(["model_id", "card", "adapter_config"])
    with workers(1) as pool:
        read_in_worker(pool, batch.slice(0, 5))
        for process in list(pool._processes.values()):  # type: ignore[attr-defined]
            os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(CensusError, match="died") as caught:
            read_in_worker(pool, batch)
    assert "--jobs 1" in str(caught.value)


@pytest.mark.campaign
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_process(tmp_path: Path, ending: signal.Signals) -> None:
    """Ctrl-C, a polite end or a kill of the run ends its workers too, and no half file is in the output's place."""
    write_made_up(20_000, tmp_path / "cards.parquet")
    environment = os.environ | {"PYTHONPATH": str(REPO), "PEFT_CENSUS_BATCH_ROWS": "100"}
    command = [sys.executable, "-m", "peft_census", "tag", "-s", "cards.parquet", "-o", "out.parquet", "-q"]
    command += ["--jobs", "2"]
    running = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, start_new_session=True)
    try:
        mine = wait_for(lambda: found if len(found := session(running.pid)) >= 3 else None)
        time.sleep(0.5)
        os.kill(running.pid, ending)
        running.wait(20)
        assert running.returncode != 0
        wait_for(lambda: not any(alive(pid) for pid in mine) or None)
    finally:
        for pid in session(running.pid):
            os.kill(pid, signal.SIGKILL)
        if running.stderr:
            running.stderr.close()
    assert not (tmp_path / "out.parquet").exists()


def wait_for(answer: Any, seconds: float = 20) -> Any:
    """Returns what ``answer`` gives once it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (found := answer()) is not None:
            return found
        time.sleep(0.05)
    pytest.fail("waited in vain")


def session(leader: int) -> list[int]:
    """Returns the living processes of a session: its leader and all that it started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(folder.name))
    return found


def alive(pid: int) -> bool:
    """Says whether a process is there and is no zombie."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_repeated_model_is_found_across_parts_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids that merely share a hash are no repetition; ids that are equal are, wherever they stand."""
    rows = [{"modelId": f"acme/m{i}", "card": "A full fine-tune of some model."} for i in range(10)]
    write_cards(tmp_path / "a.parquet", rows)
    write_cards(tmp_path / "b.parquet", [*rows[:2], {"modelId": "acme/other", "card": "x"}])
    monkeypatch.setattr("peft_census.collect.parquet.hash", lambda text: len(text), raising=False)
    monkeypatch.setattr("peft_census.collect.parquet._IDS_AT_ONCE", 3)
    assert Files(str(tmp_path / "a.parquet")).prepare().details["rows"] == 10
    with pytest.raises(CensusError, match=r"'acme/m0' occurs more than once .*a.parquet, .*b.parquet.*2 rows"):
        Files(str(tmp_path)).prepare()
    kept = Files(str(tmp_path), keep_first=True)
    assert kept.prepare().details["duplicate_rows_dropped"] == 2
    ids = [model for batch in kept.batches() for model in batch["model_id"].to_pylist()]
    assert ids == [*(f"acme/m{i}" for i in range(10)), "acme/other"]
