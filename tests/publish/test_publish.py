"""Publishing writes all files or none, the same bytes each time, and a page that needs no other file."""

from __future__ import annotations

import html
import json
import os
import re
import stat
from html.parser import HTMLParser
from pathlib import Path

import pytest
from literal_snapshot import NAMES, mention, png_info

from peft_census.errors import OutputError, SnapshotError
from peft_census.publish.charts.draw import SUFFIXES
from peft_census.publish.folder import FILES, publish


class Page(HTMLParser):
    """Collects tags, attributes and visible text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._hidden = 0
        self.feed(self.source)
        self.text = " ".join(self.text.replace("\u00a0", " ").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden += tag in ("style", "script", "template")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "script", "template")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(literal_folder: Path) -> Page:
    """The page of the literal snapshot."""
    return Page(literal_folder / "report.html")


def test_every_file_is_returned(tmp_path: Path, make_snapshot, literal_folder: Path) -> None:
    """The returned paths are all files, the page last, with the same bytes each time; nothing else is left behind."""
    files = publish(make_snapshot(), tmp_path / "deep" / "out")
    assert [p.name for p in files] == [*sorted(f"headline{suffix}" for suffix in SUFFIXES), *FILES]
    assert sorted((tmp_path / "deep" / "out").iterdir()) == sorted(files)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["out"]
    for file in files:
        assert file.read_bytes() == (literal_folder / file.name).read_bytes(), file.name


def test_all_files_have_the_same_numbers(literal_folder: Path, page: Page) -> None:
    """Quote, share, counts and interval of claims.json are in Markdown, page and alt text of the chart."""
    headline = json.loads((literal_folder / "claims.json").read_text())[0]
    markdown = (literal_folder / "shares.md").read_text()
    assert headline["quote"] in markdown
    assert headline["quote"] in page.text
    assert headline["misquote"] not in page.text
    svg = html.unescape((literal_folder / "headline.svg").read_text())
    assert headline["alt_text"] in svg
    assert headline["alt_text"] == page.all("img")[0]["alt"]
    assert headline["alt_text"] == png_info(literal_folder / "headline.png")["Description"]
    for words in ("98.4%", "20,509", "20,834", "98.3–98.6%"):
        for text in (headline["quote"], headline["alt_text"], page.text, markdown):
            assert words in text


def test_every_file_of_a_specimen_is_marked(tmp_path: Path, make_snapshot, page: Page) -> None:
    """Every file from made-up cards says so; files from real cards do not."""
    publish(make_snapshot(specimen=True), tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        if file.suffix == ".png":
            assert "SPECIMEN" in png_info(file)["Description"]
        elif file.suffix == ".csv":
            rows = file.read_text().splitlines()
            assert rows[0].endswith(",snapshot_id,specimen")
            assert all(row.endswith(",true") for row in rows[1:])
        else:
            assert "SPECIMEN · made-up cards · shares mean nothing" in file.read_text(), file.name
    assert "SPECIMEN" not in page.source


def test_the_page_makes_no_request(page: Page) -> None:
    """No script, no link, no image but data URIs, and a policy that forbids the rest."""
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "form", "base"}
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "action"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), tag
        assert not [name for name in attributes if name.startswith("on")]
    policies = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    ]
    assert "url(" not in page.source
    assert "@import" not in page.source


def test_the_page_is_accessible(page: Page) -> None:
    """Language, title, description, viewport, one first heading, scoped table heads, captions and alt texts."""
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == len(page.all("title")) == 1
    assert {m["name"] for m in page.all("meta") if "name" in m} >= {"description", "viewport"}
    assert all(th.get("scope") in ("row", "col", "colgroup") for th in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(img["alt"] for img in page.all("img"))
    labels = [a["aria-labelledby"] for a in page.all("section")]
    assert labels == [h["id"] for h in page.all("h2")]


def test_the_page_shows_rules_coverage_and_provenance(page: Page) -> None:
    """Grouped variants point to their technique; gaps are hatched; hashes are complete."""
    assert re.search(r"QLoRA in LoRA in LoRA in LoRA 31\.2% ?6,509", page.text)
    assert sum(a.get("class") == "gap" for a in page.all("span")) == 2
    assert "no card 4,000 (13.3%)" in str(page.all("div"))
    for digest in ("5" * 64, "6" * 64, "9" * 64, "none: a bulk file has no revision"):
        assert digest in page.text


def test_texts_of_cards_are_escaped_in_page_and_chart(tmp_path: Path, make_snapshot) -> None:
    """Markup in a name, a label or a matched text is shown and never becomes an element."""
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    snapshot = make_snapshot(
        names=NAMES | {"lora": (evil, None)},
        label=evil * 9,
        mentions=[
            mention(matched=evil * 5, model_id=evil, generator=evil),
            mention(location="name", matched="not shown"),
        ],
    )
    publish(snapshot, tmp_path / "out")
    page = Page(tmp_path / "out/report.html")
    assert not page.all("script")
    assert len(page.all("img")) == 1
    assert evil in page.text
    assert "not shown" not in page.text
    assert "<script" not in (tmp_path / "out/headline.svg").read_text()
    assert "<script" not in (tmp_path / "out/shares.md").read_text()


def test_a_negated_mention_is_shown_as_negated(tmp_path: Path, make_snapshot) -> None:
    """An example shows polarity and writer."""
    row = mention(location="front_matter", evidence_level="tagged", polarity="negated", generator="trl")
    page = Page(publish(make_snapshot(mentions=[row]), tmp_path / "out")[-1])
    assert re.search(r"front matter ?tagged, negated ?LoRA ?someone/model ?trl", page.text)


def test_a_snapshot_with_nothing_to_count_is_published_all_the_same(tmp_path: Path, make_snapshot) -> None:
    """A base of zero gives all six files, and the page says that there is no share."""
    publish(make_snapshot([]), tmp_path / "out")
    page = Page(tmp_path / "out/report.html")
    assert "No card cites exactly one technique, so there is no share to show" in page.text
    assert "there is nothing to compare" in page.text
    assert (tmp_path / "out/shares.csv").read_text().count("\n") == 1


def test_earlier_output_is_replaced_whole(tmp_path: Path, make_snapshot) -> None:
    """The second call leaves nothing of the first."""
    publish(make_snapshot(specimen=True), tmp_path / "out")
    publish(make_snapshot(), tmp_path / "out")
    assert all(b"SPECIMEN" not in (tmp_path / "out" / name).read_bytes() for name in FILES)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path, make_snapshot) -> None:
    """A file that publishing did not write stops it, and stays."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match=r"did not write \(thesis\.txt\)"):
        publish(make_snapshot(), tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path, make_snapshot) -> None:
    """A file is not replaced by a folder."""
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        publish(make_snapshot(), tmp_path / "out")


def test_a_failure_leaves_earlier_output_as_it_was(tmp_path: Path, make_snapshot) -> None:
    """A snapshot that cannot be published changes nothing on the disk."""
    publish(make_snapshot(), tmp_path / "out")
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    with pytest.raises(SnapshotError):
        publish(make_snapshot(names={}), tmp_path / "out")
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_place_that_cannot_hold_a_folder_is_one_clear_error(tmp_path: Path, make_snapshot) -> None:
    """An operating-system error names the folder asked for."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*file/out: "):
        publish(make_snapshot(), tmp_path / "file" / "out")


def test_the_folder_is_open_to_the_readers_the_umask_allows(tmp_path: Path, make_snapshot) -> None:
    """Output made through a private temporary folder is not private itself."""
    publish(make_snapshot(), tmp_path / "out")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o777 & ~umask
