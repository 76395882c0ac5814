"""Compares our counts with a published one.

In: a publication, and either a local source or revisions of the public dump. Out: a ``Report`` of how near each way of
counting comes and what would explain the difference. Whether the published count was reproduced is not decided: the
publication leaves too much open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from itertools import chain

from peft_census.collect.base import Source
from peft_census.collect.http.common import ElsewhereError
from peft_census.collect.hub.history import Revision, RevisionHistory, RevisionPlan
from peft_census.count.attempts import ChangeEffect, change_effect
from peft_census.count.placebo import placebo_targets
from peft_census.count.reproduction import (
    CommitsListed,
    CountedSource,
    PlannedRevision,
    Publication,
    ReadingPlan,
    Report,
    SourceCounts,
)
from peft_census.errors import BadInputError, SourceError, UsageError
from peft_census.pipeline.progress import Progress
from peft_census.pipeline.revision_counts import count_by_all_rules, counts_file, read_counts, rules_used, save_counts
from peft_census.pipeline.settings import settings
from peft_census.pipeline.sources import make_source
from peft_census.tag import load_taxonomy

REVISIONS = 5
"""Revisions of the dump that are read by default."""

MAX_DAYS = 7
"""Days between the day asked for and the nearest revision beyond which the distance is a gap."""


def reproduce(
    publication: Publication,
    source: str | None,
    keep_first: bool,
    around: date | None,
    revisions: int | None,
    dry_run: bool,
    quiet: bool,
    progress: Progress,
) -> Report | ReadingPlan:
    """Returns the report on a local source or on revisions of the dump; with ``dry_run`` what it would read.

    Args:
        publication: whose figure to count again.
        source: a local source; None for revisions of the dump.
        keep_first: of models that occur twice keep the first row.
        around: the day whose nearest revisions are read; None for the day that the publication's data is probably from.
        revisions: how many revisions; None for ``REVISIONS``.
        dry_run: whether to read nothing.
        quiet: no progress bars of downloads.
        progress: receives the progress.

    Raises:
        UsageError: ``source`` is given together with ``around`` or ``revisions``.
        CensusError: nothing could be read.
    """
    if source is not None:
        if around or revisions:
            hint = "leave out --source, or these options."
            raise UsageError("--around and --revisions select revisions of the dump", hint)
        if dry_run:
            return plan_source(source, keep_first)
        return reproduce_source(publication, source, keep_first, progress)
    history = RevisionHistory(settings().raw, quiet=quiet, batch_rows=settings().batch_rows)
    plan = history.plan(around or publication.likely, revisions or REVISIONS)
    reading = plan_revisions(publication, plan)
    if dry_run:
        return reading
    progress.note(f"reading {reading.what}: {reading.bytes / 1e6:,.1f} MB to download")
    return reproduce_revisions(publication, plan, history, progress)


def reproduce_source(publication: Publication, spec: str, keep_first: bool, progress: Progress) -> Report:
    """Returns the report on one local source.

    Args:
        publication: whose figure to count again.
        spec: a file, folder or glob, ``specimen``, or ``hub-dump@REVISION``.
        keep_first: of models that occur twice keep the first row.
        progress: receives the progress.

    Raises:
        CensusError: the source cannot be read.
    """
    source = local_source(spec, keep_first)
    return make_report(publication, [count_by_all_rules(source, source.prepare(), publication.countable, progress)])


def reproduce_revisions(
    publication: Publication, plan: RevisionPlan, history: RevisionHistory, progress: Progress
) -> Report:
    """Returns the report on revisions of the dump. A revision that cannot be read is a gap.

    Args:
        publication: whose figure to count again.
        plan: the revisions.
        history: downloads them.
        progress: receives the progress, and one line for each revision that is read.

    Raises:
        SourceError: no revision could be read, or the server redirects to another host.
    """
    counts = [_count_revision(publication, plan.dataset, revision, history, progress) for revision in plan.revisions]
    if not any(source.attempts for source in counts):
        reasons = "; ".join(dict.fromkeys(str(source.source.reason) for source in counts))
        raise SourceError(
            f"{plan.dataset}: not one of {len(counts)} revisions could be read ({reasons})",
            "run the same command again later, choose another day with --around, or count a local dump "
            "with --source PATH.",
        )
    return make_report(publication, counts, plan)


def _count_revision(
    publication: Publication,
    dataset: str,
    revision: Revision,
    history: RevisionHistory,
    progress: Progress,
) -> SourceCounts:
    sha, date = revision.commit.sha, revision.commit.date
    unread = CountedSource(
        "hub-dump",
        f"{dataset}@{sha[:12]}",
        sha,
        committed=date.isoformat(),
        days=revision.days,
        state="missing",
    )
    if revision.state != "ready":
        return SourceCounts(replace(unread, state=revision.state, reason=revision.reason))
    file = counts_file(sha, publication.countable)
    counts = read_counts(file)
    progress.note(f"revision {sha[:12]} of {date.date()}{': counted before' if counts else ''}")
    if counts is None:
        try:
            counts = count_by_all_rules(*history.fetch(revision), publication.countable, progress)
        except ElsewhereError:
            raise
        except (SourceError, BadInputError) as error:
            return SourceCounts(replace(unread, reason=error.what.replace(history.place(revision), "")))
        save_counts(file, counts)
    return counts.of(replace(counts.source, revision=sha, committed=unread.committed, days=revision.days))


def local_source(spec: str, keep_first: bool = False) -> Source:
    """Returns the source that ``spec`` names.

    Raises:
        UsageError: it names nothing, or a source that is crawled.
    """
    if spec in ("hub", "hub-api", "hub-dump", "hub-metadata"):
        raise UsageError(
            f"--source {spec} does not name cards of a known day",
            "name a dump in Parquet or hub-dump@REVISION, or leave out --source to read revisions of the dump.",
        )
    return make_source(spec, keep_first)


def plan_revisions(publication: Publication, plan: RevisionPlan) -> ReadingPlan:
    """Returns what a run would download."""
    revisions = [_planned(publication, revision) for revision in plan.revisions]
    return ReadingPlan(
        what=f"{len(plan.ready)} revisions of {plan.dataset} around {plan.around}",
        revisions=revisions,
        bytes=sum(revision.missing_bytes for revision in revisions),
        files=sum(revision.missing_files for revision in revisions),
        requests=plan.requests,
    )


def _planned(publication: Publication, revision: Revision) -> PlannedRevision:
    shards = revision.dump.shards if revision.dump else ()
    counted = revision.state == "ready" and read_counts(counts_file(revision.commit.sha, publication.countable))
    return PlannedRevision(
        revision=revision.commit.sha,
        committed=revision.commit.date.isoformat(),
        days=revision.days,
        state=revision.state,
        files=len(shards),
        size=sum(shard.size for shard in shards),
        missing_files=0 if counted else revision.missing_files,
        missing_bytes=0 if counted else revision.missing_bytes,
        note="counted before" if counted else revision.reason or "",
    )


def plan_source(spec: str, keep_first: bool = False) -> ReadingPlan:
    """Returns the plan for a local source. The source is checked as for a run; nothing is downloaded."""
    source = local_source(spec, keep_first)
    return ReadingPlan(f"{source.prepare().label}: {source.total():,} models")


def make_report(publication: Publication, counts: list[SourceCounts], plan: RevisionPlan | None = None) -> Report:
    """Returns the report on the counts of several sources, the nearest source first."""
    counted = [source for source in counts if source.attempts]
    attempts = sorted(chain.from_iterable(c.attempts for c in counted), key=lambda attempt: attempt.near.factor)
    return Report(
        publication=publication,
        technique_name=load_taxonomy().facts()[publication.countable.technique].name,
        rules=rules_used(),
        walk=None if plan is None else _commits_listed(plan),
        sources=[source.source for source in counts],
        attempts=attempts,
        placebos=placebo_targets(attempts),
        changes=[*chain.from_iterable(c.changes for c in counted), *_other_dates(counted)],
        gaps=list(_gaps(counts, plan)),
    )


def _commits_listed(plan: RevisionPlan) -> CommitsListed:
    commits = plan.history.commits
    return CommitsListed(
        dataset=plan.dataset,
        around=plan.around.isoformat(),
        commits_listed=len(commits),
        commits_unreadable=plan.history.unreadable,
        whole_history=plan.history.complete,
        oldest_commit=commits[-1].date.isoformat(),
        newest_commit=commits[0].date.isoformat(),
    )


def _gaps(counts: list[SourceCounts], plan: RevisionPlan | None) -> Iterable[str]:
    """Yields a sentence for everything that is missing."""
    if plan is not None:
        nearest = min((abs(revision.days) for revision in plan.ready), default=0)
        if nearest > MAX_DAYS:
            yield f"no revision within {MAX_DAYS} days of {plan.around}: the nearest is {nearest:,} days away"
        if plan.history.unreadable:
            yield f"{plan.history.unreadable:,} entries of the list of commits have no valid commit or date"
    for count in counts:
        source = count.source
        if source.state == "missing":
            yield f"revision {source.name} of {str(source.committed)[:10]}: {source.reason}"
        for reason, n in sorted(count.gaps.items()):
            yield f"{source.name}: {n:,} card{'' if n == 1 else 's'}: {reason}"


def _other_dates(counted: list[SourceCounts]) -> Iterable[ChangeEffect]:
    """Yields rule ``exactly_one`` on every further revision, as a change of the first: the effect of another day."""
    first, *others = counted
    for other in others:
        change = f"read on {str(other.source.committed)[:10]}, revision {other.source.name}"
        before, after = first.attempt("exactly_one"), other.attempt("exactly_one")
        effect = change_effect("date", change, after.rule, before.near, after.near)
        yield replace(effect, source=first.source.name)
