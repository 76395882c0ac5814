"""The verb ``doctor`` of the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from peft_census.cli.output import output_options, print_result, snapshots_folder
from peft_census.errors import DONE, FAILED, GAPS


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--raw", type=click.Path(path_type=Path, file_okay=False), help="Raw material.  [default: data/raw]")
@click.option("--repair", is_flag=True, help="Mend what can be mended. Damaged things are put aside, never deleted.")
@output_options
def doctor(folder: Path | None, raw: Path | None, repair: bool, as_json: bool, quiet: bool) -> None:
    """Look whether snapshots, ledgers and raw files are whole, and mend them.

    FOLDER holds snapshots (default: data/snapshots). Exit code 0: all is well. 3: something is wrong, or was and is
    mended. 1: something is wrong that --repair could not mend.

    \b
    Examples:
      peft-census doctor
      peft-census doctor --repair
    """
    from peft_census.pipeline.verify import examine
    from peft_census.publish.text.numbers import plural
    from peft_census.settings import settings

    found = examine(folder or snapshots_folder(), raw or settings().raw, repair)
    facts = {
        "snapshots": found.snapshots,
        "ledgers": found.ledgers,
        "shards": found.shards,
        "findings": [
            {"where": str(f.where), "what": f.what, "remedy": f.remedy, "mended": f.mended} for f in found.findings
        ],
    }
    lines = []
    for finding in found.findings:
        done = "mended" if finding.mended else "with --repair" if finding.mend else "to do"
        lines.append(f"{finding.where}: {finding.what}\n  {done}: {finding.remedy}")
    lines.append(
        f"{plural(found.snapshots, 'snapshot')}, {plural(found.ledgers, 'ledger')} and "
        f"{plural(found.shards, 'raw file')} looked at: "
        + (plural(len(found.findings), "finding") if found.findings else "all is well")
    )
    print_result(facts, "\n".join(lines), as_json)
    sys.exit(DONE if not found.findings else FAILED if repair and not found.well else GAPS)
