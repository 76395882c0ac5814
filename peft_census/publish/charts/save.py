"""The only way to write a chart, and the style that all charts share.

In: a Matplotlib figure and its claim. Out: an SVG and a PNG, byte for byte the same on every run. A chart without base,
source line, snapshot id or alt text is not written, because charts are shared without their page.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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
from peft_census.publish.claims.claim import Claim
from peft_census.publish.snapshot_reader import SPECIMEN_MARK, clean

FOOTER_SIZE, FOOTER_LEADING = 8.0, 0.16
MARGIN = 0.3
"""Inches of blank space around everything."""

_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "peft_census",
    "hatch.linewidth": 0.6,
    "path.simplify": False,
}
_FOOTER = "peft-census-footer"
_PNG_DPI = 200
_LONG = re.compile(r"(\.\d\d)\d+")  # a hundredth of a point is finer than any screen


@contextmanager
def chart_style(palette: Palette = LIGHT) -> Iterator[None]:
    """Sets the project's style, independent of the user's Matplotlib settings."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A source label may have letters that the bundled font lacks; the SVG keeps them as text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        matplotlib.rcParams.update({"figure.facecolor": palette.background, "axes.facecolor": palette.background})
        matplotlib.rcParams.update({"text.color": palette.ink, "hatch.color": palette.gap})
        yield


def save_chart(figure: Figure, stem: Path, claim: Claim, palette: Palette = LIGHT, png: bool = True) -> Path:
    """Adds footer and marks to ``figure``, writes ``stem`` with ``.svg`` and ``.png``, and returns the SVG.

    Args:
        figure: the chart, without footer; it is changed, and can be saved only once.
        stem: folder and name without suffix.
        claim: what the chart shows.
        palette: the colors that the figure was drawn with.
        png: whether to write a PNG too.

    Raises:
        OutputError: something is missing, the figure was saved before, or the files cannot be written.
    """
    files = {stem.with_name(f"{stem.name}.svg"): chart_svg(figure, claim, palette)}
    if png:
        with chart_style(palette):
            files[stem.with_name(f"{stem.name}.png")] = _png_bytes(figure, clean(claim.alt_text))
    for path, data in files.items():
        try:
            path.write_bytes(data)
        except OSError as error:
            raise output_error(path, error) from error
    return next(iter(files))


def chart_svg(figure: Figure, claim: Claim, palette: Palette) -> bytes:
    """Adds footer and marks to ``figure`` and returns it as SVG; arguments as for ``save_chart``."""
    required = {
        "base": claim.subtitle,
        "source line": claim.source_line,
        "snapshot id": claim.snapshot_id,
        "alt text": claim.alt_text,
    }
    missing = [name for name, value in required.items() if not value.strip()]
    if missing:
        raise OutputError(f"the claim {claim.id} has no {' and no '.join(missing)}, so its chart is not written")
    if any(t.get_gid() == _FOOTER for t in figure.texts):
        raise OutputError(f"the chart of claim {claim.id} was saved before", "draw it again to save it elsewhere.")
    with chart_style(palette):
        _frame(figure, _footer(figure, claim), claim.specimen, palette)
        return _svg_bytes(figure, clean(claim.alt_text), claim.specimen)


def wrap(text: str, inches: float, size: float, weight: str = "normal") -> list[str]:
    """Returns ``text`` in lines no wider than ``inches``; a word too long for a line is cut."""
    lines, line = [], ""
    for word in clean(text).split(" "):
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
    return [*lines, line]


@lru_cache(maxsize=4096)
def width(text: str, size: float, weight: str = "normal") -> float:
    """Returns the width of ``text`` in inches."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
        points, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(points) / 72


def _footer(figure: Figure, claim: Claim) -> list[str]:
    """Returns the lines of the footer: the base unless the figure shows it, the source line, the snapshot."""
    drawn = clean(" ".join(t.get_text() for t in figure.texts))
    parts = [] if clean(claim.subtitle) in drawn else [f"Base: {claim.subtitle}"]
    by = "" if claim.snapshot_id in claim.source_line else f" · snapshot {claim.snapshot_id}"
    parts.append(claim.source_line + by)
    inches = float(figure.get_figwidth()) - 2 * MARGIN
    return [line for part in parts for line in wrap(part, inches, FOOTER_SIZE)]


def _frame(figure: Figure, footer: list[str], specimen: bool, palette: Palette) -> None:
    """Adds space below for the footer and above for the banner of a specimen, and draws both."""
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
        figure.text(MARGIN / wide, y, line, fontsize=FOOTER_SIZE, color=palette.muted, gid=_FOOTER, parse_math=False)
    if specimen:
        _mark_specimen(figure, above / total, palette)


def _mark_specimen(figure: Figure, height: float, palette: Palette) -> None:
    """Draws the banner and, over everything, the watermark, so that cropping cannot remove both."""
    figure.add_artist(
        Rectangle((0, 1 - height), 1, height, transform=figure.transFigure, color=palette.banner, zorder=4)
    )
    wide = float(figure.get_figwidth())
    size = min(11.0, 11.0 * (wide - 0.3) / width(SPECIMEN_MARK, 11, "bold"))
    style: dict[str, Any] = {"ha": "center", "va": "center", "weight": "bold"}
    figure.text(0.5, 1 - height / 2, SPECIMEN_MARK, fontsize=size, color=palette.banner_ink, zorder=5, **style)
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
    """Returns the SVG with its alt text, without date and version."""
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
