"""Samples for labelling: strata, labels and their errors, and the corrected share."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import REPO, write_cards
from hypothesis import given
from hypothesis import strategies as st

from peft_census.collect.parquet import Files
from peft_census.pipeline.census import run_census
from peft_census.pipeline.label_sample import LABELS, allocate, population_of
from peft_census.snapshot.snapshot import find_snapshot

TRUTH = {
    line["model_id"]: line
    for line in map(json.loads, (REPO / "data/specimen/cards.jsonl").read_text(encoding="utf-8").splitlines())
}
"""The specimen's own labels, by model."""

ROWS = [
    {"modelId": f"acme/{kind}{i}", "author": f"author{i % 7}", "card": f"{text} Number {i}."}
    for kind, n, text in [
        ("lora", 60, "Fine-tuned with LoRA."),
        ("other", 12, "Trained with IA3 adapters."),
        ("both", 8, "We compare LoRA with IA3."),
        ("name", 9, "See acme/llama-7b-lora for more."),
        ("road", 11, "The road to the mill is long."),
        ("plain", 50, "A full fine-tune of a small model."),
    ]
    for i in range(n)
]
"""Cards of every stratum: the letters A to F in this order."""

CITES = {"lora": ["lora"], "other": ["ia3"], "both": ["lora", "ia3"], "name": [], "road": [], "plain": []}


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of snapshots with one of ``ROWS``."""
    folder = tmp_path_factory.mktemp("sealed")
    source = Files(str(write_cards(folder / "cards.parquet", ROWS)), 1_000)
    run_census(source, folder / "snapshots")
    return folder / "snapshots"


@pytest.fixture
def census(run: Any, sealed: Path) -> Any:
    """Runs the command line in a folder with one snapshot, of ``ROWS``."""
    shutil.copytree(sealed, "data/snapshots")
    return run


def lines(file: str = "sample.jsonl") -> list[dict[str, Any]]:
    """Returns the lines of a sample."""
    return [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]


def save(rows: list[dict[str, Any]], file: str = "labelled.jsonl") -> str:
    """Writes lines and returns the file's name."""
    Path(file).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def label(row: dict[str, Any], cited: list[str], **more: Any) -> dict[str, Any]:
    """Returns a line with labels."""
    return row | {"cited": cited, "applied": [], "name_only": [], "negated": []} | more


def labelled(n: int, run: Any) -> list[dict[str, Any]]:
    """Draws ``n`` cards of ``ROWS`` and labels them right."""
    assert run("sample-gold", n, "-o", "sample.jsonl").exit_code == 0
    kinds = [row["model_id"].removeprefix("acme/").rstrip("0123456789") for row in lines()]
    return [label(row, CITES[kind]) for row, kind in zip(lines(), kinds, strict=True)]


def refused(run: Any, rows: list[dict[str, Any]], *arguments: object, code: int = 1) -> str:
    """Counts with these labels, which must fail with ``code``, and returns the message."""
    result = run("count", "--gold", save(rows), *arguments)
    assert result.exit_code == code, result.output
    return str(result.stderr)


def test_the_file_leads_nobody_and_keeps_the_weights(census: Any) -> None:
    """A line has empty labels, its probability and the size of its stratum, but no label of the tagger and no text."""
    told = json.loads(census("sample-gold", 60, "--out", "sample.jsonl", "--json").stdout)
    drawn = lines()
    assert len(drawn) == 60 == len({row["model_id"] for row in drawn})
    assert {row["snapshot_id"] for row in drawn} == {told["snapshot_id"]}
    for row in drawn:
        assert all(row[key] is None for key in LABELS)
        assert len(row["sha256"]) == 64
    assert set(drawn[0]) == {
        "id", "model_id", "revision", "sha256", "source", "snapshot_id", "stratum", "stratum_cards", "probability",
        "cited", "applied", "name_only", "negated", "unspecified", "sure", "unread", "note",
    }  # fmt: skip
    for stratum in told["strata"]:
        mine = [row for row in drawn if row["stratum"] == stratum["stratum"]]
        assert len(mine) == stratum["labels"]
        assert {row["stratum_cards"] for row in mine} == {stratum["cards"]}
        assert {row["probability"] for row in mine} == {len(mine) / stratum["cards"]}
    assert [row["stratum"] for row in drawn] != sorted(row["stratum"] for row in drawn)


def test_strata_are_what_they_say(census: Any) -> None:
    """Each kind of card is in its stratum; a model without a card is in none."""
    from peft_census.pipeline.counting import evidence_of

    write_cards(Path("more.parquet"), [*ROWS, {"modelId": "acme/empty", "author": "author1", "card": None}])
    census("census", "-s", "more.parquet", "-o", "more", "-q")
    snapshot = find_snapshot("latest", Path("more"))
    population = population_of(snapshot, evidence_of(snapshot))
    assert population.sizes() == {"A": 60, "B": 12, "C": 8, "D": 9, "E": 11, "F": 50}
    assert population.strata.tolist() == np.repeat([0, 1, 2, 3, 4, 5, -1], [60, 12, 8, 9, 11, 50, 1]).tolist()


def test_allocation_by_hand() -> None:
    """Each stratum gets its minimum, a small one all its cards, and the rest follows the cards that were judged."""
    assert allocate({"A": 100, "B": 100}, 30) == {"A": 15, "B": 15}
    assert allocate({"A": 300, "B": 100}, 100) == {"A": 75, "B": 25}
    assert allocate({"A": 1_000, "B": 5, "F": 1_000}, 201) == {"A": 176, "B": 5, "F": 20}
    assert allocate({"A": 3, "F": 2}, 5) == {"A": 3, "F": 2}
    assert allocate({"F": 9}, 5) == {"F": 5}
    hub = {"A": 20_509, "B": 325, "C": 1_500, "D": 3_000, "E": 15_000, "F": 600_000}
    assert allocate(hub, 1_000) == {"A": 476, "B": 20, "C": 35, "D": 70, "E": 349, "F": 50}


@given(
    st.lists(st.integers(1, 5_000), min_size=5, max_size=5), st.integers(12, 400), st.sampled_from("ABCDE"),
)  # fmt: skip
def test_no_other_allocation_has_less_variance(sizes: list[int], n: int, other: str) -> None:
    """With one error rate, moving a label to any other stratum never lowers the variance."""
    cards = dict(zip("ABCDE", sizes, strict=True))
    n = min(n, sum(sizes))
    labels = allocate(cards, n)
    assert sum(labels.values()) == n and all(labels[s] <= cards[s] for s in cards)

    def variance(allocated: dict[str, int]) -> float:
        return sum(cards[s] ** 2 / allocated[s] for s in cards)

    if labels[other] < cards[other]:
        minimum = min(20, n // 5)
        for giver in cards:
            if giver != other and labels[giver] > minimum:
                assert variance(labels) <= variance(labels | {giver: labels[giver] - 1, other: labels[other] + 1}) * (
                    1 + 1e-9
                )


def test_right_labels_confirm_the_share(census: Any) -> None:
    """If people agree with the tagger, the share stays and the interval is wider than the raw one."""
    rows = labelled(100, census)
    result = census("count", "--gold", save(rows), "--json")
    found = json.loads(result.stdout)["corrected"]
    assert (found["labels"], found["differing"], found["enough"]) == (100, 0, False)
    assert (found["raw"]["numerator"], found["raw"]["base"]) == (60, 72)
    assert found["corrected"]["share"] == pytest.approx(60 / 72)
    assert found["corrected"]["low"] < found["raw"]["low"]
    assert found["corrected"]["high"] > found["raw"]["high"]
    assert sum(s["cards"] for s in found["strata"]) == 150
    text = census("count", "--gold", "labelled.jsonl").stdout
    assert "100 labels used, 0 differ" in text
    (unjudged,) = (s for s in found["strata"] if s["stratum"] == "F")
    assert found["unjudged"] == {
        "cards": 50, "labels": unjudged["labels"], "differing": 0,
        "not_excluded": pytest.approx(1 - 0.05 ** (1 / unjudged["labels"])),
    }  # fmt: skip
    assert "50 cards without a candidate" in text and "not in the interval" in text
    Path("labelled.jsonl").write_bytes(b"\xef\xbb\xbf" + Path("labelled.jsonl").read_bytes())
    assert census("count", "--gold", "labelled.jsonl").stdout == text, "a byte-order mark is skipped"
    assert "83.3%" in text


def test_wrong_labels_move_the_share_by_their_weight(census: Any) -> None:
    """All 12 cards of stratum B are labelled, and three of them cite LoRA only: 63 of 72 cards."""
    rows = labelled(150, census)
    for row in [row for row in rows if row["stratum"] == "B"][:3]:
        row["cited"] = ["lora"]
    found = json.loads(census("count", "--gold", save(rows), "--json").stdout)["corrected"]
    assert found["corrected"]["share"] == pytest.approx(63 / 72)
    assert found["corrected"]["base"] == pytest.approx(72)
    assert found["differing"] == 3


def test_an_error_among_cards_without_a_candidate_counts(census: Any) -> None:
    """One label of such a card says LoRA: it moves the share, and the assumption is no longer stated as kept."""
    rows = labelled(100, census)
    next(row for row in rows if row["stratum"] == "F")["cited"] = ["lora"]
    result = census("count", "--gold", save(rows), "--json")
    found = json.loads(result.stdout)["corrected"]
    assert found["unjudged"]["differing"] == 1 and found["unjudged"]["not_excluded"] is None
    assert found["corrected"]["share"] > 60 / 72
    assert "show otherwise and count" in census("count", "--gold", "labelled.jsonl").stdout


def test_labels_follow_the_rule(census: Any) -> None:
    """Labels are counted by the given rule: applied_only counts labels of applied techniques."""
    rows = labelled(150, census)
    for row in rows:
        row["applied"] = ["ia3"] if row["cited"] == ["ia3"] else []
    found = json.loads(census("count", "--gold", save(rows), "--rule", "exactly_one/applied_only", "--json").stdout)
    assert found["corrected"]["corrected"]["share"] == 0
    assert found["corrected"]["corrected"]["base"] == pytest.approx(12)
    for row in rows:
        row["negated"] = ["lora"] if row["cited"] == ["lora", "ia3"] else []
    found = json.loads(census("count", "--gold", save(rows), "--rule", "exactly_one/affirmed_only", "--json").stdout)
    assert found["corrected"]["corrected"]["base"] == pytest.approx(60 + 12 + 8)


def test_an_id_outside_the_taxonomy_is_a_technique_and_is_told(census: Any) -> None:
    """A coined id counts as a technique of its own and is listed."""
    rows = labelled(150, census)
    next(row for row in rows if row["cited"] == ["lora"])["cited"] = ["lora", "brand_new_tuning"]
    found = json.loads(census("count", "--gold", save(rows), "--json").stdout)["corrected"]
    assert found["outside_taxonomy"] == ["brand_new_tuning"]
    assert found["corrected"]["base"] == pytest.approx(71)


def test_cards_that_are_gone_are_left_out_and_told(census: Any) -> None:
    """An unread card needs no labels; the others of its stratum represent it."""
    rows = labelled(150, census)
    gone = next(row for row in rows if row["stratum"] == "A")
    gone.update(dict.fromkeys(LABELS), unread=True)
    found = json.loads(census("count", "--gold", save(rows), "--json").stdout)["corrected"]
    assert (found["labels"], found["unread"]) == (149, 1)
    assert found["corrected"]["share"] == pytest.approx(60 / 72)


def test_the_specimen_corrected_by_its_own_labels(run: Any) -> None:
    """Every card of the specimen has a label: a sample of all cards gives the share of the labels."""
    run("census", "-q")
    cards = json.loads(run("census", "--json").stdout)["cards_with_text"]
    assert run("sample-gold", cards, "-o", "sample.jsonl").exit_code == 0
    rows = [row | {key: TRUTH[row["model_id"]][key] for key in LABELS} for row in lines()]
    found = json.loads(run("count", "--gold", save(rows), "--json").stdout)["corrected"]
    assert found["labels"] == cards
    assert found["raw"]["share"] == pytest.approx(found["corrected"]["share"], abs=0.02)
    assert found["corrected"]["low"] < found["corrected"]["share"] < found["corrected"]["high"]


def test_gold_scores_a_labelled_sample(census: Any) -> None:
    """The same file is a gold set: `gold --texts` scores the tagger on it."""
    rows = labelled(60, census)
    texts = [row | {"text": "Fine-tuned with LoRA.", "source": "x"} for row in rows[:1]]
    save([texts[0]], "texts.jsonl")
    result = census("gold", save(rows[:1]), "--texts", "texts.jsonl", "--json")
    assert json.loads(result.stdout)["cards"] == 1


@pytest.mark.parametrize(("n", "words"), [(151, "151 of 150 cards"), (7, "too small")])
def test_impossible_sizes_are_refused(census: Any, n: int, words: str) -> None:
    """More cards than there are, or fewer than two a stratum, is an error; no file is written."""
    result = census("sample-gold", n, "-o", "sample.jsonl")
    assert result.exit_code == 2
    assert words in result.stderr
    assert not Path("sample.jsonl").exists()


def test_labels_are_never_overwritten(census: Any) -> None:
    """An existing file is not changed, because it may hold labels."""
    Path("sample.jsonl").write_text("labels of a week\n")
    result = census("sample-gold", 20, "-o", "sample.jsonl")
    assert result.exit_code == 2
    assert Path("sample.jsonl").read_text() == "labels of a week\n"


def test_half_labelled_files_are_refused(census: Any) -> None:
    """The error has the number of lines without labels and the first of them."""
    rows = labelled(60, census)
    rows[4]["negated"] = None
    rows[9]["cited"] = None
    assert "2 of 60 lines are not labelled, the first is line 5" in refused(census, rows)


def test_lines_left_out_by_choice_are_refused(census: Any) -> None:
    """A stratum with a missing line is not a random sample."""
    rows = labelled(60, census)
    letter = rows[0]["stratum"]
    message = refused(census, rows[1:])
    assert f"of stratum {letter}, but" in message
    assert "of stratum F, but more were drawn" in refused(census, [row for row in rows if row["stratum"] != "F"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cited": ["lora"], "applied": ["ia3"]}, "contradict"),
        ({"cited": ["lora"], "name_only": ["lora"]}, "contradict"),
        ({"cited": ["lora"], "applied": ["lora"], "negated": ["lora"]}, "contradict"),
        ({"cited": "lora"}, "cited: Input should be a valid list"),
        ({"sha256": "0" * 64}, "is not a card of the snapshot, or not this one"),
        ({"model_id": "acme/nobody"}, "is not a card of the snapshot, or not this one"),
        ({"stratum": "E"}, "not in that stratum"),
        ({"stratum_cards": 61}, "not in that stratum"),
        ({"probability": 0.9}, "were drawn"),
        ({"probability": None}, "probability: Input should be a valid number"),
        ({"probability": "a tenth"}, "probability: Input should be a valid number"),
    ],
)
def test_changed_lines_are_refused(census: Any, change: dict[str, Any], words: str) -> None:
    """A line that contradicts itself, the snapshot or its sample is an error that names it."""
    rows = labelled(60, census)
    place = next(i for i, row in enumerate(rows) if row["stratum"] == "A")
    rows[place] |= change
    assert words in refused(census, rows)


def test_a_card_labelled_twice_is_refused(census: Any) -> None:
    """The second line of a card is named."""
    rows = labelled(60, census)
    assert "again, as in line 1" in refused(census, [*rows, rows[0]])


def test_labels_that_are_no_probability_sample_are_refused(census: Any) -> None:
    """The gold sets of the project were not drawn at random, so their labels have no weights."""
    result = census("count", "--gold", REPO / "data/gold/written.jsonl")
    assert result.exit_code == 1
    assert "without known probabilities" in result.stderr
    assert "sample-gold" in result.stderr


def test_labels_of_another_snapshot_are_refused(census: Any) -> None:
    """A sample belongs to one snapshot, which the message names."""
    rows = labelled(60, census)
    write_cards(Path("other.parquet"), ROWS[:-1])
    census("census", "-s", "other.parquet", "-q")
    assert f"was drawn from snapshot {rows[0]['snapshot_id']}" in refused(census, rows, code=2)


def test_rules_that_labels_cannot_follow_are_refused(census: Any) -> None:
    """Labels say what a card cites, not which card generator wrote it or on which evidence level."""
    rows = labelled(60, census)
    for rule in ("exactly_one/human_only", "exactly_one/tagged_only", "exactly_one/per_author"):
        assert "labels cannot be counted by" in refused(census, rows, "--rule", rule, code=2)


def test_a_table_has_no_correction(census: Any) -> None:
    """--gold with --table is a usage error."""
    assert census("count", "--table", "agreement", "--gold", "x.jsonl").exit_code == 2


def test_a_public_copy_cannot_be_sampled(census: Any) -> None:
    """A copy may lack models, so no sample is drawn from it."""
    census("publish", "--for", "analysts", "--out", "public")
    copy = next(Path("public").glob("*-public"))
    result = census("sample-gold", 20, "--snapshot", copy, "-o", "sample.jsonl")
    assert result.exit_code == 2
    assert "public copy" in result.stderr


def test_nothing_counted_is_not_enough_to_say(run: Any, tmp_path: Path) -> None:
    """If no card cites a technique, both shares are null."""
    write_cards(tmp_path / "cards.parquet", [r for r in ROWS if "plain" in r["modelId"] or "road" in r["modelId"]])
    run("census", "-s", "cards.parquet", "-q")
    rows = labelled(20, run)
    found = json.loads(run("count", "--gold", save(rows), "--json").stdout)["corrected"]
    assert found["raw"]["share"] is None
    assert found["corrected"]["share"] is None
    assert "not enough to say" in run("count", "--gold", "labelled.jsonl").stdout


def test_a_snapshot_that_lacks_a_column_is_told(census: Any) -> None:
    """The error for a damaged models table names the file."""
    import pyarrow.parquet as pq

    file = next(Path("data/snapshots").glob("*/models.parquet"))
    table = pq.read_table(file)
    file.chmod(0o644)
    pq.write_table(table.drop_columns(["front_matter"]), file)
    result = census("sample-gold", 20, "-o", "sample.jsonl")
    assert result.exit_code == 1
    assert "models.parquet" in result.stderr
