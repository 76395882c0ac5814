"""The only way to write a chart, and the look that all charts share.

In: a Matplotlib figure and what a reader needs to judge it. Out: an SVG and a PNG, byte for byte the same on
every run. Refuses a chart without base, source line, snapshot id or alt text: figures travel without their
page, and a share without its base is a rumour.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path

from peft_census.errors import OutputError, output_error
from peft_census.publish.charts.palette import LIGHT, Palette
from peft_census.publish.snapshot_reader import SPECIMEN_MARK, clean

FOOTER_SIZE, FOOTER_LEADING = 8.0, 0.16
MARGIN = 0.3
"""Inches of paper around everything."""

_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "peft_census",
    "hatch.linewidth": 0.6,
    "path.simplify": False,
}
_DRAWN = "peft-census-footer"
_PNG_DPI = 200
_LONG = re.compile(r"(\.\d\d)\d+")  # a hundredth of a point is finer than any screen


@dataclass(frozen=True)
class ChartFiles:
    """Where a chart was written, with its alt text; without PNG where none was asked for."""

    svg: Path
    png: Path | None
    alt_text: str


@contextmanager
def chart_style(palette: Palette = LIGHT) -> Iterator[None]:
    """Draws in the project's style whatever the reader's own Matplotlib settings are."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A source label may hold letters that the bundled font lacks; the SVG keeps them as text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        matplotlib.rcParams.update({"figure.facecolor": palette.paper, "axes.facecolor": palette.paper})
        matplotlib.rcParams.update({"text.color": palette.ink, "hatch.color": palette.gap})
        yield


def save_chart(
    figure: Figure,
    path_stem: Path,
    *,
    base: str,
    source_line: str,
    snapshot_id: str,
    alt_text: str,
    specimen: bool,
    palette: Palette = LIGHT,
    png: bool = True,
) -> ChartFiles:
    """Adds footer and marks to ``figure`` and writes ``path_stem`` with ``.svg`` and ``.png``.

    Args:
        figure: the chart, without footer; it is changed, and can be saved once.
        path_stem: folder and name without suffix.
        base: what the shares are shares of; drawn in the footer unless the chart shows it already.
        source_line: source and dates of its cards.
        snapshot_id: drawn too where the source line does not hold it.
        alt_text: the chart in words.
        specimen: True for made-up cards: adds a banner and a watermark.
        palette: the colours that the figure was drawn with.
        png: whether to write a PNG too.

    Raises:
        OutputError: something is missing, the figure was saved before, or the files cannot be written.
    """
    given = {"base": base, "source line": source_line, "snapshot id": snapshot_id, "alt text": alt_text}
    missing = [name for name, value in given.items() if not value.strip()]
    if missing:
        raise OutputError(
            f"chart {path_stem.name} has no {' and no '.join(missing)}, so it is not written",
            "take them from the claim that the chart shows.",
        )
    if any(t.get_gid() == _DRAWN for t in figure.texts):
        raise OutputError(f"chart {path_stem.name} was saved before", "draw it anew to write it elsewhere.")
    alt = clean(alt_text)
    with chart_style(palette):
        _frame(figure, _footer(figure, base, source_line, snapshot_id), specimen, palette)
        made = {_with_suffix(path_stem, ".svg"): _svg_bytes(figure, alt, specimen)}
        if png:
            made[_with_suffix(path_stem, ".png")] = _png_bytes(figure, alt)
    for path, data in made.items():
        try:
            path.write_bytes(data)
        except OSError as error:
            raise output_error(path, error) from error
    return ChartFiles(_with_suffix(path_stem, ".svg"), _with_suffix(path_stem, ".png") if png else None, alt)


def wrap(text: str, inches: float, size: float, weight: str = "normal") -> list[str]:
    """Returns ``text`` in lines no wider than ``inches``; a word too long for a line is cut."""
    lines, line = [], ""
    for word in clean(text).replace(" %", "\u00a0%").split(" "):  # a number keeps its per cent sign
        joined = f"{line} {word}" if line else word
        if width(joined, size, weight) <= inches:
            line = joined
            continue
        if line:
            lines.append(line)
        line = word
        while width(line, size, weight) > inches and len(line) > 1:
            cut = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or width(line[:n], size, weight) <= inches)
            lines.append(line[:cut])
            line = line[cut:]
    return [part.replace("\u00a0", " ") for part in (*lines, line)]


@lru_cache(maxsize=4096)
def width(text: str, size: float, weight: str = "normal") -> float:
    """Returns the width of ``text`` in inches."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
        points, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(points) / 72


def _footer(figure: Figure, base: str, source_line: str, snapshot_id: str) -> list[str]:
    """Returns the footer's lines."""
    drawn = clean(" ".join(t.get_text() for t in figure.texts))
    parts = [] if clean(base) in drawn else [f"Base: {base}"]
    parts.append(source_line if snapshot_id in source_line else f"{source_line} · snapshot {snapshot_id}")
    inches = float(figure.get_figwidth()) - 2 * MARGIN
    return [line for part in parts for line in wrap(part, inches, FOOTER_SIZE)]


def _frame(figure: Figure, footer: list[str], specimen: bool, palette: Palette) -> None:
    """Makes room below for the footer and above for the specimen banner, and draws both."""
    above = 0.38 if specimen else 0.0
    below = MARGIN + FOOTER_LEADING * len(footer) + 0.1
    wide, tall = (float(v) for v in figure.get_size_inches())
    total = tall + above + below
    for axes in figure.axes:
        box = axes.get_position(original=True)
        axes.set_position((box.x0, (box.y0 * tall + below) / total, box.width, box.height * tall / total))
    for text in figure.texts:
        text.set_y((text.get_position()[1] * tall + below) / total)
    figure.set_layout_engine("none")
    figure.set_size_inches(wide, total)
    for i, line in enumerate(footer):
        y = (below - 0.1 - FOOTER_LEADING * (i + 1)) / total
        figure.text(MARGIN / wide, y, line, fontsize=FOOTER_SIZE, color=palette.muted, gid=_DRAWN, parse_math=False)
    if specimen:
        _mark_specimen(figure, above / total, palette)


def _mark_specimen(figure: Figure, height: float, palette: Palette) -> None:
    """Draws the banner and, over everything, the watermark: cropping one leaves the other."""
    figure.add_artist(
        Rectangle((0, 1 - height), 1, height, transform=figure.transFigure, color=palette.banner, zorder=4)
    )
    wide = float(figure.get_figwidth())
    words = SPECIMEN_MARK
    size = min(11.0, 11.0 * (wide - 0.3) / width(words, 11, "bold"))
    style: dict[str, Any] = {"ha": "center", "va": "center", "weight": "bold"}
    figure.text(0.5, 1 - height / 2, words, fontsize=size, color=palette.banner_ink, zorder=5, **style)
    figure.text(
        0.5,
        (1 - height) / 2,
        "SPECIMEN\nshares mean nothing",
        fontsize=5 * wide,
        color=palette.ink,
        alpha=0.1,
        rotation=28,
        zorder=6,
        **style,
    )


def _svg_bytes(figure: Figure, alt_text: str, specimen: bool) -> bytes:
    """Returns the SVG with its alt text; neither date nor version is in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    name = "Chart of a specimen" if specimen else "Chart"
    described = (
        f'\\1 role="img" aria-labelledby="chart-title chart-desc">\n'
        f' <title id="chart-title">{name}, peft_census</title>\n'
    )
    drawn = re.sub(r' (?:d|x|y)="[^"]*"', lambda found: _LONG.sub(r"\1", found[0]), buffer.getvalue().decode())
    text = re.sub(r"(<svg\b[^>]*)>", described, drawn, count=1)
    desc = f' <desc id="chart-desc">{escape(alt_text)}</desc>\n'
    return text.replace("</title>\n", f"</title>\n{desc}", 1).encode()


def _png_bytes(figure: Figure, alt_text: str) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_PNG_DPI, metadata={"Software": None, "Description": alt_text})
    return buffer.getvalue()


def _with_suffix(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)
