"""From charts to files: every chart for light and dark backgrounds, its data and its alt text.

In: charts. Out: for each ``<name>.svg``, ``<name>.png``, ``<name>-dark.svg``, ``<name>-dark.png``, ``<name>.csv`` (the
numbers that are drawn) and ``<name>.txt`` (the alt text); charts for phones in a folder of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peft_census.errors import output_error
from peft_census.publish.charts.layout import NARROW, WIDE
from peft_census.publish.charts.palette import DARK, LIGHT
from peft_census.publish.charts.save import save_chart
from peft_census.publish.charts.spec import ChartSpec
from peft_census.publish.text.shares import data_csv
from peft_census.snapshot.snapshot import Snapshot

SUFFIXES = (".svg", ".png", "-dark.svg", "-dark.png", ".csv", ".txt")
"""What follows a chart's name in the names of its files."""


@dataclass(frozen=True)
class Drawn:
    """A chart and its SVGs: wide and narrow, for light and dark backgrounds."""

    chart: ChartSpec
    wide: Path
    wide_dark: Path
    narrow: Path
    narrow_dark: Path


def draw_charts(snapshot: Snapshot, charts: Sequence[ChartSpec], folder: Path, phone_folder: Path) -> list[Drawn]:
    """Writes the files of ``charts`` into ``folder`` and their SVGs for phones into ``phone_folder``.

    Raises:
        OutputError: a file cannot be written.
    """
    return [_draw(snapshot, chart, folder, phone_folder) for chart in charts]


def _draw(snapshot: Snapshot, chart: ChartSpec, folder: Path, phone_folder: Path) -> Drawn:
    claim, name = chart.claim, chart.name
    texts = {f"{name}.csv": data_csv(snapshot, chart.columns, chart.rows), f"{name}.txt": f"{claim.alt_text}\n"}
    for file, text in texts.items():
        try:
            (folder / file).write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise output_error(folder / file, error) from error
    return Drawn(
        chart,
        save_chart(chart.draw(WIDE, LIGHT), folder / name, claim, LIGHT),
        save_chart(chart.draw(WIDE, DARK), folder / f"{name}-dark", claim, DARK),
        save_chart(chart.draw(NARROW, LIGHT), phone_folder / name, claim, LIGHT, png=False),
        save_chart(chart.draw(NARROW, DARK), phone_folder / f"{name}-dark", claim, DARK, png=False),
    )
