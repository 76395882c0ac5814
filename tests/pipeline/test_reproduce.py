"""``peft-census reproduce --source``: a local file compared with a published figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from helpers import REPO, commands, write_cards

from peft_census.count.reproduction import DECLARED
from peft_census.errors import DONE, FAILED, GAPS, USAGE

CARDS = [
    {
        "modelId": "a/1",
        "author": "a",
        "downloads": 3,
        "tags": ["lora"],
        "library_name": "diffusers",
        "card": "---\ntags:\n- lora\n---\n# X\n",
    },
    {"modelId": "a/2", "author": "a", "downloads": 0, "tags": None, "card": "Trained with QLoRA."},
    {
        "modelId": "b/3",
        "author": "b",
        "downloads": 5,
        "tags": [],
        "library_name": "peft",
        "card": "Trained with AdaLoRA, not on the road.",
    },
    {"modelId": "b/4", "author": "b", "downloads": 5, "tags": None, "card": "LoRA and IA3 adapters were trained."},
    {"modelId": "c/5", "author": "c", "downloads": 1, "tags": None, "card": None},
]


def counts(report: dict[str, Any], rule: str) -> tuple[float, float]:
    row = next(r for r in report["attempts"] if r["rule"] == rule)
    return row["numerator"], row["base"]


def test_a_local_dump_is_counted_in_every_way(run: Any, tmp_path: Path) -> None:
    """Rules and naive searches each count the same five models."""
    source = write_cards(tmp_path / "cards.parquet", CARDS)
    result = run("reproduce", "beyond-lora", "--source", source, "--json")
    assert result.exit_code == DONE
    report = json.loads(result.stdout)
    assert (report["sources"][0]["cards"], report["sources"][0]["with_text"]) == (5, 4)
    assert counts(report, "exactly_one") == (2, 3)  # LoRA, QLoRA | AdaLoRA
    assert counts(report, "exactly_one/variants_separate") == (1, 3)
    assert counts(report, "any") == (3, 4)
    assert counts(report, "selection/peft_library") == (0, 1)  # AdaLoRA
    assert counts(report, "selection/first_named") == (3, 4)  # LoRA, QLoRA, LoRA before IA3 | AdaLoRA
    by_counts, by_share = report["placebos"]
    assert by_counts["attempts"] == len(report["attempts"]) > by_counts["distinct"] > 5
    assert 0 <= by_counts["within"] <= by_counts["as_near"] <= 1
    assert by_share["distinct"] == 0 and by_share["within"] is None  # no way of counting has 30 votes
    assert counts(report, "naive/substring/first_types/card") == (2, 2)  # LoRA, QLoRA; AdaLoRA is two
    assert counts(report, "naive/word/first_types/card") == (1, 2)  # LoRA | AdaLoRA; QLoRA is no word of the list
    assert counts(report, "naive/word/every_type/card") == (1, 1)  # the road is a second technique
    assert counts(report, "naive/equal/every_type/tags") == (1, 1)
    factors = [r["factor"] for r in report["attempts"]]
    assert factors == sorted(factors)
    assert {r["rule"] for r in report["attempts"]} >= set(DECLARED)
    assert report["walk"] is None and "another population" in report["remark"]


def test_the_text_reports_and_asserts_nothing(run: Any) -> None:
    """Published figure, differences, causes and what is not published, in this order; the specimen is marked."""
    result = run("reproduce", "beyond-lora", "--source", "specimen", "--top", "3")
    assert result.exit_code in (DONE, GAPS)
    text = result.stdout
    parts = [
        "SPECIMEN",
        "published: 20,509 of 20,834 cards that name exactly one technique name LoRA (98.4%), 325 name another",
        "declared beforehand",
        "nearest of",
        "by share alone",
        "not a proof",
        "what would explain the difference",
        "not published, and not recoverable from the cards",
        "71.3% (counts not published)",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert not any(word in text.lower() for word in ("reproduced", "confirmed", "verified", "nan", "inf "))


def test_a_dry_run_of_a_local_dump_checks_it_only(run: Any, tmp_path: Path) -> None:
    """It has the number of models."""
    source = write_cards(tmp_path / "cards.parquet", CARDS)
    result = run("reproduce", "beyond-lora", "--source", source, "--dry-run")
    assert (result.exit_code, result.stdout) == (DONE, "would read cards.parquet: 5 models\n")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gone"], USAGE, "no publication 'gone'"),
        (["beyond-lora", "--source", "nowhere.parquet"], USAGE, "names no file"),
        (["beyond-lora", "--source", "hub-api"], USAGE, "cards of a known day"),
        (["beyond-lora", "--source", "specimen", "--revisions", "2"], USAGE, "leave out --source"),
        (["beyond-lora", "--source", "specimen", "--around", "2026-06-01"], USAGE, "leave out --source"),
        (["beyond-lora", "--around", "June"], USAGE, "June"),
        (["beyond-lora", "--revisions", "0"], USAGE, "0"),
        ([], USAGE, "PUBLICATION"),
    ],
)
def test_wrong_calls_are_named(run: Any, arguments: list[str], code: int, words: str) -> None:
    """Each error appears before anything is read."""
    result = run("reproduce", *arguments)
    assert result.exit_code == code and words in result.stderr


def test_an_unwritable_folder_is_an_error_not_a_traceback(run: Any, tmp_path: Path) -> None:
    """A file in place of the folder is an error and is not changed."""
    source = write_cards(tmp_path / "cards.parquet", CARDS)
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    result = run("reproduce", "beyond-lora", "--source", source, "--out", "out")
    assert result.exit_code == FAILED and "is a file, not a folder" in result.stderr
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


def test_names_of_files_do_no_harm(run: Any, tmp_path: Path) -> None:
    """A file name with a formula, markup or an escape code is escaped."""
    source = write_cards(tmp_path / "=cmd|<b>\x1b[31m.parquet", CARDS)
    result = run("reproduce", "beyond-lora", "--source", source, "--out", "out")
    assert result.exit_code == DONE and "\x1b" not in result.stdout
    assert "\n=cmd" not in (tmp_path / "out/attempts.csv").read_text(encoding="utf-8")
    markdown = (tmp_path / "out/reproduction.md").read_text(encoding="utf-8")
    assert "<b>" not in markdown and "\x1b" not in markdown


def test_an_empty_dump_is_counted_without_a_share(run: Any, tmp_path: Path) -> None:
    """Without cards there is no share."""
    schema_only = write_cards(tmp_path / "cards.parquet", CARDS)
    import pyarrow.parquet as pq

    pq.write_table(pq.read_table(schema_only).slice(0, 0), schema_only)
    result = run("reproduce", "beyond-lora", "--source", schema_only)
    assert result.exit_code == DONE and "not known" in result.stdout


def test_the_docs_name_every_option() -> None:
    """docs/reproduction.md has a row for each option of the command, and says that it was never run live."""
    text = (REPO / "docs/reproduction.md").read_text(encoding="utf-8")
    for parameter in commands()["reproduce"].params:
        for option in parameter.opts if isinstance(parameter, click.Option) else ():
            assert f"`{option}`" in text, option
    assert "Never run against the live service" in text


def row_of_docs(report: dict[str, Any]) -> str:
    """Returns the last cells of the source's row in docs/reproduction.md."""
    nearest = report["attempts"][0]
    n, base = counts(report, "exactly_one")
    return (
        f"| {report['sources'][0]['cards']:,} | {n:.0f} of {base:.0f} | `{nearest['rule']}`, ×{nearest['factor']:.0f} |"
    )


def test_the_docs_have_the_figures_of_the_specimen(run: Any) -> None:
    """The table of docs/reproduction.md has what the command reports."""
    report = json.loads(run("reproduce", "beyond-lora", "--source", "specimen", "--json", "--quiet").stdout)
    assert row_of_docs(report) in (REPO / "docs/reproduction.md").read_text(encoding="utf-8")


@pytest.mark.campaign
def test_real_cards_are_counted_as_the_census_counts_them(run: Any, shared: Path) -> None:
    """30,381 real model pages are counted in every way, and by ``exactly_one`` as ``census`` counts them."""
    result = run("reproduce", "beyond-lora", "--source", shared / "real/model_cards", "--json", "--quiet")
    assert result.exit_code == DONE
    report = json.loads(result.stdout)
    assert report["sources"][0]["cards"] == 30381
    assert row_of_docs(report) in (REPO / "docs/reproduction.md").read_text(encoding="utf-8")
    snapshot = json.loads(run("census", "--source", shared / "real/model_cards", "--json", "--quiet").stdout)
    assert counts(report, "exactly_one") == (snapshot["headline"]["n"], snapshot["headline"]["base"])
