"""The raw and the corrected share beside one another, for a terminal.

In: what ``peft_census.pipeline.label_correction`` found. Out: plain text; the figures are worded by ``numbers`` like everywhere else.
"""

from __future__ import annotations

from typing import Any

from peft_census.publish.text.numbers import count, interval, percent, plural
from peft_census.snapshot.snapshot import Snapshot


def corrected_text(snapshot: Snapshot, found: dict[str, Any]) -> str:
    """Returns the shares with their intervals, what the labels were, and each stratum's part."""
    raw, authors, corrected = found["raw"], found["by_author"], found["corrected"]
    name = snapshot.manifest.taxonomy.techniques[found["technique"]].name
    lines = [f"{name} under rule {found['rule']}, corrected by labels; cards with a text only"]
    if raw["share"] is None:
        lines.append("  by the tagger  not enough to say: no card is counted")
    else:
        lines += [
            _line("by the tagger", raw["share"], f"{count(raw['numerator'])} of {count(raw['base'])}", raw),
            f"  {'':<14} {'':>9}   {interval(authors['low'], authors['high'])}   {authors['method']}: "
            f"{plural(authors['authors'], 'author')}, worth {authors['effective_n']:,.1f} independent cards",
        ]
    if corrected["share"] is None:
        lines.append("  by the labels  not enough to say: no labelled card is counted")
    else:
        of = f"about {corrected['numerator']:,.0f} of {corrected['base']:,.0f}"
        lines.append(_line("by the labels", corrected["share"], of, corrected))
    lines += ["", f"  {'stratum':<75} {'cards':>9} {'labels':>7} {'differ':>7}"]
    for row in found["strata"]:
        told = f"{row['stratum']} {row['meaning']}"
        lines.append(f"  {told:<75} {count(row['cards']):>9} {count(row['labels']):>7} {count(row['differing']):>7}")
    lines += [
        "",
        f"  {plural(found['labels'], 'label')} used, {count(found['differing'])} differ from the tagger's counts",
    ]
    if not found["enough"]:
        lines.append("  few differ: the corrected interval is wider than 95 % needs (docs/method.md)")
    if found["unread"]:
        lines.append(f"  {plural(found['unread'], 'card')} could not be read; the others of the stratum stand for them")
    if found["outside_taxonomy"]:
        lines.append(f"  counted as techniques of their own: {', '.join(found['outside_taxonomy'])}")
    if found["without_text"]:
        lines.append(f"  left out: {plural(found['without_text'], 'model')} counted by configuration alone")
    return "\n".join(lines)


def _line(who: str, share: float, of: str, bounds: dict[str, Any]) -> str:
    ends = interval(bounds["low"], bounds["high"])
    return f"  {who:<14} {percent(share):>9}   {ends}   {bounds['method']} ({of})"
