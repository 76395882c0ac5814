"""SOURCE=hub-dump[@REVISION]: the public bulk dump of model cards, at a pinned commit.

In: a dataset of Parquet shards on the Hub. Out: its cards, shards by name, rows in file order. The Hub lists the
shards; each one is downloaded once. A new dump that has fewer rows than the last one, or an older newest card, is
rejected: rows were lost at the source.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from peft_census.collect.base import Source, SourceInfo, Unchanged
from peft_census.collect.card_columns import DUMP, Layout
from peft_census.collect.find_files import missing_numbers
from peft_census.collect.http.common import Answer, TransientError, decode_json
from peft_census.collect.http.hub import HubClient, Limits, endpoint, replica_mark
from peft_census.collect.http.rate_limit import SYSTEM_CLOCK, Clock
from peft_census.collect.hub.download import Shard, download
from peft_census.collect.hub.listing import next_page
from peft_census.collect.hub.options import HubOptions
from peft_census.collect.hub.session import crawl_folder, hub_session
from peft_census.collect.parquet import MISSING_FILE, Files
from peft_census.collect.progress import progress
from peft_census.collect.registry import SourceRequest
from peft_census.errors import SourceError, UsageError, output_error
from peft_census.snapshot.files import replaced_file, write_atomically
from peft_census.snapshot.manifest import Retrieval

DATASET = "librarian-bots/model_cards_with_metadata"
SHARDS = r"(data/)?train[^/]*\.parquet"
_SHA = re.compile(r"[0-9a-f]{40}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,99}")
_ANSWER_BYTES = 16_000_000


def open_source(request: SourceRequest) -> Source:
    """Returns the source ``hub-dump``, at the revision that the spec names.

    Raises:
        UsageError: the revision cannot be one, or an option needs the API.
    """
    return open_dump(request, HubDump)


def open_dump(request: SourceRequest, dump: Callable[..., HubDump]) -> HubDump:
    """Returns ``dump`` with the options of a request; raises as ``open_source``."""
    accept_shrunk = request.hub.accept_shrunk
    if request.hub != HubOptions(accept_shrunk=accept_shrunk):
        raise UsageError("--ids, --population and --adapter-configs need the API", "use --source hub or hub-api.")
    return dump(
        request.raw,
        request.revision,
        accept_shrunk,
        quiet=request.quiet,
        batch_rows=request.batch_rows,
        clock=request.clock,
    )


@dataclass(frozen=True)
class Dump:
    """The dump at one commit."""

    sha: str
    shards: tuple[Shard, ...]


@dataclass(frozen=True)
class Extent:
    """How large a dump is: its rows, and the date of its newest card."""

    revision: str
    rows: int
    newest: str | None


@dataclass
class HubDump:
    """A Source over the bulk dump.

    Args:
        raw: folder for raw data.
        revision: commit, branch or tag; None for the newest.
        accept_shrunk: accept a dump that has fewer rows, or an older newest card, than the last one.
        limits: time-outs, attempts and sizes.
        quiet: no progress bars.
        batch_rows: rows per batch.
        dataset: the dataset's id.
        kind: the source's name.
        pattern: the paths of its files that are read.
        layout: their columns.
        clock: to wait with; when its time is up, a download stops and the next run resumes it.
    """

    raw: Path
    revision: str | None = None
    accept_shrunk: bool = False
    limits: Limits = field(default_factory=Limits)
    quiet: bool = False
    batch_rows: int = 1024
    dataset: str = DATASET
    kind: str = "hub-dump"
    pattern: str = SHARDS
    layout: Layout = DUMP
    clock: Clock = SYSTEM_CLOCK

    def __post_init__(self) -> None:
        if self.revision is not None and not _REVISION.fullmatch(self.revision):
            raise UsageError(f"{self.revision!r} is not a revision", "give a commit sha, a branch or a tag.")
        self.base = endpoint()
        self.folder = crawl_folder(self.raw, self.base, self.kind)
        self._files: Files | None = None

    def prepare(self) -> SourceInfo:
        """Resolves the revision to a commit, downloads what is missing, and checks it.

        Raises:
            SourceError: no usable answer, a wrong hash, or a dump that shrank.
        """
        with self.session() as client:
            return self.take(client, self.find(client))

    def take(self, client: HubClient, dump: Dump) -> SourceInfo:
        """Does what ``prepare`` does, for a dump that is known already."""
        folder = self.fetch(client, dump)
        files = self._files = Files(str(folder), self.batch_rows, keep_first=True, layout=self.layout)
        info = files.prepare()
        missing = missing_numbers(Path(shard.path) for shard in dump.shards)
        return replace(
            info,
            kind=self.kind,
            label=f"{self.dataset}@{dump.sha[:12]}",
            revision=dump.sha,
            retrieved=None if client.today is None else Retrieval(client.today, client.today),
            details={
                **info.details,
                **replica_mark(self.base),
                "dataset": self.dataset,
                "paths": [s.path for s in dump.shards],
            },
            gaps={MISSING_FILE: missing} if missing else {},
        )

    def total(self) -> int:
        """Returns the number of models."""
        return self._prepared().total()

    def batches(self, unchanged: Unchanged | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the dump's cards; see ``SkippingSource``."""
        return self._prepared().batches(unchanged)

    def sample(self) -> Iterator[pa.RecordBatch]:
        """Yields a random sample of the cards."""
        return self._prepared().sample()

    def session(self) -> AbstractContextManager[HubClient]:
        """Opens a client and locks the folder for this process."""
        return hub_session(self.folder, self.base, self.limits, self.kind, self.quiet, self.clock)

    def find(self, client: HubClient) -> Dump:
        """Returns the commit and its shards."""
        path, hint = f"api/datasets/{self.dataset}", "check the revision; a commit vanishes when a history is squashed."
        facts, _ = get_json(client, f"{path}/revision/{quote(self.revision or 'main')}", dict, hint)
        sha = facts.get("sha")
        if not isinstance(sha, str) or not _SHA.fullmatch(sha):
            raise SourceError(f"{self.dataset}: the Hub names no commit", "check HF_ENDPOINT and try again later.")
        shards: list[Shard] = []
        address: str | None = f"{path}/tree/{sha}?recursive=true"
        while address:
            entries, address = get_json(client, address, list, hint)
            shards += filter(None, (_shard(entry, self.pattern) for entry in entries))
        if not shards:
            raise SourceError(f"{self.dataset}@{sha}: no Parquet file in it", "look at the dataset's page.")
        return Dump(sha, tuple(sorted(shards, key=lambda s: s.path)))

    def missing(self, dump: Dump) -> list[Shard]:
        """Returns the shards that are not downloaded yet."""
        return [s for s in dump.shards if not self._local(s).is_file()]

    def fetch(self, client: HubClient, dump: Dump) -> Path:
        """Downloads what is missing, checks the size, and returns a folder with the dump's shards in order."""
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
        """Links the shards into one folder. The names are numbers: paths of the server are not used on this machine."""
        folder = self.folder / "revisions" / dump.sha
        folder.mkdir(parents=True, exist_ok=True)
        for number, shard in enumerate(dump.shards):
            link = folder / f"{number:05d}.parquet"
            if not link.exists():
                try:
                    os.link(self._local(shard), link)
                except OSError:  # a file system without links
                    with replaced_file(link) as temporary:
                        shutil.copy2(self._local(shard), temporary)
        return folder

    def _check_size(self, dump: Dump, folder: Path) -> None:
        """Rejects a smaller or older dump than the last one, unless its revision was named; stores an accepted one."""
        if self.revision is not None:
            return
        now = _extent(dump.sha, folder, self.layout.of("last_modified")[0])
        file = self.folder / "last.json"
        last = Extent(**json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None
        if last and last.revision != now.revision and not self.accept_shrunk:
            worse = []
            if now.rows < last.rows:
                worse.append(f"has {now.rows:,} rows, the last had {last.rows:,}")
            if (now.newest or "") < (last.newest or ""):
                worse.append(f"has no card newer than {now.newest}, the last had {last.newest}")
            if worse:
                raise SourceError(
                    f"{self.dataset}@{dump.sha} {' and '.join(worse)}",
                    f"rows were lost at the source; take the last one with SOURCE={self.kind}@{last.revision}, "
                    "or run with --accept-shrunk.",
                )
        write_atomically(file, json.dumps(asdict(now)))

    def _local(self, shard: Shard) -> Path:
        return self.folder / "files" / f"{shard.oid}.parquet"

    def _prepared(self) -> Files:
        if self._files is None:
            raise UsageError("the dump is not prepared", "call prepare() first.")
        return self._files


def get_json(client: HubClient, address: str, expected: type, hint: str) -> tuple[Any, str | None]:
    """Returns the parsed answer at ``address``, and the address of the next page if there is one.

    Raises:
        SourceError: no answer of the type ``expected``, or an error status; ``hint`` is for the latter.
    """

    def check(answer: Answer) -> None:
        try:
            value = decode_json(answer.body)
        except ValueError:
            raise TransientError("not JSON") from None
        if not isinstance(value, expected):
            raise TransientError(f"not a JSON {expected.__name__}")

    answer = client.get(address, _ANSWER_BYTES, check)
    if answer.status != 200:
        code = answer.header("x-error-code") or "no error code"
        raise SourceError(f"{client.base}/{address.partition('?')[0]}: HTTP {answer.status} ({code})", hint)
    return decode_json(answer.body), next_page(answer, address, client.base)


def _shard(entry: Any, pattern: str = SHARDS) -> Shard | None:
    """Returns the shard that an entry of the dataset's file tree describes; None for other files."""
    if not isinstance(entry, dict) or entry.get("type") != "file":
        return None
    path = entry.get("path")
    if not isinstance(path, str) or not re.fullmatch(pattern, path):
        return None
    lfs = entry.get("lfs")
    described: dict[str, Any] = lfs if isinstance(lfs, dict) else entry
    oid, size = described.get("oid"), described.get("size")
    if not isinstance(oid, str) or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", oid) or not isinstance(size, int):
        raise SourceError(f"{path[:200]}: the Hub lists it without hash or size", "try again later.")
    return Shard(path, size, oid, isinstance(lfs, dict))


def _extent(sha: str, folder: Path, changed: str) -> Extent:
    """Returns the size of the dump in ``folder``; ``changed`` is the column of the time of the last commit."""
    rows, newest = 0, None
    for path in sorted(folder.glob("*.parquet")):
        try:
            file = pq.ParquetFile(path, pre_buffer=False)
            rows += file.metadata.num_rows
            if changed in file.schema_arrow.names:
                latest = pc.max(file.read(columns=[changed]).column(0)).as_py()
                newest = max(filter(None, (newest, latest)), default=None)
        except pa.ArrowException as error:
            raise SourceError(f"{path}: not readable Parquet ({error})", "remove it and run again.") from error
    return Extent(sha, rows, newest.isoformat() if newest else None)
