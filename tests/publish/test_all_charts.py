"""Every chart is legible, agrees with its data, and has the same bytes each time."""

from __future__ import annotations

import csv
import html
import json
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from colorspacious import cspace_convert, deltaE
from counted_snapshot import counted
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from peft_census.errors import UsageError
from peft_census.publish.charts import registry
from peft_census.publish.charts.draw import SOCIAL_SUFFIXES, SUFFIXES
from peft_census.publish.charts.layout import PAGE, PHONE, SOCIAL, Format
from peft_census.publish.charts.marks import Sheet, Words
from peft_census.publish.charts.measure import avoid_overlap
from peft_census.publish.charts.palette import DARK, LIGHT, TECHNIQUES, Palette
from peft_census.publish.charts.registry import CHARTS, ChartEntry, chart_names, make_charts
from peft_census.publish.charts.save import draw
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.shares import headline_of, make_claims
from peft_census.publish.folder import publish
from peft_census.publish.text.numbers import count, interval, percent_label, size_text

FORMATS = (PAGE, PHONE, *SOCIAL)
KINDS = ("mixed", "series", "all_lora", "none_lora", "one_card", "empty", "hostile")


@cache
def charts(kind: str) -> dict[str, ChartSpec | Missing]:
    """Returns the charts of a counted snapshot by name."""
    snapshot = counted(kind)
    return {p.name: p for p in make_charts(snapshot, headline_of(make_claims(snapshot)), chart_names())}


def drawn(kind: str) -> list[ChartSpec]:
    """Returns the charts of a counted snapshot that have data."""
    return [p for p in charts(kind).values() if isinstance(p, ChartSpec)]


def boxes(chart: ChartSpec, form: Format) -> tuple[Sheet, list[tuple[str, tuple[float, float, float, float]]]]:
    """Returns a chart's sheet and the box of every text in it but the watermark, in inches, as Matplotlib measures it."""
    sheet = draw(chart, form)
    found = []
    for words in sheet.marks:
        if isinstance(words, Words) and words.text.strip() and not words.angle:
            wide, tall, below = measured(words.text, words.size, words.bold)
            left = words.x - {"start": 0.0, "middle": wide / 2, "end": wide}[words.anchor]
            found.append((words.text, (left, words.y - (tall - below), left + wide, words.y + below)))
    return sheet, found


@cache
def measured(text: str, size: float, bold: bool) -> tuple[float, float, float]:
    """Returns width, height and depth of a text, in inches."""
    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        wide, tall, below = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return wide / 72, tall / 72, below / 72


def assert_legible(chart: ChartSpec, form: Format) -> None:
    """Fails if a text overlaps another or leaves the chart."""
    sheet, found = boxes(chart, form)
    for text, (x0, y0, x1, y1) in found:
        assert x0 >= -0.01 and x1 <= sheet.wide + 0.01, (chart.name, form.name, text)
        assert y0 >= -0.01 and y1 <= sheet.tall + 0.01, (chart.name, form.name, text)
    for (one, a), (other, b) in combinations(found, 2):
        over = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        assert over[0] <= 0.01 or over[1] <= 0.01, (chart.name, form.name, one, other)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_overlaps_another_or_leaves_the_chart(kind: str, form: Format) -> None:
    """The measured boxes of all texts in every chart lie apart and inside the figure."""
    for chart in drawn(kind):
        assert_legible(chart, form)


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "hostile"])
def test_no_title_is_longer_than_fourteen_words(kind: str) -> None:
    """A title is one line of plain words, and says something else than its subtitle."""
    for chart in drawn(kind):
        assert 3 <= len(chart.claim.title.split()) <= 14, chart.claim.title
        assert not chart.claim.title.endswith(".")
        assert ("rule " not in chart.claim.subtitle and "n = " not in chart.claim.subtitle) or chart.name == "headline"


def test_every_chart_with_data_is_drawn() -> None:
    """With cards of 2023 and a benchmark, all are drawn except those of other data sources and of July 2025."""
    missing = {name for name, p in charts("mixed").items() if isinstance(p, Missing)}
    assert missing == {"sources", "interrupted_series"}
    assert list(charts("mixed")) == chart_names()


@pytest.mark.parametrize("kind", ["empty", "one_card"])
def test_a_chart_without_data_is_not_drawn(kind: str) -> None:
    """Too little data gives a reason instead of a chart; the headline is always drawn."""
    found = charts(kind)
    for name in (
        "sensitivity",
        "sources",
        "breakdown",
        "monthly",
        "concentration",
        "interrupted_series",
        "stickiness",
        "choice",
    ):
        assert isinstance(found[name], Missing) and found[name].why.endswith("."), name
    assert isinstance(found["headline"], ChartSpec)
    if kind == "empty":
        assert [p.name for p in drawn(kind)] == ["headline"]


def test_a_finding_needs_enough_cards() -> None:
    """Titles state numbers of a series of 25,000 cards, and describe where few authors stand behind a share."""
    series, one = ({p.name: p.claim.title for p in drawn(kind)} for kind in ("series", "one_card"))
    assert re.fullmatch(r"9\d\.\d% of cards that cite exactly one technique cite LoRA", series["headline"])
    assert "text classification" in series["breakdown"]
    assert re.fullmatch(r"Tools alone mention LoRA on \d\d\.\d% .* before", series["generated"])
    assert not re.search(r"\d%", one["headline"] + one["generated"])


def test_alt_texts_are_short_enough_to_listen_to() -> None:
    """Techniques that no card cites are summed, not listed one by one."""
    alt = next(p.claim.alt_text for p in drawn("mixed") if p.name == "popular")
    assert "cited on 0" not in alt
    assert re.search(r"\d+ techniques? cited on none, \d\.\d{3} to \d\.\d{3}", alt)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_colors_differ_for_every_kind_of_vision(palette: Palette) -> None:
    """The six technique colors and the background differ (CAM02-UCS) under each color-vision deficiency."""
    together = [*(palette.of(t) for t in TECHNIQUES), palette.background]
    spaces = [
        {"name": "sRGB1+CVD", "cvd_type": d, "severity": 100} for d in ("deuteranomaly", "protanomaly", "tritanomaly")
    ]
    for space in ("sRGB1", *spaces):
        seen = [np.clip(cspace_convert(rgb(c), space, "sRGB1"), 0, 1) for c in together]
        for a, b in combinations(seen, 2):
            assert deltaE(a, b, input_space="sRGB1") > 14, space
    for one, other in (("lora", "others"), ("second", "faint"), ("others", "faint")):
        assert deltaE(rgb(palette.of(one)), rgb(palette.of(other)), input_space="sRGB1") > 20, (one, other)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_technique_colors_differ_in_grayscale(palette: Palette) -> None:
    """Printed without color, the six technique colors have different lightness (CIELAB)."""
    lightness = sorted(cspace_convert(rgb(palette.of(t)), "sRGB1", "CIELab")[0] for t in TECHNIQUES)
    assert min(np.diff(lightness)) > 5.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_bars_have_enough_contrast(palette: Palette) -> None:
    """Text has the contrast of WCAG AA (4.5 to 1) and technique colors that of graphics (3 to 1)."""
    for color in ("ink", "muted", "lora"):
        assert contrast(palette.of(color), palette.background) >= 4.5, color
    for color in (*TECHNIQUES, "others"):
        assert contrast(palette.of(color), palette.background) >= 3.0, color
    assert contrast(palette.banner_ink, palette.banner) >= 4.5


def rgb(color: str) -> Any:
    return np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def contrast(one: str, other: str) -> float:
    def light(color: str) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(color)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.fixture
def made(published: Callable[[str], Path]) -> Path:
    """The folder of a snapshot with enough data for all charts but one."""
    return published("mixed")


def test_a_new_chart_is_one_module_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chart that only the registry knows gets its files and a section, and its folder can be replaced."""
    snapshot = counted("one_card")
    headline = charts("one_card")["headline"]
    assert isinstance(headline, ChartSpec)
    claim = replace(headline.claim, id="new", title="A new chart")
    entry = ChartEntry("new", "A new section", lambda *_: replace(headline, name="new", claim=claim))
    monkeypatch.setattr(registry, "CHARTS", (*CHARTS, entry))
    for _ in range(2):
        files = publish(snapshot, tmp_path / "out", ["new"])
    assert {f"new{suffix}" for suffix in SUFFIXES} <= {file.name for file in files}
    page = (tmp_path / "out/report.html").read_text()
    assert page.count('id="chart-new"') == 1 and ">A new section</h2>" in page


def test_an_unknown_chart_is_a_usage_error() -> None:
    """The error names the chart and lists the charts that exist."""
    snapshot = counted("one_card")
    with pytest.raises(UsageError, match="no chart 'pie'"):
        make_charts(snapshot, headline_of(make_claims(snapshot)), ["pie"])


def test_each_chart_has_its_files(made: Path) -> None:
    """SVG and PNG for both backgrounds, data with the id of the snapshot, and the alt text of the claim."""
    claims = {c["id"]: c for c in json.loads((made / "claims.json").read_text())}
    for chart in drawn("mixed"):
        for suffix in (*SUFFIXES, *SOCIAL_SUFFIXES):
            assert (made / f"{chart.name}{suffix}").stat().st_size > 0
        assert (made / f"{chart.name}.txt").read_text().strip() == claims[chart.name]["alt_text"]
        assert claims[chart.name]["data"] == f"{chart.name}.csv"
        with (made / f"{chart.name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(chart.rows) and {r["snapshot_id"] for r in rows} == {"2023-12-31-0123456789ab"}


def test_files_have_the_same_bytes_each_time(made: Path, tmp_path: Path) -> None:
    """All files of a second call are byte for byte those of the first."""
    for file in publish(counted("mixed"), tmp_path / "again", chart_names(), blog=True):
        assert file.read_bytes() == (made / file.name).read_bytes(), file.name


def test_every_svg_has_its_texts_as_text(made: Path) -> None:
    """Title and source line are text elements, the alt text is the description, light and dark alike."""
    for chart in drawn("mixed"):
        for suffix in (".svg", "-dark.svg"):
            root = ElementTree.parse(made / f"{chart.name}{suffix}").getroot()
            words = " ".join("".join(t.itertext()) for t in root.iter("{http://www.w3.org/2000/svg}text"))
            assert chart.claim.title in words and chart.claim.snapshot_id in words
            assert root.findtext("{http://www.w3.org/2000/svg}desc") == chart.claim.alt_text


NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def numbers(text: str) -> set[str]:
    return {found.rstrip(",") for found in NUMBER.findall(text)}


def claimed(folder: Path) -> set[str]:
    """Returns every number of a claim or of the data that a claim names, as the files print it."""
    claims = json.loads((folder / "claims.json").read_text())
    allowed: set[str] = set()
    for claim in claims:
        for value in claim.values():
            allowed |= written(value)
        if claim["share"] is not None and claim["base"]:
            allowed |= written(1 - claim["share"]) | written(claim["base"] - claim["numerator"])
    for name in ("shares.csv", *{c["data"] for c in claims if c["data"]}):
        with (folder / name).open(newline="") as file:
            for row in csv.DictReader(file):
                for value in row.values():
                    allowed |= written(value)
                for low, high in (("low", "high"), ("wilson_low", "wilson_high")):
                    if row.get(low) and row.get(high):
                        allowed |= numbers(interval(float(row[low]), float(row[high])))
    return allowed


def written(value: Any) -> set[str]:
    """Returns the ways in which a value is printed."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return numbers(value) if isinstance(value, str) else set()
    ways = numbers(str(value)) | {f"{number:.3f}", f"{number:.2f}"}
    ways |= numbers(count(number)) | numbers(count(round(number, 1))) | {size_text(number)}
    return ways | numbers(percent_label(number)) if 0 <= number <= 1 else ways


def test_every_number_in_a_chart_is_in_a_claim(made: Path) -> None:
    """All numbers of every SVG, except the ticks of its axes, are in a claim or in the data of a claim."""
    allowed = claimed(made)
    for chart in drawn("mixed"):
        root = ElementTree.parse(made / f"{chart.name}.svg").getroot()
        texts = [t for t in root.iter("{http://www.w3.org/2000/svg}text") if t.get("class") != "tick"]
        assert len(texts) > 5
        spare = {"95"}  # the level of the intervals
        for text in texts:
            words = "".join(text.itertext())
            if words.endswith("others"):  # how many techniques are summed up
                continue
            assert numbers(words) - allowed - spare == set(), (chart.name, words)


def test_every_number_on_the_page_is_in_a_claim(made: Path) -> None:
    """The same holds for the page up to its provenance, and for the Markdown."""
    allowed = claimed(made) | {"95", "100"}
    for file in ("report.html", "shares.md"):
        text = (made / file).read_text()
        text = re.sub(r"<(style|script).*?</\1>", "", text, flags=re.DOTALL)
        words = html.unescape(re.sub(r"<[^>]+>", " ", text)) if file.endswith("html") else text
        words = words.split("Provenance")[0]
        words = re.sub(r"\ba\d+/m\d+|snapshot \S+", "", words)  # ids are names, not numbers
        strange = {n for n in numbers(words) - allowed if n not in {"1", "2", "3", "1,000", "50", "0"}}
        assert strange == set(), file


def test_hostile_names_stay_text_in_every_file(published: Callable[[str], Path]) -> None:
    """Markup and formulas in the name of a technique become neither an element, nor a formula, nor a link."""
    for file in published("hostile").iterdir():
        if file.suffix in (".svg", ".html"):
            assert "<script>alert" not in file.read_text(), file.name
        if file.suffix == ".csv":
            with file.open(newline="") as opened:
                assert not [c for row in csv.reader(opened) for c in row if c.startswith("=")], file.name


def test_labels_are_moved_apart_as_little_as_possible() -> None:
    """Labels with enough space stay; crowded ones are spread around their mean, in order, within the ends."""
    assert avoid_overlap([1.0, 3.0], 0.5, 0, 4) == [1.0, 3.0]
    assert avoid_overlap([2.0, 2.0, 2.0], 0.5, 0, 4) == [1.5, 2.0, 2.5]
    assert avoid_overlap([0.0, 0.1], 0.5, 0, 4) == [0.0, 0.5]
    assert avoid_overlap([4.0, 3.9], 0.5, 0, 4) == [4.0, 3.5]


def test_the_page_is_small_with_all_charts(made: Path) -> None:
    """With all charts in four versions the page is under three megabytes."""
    assert (made / "report.html").stat().st_size < 3_000_000


def test_a_folder_with_a_post_is_replaced(tmp_path: Path) -> None:
    """A second call replaces the post and the citation files."""
    for _ in range(2):
        files = publish(counted("one_card"), tmp_path / "post", ["headline"], blog=True)
    assert {"post.md", "badge.json", "citation.bib"} <= {file.name for file in files}
