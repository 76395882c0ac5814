"""Publishing: a snapshot in, files for people out. The only place that draws or renders.

``publish`` writes the charts (SVG and PNG, for light and dark paper, each with its numbers and its alt text),
``shares.csv``, ``shares.md``, ``claims.json`` and ``report.html`` into one folder, whole or not at all. It refuses to
replace a folder that holds anything else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from peft_census.errors import OutputError, output_error
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.instruments import instrument_claims, side_by_side, side_by_side_md
from peft_census.publish.claims.shares import HEADLINE, change_claim, make_claims
from peft_census.publish.snapshot_reader import SnapshotLike, read_shares, technique_name
from peft_census.publish.text.citation import FILES as KIT
from peft_census.publish.text.citation import write_kit
from peft_census.publish.text.difference import change_csv, change_section
from peft_census.publish.text.tables import claims_json, coverage_csv, shares_csv, shares_md

__all__ = ["FILES", "Claim", "make_claims", "publish"]

FILES = ("coverage.csv", "shares.csv", "shares.md", "claims.json", "report.html")
"""What ``publish`` always writes, beside the files of every picture that there is material for."""

POST, CHANGES = "post.md", "change.csv"
"""What it writes for a blog, beside the files of ``kit``, and where there is an earlier snapshot to compare with."""


def publish(
    snapshot: SnapshotLike,
    out: Path,
    charts: Collection[str] | None = None,
    blog: bool = False,
    since: Any = None,
) -> list[Path]:
    """Writes everything publishable about ``snapshot`` into the folder ``out`` and returns the files.

    The files are made in a folder beside ``out``, which then takes its place; on any failure an existing
    ``out`` stays as it was.

    Args:
        snapshot: what to publish.
        out: the folder.
        pictures: names of the pictures to draw, of ``pictures.NAMES``; all where None.
        blog: whether to write a post, a badge and how to cite the snapshot beside them.
        since: a ``Comparison`` with an earlier snapshot, to tell on the page what changed.

    Raises:
        OutputError: ``out`` is not a folder of earlier output, or cannot be written.
        SnapshotError: the snapshot contradicts itself.
    """
    out = out.resolve()  # the folder, not a link to it, is replaced
    try:
        _refuse_strangers(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent, ignore_cleanup_errors=True) as room:
            made = Path(room) / "new"  # made inside, because the temporary folder is closed to other users
            made.mkdir()
            _write_all(snapshot, made, Path(room), charts, blog, since)
            _swap(made, out, Path(room) / "old")
    except OSError as error:
        raise output_error(out, error) from error
    except OutputError as error:
        if isinstance(error.__cause__, OSError):  # name the folder asked for, not the temporary one
            raise output_error(out, error.__cause__) from error
        raise
    return [*sorted(p for p in out.iterdir() if p.name not in FILES), *(out / name for name in FILES)]


def _write_all(
    snapshot: SnapshotLike, folder: Path, aside: Path, wanted: Collection[str] | None, blog: bool, since: Any
) -> None:
    """Writes all files to ``folder``; the charts for phones, which only the page holds, go to ``aside``."""
    from peft_census.publish.charts import ChartSpec, make_charts
    from peft_census.publish.charts.draw import draw_charts  # Matplotlib takes a second to import
    from peft_census.publish.report.page import write_report
    from peft_census.publish.text.post import post_md

    claims, shares = make_claims(snapshot) + instrument_claims(snapshot), read_shares(snapshot)
    first = next(c for c in claims if c.id == HEADLINE)
    charts = [p for p in make_charts(snapshot, first) if wanted is None or p.name in wanted]
    claims = [replace(first, data="headline.csv") if c is first else c for c in claims] + [
        p.claim for p in charts if isinstance(p, ChartSpec) and p.name != HEADLINE
    ]
    change = None
    if since is not None:
        change = change_section(since, technique_name(snapshot, since.technique))
        claims.append(change_claim(snapshot, change, since.technique, since.rule))
    drawn = draw_charts(snapshot, [p for p in charts if isinstance(p, ChartSpec)], folder, aside)
    write_report(
        snapshot, claims, drawn, [p for p in charts if not isinstance(p, ChartSpec)], folder / "report.html", change
    )
    texts = {
        "coverage.csv": coverage_csv(snapshot),
        "shares.csv": shares_csv(snapshot, shares),
        "shares.md": shares_md(snapshot, claims, shares, side_by_side_md(side_by_side(snapshot, first))),
        "claims.json": claims_json(claims),
    }
    if since is not None:
        texts[CHANGES] = change_csv(since)
    if blog:
        texts[POST] = post_md(claims, charts)
        write_kit(claims, folder)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _refuse_strangers(out: Path) -> None:
    """Raises OutputError where replacing ``out`` would destroy what publishing did not write."""
    from peft_census.publish.charts import NAMES
    from peft_census.publish.charts.draw import SUFFIXES

    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file, not a folder", "choose another folder with --out.")
    ours = {*FILES, POST, CHANGES, *KIT, *(name + suffix for name in NAMES for suffix in SUFFIXES)}
    strangers = sorted(p.name for p in out.iterdir() if p.name not in ours) if out.exists() else []
    if strangers:
        raise OutputError(
            f"{out} holds files that publishing did not write ({', '.join(strangers[:3])}), so it is not replaced",
            "choose a new or empty folder with --out.",
        )


def _swap(made: Path, out: Path, aside: Path) -> None:
    """Puts ``made`` in the place of ``out``; puts ``out`` back where that fails."""
    if not out.exists():
        made.rename(out)
        return
    out.rename(aside)
    try:
        made.rename(out)
    except OSError:
        aside.rename(out)
        raise
