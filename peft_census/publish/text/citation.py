"""What a post or a README takes along beside chart and sentences: how to cite the snapshot, and a badge.

In: the claims of a snapshot. Out: ``citation.bib``, ``CITATION.cff``, ``badge.svg`` and ``badge.json``. All words and
numbers are those of the headline's claim. Nothing asks a network: the badge is a drawing, and the JSON is what
shields.io's endpoint badge reads where the folder is served.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from peft_census.errors import output_error
from peft_census.publish.text.numbers import percent

if TYPE_CHECKING:
    from peft_census.publish.claims.claim import Claim

FILES = ("citation.bib", "CITATION.cff", "badge.svg", "badge.json")
"""What ``write_kit`` writes."""

AUTHORS = "The peft_census maintainers"
LABEL = "cards citing one technique"
"""The badge's left side: what the share on its right is a share of."""

_LEFT, _RIGHT, _GREY = "#444444", "#0072b2", "#595959"
_HEIGHT, _MARGIN, _SIZE, _FONT = 20, 7, 11, "Verdana,DejaVu Sans,sans-serif"
_NARROW, _WIDE = set("fijlrtI.,:;'|!() "), set("mwMW%@")
_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def write_kit(claims: Sequence[Claim], folder: Path) -> list[Path]:
    """Writes the files of ``FILES`` into ``folder`` (made if missing) and returns them.

    Args:
        claims: of one snapshot; the one with the id ``headline`` is used.
        folder: where.

    Raises:
        OutputError: a file cannot be written.
    """
    first = next(claim for claim in claims if claim.id == "headline")
    texts = (bibtex(first), citation_cff(first), badge_svg(first), badge_json(first))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in zip(FILES, texts, strict=True):
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise output_error(folder, error) from error
    return [folder / name for name in FILES]


def bibtex(claim: Claim) -> str:
    """Returns an entry of BibTeX for the snapshot that ``claim`` comes from."""
    fields = {
        "title": f"{{{_tex(_title(claim))}}}",
        "author": f"{{{AUTHORS}}}",
        **({"year": year} if (year := _year(claim)) else {}),
        "note": _tex(f"{claim.subtitle} {claim.source_line}"),
    }
    key = "peft_census_" + re.sub(r"[^A-Za-z0-9]+", "_", claim.snapshot_id)
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@misc{{{key},", *lines, "}"]) + "\n"


def citation_cff(claim: Claim) -> str:
    """Returns a Citation File Format record (1.2.0) of the snapshot, as a dataset."""
    record = {
        "cff-version": "1.2.0",
        "message": "Cite the snapshot that a figure comes from.",
        "type": "dataset",
        "title": _title(claim),
        "abstract": claim.quote,
        "authors": [{"name": AUTHORS}],
        "version": claim.snapshot_id,
        "keywords": ["parameter-efficient fine-tuning", "model cards"],
    }
    return yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=110)


def badge_json(claim: Claim) -> str:
    """Returns the badge as JSON in the schema of shields.io's endpoint badge."""
    record = {"schemaVersion": 1, "label": LABEL, "message": _message(claim), "color": _colour(claim).removeprefix("#")}
    return json.dumps(record, ensure_ascii=False, indent=1) + "\n"


def badge_svg(claim: Claim) -> str:
    """Returns the badge as a drawing with text as text, its sentence as its description."""
    left, right = (_width(text) + 2 * _MARGIN for text in (LABEL, _message(claim)))
    label, message, title, sentence = (escape(t) for t in (LABEL, _message(claim), _title(claim), claim.quote))
    words = f'y="14" font-size="{_SIZE}" fill="#ffffff" font-family="{_FONT}" lengthAdjust="spacingAndGlyphs"'
    size = f'width="{left + right}" height="{_HEIGHT}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="t d">
<title id="t">{title}</title>
<desc id="d">{sentence}</desc>
<rect width="{left}" height="{_HEIGHT}" fill="{_LEFT}"/>
<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{_colour(claim)}"/>
<text x="{_MARGIN}" textLength="{left - 2 * _MARGIN}" {words}>{label}</text>
<text x="{left + _MARGIN}" textLength="{right - 2 * _MARGIN}" {words}>{message}</text>
</svg>
"""


def _title(claim: Claim) -> str:
    mark = "SPECIMEN (made-up cards): " if claim.specimen else ""
    return f"{mark}{claim.title} (peft_census, snapshot {claim.snapshot_id})"


def _message(claim: Claim) -> str:
    """Returns the badge's right side: the share and the technique, never without the specimen's mark."""
    share = "no share" if claim.share is None else f"{percent(claim.share)} {claim.name}"
    return f"SPECIMEN {share}" if claim.specimen else share


def _colour(claim: Claim) -> str:
    return _GREY if claim.specimen or claim.share is None else _RIGHT


def _year(claim: Claim) -> str | None:
    """Returns the year of the youngest card, with which a snapshot's id begins where it is known."""
    found = re.match(r"([0-9]{4})-", claim.snapshot_id)
    return found[1] if found else None


def _width(text: str) -> int:
    """Returns about how many pixels ``text`` takes; the drawing stretches it to exactly that."""
    return round(sum(4.2 if c in _NARROW else 10.2 if c in _WIDE else 7.0 for c in text))


def _tex(text: str) -> str:
    """Returns ``text`` as TeX prints it."""
    return "".join(_TEX.get(c) or (f"\\{c}" if c in "&%$#_{}" else c) for c in text)
