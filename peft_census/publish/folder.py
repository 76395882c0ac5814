"""The folder that ``publish`` writes: charts, ``shares.csv``, ``shares.md``, ``claims.json``, ``report.html``.

In: a snapshot. Out: the folder, complete or unchanged. A folder with other files in it is never replaced.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from peft_census.count.difference import Comparison
from peft_census.publish.charts.draw import SOCIAL_SUFFIXES, SUFFIXES, draw_charts
from peft_census.publish.charts.registry import chart_names, make_charts
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.comparison import comparison_md, comparison_rows
from peft_census.publish.claims.instruments import instrument_claims
from peft_census.publish.claims.shares import HEADLINE, change_claim, headline_of, make_claims
from peft_census.publish.post import post_md, snippets_html
from peft_census.publish.report.page import write_report
from peft_census.publish.snapshot_reader import read_shares, technique_name
from peft_census.publish.text.citation import FILES as CITATION_FILES
from peft_census.publish.text.citation import write_citation
from peft_census.publish.text.difference import change_csv, change_section, change_sentence
from peft_census.publish.text.shares import claims_json, coverage_csv, shares_csv, shares_md
from peft_census.snapshot.files import refuse_other_files, replaced_folder
from peft_census.snapshot.snapshot import Snapshot

FILES = ("coverage.csv", "shares.csv", "shares.md", "claims.json", "report.html")
"""Files that every folder has, in addition to the files of its charts."""

POST, SNIPPETS, CHANGES = "post.md", "snippets.html", "change.csv"
"""Files for a blog: the post, and HTML to embed charts; file with the change since an earlier snapshot."""


def publish(
    snapshot: Snapshot,
    out: Path,
    charts: Collection[str] | None = None,
    blog: bool = False,
    since: Comparison | None = None,
    address: str = "",
) -> list[Path]:
    """Writes everything that can be published about ``snapshot`` into the folder ``out`` and returns the files.

    The files are written to a folder beside ``out``, which then replaces it. On any failure ``out`` stays as it was.

    Args:
        snapshot: what to publish.
        out: the folder.
        charts: names of the charts to draw, of ``charts.registry``; all if None.
        blog: whether to write a post, a badge, citation files and charts for social networks as well.
        since: the comparison with an earlier snapshot, for the page.
        address: where the folder will be served, for links of the post; relative links if empty.

    Returns:
        All files; the page is the last.

    Raises:
        OutputError: ``out`` has files that ``publish`` did not write, or cannot be written.
        SnapshotError: the snapshot contradicts itself.
        UsageError: there is no chart of one of the names.
    """
    names = (name + suffix for name in chart_names() for suffix in (*SUFFIXES, *SOCIAL_SUFFIXES))
    refuse_other_files(out, {*FILES, POST, SNIPPETS, CHANGES, *CITATION_FILES, *names}, "publish")
    with replaced_folder(out) as new:
        _write_all(snapshot, new, new.parent, charts, blog, since, address)
    out = out.resolve()
    return [*sorted(p for p in out.iterdir() if p.name not in FILES), *(out / name for name in FILES)]


def _write_all(
    snapshot: Snapshot,
    folder: Path,
    tmpdir: Path,
    names: Collection[str] | None,
    blog: bool,
    since: Comparison | None,
    address: str,
) -> None:
    """Writes all files to ``folder``; the charts for phones, which only the page contains, go to ``tmpdir``."""
    claims, shares = make_claims(snapshot) + instrument_claims(snapshot), read_shares(snapshot)
    headline = headline_of(claims)
    charts = make_charts(snapshot, headline, names)
    specs = [chart for chart in charts if isinstance(chart, ChartSpec)]
    claims += [chart.claim for chart in specs if chart.name != HEADLINE]
    change = None
    if since is not None:
        change = change_section(since, technique_name(snapshot, since.technique))
        sentence = change_sentence(since, technique_name(snapshot, since.technique))
        claims.append(change_claim(snapshot, change.lines, sentence, since.technique, since.rule))
    missing = [chart for chart in charts if isinstance(chart, Missing)]
    write_report(
        snapshot, claims, draw_charts(snapshot, specs, folder, tmpdir, social=blog), missing, folder / FILES[-1], change
    )
    texts = {
        "coverage.csv": coverage_csv(snapshot),
        "shares.csv": shares_csv(snapshot, shares),
        "shares.md": shares_md(snapshot, claims, shares, comparison_md(comparison_rows(snapshot, headline))),
        "claims.json": claims_json(claims),
    }
    if since is not None:
        texts[CHANGES] = change_csv(since)
    if blog:
        texts[POST], texts[SNIPPETS] = post_md(claims, charts, address), snippets_html(charts, address)
        write_citation(headline, folder)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
