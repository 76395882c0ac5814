"""Setting our counts beside a published one: from a publication and cards to a report.

In: a publication, and either a local dump or the past of the public one. Out: a report, JSON-ready, of how near
each way of counting comes, and of what would explain the rest. It never says that a published count was, or was
not, repeated: what one would have to know for that was not published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from peft_census.errors import BadInputError, SourceError, UsageError
from peft_census.pipeline.census import make_source
from peft_census.pipeline.published import Figure, Publication
from peft_census.pipeline.revision_counts import keep, kept_reading, read_kept, rules_used

if TYPE_CHECKING:
    from peft_census.collect.base import Source
    from peft_census.collect.hub.history import RevisionHistory, RevisionPlan
    from peft_census.pipeline.all_rules import Progress

FAR = 7
"""Days between the day asked for and the nearest revision beyond which the distance is a gap."""

Note = Callable[[str], None]

MEASURE = (
    "off by ×F: the ratio of our count of cards with the technique to the published one, times the same ratio for "
    "cards with another technique, each taken so that it is at least 1. ×1.00 means that both are the published "
    "counts. odds ×F leaves the number of cards aside: it compares the two shares, for the case that the published "
    "cards are a draw."
)
CLOSES = (
    "closes: the part of the way from rule exactly_one to the published counts that a change covers, on the logarithm of ×F; "
    "below zero it leads away."
)
CAUTION = (
    "A near count is a possible explanation, no proof: {n} ways of counting were tried, and among so many some come "
    "near by chance. Rule blog was declared beforehand."
)


def reproduce_source(publication: Publication, spec: str, keep_first: bool, progress: Progress) -> dict[str, Any]:
    """Returns the report on one local dump.

    Args:
        publication: what to count again.
        spec: a file, folder or glob, ``specimen``, or ``hub-dump@REVISION``.
        keep_first: of models that occur twice keep the first row.
        progress: shows how far the cards are.

    Raises:
        CensusError: the source cannot be read.
    """
    from peft_census.pipeline.all_rules import count_by_all_rules

    source = local_source(spec, keep_first)
    return make_report(publication, [count_by_all_rules(source, source.prepare(), publication.countable, progress)])


def reproduce_past(
    publication: Publication, walk: RevisionPlan, past: RevisionHistory, progress: Progress, note: Note
) -> dict[str, Any]:
    """Returns the report on the revisions of a walk; those that cannot be had are gaps, and the others go on.

    Args:
        publication: what to count again.
        walk: which revisions.
        past: where they are had from.
        progress: shows how far the cards are.
        note: told what is being read.

    Raises:
        SourceError: not one revision could be read, or the server points to another host.
    """
    from peft_census.collect.http.common import ElsewhereError
    from peft_census.pipeline.all_rules import count_by_all_rules

    readings = []
    for revision in walk.revisions:
        sha = revision.commit.sha
        told = {"revision": sha, "committed": revision.commit.date.isoformat(), "days": revision.days}
        if revision.state != "ready":
            readings.append(_unread(walk.dataset, told, revision.state, str(revision.reason)))
            continue
        kept = kept_reading(sha, publication.countable)
        reading = read_kept(kept)
        note(f"revision {sha[:12]} of {revision.commit.date.date()}{': counted before' if reading else ''}")
        try:
            if reading is None:
                source, info = past.fetch(revision)
                reading = count_by_all_rules(source, info, publication.countable, progress)
                keep(kept, reading)
        except ElsewhereError:
            raise
        except (SourceError, BadInputError) as error:
            readings.append(_unread(walk.dataset, told, "missing", error.what.replace(past.place(revision), "")))
            continue
        readings.append({**reading, "source": {**reading["source"], **told}})
    if not any(reading["attempts"] for reading in readings):
        reasons = "; ".join(dict.fromkeys(str(reading["source"]["reason"]) for reading in readings))
        raise SourceError(
            f"{walk.dataset}: not one of {len(readings)} revisions could be read ({reasons})",
            "run the same command again later, choose another day with --around, or count a dump that you have "
            "with --source PATH.",
        )
    return make_report(publication, readings, walk)


def local_source(spec: str, keep_first: bool = False) -> Source:
    """Returns the source that ``spec`` names.

    Raises:
        UsageError: it is a source that crawls, or names nothing.
    """
    if spec in ("hub", "hub-api", "hub-dump"):
        raise UsageError(
            f"--source {spec} does not name cards of a known day",
            "give a dump in Parquet or hub-dump@REVISION; leave --source out to walk over the dump's revisions.",
        )
    return make_source(spec, keep_first)


def make_plan(publication: Publication, walk: RevisionPlan) -> dict[str, Any]:
    """Returns what a walk would read.

    Keys: ``what``, ``revisions`` (rows), ``bytes`` and ``files`` to download, ``disk`` in bytes, ``requests`` spent.
    """
    rows = []
    for revision in walk.revisions:
        shards = revision.dump.shards if revision.dump else ()
        kept = read_kept(kept_reading(revision.commit.sha, publication.countable))
        counted_before = revision.state == "ready" and kept is not None
        rows.append(
            {
                "revision": revision.commit.sha,
                "committed": revision.commit.date.isoformat(),
                "days": revision.days,
                "state": revision.state,
                "files": len(shards),
                "size": sum(s.size for s in shards),
                "missing_files": 0 if counted_before else revision.missing_files,
                "missing_bytes": 0 if counted_before else revision.missing_bytes,
                "note": "counted before" if counted_before else revision.reason or "",
            }
        )
    return {
        "what": f"{len(walk.ready)} revisions of {walk.dataset} around {walk.around}",
        "revisions": rows,
        "bytes": sum(row["missing_bytes"] for row in rows),
        "files": sum(row["missing_files"] for row in rows),
        "requests": walk.requests,
    }


def make_local_plan(spec: str, keep_first: bool = False) -> dict[str, Any]:
    """Returns the same for a dump at hand, which costs nothing; it is checked as for a run."""
    source = local_source(spec, keep_first)
    what = f"{source.prepare().label}: {source.total():,} models"
    return {"what": what, "revisions": [], "bytes": 0, "files": 0, "requests": 0}


def make_report(
    publication: Publication, readings: list[dict[str, Any]], walk: RevisionPlan | None = None
) -> dict[str, Any]:
    """Returns the whole report; docs/reproduction.md explains its keys."""
    from peft_census.tag import load_taxonomy

    figure = publication.countable
    counted = [reading for reading in readings if reading["attempts"]]
    attempts = [{"source": name_of(r["source"]), **row} for r in counted for row in r["attempts"]]
    return {
        "publication": {k: v for k, v in asdict(publication).items() if k != "figures"},
        "figure": {**asdict(figure), "share": figure.share},
        "technique_name": load_taxonomy().facts()[figure.technique].name,
        "beside": [{**asdict(f), "share": f.share} for f in publication.figures if f is not figure],
        "measure": MEASURE,
        "closes": CLOSES,
        "caution": CAUTION.format(n=f"{len(attempts):,}"),
        "specimen": any(r["source"]["specimen"] for r in counted),
        "rules": rules_used(),
        "walk": _walk_facts(walk),
        "sources": [r["source"] for r in readings],
        "first": name_of(counted[0]["source"]),
        "remark": _remark(counted, figure),
        "attempts": sorted(attempts, key=lambda row: row["factor"]),
        "changes": [{"source": name_of(r["source"]), **row} for r in counted for row in r["changes"]] + _dates(counted),
        "not_known": list(figure.not_published),
        "gaps": _gaps(readings, walk),
    }


def name_of(source: dict[str, Any]) -> str:
    """Returns a source's name in tables: the beginning of its revision, or its label."""
    return str(source["revision"])[:12] if source["revision"] else str(source["label"])


def _unread(dataset: str, told: dict[str, Any], state: str, reason: str) -> dict[str, Any]:
    source = {"kind": "hub-dump", "label": f"{dataset}@{str(told['revision'])[:12]}", "state": state, "reason": reason}
    empty = dict.fromkeys(("content_sha256", "cards", "with_text", "oldest", "newest"))
    return {"source": {**source, **empty, "specimen": False, **told}, "attempts": [], "changes": [], "gaps": {}}


def _walk_facts(walk: RevisionPlan | None) -> dict[str, Any] | None:
    if walk is None:
        return None
    commits = walk.history.commits
    return {
        "dataset": walk.dataset,
        "around": walk.around.isoformat(),
        "commits_listed": len(commits),
        "commits_unreadable": walk.history.unreadable,
        "whole_history": walk.history.complete,
        "oldest_commit": commits[-1].date.isoformat(),
        "newest_commit": commits[0].date.isoformat(),
    }


def _gaps(readings: list[dict[str, Any]], walk: RevisionPlan | None) -> list[str]:
    """Returns one line for everything that could not be had, or not as it should be."""
    lines = []
    if walk is not None:
        nearest = min((abs(r.days) for r in walk.revisions if r.state == "ready"), default=None)
        if nearest is not None and nearest > FAR:
            lines.append(f"no revision within {FAR} days of {walk.around}: the nearest is {nearest:,} days away")
        if walk.history.unreadable:
            lines.append(f"{walk.history.unreadable:,} entries of the list of commits name no commit or no date")
    for reading in readings:
        source = reading["source"]
        if source["state"] == "missing":
            lines.append(f"revision {name_of(source)} of {source['committed'][:10]}: {source['reason']}")
        for reason, n in sorted(reading["gaps"].items()):
            lines.append(f"{name_of(source)}: {n:,} card{'' if n == 1 else 's'}: {reason}")
    return lines


def _remark(counted: list[dict[str, Any]], figure: Figure) -> str | None:
    """Returns a warning where no rule finds as many cards as were published; None where one does."""
    most = max(row["base"] for r in counted for row in r["attempts"] if row["method"] == "rule")
    if most >= (figure.denominator or 0):
        return None
    return (
        f"No rule finds {figure.denominator:,} cards here (the most is {most:,.0f}): this is another population, "
        "or a part of it. Both counts cannot be near; shares can be compared."
    )


def _dates(counted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns rule ``exactly_one`` on every further revision as a change of the first: what another day would explain."""
    from peft_census.count.nearness import Nearness, closed

    def blog(reading: dict[str, Any]) -> dict[str, Any]:
        return next(row for row in reading["attempts"] if row["rule"] == "exactly_one")

    def near(row: dict[str, Any]) -> Nearness:
        of_numerator = row["numerator"] - row["diff_numerator"]
        return Nearness(row["numerator"], row["base"], of_numerator, row["base"] - row["diff_base"])

    rows = []
    for reading in counted[1:]:
        first, other = blog(counted[0]), blog(reading)
        counts = {k: v for k, v in other.items() if k not in ("method", "meaning", "unit")}
        rows.append(
            {
                "source": name_of(counted[0]["source"]),
                "group": "date",
                "change": f"read on {str(reading['source']['committed'])[:10]}, revision {name_of(reading['source'])}",
                **counts,
                "cards_moved": other["base"] - first["base"],
                "closes": closed(near(first), near(other)),
            }
        )
    return rows
