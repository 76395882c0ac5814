"""The command ``publish``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from peft_census.cli.options import open_snapshot, output_options, snapshot_option
from peft_census.cli.output import OutputOptions, print_result
from peft_census.errors import UsageError
from peft_census.pipeline.aggregate_copy import aggregate_copy
from peft_census.pipeline.hub_dataset import publish_dataset
from peft_census.pipeline.public_copy import public_copy
from peft_census.pipeline.publishing import publish_site, publish_snapshot


def web_address(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """Returns an address of the web that can stand in Markdown and HTML; another text is a usage error."""
    if value and not re.fullmatch(r"https?://[A-Za-z0-9._~:/%-]+", value):
        raise UsageError(f"--address {value!r} is not an address", "it starts with https:// and has no spaces.")
    return value


@click.command()
@snapshot_option
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write.")
@click.option(
    "--for",
    "audience",
    type=click.Choice(["page", "blog", "site", "analysts", "hub"]),
    default="page",
    show_default=True,
    help="What to write: see above.",
)
@click.option(
    "--aggregate",
    is_flag=True,
    help="With --for analysts or hub: counted tables only, with no cell under 5 models.",
)
@click.option("--since", metavar="ID|PATH", help="An earlier snapshot; the page then says what changed.")
@click.option(
    "--address",
    metavar="URL",
    default="",
    callback=web_address,
    help="Where you serve the folder, for its links.",
)
@click.option("--repo", metavar="OWNER/NAME", help="With --for hub: the dataset repository.")
@click.option("--push", is_flag=True, help="With --for hub: upload the folder in one commit.")
@output_options
def publish(
    snapshot: str,
    out: Path,
    audience: str,
    aggregate: bool,
    since: str | None,
    address: str,
    repo: str | None,
    push: bool,
    output: OutputOptions,
) -> None:
    """Write a snapshot's charts, tables, claims and page into a folder.

    The output of an earlier run in the folder is replaced; --for site adds to it. A folder with other files is refused.

    \b
    --for page      charts, tables, claims and page
    --for blog      also post.md (a post of 500 to 800 words with three charts), snippets.html (HTML to embed the
                    charts elsewhere), charts for social networks, a badge, and how to cite; with --address, links
                    start with that address and work from any site
    --for site      add the snapshot to a static site: index, a page for each snapshot, history.csv, .json and .parquet
                    with the headline of each, a chart of it, an Atom feed; repeat for each new snapshot
    --for analysts  the public copy of the snapshot: model ids, labels, offsets and counted tables, no text of a
                    card; models that corrections.toml withholds are left out
    --for hub       the public copy as a dataset for the Hub: Parquet, README, data dictionary, Croissant
                    metadata; --push uploads it with the token of `hf auth login` or HF_TOKEN

    \b
    --aggregate gives away counted tables only: techniques, values and months of fewer than 5 models are added
    up as 'other', or left out where they cannot be.

    \b
    Examples:
      peft-census publish --snapshot latest --out page
      peft-census publish --for blog --out blog-post
      peft-census publish --for site --out site --address https://example.org/census
      peft-census publish --for analysts --out data/snapshots
      peft-census publish --for analysts --aggregate --out data/snapshots
      peft-census publish --for hub --repo me/peft-census --out dataset
    """
    if audience != "hub" and (repo is not None or push):
        raise UsageError("--repo and --push need --for hub", "add --for hub.")
    if aggregate and audience not in ("analysts", "hub"):
        raise UsageError("--aggregate needs --for analysts or --for hub", "add one of them.")
    opened = open_snapshot(snapshot)
    if audience == "analysts":
        copy = (aggregate_copy if aggregate else public_copy)(opened, out)
        print_result({"snapshot_id": copy.id, "snapshot_path": copy.path}, f"snapshot {copy.id}\n  {copy.path}", output)
    elif audience == "hub":
        result, text = publish_dataset(opened, out, repo, push, aggregate)
        print_result(result, text, output)
    elif audience == "site":
        files = publish_site(opened, out, output.progress, address)
        print_result({"files": files}, "\n".join(map(str, files)), output)
    else:
        earlier = open_snapshot(since) if since is not None else None
        files = publish_snapshot(opened, out, audience == "blog", earlier, output.progress, address)
        print_result({"files": files}, "\n".join(str(file) for file in files), output)
