"""Downloads one shard of the dump: resumes where it stopped and checks the file against the listed hash.

``huggingface_hub.hf_hub_download`` does not serve here: it deletes the partial file of an interrupted run.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft_census.collect.http.common import NoAnswerError, TransientError, is_transient
from peft_census.collect.http.hub import HubClient


@dataclass(frozen=True)
class Shard:
    """One file of the dump as the Hub lists it.

    Args:
        path: in the dataset.
        size: in bytes.
        oid: SHA-256 of a large file (LFS), git's blob hash of another.
        is_lfs: which of the two.
    """

    path: str
    size: int
    oid: str
    is_lfs: bool


def download(client: HubClient, url: str, target: Path, shard: Shard, tick: Callable[[int], Any]) -> None:
    """Downloads one shard to ``target``; the bytes so far are kept beside it.

    Args:
        client: for the requests.
        url: address of the shard; it can redirect to another host, which gets no token.
        target: where to put it.
        shard: what to expect.
        tick: called with the number of bytes received; a negative number takes bytes back.

    Raises:
        NoAnswerError: so many attempts in a row received nothing, or the wrong content.
        TimeIsUpError: the time of the run is over; the next run resumes.
    """
    part = target.with_suffix(".part")
    tick(_size(part))
    failures, reason = 0, ""
    while failures < client.limits.attempts:
        before = _size(part)
        try:
            if before < shard.size:
                _append(client, url, part, shard.size, tick)
            if _digest(part, shard) == shard.oid:
                part.replace(target)
                return
            part.unlink()
            reason = "content does not match the listed hash"
        except TransientError as error:
            reason = str(error)
            if _size(part) > before:
                failures = 0
        failures += 1
        client.report(shard.path, reason)
        longest = min(client.limits.longest_backoff, client.limits.backoff_seconds * 2**failures)
        client.clock.sleep(random.uniform(0, longest))  # noqa: S311 (jitter)
    raise NoAnswerError(shard.path, f"{reason} after {failures} attempts", failures)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _append(client: HubClient, url: str, part: Path, size: int, tick: Callable[[int], Any]) -> None:
    """Adds what is missing to ``part``; begins again if the server does not resume."""
    have = _size(part)
    headers = {"accept-encoding": "identity", **({"range": f"bytes={have}-"} if have else {})}
    with client.stream(url, headers, elsewhere=True) as (response, _):
        status = response.status_code
        if is_transient(status) or status == 429:
            raise TransientError(f"HTTP {status}")
        if status not in (200, 206, 416):
            raise NoAnswerError(part.stem, f"HTTP {status}", 1)
        resumed = status == 206 and response.headers.get("content-range", "").startswith(f"bytes {have}-")
        if have and not resumed:
            tick(-have)
        with part.open("ab" if resumed else "wb") as stream:
            if status == 416 or (status == 206 and not resumed):
                raise TransientError("wrong range")
            for piece in response.iter_bytes():
                client.clock.check()
                stream.write(piece)
                tick(len(piece))
                if stream.tell() > size:
                    stream.truncate(0)
                    raise TransientError("longer than listed")
    if _size(part) < size:
        raise TransientError("body cut short")


def _digest(path: Path, shard: Shard) -> str:
    """Returns the hash that the listing would have for this file."""
    with path.open("rb") as stream:
        if shard.is_lfs:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        digest = hashlib.sha1(b"blob %d\0" % _size(path), usedforsecurity=False)
        digest.update(stream.read())
        return digest.hexdigest()
