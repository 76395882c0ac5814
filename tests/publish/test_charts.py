"""One function writes charts; it refuses those that could not be judged, and writes the same bytes twice."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from literal_snapshot import NAMES, corner, png_info, share_rows
from matplotlib.figure import Figure

from peft_census.errors import OutputError
from peft_census.publish.charts.headline import NARROW, WIDE, headline_chart
from peft_census.publish.charts.save import save_chart, width, wrap
from peft_census.publish.claims.shares import make_claims
from peft_census.publish.snapshot_reader import read_shares, select

GIVEN = {
    "base": "10 cards that cite exactly one technique",
    "source_line": "Source: cards.parquet",
    "snapshot_id": "2025-04-30-0123456789ab",
    "alt_text": "Ten cards.",
}


def plain_figure() -> Figure:
    figure = Figure(figsize=(5, 2))
    figure.add_axes((0.1, 0.3, 0.8, 0.5)).barh([0], [1])
    return figure


def write_headline(snapshot, stem: Path, wide: float = WIDE):
    claim = make_claims(snapshot)[0]
    others = [s for s in select(read_shares(snapshot), "exactly_one") if s.technique != claim.technique]
    return save_chart(
        headline_chart(claim, others, wide),
        stem,
        base=claim.subtitle,
        source_line=claim.source_line,
        snapshot_id=claim.snapshot_id,
        alt_text=claim.alt_text,
        specimen=claim.specimen,
    )


def svg_texts(path: Path) -> list[str]:
    root = ElementTree.parse(path).getroot()
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize(
    ("left_out", "word"),
    [("base", "base"), ("source_line", "source line"), ("snapshot_id", "snapshot id"), ("alt_text", "alt text")],
)
def test_a_chart_that_cannot_be_judged_is_refused(tmp_path: Path, left_out: str, word: str) -> None:
    """Without base, source line, snapshot id or alt text no file is written, and the error names what is missing."""
    with pytest.raises(OutputError, match=f"chart c has no {word}, so it is not written"):
        save_chart(plain_figure(), tmp_path / "c", **(GIVEN | {left_out: "  "}), specimen=False)
    assert list(tmp_path.iterdir()) == []


def test_the_footer_holds_base_source_and_snapshot(tmp_path: Path) -> None:
    """What the chart does not say itself stands in its footer, as text."""
    files = save_chart(plain_figure(), tmp_path / "c", **GIVEN, specimen=False)
    texts = svg_texts(files.svg)
    assert "Base: 10 cards that cite exactly one technique" in texts
    assert "Source: cards.parquet · snapshot 2025-04-30-0123456789ab" in texts


def test_the_base_is_not_said_twice(tmp_path: Path, make_snapshot) -> None:
    """A chart whose subtitle is the base gets no second one."""
    assert not [t for t in svg_texts(write_headline(make_snapshot(), tmp_path / "c").svg) if t.startswith("Base:")]


def test_the_alt_text_travels_in_both_files(tmp_path: Path, make_snapshot) -> None:
    """The SVG has role, title and description; the PNG has a description."""
    snapshot = make_snapshot()
    files = write_headline(snapshot, tmp_path / "c")
    root = ElementTree.parse(files.svg).getroot()
    assert root.get("role") == "img"
    assert root.findtext("{http://www.w3.org/2000/svg}desc") == make_claims(snapshot)[0].alt_text == files.alt_text
    assert png_info(files.png)["Description"] == files.alt_text


def test_charts_say_nothing_of_the_software_or_the_time(tmp_path: Path, make_snapshot) -> None:
    """Neither file names a version or a date of writing."""
    files = write_headline(make_snapshot(), tmp_path / "c")
    assert "Software" not in png_info(files.png)
    assert matplotlib.__version__ not in files.svg.read_text()
    assert "dc:date" not in files.svg.read_text()


def test_a_chart_is_the_same_whatever_the_readers_settings(tmp_path: Path, make_snapshot) -> None:
    """Two runs give the same bytes, even under another Matplotlib style, which is left as it was."""
    first = write_headline(make_snapshot(), tmp_path / "a")
    with matplotlib.rc_context({"savefig.bbox": "tight", "font.size": 30.0, "svg.fonttype": "path"}):
        second = write_headline(make_snapshot(), tmp_path / "b")
        assert matplotlib.rcParams["font.size"] == 30.0
    assert first.svg.read_bytes() == second.svg.read_bytes()
    assert first.png.read_bytes() == second.png.read_bytes()


def test_specimen_charts_are_marked_twice(tmp_path: Path, make_snapshot) -> None:
    """A banner and a watermark mark made-up cards, in wide and narrow charts; real ones have neither."""
    for wide in (WIDE, NARROW):
        marked = svg_texts(write_headline(make_snapshot(specimen=True), tmp_path / "s", wide).svg)
        assert "SPECIMEN · made-up cards · shares mean nothing" in marked
        assert "SPECIMEN" in " ".join(t for t in marked if "made-up" not in t)
    real = write_headline(make_snapshot(), tmp_path / "r")
    assert "SPECIMEN" not in real.svg.read_text()
    assert corner(tmp_path / "s.png") == (0xFF, 0xD2, 0x4D)
    assert corner(real.png) == (255, 255, 255)


def test_the_headline_chart_labels_every_bar(tmp_path: Path, make_snapshot) -> None:
    """Leading technique, all the rest, and each small share carry name, share and count."""
    texts = svg_texts(write_headline(make_snapshot(), tmp_path / "c").svg)
    for words in ("LoRA", "98.4 %  ·  20,509", "3 other techniques", "1.6 %  ·  325", "(IA)^3", "0.0048 %  ·  1"):
        assert words in texts, words
    assert "The other 325 cards (1.6 %) by technique, on a scale of its own" in texts


def test_forty_techniques_become_twelve_bars_and_a_sum(tmp_path: Path, make_snapshot) -> None:
    """The tail is summed under its number of techniques."""
    names = {"lora": ("LoRA", None)} | {f"t{i:02}": (f"Technique {i}", None) for i in range(1, 41)}
    votes = {t: (100 - i, 0.02, 0.01, 0.03) for i, t in enumerate(names)}
    texts = svg_texts(
        write_headline(make_snapshot(share_rows("exactly_one", 3280, votes), names=names), tmp_path / "c").svg
    )
    assert "Technique 12" in texts
    assert "Technique 13" not in texts
    assert "28 others" in texts


def test_one_technique_alone_has_no_second_panel(tmp_path: Path, make_snapshot) -> None:
    """With nothing to break down the chart says that no other technique is cited."""
    rows = share_rows("exactly_one", 7, {"lora": (7, 1.0, 0.646, 1.0)})
    texts = " ".join(svg_texts(write_headline(make_snapshot(rows), tmp_path / "c").svg))
    assert "100 %  ·  7" in texts
    assert "No other technique is cited." in texts
    assert "scale of its own" not in texts


def test_a_base_of_zero_gives_a_chart_that_says_so(tmp_path: Path, make_snapshot) -> None:
    """Nothing to count is drawn as an empty frame, not as a bar of zero."""
    texts = svg_texts(write_headline(make_snapshot([]), tmp_path / "c").svg)
    assert "nothing to count" in texts
    assert not [t for t in texts if "%" in t]


def test_hostile_names_stay_text(tmp_path: Path, make_snapshot) -> None:
    """Markup, mathematics and letters the font lacks are shown as they are and make no element."""
    name = '<script>alert("x")</script> $x^2$ &'
    names = NAMES | {"lora": (name, None), "adalora": ("適応 LoRA", None), "ia3": ("$x^2$", None)}
    files = write_headline(make_snapshot(names=names, label="カード.parquet"), tmp_path / "c")
    assert "<script" not in files.svg.read_text()
    assert f"cite {name}" in " ".join(svg_texts(files.svg)).replace("  ", " ")
    assert {"適応 LoRA", "$x^2$"} <= set(svg_texts(files.svg))


def test_a_chart_is_saved_once(tmp_path: Path) -> None:
    """A figure that has its footer does not get a second one."""
    figure = plain_figure()
    save_chart(figure, tmp_path / "a", **GIVEN, specimen=False)
    with pytest.raises(OutputError, match="was saved before"):
        save_chart(figure, tmp_path / "b", **GIVEN, specimen=False)


def test_an_unwritable_chart_is_one_clear_error(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    with pytest.raises(OutputError, match=r"cannot write .*absent"):
        save_chart(plain_figure(), tmp_path / "absent" / "c", **GIVEN, specimen=False)


def test_lines_are_wrapped_to_the_paper_even_without_a_space() -> None:
    """No line is wider than asked for, and no character is lost."""
    text = "some words and a " + "x" * 300
    lines = wrap(text, 3.0, 10)
    assert max(width(line, 10) for line in lines) <= 3.0
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
