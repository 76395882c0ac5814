"""Text for a terminal: no drawing library is loaded, and every number is printed as precisely as it was counted."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
from counted_snapshot import counted
from helpers import REPO
from literal_snapshot import make_literal

from peft_census.publish.text.terminal import describe_run, describe_snapshot, shares_text, table_text
from peft_census.snapshot.schema import arrow_schema


def test_text_and_claims_do_not_load_matplotlib() -> None:
    """No module of ``publish.text`` or ``publish.claims`` imports Matplotlib."""
    code = (
        "import importlib, pkgutil, sys, peft_census.publish.text as t, peft_census.publish.claims as c;"
        "[importlib.import_module(f'{p.__name__}.{m.name}') for p in (t, c) for m in pkgutil.iter_modules(p.__path__)];"
        "print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO)
    assert done.stdout.strip() == "False"


def test_results_of_a_benchmark_have_three_decimals() -> None:
    """Two runs with accuracies 0.533 and 0.548 are not printed as the same number."""
    rows = [
        dict.fromkeys(arrow_schema("popular").names)
        | {"task": "MetaMathQA", "experiment": experiment, "rule": "any", "cards": 3.0, "base": 4.0, "share": 0.75}
        | {"metric": "test accuracy", "value": value}
        for experiment, value in (("lora", 0.5331), ("ia3", 0.5478))
    ]
    text = table_text(make_literal(), pa.Table.from_pylist(rows, schema=arrow_schema("popular")))
    assert "0.533" in text and "0.548" in text
    assert "75.0%" in text and " 3 " in text


def test_small_numbers_of_techniques_keep_their_decimals() -> None:
    """An effective number of 1.15 is not printed as 1.2."""
    row = dict.fromkeys(arrow_schema("concentration").names) | {"rule": "any", "month": "all", "base": 10.5}
    row |= {"techniques": 3, "effective_number": 1.153, "enough": True}
    text = table_text(make_literal(), pa.Table.from_pylist([row], schema=arrow_schema("concentration")))
    assert "1.153" in text and "10.5" in text and "yes" in text


def test_every_counted_table_has_a_text() -> None:
    """Each table of a counted snapshot is printed with its head and the id of the snapshot."""
    snapshot = counted("mixed")
    for name, table in snapshot.in_memory.items():
        lines = table_text(snapshot, table).splitlines()
        assert lines[0].split() == table.schema.names or not table.num_rows, name
        assert snapshot.id in lines[-1]


def test_shares_are_one_block_for_each_rule() -> None:
    """Every block has rule, base and aligned shares."""
    snapshot = make_literal()
    text = shares_text(snapshot, snapshot.table("shares"))
    assert "rule exactly_one: n = 20,834 cards that cite exactly one technique" in text
    assert "(IA)³ 1 <0.1% 0.00085–0.027%" in " ".join(text.split())


def test_a_run_and_a_snapshot_are_described() -> None:
    """Headline, coverage, provenance; a run says whether anything was written; a specimen is marked."""
    specimen = make_literal(specimen=True)
    assert describe_run(specimen, unchanged=True).startswith("SPECIMEN · made-up cards")
    assert "is unchanged; nothing was written" in describe_run(specimen, unchanged=True)
    text = describe_snapshot(make_literal())
    assert "LoRA: 98.4% of cards that cite exactly one technique (20,509 of 20,834)" in text
    assert "author-clustered 95% interval 98.3–98.6%, effective sample size 10,417" in text
    assert "files: no_card (placeholder text)" in text
    assert "cards dated 2 March 2022 to 30 April 2025" in text
