"""The headline chart: the leading technique against all others, then the others on an enlarged scale.

Two panels, because a bar of 98% and bars of a hundredth of a percent cannot be read on one scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from peft_census.publish.charts.frame import Frame
from peft_census.publish.charts.marks import Words, box
from peft_census.publish.charts.rows import Row, Rows, axis_end
from peft_census.publish.charts.spec import ChartSpec, Panel
from peft_census.publish.charts.wording import INTERVALS, carries, who
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import HEADLINE, break_down
from peft_census.publish.snapshot_reader import Share, read_shares, select
from peft_census.publish.text.numbers import count, interval, percent_label, plural
from peft_census.snapshot.snapshot import Snapshot

NAME = HEADLINE
ENLARGED = 0.3
"""Share of another technique above which all stand on one scale."""


@dataclass(frozen=True, kw_only=True)
class _Nothing(Panel):
    """An empty frame, because there is no share, not even of 0%."""

    def left(self, wide: float) -> float:
        return 0.0

    def right(self, wide: float) -> float:
        return 0.0

    def tall(self) -> float:
        return 0.8

    def draw(self, frame: Frame) -> None:
        frame.marks.append(box(frame.x, frame.y, frame.wide, frame.tall, "background", "muted"))
        middle = frame.y + frame.tall / 2
        frame.marks.append(Words(frame.x + frame.wide / 2, middle, "nothing to count", 12.0, "muted", "middle"))


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec:
    """Returns the chart of ``headline``; an empty frame if it has no share."""
    shares = select(read_shares(snapshot), headline.rule or "")
    others = [s for s in shares if s.technique != headline.technique]
    columns = [f.name for f in fields(Share)]
    rows = [vars(s) for s in shares]
    if headline.share is None:
        note = "Without a card to count there is no share, not even zero."
        return ChartSpec(NAME, headline, columns, rows, [_Nothing()], note)
    note = f"{INTERVALS} A mention does not prove use."
    panels, bars = [_first_panel(headline, others)], _small_bars(others)
    if bars and (bars[0].share or 0.0) > ENLARGED:  # nothing to enlarge
        panels = [Rows(rows=[panels[0].rows[0], *bars], x_title="Share of the cards")]
    elif bars:
        panels.append(_second_panel(headline, bars))
    else:
        note += " No other technique is cited."
    return ChartSpec(NAME, _worded(snapshot, headline), columns, rows, panels, note)


def _worded(snapshot: Snapshot, headline: Claim) -> Claim:
    """Returns the headline with the texts of the chart; a share of few cards is described, not stated."""
    name = headline.name or ""
    low, high = headline.low or 0.0, headline.high or 0.0
    subtitle = who(
        snapshot,
        headline.base,
        "model cards that cite exactly one technique",
        f"variants such as QLoRA count as {name}" if headline.technique == "lora" else "variants are grouped",
        f"95% interval of {name}: {interval(low, high)}",
    )
    if carries(headline.effective_n, low, high):
        return replace(headline, subtitle=subtitle)
    return replace(headline, title=f"{name} and the other techniques that model cards cite", subtitle=subtitle)


def _first_panel(claim: Claim, others: Sequence[Share]) -> Rows:
    rest, base = claim.base - claim.numerator, claim.base
    share, low, high = claim.share or 0.0, claim.low or 0.0, claim.high or 0.0
    techniques = sum(s.numerator > 0 for s in others)
    name = plural(techniques, "other technique") if techniques else "Any other technique"
    rows = [
        Row(claim.name or "", share, (low, high), _values(share, claim.numerator), claim.technique or "", True),
        # The interval of the others mirrors that of the leader.
        Row(name, 1 - share, (1 - high, 1 - low), _values(rest / base, rest)),
    ]
    return Rows(rows=rows, x_title="Share of the cards")


def _second_panel(claim: Claim, rows: list[Row]) -> Rows:
    rest = claim.base - claim.numerator
    cards = "card" if rest == 1 else plural(rest, "card")
    end = axis_end([max(r.share or 0, r.bounds[1] if r.bounds else 0) for r in rows])
    head = f"The other {cards} ({percent_label(rest / claim.base)}), enlarged"
    return Rows(rows=rows, head=head, ends=(0.0, end), x_title="Share of all the cards (enlarged scale)")


def _small_bars(others: list[Share]) -> list[Row]:
    shown, summed = break_down(others)
    rows = [Row(s.name, s.share, (s.low, s.high), _values(s.share, s.numerator), s.technique) for s in shown]
    if summed:
        votes, share = sum(s.numerator for s in summed), sum(s.share for s in summed)
        rows.append(Row(f"{len(summed)} others", share, None, _values(share, votes), "faint"))
    return rows


def _values(share: float, cards: float) -> tuple[str, str]:
    return percent_label(share), count(cards)
