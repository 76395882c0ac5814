"""Tagging on Spark: the same function of a batch, through ``mapInArrow`` (extra ``peft-census[spark]``, Java 17).

In: a DataFrame in the columns of the public dump (``modelId``, ``card``, where there is one ``adapter_config``).
Out: a DataFrame of mentions, the rows that the local engine gives. Nothing is shuffled: a card is read where it
lies. Rows of one card stay together in their order; cards come in whatever order Spark reads them.
"""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peft_census.errors import BadInputError, OutputError, SourceError, UsageError, output_error

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

COLUMNS = ("modelId", "card", "adapter_config")
"""What the tagger reads; other columns are not fetched."""

Count = Callable[[str, int], None]


def tag(df: DataFrame, count: Count | None = None) -> DataFrame:
    """Returns the mentions of the cards in ``df``, in the columns of the ``mentions`` table.

    Args:
        df: one row a model, with ``modelId`` and ``card``; ``adapter_config`` is read where it is there. A model
            that occurs twice is read twice; ``refuse_repeated`` finds them.
        count: called on the workers with ``cards``, ``mentions`` or the reason of a gap, and how many.

    Raises:
        BadInputError: a column is missing.
    """
    _silence_pandas()
    from pyspark.sql.pandas.types import from_arrow_schema

    from peft_census.snapshot.schema import arrow_schema

    missing = [name for name in COLUMNS[:2] if name not in df.columns]
    if missing:
        raise BadInputError(
            f"column {missing[0]!r} is missing",
            f"the input has: {', '.join(df.columns)}; modelId and card are required.",
        )
    wanted = df.select(*(name for name in COLUMNS if name in df.columns))
    return wanted.mapInArrow(_reader(count), from_arrow_schema(arrow_schema("mentions")))


def _reader(count: Count | None) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Returns what runs on the workers. It imports there: the package must be installed on them."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from peft_census.collect.card_columns import to_cards
        from peft_census.tag import tag as tag_batch

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
    """Raises BadInputError where a model has no id or occurs twice. This shuffles the ids, and nothing else."""
    from pyspark.sql import functions as f

    nameless = df.filter(f.col("modelId").isNull() | (f.trim("modelId") == "")).limit(1).count()
    if nameless:
        raise BadInputError("a row has no modelId", "remove the row or name its model.")
    twice = df.groupBy("modelId").count().filter("count > 1").orderBy("modelId").limit(1).collect()
    if twice:
        raise BadInputError(
            f"model {twice[0]['modelId']!r} occurs more than once", "remove the older rows; Spark has no --keep-first."
        )


def write_mentions(spec: str, out: Path, master: str | None, batch_rows: int) -> dict[str, Any]:
    """Writes the mentions of a Parquet source to the folder ``out`` and returns what was done.

    Args:
        spec: a file, a folder or a glob, or any address that Spark reads (``s3a://…``).
        out: folder of Parquet parts; must not be there yet.
        master: where to run; ``local[*]`` where None and Spark was not told otherwise.
        batch_rows: cards that are read at a time.

    Raises:
        UsageError: PySpark or Java is missing.
        BadInputError: the source is not what it should be.
        OutputError: ``out`` is there already, or cannot be written.
        SourceError: Spark failed.
    """
    from peft_census.collect.parquet import find_files

    if out.exists():
        raise OutputError(f"{out} is there already", "Spark writes a new folder; remove it or choose another --out.")
    paths = [spec] if "://" in spec else [str(p.resolve()) for p in find_files(spec)]
    spark = make_session(master, batch_rows)
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        counts = spark.sparkContext.accumulator({}, _adding())
        df = spark.read.parquet(*paths)
        mentions = tag(df, lambda name, n: counts.add({name: n}))
        refuse_repeated(df)
        mentions.write.option("compression", "zstd").parquet(str(out) if "://" in str(out) else str(out.resolve()))
        found: dict[str, int] = counts.value
    except (PySparkException, Py4JError) as error:
        raise SourceError(
            f"Spark failed on {spec}: {_brief(error)}", "see Spark's log for the task that failed."
        ) from error
    except OSError as error:
        raise output_error(out, error) from error
    finally:
        spark.stop()
    gaps = {name.removeprefix("gap: "): n for name, n in sorted(found.items()) if name.startswith("gap: ")}
    return {"out": str(out), "cards": found.get("cards", 0), "mentions": found.get("mentions", 0), "gaps": gaps}


def make_session(master: str | None, batch_rows: int) -> SparkSession:
    """Returns a Spark session that hands over ``batch_rows`` cards at a time.

    Raises:
        UsageError: PySpark or Java is missing.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise UsageError("--engine spark needs PySpark", "pip install 'peft-census[spark]'.") from error
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
    """PySpark warns of every pandas from 3.0 on; no frame of pandas is made here."""
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)


def _adding() -> Any:
    """Returns how counts of several tasks become one."""
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
    """Returns the first line that says something: Spark's errors are pages of traces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
