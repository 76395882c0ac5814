"""The kit beside a post: citation and badge say what the headline's claim says; cells never become formulas."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import REPO
from literal_snapshot import NAMES, ROWS

import peft_census
from peft_census.errors import OutputError
from peft_census.publish import make_claims
from peft_census.publish.snapshot_reader import read_shares
from peft_census.publish.text.citation import FILES, LABEL, badge_json, badge_svg, bibtex, citation_cff, write_kit
from peft_census.publish.text.spreadsheet import csv_text
from peft_census.publish.text.tables import shares_csv

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '"><script>alert(1)</script> {\\input{x}} & %'


def is_valid_citation(file: Path) -> bool:
    """Checks a file against the schema of the Citation File Format."""
    tool = shutil.which("check-jsonschema", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("check-jsonschema is not installed; `make check` installs it")
    command = [tool, "--builtin-schema", "vendor.citation-file-format", str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_kit_is_four_files_the_same_each_time(tmp_path: Path, make_snapshot: Any) -> None:
    """The same claims give the same bytes, in a folder that is made."""
    claims = make_claims(make_snapshot())
    first, again = write_kit(claims, tmp_path / "a/b"), write_kit(claims, tmp_path / "again")
    assert [f.name for f in first] == list(FILES)
    assert [f.read_bytes() for f in first] == [f.read_bytes() for f in again]


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path, make_snapshot: Any) -> None:
    """A file in the way is named."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="file"):
        write_kit(make_claims(make_snapshot()), tmp_path / "file")


def test_badge_and_citation_repeat_the_claim(make_snapshot: Any) -> None:
    """Share, technique and base come from the claim; nowhere is a citing card said to use anything."""
    claim = make_claims(make_snapshot())[0]
    badge = json.loads(badge_json(claim))
    assert badge == {"schemaVersion": 1, "label": LABEL, "message": "98.4 % LoRA", "color": "0072b2"}
    drawing = ET.fromstring(badge_svg(claim))
    assert [t.text for t in drawing.iter(f"{SVG}text")] == [badge["label"], badge["message"]]
    assert drawing.findtext(f"{SVG}desc") == claim.quote
    entry = bibtex(claim)
    assert entry.startswith("@misc{peft_census_2025_04_30_0123456789ab,")
    assert "  year = {2025}," in entry and r"98.4 \%" in entry and "2025-04-30-0123456789ab" in entry
    for text in (badge_json(claim), badge_svg(claim), entry, citation_cff(claim)):
        assert " use" not in text.replace(claim.why_not, "")


def test_a_specimen_is_marked_everywhere(tmp_path: Path, make_snapshot: Any) -> None:
    """Made-up cards give a grey badge that says so, and citations that say so."""
    for file in write_kit(make_claims(make_snapshot(specimen=True)), tmp_path):
        assert "SPECIMEN" in file.read_text("utf-8"), file
    assert json.loads((tmp_path / "badge.json").read_text("utf-8"))["color"] == "595959"


def test_nothing_counted_gives_no_share(make_snapshot: Any) -> None:
    """An empty base is no 0 %."""
    claim = make_claims(make_snapshot([]))[0]
    assert json.loads(badge_json(claim))["message"] == "no share"
    assert "0 %" not in badge_svg(claim)


def test_the_badge_asks_for_nothing_and_fits(make_snapshot: Any) -> None:
    """No address but the name of the format, no style, no script; both texts end inside their boxes."""
    text = badge_svg(make_claims(make_snapshot())[0])
    assert text.count("http") == 1
    drawing = ET.fromstring(text)
    assert {e.tag for e in drawing.iter()} == {SVG + n for n in ("svg", "title", "desc", "rect", "text")}
    boxes = list(drawing.iter(f"{SVG}rect"))
    for box, words in zip(boxes, drawing.iter(f"{SVG}text"), strict=True):
        left = float(box.get("x", 0))
        begin = float(words.get("x", 0))
        assert left < begin and begin + float(words.get("textLength", 0)) < left + float(box.get("width", 0))
    assert float(drawing.get("width", 0)) == sum(float(box.get("width", 0)) for box in boxes)


def test_hostile_names_stay_text(tmp_path: Path, make_snapshot: Any) -> None:
    """Markup, TeX and YAML in a technique's name come out as that name."""
    claim = make_claims(make_snapshot(names=NAMES | {"lora": (EVIL, None)}))[0]
    drawing = ET.fromstring(badge_svg(claim))
    assert "<script>" in str(list(drawing.iter(f"{SVG}text"))[1].text)
    assert yaml.safe_load(citation_cff(claim))["abstract"] == claim.quote
    assert r"\input" not in bibtex(claim).replace(r"\textbackslash{}", "")
    plain = bibtex(claim).replace(r"\{", "").replace(r"\}", "")
    assert plain.count("{") == plain.count("}")


def test_citations_keep_the_format(tmp_path: Path, make_snapshot: Any) -> None:
    """The project's own file and a snapshot's are valid; the project's has the package's version."""
    write_kit(make_claims(make_snapshot()), tmp_path)
    assert is_valid_citation(tmp_path / "CITATION.cff")
    assert is_valid_citation(REPO / "CITATION.cff")
    (tmp_path / "bad.cff").write_text("cff-version: 1.2.0\n", encoding="utf-8")
    assert not is_valid_citation(tmp_path / "bad.cff")
    assert yaml.safe_load((REPO / "CITATION.cff").read_text("utf-8"))["version"] == peft_census.__version__


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1"])
def test_text_never_becomes_a_formula(text: str) -> None:
    """What begins like a formula gets an apostrophe, in heads too; anything else is left as it is."""
    rows = list(csv.reader(io.StringIO(csv_text([text, "b"], [{text: text, "b": "a" + text}]), newline="")))
    assert rows == [["'" + text, "b"], ["'" + text, "a" + text]]


def test_numbers_stay_numbers() -> None:
    """Negative and signed figures are figures; None is an empty cell."""
    row = {"a": -1.5, "b": 0.1 + 0.2, "c": None, "d": -3}
    assert csv_text(list(row), [row]) == "a,b,c,d\n-1.5,0.30000000000000004,,-3\n"


def test_shares_csv_is_safe_to_open(make_snapshot: Any) -> None:
    """A population or a technique that begins like a formula opens as text; figures keep full precision."""
    rows = [ROWS[0] | {"population": "=HYPERLINK(1)", "share": -0.5}]
    snapshot = make_snapshot(rows, names=NAMES | {"lora": ("=LoRA", None)})
    read = next(csv.DictReader(io.StringIO(shares_csv(snapshot, read_shares(snapshot)))))
    assert read["population"] == "'=HYPERLINK(1)"
    assert float(read["share"]) == -0.5 and read["technique"] == "lora"
