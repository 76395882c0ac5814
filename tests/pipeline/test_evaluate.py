"""The scores on labelled cards are computed right, and no change may lower the recorded scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import REPO

from peft_census.count.scores import Difference, ExactlyOne, Figures, Scores
from peft_census.errors import BadInputError, OutputError
from peft_census.pipeline.evaluate import LabelledCard, read_labels, save_scores, score
from peft_census.tag import load_taxonomy

SCORES: dict[str, Any] = json.loads((REPO / "data/gold/scores.json").read_text(encoding="utf-8"))


TEXTS = {"real": "dev.jsonl.gz", "held_out": "dev2.jsonl.gz"}
"""The files of ../shared with the texts of gold sets that have labels only."""


def scored(name: str, shared: Path | None = None) -> Scores:
    """Scores one of the project's gold sets."""
    if name in TEXTS:
        assert shared is not None
        return score(read_labels(REPO / f"data/gold/{name}.jsonl", shared / "gold" / TEXTS[name]))
    file = REPO / ("data/specimen/cards.jsonl" if name == "cards" else f"data/gold/{name}.jsonl")
    return score(read_labels(file))


def not_lower(result: Scores, name: str) -> None:
    """Fails if F1, the exact sets or exactly-one are below the recorded scores."""
    kept = SCORES[name]
    for measure, figures in (("cited", result.cited), ("applied", result.applied)):
        assert figures.f1 >= kept[measure]["f1"], f"{name}: {measure} F1 fell; see peft-census gold"
    assert result.exact_set >= kept["exact_set"]
    assert result.exactly_one.precision >= kept["exactly_one"]["precision"]


@pytest.mark.parametrize("name", ["written", "cards"])
def test_f1_never_falls_on_our_own_cards(name: str) -> None:
    """On written cards and the specimen the scores are at least the recorded ones."""
    not_lower(scored(name), name)


@pytest.mark.parametrize("name", TEXTS)
def test_f1_never_falls_on_real_cards(name: str, shared: Path) -> None:
    """On real cards the scores are at least the recorded ones and the targets; held-out labels have no texts."""
    result = scored(name, shared)
    not_lower(result, name)
    assert result.cited.f1 >= 0.99
    assert result.exact_set >= 0.96
    assert result.applied.f1 >= 0.93
    assert min(result.exactly_one.precision, result.exactly_one.recall) >= 0.97


KNOWN_MISSES = {"o_lora": "the short name O-LoRA cannot be told from OLoRA and from Portuguese 'o LoRA'"}
"""Techniques found by title, arXiv id or full name only; docs/method.md says so."""


def test_every_technique_is_found_on_written_cards() -> None:
    """Each technique has precision and recall of at least 0.95 on the cards whose label is sure."""
    labels = [label for label in read_labels(REPO / "data/gold/written.jsonl") if label.sure]
    table = {name: row for name, row in score(labels).per_technique.items() if row.cards}
    weak = {n: r.cited for n, r in table.items() if min(r.cited.precision, r.cited.recall) < 0.95}
    assert {n: f for n, f in weak.items() if n not in KNOWN_MISSES} == {}
    unlabelled = {t.id for t in load_taxonomy().techniques.values() if t.kind == "peft_type"} - set(table)
    assert unlabelled == set()


def test_pages_from_before_a_paper_do_not_cite_it(shared: Path) -> None:
    """In 29,274 pages of February 2022 no technique of a later year is affirmed."""
    from peft_census.collect.parquet import Files
    from peft_census.tag import tag

    source = Files(str(shared / "real/model_cards/hub-2022-02.parquet"))
    source.prepare()
    years = {t.id: t.year for t in load_taxonomy().techniques.values()}
    late = [
        (m["model_id"], m["technique"], m["matched"])
        for batch in source.batches()
        for m in tag(batch).to_pylist()
        if m["polarity"] == "affirmed" and years[m["technique"]] >= 2022
    ]
    assert late == []


def test_the_figures_are_counted_right() -> None:
    """Two cards with one missed, one wrong and one right technique have the scores computed by hand."""
    labels = [
        LabelledCard(id="a", text="Trained with LoRA.", cited=["lora", "ia3"], applied=["lora"]),
        LabelledCard(id="b", text="Trained with LoRA.", cited=[], applied=[]),
    ]
    result = score(labels)
    assert result.cited == Figures(0.5, 0.5, 0.5)
    assert result.applied == Figures(0.5, 1.0, 0.666667)
    assert result.exact_set == 0.0
    assert result.exactly_one == ExactlyOne(0.0, 1.0)
    assert [d.id for d in result.disagreements] == ["a", "b"]
    assert result.disagreements[0].cited == Difference(missed=["ia3"], wrong=[])


def test_negation_is_scored() -> None:
    """A negated mention scores as negation, unless the card applies the technique elsewhere."""
    result = score(
        [
            LabelledCard("Trained without DoRA.", ["dora"], [], ["dora"], id="a"),
            LabelledCard("Trained with LoRA.", ["lora"], ["lora"], ["lora"], id="b"),
            LabelledCard("LoRA was not used.", ["lora"], [], id="c"),
        ]
    )
    assert result.negated == Figures(precision=0.5, recall=0.5, f1=0.5)
    assert [d.negated for d in result.disagreements] == [Difference(["lora"], []), Difference([], ["lora"])]


def test_gold_prints_the_promised_json(run: Any, tmp_path: Path) -> None:
    """`gold --json` prints cards, cited, applied, exact_set, exactly_one and per_technique."""
    (tmp_path / "labels.jsonl").write_text(
        json.dumps({"text": "A LoRA adapter.", "cited": ["lora"], "applied": ["lora"]}) + "\n"
    )
    result = json.loads(run("gold", "labels.jsonl", "--json").stdout)
    assert result["cards"] == 1
    assert result["cited"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert result["exactly_one"] == {"precision": 1.0, "recall": 1.0}
    assert set(result) >= {"applied", "exact_set", "exactly_one", "per_technique", "disagreements"}


def test_recorded_scores_of_other_sets_stay(tmp_path: Path) -> None:
    """Scores of another set stay; a file with other content, or one that cannot be written, is an error."""
    file, result = tmp_path / "scores.json", scored("written")
    save_scores(result, "one", file)
    save_scores(result, "two", file)
    assert sorted(json.loads(file.read_text(encoding="utf-8"))) == ["one", "two"]
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"list\.json does not hold recorded scores"):
        save_scores(result, "one", tmp_path / "list.json")
    (tmp_path / "none").write_text("a file, not a folder", encoding="utf-8")
    with pytest.raises(OutputError, match="none"):
        save_scores(result, "one", tmp_path / "none" / "scores.json")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: not a labelled card"),
        ('{"text": "x", "cited": "lora", "applied": []}', "line 2: cited: Input should be a valid list"),
        ('{"cited": [], "applied": []}', "line 2: text: Field required"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    """The error names the file, the line and the key; a byte-order mark at the start is skipped."""
    good = '{"text": "A LoRA adapter.", "cited": ["lora"], "applied": []}\n'
    (tmp_path / "labels.jsonl").write_text(good, encoding="utf-8-sig")
    assert read_labels(tmp_path / "labels.jsonl")[0].cited == ["lora"]
    (tmp_path / "labels.jsonl").write_text(good + line, encoding="utf-8-sig")
    with pytest.raises(BadInputError, match=r"labels\.jsonl, " + words):
        read_labels(tmp_path / "labels.jsonl")
