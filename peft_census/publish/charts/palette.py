"""Colors of the charts, for light and for dark backgrounds.

The series colors are those of Okabe and Ito (Color Universal Design, 2008), lightened for dark backgrounds. A test
checks by simulation that they differ for every kind of color vision. No chart distinguishes things by color alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """The colors of one kind of background, as hexadecimal RGB.

    Args:
        name: ``light`` or ``dark``.
        background: color behind everything.
        ink: text and whiskers.
        muted: secondary text.
        rule: grid lines.
        leader: the technique that a chart is about.
        others: everything else.
        summed: bars that are sums of others.
        gap: hatching for missing values.
        banner: background of the mark of a specimen.
        banner_ink: its text.
    """

    name: str
    background: str
    ink: str
    muted: str
    rule: str
    leader: str
    others: str
    summed: str
    gap: str
    banner: str = "#ffd24d"
    banner_ink: str = "#3d2c00"


LIGHT = Palette(
    name="light",
    background="#ffffff",
    ink="#1a1a1a",
    muted="#595959",
    rule="#d0d0d0",
    leader="#0072b2",
    others="#c85400",
    summed="#e9b98f",
    gap="#8a8a8a",
)
DARK = Palette(
    name="dark",
    background="#14171a",
    ink="#e8e8e6",
    muted="#a9adb2",
    rule="#363b41",
    leader="#4aa3dc",
    others="#ff9d5c",
    summed="#80512f",
    gap="#8c9198",
)
