"""From the marks of a chart to the bytes of its files, the same on every run.

A chart without subtitle, source line, snapshot id or alt text is not written, because charts are shared without their
page. The texts of an SVG stay texts; a PNG is rasterized once, by Matplotlib's renderer.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from peft_census.errors import OutputError
from peft_census.publish.charts.layout import Format, compose
from peft_census.publish.charts.marks import Disc, Mark, Place, Shape, Sheet, Stroke, Words
from peft_census.publish.charts.measure import FONT, width
from peft_census.publish.charts.palette import Palette
from peft_census.publish.charts.spec import ChartSpec
from peft_census.publish.claims.claim import Claim
from peft_census.publish.snapshot_reader import clean

_ZLIB_LEVEL = 3
"""Levels above take longer than they save bytes of a chart."""
_EDGE = 1.1
"""Points of the edges of markers."""


def draw(chart: ChartSpec, form: Format) -> Sheet:
    """Returns the marks of ``chart`` in a format.

    Raises:
        OutputError: its claim has no base, source line, snapshot id or alt text.
    """
    claim = chart.claim
    required = {
        "base": claim.subtitle,
        "source line": claim.source_line,
        "snapshot id": claim.snapshot_id,
        "alt text": claim.alt_text,
    }
    missing = [name for name, value in required.items() if not value.strip()]
    if missing:
        raise OutputError(f"the claim {claim.id} has no {' and no '.join(missing)}, so its chart is not written")
    return compose(chart, form)


def svg_text(sheet: Sheet, claim: Claim, palette: Palette) -> str:
    """Returns ``sheet`` as SVG with the alt text of ``claim``."""
    wide, tall = (_points(v) for v in (sheet.wide, sheet.tall))
    name = "Chart of a specimen" if claim.specimen else "Chart"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}pt" height="{tall}pt" viewBox="0 0 {wide} {tall}" '
            f'role="img" aria-labelledby="chart-title chart-desc" font-family="{FONT}, Verdana, sans-serif">',
            f'<title id="chart-title">{name}, peft_census</title>',
            f'<desc id="chart-desc">{escape(clean(claim.alt_text))}</desc>',
            f'<rect width="{wide}" height="{tall}" fill="{palette.background}"/>',
            *(_element(mark, palette) for mark in sheet.marks),
            "</svg>\n",
        ]
    )


def _element(mark: Mark, palette: Palette) -> str:
    if isinstance(mark, Words):
        x, y, size = _points(mark.x), _points(mark.y), f"{mark.size:.3g}"
        style = "" if mark.anchor == "start" else f' text-anchor="{mark.anchor}"'
        style += ' font-weight="bold"' if mark.bold else ""
        style += f' opacity="{mark.alpha:g}"' if mark.alpha < 1 else ""
        style += f' transform="rotate({-mark.angle:g} {x} {y})"' if mark.angle else ""
        style += ' class="tick"' if mark.tick else ""
        words = escape(mark.text)
        return f'<text x="{x}" y="{y}" font-size="{size}" fill="{palette.of(mark.color)}"{style}>{words}</text>'
    if isinstance(mark, Disc):
        style = f'fill="{palette.of(mark.fill)}" stroke="{palette.of(mark.edge)}" stroke-width="{_EDGE}"'
        return f'<circle cx="{_points(mark.x)}" cy="{_points(mark.y)}" r="{_points(mark.radius)}" {style}/>'
    ends = " ".join(f"{_points(x)},{_points(y)}" for x, y in mark.places)
    style = f' opacity="{mark.alpha:g}"' if mark.alpha < 1 else ""
    if isinstance(mark, Stroke):
        style += f' stroke-dasharray="{mark.dash[0]:g} {mark.dash[1]:g}"' if mark.dash else ""
        line = f'stroke="{palette.of(mark.color)}" stroke-width="{mark.width:g}"{style}'
        return f'<polyline points="{ends}" fill="none" {line}/>'
    style += f' stroke="{palette.of(mark.edge)}" stroke-width="{_EDGE}"' if mark.edge else ""
    return f'<polygon points="{ends}" fill="{palette.of(mark.fill)}"{style}/>'


def _points(inches: float) -> str:
    """Returns inches in points, to a hundredth."""
    return f"{72 * inches:.2f}".rstrip("0").rstrip(".")


def png_bytes(sheet: Sheet, claim: Claim, form: Format, palette: Palette) -> bytes:
    """Returns ``sheet`` as PNG with the alt text of ``claim``, in the width of its format."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A source label may have letters that the bundled font lacks; the SVG keeps them as text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        matplotlib.rcdefaults()  # independent of the user's Matplotlib settings
        raster = _Raster(sheet, form.pixels, palette)
        for mark in sheet.marks:
            raster.add(mark)
        info = PngInfo()
        info.add_itxt("Description", clean(claim.alt_text))
        raster.image().save(buffer, "png", pnginfo=info, compress_level=_ZLIB_LEVEL)
    return buffer.getvalue()


class _Raster:
    """Marks as pixels."""

    def __init__(self, sheet: Sheet, across: int, palette: Palette) -> None:
        self._dpi = across / sheet.wide
        self._tall = round(sheet.tall * self._dpi)
        self._renderer: Any = RendererAgg(across, self._tall, self._dpi)  # type: ignore[no-untyped-call]
        self._palette = palette
        corners = [(0.0, 0.0), (sheet.wide, 0.0), (sheet.wide, sheet.tall + 1), (0.0, sheet.tall + 1)]
        self.add(Shape(places=corners, fill="background"))

    def image(self) -> Image.Image:
        """Returns the image, without the alpha channel, which is opaque everywhere."""
        return Image.fromarray(np.asarray(self._renderer.buffer_rgba())).convert("RGB")

    def add(self, mark: Mark) -> None:
        """Draws a mark over the others."""
        if isinstance(mark, Words):
            self._write(mark)
        elif isinstance(mark, Disc):
            scale = Affine2D().scale(mark.radius * self._dpi).translate(mark.x * self._dpi, self._up(mark.y))
            self._path(Path.unit_circle(), scale, mark.fill, mark.edge, _EDGE)
        elif isinstance(mark, Stroke):
            self._path(self._through(mark.places), Affine2D(), "", mark.color, mark.width, mark.alpha, mark.dash)
        else:
            path = self._through([*mark.places, mark.places[0]], closed=True)
            self._path(path, Affine2D(), mark.fill, mark.edge, _EDGE if mark.edge else 0.0, mark.alpha)

    def _up(self, y: float) -> float:
        return self._tall - y * self._dpi

    def _through(self, places: Sequence[Place], closed: bool = False) -> Path:
        return Path([(x * self._dpi, self._up(y)) for x, y in places], closed=closed)

    def _path(
        self,
        path: Path,
        place: Affine2D,
        fill: str,
        edge: str,
        points: float,
        alpha: float = 1.0,
        dash: tuple[float, float] | None = None,
    ) -> None:
        context = self._renderer.new_gc()
        context.set_foreground(self._palette.of(edge) if edge else "#000000")
        context.set_linewidth(points)
        context.set_capstyle("butt")
        context.set_joinstyle("miter")
        context.set_alpha(alpha)
        if dash:
            context.set_dashes(0, dash)
        face = matplotlib.colors.to_rgb(self._palette.of(fill)) if fill else None
        self._renderer.draw_path(context, path, place, face)

    def _write(self, words: Words) -> None:
        weight = "bold" if words.bold else "normal"
        font = FontProperties(family=FONT, size=words.size, weight=weight)
        across = {"start": 0.0, "middle": 0.5, "end": 1.0}[words.anchor] * width(words.text, words.size, weight)
        if words.angle:  # a path, which can be turned around its anchor
            path = TextPath((-across * 72, 0), words.text, size=words.size, prop=font)
            turned = Affine2D().scale(self._dpi / 72).rotate_deg(words.angle)
            self._path(
                path, turned.translate(words.x * self._dpi, self._up(words.y)), words.color, "", 0.0, words.alpha
            )
            return
        context = self._renderer.new_gc()
        context.set_foreground(self._palette.of(words.color))
        context.set_alpha(words.alpha)
        x, y = (words.x - across) * self._dpi, words.y * self._dpi
        self._renderer.draw_text(context, x, y, words.text, font, 0)
