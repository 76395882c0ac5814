"""Spark gives the rows of the local engine, and clear words where it cannot run."""

from __future__ import annotations

import json
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


def in_order(table: pa.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=lambda r: json.dumps(r, sort_keys=True))


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """One local session for all tests of this file."""
    from peft_census.pipeline.spark import make_session

    session = make_session("local[2]", 64)
    yield session
    session.stop()


@pytest.mark.campaign
@needs_spark
def test_the_same_mentions_as_the_local_engine(spark: Any, tmp_path: Path, run: Any) -> None:
    """Every row and every column, from several files; a folder of Parquet that the local reader opens."""
    from peft_census.pipeline.spark import tag

    found = rows()
    for i in range(4):
        write_cards(tmp_path / f"in/{i}.parquet", found[100 * i : 100 * (i + 1)])
    assert run("tag", "-s", "in", "-o", "local.parquet", "--quiet").exit_code == 3  # the broken card is a gap
    tag(spark.read.parquet(str(tmp_path / "in"))).write.parquet(str(tmp_path / "spark"))
    local, far = pq.read_table("local.parquet"), pq.read_table(tmp_path / "spark")
    assert far.schema.names == local.schema.names and far.num_rows == local.num_rows > 300
    assert in_order(far.cast(local.schema)) == in_order(local)
    assert {r["evidence_level"] for r in far.to_pylist()} == {"named", "tagged", "configured"}


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
    """A missing column, a model without id and one that occurs twice are named."""
    from peft_census.errors import BadInputError
    from peft_census.pipeline.spark import refuse_repeated, tag

    with pytest.raises(BadInputError, match="column 'card' is missing"):
        tag(spark.createDataFrame([("a/b",)], "modelId string"))
    with pytest.raises(BadInputError, match="'a/b' occurs more than once"):
        refuse_repeated(spark.createDataFrame([("a/b",), ("c/d",), ("a/b",)], "modelId string"))
    with pytest.raises(BadInputError, match="no modelId"):
        refuse_repeated(spark.createDataFrame([("a/b",), (" ",)], "modelId string"))


@pytest.mark.campaign
@needs_spark
def test_the_command_line_tags_on_spark(tmp_path: Path) -> None:
    """`tag --engine spark` counts cards, mentions and gaps like the local engine, and writes no second time."""
    write_cards(tmp_path / "in.parquet", rows(60))

    def tag(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "peft_census", "tag", "-s", "in.parquet", "--json", *more]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=None)

    local = tag("-o", "local.parquet")
    far = tag("-o", "far", "--engine", "spark", "--master", "local[1]")
    assert far.returncode == local.returncode == 3, far.stderr
    told, expected = json.loads(far.stdout), json.loads(local.stdout)
    assert {k: v for k, v in told.items() if k != "out"} == {k: v for k, v in expected.items() if k != "out"}
    assert pq.read_table(tmp_path / "far").num_rows == told["mentions"]
    again = tag("-o", "far", "--engine", "spark")
    assert again.returncode == 1 and "already exists" in again.stderr


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
