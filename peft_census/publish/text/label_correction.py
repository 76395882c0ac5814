"""Renders a label correction for a terminal."""

from __future__ import annotations

from peft_census.count.label_error import Estimate, LabelCorrection, Unjudged
from peft_census.publish.text.numbers import count, interval, percent_label, plural
from peft_census.publish.text.table import Table
from peft_census.snapshot.snapshot import Snapshot


def corrected_text(snapshot: Snapshot, correction: LabelCorrection) -> str:
    """Returns the shares with their intervals, the labels of each stratum, and what was left out."""
    raw, authors, corrected = correction.raw, correction.by_author, correction.corrected
    name = snapshot.manifest.taxonomy.techniques[correction.technique].name
    lines = [f"{name} under rule {correction.rule}, corrected by labels; cards with a text only"]
    lines.append(_estimate("by the tagger", raw, f"{count(raw.numerator)} of {count(raw.base)}", "card"))
    if raw.share is not None:
        lines.append(
            f"  {'':<14} {'':>9}   {interval(authors.low, authors.high)}   {authors.method}: "
            f"{plural(authors.authors, 'author')}, effective sample size {authors.effective_n:,.1f}"
        )
    of = f"about {corrected.numerator:,.0f} of {corrected.base:,.0f}"
    lines.append(_estimate("by the labels", corrected, of, "labelled card"))
    rows = [
        [f"{s.stratum} {s.meaning}", count(s.cards), count(s.labels), count(s.differing)] for s in correction.strata
    ]
    lines += ["", *Table(("stratum", "cards", "labels", "differ"), rows, right=(1, 2, 3)).text("  "), ""]
    lines.append(
        f"  {plural(correction.labels, 'label')} used, {count(correction.differing)} differ from the tagger's counts"
    )
    if not correction.enough:
        lines.append("  few labels differ: the corrected interval is wider than necessary (docs/method.md)")
    if correction.unjudged is not None:
        lines.append(f"  {_unjudged_text(correction.unjudged)}")
    if correction.unread:
        lines.append(f"  {plural(correction.unread, 'card')} not read; the others of the stratum represent them")
    if correction.outside_taxonomy:
        lines.append(f"  counted as separate techniques: {', '.join(correction.outside_taxonomy)}")
    return "\n".join(lines)


def _unjudged_text(unjudged: Unjudged) -> str:
    assumed = f"assumed: {plural(unjudged.cards, 'card')} without a candidate cite no technique"
    if unjudged.not_excluded is None:
        return f"{assumed}; {count(unjudged.differing)} of {plural(unjudged.labels, 'label')} show otherwise and count"
    if not unjudged.not_excluded:
        return f"{assumed}; all are labelled, and none does"
    return (
        f"{assumed}; none of {plural(unjudged.labels, 'label')} does, which excludes rates above "
        f"{percent_label(unjudged.not_excluded)} (95%); such errors are not in the interval"
    )


def _estimate(label: str, estimate: Estimate, of: str, unit: str) -> str:
    if estimate.share is None or estimate.low is None or estimate.high is None:
        return f"  {label}  not enough to say: no {unit} is counted"
    ends = interval(estimate.low, estimate.high)
    return f"  {label:<14} {percent_label(estimate.share):>9}   {ends}   {estimate.method} ({of})"
