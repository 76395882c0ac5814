"""Comparisons of two snapshots, from cards to text: of one generated population, and of different ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers import SHARED, write_cards

from peft_census.cli.main import main
from peft_census.count import parse_rule
from peft_census.count.difference import Example
from peft_census.errors import UsageError
from peft_census.pipeline.census import run_census
from peft_census.pipeline.compare import compare
from peft_census.pipeline.sources import make_source
from peft_census.snapshot.snapshot import Snapshot
from peft_census.tag import candidates, taxonomy

LORA, IA3 = "We trained it with LoRA.", "We trained it with PEFT and (IA)^3."
ALIAS = "FrobnicatedLoRA"
"""A name that only the changed taxonomy knows, for IA3."""


def card(i: int, text: str) -> dict[str, Any]:
    return {"modelId": f"author{i % 37}/model{i:04d}", "author": f"author{i % 37}", "card": f"# Model {i}\n\n{text}\n"}


def population() -> list[dict[str, Any]]:
    """Returns 1,000 cards: 600 LoRA, 200 (IA)^3, 100 with a name unknown so far, 100 that cite nothing."""
    kinds = [LORA] * 6 + [IA3] * 2 + [f"We trained it with PEFT and {ALIAS}."] + ["Nothing to see."]
    return [card(i, kinds[i % 10]) for i in range(1000)]


def census(tmp_path: Path, name: str, rows: list[dict[str, Any]]) -> Snapshot:
    source = make_source(str(write_cards(tmp_path / f"{name}.parquet", rows)))
    return run_census(source, tmp_path / "snapshots").snapshot


@pytest.fixture
def changed_alias(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Returns a function that adds one name of IA3 to the taxonomy."""

    def forget() -> None:
        taxonomy.load_taxonomy.cache_clear()
        candidates.bundled_scanner.cache_clear()

    def change() -> None:
        text = taxonomy.TECHNIQUES_FILE.read_text(encoding="utf-8")
        start = text.index('id = "ia3"')
        place = text.index("aliases = [", start) + len("aliases = [")
        file = tmp_path / "techniques.toml"
        file.write_text(f'{text[:place]}"{ALIAS}", {text[place:]}', encoding="utf-8")
        monkeypatch.setattr(taxonomy, "TECHNIQUES_FILE", file)
        forget()

    yield change
    monkeypatch.undo()
    forget()


def moved(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the population later: 100 LoRA cards edited to (IA)^3, 20 LoRA cards deleted, 50 new (IA)^3 cards."""
    rows = [dict(r) for r in rows]
    lora = [r for r in rows if LORA in r["card"]]
    for row in lora[:100]:
        row["card"] = row["card"].replace(LORA, IA3)
    gone = {r["modelId"] for r in lora[100:120]}
    return [r for r in rows if r["modelId"] not in gone] + [card(5000 + i, IA3) for i in range(50)]


def test_every_part_is_attributed_exactly(tmp_path: Path, changed_alias: Any) -> None:
    """100 edited, 50 new, 20 deleted cards and one changed alias: the parts are those computed by hand."""
    old = census(tmp_path, "old", population())
    changed_alias()
    new = census(tmp_path, "new", moved(population()))
    for cards in (None, make_source(str(tmp_path / "old.parquet"))):
        found = compare(old, new, parse_rule("exactly_one"), "lora", cards)
        assert (found.reasons, found.changed_rules) == ([], ["taxonomy"])
        assert (found.before.numerator, found.before.base) == (600, 800)
        assert (found.after.numerator, found.after.base) == (480, 930)
        parts = {p.group: p for p in found.parts}
        assert {g: p.cards for g, p in parts.items() if p.cards and g != "same"} == {
            "rules": 100, "new": 50, "deleted": 20, "edited": 100,
        }  # fmt: skip
        assert sum(p.contribution or 0 for p in found.parts) == found.after.value - found.before.value
        rules = parts["rules"]
        assert rules.contribution == found.before.numerator / 900 - found.before.value
        value = {
            s: (600 - 20 * ("d" in s) - 100 * ("e" in s), 900 + 50 * ("n" in s) - 20 * ("d" in s))
            for s in ("", "n", "d", "e", "nd", "ne", "de", "nde")
        }
        share = {s: a / b for s, (a, b) in value.items()}
        new_part = (
            2 * (share["n"] - share[""]) + (share["nd"] - share["d"]) + (share["ne"] - share["e"])
            + 2 * (share["nde"] - share["de"])
        ) / 6  # fmt: skip
        assert float(parts["new"].contribution) == pytest.approx(new_part, abs=1e-15)
        assert parts["same"].contribution == 0
        assert found.retagged == (cards is not None)
    assert Example("edited", "author0/model0000", ["lora"], ["ia3"]) in found.examples


def test_the_words_in_every_form_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text, Markdown, JSON and page have the same difference; ids are escaped; printed parts add up."""
    rows = population()
    hostile = {"modelId": "eve/<script>alert(1)</script>|`x`", "author": "eve", "card": f"# x\n\n{LORA}"}
    old = census(tmp_path, "old", [*rows, hostile])
    new = census(tmp_path, "new", moved(rows))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["diff", str(old.path), str(new.path), *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    facts = json.loads(run("--format", "json"))
    printed = f"{100 * facts['difference']:+.2f}"
    text, page, markdown = run(), run("--format", "html"), run("--format", "markdown")
    for output in (text, page, markdown):
        assert printed in output
    assert "<script>" not in page + markdown
    assert [line.split()[0] for line in text.splitlines() if "whole difference" in line] == [printed]
    points = [
        float(line.split()[0]) for line in text.splitlines() if line.startswith("  ") and line.split()[0][:1] in "+-"
    ]
    assert sum(points[:-1]) == pytest.approx(points[-1], abs=1e-9)
    assert sum(g["contribution"] for g in facts["groups"]) == pytest.approx(facts["difference"], abs=1e-12)
    run("--out", "sub/diff.txt")
    assert Path("sub/diff.txt").read_text(encoding="utf-8").strip() == text.strip()
    assert "unchanged" in CliRunner().invoke(main, ["diff", str(old.path), str(old.path)]).output


def test_downloads_are_a_group_of_their_own(tmp_path: Path, changed_alias: Any) -> None:
    """Only downloads change: under weighted rules they are the whole difference, apart from that of a changed alias.

    Before, every model has 1 download; after, those that cite LoRA have 3. Under other rules nothing changes.
    """
    kinds = [LORA] * 6 + [IA3] * 3 + [f"We trained it with PEFT and {ALIAS}."]
    before = [card(i, kinds[i % 10]) | {"downloads": 1} for i in range(100)]
    after = [row | {"downloads": 3 if LORA in row["card"] else 1} for row in before]
    old, new = census(tmp_path, "old", before), census(tmp_path, "new", after)
    found = compare(old, new, parse_rule("exactly_one/by_downloads"), "lora")
    assert {p.group: (p.cards, p.contribution) for p in found.parts if p.contribution} == {
        "downloads": (60, found.difference)
    }
    shown = (
        CliRunner().invoke(main, ["diff", str(old.path), str(new.path), "--rule", "exactly_one/by_downloads"]).output
    )
    points = [line.split()[0] for line in shown.splitlines() if line.startswith("  ") and line.split()[0][:1] in "+-"]
    assert points[-2:] == [f"{100 * float(found.difference or 0):+.2f}"] * 2
    assert not any(p.contribution for p in compare(old, new, parse_rule("exactly_one"), "lora").parts)
    changed_alias()
    last = census(tmp_path, "last", after)
    for cards in (None, make_source(str(tmp_path / "old.parquet"))):
        found = compare(old, last, parse_rule("exactly_one/by_downloads"), "lora", cards)
        parts = {p.group: p.contribution for p in found.parts if p.contribution}
        assert parts["rules"] == Fraction(60, 100) - Fraction(60, 90)
        assert parts == {"rules": parts["rules"], "downloads": found.difference - parts["rules"]}


def test_two_populations_are_no_trend(tmp_path: Path) -> None:
    """Different populations give reasons, no parts, and exit code 3."""
    old = census(tmp_path, "old", population())
    other = census(tmp_path, "other", [card(9000 + i, LORA) for i in range(30)])
    result = CliRunner().invoke(main, ["diff", str(old.path), str(other.path)])
    assert result.exit_code == 3
    assert "no trend" in result.output
    assert "of 1,000 models listed before, 0 are listed after" in result.output
    facts = json.loads(CliRunner().invoke(main, ["diff", str(old.path), str(other.path), "--format", "json"]).stdout)
    assert (facts["same_population"], facts["groups"], facts["difference"]) == (False, [], None)
    specimen = run_census(make_source("specimen"), tmp_path / "snapshots").snapshot
    assert "specimen" in compare(old, specimen, parse_rule("exactly_one"), "lora").reasons[0]


def test_the_real_parts_are_different_frames(tmp_path: Path) -> None:
    """Feb 2022 and Apr 2025 of the real material share no model."""
    folder = SHARED / "real" / "model_cards"
    if not folder.is_dir():
        pytest.skip("../shared/real/model_cards is not here")
    old, new = (
        run_census(make_source(str(folder / name)), tmp_path).snapshot
        for name in ("hub-2022-02.parquet", "hub-2025-04.parquet")
    )
    found = compare(old, new, parse_rule("exactly_one"), "lora")
    assert found.reasons == [
        "of 29,274 models listed before, 0 are listed after; below 50% the two are not the same population at two times"
    ]


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    """A rule with weights that depend on other cards, an unknown technique, and cards of another source are errors."""
    old = census(tmp_path, "old", population())
    new = census(tmp_path, "new", moved(population()))
    with pytest.raises(UsageError, match="depends on other cards"):
        compare(old, new, parse_rule("exactly_one/per_author"), "lora")
    with pytest.raises(UsageError, match="no technique 'mine'"):
        compare(old, new, parse_rule("exactly_one"), "mine")
    with pytest.raises(UsageError, match="not the source"):
        compare(old, new, parse_rule("exactly_one"), "lora", make_source(str(tmp_path / "new.parquet")))


def test_empty_sides_say_not_enough(tmp_path: Path) -> None:
    """A snapshot in which no card is counted has no share to compare."""
    nothing = [card(i, "Nothing to see.") for i in range(5)]
    old = census(tmp_path, "old", nothing)
    new = census(tmp_path, "new", [*nothing[:4], card(4, LORA)])
    result = CliRunner().invoke(main, ["diff", str(old.path), str(new.path)])
    assert result.exit_code == 0
    assert "not enough to say, because a base is zero" in result.output
    assert "nan" not in result.output.lower()
