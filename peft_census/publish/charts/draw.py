"""From pictures to files: every chart for light and dark paper, its data and its words.

In: pictures. Out: for each ``<name>.svg``, ``<name>.png``, ``<name>-dark.svg``, ``<name>-dark.png``, ``<name>.csv``
(the numbers that are drawn) and ``<name>.txt`` (the picture in words); charts for phones into a folder of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peft_census.errors import output_error
from peft_census.publish.charts.layout import NARROW, WIDE
from peft_census.publish.charts.palette import DARK, LIGHT, Palette
from peft_census.publish.charts.save import save_chart
from peft_census.publish.charts.spec import ChartSpec
from peft_census.publish.snapshot_reader import SnapshotLike
from peft_census.publish.text.tables import data_csv

SUFFIXES = (".svg", ".png", "-dark.svg", "-dark.png", ".csv", ".txt")
"""What follows a picture's name in the names of its files."""


@dataclass(frozen=True)
class Drawn:
    """A picture and the files of its charts: for wide and narrow, light and dark paper."""

    chart: ChartSpec
    wide: Path
    wide_dark: Path
    narrow: Path
    narrow_dark: Path


def draw_charts(snapshot: SnapshotLike, charts: Sequence[ChartSpec], folder: Path, aside: Path) -> list[Drawn]:
    """Writes the files of ``pictures`` into ``folder`` and their charts for phones into ``aside``.

    Raises:
        OutputError: a file cannot be written.
    """
    return [_draw(snapshot, chart, folder, aside) for chart in charts]


def _draw(snapshot: SnapshotLike, chart: ChartSpec, folder: Path, aside: Path) -> Drawn:
    claim = chart.claim
    texts = {
        f"{chart.name}.csv": data_csv(snapshot, chart.columns, chart.rows),
        f"{chart.name}.txt": f"{claim.alt_text}\n",
    }
    for name, text in texts.items():
        try:
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise output_error(folder / name, error) from error

    def save(stem: Path, wide: float, palette: Palette, png: bool) -> Path:
        return save_chart(
            chart.draw(wide, palette),
            stem,
            base=claim.subtitle,
            source_line=claim.source_line,
            snapshot_id=claim.snapshot_id,
            alt_text=claim.alt_text,
            specimen=claim.specimen,
            palette=palette,
            png=png,
        ).svg

    return Drawn(
        chart,
        save(folder / chart.name, WIDE, LIGHT, True),
        save(folder / f"{chart.name}-dark", WIDE, DARK, True),
        save(aside / chart.name, NARROW, LIGHT, False),
        save(aside / f"{chart.name}-dark", NARROW, DARK, False),
    )
