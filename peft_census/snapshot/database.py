"""SQLite files that are checked as a whole: while one is closed, a file next to it holds its SHA-256.

In: the path of a database. A killed process leaves no such file; SQLite then restores the last transaction, and only
its own check of the structure is left.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from peft_census.errors import CensusError, OutputError, SourceError, output_error
from peft_census.snapshot.files import known_sha256, write_atomically

DAMAGED = "its bytes changed since it was closed"
_NO_SPACE = {sqlite3.SQLITE_FULL}
_NO_ACCESS = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_PRIMARY = 0xFF
"""The bits of an extended result code that hold the primary one."""


def is_changed(database: Path, sha256_of: Callable[[Path], str] = known_sha256) -> bool:
    """Returns whether a closed database differs from its digest; False if it has none or was not closed."""
    digest = digest_file(database)
    if not digest.is_file() or has_log(database):
        return False
    return digest.read_text(encoding="utf-8", errors="replace").strip() != sha256_of(database)


def open_checked(database: Path) -> sqlite3.Connection:
    """Opens a database, in WAL mode and without implicit transactions; its folder must exist.

    Raises:
        sqlite3.DatabaseError: it is damaged.
    """
    if is_changed(database):
        raise sqlite3.DatabaseError(DAMAGED)
    if has_log(database):
        digest_file(database).unlink(missing_ok=True)  # of an earlier state
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        if not digest_file(database).is_file():
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found)
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commits what the block changes; after an exception nothing of it is kept."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        if connection.in_transaction:  # after some faults, such as a full disk, SQLite has rolled back already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def close_sealed(connection: sqlite3.Connection, database: Path) -> None:
    """Closes a database and records its digest, unless it is open elsewhere."""
    digest = digest_file(database)
    if connection.total_changes:
        digest.unlink(missing_ok=True)  # before SQLite changes the file, in case this process is killed
    connection.close()
    if database.is_file() and not has_log(database) and not digest.is_file():
        with suppress(OutputError):  # a full disk: without a digest, SQLite's own check is left
            write_atomically(digest, known_sha256(database) + "\n")


def has_log(database: Path) -> bool:
    """Returns whether SQLite has changes that are not in the file yet: it is open, or its process was killed."""
    log = database.with_name(f"{database.name}-wal")
    return log.is_file() and log.stat().st_size > 0


def database_error(database: Path, error: sqlite3.Error, hint: str) -> CensusError:
    """Returns the error for a fault of SQLite: a full or read-only disk, else a damaged file with ``hint``."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code in _NO_SPACE:
        return output_error(database, OSError(errno.ENOSPC, str(error)))
    if code in _NO_ACCESS:
        return output_error(database, OSError(errno.EACCES, str(error)))
    if code == sqlite3.SQLITE_IOERR:
        return output_error(database, OSError(errno.EIO, str(error)))
    return SourceError(f"{database}: damaged ({error})", hint)


def digest_file(database: Path) -> Path:
    """Returns the file that holds the digest of a database."""
    return database.with_name(f"{database.name}.sha256")
