"""Settings of adapters: from adapter_config.json into the snapshot, never into a public copy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import REPO, write_cards

import peft_census
from peft_census.errors import UsageError
from peft_census.snapshot.schema import arrow_schema


def config(**keys: object) -> str:
    """An adapter_config.json of LoRA."""
    return json.dumps({"peft_type": "LORA", "r": 8, "lora_alpha": 16, "base_model_name_or_path": "x/llama"} | keys)


def test_one_row_for_each_configuration(run: Any, tmp_path: Path) -> None:
    """Settings, base model and variants of each file that was read; common settings by base model are one call."""
    rows = [
        {"modelId": "a/1", "card": "# A", "adapter_config": config(target_modules=["v", "q"], peft_version="0.18.0")},
        {"modelId": "a/2", "card": "# B", "adapter_config": config(use_dora=True)},
        {"modelId": "b/3", "card": "# C", "adapter_config": config(r=64, base_model_name_or_path="/home/me/model")},
        {"modelId": "b/4", "card": "# D", "adapter_config": "{"},
        {"modelId": "b/5", "card": "# E", "adapter_config": None},
    ]
    write_cards(tmp_path / "cards.parquet", rows)
    assert run("census", "--source", "cards.parquet", "--quiet").exit_code == 0
    table = peft_census.configurations("latest")
    assert table.model_id.tolist() == ["a/1", "a/2", "b/3"]
    assert table.techniques.tolist() == [["lora"], ["lora", "dora"], ["lora"]]
    assert table["rank"].tolist() == [8, 8, 64] and table.alpha.tolist() == [16.0] * 3
    assert table.target_modules[0] == ("q", "v") and table.target_modules.isna().tolist() == [False, True, True]
    assert table.peft_version.fillna("-").tolist() == ["0.18.0", "-", "-"]
    assert table.value_counts(["base_model", "rank", "alpha"]).to_dict() == {
        ("x/llama", 8, 16.0): 2,
        ("/home/me/model", 64, 16.0): 1,
    }
    table.to_parquet("configurations.parquet")
    assert not {"config_rank", "config_alpha", "config_target_modules"} & set(arrow_schema("models", public=True).names)


def test_nothing_read_and_public_copies(run: Any, tmp_path: Path) -> None:
    """Without configurations the table is empty; a public copy has no settings, which is an error."""
    write_cards(tmp_path / "cards.parquet", [{"modelId": "a/1", "card": "Trained with LoRA."}])
    assert run("census", "--source", "cards.parquet", "--out", "none", "--quiet").exit_code == 0
    assert len(peft_census.configurations("none")) == 0
    with pytest.raises(UsageError, match="public copy"):
        peft_census.configurations(next((REPO / "data/snapshots").glob("*-public")))
