"""Reads cards: the README.md of every model that is new, changed or not yet read.

In: requests in order of model id. Out: texts in the store, and the outcome for each model. Several threads fetch; one
writes. If the process is killed, only the outcomes that are not yet in a shard are read again.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from urllib.parse import quote

from peft_census.collect.base import INVALID_UTF8, card_status
from peft_census.collect.file_store import FileStore
from peft_census.collect.http.common import Answer, ElsewhereError, NoAnswerError, TransientError
from peft_census.collect.http.hub import HubClient
from peft_census.collect.hub.refusals import NO_CAUSE, names_no_cause, refused
from peft_census.collect.ledger import Ledger
from peft_census.collect.ledger_rows import FileRequest
from peft_census.collect.raw_shards import Outcome
from peft_census.errors import SourceError, UnrecoverableError

COMMIT_GONE = "the listed commit is no longer there"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PACKED = re.compile(r"[-;](gzip|gz|br|zstd|deflate)$")
"""What proxies add to the ETag of a body that they compress."""
_MISMATCHES = 5
"""Models in a row whose body is not what its ETag says, after which the crawl stops."""
_ROUNDS = 2
"""Failed cards are tried once more at the end of a run, when a temporary fault may be over."""


@dataclass
class Reader:
    """Reads one file of one model by a plain GET. Several threads use the same reader.

    Args:
        client: for the requests.
        file: ``README.md`` or ``adapter_config.json``.
    """

    client: HubClient
    file: str = "README.md"
    mismatched: set[str] = field(default_factory=set)
    """Models whose body was not what its ETag says, since the last one where it was."""
    refused: int = 0
    """Answers in a row with status 401 or 403 that name no cause."""
    commit_gone: set[str] = field(default_factory=set)
    """Models whose listed commit is gone; only a new listing helps."""

    def read(self, request: FileRequest) -> Outcome:
        """Returns the outcome for one model. A fault of that model alone is an outcome, not an error."""
        url = f"/{quote(request.model_id)}/resolve/{request.sha}/{self.file}"
        self.commit_gone.discard(request.model_id)
        try:
            answer = self.client.get(url, self.client.limits.card_bytes, lambda a: self._check(a, request))
        except NoAnswerError as error:
            return _outcome(request, "failed", error.reason, attempts=error.attempts)
        except ElsewhereError:
            return _outcome(request, "failed", "redirected to another host, which is refused")
        if answer.status == 200:
            self.refused = 0
            text, repaired = _decode(answer, self.client.limits.card_bytes)
            status, reason = card_status(text)
            return _outcome(request, status, reason or repaired, request.sha, text if status == "text" else None)
        if answer.header("x-error-code") == "RevisionNotFound":
            self.commit_gone.add(request.model_id)
            return _outcome(request, "failed", COMMIT_GONE)
        self._check_refusal(answer)
        status, reason = _refusal(answer, self.file)
        return _outcome(request, status, reason, request.sha if status == "no_card" else None)

    def _check(self, answer: Answer, request: FileRequest) -> None:
        """Raises TransientError if an answer with status 200 is not the complete file that was asked for."""
        commit, named = answer.headers.get("x-repo-commit"), answer.headers.get("etag")
        if commit is None or named is None:  # the last hop must name both: an error page behind a redirect does not
            raise TransientError("an answer that names no commit")
        if commit != request.sha:
            raise TransientError("an answer for another commit")
        if answer.cut:
            return
        etag = _PACKED.sub("", named.removeprefix("W/").strip('"'))
        if _matches(answer.body, etag):
            self.mismatched.clear()
            return
        self.mismatched.add(request.model_id)
        if len(self.mismatched) >= _MISMATCHES:
            raise UnrecoverableError(
                f"{self.client.base}: {_MISMATCHES} cards in a row do not match the hash in their ETag",
                "something changes the answers on the way, such as a proxy that compresses or rewrites them: go round "
                "it, or set HF_ENDPOINT to the Hub itself. Run the same command again; it resumes here.",
            )
        raise TransientError("a body that does not match its ETag")

    def _check_refusal(self, answer: Answer) -> None:
        """Raises UnrecoverableError after so many refusals in a row that they cannot be about single models."""
        self.refused = self.refused + 1 if names_no_cause(answer) else 0
        if self.refused >= self.client.limits.refusals_in_a_row:
            raise refused(self.client, answer)


def read_cards(
    client: HubClient, ledger: Ledger, store: FileStore, crawl: int, tick: Callable[[int], None] = lambda n: None
) -> None:
    """Reads every card that the crawl still lacks.

    Raises:
        SourceError: so many failures in a row that the Hub itself must be down; what was read is kept.
    """
    reader = Reader(client)
    for _ in range(_ROUNDS):
        writer = StoreWriter(ledger, store, crawl, "cards", client.limits.shard_rows, client.limits.shard_bytes)
        read_files(client, reader, _requests(ledger, crawl), writer, tick)
        if not ledger.n_to_read(crawl):
            return
    if reader.commit_gone:
        ledger.ask_relisting(crawl)


@dataclass
class StoreWriter:
    """Collects outcomes and writes them to the store in shards of limited size, then to the ledger."""

    ledger: Ledger
    store: FileStore
    crawl: int
    kind: str
    most_rows: int
    most_bytes: int

    def __post_init__(self) -> None:
        self._waiting: list[Outcome] = []
        self._bytes = 0

    def add(self, outcome: Outcome) -> None:
        """Adds an outcome. What a commit holds goes to the store; what may change without one to the ledger at once."""
        if outcome.status not in ("text", "no_card"):
            self.ledger.record(self.crawl, self.kind, [outcome])
            return
        self._waiting.append(outcome)
        self._bytes += len(outcome.text or "")
        if len(self._waiting) >= self.most_rows or self._bytes >= self.most_bytes:
            self.flush()

    def flush(self) -> None:
        """Writes the collected outcomes to the store and then to the ledger."""
        if self._waiting:
            self.store.write(self._waiting)
            self.ledger.record(self.crawl, self.kind, self._waiting)
            self._waiting, self._bytes = [], 0


def read_files(
    client: HubClient, reader: Reader, requests: Iterator[FileRequest], writer: StoreWriter, tick: Callable[[int], None]
) -> None:
    """Reads files with several threads, in the order of the requests, and writes them with this one."""
    workers, most_failures = client.limits.workers, client.limits.failures_in_a_row
    pool = ThreadPoolExecutor(workers, thread_name_prefix="hub")
    running: set[Future[Outcome]] = set()
    in_a_row, more, last = 0, True, None
    fault: SourceError | None = None
    try:
        while running or more:
            while more and len(running) < 2 * workers:
                request = next(requests, None)
                more = request is not None
                if request is not None:
                    running.add(pool.submit(reader.read, request))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    last = future.result()
                except SourceError as error:  # of the server or the run, not of one card
                    fault, more = fault or error, False
                    continue
                writer.add(last)
                tick(1)
                in_a_row = in_a_row + 1 if last.status == "failed" else 0
            if in_a_row >= most_failures:
                more = False  # requests under way are still completed and kept
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        writer.flush()
    if fault is not None:
        raise fault
    if last is not None and in_a_row >= most_failures:
        raise SourceError(
            f"{client.base}: {in_a_row} cards in a row could not be read ({last.reason})",
            "the Hub seems to be down; run the same command again later, it resumes here.",
        )


def _requests(ledger: Ledger, crawl: int) -> Iterator[FileRequest]:
    """Yields the cards to read in order of model id; the ledger may change meanwhile."""
    after = ""
    while requests := ledger.to_read(crawl, after, 500):
        yield from requests
        after = requests[-1].model_id


def _outcome(
    request: FileRequest,
    status: str,
    reason: str | None,
    revision: str | None = None,
    text: str | None = None,
    attempts: int = 1,
) -> Outcome:
    return Outcome(request.model_id, request.sha, status, reason, revision, request.gated, attempts, text)


def _decode(answer: Answer, limit: int) -> tuple[str, str | None]:
    """Returns the text without byte-order mark, and what was repaired in it."""

    def decoded(errors: str) -> str:
        if answer.cut:  # an incremental decoder leaves out a last character that is incomplete
            return codecs.getincrementaldecoder("utf-8-sig")(errors).decode(answer.body)
        return answer.body.decode("utf-8-sig", errors)

    repairs = [f"cut at {limit:,} bytes"] if answer.cut else []
    try:
        text = decoded("strict")
    except UnicodeDecodeError:
        repairs.append(INVALID_UTF8)
        text = decoded("replace")
    return text, "; ".join(repairs) or None


def _matches(body: bytes, etag: str) -> bool:
    """Returns whether ``etag`` is the hash of ``body``: git's of a file, or SHA-256 of a large one."""
    if _SHA256.fullmatch(etag):
        return hashlib.sha256(body).hexdigest() == etag
    blob = b"blob %d\0%b" % (len(body), body)  # git's name of a file, not a signature
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest() == etag


def _refusal(answer: Answer, file: str) -> tuple[str, str]:
    """Returns status and reason for an answer other than 200.

    Only what the answer itself says is believed: an expired token, a firewall and the login page of a proxy also
    answer 401 or 403. A disabled repository has no error code, only this message.
    """
    code = answer.header("x-error-code")
    if code == "EntryNotFound":
        return "no_card", f"no {file}"
    if code == "GatedRepo":
        return "gated", f"HTTP {answer.status}: access must be asked for"
    if code == "RepoNotFound":
        return "gone", f"HTTP {answer.status}: deleted or private since it was listed"
    if "disabled" in (answer.header("x-error-message") or "").lower():
        return "gone", "disabled by the Hub"
    return "failed", f"HTTP {answer.status}" + (NO_CAUSE if names_no_cause(answer) else "")
