"""Renders a comparison of two snapshots as text, Markdown, JSON and a page.

In: a ``Comparison``. Out: strings. Points are rounded so that the printed parts add up to the printed difference. Model
ids are untrusted: they are cleaned, truncated and escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from peft_census.count.difference import GROUPS, Comparison, Share, rounded
from peft_census.publish.snapshot_reader import clean, shorten
from peft_census.publish.text.numbers import count, percent
from peft_census.publish.text.table import Table, markdown_safe

DECIMALS = 2
"""Of a percentage point."""
_MAX_ID = 60


@dataclass(frozen=True)
class ChangeSection:
    """A comparison in words.

    Args:
        head: the finding.
        more: sentences below it.
        frames: why the populations differ; empty if they do not.
        rows: points, cards, votes and meaning of each group and of the sum; empty for different populations.
        tail: notes.
    """

    head: str
    more: list[str]
    frames: list[str]
    rows: list[tuple[str, str, str, str]]
    tail: list[str]

    @property
    def lines(self) -> list[str]:
        """All sentences."""
        return [self.head, *self.more, *self.frames, *self.tail]


def change_section(comparison: Comparison, name: str) -> ChangeSection:
    """Returns the comparison in words; ``name`` is the display name of the technique."""
    difference = comparison.difference
    if comparison.reasons:
        head = f"{name}: no trend, because the two snapshots are of different populations"
    elif difference is None:
        head = f"{name}: not enough to say, because a base is zero"
    elif not difference:
        head = f"{name}: unchanged"
    else:
        size = f"{float(100 * abs(difference)):.{DECIMALS}f} percentage points"
        head = f"{name}: {'up' if difference > 0 else 'down'} by {size}"
    more = [
        f"before {_share(comparison.before)}, after {_share(comparison.after)}",
        f"rule {comparison.rule.name}; {comparison.older} → {comparison.newer}",
    ]
    rows = [] if comparison.reasons else _rows(comparison)
    return ChangeSection(head, more, comparison.reasons, rows, _notes(comparison))


def change_sentence(comparison: Comparison, name: str) -> str:
    """Returns the change for readers of a text: both shares, the difference, its largest part, what limits it."""
    before, after = _share(comparison.before), _share(comparison.after)
    sides = f"{name}'s share was {before} in snapshot {comparison.older} and is {after} now"
    parts = [(part.contribution, part.group) for part in comparison.parts if part.contribution]
    if comparison.reasons:
        why = "; ".join(comparison.reasons)
        return f"{sides}. This is not a trend, because the two snapshots are of different populations: {why}."
    if comparison.difference is None or not parts:
        return f"{sides}."
    largest, group = max(parts, key=lambda part: float(abs(part[0])))
    points = f"{_points(100 * comparison.difference)} percentage points"
    return (
        f"{sides}, a difference of {points}. The largest part, {_points(100 * largest)} points, "
        f"comes from one group: {GROUPS[group]}. {_retagging(comparison)}"
    )


def difference_json(comparison: Comparison) -> dict[str, Any]:
    """Returns the comparison for JSON; exact fractions are given as text."""
    return {
        "older": comparison.older,
        "newer": comparison.newer,
        "rule": comparison.rule.name,
        "technique": comparison.technique,
        "same_population": not comparison.reasons,
        "reasons": comparison.reasons,
        "before": _share_json(comparison.before),
        "after": _share_json(comparison.after),
        "difference": None if comparison.reasons else _float(comparison.difference),
        "changed_rules": comparison.changed_rules,
        "reread": _retagging(comparison),
        "unread_before": comparison.unread[0],
        "unread_after": comparison.unread[1],
        "groups": [
            {
                "group": part.group,
                "meaning": GROUPS[part.group],
                "cards": part.cards,
                "before": _share_json(part.before),
                "after": _share_json(part.after),
                "contribution": _float(part.contribution),
                "contribution_exact": None if part.contribution is None else str(part.contribution),
            }
            for part in comparison.parts
        ],
        "examples": [
            {"group": e.group, "model_id": e.model_id, "before": e.before, "after": e.after}
            for e in comparison.examples
        ],
    }


def difference_text(comparison: Comparison, name: str) -> str:
    """Returns the comparison for a terminal."""
    section, examples = change_section(comparison, name), _examples(comparison)
    lines = [section.head, *section.more, ""]
    lines += [f"  {reason}" for reason in section.frames] or _group_table(section).text("  ")
    lines += ["", *section.tail]
    if examples.rows:
        lines += ["", "cards whose votes changed (the first of each group)", *examples.text("  ")]
    return "\n".join(lines)


def difference_markdown(comparison: Comparison, name: str) -> str:
    """Returns the comparison for a pull request."""
    section, examples = change_section(comparison, name), _examples(comparison)
    lines = [f"## {markdown_safe(section.head)}", "", *map(markdown_safe, section.more), ""]
    lines += [f"- {markdown_safe(reason)}" for reason in section.frames] or _group_table(section).markdown()
    lines += ["", *map(markdown_safe, section.tail)]
    if examples.rows:
        lines += ["", "<details><summary>Cards whose votes changed</summary>", "", *examples.markdown()]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def difference_html(comparison: Comparison, name: str) -> str:
    """Returns the comparison as a page."""
    environment = Environment(
        loader=PackageLoader("peft_census.publish.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    template = environment.get_template("difference.html.j2")
    return template.render(vars(change_section(comparison, name)), examples=_examples(comparison).rows)


def change_csv(comparison: Comparison) -> str:
    """Returns the part of each group as CSV: meaning, points, cards, votes."""
    rows = [] if comparison.reasons else _rows(comparison)
    table = Table(["why", "points", "cards", "votes"], [(why, points, n, votes) for points, n, votes, why in rows])
    return table.csv()


def _group_table(section: ChangeSection) -> Table:
    return Table(("points", "cards", "votes before → after", "why"), section.rows, right=(0, 1))


def _notes(comparison: Comparison) -> list[str]:
    notes = []
    if comparison.changed_rules:
        notes.append(f"Changed in peft_census: {', '.join(comparison.changed_rules)}.")
    if retagging := _retagging(comparison):
        notes.append(retagging)
    if any(comparison.unread):
        before, after = map(count, comparison.unread)
        notes.append(f"Cards that could not be read: {before} before, {after} after.")
    return notes


def _retagging(comparison: Comparison) -> str:
    if comparison.reasons:
        return ""
    if comparison.retagged:
        return "The older cards were tagged again by the present rules."
    if not comparison.changed_rules:
        return "The rules did not change."
    return (
        "The older cards were not available: the part of the rules is that of cards whose text did not change; in "
        "edited and deleted cards it is not separable from the authors' changes. Name the older source with --cards."
    )


def _rows(comparison: Comparison) -> list[tuple[str, str, str, str]]:
    """Returns points, cards, votes and meaning of each group with cards, and of the sum."""
    parts = [part for part in comparison.parts if part.cards and part.group != "same"]
    printed, total = ["–"] * len(parts), "–"
    if comparison.difference is not None:
        values = rounded([100 * (part.contribution or Fraction(0)) for part in parts], DECIMALS)
        printed = [_points(value) for value in values]
        total = _points(sum(values, Fraction(0)))
    rows = [
        (points, count(part.cards), f"{_votes(part.before)} → {_votes(part.after)}", GROUPS[part.group])
        for part, points in zip(parts, printed, strict=True)
    ]
    return [*rows, (total, "", f"{_votes(comparison.before)} → {_votes(comparison.after)}", "the whole difference")]


def _examples(comparison: Comparison) -> Table:
    rows = [
        (
            e.group,
            shorten(clean(e.model_id), _MAX_ID),
            ", ".join(e.before) or "nothing",
            ", ".join(e.after) or "nothing",
        )
        for e in comparison.examples
    ]
    return Table(("group", "model", "before", "after"), rows)


def _points(value: Fraction) -> str:
    return f"{float(value):+.{DECIMALS}f}"


def _votes(share: Share) -> str:
    return f"{count(float(share.numerator))} of {count(float(share.base))}"


def _share(share: Share) -> str:
    return "no card counted" if share.value is None else f"{percent(float(share.value))} ({_votes(share)})"


def _share_json(share: Share) -> dict[str, float | None]:
    return {"numerator": float(share.numerator), "base": float(share.base), "share": _float(share.value)}


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
