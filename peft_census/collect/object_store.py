"""Files in object stores, by URL: ``s3://`` (or ``s3a://``), ``gs://`` and ``hf://``, by the file systems of pyarrow.

Credentials come from where the store's own tools take them: the AWS variables and profile, the credentials of Google
Cloud, ``HF_TOKEN``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath

import pyarrow as pa
from pyarrow.fs import FileSelector, FileSystem, FileType

from peft_census.errors import SourceError, UsageError

_ALIASES = {"s3a": "s3", "s3n": "s3"}
_HINT = "check the address and the credentials (docs/scale.md), then run the same command again."


@dataclass(frozen=True)
class RemoteFile:
    """A file in an object store, with what a source of Parquet needs of ``pathlib.Path``.

    Args:
        store: the file system.
        path: its path there, which begins with the bucket.
        scheme: of its URL.
    """

    store: FileSystem
    path: PurePosixPath
    scheme: str

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.name

    @property
    def parent(self) -> PurePosixPath:
        """The folder of the file."""
        return self.path.parent

    def relative_to(self, folder: PurePath) -> PurePosixPath:
        """Returns the path of the file inside ``folder``."""
        return self.path.relative_to(folder)

    def open(self, mode: str = "rb") -> pa.NativeFile:
        """Opens the file to be read; ``mode`` is always ``rb``."""
        return self.store.open_input_file(str(self.path))

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"


def is_url(spec: str) -> bool:
    """Returns whether ``spec`` is a URL and not a path."""
    return "://" in spec


def open_store(url: str) -> RemoteFile:
    """Returns the place that ``url`` names, which need not exist.

    Raises:
        UsageError: the scheme is not known, or the URL is not valid or holds a password.
    """
    scheme, _, rest = url.partition("://")
    scheme = _ALIASES.get(scheme, scheme)
    if ":" in rest.partition("@")[0] and "@" in rest:
        raise UsageError(
            f"a {scheme}:// URL with a password is not accepted", "set the credentials in the environment instead."
        )
    try:
        store, path = FileSystem.from_uri(f"{scheme}://{rest}")
    except (pa.ArrowException, ValueError, ImportError, OSError) as error:
        raise UsageError(
            f"{url} cannot be opened: {str(error).splitlines()[0][:160]}",
            "give a path of this machine, or a URL that begins with s3://, gs:// or hf://.",
        ) from error
    return RemoteFile(store, PurePosixPath(path), scheme)


def find_remote(url: str) -> tuple[RemoteFile, list[RemoteFile]]:
    """Returns the place that ``url`` names, and its Parquet files, sorted by path.

    Args:
        url: of a file, of a folder, or with ``*`` in the names of files or folders.

    Raises:
        UsageError: the URL is not valid.
        SourceError: the store does not answer, or denies access.
    """
    place = open_store(url)
    pattern = str(place.path)
    with store_errors(url):
        if place.store.get_file_info(pattern).type == FileType.File:
            return place, [place]
        folder = pattern.partition("*")[0].rpartition("/")[0] if "*" in pattern else pattern
        infos = place.store.get_file_info(FileSelector(folder, allow_not_found=True, recursive=True))
    paths = sorted(PurePosixPath(info.path) for info in infos if info.type == FileType.File)
    if "*" in pattern:
        parts = len(place.path.parts)
        return place, [_at(place, p) for p in paths if len(p.parts) == parts and p.match(pattern)]
    return place, [_at(place, p) for p in paths if p.suffix.lower() == ".parquet"]


def _at(place: RemoteFile, path: PurePosixPath) -> RemoteFile:
    return RemoteFile(place.store, path, place.scheme)


@contextmanager
def store_errors(url: str) -> Iterator[None]:
    """Turns errors of the store into a SourceError that names ``url``."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        why = str(error).strip().partition("\n")[0][:300] or type(error).__name__
        raise SourceError(f"{url} cannot be read: {why}", _HINT) from error
