"""Matches of patterns: the result for a text in a column depends only on that text."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from peft_census.tag import pattern_scanner
from peft_census.tag.pattern_scanner import PatternScanner, load_compiled

PATTERNS = [r"(?:^|[^a-z0-9])(?:lo[^a-z0-9]{0,8}ra|\(ia\)|前\+)(?:[^a-z0-9]|$)", r"2106\.09685"]
SCANNER, PLAIN = PatternScanner(PATTERNS, 14, "l(前2"), PatternScanner(PATTERNS, 14, "l(前2")
SCANNER.compiled()


def each(texts: list[str | None]) -> list[bool]:
    """Returns the result for every text by itself."""
    return [text is not None and bool(SCANNER.in_text(text.encode())) for text in texts]


def test_a_match_has_an_end_and_a_pattern() -> None:
    """A match is the end of a pattern, in bytes, and its number."""
    assert SCANNER.in_text("é LoRA, 2106.09685".encode()) == [(8, 0), (19, 1)]


def test_patterns_that_another_process_compiled_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patterns from another process are loaded; others are compiled."""
    monkeypatch.setattr(pattern_scanner, "_loaded", {})
    patterns, data = SCANNER.compiled()
    load_compiled((patterns, data))
    monkeypatch.setattr("hyperscan.Database", lambda **_: pytest.fail("compiled again"))
    text = "é LoRA, 2106.09685".encode()
    assert PatternScanner(patterns, 14, "l(前2").in_text(text) == SCANNER.in_text(text) == [(8, 0), (19, 1)]
    with pytest.raises(pytest.fail.Exception, match="compiled again"):
        PatternScanner([*patterns, "other"], 14, "l(前2o").in_text(b"")


@pytest.mark.parametrize(
    "texts",
    [
        ["x", "LoRA", "y"],  # hidden by neighbours' letters on both sides
        ["x", "(IA)", "y", "前+", "z"],  # hidden though they begin and end with other signs
        ["with lo", "ra and"],  # a match only across two texts
        ["lo", " ", "", None, "ra"],
        ["", "LoRA", "", None, "LoRA", "LoRA"],
        ["2106.", "09685", "2106.09685"],
        ["exploration", "LORA", "-"],
        [None, None],
        [""],
        [],
    ],
    ids=str,
)
def test_neighbours_do_not_affect_the_result(texts: list[str | None]) -> None:
    """The result for a text in a column is the result for that text alone."""
    column = pa.array(texts, pa.string())
    assert SCANNER.in_column(column).to_pylist() == PLAIN.in_column(column).to_pylist() == each(texts)
    assert SCANNER.is_fast and not PLAIN.is_fast


def test_patterns_are_compiled_for_much_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few texts are searched without Hyperscan; the texts are summed up over all calls."""
    monkeypatch.setattr(pattern_scanner, "WORTH_COMPILING", 20)
    scanner = PatternScanner(PATTERNS, 14, "l(前2")
    for fast in (False, False, True):
        assert scanner.in_column(pa.array(["my LoRA", "x"])).to_pylist() == [True, False]
        assert scanner.is_fast == fast


def test_any_cut_of_any_column() -> None:
    """Columns of random pieces, plain or large and with any slice, give the result for each text alone."""
    dice = random.Random(3)
    pieces = ["lo", "ra", "LoRA", "l", "ora", " ", "-", "é", "2106.", "09685", "x", "", "lo--ra", "(ia)", "前", "+"]
    for _ in range(300):
        texts = [
            None if dice.random() < 0.1 else "".join(dice.choices(pieces, k=dice.randint(0, 4)))
            for _ in range(dice.randint(1, 12))
        ]
        start = dice.randrange(len(texts))
        column = pa.array(texts, dice.choice((pa.string(), pa.large_string()))).slice(start)
        assert SCANNER.in_column(column).equals(PLAIN.in_column(column)), texts
        assert SCANNER.in_column(column).to_pylist() == each(texts[start:]), texts


def test_threads_share_one() -> None:
    """Threads may scan at the same time."""
    texts = pa.array(["a card about birds " * 200, "with LoRA " * 50] * 50)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: SCANNER.in_column(texts).to_pylist(), range(24)))
    assert answers == [[False, True] * 50] * 24
