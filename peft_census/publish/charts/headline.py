"""The headline chart: the leading technique against all others, then the others on an enlarged scale.

Two panels, because a bar of 98% and bars of a hundredth of a percent cannot be read on one scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from peft_census.publish.charts.bars import ROW, Bar, bar_room, draw_bars
from peft_census.publish.charts.layout import Panel, make_figure
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.save import chart_style
from peft_census.publish.charts.spec import ChartSpec
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import HEADLINE, break_down
from peft_census.publish.snapshot_reader import Share, read_shares, select
from peft_census.publish.text.numbers import count, percent_label, plural
from peft_census.snapshot.snapshot import Snapshot

NAME = HEADLINE


@dataclass(frozen=True)
class _BarPanel:
    """Heading, bars, and the share at the right end of the axis."""

    head: str
    bars: list[Bar]
    end: float


def make_chart(snapshot: Snapshot, headline: Claim) -> ChartSpec:
    """Returns the chart of ``headline``; an empty frame if it has no share."""
    shares = select(read_shares(snapshot), headline.rule or "")
    others = [s for s in shares if s.technique != headline.technique]
    columns = [f.name for f in fields(Share)]
    return ChartSpec(
        NAME, headline, columns, [vars(s) for s in shares], lambda wide, palette: _draw(headline, others, wide, palette)
    )


def _draw(claim: Claim, others: Sequence[Share], wide: float, palette: Palette) -> Figure:
    with chart_style(palette):
        panels = _panels(claim, others, palette)
        names, values = bar_room([bar for panel in panels for bar in panel.bars], wide)
        layout = [Panel(ROW * len(panel.bars), panel.head, names, values) for panel in panels]
        figure, axes = make_figure(claim, _note(panels), wide, palette, layout or [Panel(0.8, below=0.1)])
        if not panels:
            _draw_nothing(axes[0], palette)
        for panel, drawn in zip(panels, axes, strict=False):
            draw_bars(drawn, panel.bars, panel.end, names, wide, palette)
    return figure


def _panels(claim: Claim, others: Sequence[Share], palette: Palette) -> list[_BarPanel]:
    if claim.share is None:
        return []
    panels = [_BarPanel("", _first_panel(claim, others, palette), 1.0)]
    bars = _small_bars(list(others), palette)
    if bars:
        rest = claim.base - claim.numerator
        cards = "card" if rest == 1 else plural(rest, "card")
        head = f"The other {cards} ({percent_label(rest / claim.base)}) by technique (enlarged scale)"
        panels.append(_BarPanel(head, bars, max(max(b.share, b.bounds[1] if b.bounds else 0) for b in bars)))
    return panels


def _first_panel(claim: Claim, others: Sequence[Share], palette: Palette) -> list[Bar]:
    rest = claim.base - claim.numerator
    share, low, high = claim.share or 0.0, claim.low or 0.0, claim.high or 0.0
    techniques = sum(s.numerator > 0 for s in others)
    name = plural(techniques, "other technique") if techniques else "Any other technique"
    return [
        Bar(claim.name or "", share, (low, high), _value(share, claim.numerator), palette.leader, True),
        # The interval of the others mirrors that of the leader.
        Bar(name, 1 - share, (1 - high, 1 - low), _value(rest / claim.base, rest), palette.others),
    ]


def _small_bars(others: list[Share], palette: Palette) -> list[Bar]:
    shown, summed = break_down(others)
    bars = [Bar(s.name, s.share, (s.low, s.high), _value(s.share, s.numerator), palette.others) for s in shown]
    if summed:
        votes, share = sum(s.numerator for s in summed), sum(s.share for s in summed)
        bars.append(Bar(f"{len(summed)} others", share, None, _value(share, votes), palette.summed))
    return bars


def _value(share: float, cards: float) -> str:
    return f"{percent_label(share)}  ·  {count(cards)}"


def _draw_nothing(axes: Axes, palette: Palette) -> None:
    """Draws an empty frame, because there is no share, not even of 0%."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=palette.muted, linestyle=(0, (4, 4)))
    axes.text(0.5, 0.5, "nothing to count", ha="center", va="center", color=palette.muted, fontsize=12)


def _note(panels: list[_BarPanel]) -> str:
    if not panels:
        return "Without a card to count there is no share, not even zero."
    text = (
        "Labels: share and number of cards. Whiskers: 95% interval, clustered by author (sampling error only). "
        "A mention does not prove use."
    )
    return f"{text} No other technique is cited." if len(panels) == 1 else text
