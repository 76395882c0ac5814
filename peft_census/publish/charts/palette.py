"""Colours of the charts, for light and for dark paper.

The series colours are those of Okabe and Ito (Color Universal Design, 2008), lightened for dark paper. They stay
apart for every kind of colour vision, which a test checks by simulation, and no chart tells things by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """The colours of one kind of paper, as hexadecimal RGB.

    Args:
        name: ``light`` or ``dark``.
        paper: background.
        ink: text and whiskers.
        muted: text of second rank.
        rule: grid lines.
        leader: the technique that a chart is about.
        others: everything beside it.
        summed: bars that are sums of others.
        third: a third series.
        gap: hatching where there is nothing to say.
        banner: background of the specimen's mark.
        banner_ink: its text.
    """

    name: str
    paper: str
    ink: str
    muted: str
    rule: str
    leader: str
    others: str
    summed: str
    third: str
    gap: str
    banner: str = "#ffd24d"
    banner_ink: str = "#3d2c00"


LIGHT = Palette(
    name="light",
    paper="#ffffff",
    ink="#1a1a1a",
    muted="#595959",
    rule="#d0d0d0",
    leader="#0072b2",
    others="#c85400",
    summed="#e9b98f",
    third="#3d3d3d",
    gap="#8a8a8a",
)
DARK = Palette(
    name="dark",
    paper="#14171a",
    ink="#e8e8e6",
    muted="#a9adb2",
    rule="#363b41",
    leader="#4aa3dc",
    others="#ff9d5c",
    summed="#80512f",
    third="#d9d9d6",
    gap="#8c9198",
)
