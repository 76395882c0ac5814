"""From charts to files: every chart for light and dark backgrounds, its data and its alt text.

In: charts. Out: for each ``<name>.svg``, ``<name>.png``, ``<name>-dark.svg``, ``<name>-dark.png``, ``<name>.csv`` (the
numbers that are drawn) and ``<name>.txt`` (the alt text); SVGs for phones in a folder of their own; on request PNGs in
the formats of social networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peft_census.errors import output_error
from peft_census.publish.charts.layout import PAGE, PHONE, SOCIAL
from peft_census.publish.charts.palette import DARK, LIGHT
from peft_census.publish.charts.save import draw, png_bytes, svg_text
from peft_census.publish.charts.spec import ChartSpec
from peft_census.publish.text.shares import data_csv
from peft_census.snapshot.snapshot import Snapshot

SUFFIXES = (".svg", ".png", "-dark.svg", "-dark.png", ".csv", ".txt")
"""What follows a chart's name in the names of its files."""

SOCIAL_SUFFIXES = tuple(f"-{form.name}{dark}.png" for form in SOCIAL for dark in ("", "-dark"))
"""The same for social networks."""


@dataclass(frozen=True)
class Drawn:
    """A chart and its SVGs: wide and narrow, for light and dark backgrounds."""

    chart: ChartSpec
    wide: Path
    wide_dark: Path
    narrow: Path
    narrow_dark: Path


def draw_charts(
    snapshot: Snapshot, charts: Sequence[ChartSpec], folder: Path, phone_folder: Path, social: bool = False
) -> list[Drawn]:
    """Writes the files of ``charts`` into ``folder`` and their SVGs for phones into ``phone_folder``.

    Args:
        snapshot: what they are about.
        charts: to draw.
        folder: of the files.
        phone_folder: of the SVGs for phones.
        social: whether to draw the formats of social networks as well.

    Raises:
        OutputError: a file cannot be written, or a claim is incomplete.
    """
    return [_draw(snapshot, chart, folder, phone_folder, social) for chart in charts]


def _draw(snapshot: Snapshot, chart: ChartSpec, folder: Path, phone_folder: Path, social: bool) -> Drawn:
    claim, name = chart.claim, chart.name
    page, phone = draw(chart, PAGE), draw(chart, PHONE)
    files: dict[Path, str | bytes] = {
        folder / f"{name}.csv": data_csv(snapshot, chart.columns, chart.rows),
        folder / f"{name}.txt": f"{claim.alt_text}\n",
    }
    for palette, dark in ((LIGHT, ""), (DARK, "-dark")):
        files[folder / f"{name}{dark}.svg"] = svg_text(page, claim, palette)
        files[phone_folder / f"{name}{dark}.svg"] = svg_text(phone, claim, palette)
        files[folder / f"{name}{dark}.png"] = png_bytes(page, claim, PAGE, palette)
        for form in SOCIAL if social else ():
            files[folder / f"{name}-{form.name}{dark}.png"] = png_bytes(draw(chart, form), claim, form, palette)
    for file, data in files.items():
        try:
            file.write_bytes(data if isinstance(data, bytes) else data.encode())
        except OSError as error:
            raise output_error(file, error) from error
    svgs = (place / f"{name}{dark}.svg" for place in (folder, phone_folder) for dark in ("", "-dark"))
    return Drawn(chart, *svgs)
