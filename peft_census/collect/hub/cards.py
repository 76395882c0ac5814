"""Reading cards: the README.md of every model that the ledger says is new, changed or not yet read.

In: models from the ledger, in order of id. Out: sealed raw shards, and what became of each model.
Several threads fetch; one writes. What is not yet sealed when the process dies is read again, nothing else is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from urllib.parse import quote

from peft_census.collect.base import card_status
from peft_census.collect.http.hub import Answer, ElsewhereError, HubClient, NoAnswerError, TransientError
from peft_census.collect.ledger import Ledger
from peft_census.collect.raw_shards import Outcome, Shards
from peft_census.errors import SourceError

RELIST = "the listed commit is no longer there"
_GIT_BLOB = re.compile(r"[0-9a-f]{40}")
_STRANGE_ETAGS = 5
"""Models whose ETag never was the hash of the body, and none whose was: this server's ETag is something else."""
_ROUNDS = 2
"""Failed cards are tried once more at the end of a run, when a passing trouble may be over."""


@dataclass(frozen=True)
class FileRequest:
    """One file to read: of which model, at which commit."""

    model_id: str
    sha: str
    gated: str


@dataclass
class Reader:
    """Reads one file of one model by plain GET, and says what became of it.

    Args:
        client: to ask with.
        file: ``README.md`` or ``adapter_config.json``.
    """

    client: HubClient
    file: str = "README.md"
    etag_is_hash: bool | None = None
    """Whether the server's ETag is git's hash of the file: learnt, then relied on; None until known."""
    mismatched: set[str] = field(default_factory=set)

    def read(self, wanted: FileRequest) -> Outcome:
        """Returns the outcome for one model; never raises for a fault of that model alone."""
        url = f"/{quote(wanted.model_id)}/resolve/{wanted.sha}/{self.file}"
        try:
            answer = self.client.get(url, self.client.limits.card_bytes, lambda a: self._check(a, wanted))
        except NoAnswerError as error:
            return self._outcome(wanted, "failed", error.reason, attempts=error.attempts)
        except ElsewhereError:
            return self._outcome(wanted, "failed", "redirected to another host, which is refused")
        if answer.status == 200:
            return self._read(answer, wanted)
        status, reason = _refusal(answer, wanted.gated, self.file)
        return self._outcome(wanted, status, reason, revision=wanted.sha if status == "no_card" else None)

    def _read(self, answer: Answer, wanted: FileRequest) -> Outcome:
        text, mended = _decode(answer, self.client.limits.card_bytes)
        status, reason = card_status(text)
        return self._outcome(
            wanted, status, reason or mended, revision=wanted.sha, text=text if status == "text" else None
        )

    def _check(self, answer: Answer, wanted: FileRequest) -> None:
        """Raises TransientError where a 200 is not the file that was asked for, whole."""
        commit, named = answer.headers.get("x-repo-commit"), answer.headers.get("etag")
        if commit is None or named is None:  # the last hop must name both: an error page behind a redirect does not
            raise TransientError("an answer that names no commit")
        if commit != wanted.sha:
            raise TransientError("an answer for another commit")
        etag = named.removeprefix("W/").strip('"')
        if answer.cut or self.etag_is_hash is False or not _GIT_BLOB.fullmatch(etag):
            return
        blob = b"blob %d\0%b" % (len(answer.body), answer.body)  # git's name of a file, no proof of who wrote it
        found = hashlib.sha1(blob, usedforsecurity=False).hexdigest()
        if found == etag:
            self.etag_is_hash = True
            return
        self.mismatched.add(wanted.model_id)
        if self.etag_is_hash is None and len(self.mismatched) >= _STRANGE_ETAGS:
            self.etag_is_hash = False
            self.client.report("ETag", "is not the hash of the file on this server; no longer compared")
            return
        raise TransientError("a body that does not match its ETag")

    @staticmethod
    def _outcome(
        wanted: FileRequest,
        status: str,
        reason: str | None,
        attempts: int = 1,
        revision: str | None = None,
        text: str | None = None,
    ) -> Outcome:
        return Outcome(wanted.model_id, wanted.sha, status, reason, revision, wanted.gated, attempts, text)


def read_cards(
    client: HubClient, ledger: Ledger, shards: Shards, crawl: int, tick: Callable[[int], None] = lambda n: None
) -> None:
    """Reads every card that the crawl still lacks.

    Raises:
        SourceError: so many failures in a row that the Hub itself must be away; what was read is sealed.
    """
    reader = Reader(client)
    for _ in range(_ROUNDS):
        wanted = _wanted(ledger, crawl)
        read_files(client, reader, wanted, Store(ledger, shards, crawl, "cards", client), tick)
        if not ledger.n_to_read(crawl):
            return
    if any(reason == RELIST for reason, _ in ledger.failures()):
        ledger.ask_relisting(crawl)


@dataclass
class Store:
    """Gathers outcomes and seals them, a shard at a time."""

    ledger: Ledger
    shards: Shards
    crawl: int
    kind: str
    client: HubClient

    def __post_init__(self) -> None:
        self._waiting: list[Outcome] = []
        self._bytes = 0

    def add(self, outcome: Outcome) -> None:
        """Takes an outcome in; failures are noted at once, everything else with its shard."""
        if outcome.status == "failed":
            self.ledger.note(self.crawl, self.kind, [outcome], None)
            return
        self._waiting.append(outcome)
        self._bytes += len(outcome.text or "")
        limits = self.client.limits
        if len(self._waiting) >= limits.shard_rows or self._bytes >= limits.shard_bytes:
            self.seal()

    def seal(self) -> None:
        """Writes what waits to a shard and notes it."""
        if not self._waiting:
            return
        number, ordered = self.shards.seal(self._waiting)
        self.ledger.note(self.crawl, self.kind, ordered, number)
        self._waiting, self._bytes = [], 0


def read_files(
    client: HubClient, reader: Reader, wanted: Iterator[FileRequest], store: Store, tick: Callable[[int], None]
) -> None:
    """Reads files with several threads, in order of asking, and stores them with this one."""
    workers, most_failures = client.limits.workers, client.limits.failures_in_a_row
    pool = ThreadPoolExecutor(workers, thread_name_prefix="hub")
    running: set[Future[Outcome]] = set()
    in_a_row, more, last = 0, True, None
    try:
        while running or more:
            while more and len(running) < 2 * workers:
                following = next(wanted, None)
                more = following is not None
                if following is not None:
                    running.add(pool.submit(reader.read, following))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                last = future.result()
                store.add(last)
                tick(1)
                in_a_row = in_a_row + 1 if last.status == "failed" else 0
            if in_a_row >= most_failures:
                more = False  # what is in flight is still waited for and kept
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        store.seal()
    if last is not None and in_a_row >= most_failures:
        raise SourceError(
            f"{client.base}: {in_a_row} cards in a row could not be read ({last.reason})",
            "the Hub seems to be away; run the same command again later, it resumes here.",
        )


def _wanted(ledger: Ledger, crawl: int) -> Iterator[FileRequest]:
    """Yields what is to read in order of model id; the ledger may change meanwhile."""
    after = ""
    while rows := ledger.to_read(crawl, after, 500):
        yield from (FileRequest(r["model_id"], r["sha"], r["gated"]) for r in rows)
        after = rows[-1]["model_id"]


def _decode(answer: Answer, limit: int) -> tuple[str, str | None]:
    """Returns the text without byte-order mark, and what was mended in it."""
    body = answer.body
    mended = None
    if answer.cut:
        mended = f"cut at {limit:,} bytes"
        body = body[: _whole_characters(body)]
    try:
        return body.decode("utf-8-sig"), mended
    except UnicodeDecodeError:
        broken = "invalid UTF-8: unreadable bytes replaced"
        return body.decode("utf-8-sig", errors="replace"), f"{mended}; {broken}" if mended else broken


def _whole_characters(body: bytes) -> int:
    """Returns the length of ``body`` without a character that the cut went through."""
    for back in range(1, min(4, len(body)) + 1):
        byte = body[-back]
        if byte < 0x80:
            return len(body)
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(body) if back >= length else len(body) - back
    return len(body)


def _refusal(answer: Answer, gated: str, file: str) -> tuple[str, str]:
    """Returns status and reason for an answer other than 200.

    To callers without a token the Hub answers 401 for what does not exist, so a bare 401 means gated only
    where the listing said so.
    """
    code = answer.header("x-error-code")
    if code == "EntryNotFound":
        return "no_card", f"no {file}"
    if code == "GatedRepo" or (answer.status in (401, 403) and code is None and gated):
        return "gated", f"HTTP {answer.status}: access must be asked for"
    if code == "RepoNotFound" or (answer.status == 401 and code is None):
        return "gone", f"HTTP {answer.status}: deleted or private since it was listed"
    if code == "RevisionNotFound":
        return "failed", RELIST
    if "disabled" in (answer.header("x-error-message") or "").lower():
        return "gone", "disabled by the Hub"
    return "failed", f"HTTP {answer.status}"
