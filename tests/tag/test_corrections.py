"""Declared corrections and configured evidence reach the tables, visibly."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from peft_census.collect.base import cards_batch
from peft_census.errors import TaxonomyError
from peft_census.tag import load_taxonomy, tag_batch
from peft_census.tag.corrections import CLAIMS, Correction, read_corrections
from peft_census.tag.mentions import correct, read_card

ENTRY = """
[[correction]]
model_id = "acme/one"
technique = "lora"
claim = "not_cited"
reason = "The Lora of this card is a town."
date = 2026-11-23
"""


def corrected(text: str, claim: str, technique: str = "lora") -> list[tuple[str, str | None, bool, str, str | None]]:
    """Returns the mentions of a card after one correction."""
    correction = Correction("acme/one", technique, claim, "because", date(2026, 11, 23))
    mentions = correct(read_card("acme/one", text).mentions, [correction])
    return [(m.technique, m.location, m.applied, m.polarity, m.correction) for m in mentions]


def test_a_refuted_citation_no_longer_counts() -> None:
    """not_cited moves the mention to location name, with the reason."""
    reason = "not_cited: because (2026-11-23)"
    assert corrected("Tuned with LoRA.", "not_cited") == [("lora", "name", False, "affirmed", reason)]


def test_a_missed_citation_is_added() -> None:
    """applied adds a mention without a place where the tagger found none."""
    assert corrected("No name here.", "applied") == [("lora", None, True, "affirmed", "applied: because (2026-11-23)")]


def test_other_techniques_are_untouched() -> None:
    """A correction concerns its own technique only."""
    assert corrected("Tuned with LoRA.", "not_cited", "dora")[0][-1] is None


def test_the_projects_corrections_are_valid() -> None:
    """data/corrections.toml loads, and so does an example of its format."""
    from peft_census.tag.corrections import bundled_corrections

    assert isinstance(bundled_corrections(), dict)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    """An entry gives its correction by model id."""
    file = tmp_path / "corrections.toml"
    file.write_text(ENTRY)
    assert read_corrections(file, load_taxonomy())["acme/one"][0].claim == "not_cited"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (('claim = "not_cited"', 'claim = "maybe"'), "maybe"),
        (('technique = "lora"', 'technique = "lorra"'), "lorra"),
        (("date = 2026-11-23", 'date = "yesterday"'), "yesterday"),
        (('reason = "The Lora of this card is a town."', 'reason = " "'), "empty"),
        (("date = 2026-11-23", ""), "date"),
        (("[[correction]]", "[[correction"), "TOML"),
        (("date = 2026-11-23", "date = 2026-11-23\n" + ENTRY.strip()), "twice"),
    ],
)
def test_a_bad_entry_is_named(tmp_path: Path, change: tuple[str, str], word: str) -> None:
    """Every fault is told with the file and what is wrong."""
    file = tmp_path / "corrections.toml"
    file.write_text(ENTRY.replace(*change))
    with pytest.raises(TaxonomyError, match=word) as caught:
        read_corrections(file, load_taxonomy())
    assert str(file) in str(caught.value)
    assert CLAIMS


def test_a_config_is_evidence_of_its_own_rung() -> None:
    """A sampled adapter_config.json gives a configured mention, even beside a card that names nothing or is absent."""
    batch = cards_batch(
        {
            "model_id": ["acme/one", "acme/two"],
            "status": ["text", "no_card"],
            "card": pa.array(["An adapter.", None], pa.string()),
            "adapter_config": ['{"peft_type": "IA3", "base_model_name_or_path": "b/c"}', '{"peft_type": "HYPER"}'],
        },
        2,
    )
    mentions, readings = tag_batch(batch)
    rows = mentions.to_pylist()
    assert [(r["model_id"], r["technique"], r["evidence_level"], r["location"], r["applied"]) for r in rows] == [
        ("acme/one", "ia3", "configured", None, True)
    ]
    assert [r.config.status if r and r.config else None for r in readings] == ["parsed", "unknown_type"]
    assert readings[1] is not None
    assert readings[1].config is not None
    assert readings[1].config.unknown_type == "HYPER"
