"""What a scheduled census leaves to publish: the public copy of its snapshot, and what changed since the last one.

In: what ``peft-census census --json`` said, and the folder of snapshots. Out: the public copy in that folder, a text
in Markdown for the pull request, and on stdout ``snapshot=`` and ``changed=``, as GITHUB_OUTPUT takes them. The text
says what could not be read. A comparison that fails is said in the text; it does not hold back the snapshot.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from peft_census.errors import DONE, GAPS
from peft_census.pipeline.census import find_gaps
from peft_census.snapshot.snapshot import read_snapshot

COMPARE = ("diff", "{previous}", "{snapshot}", "--format", "markdown")
"""The verb that words the difference between two snapshots."""

LARGEST = 100_000_000
"""Bytes; GitHub refuses larger files."""

UNREAD = ("failed", "partial")
"""States of an instrument that could not be read, or not to its end."""

MOST_GAPS = 30
"""Lines of gaps that the text shows."""

LONGEST = 60_000
"""Characters; GitHub refuses pull requests with more than 65,536."""


def main() -> int:
    """Returns the exit code."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("run", type=Path, help="what peft-census census --json said")
    arguments.add_argument("--snapshots", type=Path, default=Path("data/snapshots"), help="folder of snapshots")
    arguments.add_argument("--text", type=Path, required=True, help="Markdown file to write")
    given = arguments.parse_args()
    run = json.loads(given.run.read_text(encoding="utf-8"))
    before = {p.parent.name for p in given.snapshots.glob("*-public/manifest.json")}
    made = census(
        "publish", "--for", "analysts", "--snapshot", run["snapshot_path"], "--out", given.snapshots, "--json"
    )
    if made.returncode != DONE:
        print(made.stderr, file=sys.stderr, end="")
        return made.returncode
    snapshot = json.loads(made.stdout)["snapshot_id"]
    if too_large := [p for p in (given.snapshots / snapshot).rglob("*") if p.stat().st_size >= LARGEST]:
        print(f"error: {too_large[0]} is too large for GitHub", file=sys.stderr)
        print("  keep data/snapshots in Git LFS, or publish the snapshot as a dataset.", file=sys.stderr)
        return 1
    previous = max(before - {snapshot}, default=None)
    comparison = compare(given.snapshots, previous, snapshot)
    given.text.write_text(text(given.snapshots / snapshot, run, comparison), encoding="utf-8")
    print(f"snapshot={snapshot}\nchanged={'false' if snapshot in before else 'true'}")
    return DONE


def census(*words: object) -> subprocess.CompletedProcess[str]:
    """Runs the command line of this installation."""
    command = [sys.executable, "-m", "peft_census", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def compare(folder: Path, previous: str | None, snapshot: str) -> str:
    """Returns in Markdown what changed between the two public copies."""
    if previous is None:
        return "This is the first snapshot here: there is none to compare it with."
    places = {"previous": folder / previous, "snapshot": folder / snapshot}
    done = census(*(word.format(**places) for word in COMPARE))
    if done.returncode in (DONE, GAPS):
        return f"Compared with `{previous}`:\n\n{done.stdout.strip()}"
    return f"The comparison with `{previous}` failed:\n\n{quoted(done.stderr.strip())}"


def text(snapshot: Path, run: dict[str, Any], comparison: str) -> str:
    """Returns the text of the pull request: sentence to quote, gaps, comparison."""
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
        quoted("\n".join(shown)) if shown else "None: everything that was listed could be read.",
        "## What changed",
        comparison,
    ]
    whole = "\n\n".join(parts) + "\n"
    if len(whole) <= LONGEST:
        return whole
    return whole[:LONGEST] + "\n\n(cut here; the whole comparison: `peft-census diff`)\n"


def quoted(lines: str) -> str:
    """Returns ``lines`` as a block of code that their own back-quotes cannot end."""
    fence = "```"
    while fence in lines:
        fence += "`"
    return f"{fence}text\n{lines}\n{fence}"


if __name__ == "__main__":
    sys.exit(main())
