"""One function writes charts. It rejects incomplete claims and writes the same bytes twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from literal_snapshot import NAMES, corner, png_info, share_rows
from matplotlib.figure import Figure

from peft_census.errors import OutputError
from peft_census.publish.charts.headline import make_chart
from peft_census.publish.charts.layout import NARROW, WIDE
from peft_census.publish.charts.palette import LIGHT
from peft_census.publish.charts.save import save_chart, width, wrap
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import headline_of, make_claims

CLAIM = Claim(
    id="c",
    kind="share",
    population="all cards",
    numerator=10,
    base=10,
    method="none",
    quote="",
    misquote="",
    why_not="",
    caveat="",
    title="Ten cards",
    subtitle="10 cards that cite exactly one technique",
    source_line="Source: cards.parquet",
    alt_text="Ten cards.",
    snapshot_id="2025-04-30-0123456789ab",
    specimen=False,
)


def plain_figure() -> Figure:
    figure = Figure(figsize=(5, 2))
    figure.add_axes((0.1, 0.3, 0.8, 0.5)).barh([0], [1])
    return figure


def write_headline(snapshot, stem: Path, wide: float = WIDE, png: bool = False) -> Path:
    """Writes the chart of the headline and returns the SVG."""
    claim = headline_of(make_claims(snapshot))
    return save_chart(make_chart(snapshot, claim).draw(wide, LIGHT), stem, claim, png=png)


@pytest.fixture(scope="module")
def texts(literal_folder: Path) -> list[str]:
    """All texts of the headline chart of the literal snapshot."""
    return svg_texts(literal_folder / "headline.svg")


def svg_texts(path: Path) -> list[str]:
    root = ElementTree.parse(path).getroot()
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize(
    ("left_out", "word"),
    [("subtitle", "base"), ("source_line", "source line"), ("snapshot_id", "snapshot id"), ("alt_text", "alt text")],
)
def test_a_chart_that_cannot_be_judged_is_refused(tmp_path: Path, left_out: str, word: str) -> None:
    """Without base, source line, snapshot id or alt text no file is written, and the error names what is missing."""
    with pytest.raises(OutputError, match=f"claim c has no {word}, so its chart is not written"):
        save_chart(plain_figure(), tmp_path / "c", replace(CLAIM, **{left_out: "  "}))
    assert list(tmp_path.iterdir()) == []


def test_the_footer_holds_base_source_and_snapshot(tmp_path: Path) -> None:
    """What the chart does not say itself stands in its footer, as text."""
    texts = svg_texts(save_chart(plain_figure(), tmp_path / "c", CLAIM))
    assert "Base: 10 cards that cite exactly one technique" in texts
    assert "Source: cards.parquet · snapshot 2025-04-30-0123456789ab" in texts


def test_the_base_is_not_said_twice(texts: list[str]) -> None:
    """A chart whose subtitle is the base does not repeat it in the footer."""
    assert not [text for text in texts if text.startswith("Base:")]


def test_both_files_have_the_alt_text(literal_folder: Path, make_snapshot) -> None:
    """The SVG has role, title and description; the PNG has a description."""
    alt_text = headline_of(make_claims(make_snapshot())).alt_text
    root = ElementTree.parse(literal_folder / "headline.svg").getroot()
    assert root.get("role") == "img"
    assert root.findtext("{http://www.w3.org/2000/svg}desc") == alt_text
    assert png_info(literal_folder / "headline.png")["Description"] == alt_text


def test_charts_do_not_name_the_software_or_the_time(literal_folder: Path) -> None:
    """Neither file has a version or a date of writing."""
    assert "Software" not in png_info(literal_folder / "headline.png")
    svg = (literal_folder / "headline.svg").read_text()
    assert matplotlib.__version__ not in svg
    assert "dc:date" not in svg


def test_a_chart_is_independent_of_the_users_settings(literal_folder: Path, tmp_path: Path, make_snapshot) -> None:
    """Another Matplotlib style gives the same bytes and is not changed."""
    with matplotlib.rc_context({"savefig.bbox": "tight", "font.size": 30.0, "svg.fonttype": "path"}):
        svg = write_headline(make_snapshot(), tmp_path / "headline", png=True)
        assert matplotlib.rcParams["font.size"] == 30.0
    for name in (svg.name, "headline.png"):
        assert (tmp_path / name).read_bytes() == (literal_folder / name).read_bytes()


def test_specimen_charts_are_marked_twice(tmp_path: Path, literal_folder: Path, make_snapshot) -> None:
    """A banner and a watermark mark made-up cards, in wide and narrow charts; real ones have neither."""
    for wide in (WIDE, NARROW):
        svg = write_headline(make_snapshot(specimen=True), tmp_path / "s", wide, png=wide == NARROW)
        marked = svg_texts(svg)
        assert "SPECIMEN · made-up cards · shares mean nothing" in marked
        assert "SPECIMEN" in " ".join(t for t in marked if "made-up" not in t)
    assert "SPECIMEN" not in (literal_folder / "headline.svg").read_text()
    assert corner(tmp_path / "s.png") == (0xFF, 0xD2, 0x4D)
    assert corner(literal_folder / "headline.png") == (255, 255, 255)


def test_the_headline_chart_labels_every_bar(texts: list[str]) -> None:
    """The leading technique, all others, and each small share have name, share and count."""
    for words in ("LoRA", "98.4%  ·  20,509", "3 other techniques", "1.6%  ·  325", "(IA)^3", "<0.1%  ·  1"):
        assert words in texts, words
    assert "The other 325 cards (1.6%) by technique (enlarged scale)" in texts


def test_forty_techniques_become_twelve_bars_and_a_sum(tmp_path: Path, make_snapshot) -> None:
    """The tail is summed under its number of techniques."""
    names = {"lora": ("LoRA", None)} | {f"t{i:02}": (f"Technique {i}", None) for i in range(1, 41)}
    votes = {t: (100 - i, 0.02, 0.01, 0.03) for i, t in enumerate(names)}
    snapshot = make_snapshot(share_rows("exactly_one", 3280, votes), names=names)
    texts = svg_texts(write_headline(snapshot, tmp_path / "c"))
    assert "Technique 12" in texts
    assert "Technique 13" not in texts
    assert "28 others" in texts


def test_one_technique_alone_has_no_second_panel(tmp_path: Path, make_snapshot) -> None:
    """With nothing to break down the chart says that no other technique is cited."""
    rows = share_rows("exactly_one", 7, {"lora": (7, 1.0, 0.646, 1.0)})
    texts = " ".join(svg_texts(write_headline(make_snapshot(rows), tmp_path / "c")))
    assert "100%  ·  7" in texts
    assert "No other technique is cited." in texts
    assert "enlarged scale" not in texts


def test_a_base_of_zero_gives_a_chart_that_says_so(tmp_path: Path, make_snapshot) -> None:
    """Nothing to count is drawn as an empty frame, not as a bar of zero."""
    texts = svg_texts(write_headline(make_snapshot([]), tmp_path / "c"))
    assert "nothing to count" in texts
    assert not [t for t in texts if "%" in t]


def test_hostile_names_stay_text(tmp_path: Path, make_snapshot) -> None:
    """Markup, mathematics and letters that the font lacks are shown as they are."""
    name = '<script>alert("x")</script> $x^2$ &'
    names = NAMES | {"lora": (name, None), "adalora": ("適応 LoRA", None), "ia3": ("$x^2$", None)}
    svg = write_headline(make_snapshot(names=names, label="カード.parquet"), tmp_path / "c")
    assert "<script" not in svg.read_text()
    assert f"cite {name}" in " ".join(svg_texts(svg)).replace("  ", " ")
    assert {"適応 LoRA", "$x^2$"} <= set(svg_texts(svg))


def test_a_chart_is_saved_once(tmp_path: Path) -> None:
    """A figure that has its footer does not get a second one."""
    figure = plain_figure()
    save_chart(figure, tmp_path / "a", CLAIM)
    with pytest.raises(OutputError, match="was saved before"):
        save_chart(figure, tmp_path / "b", CLAIM)


def test_an_unwritable_chart_is_one_clear_error(tmp_path: Path) -> None:
    """The error names the missing folder."""
    with pytest.raises(OutputError, match=r"cannot write .*absent"):
        save_chart(plain_figure(), tmp_path / "absent" / "c", CLAIM)


def test_lines_are_wrapped_to_the_paper_even_without_a_space() -> None:
    """No line is wider than asked for, and no character is lost."""
    text = "some words and a " + "x" * 300
    lines = wrap(text, 3.0, 10)
    assert max(width(line, 10) for line in lines) <= 3.0
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
