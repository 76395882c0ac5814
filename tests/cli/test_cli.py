"""The command line as people and scripts use it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import REPO, write_cards

from peft_census import __version__
from peft_census.collect.base import SourceInfo, cards_batch
from peft_census.collect.registry import NAMED
from peft_census.pipeline.explain import explain_file
from peft_census.publish.charts.draw import SUFFIXES
from peft_census.publish.folder import FILES
from peft_census.snapshot.schema import arrow_schema
from peft_census.snapshot.schema.counts import COUNTED_TABLES
from peft_census.tag.corrections import Correction

ROWS = [
    {
        "modelId": "acme/tagged",
        "card": "---\nlibrary_name: peft\ntags:\n- lora\n---\n# Notes\n\nWeights of an adapter.",
    },
    {"modelId": "acme/ada", "card": "This model was fine-tuned with AdaLoRA."},
    {"modelId": "acme/two", "card": "We trained it with QLoRA; plain LoRA needed twice the memory."},
    {"modelId": "acme/full", "card": "Full fine-tuning; LoRA was not used."},
    {"modelId": "acme/none", "card": "A model."},
    {"modelId": "acme/llama-7b-lora", "card": "See the files."},
    {"modelId": "acme/absent", "card": "Entry not found"},
]


@pytest.fixture
def made(run: Any, tmp_path: Path) -> dict[str, Any]:
    """A census of ROWS, as the JSON object that the command prints."""
    write_cards(tmp_path / "cards.parquet", ROWS)
    result = run("census", "-s", "cards.parquet", "--json")
    assert result.exit_code == 0, result.output
    facts: dict[str, Any] = json.loads(result.stdout)
    return facts


def test_census_prints_one_json_object(made: dict[str, Any]) -> None:
    """`census --json` gives snapshot, cards and the headline with rule, base and interval."""
    assert made["cards"] == 7
    assert made["cards_with_text"] == 6
    assert Path(made["snapshot_path"], "manifest.json").is_file()
    head = made["headline"]
    assert set(head) >= {"rule", "technique", "n", "base", "share", "low", "high"}
    assert (head["rule"], head["technique"], head["n"], head["base"]) == ("exactly_one", "lora", 3, 4)
    assert head["low"] < head["share"] == 0.75 < head["high"]


def test_census_prints_the_headline_for_people(run: Any, tmp_path: Path) -> None:
    """Without --json the headline, its rule, base and interval are in the text."""
    write_cards(tmp_path / "cards.parquet", ROWS)
    text = run("census", "-s", "cards.parquet").stdout
    assert "LoRA: 75.0% of cards that cite exactly one technique (3 of 4)" in text
    assert "author-clustered (one author) 95% interval 11.8–98.5%, effective sample size 1\n" in text
    assert "7 models listed, 6 with a card to read (1 no card)" in text
    assert "rule exactly_one: cards that cite exactly one technique" in text


def test_the_specimen_marks_everything(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A census of the specimen says so in every output that people see."""
    monkeypatch.setenv("PEFT_CENSUS_CHARTS", "headline")
    result = run("census")
    assert result.exit_code == 0, result.output
    assert "SPECIMEN" in result.stdout
    assert "SPECIMEN" in run("show").stdout
    folder = next(Path("data/snapshots").glob("specimen-*"))
    report = folder / "report"
    assert {p.name for p in report.iterdir()} == {
        *FILES, *(f"headline{suffix}" for suffix in SUFFIXES),
    }  # fmt: skip
    for name in ("headline.svg", "shares.csv", "shares.md", "claims.json", "report.html"):
        assert "specimen" in (report / name).read_text(encoding="utf-8").lower(), name


def test_tag_writes_the_mentions_table_alone(run: Any, tmp_path: Path) -> None:
    """`tag` writes one Parquet file in the mentions schema and no snapshot."""
    write_cards(tmp_path / "cards.parquet", ROWS)
    facts = json.loads(run("tag", "-s", "cards.parquet", "-o", "deep/mentions.parquet", "--json").stdout)
    table = pq.read_table("deep/mentions.parquet")
    assert table.schema.equals(arrow_schema("mentions"))
    assert facts == {"out": "deep/mentions.parquet", "cards": 7, "mentions": table.num_rows, "gaps": {}}
    assert not Path("data").exists()
    assert [p.name for p in Path("deep").iterdir()] == ["mentions.parquet"]


def test_count_gives_the_shares_of_one_rule(run: Any, made: dict[str, Any]) -> None:
    """`count --rule any` prints only that rule, the same as in the snapshot."""
    rows = json.loads(run("count", "--rule", "any", "--json").stdout)["shares"]
    assert {row["rule"] for row in rows} == {"any"}
    kept = pq.read_table(Path(made["snapshot_path"], "shares.parquet")).to_pylist()
    assert rows == [row for row in kept if row["rule"] == "any"]
    assert "rule any/variants_separate: n = " in run("count", "--rule", "variants_separate/any").stdout
    assert run("count", "--rule", "mine").exit_code == 2


def test_count_prints_any_counted_table(run: Any, made: dict[str, Any]) -> None:
    """`count --table` gives each table as text and JSON as in the snapshot; sensitivity ends in its range."""
    for name in COUNTED_TABLES:
        rows = json.loads(run("count", "--table", name, "--json").stdout)[name]
        kept = pq.read_table(Path(made["snapshot_path"], f"{name}.parquet"))
        assert len(rows) == kept.num_rows
        text = run("count", "--table", name).stdout
        assert "nan" not in text.lower()
        assert made["snapshot_id"] in text
    assert "range: not enough to say" in run("count", "--table", "sensitivity").stdout
    assert run("count", "--table", "mine").exit_code == 2


def test_publish_renders_into_a_folder(run: Any, made: dict[str, Any]) -> None:
    """`publish` gives the same files as the census did, and replaces its own earlier output."""
    for _ in range(2):
        assert run("publish", "--out", "post").exit_code == 0
    for file in Path(made["snapshot_path"], "report").iterdir():
        assert Path("post", file.name).read_bytes() == file.read_bytes()


def test_show_gives_headline_and_coverage(run: Any, made: dict[str, Any]) -> None:
    """`show` names headline, coverage and provenance."""
    text = run("show").stdout
    assert made["snapshot_id"] in text
    assert "no_card (placeholder: Entry not found)" in text
    facts = json.loads(run("show", made["snapshot_id"], "--json").stdout)
    assert facts["headline"] == made["headline"]
    assert {"source": "files", "status": "text", "reason": None, "n": 6} in facts["coverage"]


def test_explain_shows_evidence_and_how_each_rule_counts(run: Any, made: dict[str, Any]) -> None:
    """`explain` lists the mentions of a model with place and cue, and its votes under every rule."""
    text = run("explain", "acme/two").stdout
    assert "qlora: applied" in text
    assert "recognized as alias" in text
    facts = json.loads(run("explain", "acme/two", "--json").stdout)
    votes = {v["rule"]: v["votes"] for v in facts["counted"]}
    assert votes["exactly_one/variants_separate"] == {}
    assert votes["exactly_one"] == {"lora": 1.0}
    assert votes["fractional/variants_separate"] == {"lora": 0.5, "qlora": 0.5}
    assert "negated" in run("explain", "acme/full").stdout
    absent = run("explain", "acme/absent").stdout
    assert "no card to read" in absent
    assert "exactly_one" not in absent
    assert run("explain", "acme/nobody").exit_code == 2


@pytest.mark.parametrize("slip", ["ACME/Two", "two", "https://huggingface.co/acme/two"])
def test_explain_answers_a_slip_with_the_id(run: Any, made: dict[str, Any], slip: str) -> None:
    """Another case, a part of the id or its address finds the id that was meant."""
    result = run("explain", slip)
    assert result.exit_code == 2
    assert "did you mean acme/two?" in result.stderr


def test_explain_reads_a_public_copy(run: Any, made: dict[str, Any]) -> None:
    """Labels and offsets are those of the snapshot; the words of the card are the technique's name."""
    assert run("publish", "--for", "analysts", "--out", "given").exit_code == 0
    whole, copy = (
        json.loads(run("explain", "acme/two", "--snapshot", name, "--json").stdout)
        for name in (made["snapshot_id"], "given")
    )
    assert copy["snapshot_id"] == made["snapshot_id"] + "-public"
    assert copy["counted"] == whole["counted"]
    places = [[(m["technique"], m["start"], m["end"]) for m in facts["mentions"]] for facts in (whole, copy)]
    assert places[0] == places[1]
    assert run("explain", "acme/two", "--snapshot", "given").exit_code == 0


def test_explain_says_that_a_correction_undid_a_label(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refuted citation is shown as such, with its reason, not as a name."""
    undone = Correction("acme/two", "lora", "not_cited", "It is a town.", date(2026, 11, 23))
    monkeypatch.setattr("peft_census.tag.mentions.bundled_corrections", lambda: {"acme/two": (undone,)})
    write_cards(tmp_path / "cards.parquet", ROWS)
    run("census", "-s", "cards.parquet")
    text = run("explain", "acme/two").stdout
    assert "lora: not cited, by correction; does not count" in text
    assert "correction: not_cited: It is a town. (2026-11-23)" in text


def test_explain_reads_a_file(run: Any, tmp_path: Path) -> None:
    """`explain --file` shows the place in its sentence and the candidates it rejected."""
    Path("README.md").write_bytes(b"---\r\ntags: [lora]\r\n---\r\nThe road to Hills Road. Fine-tuned with DoRA.\r\n")
    text = run("explain", "--file", "README.md").stdout
    assert "lora: applied" in text
    assert "»DoRA«" in text
    assert "rejected: road" in text


def test_explain_reads_standard_input(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`explain --file -` reads the card from standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Fine-tuned with DoRA.")))
    assert [m.technique for m in explain_file(Path("-")).mentions] == ["dora"]


def test_techniques_lists_the_taxonomy(run: Any) -> None:
    """`techniques` lists every technique; --json has aliases and classes."""
    listed = {t["id"]: t for t in json.loads(run("techniques", "--json").stdout)["techniques"]}
    assert listed["lora"]["config_class"] == "LoraConfig"
    assert listed["qlora"]["variant_of"] == "lora"
    assert sum(t["kind"] == "peft_type" for t in listed.values()) >= 45
    assert "AdaLoRA" in run("techniques").stdout


def test_techniques_check_reports_what_is_missing(run: Any, tmp_path: Path) -> None:
    """A peft with a new type ends with exit code 3 and names it; a folder that is no peft with 1."""
    tuner = tmp_path / "peft/tuners/newthing"
    tuner.mkdir(parents=True)
    (tmp_path / "peft/__init__.py").write_text('__version__ = "9.9.9"\n')
    (tmp_path / "peft/utils").mkdir()
    (tmp_path / "peft/utils/peft_types.py").write_text(
        'import enum\n\n\nclass PeftType(str, enum.Enum):\n    LORA = "LORA"\n    NEWTHING = "NEWTHING"\n'
    )
    (tuner / "__init__.py").write_text('register_peft_method(name="newthing", config_cls=NewThingConfig)\n')
    (tmp_path / "peft/tuners/lora").mkdir()
    (tmp_path / "peft/tuners/lora/config.py").write_text("class LoraConfig:\n    r: int = 8\n")
    result = run("techniques", "--check", tmp_path / "peft")
    assert result.exit_code == 3, result.output
    assert "NEWTHING" in result.stdout
    (tmp_path / "empty").mkdir()
    assert run("techniques", "--check", tmp_path / "empty").exit_code == 1


def test_quiet_leaves_stderr_empty(tmp_path: Path) -> None:
    """With --quiet a whole process writes nothing to stderr, and with --json one object to stdout."""
    write_cards(tmp_path / "cards.parquet", ROWS)
    done = subprocess.run(
        [sys.executable, "-m", "peft_census", "census", "-s", "cards.parquet", "--quiet", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPO), "PATH": "/usr/bin:/bin", "PEFT_CENSUS_CHARTS": "headline"},
        check=True,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout)["cards"] == 7


def test_a_reader_that_goes_away_is_no_crash(tmp_path: Path) -> None:
    """Piping a listing into a program that stops reading leaves no traceback."""
    done = subprocess.run(
        f"{sys.executable} -m peft_census techniques --json | head -c 10",
        shell=True,
        capture_output=True,
        text=True,
        cwd=REPO,
        check=False,
    )
    assert "Traceback" not in done.stderr


def test_version_is_the_packages(run: Any) -> None:
    """`--version` prints the version."""
    assert run("--version").stdout == f"peft-census, version {__version__}\n"


def test_progress_goes_to_stderr(run: Any) -> None:
    """`census --json` on the specimen prints nothing but JSON on stdout."""
    assert json.loads(run("census", "--json").stdout)["specimen"] is True


def test_real_cards_are_all_read(run: Any, shared: Path) -> None:
    """All 30,381 real model pages are read, and the headline has rule, base and interval."""
    facts = json.loads(run("census", "-s", shared / "real/model_cards", "--json").stdout)
    assert facts["cards"] == 30_381
    assert facts["cards_with_text"] == 17_057  # six more are pointers to large files
    assert 0 < facts["headline"]["low"] < facts["headline"]["high"] < 1
    assert facts["headline"]["base"] > 100


def test_the_page_tells_what_changed_since_an_earlier_snapshot(run: Any, tmp_path: Path) -> None:
    """`publish --since` puts the parts of the difference on the page, into claims.json and into a CSV."""
    write_cards(tmp_path / "cards.parquet", ROWS)
    older = json.loads(run("census", "-s", "cards.parquet", "--json").stdout)["snapshot_path"]
    more = [*ROWS, {"modelId": "new/model", "card": "Trained with AdaLoRA."}]
    write_cards(tmp_path / "cards.parquet", more)
    assert run("census", "-s", "cards.parquet", "--quiet").exit_code == 0
    result = run("publish", "--since", older, "--out", "page")
    assert result.exit_code == 0, result.output
    page = Path("page/report.html").read_text(encoding="utf-8")
    claim = next(c for c in json.loads(Path("page/claims.json").read_text()) if c["id"] == "change")
    assert "What changed" in page and "LoRA: down by" in claim["title"]
    assert claim["title"].replace("percentage points", "") in page.replace("percentage points", "")
    assert Path("page/change.csv").read_text().startswith("why,points,cards,votes\n")
    assert "What changed" not in Path(older, "report/report.html").read_text(encoding="utf-8")
    assert run("publish", "--since", "previous", "--out", "page").exit_code == 0


@pytest.mark.parametrize("verb", ["census", "tag"])
def test_a_file_without_source_is_told_where_it_goes(run: Any, verb: str) -> None:
    """A path in the wrong place is answered with the option that takes it."""
    result = run(verb, "cards.parquet", *(["--out", "m.parquet"] if verb == "tag" else []))
    assert result.exit_code == 2
    assert "unexpected argument 'cards.parquet'. Name the cards with --source." in result.stderr
    assert "--source" not in run("count", "exactly_one").stderr


def test_a_run_stopped_by_hand_says_so(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with exit code 1 and one line, not with a word like Aborted."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("peft_census.cli.census.run_census", stop)
    result = run("census", "--quiet")
    assert result.exit_code == 1
    assert result.stderr.startswith("stopped; nothing incomplete was kept.")
    assert "Aborted" not in result.stderr


def test_a_source_is_added_by_one_module_and_one_line(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`census` and `tag` read a source whose module is named in the registry."""

    class Toy:
        def prepare(self) -> SourceInfo:
            return SourceInfo(kind="toy", label="toys", content_sha256="7" * 64)

        def total(self) -> int:
            return 1

        def batches(self) -> Iterator[pa.RecordBatch]:
            yield cards_batch({"model_id": ["a/b"], "card": ["Trained with LoRA."], "status": ["text"]}, 1)

    module = ModuleType("toys")
    module.open_source = lambda request: Toy()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toys", module)
    monkeypatch.setitem(NAMED, "toy", "toys")
    assert "1 of 1" in run("census", "--source", "toy", "--quiet").stdout
    assert "1 mention in 1 card" in run("tag", "--source", "toy@3", "--out", "m.parquet", "--quiet").stdout
    assert run("tag", "--source", "toy", "--out", "m", "--engine", "spark").exit_code == 2
