"""Prepares the pull request of a scheduled census: the public copy of its snapshot, and a text on what changed.

In: the output of ``peft-census census --json``, and the folder of snapshots. Out: the public copy in that folder, a
Markdown text for the pull request, and on stdout the lines ``snapshot=`` and ``changed=`` for GITHUB_OUTPUT. The text
lists the gaps. If the comparison with the last snapshot fails, the text says so and the snapshot is still proposed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from peft_census.errors import DONE, GAPS
from peft_census.pipeline.coverage import find_gaps
from peft_census.snapshot.snapshot import read_snapshot

COMPARE = ("diff", "{previous}", "{snapshot}", "--format", "markdown")
"""The command that describes the difference between two snapshots."""

LARGEST = 100_000_000
"""Bytes; GitHub refuses larger files."""

UNREAD = ("failed", "partial")
"""States of an instrument that could not be read, or not to its end."""

MOST_GAPS = 30
"""Gaps that the text lists."""

LONGEST = 60_000
"""Characters; GitHub refuses pull requests with more than 65,536."""


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, help="the output of peft-census census --json")
    parser.add_argument("--snapshots", type=Path, default=Path("data/snapshots"), help="folder of snapshots")
    parser.add_argument("--text", type=Path, required=True, help="Markdown file to write")
    arguments = parser.parse_args()
    run = json.loads(arguments.run.read_text(encoding="utf-8"))
    before = {p.parent.name for p in arguments.snapshots.glob("*-public/manifest.json")}
    copied = census(
        "publish", "--for", "analysts", "--snapshot", run["snapshot_path"], "--out", arguments.snapshots, "--json"
    )
    if copied.returncode != DONE:
        print(copied.stderr, file=sys.stderr, end="")
        return copied.returncode
    snapshot = json.loads(copied.stdout)["snapshot_id"]
    if too_large := [p for p in (arguments.snapshots / snapshot).rglob("*") if p.stat().st_size >= LARGEST]:
        print(f"error: {too_large[0]} is too large for GitHub", file=sys.stderr)
        print("  keep data/snapshots in Git LFS, or publish the snapshot as a dataset.", file=sys.stderr)
        return 1
    previous = max(before - {snapshot}, default=None)
    comparison = compare(arguments.snapshots, previous, snapshot)
    arguments.text.write_text(text(arguments.snapshots / snapshot, run, comparison), encoding="utf-8")
    print(f"snapshot={snapshot}\nchanged={'false' if snapshot in before else 'true'}")
    return DONE


def census(*words: object) -> subprocess.CompletedProcess[str]:
    """Runs the command line of this installation."""
    command = [sys.executable, "-m", "peft_census", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def compare(folder: Path, previous: str | None, snapshot: str) -> str:
    """Returns in Markdown what changed between the two public copies."""
    if previous is None:
        return "This is the first snapshot, so there is nothing to compare it with."
    folders = {"previous": folder / previous, "snapshot": folder / snapshot}
    done = census(*(word.format(**folders) for word in COMPARE))
    if done.returncode in (DONE, GAPS):
        return f"Compared with `{previous}`:\n\n{done.stdout.strip()}"
    return f"The comparison with `{previous}` failed:\n\n{quoted(done.stderr.strip())}"


def text(snapshot: Path, run: dict[str, Any], comparison: str) -> str:
    """Returns the text of the pull request: the sentence to quote, the gaps, and the comparison."""
    claims = json.loads((snapshot / "report" / "claims.json").read_text(encoding="utf-8"))
    first = next(claim for claim in claims if claim["id"] == "headline")
    unread = find_gaps(read_snapshot(snapshot))  # of the public copy: a server's own words are not published
    gaps = [f"{n:,} card{'' if n == 1 else 's'}: {reason}" for reason, n in sorted(unread.items())]
    gaps += [f"{name}: {facts['state']}" for name, facts in run["instruments"].items() if facts["state"] in UNREAD]
    shown = gaps[:MOST_GAPS] + ([f"and {len(gaps) - MOST_GAPS} more"] if len(gaps) > MOST_GAPS else [])
    parts = [
        first["quote"],
        f"Not: “{first['misquote']}” {first['why_not']}",
        "## Gaps",
        quoted("\n".join(shown)) if shown else "None: everything that was listed was read.",
        "## What changed",
        comparison,
    ]
    result = "\n\n".join(parts) + "\n"
    if len(result) <= LONGEST:
        return result
    return result[:LONGEST] + "\n\n(shortened; `peft-census diff` prints the full comparison)\n"


def quoted(lines: str) -> str:
    """Returns ``lines`` as a code block whose fence is longer than any run of backquotes in them."""
    fence = "```"
    while fence in lines:
        fence += "`"
    return f"{fence}text\n{lines}\n{fence}"


if __name__ == "__main__":
    sys.exit(main())
