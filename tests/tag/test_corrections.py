"""Declared corrections and the evidence of configurations appear in the tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from peft_census.collect.base import cards_batch
from peft_census.errors import TaxonomyError
from peft_census.tag import load_taxonomy, read_card, tag
from peft_census.tag.batch import inputs, read_cards
from peft_census.tag.corrections import Claim, Correction, apply_corrections, bundled_corrections, read_corrections

ENTRY = """
[[correction]]
model_id = "acme/one"
technique = "lora"
claim = "not_cited"
reason = "The Lora of this card is a town."
date = 2026-11-23
"""


def corrected(text: str, claim: Claim, technique: str = "lora") -> list[tuple[str, str | None, bool, str, str | None]]:
    """Returns the mentions of a card after one correction."""
    correction = Correction("acme/one", technique, claim, "because", date(2026, 11, 23))
    mentions = apply_corrections(read_card("acme/one", text).mentions, [correction])
    return [(m.technique, m.location, m.applied, m.polarity, m.correction) for m in mentions]


def test_a_citation_that_is_corrected_does_not_count() -> None:
    """not_cited moves the mention to location name, with the reason."""
    reason = "not_cited: because (2026-11-23)"
    assert corrected("Tuned with LoRA.", "not_cited") == [("lora", "name", False, "affirmed", reason)]


def test_a_missed_citation_is_added() -> None:
    """applied adds a mention without a place if the tagger found no citation."""
    assert corrected("No name here.", "applied") == [("lora", None, True, "affirmed", "applied: because (2026-11-23)")]


def test_other_techniques_are_untouched() -> None:
    """A correction changes only mentions of its technique."""
    assert corrected("Tuned with LoRA.", "not_cited", "dora")[0][-1] is None


def test_the_projects_corrections_are_valid() -> None:
    """data/corrections.toml can be read."""
    assert isinstance(bundled_corrections(), dict)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    """An entry gives its correction by model id."""
    file = tmp_path / "corrections.toml"
    file.write_text(ENTRY)
    assert read_corrections(file, load_taxonomy())["acme/one"][0].claim == "not_cited"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (('claim = "not_cited"', 'claim = "maybe"'), "claim: Input should be 'cited'"),
        (('technique = "lora"', 'technique = "lorra"'), "lorra"),
        (("date = 2026-11-23", 'date = "yesterday"'), "correction 1: date: Input should be a valid date"),
        (('reason = "The Lora of this card is a town."', 'reason = " "'), "reason"),
        (("date = 2026-11-23", ""), "date"),
        (("[[correction]]", "[[correction"), "TOML"),
        (("date = 2026-11-23", "date = 2026-11-23\n" + ENTRY.strip()), "two corrections"),
    ],
)
def test_a_bad_entry_is_named(tmp_path: Path, change: tuple[str, str], word: str) -> None:
    """The error names the file, the entry and the fault."""
    file = tmp_path / "corrections.toml"
    file.write_text(ENTRY.replace(*change))
    with pytest.raises(TaxonomyError, match=word) as caught:
        read_corrections(file, load_taxonomy())
    assert str(file) in str(caught.value)


def test_a_config_is_evidence_of_its_own_level() -> None:
    """A sampled adapter_config.json gives a configured mention, also if the card names nothing or is missing."""
    batch = cards_batch(
        {
            "model_id": ["acme/one", "acme/two"],
            "status": ["text", "no_card"],
            "card": pa.array(["An adapter.", None], pa.string()),
            "adapter_config": ['{"peft_type": "IA3", "base_model_name_or_path": "b/c"}', '{"peft_type": "HYPER"}'],
        },
        2,
    )
    rows = tag(batch).to_pylist()
    assert [(r["model_id"], r["technique"], r["evidence_level"], r["location"], r["applied"]) for r in rows] == [
        ("acme/one", "ia3", "configured", None, True)
    ]
    tagged = read_cards(inputs(batch))
    assert tagged["config_status"].to_pylist() == ["parsed", "unknown_type"]
    assert tagged["config_unknown_type"].to_pylist() == [None, "HYPER"]
