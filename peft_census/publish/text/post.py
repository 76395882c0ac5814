"""A post for a blog: every chart with its alt text, caption and data, the sentences to quote, how to cite.

In: claims and charts. Out: Markdown. All sentences and numbers are those of the claims.
"""

from __future__ import annotations

from collections.abc import Sequence

from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import HEADLINE, coverage_of, headline_of
from peft_census.publish.snapshot_reader import SPECIMEN_MARK
from peft_census.publish.text.shares import quote_md
from peft_census.publish.text.table import markdown_safe


def post_md(claims: Sequence[Claim], charts: Sequence[ChartSpec | Missing]) -> str:
    """Returns the post as Markdown; it links to files in the same folder."""
    first = headline_of(claims)
    lines = [f"# {markdown_safe(first.title)}", ""]
    if first.specimen:
        lines += [f"> **{SPECIMEN_MARK}**", ""]
    for chart in charts:
        if isinstance(chart, ChartSpec):
            lines += _section(chart)
    lines += [
        "## Data",
        "",
        f"- {markdown_safe(coverage_of(claims).quote)}",
        *([f"- The tagger: {markdown_safe(first.accuracy)}."] if first.accuracy else []),
        "- All shares under every rule: [shares.md](shares.md), [shares.csv](shares.csv). Every number with its "
        "evidence: [claims.json](claims.json), [report.html](report.html).",
        *(f"- No chart *{p.name}*: {markdown_safe(p.why)}" for p in charts if isinstance(p, Missing)),
        "",
        "To cite: [citation.bib](citation.bib), [CITATION.cff](CITATION.cff).",
    ]
    return "\n".join(lines) + "\n"


def _section(chart: ChartSpec) -> list[str]:
    """Returns one chart: image, caption, and its sentences."""
    claim, name = chart.claim, chart.name
    head = [] if name == HEADLINE else [f"## {markdown_safe(claim.title)}", ""]
    return [
        *head,
        f"![{markdown_safe(claim.alt_text)}]({name}.png)",
        "",
        f"*{markdown_safe(claim.subtitle)} {markdown_safe(claim.source_line)}.* "
        f"[Data]({name}.csv), [SVG]({name}.svg), [dark]({name}-dark.png).",
        "",
        *quote_md(claim),
        "",
    ]
