"""Colors of the charts, for light and for dark backgrounds.

Each technique has the same color in every chart: blue for LoRA, five colors for others, gray for the rest. A test
checks by simulation that the six differ for every kind of color vision and in grayscale. No chart distinguishes
techniques by color alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any


def _technique() -> Any:
    """Returns the field of the color of the technique that it is named after."""
    return field(metadata={"technique": True})


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colors of one kind of background, as hexadecimal RGB.

    Args:
        background: color behind everything.
        ink: text and whiskers.
        muted: secondary text.
        rule: grid lines.
        lora: LoRA, and the main series where a chart has no techniques.
        ia3, adalora, prompt_tuning, textual_inversion, bottleneck_adapter: these techniques.
        others: all other techniques, one by one or together.
        second: the second part of a bar.
        faint: sums of bars, months with few cards.
        banner: background of the mark of a specimen.
        banner_ink: its text.
    """

    background: str
    ink: str
    muted: str
    rule: str
    lora: str = _technique()
    ia3: str = _technique()
    adalora: str = _technique()
    prompt_tuning: str = _technique()
    textual_inversion: str = _technique()
    bottleneck_adapter: str = _technique()
    others: str
    second: str
    faint: str
    banner: str
    banner_ink: str

    def of(self, name: str) -> str:
        """Returns the color ``name`` or that of the technique ``name``; the color of the others if it has none."""
        return str(getattr(self, name, self.others))


TECHNIQUES = tuple(f.name for f in fields(Palette) if f.metadata)
"""Techniques with a color of their own."""

LIGHT = Palette(
    background="#ffffff",
    ink="#1a1a1a",
    muted="#595959",
    rule="#d9d9d9",
    lora="#0072b2",
    ia3="#ac814f",
    adalora="#500f96",
    prompt_tuning="#3e5218",
    textual_inversion="#b60a5f",
    bottleneck_adapter="#4e0712",
    others="#767676",
    second="#e3a46f",
    faint="#c2c2c2",
    banner="#ffd24d",
    banner_ink="#3d2c00",
)
DARK = Palette(
    background="#14171a",
    ink="#e8e8e6",
    muted="#a9adb2",
    rule="#363b41",
    lora="#4aa3dc",
    ia3="#f99345",
    adalora="#56e6ba",
    prompt_tuning="#727638",
    textual_inversion="#fa2588",
    bottleneck_adapter="#e0ee43",
    others="#8c9198",
    second="#80512f",
    faint="#5a5f66",
    banner="#ffd24e",
    banner_ink="#3d2c01",
)

MARKERS = dict(zip(TECHNIQUES, "os^Dvp", strict=True))
"""Techniques to the markers of their lines, which tell them apart without color."""
