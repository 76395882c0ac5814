"""Renders the tagger's scores for a terminal."""

from __future__ import annotations

from peft_census.count.scores import Disagreement, Scores
from peft_census.publish.text.table import Table

_MAX_EVIDENCE, _MAX_REJECTED = 4, 2


def scores_text(scores: Scores) -> str:
    """Returns the scores, and every card on which labels and tagger differ."""
    one = scores.exactly_one
    rows = [
        [name, f"{figures.precision:.4f}", f"{figures.recall:.4f}", f"{figures.f1:.4f}"]
        for name, figures in (("cited", scores.cited), ("applied", scores.applied), ("negated", scores.negated))
    ]
    rows += [["exactly one", f"{one.precision:.4f}", f"{one.recall:.4f}", ""]]
    rows += [["exact set", f"{scores.exact_set:.4f}", "", ""]]
    techniques = [
        [name[:26], str(row.cards)]
        + [f"{n:.3f}" for n in (row.cited.precision, row.cited.recall, row.applied.precision, row.applied.recall)]
        for name, row in scores.per_technique.items()
    ]
    head = ("technique", "cards", "cited P", "R", "applied P", "R")
    lines = [
        f"{scores.cards} labelled cards",
        *Table(("", "precision", "recall", "F1"), rows).text(),
        "",
        *Table(head, techniques, right=(1,)).text(),
        "",
        f"{len(scores.disagreements)} cards differ",
    ]
    for disagreement in scores.disagreements:
        lines += _disagreement(disagreement)
    return "\n".join(lines)


def _disagreement(card: Disagreement) -> list[str]:
    unsure = "" if card.sure else " (label unsure)"
    lines = [f"{card.id} {card.model_id or ''}{unsure} {card.note}".rstrip()]
    for measure, difference in (("cited", card.cited), ("applied", card.applied), ("negated", card.negated)):
        for kind, techniques in (("missed", difference.missed), ("wrong", difference.wrong)):
            lines += [f"    {measure} {kind}: {', '.join(techniques)}"] if techniques else []
    return lines + [f"      {line}" for line in (*card.evidence[:_MAX_EVIDENCE], *card.rejected[:_MAX_REJECTED])]
