"""Prepares the pull request of a scheduled census: the public copy of its snapshot, and a text on what changed.

In: the output of ``peft-census census --json``, and the folder of snapshots. Out: the public copy in that folder, a
Markdown text for the pull request, and on stdout the lines ``snapshot=`` and ``changed=`` for GITHUB_OUTPUT. The text
lists all gaps and skipped sources. It compares with the last public copy of the same source and population; if the
comparison fails, the text says so and the snapshot is still proposed. A census that was stopped before it had listed
all models has no output: then there is nothing to propose.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from peft_census.errors import DONE, GAPS, SnapshotError
from peft_census.pipeline.coverage import is_gap
from peft_census.publish.text.numbers import plural
from peft_census.snapshot.snapshot import PUBLIC, Snapshot, read_snapshot

COMPARE = ("diff", "{previous}", "{snapshot}", "--format", "markdown")
"""The command that describes the difference between two snapshots."""

LARGEST = 100_000_000
"""Bytes; GitHub refuses larger files."""

STOPPED = "No snapshot: the census failed, or reached its time limit before it had listed all models."
LONGEST = 60_000
"""Characters; GitHub refuses pull requests with more than 65,536."""


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, help="the output of peft-census census --json")
    parser.add_argument("--snapshots", type=Path, default=Path("data/snapshots"), help="folder of snapshots")
    parser.add_argument("--text", type=Path, required=True, help="Markdown file to write")
    arguments = parser.parse_args()
    output = arguments.run.read_text(encoding="utf-8")
    if not output.strip():
        arguments.text.write_text(STOPPED + "\n", encoding="utf-8")
        print("snapshot=\nchanged=false")
        return DONE
    run = json.loads(output)
    before = {p.parent.name for p in arguments.snapshots.glob(f"*{PUBLIC}/manifest.json")}
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
    new = read_snapshot(arguments.snapshots / snapshot)
    new.verify()
    earlier = [found for name in sorted(before - {snapshot}) if (found := readable(arguments.snapshots / name))]
    comparison = compare(arguments.snapshots, previous(new, earlier), snapshot)
    arguments.text.write_text(text(new, run, comparison), encoding="utf-8")
    print(f"snapshot={snapshot}\nchanged={'false' if snapshot in before else 'true'}")
    return DONE


def census(*words: object) -> subprocess.CompletedProcess[str]:
    """Runs the command line of this installation."""
    command = [sys.executable, "-m", "peft_census", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def readable(folder: Path) -> Snapshot | None:
    """Returns the snapshot in ``folder``; None if it is damaged or of another release."""
    try:
        return read_snapshot(folder)
    except SnapshotError as error:
        print(f"not compared with: {error}", file=sys.stderr)
        return None


def previous(new: Snapshot, earlier: list[Snapshot]) -> str | None:
    """Returns the id of the last snapshot before ``new`` of the same source and population, by date."""
    same = [old for old in earlier if kind(old) == kind(new) and date(old) <= date(new)]
    return max(same, key=date).id if same else None


def kind(snapshot: Snapshot) -> tuple[str, object]:
    """Returns the source of a snapshot and the population of its models."""
    return snapshot.manifest.source.kind, snapshot.manifest.source.details.get("population")


def date(snapshot: Snapshot) -> tuple[str, str]:
    """Returns the day on which the source was read, where known, and that of the newest card."""
    read = snapshot.manifest.source.retrieved
    return read.last.isoformat() if read else "", snapshot.manifest.cards.last or ""


def compare(folder: Path, earlier: str | None, snapshot: str) -> str:
    """Returns in Markdown what changed between the two public copies."""
    if earlier is None:
        return "This is the first snapshot of this source, so there is nothing to compare it with."
    folders = {"previous": folder / earlier, "snapshot": folder / snapshot}
    done = census(*(word.format(**folders) for word in COMPARE))
    if done.returncode in (DONE, GAPS):
        return f"Compared with `{earlier}`:\n\n{done.stdout.strip()}"
    return f"The comparison with `{earlier}` failed:\n\n{quoted(done.stderr.strip())}"


def gaps(snapshot: Snapshot, run: dict[str, Any]) -> list[str]:
    """Returns one line for each gap, by source, with its count; and one for each source that was not read.

    The reasons are those of the public copy: a server's own words are not published.
    """
    lines = []
    for row in sorted(snapshot.table("coverage").to_pylist(), key=lambda r: (r["source"], -r["n"])):
        source, status, reason, n = row["source"], row["status"], row["reason"], row["n"]
        if source != snapshot.manifest.source.kind and n and status != "read":
            lines.append(f"{source}: {n:,} {status}")
        elif source == snapshot.manifest.source.kind and is_gap(status, reason):
            lines.append(f"{source}: {plural(n, 'card')}: {reason or status}")
    for name, facts in run["instruments"].items():
        if facts["state"] != "read":
            lines.append(f"{name}: {facts['state']}" + (f": {facts['reason']}" if facts["state"] == "skipped" else ""))
    return lines


def text(snapshot: Snapshot, run: dict[str, Any], comparison: str) -> str:
    """Returns the text of the pull request: the sentence to quote, the gaps, and the comparison."""
    claims = json.loads((snapshot.path / "report" / "claims.json").read_text(encoding="utf-8"))
    first = next(claim for claim in claims if claim["id"] == "headline")
    found = gaps(snapshot, run)
    parts = [
        first["quote"],
        f"Not: “{first['misquote']}” {first['why_not']}",
        "## Gaps",
        quoted("\n".join(found)) if found else "None: everything that was listed was read.",
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
