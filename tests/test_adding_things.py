"""How much an addition touches: one record, one module and one line, or one data file, as CONTRIBUTING.md says."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from helpers import REPO, write_cards

from peft_census.collect.base import SourceInfo, cards_batch
from peft_census.collect.registry import NAMED
from peft_census.count.evidence import Evidence
from peft_census.count.rules import HEADLINE, Rule, parse_rule
from peft_census.count.shares import count_shares
from peft_census.count.switches import Option, switch
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.schema.column import Column
from peft_census.snapshot.schema.tables import TABLES, check, data_dictionary
from peft_census.tag import tag
from peft_census.tag.candidates import CandidateScanner
from peft_census.tag.taxonomy import read_taxonomy

ENTRY = """
[[technique]]
id = "velvet"
name = "Velvet"
kind = "outside_peft"
family = "lora"
year = 2026
aliases = ["Velvet adapters"]
"""


def test_a_technique_is_an_entry_of_the_taxonomy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A technique that is only in techniques.toml is found in cards and counted by every rule."""
    ours = (REPO / "peft_census/tag/techniques.toml").read_text(encoding="utf-8")
    (tmp_path / "techniques.toml").write_text(f"{ours}\n{ENTRY}", encoding="utf-8")
    taxonomy = read_taxonomy(tmp_path / "techniques.toml")
    monkeypatch.setattr("peft_census.tag.mentions.load_taxonomy", lambda: taxonomy)
    monkeypatch.setattr("peft_census.tag.mentions.bundled_scanner", cache(lambda: CandidateScanner(taxonomy)))
    cards = pa.record_batch({"model_id": ["a/b"], "card": ["Trained with Velvet adapters."]})
    models = pa.table({"model_id": ["a/b"], "author": ["a"], "downloads": [1], "near_duplicate": ["x"]})
    mentions = pa.Table.from_batches([tag(cards)])
    rows = count_shares(Evidence(models, mentions, taxonomy.facts())).to_pylist()
    assert {row["technique"] for row in rows if row["rule"] == HEADLINE.name and row["numerator"]} == {"velvet"}


def test_no_technique_is_named_in_the_code() -> None:
    """No module outside the tagger lists techniques. Names of Civitai and PEFT may be mapped to ids."""
    ids = set(read_taxonomy(REPO / "peft_census/tag/techniques.toml").techniques)
    assert len(ids) > 45
    files = [file for file in (REPO / "peft_census").rglob("*.py") if file.parent.name != "tag"]
    assert [file for file in files for line in file.read_text("utf-8").splitlines() if len(ids & words(line)) > 2] == []


def words(line: str) -> set[str]:
    """Returns the words in quotes in a line of code, without the values of a dictionary."""
    return set(re.findall(r'(?<!: )"(\w+)"', line))


def test_a_source_is_a_module_and_a_line(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module with ``open_source`` that the registry names is all that the commands need."""

    @dataclass
    class Toy:
        label: str

        def prepare(self) -> SourceInfo:
            return SourceInfo(kind="toy", label=self.label, content_sha256="7" * 64)

        def total(self) -> int:
            return 1

        def batches(self) -> Iterator[pa.RecordBatch]:
            yield cards_batch({"model_id": ["a/b"], "card": ["Trained with LoRA."], "status": ["text"]}, 1)

    module = ModuleType("toys")
    module.open_source = lambda request: Toy(request.spec)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toys", module)
    monkeypatch.setitem(NAMED, "toy", "toys")
    assert run("census", "--source", "toy@3", "--quiet").exit_code == 0
    assert "toy: toy@3" in run("show").stdout
    assert "1 mention in 1 card" in run("tag", "--source", "toy", "--out", "m.parquet", "--quiet").stdout
    assert "the names are" in run("census", "--source", "toyy").stderr.lower()


def test_the_help_names_every_source(run: Any) -> None:
    """The names in `census --help` come from the registry, and each has a module that opens it."""
    text = " ".join(run("census", "--help").stdout.split())
    for name, module in NAMED.items():
        assert name in text
        assert callable(import_module(module).open_source)


def test_an_instrument_is_a_module_and_a_line(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instrument in the registry is read by `census --with`, described in the manifest and known to `estimate`."""
    instruments: Any = import_module("peft_census.collect.instruments")
    if not hasattr(instruments, "INSTRUMENTS"):
        pytest.skip("the registry of instruments is not merged yet")
    from peft_census.collect.instrument import Cost, Instrument, InstrumentResult
    from peft_census.snapshot.instruments import NotRead

    toy = Instrument(lambda run: InstrumentResult({}, NotRead("skipped", "a toy"), ()), lambda *_: Cost(7, 0.1))
    monkeypatch.setitem(instruments.INSTRUMENTS, "toy", toy)
    write_cards(tmp_path / "cards.parquet", [{"modelId": "a/b", "card": "Trained with LoRA."}])
    assert run("census", "-s", "cards.parquet", "--with", "toy", "--quiet").exit_code == 0
    assert "toy: skipped (a toy)" in run("show").stdout
    assert "7 requests" in run("estimate", "--with", "toy").stdout


def test_a_switch_is_a_field_of_rule() -> None:
    """A field with its options gets a place in the name and the meaning of a rule, and selects evidence."""

    @dataclass(frozen=True)
    class Longer(Rule):
        headings: str = switch(
            "locations",
            Option("anywhere", "mentions anywhere count"),
            Option("applied_here", "only applied mentions count", evidence=lambda kinds: kinds.applied),
        )

    rule = Longer(headings="applied_here")
    assert rule.name == "exactly_one/applied_here"
    assert rule.meaning.endswith("; only applied mentions count")
    assert Longer().name == "exactly_one"
    mention = dict.fromkeys(arrow_schema("mentions").names) | {"technique": "lora", "evidence_level": "named"}
    mention |= {"location": "prose", "polarity": "affirmed", "matched": "", "form": "alias"}
    rows = [mention | {"model_id": model, "applied": model == "a/b"} for model in ("a/b", "a/c")]
    models = pa.table(
        {"model_id": ["a/b", "a/c"], "author": ["a", "a"], "downloads": [1, 1], "near_duplicate": ["x", "y"]}
    )
    facts = read_taxonomy(REPO / "peft_census/tag/techniques.toml").facts()
    evidence = Evidence(models, pa.Table.from_pylist(rows, schema=arrow_schema("mentions")), facts)
    counted = {r["rule"]: r["numerator"] for r in count_shares(evidence, [rule, parse_rule("exactly_one")]).to_pylist()}
    assert counted == {"exactly_one/applied_here": 1, "exactly_one": 2}


@pytest.mark.skipif(
    find_spec("peft_census.publish.charts.registry") is None, reason="the registry of charts is not merged yet"
)
def test_a_chart_is_a_module_and_a_line(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chart in the registry is drawn, published with its data, and named in the error about unknown charts."""
    registry: Any = import_module("peft_census.publish.charts.registry")
    entry = replace(registry.CHARTS[0], name="again")
    monkeypatch.setattr(registry, "CHARTS", (*registry.CHARTS, entry))
    assert registry.chart_names()[-1] == "again"


def test_a_column_is_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column of the registry is in the schema, in the checks and in the data dictionary."""
    table = TABLES["coverage"]
    column = Column("colour", pa.string(), "The colour of the card.", nullable=False, allowed=("red", "blue"))
    monkeypatch.setitem(TABLES, "coverage", table._replace(columns=(*table.columns, column)))
    arrow_schema.cache_clear()
    try:
        schema = arrow_schema("coverage")
        assert schema.field("colour").type == pa.string() and not schema.field("colour").nullable
        assert (
            "| `colour` | string |  | no | no | The colour of the card. One of: `red`, `blue`. |" in data_dictionary()
        )
        row = {"source": "files", "status": "text", "reason": None, "n": 1}
        check("coverage", pa.Table.from_pylist([row | {"colour": "red"}], schema))
        with pytest.raises(Exception, match="column colour: unexpected"):
            check("coverage", pa.Table.from_pylist([row | {"colour": "green"}], schema))
    finally:
        monkeypatch.undo()
        arrow_schema.cache_clear()
