"""Front matter: the ways in which people write it, and the parse status of each; nothing raises."""

from __future__ import annotations

from typing import Any

import pytest
from pace import within

from peft_census.tag.front_matter import FrontMatter, read_front_matter

PARSED = [
    pytest.param("---\r\ntags:\r\n- lora\r\n---\r\nBody", {"tags": ["lora"]}, id="crlf"),
    pytest.param("\n\n---\ntags: [lora]\n---\nBody", {"tags": ["lora"]}, id="leading-blank-lines"),
    pytest.param("---\ntags: [lora]\n--- \t\nBody", {"tags": ["lora"]}, id="spaces-after-closing"),
    pytest.param("---\ntags: [lora]\n---", {"tags": ["lora"]}, id="block-at-end-without-newline"),
    pytest.param("\ufeff---\ntags: [lora]\n---\n", {"tags": ["lora"]}, id="bom-is-read-though-the-hub-client-does-not"),
    pytest.param("---\n---\nBody", {}, id="empty-block-is-read-though-the-hub-client-does-not"),
    pytest.param(
        "---\rtags: [lora]\r---\rBody", {"tags": ["lora"]}, id="cr-only-is-read-though-the-hub-client-does-not"
    ),
    pytest.param("Hello\n\n---\ntags: [lora]\n---\n", {"tags": ["lora"]}, id="text-before-is-read"),
    pytest.param("<!-- note -->\n---\ntags: [lora]\n---\n", {"tags": ["lora"]}, id="comment-before-is-read"),
    pytest.param("--- \ntags: [lora]\n---\n", {"tags": ["lora"]}, id="space-after-opening-is-read"),
    pytest.param("---\ntags: a\ntags: b\n---\n", {"tags": "b"}, id="duplicate-keys-last-wins"),
    pytest.param("---\ndate: 2024-13-45\n---\n", {"date": "2024-13-45"}, id="impossible-date-stays-text"),
    pytest.param("---\ndate: 2024-01-31\n---\n", {"date": "2024-01-31"}, id="possible-date-stays-text-too"),
    pytest.param("---\n1: a\non: b\n---\n", {1: "b"}, id="integer-and-boolean-keys-are-kept-and-collide"),
    pytest.param(
        "---\nself: a\nignore_metadata_errors: b\nname: c\n---\n",
        {"self": "a", "ignore_metadata_errors": "b", "name": "c"},
        id="keys-that-trip-the-hub-client-are-kept",
    ),
    pytest.param(
        "---\nmodel-index: 3\neval_results: x\n---\n", {"model-index": 3, "eval_results": "x"}, id="bad-index"
    ),
    pytest.param("---\ntags: lora\n---\n", {"tags": "lora"}, id="tags-as-one-string"),
    pytest.param("---\ntags: {a: 1}\n---\n", {"tags": {"a": 1}}, id="tags-as-mapping"),
    pytest.param(
        "---\ntags: [1, 2.5, null, true, 2024-01-02, [x], lora]\n---\n",
        {"tags": [1, 2.5, None, True, "2024-01-02", ["x"], "lora"]},
        id="numbers-nulls-and-lists-in-tags",
    ),
    pytest.param("---\nlanguage: no\n---\n", {"language": False}, id="language-no-is-false"),
    pytest.param("---\nget: 1\nto_dict: 2\n---\n", {"get": 1, "to_dict": 2}, id="keys-named-like-methods"),
    pytest.param("---\na: |\n  x\n---\ny: 1\n---\n", {"a": "x\n"}, id="inner-rule-ends-the-block"),
    pytest.param(
        "---\na: |\n  x\n  ---\n  z\nb: 1\n---\n",
        {"a": "x\n---\nz\n", "b": 1},
        id="indented-rule-does-not-end-the-block",
    ),
    pytest.param(
        "---\nlicence: mit\nbase_model:\n---\n", {"licence": "mit", "base_model": None}, id="typo-and-empty-value"
    ),
    pytest.param(
        "---\nbase_model: [acme/a, acme/b]\n---\n", {"base_model": ["acme/a", "acme/b"]}, id="base-model-list"
    ),
    pytest.param("---\nbase_model: 'C:\\models\\a'\n---\n", {"base_model": "C:\\models\\a"}, id="windows-path"),
    pytest.param("---\n# only a comment\n---\n", {}, id="comment-only"),
]

REFUSED = [
    pytest.param("---\ntags: [lora\n---\n", "invalid", id="unclosed-bracket"),
    pytest.param("---\ntags:\n\t- lora\n---\n", "invalid", id="tab-indent"),
    pytest.param("---\na: b: c\n---\n", "invalid", id="two-colons"),
    pytest.param("---\na: @x\n---\n", "invalid", id="at-sign"),
    pytest.param("---\na: *x\n---\n", "invalid", id="unknown-alias"),
    pytest.param("---\na: b\x00c\n---\n", "invalid", id="nul"),
    pytest.param("---\na: b\x01c\n---\n", "invalid", id="control-character"),
    pytest.param("---\na: !foo bar\n---\n", "invalid", id="unknown-tag"),
    pytest.param('---\na: !!python/object/apply:os.system ["true"]\n---\n', "invalid", id="python-object"),
    pytest.param("---\n<<: 3\na: 1\n---\n", "invalid", id="bad-merge-key"),
    pytest.param("---\n? [a, b]\n: c\n? {d: e}\n: f\ntags: x\n---\n", "invalid", id="unhashable-key"),
    pytest.param("---\na: !!int x\n---\n", "invalid", id="integer-tag-on-a-word"),
    pytest.param(
        "---\na: !!bool x\n---\n",
        "invalid",
        id="boolean-tag-on-a-word",
    ),
    pytest.param(
        '---\na: !!int ""\n---\n',
        "invalid",
        id="integer-tag-on-nothing",
    ),
    pytest.param("---\na: 0b_\n---\n", "invalid", id="digits-without-digits"),
    pytest.param("---\na: \ud800\n---\n", "invalid", id="lone-surrogate"),
    pytest.param("---\ntags: [lora]\n", "none", id="no-closing-line"),
    pytest.param("No block at all, only text.", "none", id="no-block"),
    pytest.param("", "none", id="empty-card"),
    pytest.param("---\nJust prose here\n\n---\nMore", "none", id="prose-between-two-rules"),
    pytest.param("---\nlora\n---\n", "none", id="a-word-between-two-rules"),
]


@pytest.mark.parametrize(("card", "data"), PARSED)
def test_parsed(card: str, data: dict[Any, Any]) -> None:
    """A valid block is parsed into its data."""
    front = read_front_matter(card)
    assert (front.status, front.data) == ("parsed", data)


@pytest.mark.parametrize(("card", "status"), REFUSED)
def test_rejected(card: str, status: str) -> None:
    """A block that is not a YAML mapping has a status that says so, and no data."""
    front = read_front_matter(card)
    assert (front.status, front.data) == (status, {})


@pytest.mark.parametrize("card", ["---\n- lora\n- peft\n---\n", "---\n- a: 1\n---\n", "---\n'tags: lora'\n---\n"])
def test_root_that_is_no_mapping(card: str) -> None:
    """A list or a string at the root is not a mapping and gives no data."""
    front = read_front_matter(card)
    assert front.status in ("not_a_mapping", "none")
    assert front.data == {}


@pytest.mark.parametrize("card", [case.values[0] for case in PARSED])
def test_spans(card: str) -> None:
    """The span of a block is between its two delimiters, and the body begins after the second."""
    front = read_front_matter(card)
    assert "---" in card[: front.start]
    assert card[front.end : front.after].strip() == "---"
    assert 0 < front.start <= front.end < front.after <= len(card)


ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(12))
MERGES = "m0: &m0 {k: v}\n" + "".join(f"m{n + 1}: &m{n + 1}\n  <<: [{', '.join([f'*m{n}'] * 9)}]\n" for n in range(12))


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(ALIASES, id="alias-bomb"),
        pytest.param(MERGES, id="merge-bomb"),
        pytest.param("a: " + "x" * 5_000_000 + "\n", id="5-MB"),
        pytest.param("a: " + "[" * 100_000 + "]" * 100_000 + "\n", id="deep-brackets"),
        pytest.param("a: " + "{b: " * 2_000 + "}" * 2_000 + "\n", id="deep-braces"),
        pytest.param("a:\n" + "- " * 20_000 + "x\n", id="deep-dashes"),
        pytest.param("".join(" " * n + f"k{n}:\n" for n in range(600)), id="deep-indent"),
    ],
)
def test_hostile_blocks_are_not_parsed(block: str) -> None:
    """A block built to exhaust a parser is rejected quickly."""
    card = f"---\n{block}---\nBody"
    front = within(2, lambda: read_front_matter(card))
    assert (front.status, front.data) == ("too_large", {})
    assert card[front.start : front.end] == block


@pytest.mark.parametrize("block", ["a: &a [*a]\n", "a: &a\n  b: *a\n"])
def test_a_block_that_holds_itself(block: str) -> None:
    """Data that contain themselves do not raise."""
    assert read_front_matter(f"---\n{block}---\n").strings("a") in ([], ["b"])


@pytest.mark.parametrize(
    ("written", "strings"),
    [
        ("lora", ["lora"]),
        ("[lora, peft]", ["lora", "peft"]),
        ("\n- lora\n- peft", ["lora", "peft"]),
        ("{lora: 1}", ["lora"]),
        ("[1, 2.5, null, lora, [nested]]", ["1", "2.5", "lora"]),
        ("", []),
        ("null", []),
        ("7", ["7"]),
    ],
)
def test_strings(written: str, strings: list[str]) -> None:
    """The values of a key are the same for every notation."""
    front = read_front_matter(f"---\ntags: {written}\n---\n")
    assert front.strings("tags") == strings


def test_strings_of_a_missing_key() -> None:
    """A missing key has no values."""
    assert FrontMatter("none").strings("tags") == []


@pytest.mark.parametrize("number", ["0x" + "f" * 5_000, "0b" + "1" * 20_000])
def test_strings_of_a_number_too_long_to_print(number: str) -> None:
    """A number with more digits than Python prints does not stop the reading of a card."""
    front = read_front_matter(f"---\nlicense: mit\ntags: [{number}, lora]\n---\n")
    assert "lora" in [*front.strings("tags"), "lora" if front.status == "invalid" else ""]
