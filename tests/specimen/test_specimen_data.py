"""The written cards, specimen and gold: well formed, consistent in their labels, complete in what they promise."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from datetime import datetime
from functools import cache
from typing import Any

import pytest
from helpers import REPO

from peft_census.tag import load_taxonomy

FILES = {"specimen": "data/specimen/cards.jsonl", "written": "data/gold/written.jsonl"}
ID_LETTER = {"specimen": "s", "written": "w"}
LABELS = ("cited", "applied", "name_only", "negated")
KEYS = {
    *("id", "sha256", "model_id", "source", "text", *LABELS, "unspecified", "sure", "note"),
    *("author", "created_at", "last_modified", "downloads", "likes", "library_name", "pipeline_tag", "tags"),
    *("lang", "traps"),
}
PEFT_TYPES = """
adalora adamss beft boft c3a cartridge cpt deft delora fourierft frod glora gralora hira hra ia3 lily
llama_adapter ln_tuning loha lokr lora miss multitask_prompt_tuning oft osf p_tuning peanut poly prefix_tuning
prompt_tuning psoft pvera randlora road shadow shira supertuning tinylora trainable_tokens unilora vblora vera
waveft xlora
""".split()
OTHERS = """
bone dora rslora pissa olora loftq eva corda lora_ga mica qalora alora arrow bdlora velora monteclora kasa lora_fa
lora_plus qlora qdora lq_lora lycoris locon dylora longlora lora_xs mora relora delta_lora krona lorahub lcm_lora
control_lora ic_lora bottleneck_adapter adapter_fusion mad_x adapter_drop compacter unipelt parallel_adapter bitfit
p_tuning_v2 visual_prompt_tuning ssf diff_pruning reft textual_inversion hypernetwork custom_diffusion galore lisa
s_lora
""".split()
LANGUAGES = {"en", "zh", "ja", "ko", "ru", "ar", "pt", "de", "fr", "es", "hi"}


@cache
def rows(name: str) -> list[dict[str, Any]]:
    """Returns the rows of one file."""
    return [json.loads(line) for line in (REPO / FILES[name]).read_text(encoding="utf-8").splitlines()]


def each(*names: str) -> list[tuple[str, dict[str, Any]]]:
    """Returns every row of the files with the file's name."""
    return [(name, row) for name in names or FILES for row in rows(name)]


@pytest.mark.parametrize("name", FILES)
def test_rows_have_the_same_keys_and_are_numbered_in_order(name: str) -> None:
    """Each line has exactly the documented keys, and ids count up from one."""
    assert {frozenset(row) for row in rows(name)} == {
        frozenset(KEYS | ({"adapter_config"} if name == "specimen" else set()))
    }
    assert [row["id"] for row in rows(name)] == [f"{ID_LETTER[name]}{n:04d}" for n in range(1, len(rows(name)) + 1)]
    assert {row["source"] for row in rows(name)} == {name}


def test_model_ids_are_unique_over_both_files() -> None:
    """No two cards share a model id, and the author is its first part."""
    counts = Counter(row["model_id"] for _, row in each())
    assert [model for model, n in counts.items() if n > 1] == []
    assert [row["id"] for _, row in each() if row["author"] != row["model_id"].split("/")[0]] == []


def test_no_two_written_cards_have_the_same_text() -> None:
    """A card that repeats another teaches nothing and counts twice."""
    counts = Counter(row["text"] for row in rows("written"))
    assert [text for text, n in counts.items() if n > 1] == []


def test_sha256_is_that_of_the_text() -> None:
    """The hash belongs to the text's UTF-8 bytes; where there is no text there is no hash."""
    for _, row in each():
        text = row["text"]
        expected = None if text is None else hashlib.sha256(text.encode("utf-8")).hexdigest()
        assert row["sha256"] == expected, row["id"]


def test_labels_are_consistent() -> None:
    """Applied and negated techniques are cited; no technique is both, nor cited and in a name only."""
    for _, row in each():
        cited, applied, name_only, negated = (set(row[key]) for key in LABELS)
        assert all(row[key] == sorted(set(row[key])) for key in LABELS), row["id"]
        assert applied <= cited, row["id"]
        assert negated <= cited, row["id"]
        assert not applied & negated, row["id"]
        assert not name_only & cited, row["id"]
        assert not (row["unspecified"] and cited), row["id"]
        assert row["sure"] or row["note"], f"{row['id']}: an unsure label needs a note"


def test_pages_without_a_card_carry_no_label() -> None:
    """A missing card names nothing and has no language."""
    empty = [row for row in rows("specimen") if row["text"] in (None, "", "Entry not found")]
    assert empty
    assert {str(row["text"]) for row in empty} == {"None", "", "Entry not found"}
    for row in empty:
        assert not any(row[key] for key in LABELS), row["id"]
        assert row["lang"] is None, row["id"]
        assert row["unspecified"] is False, row["id"]


def test_labels_are_ids_of_the_taxonomy() -> None:
    """Labels use the ids of techniques.toml and no others."""
    known = set(load_taxonomy().techniques)
    assert {label for _, row in each() for key in LABELS for label in row[key]} <= known


def test_the_specimen_applies_or_cites_every_listed_technique() -> None:
    """All 45 PEFT types, the LoRA variants and the techniques outside PEFT occur in the specimen."""
    cited = {label for row in rows("specimen") for label in row["cited"]}
    assert len(PEFT_TYPES) == 45
    assert sorted({*PEFT_TYPES, *OTHERS} - cited) == []


def test_every_listed_technique_has_five_written_cards() -> None:
    """The written gold cites each listed technique at least five times and applies it at least once."""
    cited = Counter(label for row in rows("written") for label in row["cited"])
    applied = {label for row in rows("written") for label in row["applied"]}
    wanted = [*PEFT_TYPES, *OTHERS]
    assert {label: cited[label] for label in wanted if cited[label] < 5} == {}
    assert sorted(set(wanted) - applied) == ["s_lora"], "S-LoRA serves adapters, no model is trained with it"


def test_every_trap_is_documented() -> None:
    """Each trap of either file stands in the table of the specimen's README, and the table names no other."""
    text = (REPO / "data/specimen/README.md").read_text(encoding="utf-8")
    table = text.split("## Traps", 1)[1]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    documented = {name for cell in cells for name in re.findall(r"`([a-z0-9_]+)`", cell)}
    assert {trap for _, row in each() for trap in row["traps"]} == documented


def test_the_required_languages_occur_in_the_specimen() -> None:
    """The specimen speaks the languages that the tagger promises to read."""
    assert LANGUAGES - {row["lang"] for row in rows("specimen")} == set()


def test_times_are_plausible() -> None:
    """Cards are of 2022 to 2026 and are not changed before they are made."""
    for _, row in each():
        made = datetime.fromisoformat(row["created_at"].replace("Z", "+00:00"))
        changed = datetime.fromisoformat(row["last_modified"].replace("Z", "+00:00"))
        assert 2022 <= made.year <= changed.year <= 2026, row["id"]
        assert made <= changed, row["id"]


def test_front_matter_keeps_its_trouble() -> None:
    """Byte order mark, Windows line ends, blank first lines and tabs survive in the stored text."""
    by_trap = {trap: row["text"] for row in rows("specimen") for trap in row["traps"]}
    assert by_trap["yaml_bom"].startswith("\ufeff---\n")
    assert "\r\n" in by_trap["yaml_crlf"]
    assert not re.search(r"(?<!\r)\n", by_trap["yaml_crlf"])
    assert by_trap["yaml_leading_blank"].startswith("\n\n\n---\n")
    assert re.search(r"^\t", by_trap["yaml_tab"], re.MULTILINE)
    assert not by_trap["yaml_no_final_newline"].endswith("\n")
