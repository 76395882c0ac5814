"""Tagging on Spark (extra ``spark``, Java 17): the executors read and tag the cards, this process does the rest.

``SparkFiles`` is a source like that of Parquet files. Its parts, the row groups of the files, are read and tagged by
the functions of the local engine, and come back in the order of the files. So a snapshot has the bytes of the local
engine's. The executors open the files themselves; they need the package, and access to the files.
"""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from peft_census.collect.card_columns import to_cards
from peft_census.collect.find_files import AnyPath
from peft_census.collect.parquet import Files, open_parquet, read_ids, read_row_group
from peft_census.collect.registry import is_named
from peft_census.errors import BadInputError, SourceError, UsageError
from peft_census.pipeline.settings import settings
from peft_census.pipeline.tagging import Triple, tag_batch
from peft_census.pipeline.workers import packed, unpacked
from peft_census.snapshot.files import file_sha256
from peft_census.snapshot.schema import arrow_schema
from peft_census.tag import tag as tag_cards

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

COLUMNS = ("modelId", "card", "adapter_config")
"""The columns that ``tag`` needs; Spark reads no other."""

Batches = Iterator[pa.RecordBatch]
Part = tuple[AnyPath, int]
"""A file and the number of one of its row groups."""


class SparkFiles(Files):
    """A ``TaggingSource`` over Parquet files that Spark's executors can open, by the same paths or URLs.

    Args:
        spec: path or URL of a file or folder, or a glob pattern.
        session: where to run.
    """

    def __init__(self, spec: str, session: SparkSession) -> None:
        super().__init__(spec, settings().batch_rows)
        self.paths = [path.resolve() if isinstance(path, Path) else path for path in self.paths]
        self._session = session

    def tagged(self) -> Iterator[Triple]:
        """Yields models, mentions and fingerprints in the order of the files.

        The results stay on the disks of the executors until this process has taken them; what is lost there is
        computed again.
        """
        from pyspark import StorageLevel

        parts = [(path, group) for path in self.paths for group in range(open_parquet(path).num_row_groups)]
        if not parts:
            return
        work = partial(tag_part, batch_rows=self.batch_rows)
        results = self._session.sparkContext.parallelize(parts, len(parts)).flatMap(work)
        results.persist(StorageLevel.DISK_ONLY)
        results.count()
        for models, mentions, keys in results.toLocalIterator():
            yield unpacked(models), unpacked(mentions), unpacked(keys)

    def _digests(self) -> Iterable[str]:
        return self._session.sparkContext.parallelize(self.paths, len(self.paths)).map(file_sha256).collect()

    def _find_repeated(self) -> dict[str, list[AnyPath]]:
        """Returns the models that occur more than once, each with the first and the last of its files.

        Spark groups the ids; this is the only shuffle.
        """
        from pyspark.sql import functions as f

        _silence_pandas()
        files = self._session.range(0, len(self.paths), 1, len(self.paths))
        ids = files.mapInArrow(partial(_ids_of_files, self.paths), "modelId string, file bigint")
        found = ids.groupBy("modelId").agg(f.count("*").alias("n"), f.min("file"), f.max("file"))
        rows = found.filter("n > 1").orderBy("modelId").collect()
        return {model: [self.paths[first]] * (n - 1) + [self.paths[last]] for model, n, first, last in rows}


def tag_part(part: Part, batch_rows: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yields models, mentions and fingerprints of one part as Arrow streams; runs on the executors."""
    for cards in read_row_group(*part, batch_rows):
        models, mentions, keys = (packed(batch).to_pybytes() for batch in tag_batch(cards))
        yield models, mentions, keys


def _ids_of_files(paths: Sequence[AnyPath], files: Batches) -> Batches:
    """Yields the ids of the files whose numbers are in ``files``, and those numbers; runs on the executors."""
    for number in (n for batch in files for n in batch["id"].to_pylist()):
        for ids in read_ids(paths[number]):
            numbers = pa.array([number] * len(ids), pa.int64())
            yield pa.RecordBatch.from_pydict({"modelId": ids, "file": numbers})


@contextmanager
def spark_files(spec: str, master: str | None) -> Iterator[SparkFiles]:
    """Gives a source whose cards are tagged on Spark, and stops the session at the end.

    Args:
        spec: see ``SparkFiles``.
        master: where to run; None for ``local[*]``, unless Spark's environment names a master.

    Raises:
        UsageError: PySpark or Java is missing, or ``spec`` is not Parquet.
        SourceError: Spark failed.
    """
    if is_named(spec):
        raise UsageError(f"--engine spark reads Parquet, not {spec!r}", "name a file, a folder or a glob.")
    session = make_session(master, settings().batch_rows)
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield SparkFiles(spec, session)
    except (PySparkException, Py4JError) as error:
        raise SourceError(
            f"Spark failed on {spec}: {_brief(error)}", "see Spark's log for the task that failed."
        ) from error
    finally:
        session.stop()


def tag(df: DataFrame) -> DataFrame:
    """Returns the mentions of the cards in ``df``, in the columns of the ``mentions`` table.

    For cards in tables that only Spark can read. Nothing is shuffled; the rows of one card stay together, in order.

    Args:
        df: one row per model, with ``modelId`` and ``card``, optionally ``adapter_config``. A model that occurs twice
            is read twice.

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
    return cards.mapInArrow(_tag_batches, from_arrow_schema(arrow_schema("mentions")))


def _tag_batches(batches: Batches) -> Batches:
    return (tag_cards(to_cards(batch)) for batch in batches)


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


def _brief(error: Exception) -> str:
    """Returns the error of this package that an executor raised, else the first line; Spark's errors are pages long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ours = [line.partition(": ")[2] for line in lines if line.startswith(f"{BadInputError.__module__}.")]
    return next((line[:300] for line in [*ours, *lines]), type(error).__name__)
