"""Publishes a snapshot into a folder: charts, tables, claims and page, if asked also a post and what changed."""

from __future__ import annotations

from pathlib import Path

from peft_census.count import HEADLINE, headline
from peft_census.pipeline.compare import compare
from peft_census.pipeline.progress import SILENT, Progress
from peft_census.pipeline.public_copy import public_view
from peft_census.pipeline.settings import settings
from peft_census.publish.folder import publish
from peft_census.publish.site import add_to_site
from peft_census.snapshot.snapshot import Snapshot


def publish_snapshot(
    snapshot: Snapshot,
    out: Path,
    blog: bool = False,
    since: Snapshot | None = None,
    progress: Progress = SILENT,
    address: str = "",
) -> list[Path]:
    """Writes the publication of ``snapshot`` into ``out``, without free text of others, and returns its files.

    Args:
        snapshot: the snapshot.
        out: the folder; the output of an earlier run in it is replaced.
        blog: whether to add a blog post.
        since: an earlier snapshot; the page then says why the share of the headline changed.
        progress: receives the progress.
        address: where the folder will be served, for links of the post.

    Raises:
        OutputError: ``out`` has other files, or cannot be written.
    """
    change = None
    if since is not None:
        change = compare(since, snapshot, HEADLINE, headline(snapshot.table("shares")).technique)
    with progress.stage("drawing charts"):
        return publish(public_view(snapshot), out, settings().chart_names, blog, change, address)


def publish_site(snapshot: Snapshot, out: Path, progress: Progress = SILENT, address: str = "") -> list[Path]:
    """Adds ``snapshot`` to the site in ``out``, without free text of others, and returns the files at its top.

    Args:
        snapshot: the snapshot.
        out: the folder of the site; made if missing.
        progress: receives the progress.
        address: where the site will be served, for links of the feed.

    Raises:
        OutputError: ``out`` is not a site, or cannot be written.
    """
    with progress.stage("drawing charts"):
        return add_to_site(public_view(snapshot), out, settings().chart_names, address)
