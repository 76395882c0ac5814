"""A post for a blog, 500 to 800 words: what was counted, the headline, three charts, what changed, how to cite.

In: claims and charts. Out: Markdown, and HTML to embed the charts elsewhere. Every number is one of the claims'.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from peft_census.count import HEADLINE as RULE
from peft_census.publish.charts.registry import chart_names
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.charts.wording import carries
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import CHANGE, HEADLINE, coverage_of, headline_of
from peft_census.publish.text.citation import cited_as
from peft_census.publish.text.numbers import count, interval, percent, size_text
from peft_census.publish.text.table import markdown_safe

FIRST = ("monthly", "rule_changes", "generated", "breakdown", "funnel")
"""Charts that follow the headline in a post, the best first; charts that are not named follow these."""
MOST = 3
"""Charts of a post."""

_PEFT = (
    "Parameter-efficient fine-tuning (PEFT) adapts a trained model to a new task by training a small part of its "
    "weights, or a few weights that are added to it, and leaving the rest unchanged. LoRA (low-rank adaptation) is one "
    "of these techniques: it adds pairs of small matrices to the layers of a model and trains only those. There are "
    "dozens of others."
)
_FILES = (
    ("report.html", "the page of this census: breakdowns by task, library and base model, and a search over models"),
    ("shares.csv", "every technique under every counting rule, with intervals"),
    ("claims.json", "every number of this post with its base, interval, rule and source"),
)


def post_md(claims: Sequence[Claim], charts: Sequence[ChartSpec | Missing], address: str = "") -> str:
    """Returns the post as Markdown.

    Args:
        claims: all claims of the snapshot.
        charts: its charts.
        address: where the folder of the post will be served; if empty, links are relative to the post.
    """
    drawn = post_charts(charts)
    first = next((chart.claim for chart in drawn if chart.name == HEADLINE), headline_of(claims))
    blocks = [f"# {markdown_safe(first.title)}", *([f"> **{first.mark}**"] if first.mark else [])]
    blocks += [markdown_safe(" ".join(_opening(claims)))]
    blocks += [block for chart in drawn[:1] for block in _chart(chart, address)]
    blocks += ["## What was counted", _PEFT, markdown_safe(" ".join(_counted(claims)))]
    for chart in drawn[1:]:
        claim = chart.claim
        blocks += [f"## {markdown_safe(claim.title)}", *_chart(chart, address)]
        blocks += [markdown_safe(f"{claim.sentence}. {claim.caveat}")]
    blocks += [markdown_safe(text) for claim in claims if claim.id == CHANGE for text in _change(claim)]
    blocks += ["## What the number does not say", *(markdown_safe(text) for text in _limits(claims))]
    blocks += ["## How to cite", *_cite(headline_of(claims), address)]
    files = [*_FILES, *(("change.csv", "the parts of the change") for claim in claims if claim.id == CHANGE)]
    lines = [f"- [{name}]({_at(address, name)}): {meaning}" for name, meaning in files]
    blocks += ["## Data", "\n".join(lines), f"{markdown_safe(first.source_line)}."]
    return "\n\n".join(blocks) + "\n"


def post_charts(charts: Sequence[ChartSpec | Missing]) -> list[ChartSpec]:
    """Returns the charts that a post shows: the headline, then the best that have data."""
    order = {name: place for place, name in enumerate(dict.fromkeys((HEADLINE, *FIRST, *chart_names())))}
    drawn = [chart for chart in charts if isinstance(chart, ChartSpec)]
    return sorted(drawn, key=lambda chart: order[chart.name])[:MOST]


def snippets_html(charts: Sequence[ChartSpec | Missing], address: str = "") -> str:
    """Returns HTML to copy into another page: for each chart an image for light and dark backgrounds."""
    figures = (
        f'<figure>\n{picture(chart, address)}\n<figcaption><a href="{_at(address, "report.html")}">'
        f"{html.escape(chart.claim.title)} ({html.escape(chart.claim.source_line)})</a></figcaption>\n</figure>\n"
        for chart in charts
        if isinstance(chart, ChartSpec)
    )
    return "\n".join(figures)


def picture(chart: ChartSpec, address: str = "") -> str:
    """Returns the ``<picture>`` of a chart: its file for dark backgrounds, its file for light ones, its alt text."""
    dark, light = (_at(address, f"{chart.name}{suffix}") for suffix in ("-dark.png", ".png"))
    alt = html.escape(chart.claim.alt_text)
    return (
        f'<picture>\n<source media="(prefers-color-scheme: dark)" srcset="{dark}">\n<img src="{light}" alt="{alt}">\n'
        "</picture>"
    )


def _at(address: str, name: str) -> str:
    return html.escape(f"{address.rstrip('/')}/{name}") if address else name


def _chart(chart: ChartSpec, address: str) -> list[str]:
    return [picture(chart, address), f"[The numbers of this chart]({_at(address, f'{chart.name}.csv')})"]


def _opening(claims: Sequence[Claim]) -> Iterator[str]:
    """Yields the sentences of the headline."""
    first = headline_of(claims)
    if first.share is None or first.low is None or first.high is None or first.effective_n is None:
        yield first.quote
        return
    yield f"{first.sentence}; the 95% interval is {interval(first.low, first.high)}."
    if first.effective_n < first.base / 2:
        yield (
            f"Cards of one author resemble each other, so the interval counts these cards as about "
            f"{size_text(first.effective_n)} independent ones."
        )
    if not carries(first.effective_n, first.low, first.high):
        yield "They are too few for a firm figure: read the share as a description of these cards only."
    yield _others(
        [c for c in claims if c.kind == "share" and c.rule == RULE.name and c.id != HEADLINE and c.share], first
    )


def _others(others: Sequence[Claim], first: Claim) -> str:
    """Returns which other techniques lead or follow."""
    if not others:
        return "These cards mention no other technique."
    named = [f"{c.name} ({percent(c.share or 0)})" for c in others]
    if others[0].numerator > first.numerator:
        more = f"; others are {_list(named[1:])}" if named[1:] else ""
        return f"{named[0]} leads{more}."
    return f"The other {'techniques' if len(named) > 1 else 'technique'} mentioned most: {_list(named)}."


def _list(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _counted(claims: Sequence[Claim]) -> Iterator[str]:
    """Yields which cards were read and which of them are the base."""
    first, coverage = headline_of(claims), coverage_of(claims)
    every = next((c for c in claims if c.rule == "any" and c.kind == "share"), None)
    yield (
        "A model card is the page that describes a published model. peft_census, an open-source census of such cards, "
        "searches their text and their labels for the names of PEFT techniques. A card cites each technique that it "
        "mentions."
    )
    yield f"{coverage.sentence}."
    if first.share is None:
        return
    some = f"{count(every.base)} cite at least one technique, and " if every else ""
    yield (
        f"Of the cards with text, {some}{count(first.base)} cite exactly one; these are the base of the share above. "
        "Each card counts once. Variants count as the technique they derive from: QLoRA and DoRA count as LoRA."
    )


def _change(claim: Claim) -> list[str]:
    return ["## What changed since the last snapshot", claim.sentence]


def _limits(claims: Sequence[Claim]) -> list[str]:
    """Returns what the number does not say: of use, of errors, of sampling."""
    first = headline_of(claims)
    accuracy = (
        ""
        if not first.accuracy
        else (
            f" The software that reads the cards makes errors, too: {first.accuracy}. Precision is the share of its "
            "findings that are right, recall the share of the mentions that it finds."
        )
    )
    return [f"A mention does not prove use. {first.why_not}", f"{first.caveat}{accuracy}"]


def _cite(claim: Claim, address: str) -> list[str]:
    return [
        f"Cite the snapshot as: {markdown_safe(cited_as(claim))}. The entry for "
        f"[BibTeX]({_at(address, 'citation.bib')}) and the [Citation File Format]({_at(address, 'CITATION.cff')}) name "
        "it too. Quote the share with its base and its interval:",
        f"> {markdown_safe(claim.quote)}",
    ]
