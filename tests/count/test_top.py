"""Top lists and the leave-one-out influence, by hand and against a recount."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pytest

import peft_census
from peft_census.count import Evidence, TopQuery, parse_rule, top
from peft_census.errors import UsageError
from peft_census.snapshot.schema import arrow_schema
from peft_census.tag import load_taxonomy

CITES = {
    "ann/1": "lora",
    "ann/2": "lora",
    "ann/3": "qlora",
    "bob/1": "ia3",
    "bob/2": "ia3",
    "bob/3": "ia3",
    "bob/4": "ia3",
    "cyd/1": "lora",
}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """Three cards of Ann, four of Bob, one of Cyd, each with one technique."""
    models = pa.table(
        {
            "model_id": [*CITES],
            "author": [model.partition("/")[0] for model in CITES],
            "downloads": pa.array([10, 5, None, 1, 1, 1, 1, None], pa.int64()),
            "base_model": ["x/llama", "x/llama", "y/qwen", None, None, None, None, "x/llama"],
        }
    )
    mention = dict.fromkeys(arrow_schema("mentions").names) | {"evidence_level": "named", "location": "prose"}
    mention |= {"matched": "x", "form": "alias", "polarity": "affirmed", "applied": False}
    rows = [mention | {"model_id": model, "technique": technique} for model, technique in CITES.items()]
    return Evidence(models, pa.Table.from_pylist(rows, schema=arrow_schema("mentions")), load_taxonomy().facts())


def test_votes_and_the_share_without(evidence: Evidence) -> None:
    """LoRA has 4 of 8 cards; without Ann 1 of 5, without Cyd 3 of 7. Bob has no vote for it."""
    found = top(evidence, TopQuery("lora"))
    assert (found.numerator, found.base, found.groups, found.rule.name) == (4, 8, 2, "exactly_one")
    assert found.table.to_pylist() == [
        {"rule": "exactly_one", "technique": "lora", "author": "ann", "numerator": 3, "base": 3, "fraction": 0.75}
        | {"share_without": 0.2, "influence": pytest.approx(-0.3), "downloads": 15},
        {"rule": "exactly_one", "technique": "lora", "author": "cyd", "numerator": 1, "base": 1, "fraction": 0.25}
        | {"share_without": 3 / 7, "influence": pytest.approx(3 / 7 - 0.5), "downloads": None},
    ]


def test_by_influence_an_author_without_the_technique_comes_first(evidence: Evidence) -> None:
    """Without Bob all cards are LoRA."""
    rows = top(evidence, TopQuery("lora", sort="influence", n=2)).table.to_pylist()
    assert [(r["author"], r["numerator"], r["share_without"]) for r in rows] == [("bob", 0, 1.0), ("ann", 3, 0.2)]


def test_a_variant_is_counted_separately_unless_a_rule_is_named(evidence: Evidence) -> None:
    """QLoRA has its own list by default; a rule that groups it with LoRA has none."""
    (row,) = top(evidence, TopQuery("qlora", "model")).table.to_pylist()
    assert (row["rule"], row["model"], row["share_without"]) == ("exactly_one/variants_separate", "ann/3", 0.0)
    with pytest.raises(UsageError, match="does not count qlora on its own"):
        top(evidence, TopQuery("qlora", rule=parse_rule("any")))


def test_where_equal_models_and_one_group(evidence: Evidence) -> None:
    """Models of equal votes are in the order of downloads, then names; without the only group there is no share."""
    by_model = top(evidence, TopQuery("lora", "model", n=3)).table
    assert by_model["model"].to_pylist() == ["ann/1", "ann/2", "ann/3"]
    one = top(evidence, TopQuery("lora", where={"base_model": ["x/llama", "y/qwen"]}, by="base_family"))
    assert one.base == 4
    (only,) = top(evidence, TopQuery("lora", where={"author": ["ann"]})).table.to_pylist()
    assert (only["share_without"], only["influence"]) == (None, None)


@pytest.mark.parametrize("rule", ["any/per_author", "fractional/by_downloads", "exactly_one/human_only"])
def test_the_parts_add_up(specimen: str, rule: str) -> None:
    """Under weighted and divided rules the votes and bases of all groups are those of the share."""
    frames = peft_census.load_snapshot("latest")
    everyone = peft_census.top(frames, "lora", rule=rule, sort="influence", n=100_000)
    share = peft_census.shares(frames, rule).set_index("technique").loc["lora"]
    assert everyone.numerator.sum() == pytest.approx(share.numerator)
    assert everyone.base.sum() == pytest.approx(share.base)
    assert everyone.fraction.sum() == pytest.approx(1)


def test_leaving_out_is_a_recount(specimen: str) -> None:
    """The share without an author is that of the snapshot whose other authors are counted."""
    frames = peft_census.load_snapshot("latest")
    first = peft_census.top(frames, "lora", sort="influence", n=1).iloc[0]
    authors = set(frames.models.author) - {first.author}
    others = peft_census.shares(frames, where={"author": sorted(authors)}, technique="lora").iloc[0]
    assert first.share_without == pytest.approx(others.share)
    assert first.influence != 0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"technique": "lorra"}, "no technique 'lorra'"),
        ({"technique": "lora", "by": "colour"}, "model, month"),
        ({"technique": "lora", "where": {"colour": ["red"]}}, "cards have no 'colour'"),
        ({"technique": "lora", "sort": "size"}, "votes, influence"),
        ({"technique": "lora", "n": 0}, "not a positive number"),
        ({"technique": "lora", "by": "task"}, "no column 'pipeline_tag'"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_possible(
    evidence: Evidence, query: dict[str, Any], message: str
) -> None:
    """Each name is checked."""
    with pytest.raises(UsageError, match=message):
        top(evidence, TopQuery(**query))


def test_the_command(run: Any, specimen: str) -> None:
    """Text, JSON and CSV have the same list; --where and --by are those of count."""
    frame = peft_census.top("latest", "lora", by="base_model", n=3)
    shown = run("top", "lora", "--by", "base_model", "-n", "3")
    assert shown.exit_code == 0 and all(name in shown.stdout for name in frame.base_model)
    listed = json.loads(run("top", "--by", "base_model", "-n", "3", "--json").stdout)
    assert [row["base_model"] for row in listed["top"]] == list(frame.base_model)
    assert listed["groups"] > 3 and f"{listed['groups'] - 3} more" in shown.stdout
    rows = csv.DictReader(io.StringIO(run("top", "--by", "base_model", "-n", "3", "--format", "csv").stdout))
    assert [float(row["influence"]) for row in rows] == pytest.approx(list(frame.influence))
    none = run("top", "lora", "--where", "author=nobody")
    assert none.exit_code == 2 and "no model has author 'nobody'" in none.stderr
