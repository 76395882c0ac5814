"""One function writes charts. It rejects incomplete claims and writes the same bytes twice."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from literal_snapshot import NAMES, corner, png_info, share_rows
from PIL import Image

from peft_census.errors import OutputError
from peft_census.publish.charts.draw import draw_charts
from peft_census.publish.charts.headline import make_chart
from peft_census.publish.charts.layout import PAGE, PHONE, SOCIAL, Format
from peft_census.publish.charts.measure import width, wrap
from peft_census.publish.charts.palette import DARK, LIGHT
from peft_census.publish.charts.save import draw, png_bytes, svg_text
from peft_census.publish.charts.spec import ChartSpec
from peft_census.publish.claims.shares import headline_of, make_claims
from peft_census.publish.snapshot_reader import REPLICA_MARK
from peft_census.snapshot.manifest import Retrieval
from peft_census.snapshot.snapshot import Snapshot


def headline_chart(snapshot: Snapshot) -> ChartSpec:
    """Returns the chart of the headline."""
    return make_chart(snapshot, headline_of(make_claims(snapshot)))


def write_headline(snapshot: Snapshot, folder: Path, form: Format = PAGE) -> Path:
    """Writes the chart of the headline in one format and returns the SVG."""
    chart = headline_chart(snapshot)
    sheet = draw(chart, form)
    (folder / "headline.svg").write_text(svg_text(sheet, chart.claim, LIGHT), encoding="utf-8")
    (folder / "headline.png").write_bytes(png_bytes(sheet, chart.claim, form, LIGHT))
    return folder / "headline.svg"


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
def test_a_chart_that_cannot_be_judged_is_refused(make_snapshot, left_out: str, word: str) -> None:
    """Without base, source line, snapshot id or alt text nothing is drawn, and the error names what is missing."""
    chart = headline_chart(make_snapshot())
    chart = replace(chart, claim=replace(chart.claim, **{left_out: "  "}))
    with pytest.raises(OutputError, match=f"claim headline has no {word}, so its chart is not written"):
        draw(chart, PAGE)


def test_the_source_line_names_project_data_address_and_day(make_snapshot, tmp_path: Path) -> None:
    """Project, snapshot, data set, address and day of retrieval stand under the chart."""
    snapshot = make_snapshot()
    source = replace(
        snapshot.manifest.source,
        kind="hub-api",
        details={"population": "adapters", "files": {}},
        retrieved=Retrieval(date(2026, 5, 3), date(2026, 5, 5)),
    )
    snapshot = replace(snapshot, manifest=replace(snapshot.manifest, source=source))
    words = " ".join(svg_texts(write_headline(snapshot, tmp_path)))
    assert (
        "Source: peft_census, snapshot 2025-04-30-0123456789ab. Data: Hugging Face Hub, models with an adapter or "
        "technique tag, huggingface.co/models, retrieved 3 May 2026 to 5 May 2026"
    ) in words


def test_a_chart_of_a_test_server_is_marked(make_snapshot, tmp_path: Path) -> None:
    """A replica of the Hub is no source of shares: banner, alt text and quote say so, and no address of the Hub is given."""
    snapshot = make_snapshot()
    source = replace(snapshot.manifest.source, kind="hub-api", details={"population": "adapters", "replica": True})
    snapshot = replace(snapshot, manifest=replace(snapshot.manifest, source=source))
    claim = headline_of(make_claims(snapshot))
    assert claim.alt_text.startswith(REPLICA_MARK) and claim.quote.startswith(REPLICA_MARK)
    words = svg_texts(write_headline(snapshot, tmp_path))
    assert REPLICA_MARK in words and "huggingface.co" not in " ".join(words)


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
    with matplotlib.rc_context({"font.size": 30.0, "text.antialiased": False, "path.snap": False}):
        svg = write_headline(make_snapshot(), tmp_path)
        assert matplotlib.rcParams["font.size"] == 30.0
    for name in (svg.name, "headline.png"):
        assert (tmp_path / name).read_bytes() == (literal_folder / name).read_bytes()


def test_specimen_charts_are_marked_twice(tmp_path: Path, literal_folder: Path, make_snapshot) -> None:
    """A banner and a watermark mark made-up cards, in wide and narrow charts; real ones have neither."""
    for form in (PAGE, PHONE, *SOCIAL):
        svg = write_headline(make_snapshot(specimen=True), tmp_path, form)
        marked = svg_texts(svg)
        assert "SPECIMEN · made-up cards · shares mean nothing" in marked
        assert "SPECIMEN" in " ".join(t for t in marked if "made-up" not in t)
    assert "SPECIMEN" not in (literal_folder / "headline.svg").read_text()
    assert corner(tmp_path / "headline.png") == (0xFF, 0xD2, 0x4D)
    assert corner(literal_folder / "headline.png") == (255, 255, 255)


def test_the_headline_chart_labels_every_bar(texts: list[str]) -> None:
    """The leading technique, all others, and each small share have name, share and count."""
    for words in (
        "LoRA",
        "98.4%",
        "20,509",
        "3 other techniques",
        "1.6%",
        "325",
        "(IA)³",
        "<0.1%",
        "1",
        "Share",
        "Cards",
    ):
        assert words in texts, words
    assert "The other 325 cards (1.6%), enlarged" in texts


def test_a_share_of_few_cards_is_described_and_not_stated(make_snapshot, tmp_path: Path) -> None:
    """Where the effective sample size is small, the title of the chart names no number."""
    rows = share_rows("exactly_one", 7, {"lora": (6, 0.857, 0.487, 0.974)})
    few = headline_chart(make_snapshot([r | {"effective_n": 7.0} for r in rows])).claim.title
    assert few == "LoRA and the other techniques that model cards cite"
    assert headline_chart(make_snapshot()).claim.title == "98.4% of cards that cite exactly one technique cite LoRA"


def test_where_another_technique_leads_all_stand_on_one_scale(make_snapshot) -> None:
    """There is nothing to enlarge, and no bar is drawn twice."""
    rows = share_rows("exactly_one", 100, {"adalora": (60, 0.6, 0.5, 0.7), "lora": (40, 0.4, 0.3, 0.5)})
    (panel,) = headline_chart(make_snapshot(rows)).panels
    assert [row.name for row in panel.rows] == ["LoRA", "AdaLoRA"]


def test_forty_techniques_become_twelve_bars_and_a_sum(tmp_path: Path, make_snapshot) -> None:
    """The tail is summed under its number of techniques."""
    names = {"lora": ("LoRA", None)} | {f"t{i:02}": (f"Technique {i}", None) for i in range(1, 41)}
    votes = {t: (100 - i, 0.02, 0.01, 0.03) for i, t in enumerate(names)}
    snapshot = make_snapshot(share_rows("exactly_one", 3280, votes), names=names)
    texts = svg_texts(write_headline(snapshot, tmp_path))
    assert "Technique 12" in texts
    assert "Technique 13" not in texts
    assert "28 others" in texts


def test_one_technique_alone_has_no_second_panel(tmp_path: Path, make_snapshot) -> None:
    """With nothing to break down the chart says that no other technique is cited."""
    rows = share_rows("exactly_one", 7, {"lora": (7, 1.0, 0.646, 1.0)})
    texts = " ".join(svg_texts(write_headline(make_snapshot(rows), tmp_path)))
    assert "100%" in texts and "7" in texts
    assert "No other technique is cited." in texts
    assert "enlarged scale" not in texts


def test_a_base_of_zero_gives_a_chart_that_says_so(tmp_path: Path, make_snapshot) -> None:
    """Nothing to count is drawn as an empty frame, not as a bar of zero."""
    texts = svg_texts(write_headline(make_snapshot([]), tmp_path))
    assert "nothing to count" in texts
    assert not [t for t in texts if "%" in t]


def test_hostile_names_stay_text(tmp_path: Path, make_snapshot) -> None:
    """Markup, mathematics and letters that the font lacks are shown as they are."""
    name = '<script>alert("x")</script> $x^2$ &'
    names = NAMES | {"lora": (name, None), "adalora": ("適応 LoRA", None), "ia3": ("$x^2$", None)}
    svg = write_headline(make_snapshot(names=names, label="カード.parquet"), tmp_path)
    assert "<script" not in svg.read_text()
    assert f"cite {name}" in " ".join(svg_texts(svg)).replace("  ", " ")
    assert {"適応 LoRA", "$x^2$"} <= set(svg_texts(svg))


def test_an_unwritable_chart_is_one_clear_error(make_snapshot, tmp_path: Path) -> None:
    """The error names the missing folder."""
    snapshot = make_snapshot()
    with pytest.raises(OutputError, match=r"cannot write .*absent"):
        draw_charts(snapshot, [headline_chart(snapshot)], tmp_path / "absent", tmp_path)


def test_a_dark_chart_is_the_light_one_with_other_colors(make_snapshot) -> None:
    """Both have the same marks; nothing but colors differs."""
    chart = headline_chart(make_snapshot(specimen=True))
    light, dark = (svg_text(draw(chart, PAGE), chart.claim, palette) for palette in (LIGHT, DARK))
    assert light != dark
    assert re.sub(r"#[0-9a-f]{6}", "", light) == re.sub(r"#[0-9a-f]{6}", "", dark)


def test_svg_and_png_show_the_same(make_snapshot, tmp_path: Path) -> None:
    """The bar of LoRA has its color in the PNG where the SVG places it."""
    svg = write_headline(make_snapshot(), tmp_path).read_text()
    (bar,) = re.findall(rf'<polygon points="([^"]+)" fill="{LIGHT.lora}"/>', svg)
    ends = [tuple(map(float, pair.split(","))) for pair in bar.split()]
    x, y = (sum(values) / 4 for values in zip(*ends, strict=True))
    with Image.open(tmp_path / "headline.png") as image:
        scale = image.width / (72 * PAGE.wide)
        found = image.convert("RGB").getpixel((round(x * scale), round((y - 4) * scale)))
    assert found == tuple(bytes.fromhex(LIGHT.lora[1:]))


@pytest.mark.parametrize("form", SOCIAL, ids=lambda form: form.name)
def test_charts_for_social_networks_have_their_size(make_snapshot, tmp_path: Path, form: Format) -> None:
    """The PNG has the ratio of its name and the width in pixels."""
    write_headline(make_snapshot(), tmp_path, form)
    with Image.open(tmp_path / "headline.png") as image:
        wide, tall = image.size
    across, _, up = form.name.partition("x")
    assert abs(wide - form.pixels) <= 1 and abs(tall - wide * int(up) / int(across)) <= 1


def test_lines_are_wrapped_to_the_paper_even_without_a_space() -> None:
    """No line is wider than asked for, and no character is lost."""
    text = "some words and a " + "x" * 300
    lines = wrap(text, 3.0, 10)
    assert max(width(line, 10) for line in lines) <= 3.0
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
