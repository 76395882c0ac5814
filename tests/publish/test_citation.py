"""Citation files and badge repeat the claim of the headline."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import bibtexparser
import pytest
import yaml
from bibtexparser.middlewares import LatexDecodingMiddleware
from helpers import REPO
from literal_snapshot import NAMES

import peft_census
from peft_census.errors import OutputError
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import headline_of, make_claims
from peft_census.publish.text.citation import AUTHORS, FILES, LABEL, badge_json, bibtex, citation_cff, write_citation

EVIL = '"><script>alert(1)</script> {\\input{x}} & %'


def is_valid_citation(file: Path) -> bool:
    """Checks a file against the schema of the Citation File Format."""
    tool = shutil.which("check-jsonschema", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("check-jsonschema is not installed; `make check` installs it")
    command = [tool, "--builtin-schema", "vendor.citation-file-format", str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def headline(snapshot: Any) -> Claim:
    """Returns the claim of the headline."""
    return headline_of(make_claims(snapshot))


def test_the_files_are_the_same_each_time(tmp_path: Path, make_snapshot: Any) -> None:
    """The same claim gives the same bytes; a missing folder is created."""
    claim = headline(make_snapshot())
    first, again = write_citation(claim, tmp_path / "a/b"), write_citation(claim, tmp_path / "again")
    assert [f.name for f in first] == list(FILES)
    assert [f.read_bytes() for f in first] == [f.read_bytes() for f in again]


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path, make_snapshot: Any) -> None:
    """A file in the way is named."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="file"):
        write_citation(headline(make_snapshot()), tmp_path / "file")


def test_badge_and_citation_repeat_the_claim(make_snapshot: Any) -> None:
    """Share, technique and base come from the claim; nowhere is a citing card said to use anything."""
    claim = headline(make_snapshot())
    badge = json.loads(badge_json(claim))
    assert badge == {"schemaVersion": 1, "label": LABEL, "message": "98.4% LoRA", "color": "0072b2"}
    entry = bibtex(claim)
    assert entry.startswith("@misc{peft_census_2025_04_30_0123456789ab,")
    assert "  year = {2025}," in entry and r"98.4\%" in entry and "2025-04-30-0123456789ab" in entry
    for text in (badge_json(claim), entry, citation_cff(claim)):
        assert " use" not in text.replace(claim.why_not, "")


def test_a_specimen_is_marked_everywhere(tmp_path: Path, make_snapshot: Any) -> None:
    """Made-up cards give a grey badge that says so, and citations that say so."""
    for file in write_citation(headline(make_snapshot(specimen=True)), tmp_path):
        assert "SPECIMEN" in file.read_text("utf-8"), file
    assert json.loads((tmp_path / "badge.json").read_text("utf-8"))["color"] == "595959"


def test_nothing_counted_gives_no_share(make_snapshot: Any) -> None:
    """An empty base is not a share of 0%."""
    claim = headline(make_snapshot([]))
    assert json.loads(badge_json(claim))["message"] == "no share"


def test_hostile_names_stay_text(tmp_path: Path, make_snapshot: Any) -> None:
    """Markup, TeX and YAML in a technique's name come out as that name."""
    claim = headline(make_snapshot(names=NAMES | {"lora": (EVIL, None)}))
    assert "<script>" in json.loads(badge_json(claim))["message"]
    assert yaml.safe_load(citation_cff(claim))["abstract"] == claim.quote
    assert r"\input" not in bibtex(claim).replace(r"\textbackslash{}", "")
    plain = bibtex(claim).replace(r"\{", "").replace(r"\}", "")
    assert plain.count("{") == plain.count("}")


@pytest.mark.parametrize("name", ["LoRA", EVIL, "100 % #1_a ~b^c $d$ {e"])
def test_bibtex_is_read_by_a_parser(make_snapshot: Any, name: str) -> None:
    """A parser finds one entry, and decoding its TeX gives back title and author."""
    claim = headline(make_snapshot(names=NAMES | {"lora": (name, None)}))
    library = bibtexparser.parse_string(bibtex(claim), append_middleware=[LatexDecodingMiddleware()])
    assert not library.failed_blocks and len(library.entries) == 1
    entry = library.entries[0]
    fields = {field.key: str(field.value) for field in entry.fields}
    assert entry.entry_type == "misc" and set(fields) == {"title", "author", "year", "note"}
    assert fields["author"].strip("{}") == AUTHORS and fields["year"] == "2025"
    assert clean_of(fields["title"]) == clean_of(f"{claim.title} (peft_census, snapshot {claim.snapshot_id})")


def clean_of(text: str) -> str:
    """Returns text without white space and braces, which TeX groups with, and with the circumflex of ASCII."""
    return "".join(c for c in text.replace("ˆ", "^") if c not in "{} ")


def test_citations_keep_the_format(tmp_path: Path, make_snapshot: Any) -> None:
    """The project's own file and a snapshot's are valid; the project's has the package's version."""
    write_citation(headline(make_snapshot()), tmp_path)
    assert is_valid_citation(tmp_path / "CITATION.cff")
    assert is_valid_citation(REPO / "CITATION.cff")
    (tmp_path / "bad.cff").write_text("cff-version: 1.2.0\n", encoding="utf-8")
    assert not is_valid_citation(tmp_path / "bad.cff")
    assert yaml.safe_load((REPO / "CITATION.cff").read_text("utf-8"))["version"] == peft_census.__version__
