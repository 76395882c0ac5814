"""The location of every character of a card."""

from __future__ import annotations

import pytest

from peft_census.tag.card_structure import CardStructure
from peft_census.tag.front_matter import read_front_matter


def location_of(card: str, needle: str = "HERE") -> str:
    """Returns the location of the first ``needle`` in ``card``."""
    return CardStructure(card, read_front_matter(card)).location(card.index(needle))


@pytest.mark.parametrize(
    ("card", "location"),
    [
        pytest.param("---\ntags: [HERE]\n---\nBody", "front_matter", id="front-matter"),
        pytest.param("---\ntags: [x]\n---\nHERE", "prose", id="just-behind-front-matter"),
        pytest.param("Plain HERE text.", "prose", id="prose"),
        pytest.param("- an item HERE\n- another", "prose", id="list-item"),
        pytest.param("> a quotation HERE", "prose", id="quotation"),
        pytest.param("# Title HERE\n\nText", "heading", id="atx-heading"),
        pytest.param("###### HERE ######", "heading", id="atx-heading-closed"),
        pytest.param("#HERE", "heading", id="atx-heading-without-space"),
        pytest.param("The HERE model\n==========\n\nText", "heading", id="setext-1"),
        pytest.param("The HERE model\n---\n\nText", "heading", id="setext-2"),
        pytest.param("<h1 align='center'>HERE</h1>", "heading", id="html-heading"),
        pytest.param("| a | HERE |\n|---|---|\n| 1 | 2 |", "table", id="table-head"),
        pytest.param("| a | b |\n|---|---|\n| 1 | HERE |", "table", id="table-row"),
        pytest.param("<table><tr>\n<td>HERE</td>\n</tr></table>", "table", id="html-table-cell"),
        pytest.param("```\nHERE\n```", "code", id="fence"),
        pytest.param("~~~python\nHERE\n~~~", "code", id="tilde-fence"),
        pytest.param("````\n```\nHERE\n```\n````", "code", id="fence-inside-a-longer-fence"),
        pytest.param("````\n```\nx\n```\nHERE\n````", "code", id="longer-fence-is-not-closed-by-a-shorter-one"),
        pytest.param("```\nx\n```\nHERE", "prose", id="behind-a-fence"),
        pytest.param("~~~\n```\n~~~\nHERE", "prose", id="backticks-do-not-open-inside-tildes"),
        pytest.param("```\n# HERE\n| a | b |\n```", "code", id="heading-sign-inside-a-fence"),
        pytest.param("```\nnever closed\n\nHERE", "code", id="unclosed-fence-runs-to-the-end"),
        pytest.param("  ```\n  HERE\n  ```", "code", id="indented-fence"),
        pytest.param("Set `HERE=1` now.", "code", id="inline-code"),
        pytest.param("Set ``HERE`` now.", "code", id="double-backticks"),
        pytest.param(
            "Set ``a `HERE` b`` now.",
            "code",
            id="backticks-inside-double-backticks",
        ),
        pytest.param("Between `a` HERE `b`.", "prose", id="between-two-inline-codes"),
        pytest.param("Set <code>HERE</code> now.", "code", id="html-code"),
        pytest.param("<pre>\nHERE\n</pre>", "code", id="html-pre"),
        pytest.param("See [text](https://example.org/HERE).", "link", id="inline-link-target"),
        pytest.param("See [HERE](https://example.org).", "prose", id="inline-link-text"),
        pytest.param("See [text](docs/HERE.md).", "link", id="relative-link-target"),
        pytest.param("See [text][1].\n\n[1]: https://example.org/HERE", "link", id="reference-link"),
        pytest.param("See https://example.org/HERE now.", "link", id="bare-url"),
        pytest.param("See <https://example.org/HERE>.", "link", id="autolink"),
        pytest.param("参见https://example.org/HERE。", "link", id="bare-url-in-chinese"),
        pytest.param("<a href='https://example.org/HERE'>x</a>", "link", id="html-href"),
        pytest.param("<a href='https://example.org'>HERE</a>", "prose", id="html-link-text"),
        pytest.param('<img src="pictures/HERE.png">', "link", id="html-src"),
        pytest.param("See https://example.org/x and HERE.", "prose", id="behind-a-url"),
        pytest.param("@article{key,\n  title={HERE},\n}\n", "citation", id="bibtex"),
        pytest.param("```bibtex\n@misc{key,\n  title={HERE},\n}\n```", "citation", id="bibtex-in-a-fence"),
        pytest.param("```bibtex\n@misc{key,\n  title={A},\n}\n```\n\nHERE", "prose", id="behind-bibtex-in-a-fence"),
        pytest.param("@misc{key,\n  title={A},\n}\n\nHERE", "prose", id="behind-bibtex"),
        pytest.param("## References\n\n- Some authors, HERE, 2021.", "citation", id="reference-list"),
        pytest.param("## Citation\n\nPlease cite HERE.", "citation", id="citation-section"),
        pytest.param("## 参考文献\n\n- HERE", "citation", id="reference-list-in-chinese"),
        pytest.param("## References\n\n### Papers on it\n\n- HERE", "citation", id="subsection-of-references"),
        pytest.param("## References\n\n- A\n\n## Training\n\nHERE", "prose", id="section-behind-references"),
        pytest.param("[1] Doe et al. HERE. 2021.", "citation", id="numbered-entry"),
        pytest.param("Doe, J. HERE. arXiv preprint arXiv:2100.00000", "citation", id="arxiv-preprint-line"),
    ],
)
def test_location(card: str, location: str) -> None:
    """Each part of a card has its location."""
    assert location_of(card) == location


@pytest.mark.parametrize("card", ["a | b\n--- | ---\n1 | HERE\n", "a | HERE\n--- | ---\n1 | 2\n"])
def test_table_without_outer_pipes(card: str) -> None:
    """The rows of a table need not begin and end with a pipe."""
    assert location_of(card) == "table"


def test_a_bar_in_prose_is_not_a_table() -> None:
    """A sentence with a single bar is not a table."""
    assert location_of("Either this | or HERE, as you like.") == "prose"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_offsets_hold_for_any_line_end(end: str) -> None:
    """The locations are the same for every kind of line end."""
    card = end.join(
        ["---", "tags: [A]", "---", "# B", "", "C", "", "```", "D", "```", "", "| E | F |", "|---|---|", ""]
    )
    structure = CardStructure(card, read_front_matter(card))
    found = {letter: structure.location(card.index(letter)) for letter in "ABCDEF"}
    assert found == {"A": "front_matter", "B": "heading", "C": "prose", "D": "code", "E": "table", "F": "table"}


def test_lines_cover_the_card() -> None:
    """The lines of a card join without gap or overlap, also at unusual line ends."""
    card = "one\r\ntwo\u2028three\x0bfour\x85five\rsix"
    lines = CardStructure(card, read_front_matter(card)).lines
    assert "".join(card[line.start : line.end] for line in lines) == card
    assert [line.end for line in lines[:-1]] == [line.start for line in lines[1:]]


def test_sections_lead_from_the_innermost_heading_outwards() -> None:
    """The headings above a place are those that enclose it, innermost first."""
    card = "# Top\n\n## Before\n\nx\n\n## Training\n\n### Details\n\nHERE\n"
    section = CardStructure(card, read_front_matter(card)).section(card.index("HERE"))
    assert [(h.level, h.text) for h in section] == [(3, "Details"), (2, "Training"), (1, "Top")]


def test_heading_text_is_plain() -> None:
    """A heading's text contains no markup and no link targets."""
    card = "## **About [the model](https://example.org)** ##\n"
    assert CardStructure(card, read_front_matter(card)).headings[0].text == "About the model"


@pytest.mark.parametrize("card", ["", "\n", "\x00", "---", "```", "`", "<code>", "@misc{", "|", "[](", "#"])
def test_fragments(card: str) -> None:
    """Every character of a fragment of markup has a location."""
    structure = CardStructure(card, read_front_matter(card))
    assert all(structure.location(i) for i in range(len(card) + 1))
