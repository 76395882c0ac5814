"""SOURCE=hub-dump[@REVISION]: the public bulk dump of model cards, at a pinned commit.

In: a dataset of Parquet shards on the Hub. Out: its cards, shards by name, rows in file order. Shards are
listed, never guessed; each is downloaded once, resumed where it broke, and checked against the hash that the
listing names. Refuses a new dump that shrank or grew older against the last one: rows were lost at the source.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from peft_census.collect.base import SourceInfo
from peft_census.collect.http.decoding import decode_json
from peft_census.collect.http.hub import Answer, HubClient, NoAnswerError, TransientError, endpoint
from peft_census.collect.http.session import Limits
from peft_census.collect.hub.folders import LOCK, crawl_folder
from peft_census.collect.hub.listing import next_page
from peft_census.collect.parquet import Files
from peft_census.collect.problem_log import Problems, progress
from peft_census.errors import SourceError, UsageError, output_error
from peft_census.snapshot.lock import exclusive_lock

DATASET = "librarian-bots/model_cards_with_metadata"
_SHA = re.compile(r"[0-9a-f]{40}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,99}")
_LISTING_BYTES = 16_000_000
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Shard:
    """One file of the dump as the Hub lists it."""

    path: str
    size: int
    oid: str
    is_lfs: bool


@dataclass(frozen=True)
class Dump:
    """The dump at one commit."""

    sha: str
    shards: tuple[Shard, ...]


@dataclass
class HubDump:
    """A Source over the bulk dump.

    Args:
        raw: folder for raw data.
        revision: commit, branch or tag; None for the newest.
        accept_shrunk: take a dump that has fewer rows, or an older newest card, than the last one.
        limits: how patient.
        quiet: no progress bars.
        batch_rows: rows a batch.
        dataset: the dataset's id.
    """

    raw: Path
    revision: str | None = None
    accept_shrunk: bool = False
    limits: Limits = field(default_factory=Limits)
    quiet: bool = False
    batch_rows: int = 1024
    dataset: str = DATASET

    def __post_init__(self) -> None:
        if self.revision is not None and not _REVISION.fullmatch(self.revision):
            raise UsageError(f"{self.revision!r} is not a revision", "give a commit sha, a branch or a tag.")
        self.base = endpoint()
        self.folder = crawl_folder(self.raw, self.base, "hub-dump")
        self._files: Files | None = None

    def prepare(self) -> SourceInfo:
        """Pins the commit, downloads what is missing, and checks it.

        Raises:
            SourceError: no usable answer, a wrong hash, or a dump that shrank.
        """
        with self.session() as client:
            return self.take(client, self.find(client))

    def take(self, client: HubClient, dump: Dump) -> SourceInfo:
        """As ``prepare``, for a dump that was found before."""
        folder = self.fetch(client, dump)
        files = self._files = Files(str(folder), self.batch_rows, keep_first=True)
        info = files.prepare()
        return replace(
            info,
            kind="hub-dump",
            label=f"{self.dataset}@{dump.sha[:12]}",
            revision=dump.sha,
            details={**info.details, "dataset": self.dataset, "paths": [s.path for s in dump.shards]},
        )

    def total(self) -> int:
        """Returns the number of models."""
        return self._prepared().total()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields the dump's cards."""
        return self._prepared().batches()

    @contextmanager
    def session(self) -> Iterator[HubClient]:
        """Opens client and problem log, for this process alone."""
        with ExitStack() as stack:
            stack.enter_context(exclusive_lock(self.folder / LOCK))
            client = HubClient(self.limits, base=self.base)
            problems = stack.enter_context(Problems(self.folder / "problems.jsonl", (client.token or "",)))
            client.report = lambda where, what: problems.record("hub-dump", where, what)
            yield client

    def find(self, client: HubClient) -> Dump:
        """Returns the commit and its shards."""
        path = f"api/datasets/{self.dataset}"
        facts = self._json(client, f"{path}/revision/{quote(self.revision or 'main')}")
        sha = facts.get("sha") if isinstance(facts, dict) else None
        if not isinstance(sha, str) or not _SHA.fullmatch(sha):
            raise SourceError(f"{self.dataset}: the Hub names no commit", "check HF_ENDPOINT and try again later.")
        entries: list[Any] = []
        where: str | None = f"{path}/tree/{sha}?recursive=true"
        while where:
            answer = self._answer(client, where)
            entries += decode_json(answer.body)
            where = next_page(answer, where, client.base)
        found = tuple(sorted((s for e in entries if (s := _shard(e))), key=lambda s: s.path))
        if not found:
            raise SourceError(f"{self.dataset}@{sha}: no Parquet file in it", "look at the dataset's page.")
        return Dump(sha, found)

    def missing(self, dump: Dump) -> list[Shard]:
        """Returns the shards that are not yet here."""
        return [s for s in dump.shards if not self._local(s).is_file()]

    def fetch(self, client: HubClient, dump: Dump) -> Path:
        """Downloads what is missing, checks for shrinking, and returns a folder with the dump's shards in order."""
        missing = self.missing(dump)
        try:
            self._local(dump.shards[0]).parent.mkdir(parents=True, exist_ok=True)
            with progress("downloading", "B", sum(s.size for s in missing), self.quiet) as bar:
                for shard in missing:
                    url = f"{client.base}/datasets/{self.dataset}/resolve/{dump.sha}/{quote(shard.path)}"
                    download(client, url, self._local(shard), shard, bar.update)
            folder = self._gather(dump)
            self._check_size(dump, folder)
        except OSError as error:
            raise output_error(self.folder, error) from error
        return folder

    def _gather(self, dump: Dump) -> Path:
        """Links the shards into one folder under numbered names; the server's paths never become ours."""
        folder = self.folder / "revisions" / dump.sha
        folder.mkdir(parents=True, exist_ok=True)
        for number, shard in enumerate(dump.shards):
            link = folder / f"{number:05d}.parquet"
            if not link.exists():
                try:
                    os.link(self._local(shard), link)
                except OSError:  # a file system without links
                    shutil.copy2(self._local(shard), link.with_suffix(".partial"))
                    link.with_suffix(".partial").rename(link)
        return folder

    def _check_size(self, dump: Dump, folder: Path) -> None:
        """Refuses a shrunken or older dump, unless it was asked for by revision; remembers an accepted one."""
        if self.revision is not None:
            return
        rows, newest = _extent(folder)
        memory = self.folder / "last.json"
        last = json.loads(memory.read_text(encoding="utf-8")) if memory.is_file() else None
        if last and last["revision"] != dump.sha and not self.accept_shrunk:
            worse = []
            if rows < last["rows"]:
                worse.append(f"has {rows:,} rows, the last had {last['rows']:,}")
            if (newest or "") < (last["newest"] or ""):
                worse.append(f"has no card newer than {newest}, the last had {last['newest']}")
            if worse:
                raise SourceError(
                    f"{self.dataset}@{dump.sha} {' and '.join(worse)}",
                    f"rows were lost at the source; take the last one with SOURCE=hub-dump@{last['revision']}, "
                    "or run with --accept-shrunk.",
                )
        partial = memory.with_suffix(".partial")
        partial.write_text(json.dumps({"revision": dump.sha, "rows": rows, "newest": newest}), encoding="utf-8")
        partial.replace(memory)

    def _local(self, shard: Shard) -> Path:
        return self.folder / "files" / f"{shard.oid}.parquet"

    def _prepared(self) -> Files:
        if self._files is None:
            raise UsageError("the dump is not prepared", "call prepare() first.")
        return self._files

    def _answer(self, client: HubClient, where: str) -> Answer:
        answer = client.get(where, _LISTING_BYTES, check_json)
        if answer.status != 200:
            code = answer.header("x-error-code") or "no further word"
            raise SourceError(
                f"{client.base}/{where.partition('?')[0]}: HTTP {answer.status} ({code})",
                "check the revision; old ones can vanish when the dataset's history is squashed.",
            )
        return answer

    def _json(self, client: HubClient, where: str) -> Any:
        return decode_json(self._answer(client, where).body)


def download(client: HubClient, url: str, target: Path, shard: Shard, tick: Callable[[int], Any]) -> None:
    """Downloads one shard to ``target``: resumed, checked, and moved there only when right.

    Raises:
        NoAnswerError: attempts in a row brought nothing further, or the wrong content.
    """
    part = target.with_suffix(".part")
    tick(part.stat().st_size if part.is_file() else 0)
    failures, reason = 0, ""
    while failures < client.limits.attempts:
        before = part.stat().st_size if part.is_file() else 0
        try:
            if before < shard.size:
                _append(client, url, part, shard.size, tick)
            if _digest(part, shard) == shard.oid:
                part.rename(target)
                return
            part.unlink()
            reason = "content does not match the listed hash"
        except TransientError as error:
            reason = str(error)
            if part.is_file() and part.stat().st_size > before:
                failures = 0
        failures += 1
        client.report(shard.path, reason)
        longest = min(client.limits.longest_backoff, client.limits.backoff_seconds * 2**failures)
        time.sleep(random.uniform(0, longest))  # noqa: S311 (jitter)
    raise NoAnswerError(shard.path, f"{reason} after {failures} attempts", failures)


def _append(client: HubClient, url: str, part: Path, size: int, tick: Callable[[int], Any]) -> None:
    """Adds what is missing to ``part``."""
    have = part.stat().st_size if part.is_file() else 0
    headers = {"accept-encoding": "identity", **({"range": f"bytes={have}-"} if have else {})}
    with client.stream(url, headers, elsewhere=True) as (response, _):
        status = response.status_code
        if status in _RETRIED:
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
                stream.write(piece)
                tick(len(piece))
                if stream.tell() > size:
                    stream.truncate(0)
                    raise TransientError("longer than listed")
    if part.stat().st_size < size:
        raise TransientError("body cut short")


def _digest(path: Path, shard: Shard) -> str:
    """Returns the file's name in the listing's own terms: SHA-256 for large files, git's blob hash for others."""
    with path.open("rb") as stream:
        if shard.is_lfs:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        digest.update(stream.read())
        return digest.hexdigest()


def _shard(entry: Any) -> Shard | None:
    """Returns the shard that an entry of the dataset's tree describes; None for other files."""
    if not isinstance(entry, dict) or entry.get("type") != "file":
        return None
    path = entry.get("path")
    if not isinstance(path, str) or not re.fullmatch(r"(data/)?train[^/]*\.parquet", path):
        return None
    lfs = entry.get("lfs")
    described: dict[str, Any] = lfs if isinstance(lfs, dict) else entry
    oid, size = described.get("oid"), described.get("size")
    if not isinstance(oid, str) or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", oid) or not isinstance(size, int):
        raise SourceError(f"{path[:200]}: the Hub lists it without hash or size", "try again later.")
    return Shard(path, size, oid, isinstance(lfs, dict))


def _extent(folder: Path) -> tuple[int, str | None]:
    """Returns the rows of a dump and the date of its newest card."""
    rows, newest = 0, None
    for path in sorted(folder.glob("*.parquet")):
        try:
            file = pq.ParquetFile(path, pre_buffer=False)
            rows += file.metadata.num_rows
            if "last_modified" in file.schema_arrow.names:
                latest = pc.max(file.read(columns=["last_modified"]).column(0)).as_py()
                newest = max(filter(None, (newest, latest)), default=None)
        except pa.ArrowException as error:
            raise SourceError(f"{path}: not readable Parquet ({error})", "remove it and run again.") from error
    return rows, newest.isoformat() if newest else None


def check_json(answer: Answer) -> None:
    """Raises TransientError unless the body is JSON."""
    try:
        decode_json(answer.body)
    except ValueError:
        raise TransientError("not JSON") from None
