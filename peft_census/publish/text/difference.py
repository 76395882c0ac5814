"""Why a number moved, in words: for a terminal, a pull request, a program, a browser.

In: a ``Comparison``. Out: text, Markdown, facts for JSON, a page. Points are rounded so that the printed parts add
up to the printed difference. Model ids come from cards: they are cleaned, cut and escaped.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from peft_census.count.difference import GROUPS, Share, rounded
from peft_census.publish.snapshot_reader import clean, shorten
from peft_census.publish.text.numbers import count, percent
from peft_census.publish.text.table import Table, markdown_safe

DECIMALS = 2
"""Of a percentage point."""


def difference_facts(found: Any) -> dict[str, Any]:
    """Returns the comparison for programs; exact numbers stand as text beside the rounded ones."""
    moved = _moved(found) if found.parts else None
    return {
        "older": found.older,
        "newer": found.newer,
        "rule": found.rule.name,
        "technique": found.technique,
        "same_population": not found.frames,
        "reasons": found.frames,
        "before": _share_facts(found.before),
        "after": _share_facts(found.after),
        "difference": None if moved is None else float(moved),
        "changed_rules": found.changed_rules,
        "reread": found.reread,
        "unread_before": found.unread[0],
        "unread_after": found.unread[1],
        "groups": [
            {
                "group": p.group,
                "meaning": GROUPS[p.group],
                "cards": p.cards,
                "before": _share_facts(p.before),
                "after": _share_facts(p.after),
                "contribution": None if p.contribution is None else float(p.contribution),
                "contribution_exact": None if p.contribution is None else str(p.contribution),
            }
            for p in found.parts
        ],
        "examples": [
            {"group": g, "model_id": m, "before": before, "after": after} for g, m, before, after in found.examples
        ],
    }


def difference_text(found: Any, name: str) -> str:
    """Returns the comparison for a terminal."""
    lines = [*_head(found, name), ""]
    if found.frames:
        return "\n".join([*lines, *(f"  {reason}" for reason in found.frames), *_tail(found)])
    lines.append(f"  {'points':>8}  {'cards':>9}  {'votes before → after':<38}  why")
    lines += [f"  {p:>8}  {n:>9}  {votes:<38}  {why}" for p, n, votes, why in _rows(found)]
    lines += _tail(found)
    if found.examples:
        lines += ["", "cards whose votes changed (the first of each group)"]
        lines += [f"  {g:<13} {m:<60}  {a} → {b}" for g, m, a, b in _examples(found)]
    return "\n".join(lines)


def difference_markdown(found: Any, name: str) -> str:
    """Returns the comparison for a pull request."""
    head, *more = _head(found, name)
    lines = [f"## {markdown_safe(head)}", "", *(markdown_safe(line.strip()) for line in more), ""]
    if found.frames:
        lines += [f"- {markdown_safe(reason)}" for reason in found.frames]
    else:
        lines += ["| points | cards | votes before → after | why |", "|---:|---:|---|---|"]
        lines += [f"| {p} | {n} | {votes} | {markdown_safe(why)} |" for p, n, votes, why in _rows(found)]
    lines += [markdown_safe(line) for line in _tail(found)]
    if found.examples:
        lines += ["", "<details><summary>Cards whose votes changed</summary>", ""]
        lines += ["| group | model | before | after |", "|---|---|---|---|"]
        lines += [f"| {g} | {markdown_safe(m)} | {a} | {b} |" for g, m, a, b in _examples(found)]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def difference_html(found: Any, name: str) -> str:
    """Returns the comparison as a page of its own."""
    environment = Environment(
        loader=PackageLoader("peft_census.publish.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("difference.html.j2").render(
        **change_section(found, name), examples=_examples(found)
    )


def change_csv(found: Any) -> str:
    """Returns what each group of cards did, as CSV: group, cards, points, what it means."""
    rows = [{"why": why, "points": points, "cards": n, "votes": votes} for points, n, votes, why in _change_rows(found)]
    return Table.of(["why", "points", "cards", "votes"], rows).csv()


def change_section(found: Any, name: str) -> dict[str, Any]:
    """Returns the comparison for a section of a snapshot's page; all numbers are words already."""
    head, *more = _head(found, name)
    return {
        "head": head,
        "more": more,
        "frames": found.frames,
        "rows": _change_rows(found),
        "tail": [line for line in _tail(found) if line],
    }


def _change_rows(found: Any) -> list[tuple[str, str, str, str]]:
    return _rows(found) if not found.frames else []


def _head(found: Any, name: str) -> list[str]:
    rule = f"rule {found.rule.name}; {found.older} → {found.newer}"
    shares = f"before {_words(found.before)}, after {_words(found.after)}"
    if found.frames:
        return [f"{name}: no trend, because the two snapshots are of different populations", shares, rule]
    moved = _moved(found)
    if moved is None:
        return [f"{name}: not enough to say, because a base is zero", shares, rule]
    size = f"{float(100 * abs(moved)):.{DECIMALS}f} percentage points"
    way = "unchanged" if not moved else f"{'up' if moved > 0 else 'down'} by {size}"
    return [f"{name}: {way}", shares, rule]


def _tail(found: Any) -> list[str]:
    lines = [""]
    if found.changed_rules:
        lines.append(f"Changed on our side: {', '.join(found.changed_rules)}.")
    if found.reread:
        lines.append(found.reread)
    if any(found.unread):
        lines.append(f"Cards that failed to be read: {count(found.unread[0])} before, {count(found.unread[1])} after.")
    return lines


def _rows(found: Any) -> list[tuple[str, str, str, str]]:
    """Returns points, cards, votes and meaning for each group that has cards, and the sum."""
    known = [p for p in found.parts if p.cards and p.group != "same"]
    moved = _moved(found)
    if moved is None:
        printed = ["–"] * len(known)
        total = "–"
    else:
        values = rounded([100 * (p.contribution or Fraction(0)) for p in known], DECIMALS)
        printed = [f"{float(v):+.{DECIMALS}f}" for v in values]
        total = f"{float(sum(values, Fraction(0))):+.{DECIMALS}f}"
    rows = [
        (points, count(p.cards), f"{_votes(p.before)} → {_votes(p.after)}", GROUPS[p.group])
        for p, points in zip(known, printed, strict=True)
    ]
    return [*rows, (total, "", f"{_votes(found.before)} → {_votes(found.after)}", "the whole difference")]


def _examples(found: Any) -> list[tuple[str, str, str, str]]:
    return [
        (g, shorten(clean(m), 60), ", ".join(a) or "nothing", ", ".join(b) or "nothing")
        for g, m, a, b in found.examples
    ]


def _moved(found: Any) -> Fraction | None:
    before, after = found.before.value, found.after.value
    return None if before is None or after is None else after - before


def _votes(share: Share) -> str:
    return f"{count(float(share.numerator))} of {count(float(share.base))}"


def _words(share: Share) -> str:
    return "no card counted" if share.value is None else f"{percent(float(share.value))} ({_votes(share)})"


def _share_facts(share: Share) -> dict[str, Any]:
    return {
        "numerator": float(share.numerator),
        "base": float(share.base),
        "share": None if share.value is None else float(share.value),
    }
