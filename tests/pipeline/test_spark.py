"""Spark gives the rows of the local engine, and clear words where it cannot run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import REPO, write_cards

needs_spark = pytest.mark.skipif(
    find_spec("pyspark") is None or shutil.which("java") is None, reason="Spark needs PySpark and Java 17"
)
pytestmark = pytest.mark.filterwarnings("ignore")  # PySpark's own, of pandas and of sockets it leaves open


def rows(cards: int = 400) -> list[dict[str, Any]]:
    """Cards of the specimen, with one of broken text and one without a card among them."""
    lines = (REPO / "data/specimen/cards.jsonl").read_text(encoding="utf-8").splitlines()[:cards]
    made = [json.loads(line) for line in lines]
    found: list[dict[str, Any]] = [
        {"modelId": r["model_id"], "card": (r["text"] or "").encode(), "adapter_config": r["adapter_config"]}
        for r in made
    ]
    found[5]["card"] = b"Trained with LoRA \xff\xfe and care, on forty samples of text."
    found[6]["card"] = None
    return found


def write_folder(folder: Path) -> None:
    """Writes 400 cards to four files, with a template and near-duplicates among them."""
    found = rows()
    for i in range(24):
        text = f"This adapter for model {i} was trained with LoRA on the data of the project, see the notes below."
        found[10 * i + 9] |= {"modelId": f"owner{i % 5}/copy-{i}", "card": text.encode()}
    for i in range(4):
        pq.write_table(pa.Table.from_pylist(found[100 * i : 100 * (i + 1)]), folder / f"{i}.parquet", row_group_size=30)


def contents(folder: Path) -> dict[str, bytes]:
    """Returns the bytes of every file of the one snapshot in ``folder``, by its path."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """One local session for all tests of this file; a task may fail twice."""
    from peft_census.pipeline.spark import make_session

    session = make_session("local[2,3]", 64)
    yield session
    session.stop()


@pytest.mark.campaign
@needs_spark
def test_a_census_has_the_bytes_of_the_local_one_though_tasks_fail(
    spark: Any, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks raise, or their process dies, after part of their results: the snapshot is that of the local engine."""
    from peft_census.pipeline import spark as engine
    from peft_census.pipeline.census import run_census

    (tmp_path / "in").mkdir()
    write_folder(tmp_path / "in")
    assert run("census", "-s", "in", "-o", "local", "--quiet").exit_code == 3  # the broken card is a gap
    (tmp_path / "failed").mkdir()
    real, log = engine.tag_part, str(tmp_path / "failed")

    def flaky(part: Any, batch_rows: int) -> Iterator[Any]:
        from pyspark import TaskContext

        context = TaskContext.get()
        attempt = context.attemptNumber()
        fails = attempt < context.partitionId() % 3
        for result in real(part, batch_rows):
            yield result
            if fails:
                Path(log, f"{context.partitionId()}-{attempt}").touch()
                if attempt:
                    os._exit(1)
                raise OSError("the disk of this executor is gone")

    monkeypatch.setattr(engine, "tag_part", flaky)
    files = engine.SparkFiles("in", spark)
    files.batch_rows = 20
    run_census(files, tmp_path / "far")
    assert len(list((tmp_path / "failed").iterdir())) >= 8
    local, far = contents(tmp_path / "local"), contents(tmp_path / "far")
    assert far == local and any(name.endswith("manifest.json") for name in far)
    (models,) = (tmp_path / "far").glob("*/models.parquet")
    clusters = pq.read_table(models, columns=["near_duplicate"]).column(0).value_counts().to_pylist()
    assert max(c["counts"] for c in clusters if c["values"]) >= 24
    generators = pq.read_table(models.with_name("mentions.parquet"))["generator"].to_pylist()
    assert generators.count("template") >= 24


@pytest.mark.campaign
@needs_spark
def test_the_same_mentions_of_a_data_frame(spark: Any, tmp_path: Path, run: Any) -> None:
    """Every row and every column, from several files; a folder of Parquet that the local reader opens."""
    from peft_census.pipeline.spark import tag

    (tmp_path / "in").mkdir()
    write_folder(tmp_path / "in")
    assert run("tag", "-s", "in", "-o", "local.parquet", "--quiet").exit_code == 3  # the broken card is a gap
    tag(spark.read.parquet(str(tmp_path / "in"))).write.parquet(str(tmp_path / "spark"))
    local, far = pq.read_table("local.parquet"), pq.read_table(tmp_path / "spark")
    assert far.schema.names == local.schema.names and far.num_rows == local.num_rows > 300
    assert in_order(far.cast(local.schema)) == in_order(local)
    assert {r["evidence_level"] for r in far.to_pylist()} == {"named", "tagged", "configured"}


def in_order(table: pa.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=lambda r: json.dumps(r, sort_keys=True))


@pytest.mark.campaign
@needs_spark
def test_rows_of_a_card_stay_together_in_their_order(spark: Any, tmp_path: Path, run: Any) -> None:
    """Within one card places ascend as they do locally."""
    from peft_census.pipeline.spark import tag

    write_cards(tmp_path / "in.parquet", rows(100))
    run("tag", "-s", "in.parquet", "-o", "local.parquet", "--quiet")
    far = [r.asDict() for r in tag(spark.read.parquet(str(tmp_path / "in.parquet"))).collect()]
    assert far == pq.read_table("local.parquet").to_pylist()


@pytest.mark.campaign
@needs_spark
def test_what_is_no_cards_is_refused(spark: Any, tmp_path: Path) -> None:
    """A missing column and a model that occurs twice are named."""
    from peft_census.errors import BadInputError
    from peft_census.pipeline.spark import SparkFiles, tag

    with pytest.raises(BadInputError, match="column 'card' is missing"):
        tag(spark.createDataFrame([("a/b",)], "modelId string"))
    card = {"card": "Trained with LoRA."}
    for i in range(2):
        write_cards(tmp_path / f"in/{i}.parquet", [{"modelId": f"a/{i}"} | card, {"modelId": "c/d"} | card])
    with pytest.raises(BadInputError, match=r"'c/d' occurs more than once .*0.parquet.*1.parquet.*1 rows"):
        SparkFiles(str(tmp_path / "in"), spark).prepare()


@pytest.mark.campaign
@needs_spark
def test_the_command_line_on_executors_of_their_own(tmp_path: Path) -> None:
    """On two executors of their own, ``tag`` writes the bytes of the local engine and names a row without an id."""
    write_cards(tmp_path / "in.parquet", rows(60))
    write_cards(tmp_path / "bad.parquet", [{"modelId": "a/b", "card": "x"}, {"modelId": " ", "card": "x"}])

    def tag(source: str, *more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "peft_census", "tag", "-s", source, "--json", *more]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=None)

    local = tag("in.parquet", "-o", "local.parquet")
    far = tag("in.parquet", "-o", "far.parquet", "--engine", "spark", "--master", "local-cluster[2,1,1024]")
    assert far.returncode == local.returncode == 3, far.stderr
    assert json.loads(far.stdout) == json.loads(local.stdout) | {"out": "far.parquet"}
    assert (tmp_path / "far.parquet").read_bytes() == (tmp_path / "local.parquet").read_bytes()
    bad = tag("bad.parquet", "-o", "bad", "--engine", "spark", "--master", "local[1]")
    assert bad.returncode == 1 and "bad.parquet: row 1 has no modelId" in bad.stderr


KILLING = """
import os, signal
from pathlib import Path
from peft_census.pipeline import spark as engine
from peft_census.pipeline.mentions import write_mentions

real, killed = engine.tag_part, Path("killed").resolve()

def killing(part, batch_rows):
    for result in real(part, batch_rows):
        yield result
        if not killed.exists():
            killed.touch()
            daemon = Path(f"/proc/{os.getppid()}/stat").read_text()
            os.kill(int(daemon.rpartition(")")[2].split()[1]), signal.SIGKILL)

engine.tag_part = killing
with engine.spark_files("in", "local-cluster[2,1,1024]") as files:
    write_mentions(files, Path("far.parquet"))
"""
"""Kills the executor, the parent of the daemon that starts Python, once it has given a result."""


@pytest.mark.campaign
@needs_spark
@pytest.mark.skipif(sys.platform != "linux", reason="finds the executor in /proc")
def test_an_executor_that_is_killed_changes_nothing(tmp_path: Path, run: Any) -> None:
    """Its results are computed again by another one."""
    (tmp_path / "in").mkdir()
    write_folder(tmp_path / "in")
    assert run("tag", "-s", "in", "-o", "local.parquet", "--quiet").exit_code == 3  # the broken card is a gap
    done = subprocess.run([sys.executable, "-c", KILLING], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and (tmp_path / "killed").exists(), done.stderr
    assert (tmp_path / "far.parquet").read_bytes() == (tmp_path / "local.parquet").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-s", "specimen", "--engine", "spark"), "reads Parquet"),
        (("-s", "in.parquet", "--engine", "spark", "--keep-first"), "--keep-first does not work with --engine spark"),
        (("-s", "in.parquet", "--master", "local[2]"), "needs --engine spark"),
    ],
)
def test_what_spark_cannot_do_is_refused(run: Any, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2 before anything is started."""
    write_cards(tmp_path / "in.parquet", rows(10))
    result = run("tag", *arguments, "-o", "out")
    assert result.exit_code == 2 and words in result.stderr


def test_a_machine_without_pyspark_or_java_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names what to install."""
    from peft_census.errors import UsageError
    from peft_census.pipeline.spark import make_session

    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(UsageError, match=r"needs (Java|PySpark)"):
        make_session(None, 10)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(UsageError, match="needs PySpark"):
        make_session(None, 10)
