"""Checks that snapshots, crawl states and raw files are intact, and repairs what it can.

In: the folders of snapshots and of raw files. Out: findings. Without ``repair`` nothing is changed. A repair deletes
only the partial files of killed runs; damaged files are renamed to a name that begins with ``.damaged-``, and the next
run reads their content again.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from peft_census.collect.file_store import INDEX, FileStore
from peft_census.collect.hub.session import LOCK as CRAWL_LOCK
from peft_census.collect.ledger import LEDGER
from peft_census.collect.raw_shards import is_as_written, shard_files
from peft_census.errors import CensusError, SnapshotError
from peft_census.snapshot.database import DAMAGED, has_log, is_changed
from peft_census.snapshot.files import file_sha256, leftovers, remove_leftover
from peft_census.snapshot.lock import exclusive_lock
from peft_census.snapshot.manifest import SchemaVersionError
from peft_census.snapshot.snapshot import LOCK as SNAPSHOTS_LOCK
from peft_census.snapshot.snapshot import read_snapshot

BACKUP = ".damaged-"
_ROWS = "SELECT row, model_id, text_sha256 FROM file WHERE shard = ? ORDER BY row"
_MAX_ERROR = 120


class Kind(StrEnum):
    """What is wrong."""

    LEFTOVER = "leftover"
    DAMAGED_SNAPSHOT = "damaged_snapshot"
    OTHER_SCHEMA = "other_schema"
    RENAMED_SNAPSHOT = "renamed_snapshot"
    DAMAGED_DATABASE = "damaged_database"
    MISSING_FILE = "missing_file"
    DAMAGED_FILE = "damaged_file"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        kind: what is wrong.
        path: the file or folder.
        what: what is wrong, in words.
        remedy: what a repair does, or what to do.
        repairable: True if ``repair`` can do it.
        repaired: True if it was done.
    """

    kind: Kind
    path: Path
    what: str
    remedy: str
    repairable: bool = True
    repaired: bool = False


@dataclass(frozen=True)
class Verification:
    """What was checked, and what was found.

    Args:
        snapshots: number of snapshots.
        ledgers: number of databases.
        shards: number of raw files.
        findings: what is wrong.
    """

    snapshots: int
    ledgers: int
    shards: int
    findings: list[Finding]

    @property
    def intact(self) -> bool:
        """True if nothing was found, or all of it was repaired."""
        return all(finding.repaired for finding in self.findings)


@dataclass(frozen=True)
class _Problem:
    """A finding and the function that repairs it; None if there is none."""

    finding: Finding
    repair: Callable[[], None] | None = None


def verify(snapshots: Path, raw: Path, repair: bool = False) -> Verification:
    """Checks all snapshots, crawl states and raw files, and repairs them if ``repair``.

    Raises:
        BusyError: ``repair`` while a census or a crawl is running.
        OutputError: no permission to repair.
    """
    crawls, stores = (
        sorted(path.parent for path in raw.rglob(name)) if raw.is_dir() else [] for name in (LEDGER, INDEX)
    )
    with ExitStack() as stack:
        if repair:
            locks = [snapshots / SNAPSHOTS_LOCK] if snapshots.is_dir() else []
            for lock in [*locks, *(folder / CRAWL_LOCK for folder in (*crawls, *stores))]:
                stack.enter_context(exclusive_lock(lock))
        folders = [path for path in sorted(snapshots.glob("*")) if path.is_dir() and not path.name.startswith(".")]
        databases = sorted(path for path in raw.rglob("*.sqlite") if BACKUP not in path.name) if raw.is_dir() else []
        problems = [*_leftovers(snapshots, raw)]
        problems += [problem for folder in folders for problem in _snapshot(folder)]
        problems += [problem for database in databases for problem in _database(database)]
        damaged = {problem.finding.path for problem in problems}
        shards = 0
        for store in stores:
            if store / INDEX not in damaged:
                shards += len(shard_files(store))
                problems += _shards(store)
        findings = [_repair(problem) if repair else problem.finding for problem in problems]
    return Verification(len(folders), len(databases), shards, findings)


def _repair(problem: _Problem) -> Finding:
    if problem.repair is None:
        return problem.finding
    try:
        problem.repair()
    except (OSError, sqlite3.Error, CensusError) as error:
        return replace(problem.finding, what=f"{problem.finding.what}; it could not be repaired ({error})")
    return replace(problem.finding, repaired=True)


def _leftovers(snapshots: Path, raw: Path) -> Iterator[_Problem]:
    """Yields what killed processes left; the partial files of running ones are no problem."""
    folders = [snapshots, *(path for path in raw.rglob("*") if path.is_dir()), raw]
    for path in sorted(left for folder in folders for left in leftovers(folder)):
        finding = Finding(Kind.LEFTOVER, path, "partial file of a killed process", "removed")
        yield _Problem(finding, partial(remove_leftover, path))


def _snapshot(folder: Path) -> Iterator[_Problem]:
    remedy = f"renamed to {BACKUP}{folder.name}; run the census again"
    try:
        snapshot = read_snapshot(folder)
        if snapshot.id != folder.name:
            what = f"its manifest has the id {snapshot.id}"
            yield _Problem(Finding(Kind.RENAMED_SNAPSHOT, folder, what, "rename the folder back", repairable=False))
        snapshot.verify()
        for name in snapshot.manifest.tables:
            file = folder / f"{name}.parquet"
            if pq.read_schema(file) != snapshot.schema(name):
                raise SnapshotError(f"{file}: its columns are not those of the schema", "run the census again.")
    except SchemaVersionError as error:
        yield _Problem(Finding(Kind.OTHER_SCHEMA, folder, error.what, f"none: {error.hint}", repairable=False))
    except (SnapshotError, OSError, pa.ArrowException, KeyError) as error:
        what = error.what if isinstance(error, SnapshotError) else str(error)
        yield _Problem(Finding(Kind.DAMAGED_SNAPSHOT, folder, what, remedy), partial(_back_up, folder))


def _database(file: Path) -> Iterator[_Problem]:
    """Yields one problem if a closed file is not as it was written, or if SQLite reports a damaged one."""
    try:
        with closing(_open(file)) as db:
            rows = [str(row[0]) for row in db.execute("PRAGMA integrity_check(3)")]
    except sqlite3.Error as error:
        rows = [str(error)]
    if is_changed(file, file_sha256):
        rows = [DAMAGED]
    if rows != ["ok"]:
        what = f"damaged database ({rows[0][:_MAX_ERROR]})"
        remedy = f"renamed to {BACKUP}{file.name}; the next run reads its content again"
        yield _Problem(Finding(Kind.DAMAGED_DATABASE, file, what, remedy), partial(_back_up, file))


def _shards(store: Path) -> Iterator[_Problem]:
    """Yields the differences between the raw files of a store and its index."""
    with closing(_open(store / INDEX)) as db:
        files = shard_files(store)
        recorded = {int(n): bool(replaced) for n, replaced in db.execute("SELECT number, replaced FROM shard")}
        for number in sorted({*recorded, *files} - {n for n, replaced in recorded.items() if replaced}):
            rows = db.execute(_ROWS, (number,)).fetchall()
            file = files.get(number)
            what = "a raw file of the index is missing" if file is None else _damage(file, rows)
            if what:
                finding = Finding(
                    Kind.MISSING_FILE if file is None else Kind.DAMAGED_FILE,
                    file or store / f"{number:06}.parquet",
                    what,
                    f"the next run reads its {len(rows):,} models again",
                )
                yield _Problem(finding, partial(_forget, store, number, file))


def _damage(file: Path, rows: list[tuple[int, str, str]]) -> str:
    """Returns how a raw file differs from the rows of the index; an empty string if it does not."""
    try:
        if not is_as_written(file, file_sha256(file)):
            return "damaged raw file (its bytes changed since it was written)"
        table = pq.ParquetFile(file).read(columns=["model_id", "text"])
    except (pa.ArrowException, OSError) as error:
        return f"damaged raw file ({str(error).splitlines()[0][:_MAX_ERROR]})"
    ids, texts = table["model_id"], table["text"]
    for row, model_id, digest in rows:
        if row >= table.num_rows or ids[row].as_py() != model_id:
            return f"row {row} is not {model_id!r}, as recorded in the index"
        text = texts[row].as_py()
        if digest and (text is None or hashlib.sha256(text.encode()).hexdigest() != digest):
            return f"the text of {model_id!r} differs from the hash in the index"
    return ""


def _open(database: Path) -> sqlite3.Connection:
    """Opens a database for reading; leaves no file next to it if it was closed."""
    mode = "mode=ro" if has_log(database) else "immutable=1"
    return sqlite3.connect(f"{database.resolve().as_uri()}?{mode}", uri=True)


def _forget(store: Path, number: int, file: Path | None) -> None:
    """Renames a raw file and removes it from the index."""
    if file is not None:
        _back_up(file)
    with FileStore(store) as opened:
        opened.forget(number)


def _back_up(path: Path) -> None:
    """Renames ``path``, and the files that belong to a database, to a name that no command reads."""
    for part in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", ".sha256"))):
        if part.exists():
            backup, n = part.with_name(BACKUP + part.name), 1
            while backup.exists():
                n += 1
                backup = part.with_name(f"{BACKUP}{n}-{part.name}")
            part.rename(backup)
