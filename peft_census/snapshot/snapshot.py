"""Snapshots: one folder of Parquet tables and a manifest, written once and never changed.

The id depends on what went in (content of the source, taxonomy, generators, corrections, versions of tagger, counting
rules and schema): the same input and rules give the same id. A snapshot is written to a temporary folder and renamed,
so it is complete or absent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from peft_census.errors import SnapshotError, UsageError, output_error
from peft_census.snapshot.files import file_sha256, known_sha256, remove_leftovers, sync, temporary_folder
from peft_census.snapshot.manifest import MANIFEST, Manifest, TableInfo, read_manifest
from peft_census.snapshot.parquet import GroupedFile
from peft_census.snapshot.schema import SCHEMA_VERSION, arrow_schema, check

__all__ = ["MANIFEST", "Snapshot", "find_snapshot", "new_snapshot", "read_snapshot"]

PUBLIC, AGGREGATE = "-public", "-aggregate"
"""The ends of the ids of a public copy and of an aggregate copy."""

REPORT = "report"
"""The folder inside a snapshot that holds its charts, tables and page."""

LOCK = ".lock"
"""The file in a folder of snapshots that a census locks."""

_TEMPORARY = "snapshot"


@dataclass(frozen=True)
class Snapshot:
    """A complete snapshot.

    Args:
        path: its folder.
        manifest: the parsed ``manifest.json``.
        in_memory: tables that need not be read from the folder, because this process has just written them.
    """

    path: Path
    manifest: Manifest
    in_memory: Mapping[str, pa.Table] = field(default_factory=dict, repr=False, compare=False)

    @property
    def id(self) -> str:
        """The snapshot id."""
        return self.manifest.snapshot_id

    @property
    def public(self) -> bool:
        """Whether it is a public or an aggregate copy."""
        return bool(self.manifest.public)

    @property
    def aggregate(self) -> bool:
        """Whether it is an aggregate copy: counted tables only."""
        return bool(self.manifest.aggregate)

    def schema(self, name: str) -> pa.Schema:
        """Returns the Arrow schema that table ``name`` has in this snapshot."""
        return arrow_schema(name, self.public)

    def table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """Returns one of the tables, or some of its columns; checks the hash of its file, once per process.

        Raises:
            SnapshotError: the snapshot has no such table, or its file is damaged.
        """
        if name in self.in_memory:
            return self.in_memory[name].select(columns or self.in_memory[name].column_names)
        if name not in self.manifest.tables and self.aggregate:
            raise SnapshotError(
                f"{self.id} is an aggregate copy: it holds counted tables and no {name}",
                "name the snapshot it was made from, or its public copy, with --snapshot.",
            )
        if name not in self.manifest.tables:
            raise SnapshotError(f"{self.path}: no table {name!r}", f"it has: {', '.join(self.manifest.tables)}.")
        file = self.path / f"{name}.parquet"
        known = {field.name: field.type for field in self.schema(name)}
        try:
            self._check(file, known_sha256(file), self.manifest.tables[name].sha256)
            if {f.name: f.type for f in pq.read_schema(file)} == known:
                return pq.read_table(file, columns=columns)
        except (pa.ArrowException, OSError) as error:
            why = str(error).partition("\n")[0][:200]
            raise SnapshotError(f"{file}: damaged or missing ({why})", "run the census again.") from error
        raise SnapshotError(f"{file}: its columns are not those of the schema", "run the census again.")

    def verify(self) -> None:
        """Raises SnapshotError unless the bytes of every table and of the report are those that were written."""
        tables = {f"{name}.parquet": info.sha256 for name, info in self.manifest.tables.items()}
        for name, digest in {**tables, **self.manifest.report}.items():
            file = self.path / name
            self._check(file, file_sha256(file) if file.is_file() else None, digest)

    def _check(self, file: Path, found: str | None, written: str) -> None:
        if found != written:
            what = "missing" if found is None else "changed since it was written"
            raise SnapshotError(f"{file}: {what}", "run the census again.")


def snapshot_key(inputs: dict[str, Any]) -> str:
    """Returns the part of the id that depends on content: 12 hex digits of ``inputs`` and the schema version."""
    text = json.dumps({**inputs, "schema_version": SCHEMA_VERSION}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def read_snapshot(path: Path) -> Snapshot:
    """Returns the snapshot in folder ``path``.

    Raises:
        SnapshotError: no manifest, a damaged one, or one of another schema version.
    """
    return Snapshot(path, read_manifest(path / MANIFEST))


def find_snapshot(name: str, root: Path) -> Snapshot:
    """Returns the snapshot that ``name`` means: a folder, an id, the start of an id, ``latest`` or ``previous``.

    A folder that holds snapshots means the latest of them. A public copy is the latest only where there is no
    private snapshot, an aggregate copy only where there is nothing else.

    Raises:
        UsageError: no snapshot fits, or more than one.
    """
    folder = Path(name)
    if (folder / MANIFEST).is_file():
        return read_snapshot(folder)
    if name and folder.is_dir() and (inside := _by_age(folder)):
        return read_snapshot(inside[0])
    existing = _by_age(root)
    if name in ("latest", "previous"):
        matches = existing[:1] if name == "latest" else existing[1:2]
    else:
        begins = [p for p in existing if name and p.name.startswith(name)]
        exact = [p for p in begins if p.name == name]
        matches = exact or next((found for found in (_private(begins), _with_rows(begins)) if found), begins)
    if len(matches) == 1:
        return read_snapshot(matches[0])
    known = ", ".join(p.name for p in existing[:5])
    raise UsageError(
        f"more than one snapshot starts with {name!r}" if matches else f"no snapshot {name!r} in {root}",
        f"existing snapshots, latest first: {known}." if known else "there is none yet: run `make census`.",
    )


def snapshots_in(root: Path) -> list[Path]:
    """Returns one folder for each snapshot in ``root``, by name: its own, else its public copy, else the aggregate."""
    best: dict[str, Path] = {}
    for path in sorted(_by_age(root), key=lambda p: (_is_public(p), _is_aggregate(p), p.name)):
        best.setdefault(path.name.removesuffix(PUBLIC).removesuffix(AGGREGATE), path)
    return sorted(best.values())


def _by_age(root: Path) -> list[Path]:
    """Returns the snapshots in ``root``, the newest first.

    Public copies made since then come at the end, aggregate copies last of all.
    """
    existing = [p for p in sorted(root.glob("*")) if (p / MANIFEST).is_file() and not p.name.startswith(".")]
    existing.sort(key=lambda p: (p / MANIFEST).stat().st_mtime_ns, reverse=True)
    first = next((i for i, p in enumerate(existing) if not _is_public(p)), 0)
    existing = existing[first:] + existing[:first]
    return _with_rows(existing) + [p for p in existing if _is_aggregate(p)]


def _is_public(path: Path) -> bool:
    return path.name.endswith((PUBLIC, AGGREGATE))


def _private(paths: list[Path]) -> list[Path]:
    return [p for p in paths if not _is_public(p)]


def _with_rows(paths: list[Path]) -> list[Path]:
    return [p for p in paths if not _is_aggregate(p)]


def _is_aggregate(path: Path) -> bool:
    return path.name.endswith(AGGREGATE)


def find_by_key(key: str, root: Path) -> Snapshot | None:
    """Returns the snapshot whose id ends in ``key``, if ``root`` holds one."""
    for path in sorted(root.glob(f"*-{key}")):
        if (path / MANIFEST).is_file() and not path.name.startswith("."):
            return read_snapshot(path)
    return None


class SnapshotWriter:
    """A snapshot that is being written; see ``new_snapshot``."""

    def __init__(self, path: Path, public: bool = False) -> None:
        self.path = path
        self._public = public
        self.tables: dict[str, TableInfo] = {}
        self._open: dict[str, GroupedFile] = {}
        self._in_memory: dict[str, pa.Table] = {}

    def append(self, table: str, data: pa.RecordBatch | pa.Table) -> None:
        """Checks ``data`` against the schema and adds its rows to ``table``."""
        check(table, data, self._public)
        self._file(table).append(data)

    def put(self, table: str, data: pa.Table) -> None:
        """Writes all rows of ``table`` and keeps it in memory for ``preview``."""
        self._in_memory[table] = data
        self.append(table, data)
        self.finish(table)

    def rewrite(self, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
        """Writes the rows so far of ``table`` again, with ``change`` applied to them in parts."""
        self._file(table).close()
        del self._open[table]
        old = self.path / f"{table}.old"
        (self.path / f"{table}.parquet").rename(old)
        with pq.ParquetFile(old) as file:
            for group in range(file.num_row_groups):
                self.append(table, change(file.read_row_group(group)))
        old.unlink()

    def finish(self, table: str) -> None:
        """Closes ``table`` and records its size and hash; a table without rows is written empty."""
        self._file(table).close()
        del self._open[table]
        file = self.path / f"{table}.parquet"
        self.tables[table] = TableInfo(pq.read_metadata(file).num_rows, file.stat().st_size, known_sha256(file))

    def _file(self, table: str) -> GroupedFile:
        if table not in self._open:
            self._open[table] = GroupedFile(self.path / f"{table}.parquet", arrow_schema(table, self._public))
        return self._open[table]

    def abandon(self) -> None:
        """Closes open files."""
        for file in self._open.values():
            try:
                file.abandon()
            except (OSError, pa.ArrowException):  # a full disk; the first error is the one to report
                continue

    def preview(self, manifest: Manifest) -> Snapshot:
        """Returns the tables finished so far as a snapshot in the temporary folder."""
        tables = dict(sorted(self.tables.items()))
        return Snapshot(self.path, replace(manifest, tables=tables), self._in_memory)

    def write(self, manifest: Manifest, root: Path) -> Snapshot:
        """Writes the manifest and moves the folder to ``root / snapshot_id``."""
        final = root / manifest.snapshot_id
        report = sorted(file for file in (self.path / REPORT).rglob("*") if file.is_file())
        manifest = replace(manifest, report={p.relative_to(self.path).as_posix(): file_sha256(p) for p in report})
        text = self.preview(manifest).manifest.to_json()
        (self.path / MANIFEST).write_text(text, encoding="utf-8", newline="\n")
        for file in self.path.rglob("*"):
            if file.is_file():
                sync(file)
        try:
            self.path.rename(final)
        except OSError:
            if not (final / MANIFEST).is_file():
                raise  # else another run has written the same snapshot
        return read_snapshot(final)


@contextmanager
def new_snapshot(root: Path, public: bool = False) -> Iterator[SnapshotWriter]:
    """Gives a writer for a temporary folder below ``root``, which is removed after an error.

    Args:
        root: folder of snapshots.
        public: whether tables have the columns of a public copy only.

    Raises:
        OutputError: no permission, no space.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        remove_leftovers(root)
        with temporary_folder(root, _TEMPORARY) as folder:
            (folder / "new").mkdir()
            writer = SnapshotWriter(folder / "new", public)
            try:
                yield writer
            finally:
                writer.abandon()
    except OSError as error:
        raise output_error(root, error) from error
