"""The verb ``publish`` of the command line."""

from __future__ import annotations

from pathlib import Path

import click

from peft_census.cli.output import open_snapshot, output_options, print_result, snapshot_option
from peft_census.errors import UsageError


@click.command()
@snapshot_option
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write.")
@click.option(
    "--for",
    "audience",
    type=click.Choice(["page", "blog", "analysts", "hub"]),
    default="page",
    show_default=True,
    help="page: charts, tables and page. blog: these and a post. analysts: a public copy of the snapshot, without "
    "texts. hub: that copy as a dataset for the Hub.",
)
@click.option(
    "--aggregate", is_flag=True, help="With --for analysts or hub: counted tables only, no cell under 5 models."
)
@click.option("--since", metavar="ID|PATH", help="An earlier snapshot (or 'previous'): the page tells what changed.")
@click.option("--repo", metavar="OWNER/NAME", help="With --for hub: the dataset repository that the folder is for.")
@click.option(
    "--push", is_flag=True, help="With --for hub: upload the folder in one commit. Without it nothing is sent."
)
@output_options
def publish(
    snapshot: str,
    out: Path,
    audience: str,
    aggregate: bool,
    since: str | None,
    repo: str | None,
    push: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Render a snapshot's charts, tables, claims and page into a folder.

    An existing folder made by an earlier run is replaced.

    \b
    --for blog      adds post.md (every picture with alt text and caption), a badge, and how to cite
    --for analysts  writes the public copy: model ids, labels, offsets and counted tables; no text of a card.
                    Models that corrections.toml withholds are left out
    --for hub       puts that copy into a dataset folder: Parquet, README, data dictionary, Croissant
                    metadata; --push uploads it with the token of `hf auth login` or HF_TOKEN

    \b
    --aggregate gives away counted tables only: techniques, values and months of fewer than 5 models are added
    up as 'other', or left out where they cannot be.

    \b
    Examples:
      peft-census publish --snapshot latest --out page
      peft-census publish --for blog --out blog-post
      peft-census publish --for analysts --out data/snapshots
      peft-census publish --for analysts --aggregate --out data/snapshots
      peft-census publish --for hub --repo me/peft-census --out dataset
    """
    from peft_census.publish.folder import publish as render
    from peft_census.settings import settings

    if audience == "analysts":
        from peft_census.pipeline.aggregate_copy import aggregate_copy
        from peft_census.pipeline.public_copy import public_copy

        copy = (aggregate_copy if aggregate else public_copy)(open_snapshot(snapshot), out)
        print_result(
            {"snapshot_id": copy.id, "snapshot_path": str(copy.path)}, f"snapshot {copy.id}\n  {copy.path}", as_json
        )
        return
    if audience == "hub":
        from peft_census.pipeline.hub_dataset import publish_dataset

        facts, text = publish_dataset(open_snapshot(snapshot), out, repo, push, aggregate)
        print_result(facts, text, as_json)
        return
    if repo is not None or push:
        raise UsageError("--repo and --push need --for hub", "say for whom: --for hub.")
    if aggregate:
        raise UsageError("--aggregate needs --for analysts or --for hub", "say for whom.")
    from peft_census.pipeline.public_copy import public_view

    newer, change = open_snapshot(snapshot), None
    if since is not None:
        from peft_census.count import HEADLINE, headline
        from peft_census.pipeline.compare import compare

        technique = headline(newer.table("shares")).technique
        change = compare(open_snapshot(since), newer, HEADLINE, technique)
    files = render(public_view(newer), out, settings().wanted_charts, audience == "blog", change)
    print_result({"files": [str(f) for f in files]}, "\n".join(str(f) for f in files), as_json)
