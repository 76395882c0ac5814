"""The doctor: looks whether snapshots, ledgers and raw shards are whole, says what is wrong, mends what can be mended.

In: the folders of snapshots and of raw material. Out: findings. Without ``repair`` nothing is touched. With it nothing
is deleted but what a killed run left half-made: damaged things are put aside under a name that begins with
``.damaged-``, and what they held is asked for again by the next run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from peft_census.collect.hub.session import LOCK as CRAWL_LOCK
from peft_census.collect.ledger import Ledger
from peft_census.errors import CensusError, SnapshotError
from peft_census.pipeline.census import LOCK as SNAPSHOTS_LOCK
from peft_census.snapshot.lock import exclusive_lock
from peft_census.snapshot.manifest import SchemaVersionError
from peft_census.snapshot.snapshot import read_snapshot

ASIDE = ".damaged-"
LEDGER = "ledger.sqlite"
KINDS = {"cards": "model", "configs": "config"}
"""Folder of shards to the ledger's table that points into them."""

_ROWS = {k: f"SELECT row, model_id, text_sha256 FROM {t} WHERE shard = ? ORDER BY row" for k, t in KINDS.items()}  # noqa: S608


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Args:
        where: the file or folder.
        what: what is wrong with it.
        remedy: what repairing does, or the reader must do.
        mend: does it; None where only the reader can.
        mended: whether that was done.
    """

    where: Path
    what: str
    remedy: str
    mend: Callable[[], None] | None = None
    mended: bool = False


@dataclass(frozen=True)
class Examination:
    """What was looked at, and what was found.

    Args:
        snapshots: folders of snapshots looked at.
        ledgers: databases looked at.
        shards: raw files looked at.
        findings: what is wrong, in the order of their places.
    """

    snapshots: int
    ledgers: int
    shards: int
    findings: list[Finding]

    @property
    def well(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(f.mended for f in self.findings)


def examine(snapshots: Path, raw: Path, repair: bool = False) -> Examination:
    """Looks at everything below both folders, and mends it where ``repair``.

    Raises:
        BusyError: ``repair`` was asked for while a census or a crawl is at work.
        OutputError: no permission to mend.
    """
    crawls = sorted(p.parent for p in raw.rglob(LEDGER)) if raw.is_dir() else []
    with ExitStack() as stack:
        if repair:
            for lock in [snapshots / SNAPSHOTS_LOCK] * snapshots.is_dir() + [c / CRAWL_LOCK for c in crawls]:
                stack.enter_context(exclusive_lock(lock))
        folders = [p for p in sorted(snapshots.glob("*")) if p.is_dir() and not p.name.startswith(".")]
        databases = sorted(p for p in raw.rglob("*.sqlite") if ASIDE not in p.name) if raw.is_dir() else []
        found = [*_leftovers(snapshots, raw)]
        for folder in folders:
            found += _snapshot(folder)
        for database in databases:
            found += _database(database)
        shards = 0
        for crawl in crawls:
            n, more = _shards(crawl) if not any(f.where == crawl / LEDGER for f in found) else (0, [])
            shards += n
            found += more
        if repair:
            found = [_mended(f) for f in found]
    return Examination(len(folders), len(databases), shards, found)


def _mended(finding: Finding) -> Finding:
    if finding.mend is None:
        return finding
    try:
        finding.mend()
    except (OSError, sqlite3.Error, CensusError) as error:
        return Finding(finding.where, f"{finding.what}; it could not be mended ({error})", finding.remedy)
    return Finding(finding.where, finding.what, finding.remedy, mended=True)


def _leftovers(snapshots: Path, raw: Path) -> Iterator[Finding]:
    """Yields what killed runs left half-made. A run that is still at work is known by its lock, not by its files."""
    halves = [*snapshots.glob(".partial-*"), *raw.rglob("*.partial")] if snapshots.is_dir() or raw.is_dir() else []
    what = "left half-made by a run that was killed, or that is at work"
    for path in sorted(halves):
        yield Finding(path, what, "removed", partial(_remove, path))


def _snapshot(folder: Path) -> Iterator[Finding]:
    remedy = f"moved to {ASIDE}{folder.name}; run the census again"
    try:
        snapshot = read_snapshot(folder)
    except SchemaVersionError as error:
        yield Finding(folder, error.what, f"nothing: {error.hint}")
        return
    except SnapshotError as error:
        yield Finding(folder, error.what, remedy, lambda: _put_aside(folder))
        return
    if snapshot.id != folder.name:
        yield Finding(folder, f"its manifest says {snapshot.id}", "rename the folder back")
    try:
        snapshot.verify()
        for name in snapshot.manifest.tables:
            if pq.read_schema(folder / f"{name}.parquet") != snapshot.schema(name):
                raise SnapshotError(
                    f"{folder / name}.parquet: not in the columns of the schema", "run the census again."
                )
    except (SnapshotError, OSError, pa.ArrowException, KeyError) as error:
        what = error.what if isinstance(error, SnapshotError) else str(error)
        yield Finding(folder, what, remedy, lambda: _put_aside(folder))


def _database(file: Path) -> Iterator[Finding]:
    """Yields one finding where SQLite says that its file is damaged."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as db:
            told = [str(row[0]) for row in db.execute("PRAGMA integrity_check(3)")]
    except sqlite3.Error as error:
        told = [str(error)]
    if told != ["ok"]:
        yield Finding(
            file,
            f"damaged database ({told[0][:120]})",
            f"moved to {ASIDE}{file.name}; what it remembered is asked for again",
            lambda: _put_aside(file),
        )


def _shards(crawl: Path) -> tuple[int, list[Finding]]:
    """Returns how many raw files a crawl has, and what is wrong between them and its ledger."""
    found: list[Finding] = []
    seen = 0
    with closing(sqlite3.connect(f"{(crawl / LEDGER).resolve().as_uri()}?mode=ro", uri=True)) as db:
        for kind in KINDS:
            folder = crawl / kind
            files = {int(p.stem): p for p in sorted(folder.glob("*.parquet")) if p.stem.isdigit()}
            noted = {int(r[0]) for r in db.execute("SELECT number FROM shard WHERE kind = ?", (kind,))}
            seen += len(files)
            for number in sorted(noted | set(files)):
                rows = db.execute(_ROWS[kind], (number,)).fetchall()
                file = files.get(number)
                wrong = "a raw file that the ledger knows is gone" if file is None else _wrong(file, rows)
                if wrong:
                    place = file or folder / f"{number:06}.parquet"
                    found.append(
                        Finding(
                            place,
                            wrong,
                            f"its {len(rows):,} models are read again by the next run",
                            partial(_forget, crawl, kind, number, file),
                        )
                    )
    return seen, found


def _wrong(file: Path, rows: list[tuple[int, str, str | None]]) -> str:
    """Returns what is wrong with a raw file as the ledger knows it; nothing where all is well."""
    try:
        table = pq.ParquetFile(file, page_checksum_verification=True).read(columns=["model_id", "text"])
    except (pa.ArrowException, OSError) as error:
        return f"damaged raw file ({str(error).splitlines()[0][:120]})"
    ids, texts = table["model_id"], table["text"]
    for row, model_id, digest in rows:
        if row >= table.num_rows or ids[row].as_py() != model_id:
            return f"row {row} is not {model_id!r}, as the ledger says"
        text = texts[row].as_py()
        if digest is not None and (text is None or hashlib.sha256(text.encode()).hexdigest() != digest):
            return f"the text of {model_id!r} is not the one that was read"
    return ""


def _forget(crawl: Path, kind: str, number: int, file: Path | None) -> None:
    if file is not None:
        _put_aside(file)
    ledger = Ledger(crawl)
    try:
        ledger.forget_shard(kind, number)
    finally:
        ledger.close()


def _put_aside(path: Path) -> None:
    """Renames ``path``, and what SQLite keeps beside it, to a name that nobody reads."""
    for part in (path, *(path.with_name(path.name + more) for more in ("-wal", "-shm"))):
        if part.exists():
            aside, n = part.with_name(ASIDE + part.name), 1
            while aside.exists():
                n += 1
                aside = part.with_name(f"{ASIDE}{n}-{part.name}")
            os.rename(part, aside)  # noqa: PTH104 (a rename, never a copy)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
