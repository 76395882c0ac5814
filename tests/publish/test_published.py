"""Published figures are read, and rejected if they contradict themselves."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from peft_census.errors import BadInputError, UsageError
from peft_census.publish.published import find_publication, load_published
from peft_census.tag import load_taxonomy

GOOD = """
[post]
title = "A post"
publisher = "Somebody"
url = "https://example.org/post"
published = 2026-06-18
likely = 2026-06-15

[[post.figures]]
id = "cards"
claim = "Most cards name it."
where = "cards"
technique = "lora"
numerator = 9
denominator = 10
percent = 90.0
of = "cards"
dataset = "a/b"
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "published.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_published_figures_are_on_record() -> None:
    """Counts, percentages, sources and dates of the post of June 2026."""
    post = find_publication("beyond-lora")
    assert (post.published, post.likely) == (date(2026, 6, 18), date(2026, 6, 15))
    figures = {f.id: f for f in post.figures}
    assert post.countable is figures["hub-cards"]
    assert (post.countable.numerator, post.countable.denominator, post.countable.percent) == (20509, 20834, 98.4)
    assert figures["image-identified"].share == pytest.approx(0.9500, abs=5e-5)
    assert figures["image-all"].share == pytest.approx(0.7111)
    assert (figures["github-imports"].numerator, figures["github-imports"].share) == (None, pytest.approx(0.713))
    assert figures["github-imports"].others == {"loha": 3.7, "adalora": 3.5}
    assert all(f.not_published for f in post.figures)


def test_every_named_technique_is_in_the_taxonomy() -> None:
    """A figure about a technique outside the taxonomy could not be counted."""
    known = set(load_taxonomy().techniques)
    for post in load_published().values():
        for figure in post.figures:
            assert {figure.technique, *(figure.others or {})} <= known, figure.id


def test_an_unknown_publication_is_named_with_those_known() -> None:
    """The error lists the known publications."""
    with pytest.raises(UsageError, match="no publication 'gone'") as error:
        find_publication("gone")
    assert "beyond-lora" in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[post]", "[post", "not readable as TOML"),
        ('id = "cards"\n', "", r"post\.figures\.0\.id: Field required"),
        ('of = "cards"', 'of = "cards"\nfrom = "x"', r"post\.figures\.0\.from: Unexpected keyword"),
        ("numerator = 9", 'numerator = "9"', r"figures\.0\.numerator: Input should be a valid integer"),
        ("numerator = 9", "numerator = true", r"figures\.0\.numerator: Input should be a valid integer"),
        ("numerator = 9\n", "", "both numerator and denominator"),
        ("numerator = 9", "numerator = 11", "11 of 10 is not a share"),
        ("percent = 90.0", "percent = 91.0", "9 of 10 is 90.00%, not 91.0%"),
        ("denominator = 10", "denominator = 0", "0 is not a share"),
        ("numerator = 9\ndenominator = 10\n", "", "needs numerator and denominator"),
        ("numerator = 9\ndenominator = 10\npercent = 90.0\n", "", "numerator and denominator, or percent"),
        ('dataset = "a/b"', "", "exactly one figure must have a dataset"),
        ("https://example.org", "javascript:x", r"post\.url: String should match pattern"),
        ("2026-06-18", '"2026-06-18"', r"post\.published: Input should be a valid date"),
        (
            'dataset = "a/b"',
            'dataset = "a/b"\nnot_published = [1]',
            r"not_published\.0: Input should be a valid string",
        ),
        (
            'dataset = "a/b"',
            'dataset = "a/b"\nothers = { dora = "many" }',
            r"others\.dora: Input should be a valid number",
        ),
        ("[[post.figures]]", "[post.figure]", r"post\.figures: Field required|post\.figure: Unexpected"),
    ],
)
def test_what_does_not_add_up_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    """The error names the file, the publication and the key."""
    file = write(tmp_path, GOOD)
    assert load_published(file)["post"].countable.share == 0.9
    assert old in GOOD
    with pytest.raises(BadInputError, match=words) as error:
        load_published(write(tmp_path, GOOD.replace(old, new)))
    assert str(file) in str(error.value)


def test_two_figures_of_one_name_are_refused(tmp_path: Path) -> None:
    """An id names one figure."""
    figure = GOOD[GOOD.index("[[") :]
    with pytest.raises(BadInputError, match="two figures have the id 'cards'"):
        load_published(write(tmp_path, GOOD + figure))
