"""Dates of papers and of PEFT releases."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from peft_census.errors import TaxonomyError
from peft_census.tag.releases import release_dates
from peft_census.tag.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy()


def test_days_ascend_with_versions() -> None:
    """A later release is never older, and 0.10.0 comes after 0.9.0."""
    days = release_dates()
    assert list(days.values()) == sorted(days.values())
    assert next(iter(days)) == "0.0.1" and list(days)[-1] == "0.21.2"
    assert list(days).index("0.10.0") == list(days).index("0.9.0") + 1


@pytest.mark.parametrize(
    ("version", "day"),
    [("0.1.0", date(2023, 2, 10)), ("0.6.0", date(2023, 11, 3)), ("0.19.1", date(2026, 4, 16))],
)
def test_known_days(version: str, day: date) -> None:
    """Dates that PEFT's own pull requests of these releases confirm."""
    assert release_dates()[version] == day


def test_every_release_of_the_taxonomy_has_a_day() -> None:
    """No `since` or `removed` names a release without a date."""
    named = {v for t in TAXONOMY.techniques.values() for v in (t.since, t.removed) if v}
    assert len(named) > 15 and named <= set(release_dates())


def test_papers_are_of_the_year_that_is_given() -> None:
    """The month of the arXiv id is in the year of the technique."""
    dated = [t for t in TAXONOMY.techniques.values() if t.paper_month]
    assert len(dated) > 80
    assert [(t.id, t.year, t.paper_month) for t in dated if t.paper_month and int(t.paper_month[:4]) != t.year] == []


def test_every_type_of_peft_without_a_month_says_why() -> None:
    """A type of PEFT has the month of its paper, or a note."""
    types = [t for t in TAXONOMY.techniques.values() if t.kind == "peft_type" and not t.paper_month]
    assert [t.id for t in types if not t.note] == []


@pytest.mark.parametrize(
    ("technique", "paper", "released"),
    [
        ("lora", "2021-06", "2023-01-19"),
        ("dora", "2024-02", "2024-02-28"),
        ("poly", "2022-02", "2024-01-30"),  # the older of two papers
        ("lokr", "2023-09", "2023-11-03"),  # the LyCORIS paper, declared
        ("lora_plus", "2024-02", "2024-09-25"),
        ("qlora", "2023-05", None),
        ("trainable_tokens", None, "2025-03-19"),
    ],
)
def test_facts_carry_both_dates(technique: str, paper: str | None, released: str | None) -> None:
    """The facts contain the month of the paper and the day of the first release, or None."""
    facts = TAXONOMY.facts()[technique]
    assert (facts.paper_month, facts.released) == (paper, released)


def test_papers_come_before_their_release() -> None:
    """No technique is in PEFT before the month of its paper."""
    early = {t: f for t, f in TAXONOMY.facts().items() if f.released and f.paper_month}
    assert [t for t, f in early.items() if str(f.released)[:7] < str(f.paper_month)] == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "uploaded: Field required"),
        ("uploaded = 3", "uploaded: Input should be a valid dictionary"),
        ("[uploaded\n", "not valid TOML"),
        ('[uploaded]\n"0.1" = 2023-02-10', "uploaded.0.1.[key]: String should match pattern"),
        ('[uploaded]\n"0.1.0" = "2023-02-10"', "uploaded.0.1.0: Input should be a valid date"),
        ('[uploaded]\n"0.1.0" = 2023-02-10T10:00:00Z', "uploaded.0.1.0: Input should be a valid date"),
        ('[uploaded]\n"0.9.0" = 2023-02-10\n"0.10.0" = 2023-02-09', "is dated before"),
    ],
)
def test_a_broken_table_is_rejected(tmp_path: Path, text: str, complaint: str) -> None:
    """The error for a broken file names the file and the fault."""
    path = tmp_path / "releases.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TaxonomyError) as caught:
        release_dates(path)
    assert complaint in caught.value.what and str(path) in caught.value.what
