"""How to cite a snapshot, and a badge for it.

In: the claim of the headline. Out: ``citation.bib``, ``CITATION.cff`` and ``badge.json``, which shields.io's endpoint
badge reads from the address where the folder is served.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from peft_census.publish.claims.claim import Claim
from peft_census.publish.text.numbers import percent_label
from peft_census.snapshot.files import write_atomically

FILES = ("citation.bib", "CITATION.cff", "badge.json")
"""What ``write_citation`` writes."""

AUTHORS = "The peft_census maintainers"
LABEL = "cards citing one technique"
"""The left side of the badge: the base of the share on its right."""

_COLOR, _GRAY = "0072b2", "595959"
_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def write_citation(headline: Claim, folder: Path) -> list[Path]:
    """Writes the files of ``FILES`` into ``folder``, which is created if missing, and returns them.

    Raises:
        OutputError: a file cannot be written.
    """
    texts = (bibtex(headline), citation_cff(headline), badge_json(headline))
    for name, text in zip(FILES, texts, strict=True):
        write_atomically(folder / name, text)
    return [folder / name for name in FILES]


def bibtex(claim: Claim) -> str:
    """Returns a BibTeX entry for the snapshot of ``claim``."""
    year = _year(claim)
    fields = {
        "title": f"{{{_tex(_title(claim))}}}",
        "author": f"{{{_tex(AUTHORS)}}}",
        **({"year": year} if year else {}),
        "note": _tex(f"{claim.subtitle} {claim.source_line}"),
    }
    key = "peft_census_" + re.sub(r"[^A-Za-z0-9]+", "_", claim.snapshot_id)
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@misc{{{key},", *lines, "}"]) + "\n"


def citation_cff(claim: Claim) -> str:
    """Returns a record in the Citation File Format (1.2.0) for the snapshot of ``claim``, as a dataset."""
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
    """Returns the badge in the schema of shields.io's endpoint badge; a specimen is marked and gray."""
    share = "no share" if claim.share is None else f"{percent_label(claim.share)} {claim.name}"
    message = f"SPECIMEN {share}" if claim.specimen else share
    color = _GRAY if claim.specimen or claim.share is None else _COLOR
    record = {"schemaVersion": 1, "label": LABEL, "message": message, "color": color}
    return json.dumps(record, ensure_ascii=False, indent=1) + "\n"


def cited_as(claim: Claim) -> str:
    """Returns the reference as plain text: authors, year, title with the snapshot id."""
    year = _year(claim)
    return f"{AUTHORS}{f' ({year})' if year else ''}, “{_title(claim)}”"


def _year(claim: Claim) -> str | None:
    found = re.match(r"([0-9]{4})-", claim.snapshot_id)
    return found[1] if found else None


def _title(claim: Claim) -> str:
    mark = "SPECIMEN (made-up cards): " if claim.specimen else ""
    return f"{mark}{claim.title} (peft_census, snapshot {claim.snapshot_id})"


def _tex(text: str) -> str:
    """Returns ``text`` as TeX prints it."""
    return "".join(_TEX.get(c) or (f"\\{c}" if c in "&%$#_{}" else c) for c in text)
