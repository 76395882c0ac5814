"""Only cards whose authors could take another type of PEFT are counted."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from worlds import World, evidence_of

from peft_census.count.choice import choice
from peft_census.count.evidence import Evidence
from peft_census.snapshot.manifest import TechniqueFacts
from peft_census.snapshot.schema import check

FACTS = {
    "lora": TechniqueFacts("LoRA", "peft_type", "low-rank adapter", released="2023-01-19"),
    "prompts": TechniqueFacts("Prompts", "peft_type", "soft prompt", released="2023-02-10"),
    "loha": TechniqueFacts("LoHa", "peft_type", "low-rank adapter", released="2023-12-06"),
}


def counted(*cards: tuple[str, str, str | None, str]) -> dict[tuple[str, str], dict[str, Any]]:
    """Returns the rows under the headline's rule of cards (month, library, task, technique), by task and month."""
    ids = [f"a{i}/m" for i in range(len(cards))]
    months, libraries, tasks, techniques = zip(*cards, strict=True)
    created = pa.array([f"{m}-15" for m in months]).cast(pa.date32()).cast(pa.timestamp("us", tz="UTC"))
    models = pa.table(
        {
            "model_id": ids,
            "created_at": created,
            "library_name": libraries,
            "pipeline_tag": pa.array(tasks, pa.string()),
        }
    )
    table = choice(Evidence(models, pa.table({"model_id": ids, "technique": techniques}), FACTS))
    check("choice", table)
    return {(r["task"], r["month"]): r for r in table.to_pylist() if r["rule"] == "exactly_one"}


def test_a_card_counts_if_another_type_was_released_before_its_month() -> None:
    """Soft prompts are an alternative for text from March 2023 on, LoHa for images from January 2024 on."""
    early = [("2023-02", "peft", "text-generation", "lora")] * 7
    text = [("2023-03", "peft", "text-generation", "lora")] * 5 + [("2023-03", "peft", "text-generation", "prompts")]
    images = [("2023-12", "peft", "text-to-image", "lora")] * 6
    later = [("2024-01", "peft", "text-to-image", "lora")] * 5 + [("2024-01", "peft", None, "loha")] * 3
    elsewhere = [("2024-01", "diffusers", "text-to-image", "lora")] * 9
    found = counted(*early, *text, *images, *later, *elsewhere, ("2024-02", "peft", None, "lora"))
    assert {key: (r["numerator"], r["base"]) for key, r in found.items() if key[1] == "all"} == {
        ("text", "all"): (5, 6),
        ("not text", "all"): (6, 9),
    }
    assert found["text", "2023-03"]["alternatives"] == 1 and found["text", "2023-03"]["share"] == 5 / 6
    assert found["not text", "2024-01"]["alternatives"] == 1
    assert ("text", "2023-02") not in found and ("not text", "2023-12") not in found
    assert not found["text", "all"]["enough"]


def test_a_planted_share_is_recovered() -> None:
    """In at least eleven of twelve draws of a world, the interval of people's share holds the planted one."""
    held = 0
    for seed in range(12):
        rows = choice(evidence_of(World(authors=300, tool=0.9), seed)).to_pylist()
        (row,) = (r for r in rows if (r["task"], r["month"], r["rule"]) == ("text", "all", "exactly_one/human_only"))
        held += row["low"] <= 0.8 <= row["high"]
    assert held >= 11


def test_without_dates_tasks_or_libraries_there_is_no_row() -> None:
    """An empty table, not an error."""
    models = pa.table({"model_id": ["a/b"]})
    assert choice(Evidence(models, pa.table({"model_id": ["a/b"], "technique": ["lora"]}), FACTS)).num_rows == 0
