"""The bulk dump's past: which commits it has, which lie nearest to a day, and what they would cost to read.

In: a dataset and a day. Out: its revisions by nearness, with the bytes to download. Nothing of the cards is
fetched here. A revision that is listed but gone (histories are squashed) is reported as missing, and one whose
shards are those of a nearer revision as the same: a commit that touched no card is no second opinion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from peft_census.collect.base import SourceInfo
from peft_census.collect.http.decoding import decode_json
from peft_census.collect.http.hub import Answer, ElsewhereError, HubClient, TransientError
from peft_census.collect.http.session import Limits
from peft_census.collect.hub.dump import Dump, HubDump, check_json
from peft_census.collect.hub.listing import next_page
from peft_census.errors import SourceError

PAGE = 100
"""Commits asked for at a time."""
_MOST_PAGES = 100
_PAGE_BYTES = 16_000_000
_SHA = re.compile(r"[0-9a-f]{40}")
_LOOKED_AT = 3
"""For each wanted revision so many commits are looked at, at most: some touch no card."""


@dataclass(frozen=True)
class Commit:
    """One commit of the dump."""

    sha: str
    date: datetime


@dataclass(frozen=True)
class History:
    """The commits that were listed, newest first.

    Args:
        commits: as the Hub dates them.
        whole: whether the listing was read to its end.
        unreadable: entries without a sound commit or date.
    """

    commits: tuple[Commit, ...]
    whole: bool
    unreadable: int = 0


@dataclass(frozen=True)
class Revision:
    """One revision of the dump, before it is read.

    Args:
        commit: which.
        days: calendar days from the day asked for; below 0 before it.
        state: ``ready``; ``same`` as a nearer revision; ``missing`` where the Hub does not hand it out.
        reason: why it is not ready.
        dump: its shards; None where it is missing.
        missing_files: shards still to download, counted once where several revisions share them.
        missing_bytes: their size.
    """

    commit: Commit
    days: int
    state: str
    reason: str | None = None
    dump: Dump | None = None
    missing_files: int = 0
    missing_bytes: int = 0


@dataclass(frozen=True)
class RevisionPlan:
    """What a walk over the dump's past would read.

    Args:
        dataset: the dataset's id.
        around: the day asked for.
        revisions: nearest first.
        history: the commits that were listed.
        requests: requests that the plan took.
    """

    dataset: str
    around: date
    revisions: tuple[Revision, ...]
    history: History
    requests: int = 0

    @property
    def ready(self) -> tuple[Revision, ...]:
        """The revisions to read."""
        return tuple(r for r in self.revisions if r.state == "ready")


@dataclass
class RevisionHistory:
    """The dump's past.

    Args:
        raw: folder for raw data, shared with the source ``hub-dump``.
        limits: how patient.
        quiet: no progress bars.
        batch_rows: rows a batch.
    """

    raw: Path
    limits: Limits = field(default_factory=Limits)
    quiet: bool = False
    batch_rows: int = 1024

    def plan(self, around: date, most: int) -> RevisionPlan:
        """Returns the ``most`` revisions nearest to noon of ``around``, and what they cost.

        Raises:
            SourceError: the Hub gave no usable list of commits.
        """
        source = self._source(None)
        with source.session() as client:
            history = list_commits(client, source.dataset, around, most * _LOOKED_AT)
            revisions = list(self._look(client, source, history, around, most))
            return RevisionPlan(source.dataset, around, tuple(revisions), history, client.requests)

    def fetch(self, revision: Revision) -> tuple[HubDump, SourceInfo]:
        """Downloads what is missing of one revision and returns its source, prepared.

        Raises:
            SourceError: it could not be downloaded.
        """
        if revision.dump is None:
            raise SourceError(f"revision {revision.commit.sha} is missing", "choose another one.")
        made = self._source(revision.commit.sha)
        with made.session() as client:
            return made, made.take(client, revision.dump)

    def place(self, revision: Revision) -> str:
        """Returns the beginning of the paths of a revision's files, which mean nothing on another machine."""
        return f"{self._source(revision.commit.sha).folder}/revisions/{revision.commit.sha}/"

    def _source(self, sha: str | None) -> HubDump:
        return HubDump(self.raw, sha, limits=self.limits, quiet=self.quiet, batch_rows=self.batch_rows)

    def _look(
        self, client: HubClient, source: HubDump, history: History, around: date, most: int
    ) -> Iterator[Revision]:
        """Yields revisions by nearness until ``most`` differ from one another, or are missing."""
        seen: dict[tuple[str, ...], str] = {}
        missing = 0
        for commit in by_nearness(history.commits, around)[: most * _LOOKED_AT]:
            if len(seen) + missing >= most:
                return
            days = (commit.date.astimezone(UTC).date() - around).days
            try:
                dump = self._source(commit.sha).find(client)
            except ElsewhereError:
                raise
            except SourceError as error:
                missing += 1
                yield Revision(commit, days, "missing", error.what)
                continue
            oids = tuple(s.oid for s in dump.shards)
            if oids in seen:
                yield Revision(commit, days, "same", f"the same cards as {seen[oids][:12]}", dump)
                continue
            known = {oid for others in seen for oid in others}
            seen[oids] = commit.sha
            lacking = [s for s in source.missing(dump) if s.oid not in known]
            yield Revision(commit, days, "ready", None, dump, len(lacking), sum(s.size for s in lacking))


def list_commits(client: HubClient, dataset: str, around: date, enough: int) -> History:
    """Returns the dataset's commits, newest first, down to ``enough`` of them before ``around``.

    Raises:
        SourceError: no usable answer, a page of another host, or pages without end.
    """
    where: str | None = f"api/datasets/{dataset}/commits/main?limit={PAGE}"
    commits: dict[str, Commit] = {}
    unreadable = older = 0
    for _ in range(_MOST_PAGES):
        if where is None or older >= enough:
            break
        answer = client.get(where, _PAGE_BYTES, _check_list)
        if answer.status != 200:
            code = answer.header("x-error-code") or "no further word"
            raise SourceError(
                f"{client.base}/{where.partition('?')[0]}: HTTP {answer.status} ({code})",
                "the dump's commits cannot be listed; count a dump that you have with --source PATH.",
            )
        for item in decode_json(answer.body):
            commit = _commit(item)
            if commit is None:
                unreadable += 1
            elif commit.sha not in commits:
                commits[commit.sha] = commit
                older += commit.date.date() < around
        where = next_page(answer, where, client.base)
    else:
        raise SourceError(f"{dataset}: the list of commits has no end", "check HF_ENDPOINT and try again later.")
    if not commits:
        raise SourceError(f"{dataset}: the Hub lists no commit", "check HF_ENDPOINT and try again later.")
    newest_first = sorted(commits.values(), key=lambda c: c.date, reverse=True)
    return History(tuple(newest_first), where is None, unreadable)


def by_nearness(commits: tuple[Commit, ...], around: date) -> list[Commit]:
    """Returns the commits by their distance from noon (UTC) of ``around``; of two equally near the earlier first."""
    noon = datetime.combine(around, time(12), UTC)
    return sorted(commits, key=lambda c: (abs((c.date - noon).total_seconds()), c.date))


def _commit(item: Any) -> Commit | None:
    """Returns the commit that an entry describes; None where it names none, or no date."""
    if not isinstance(item, dict):
        return None
    sha, when = item.get("id"), item.get("date")
    if not isinstance(sha, str) or not _SHA.fullmatch(sha) or not isinstance(when, str):
        return None
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        return None
    return Commit(sha, moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _check_list(answer: Answer) -> None:
    check_json(answer)
    if not isinstance(decode_json(answer.body), list):
        raise TransientError("not a list of commits")
