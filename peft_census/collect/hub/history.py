"""The history of the bulk dump: its commits, those nearest to a day, and the cost of reading them.

In: a dataset and a day. Out: its revisions by distance from that day, with the bytes to download. Planning fetches no
card. A revision that is listed but gone (a history can be squashed) is ``missing``. A revision with the shards of a
nearer one is ``same``: a commit that changed no card is not an independent measurement.

``HfApi.list_repo_commits`` does not serve here: it sends the token to any host that ``Link`` names, one malformed entry
is a TypeError, and it always reads the complete list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from peft_census.collect.base import SourceInfo
from peft_census.collect.http.common import ElsewhereError
from peft_census.collect.http.hub import HubClient, Limits
from peft_census.collect.hub.dump import Dump, HubDump, get_json
from peft_census.errors import SourceError

PAGE = 100
"""Commits per request."""
_MOST_PAGES = 100
_SHA = re.compile(r"[0-9a-f]{40}")
_LOOKED_AT = 3
"""At most so many commits are examined for each revision asked for: some change no card."""


@dataclass(frozen=True)
class Commit:
    """One commit of the dump."""

    sha: str
    date: datetime


@dataclass(frozen=True)
class History:
    """The commits that were listed, newest first.

    Args:
        commits: with the Hub's dates.
        complete: whether the listing was read to its end.
        unreadable: entries without a valid commit or date.
    """

    commits: tuple[Commit, ...]
    complete: bool
    unreadable: int = 0


@dataclass(frozen=True)
class Revision:
    """One revision of the dump, before it is read.

    Args:
        commit: its commit.
        days: calendar days from the day asked for; negative before it.
        state: ``ready``; ``same`` as a nearer revision; ``missing`` if the Hub does not serve it.
        reason: why it is not ready.
        dump: its shards; None if it is missing.
        missing_files: shards still to download; a shard that a nearer revision has too is not counted again.
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
    """The revisions that a reproduction would read.

    Args:
        dataset: the dataset's id.
        around: the day asked for.
        revisions: nearest first.
        history: the commits that were listed.
        requests: how many requests the plan took.
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
    """The history of the dump.

    Args:
        raw: folder for raw data, shared with the source ``hub-dump``.
        limits: time-outs, attempts and sizes.
        quiet: no progress bars.
        batch_rows: rows per batch.
    """

    raw: Path
    limits: Limits = field(default_factory=Limits)
    quiet: bool = False
    batch_rows: int = 1024

    def plan(self, around: date, most: int) -> RevisionPlan:
        """Returns the ``most`` revisions nearest to noon of ``around``, and their cost.

        Raises:
            SourceError: the Hub gave no usable list of commits.
        """
        source = self._source(None)
        with source.session() as client:
            history = list_commits(client, source.dataset, around, most * _LOOKED_AT)
            revisions = list(self._examine(client, source, history, around, most))
            return RevisionPlan(source.dataset, around, tuple(revisions), history, client.requests)

    def fetch(self, revision: Revision) -> tuple[HubDump, SourceInfo]:
        """Downloads what is missing of one revision and returns its prepared source.

        Raises:
            SourceError: it could not be downloaded.
        """
        if revision.dump is None:
            raise SourceError(f"revision {revision.commit.sha} is missing", "choose another one.")
        source = self._source(revision.commit.sha)
        with source.session() as client:
            return source, source.take(client, revision.dump)

    def place(self, revision: Revision) -> str:
        """Returns the folder of a revision's files, as messages name it; it means nothing on another machine."""
        return f"{self._source(revision.commit.sha).folder}/revisions/{revision.commit.sha}/"

    def _source(self, sha: str | None) -> HubDump:
        return HubDump(self.raw, sha, limits=self.limits, quiet=self.quiet, batch_rows=self.batch_rows)

    def _examine(
        self, client: HubClient, source: HubDump, history: History, around: date, most: int
    ) -> Iterator[Revision]:
        """Yields revisions by nearness until ``most`` are different from one another or missing."""
        examined: dict[tuple[str, ...], str] = {}
        missing = 0
        for commit in by_nearness(history.commits, around)[: most * _LOOKED_AT]:
            if len(examined) + missing >= most:
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
            if oids in examined:
                yield Revision(commit, days, "same", f"the same cards as {examined[oids][:12]}", dump)
                continue
            known = {oid for others in examined for oid in others}
            examined[oids] = commit.sha
            lacking = [s for s in source.missing(dump) if s.oid not in known]
            yield Revision(commit, days, "ready", None, dump, len(lacking), sum(s.size for s in lacking))


def list_commits(client: HubClient, dataset: str, around: date, enough: int) -> History:
    """Returns the dataset's commits, newest first, until ``enough`` of them are before ``around``.

    Raises:
        SourceError: no usable answer, a page on another host, or pages without end.
    """
    address: str | None = f"api/datasets/{dataset}/commits/main?limit={PAGE}"
    hint = "the dump's commits cannot be listed; count a dump that you have with --source PATH."
    commits: dict[str, Commit] = {}
    unreadable = older = 0
    for _ in range(_MOST_PAGES):
        if address is None or older >= enough:
            break
        items, address = get_json(client, address, list, hint)
        for item in items:
            commit = _commit(item)
            if commit is None:
                unreadable += 1
            elif commit.sha not in commits:
                commits[commit.sha] = commit
                older += commit.date.date() < around
    else:
        raise SourceError(f"{dataset}: the list of commits has no end", "check HF_ENDPOINT and try again later.")
    if not commits:
        raise SourceError(f"{dataset}: the Hub lists no commit", "check HF_ENDPOINT and try again later.")
    newest_first = sorted(commits.values(), key=lambda c: c.date, reverse=True)
    return History(tuple(newest_first), address is None, unreadable)


def by_nearness(commits: tuple[Commit, ...], around: date) -> list[Commit]:
    """Returns the commits by distance from noon (UTC) of ``around``; of two at the same distance the earlier first."""
    noon = datetime.combine(around, time(12), UTC)
    return sorted(commits, key=lambda c: (abs((c.date - noon).total_seconds()), c.date))


def _commit(item: Any) -> Commit | None:
    """Returns the commit that an entry describes; None if it has no valid commit or date."""
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
