"""Tagging on Spark: applies the function that tags a batch through ``mapInArrow`` (extra ``spark``, Java 17).

In: a DataFrame in the columns of the public dump (``modelId``, ``card``, optionally ``adapter_config``). Out: a
DataFrame of mentions, with the rows of the local engine. Cards are not shuffled. The rows of one card stay together and
in order; the order of the cards is Spark's.
"""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from peft_census.collect.card_columns import to_cards
from peft_census.collect.parquet import find_files
from peft_census.collect.registry import is_named
from peft_census.errors import BadInputError, OutputError, SourceError, UsageError, output_error
from peft_census.pipeline.mentions import MentionsSummary
from peft_census.pipeline.settings import settings
from peft_census.snapshot.schema import arrow_schema
from peft_census.tag import tag as tag_batch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

COLUMNS = ("modelId", "card", "adapter_config")
"""The columns that the tagger needs; Spark reads no other."""

Count = Callable[[str, int], None]


def tag(df: DataFrame, count: Count | None = None) -> DataFrame:
    """Returns the mentions of the cards in ``df``, in the columns of the ``mentions`` table.

    Args:
        df: one row per model, with ``modelId`` and ``card``, optionally ``adapter_config``. A model that occurs twice
            is read twice; ``refuse_repeated`` finds such models.
        count: called on the workers with ``cards``, ``mentions`` or the reason of a gap, and a number.

    Raises:
        BadInputError: a column is missing.
    """
    _silence_pandas()
    from pyspark.sql.pandas.types import from_arrow_schema

    missing = [name for name in COLUMNS[:2] if name not in df.columns]
    if missing:
        raise BadInputError(
            f"column {missing[0]!r} is missing",
            f"the input has: {', '.join(df.columns)}; modelId and card are required.",
        )
    cards = df.select(*(name for name in COLUMNS if name in df.columns))
    return cards.mapInArrow(_reader(count), from_arrow_schema(arrow_schema("mentions")))


def _reader(count: Count | None) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Returns the function that runs on the workers, where peft_census must be installed."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            cards = to_cards(batch)
            mentions = tag_batch(cards)
            if count is not None:
                count("cards", cards.num_rows)
                count("mentions", mentions.num_rows)
                for status, reason in zip(cards["status"].to_pylist(), cards["reason"].to_pylist(), strict=True):
                    if status == "text" and reason is not None:
                        count(f"gap: {reason}", 1)
            yield mentions

    return read


def refuse_repeated(df: DataFrame) -> None:
    """Raises BadInputError if a model has no id or occurs twice. Spark shuffles the ids for this, and nothing else."""
    from pyspark.sql import functions as f

    nameless = df.filter(f.col("modelId").isNull() | (f.trim("modelId") == "")).limit(1).count()
    if nameless:
        raise BadInputError("a row has no modelId", "remove the row or name its model.")
    twice = df.groupBy("modelId").count().filter("count > 1").orderBy("modelId").limit(1).collect()
    if twice:
        raise BadInputError(
            f"model {twice[0]['modelId']!r} occurs more than once", "remove the older rows; Spark has no --keep-first."
        )


def write_mentions_with_spark(spec: str, out: Path, master: str | None) -> MentionsSummary:
    """Writes the mentions of a Parquet source to the folder ``out``.

    Args:
        spec: a file, a folder or a glob, or any address that Spark reads (``s3a://…``).
        out: folder of Parquet parts; must not exist.
        master: where to run; None for ``local[*]``, unless Spark's environment names a master.

    Raises:
        UsageError: PySpark or Java is missing, or ``spec`` is not Parquet.
        BadInputError: a column or an id is missing, or a model occurs twice.
        OutputError: ``out`` exists, or cannot be written.
        SourceError: Spark failed.
    """
    if is_named(spec):
        raise UsageError(f"--engine spark reads Parquet, not {spec!r}", "name a file, a folder or a glob.")
    if out.exists():
        raise OutputError(f"{out} already exists", "Spark writes a new folder; remove it or choose another --out.")
    paths = [spec] if "://" in spec else [str(p.resolve()) for p in find_files(spec).paths]
    spark = make_session(master, settings().batch_rows)
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        counts = spark.sparkContext.accumulator({}, _adding())
        df = spark.read.parquet(*paths)
        mentions = tag(df, lambda name, n: counts.add({name: n}))
        refuse_repeated(df)
        mentions.write.option("compression", "zstd").parquet(str(out) if "://" in str(out) else str(out.resolve()))
        totals: dict[str, int] = counts.value
    except (PySparkException, Py4JError) as error:
        raise SourceError(
            f"Spark failed on {spec}: {_brief(error)}", "see Spark's log for the task that failed."
        ) from error
    except OSError as error:
        raise output_error(out, error) from error
    finally:
        spark.stop()
    gaps = {name.removeprefix("gap: "): n for name, n in sorted(totals.items()) if name.startswith("gap: ")}
    return MentionsSummary(str(out), totals.get("cards", 0), totals.get("mentions", 0), gaps)


def make_session(master: str | None, batch_rows: int) -> SparkSession:
    """Returns a Spark session that passes ``batch_rows`` cards at a time to Python.

    Raises:
        UsageError: PySpark or Java is missing.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise UsageError("--engine spark needs PySpark", "run `pip install '.[spark]'` in the clone.") from error
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise UsageError("--engine spark needs Java 17 or newer", "install it, or set JAVA_HOME.")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("peft_census")
    if master is not None:
        builder = builder.master(master)
    elif "SPARK_MASTER" not in os.environ and "SPARK_ENV_LOADED" not in os.environ:
        builder = builder.master("local[*]")
    _silence_pandas()
    session: SparkSession = (
        builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", batch_rows)
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    return session


def _silence_pandas() -> None:
    """Silences PySpark's warning about pandas 3; no pandas data frame is made here."""
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)


def _adding() -> Any:
    """Returns the accumulator that adds up the counts of the tasks."""
    from pyspark.accumulators import AccumulatorParam

    class Adding(AccumulatorParam[dict[str, int]]):
        def zero(self, value: dict[str, int]) -> dict[str, int]:
            return {}

        def addInPlace(self, one: dict[str, int], other: dict[str, int]) -> dict[str, int]:  # noqa: N802
            for name, n in other.items():
                one[name] = one.get(name, 0) + n
            return one

    return Adding()


def _brief(error: Exception) -> str:
    """Returns the first line of the error; Spark's errors are pages long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
