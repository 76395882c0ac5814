"""A post ready for a blog: every picture with its alt text, caption and data, the sentences, how to cite.

In: claims and the pictures that were drawn. Out: Markdown. All words and numbers are those of the claims.
"""

from __future__ import annotations

from collections.abc import Sequence

from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import COVERAGE, HEADLINE
from peft_census.publish.snapshot_reader import SPECIMEN_MARK
from peft_census.publish.text.tables import markdown_safe


def post_md(claims: Sequence[Claim], charts: Sequence[ChartSpec | Missing]) -> str:
    """Returns the post as Markdown, its files beside it."""
    first = next(c for c in claims if c.id == HEADLINE)
    coverage = next(c for c in claims if c.id == COVERAGE)
    lines = [f"# {markdown_safe(first.title)}", ""]
    if first.specimen:
        lines += [f"> **{SPECIMEN_MARK}**", ""]
    for chart in charts:
        if isinstance(chart, ChartSpec):
            lines += _section(chart)
    lines += [
        "## What stands behind it",
        "",
        f"- {markdown_safe(coverage.quote)}",
        *([f"- The tagger: {markdown_safe(first.accuracy)}."] if first.accuracy else []),
        "- All shares under every rule: [shares.md](shares.md), [shares.csv](shares.csv). Every number with its "
        "evidence: [claims.json](claims.json), [report.html](report.html).",
        *(f"- No chart *{p.name}*: {markdown_safe(p.why)}" for p in charts if isinstance(p, Missing)),
        "",
        "To cite: [citation.bib](citation.bib), [CITATION.cff](CITATION.cff).",
    ]
    return "\n".join(lines) + "\n"


def _section(chart: ChartSpec) -> list[str]:
    """Returns one picture: image, caption, the sentence to quote and the one not to write."""
    claim, name = chart.claim, chart.name
    head = [] if name == HEADLINE else [f"## {markdown_safe(claim.title)}", ""]
    return [
        *head,
        f"![{markdown_safe(claim.alt_text)}]({name}.png)",
        "",
        f"*{markdown_safe(claim.subtitle)} {markdown_safe(claim.source_line)}.* "
        f"[Data]({name}.csv), [SVG]({name}.svg), [dark]({name}-dark.png).",
        "",
        f"To quote: {markdown_safe(claim.quote)}",
        "",
        f"Not to write: ~~{markdown_safe(claim.misquote)}~~ {markdown_safe(claim.why_not)}",
        "",
        markdown_safe(claim.caveat),
        "",
    ]
