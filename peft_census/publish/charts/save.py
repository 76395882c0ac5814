"""From a composed chart to the bytes of its files, the same on every run.

A chart without subtitle, source line, snapshot id or alt text is not written, because charts are shared without their
page. A dark SVG is the light one with other colors; each PNG is rasterized once.
"""

from __future__ import annotations

import io
import re
from xml.sax.saxutils import escape

from matplotlib.figure import Figure

from peft_census.errors import OutputError
from peft_census.publish.charts.layout import Format, chart_style, compose
from peft_census.publish.charts.palette import DARK_OF, Palette
from peft_census.publish.charts.spec import ChartSpec
from peft_census.publish.claims.claim import Claim
from peft_census.publish.snapshot_reader import clean

_LONG = re.compile(r"(\.\d\d)\d+")  # a hundredth of a point is finer than any screen
_COLOR = re.compile(r"#[0-9a-f]{6}")
_ZLIB_LEVEL = 4
"""Levels above take longer than they save bytes of a chart."""


def draw(chart: ChartSpec, form: Format, palette: Palette) -> Figure:
    """Returns the figure of ``chart``.

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
    return compose(chart, form, palette)


def svg_text(figure: Figure, claim: Claim, palette: Palette) -> str:
    """Returns ``figure`` as SVG with the alt text of ``claim``, without date and version."""
    buffer = io.BytesIO()
    with chart_style(palette):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    name = "Chart of a specimen" if claim.specimen else "Chart"
    described = (
        f'\\1 role="img" aria-labelledby="chart-title chart-desc">\n'
        f' <title id="chart-title">{name}, peft_census</title>\n'
    )
    drawn = re.sub(r' (?:d|x|y)="[^"]*"', lambda found: _LONG.sub(r"\1", found[0]), buffer.getvalue().decode())
    text = re.sub(r"(<svg\b[^>]*)>", described, drawn, count=1)
    desc = f' <desc id="chart-desc">{escape(clean(claim.alt_text))}</desc>\n'
    return text.replace("</title>\n", f"</title>\n{desc}", 1)


def dark_svg(light: str) -> str:
    """Returns a light SVG with the colors of a dark background; colors stand in ``style`` attributes only."""
    return re.sub(r' style="[^"]*"', lambda style: _COLOR.sub(lambda c: DARK_OF.get(c[0], c[0]), style[0]), light)


def png_bytes(figure: Figure, claim: Claim, form: Format, palette: Palette) -> bytes:
    """Returns ``figure`` as PNG with the alt text of ``claim``, in the width of its format."""
    buffer = io.BytesIO()
    with chart_style(palette):
        figure.savefig(
            buffer,
            format="png",
            dpi=form.pixels / figure.get_figwidth(),
            metadata={"Software": None, "Description": clean(claim.alt_text)},
            pil_kwargs={"compress_level": _ZLIB_LEVEL},
        )
    return buffer.getvalue()
