"""The post: 500 to 800 words whose numbers are those of the claims, with charts that exist, whatever was counted."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from counted_snapshot import counted

from peft_census.count import HEADLINE
from peft_census.count.difference import Comparison, Contribution, Share
from peft_census.publish.charts.registry import make_charts
from peft_census.publish.charts.spec import ChartSpec, Missing
from peft_census.publish.claims.claim import Claim
from peft_census.publish.claims.shares import change_claim, headline_of, make_claims
from peft_census.publish.post import post_charts, post_md, snippets_html
from peft_census.publish.text.difference import change_section, change_sentence
from peft_census.publish.text.shares import claims_json

KINDS = ("mixed", "series", "all_lora", "none_lora", "one_card", "empty", "hostile")


@cache
def material(kind: str) -> tuple[list[Claim], list[ChartSpec | Missing]]:
    """Returns the claims and charts of a counted snapshot, with a change since another."""
    snapshot = counted(kind)
    claims = make_claims(snapshot)
    charts = make_charts(snapshot, headline_of(claims))
    claims += [c.claim for c in charts if isinstance(c, ChartSpec) and c.name != "headline"]
    if kind == "mixed":
        found = comparison()
        claims.append(
            change_claim(
                snapshot, change_section(found, "LoRA").lines, change_sentence(found, "LoRA"), "lora", HEADLINE
            )
        )
    return claims, charts


def comparison(*reasons: str) -> Comparison:
    """A share that rose from 3 of 4 to 7 of 8, mostly by new models."""
    before, after = Share(Fraction(3), Fraction(4)), Share(Fraction(7), Fraction(8))
    parts = [
        Contribution("rules", 1, before, before, Fraction(1, 40)),
        Contribution("new", 4, Share(Fraction(0), Fraction(0)), Share(Fraction(4), Fraction(4)), Fraction(1, 10)),
    ]
    return Comparison("old", "new", HEADLINE, "lora", before, after, list(reasons), [], (0, 0), True, parts)


def post(kind: str) -> str:
    """Returns the post of a counted snapshot."""
    return post_md(*material(kind))


def words(text: str) -> list[str]:
    """Returns what a reader reads: no tags, no targets of links."""
    return re.sub(r"\]\([^)]*\)", "]", re.sub(r"<[^>]*>", "", text)).split()


def numbers(text: str) -> set[str]:
    """Returns the numbers in a text as they are printed, days and years included."""
    return set(re.findall(r"\d[\d,]*(?:\.\d+)?", text))


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_of_a_post_is_a_claims(kind: str) -> None:
    """No number is rounded or counted anew by the post."""
    told = numbers(" ".join(words(post(kind))))
    figures = numbers(claims_json(material(kind)[0]))
    shares = {f"{float(n):,.0f}" for n in figures if "," not in n} | {
        f"{c.effective_n:.{places}f}" for c in material(kind)[0] if c.effective_n for places in (0, 1)
    }
    assert len(told) > 5 or kind == "empty"
    assert told <= figures | shares


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "empty"])
def test_a_post_has_500_to_800_words(kind: str) -> None:
    """Few authors, another leader and missing charts included."""
    assert 500 <= len(words(post(kind))) <= 800


@pytest.mark.parametrize("kind", KINDS)
def test_a_post_has_at_most_three_charts_all_with_alt_text(kind: str) -> None:
    """The headline comes first; charts without data are not named, and no sentence is struck out."""
    claims, charts = material(kind)
    text, shown = post(kind), post_charts(charts)
    images = re.findall(r'<img src="([^"]+)" alt="([^"]+)">', text)
    assert images == [(f"{c.name}.png", html.escape(c.claim.alt_text)) for c in shown]
    assert shown[0].name == "headline" and len(shown) == min(3, sum(isinstance(c, ChartSpec) for c in charts))
    assert text.count("<picture>") == text.count("-dark.png") == len(shown)
    assert "~~" not in text and not any(claim.misquote in text for claim in claims)
    assert not any(c.why in text for c in charts if isinstance(c, Missing))
    assert text.count("does not prove use") == 1


def test_a_post_says_what_changed() -> None:
    """Both shares, the difference and its largest part; another population gives no trend."""
    assert "## What changed since the last snapshot" in post("mixed")
    assert "from one group: new models" in post("mixed") and "+12.50 percentage points" in post("mixed")
    assert "What changed" not in post("series")
    other = change_sentence(comparison("the sources differ in kind: a before, b after"), "LoRA")
    assert "not a trend" in other and "percentage points" not in other


def test_the_leader_is_named_and_few_cards_are_no_finding() -> None:
    """Where LoRA does not lead the post says who does; a share of one card is not a title."""
    assert " leads; " in post("none_lora") or " leads." in post("none_lora")
    assert not re.match(r"# \d", post("one_card"))
    assert "too few for a firm figure" in post("one_card")
    assert "mention no other technique" in post("all_lora")


def test_hostile_names_stay_text() -> None:
    """Names cannot open a tag, a link or an image in the post or in what is embedded."""
    text = post("hostile") + snippets_html(material("hostile")[1])
    assert "<script" not in text and "\u202e" not in text
    assert set(re.findall(r"<(\w+)", text)) == {"picture", "source", "img", "figure", "figcaption", "a"}


def test_an_address_makes_links_absolute() -> None:
    """With an address, every image and link of post and snippets starts with it."""
    claims, charts = material("mixed")
    for text in (post_md(claims, charts, "https://example.org/x/"), snippets_html(charts, "https://example.org/x/")):
        links = re.findall(r'(?:src|srcset|href)="([^"]+)"|\]\(([^)]+)\)', text)
        assert links and all("".join(link).startswith("https://example.org/x/") for link in links)


def test_the_files_that_a_post_names_exist(published: Callable[[str], Path]) -> None:
    """Each link and image of the post is a file of its folder; misquotes are in claims.json only."""
    folder = published("mixed")
    text = (folder / "post.md").read_text()
    links = {"".join(link) for link in re.findall(r'(?:src|srcset)="([^"]+)"|\]\(([^)]+)\)', text)}
    assert {"citation.bib", "CITATION.cff", "shares.csv", "headline.csv", "headline-dark.png"} <= links
    assert all((folder / name).is_file() for name in links)
    for claim in json.loads((folder / "claims.json").read_text()):
        assert claim["misquote"] not in (folder / "shares.md").read_text()
