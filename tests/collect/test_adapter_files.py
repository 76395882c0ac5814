"""Adapter files are known by their names, from the listing or a column ``siblings``, free of requests."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from peft_census.collect.adapter_files import count_adapter_files
from peft_census.collect.hub.listed_model import parse_model
from peft_census.collect.parquet import Files
from peft_census.count import Evidence, funnel
from peft_census.errors import BadInputError
from peft_census.pipeline.tagging import tagged
from peft_census.tag import load_taxonomy
from tests.collect.conftest import Start
from tests.collect.test_hub_api import source
from tests.replica.catalogue import from_generator
from tests.replica.crawl import cards

ADAPTERS = (
    "adapter_config.json",
    "adapter_model.safetensors",
    "checkpoint-500/adapter_model.bin",
    "pytorch_lora_weights.safetensors",
    "MyStyle_LoRA-v2.safetensors",
    "lora.safetensors",
    "learned_embeds.bin",
    "learned_embeds-steps-200.safetensors",
)
OTHERS = (
    "README.md",
    "model.safetensors",
    "config.json",
    "lora_2b.png",
    "exploration.safetensors",
    "floral.safetensors",
    "train_lora.py",
    "tokenizer_adapter_config.json",
)


@pytest.mark.parametrize("name", ADAPTERS)
def test_names_of_adapter_files(name: str) -> None:
    """PEFT's, diffusers' and textual inversion's files count, in any folder."""
    assert count_adapter_files([name, "README.md"]) == 1


@pytest.mark.parametrize("name", OTHERS)
def test_names_of_other_files(name: str) -> None:
    """Pictures, scripts, full weights and words that contain *lora* do not count."""
    assert count_adapter_files([name]) == 0


def test_the_listing_counts_them_and_says_where_it_does_not_know() -> None:
    """Without ``siblings`` the number is not known; it is not zero."""
    item = {"id": "a/b", "siblings": [{"rfilename": name} for name in ("README.md", *ADAPTERS[:2])]}
    assert parse_model(item).adapter_files == 2
    assert parse_model({"id": "a/b", "siblings": [{"rfilename": "README.md"}]}).adapter_files == 0
    assert parse_model({"id": "a/b"}).adapter_files is None


def test_a_crawl_keeps_them(replica: Start, tmp_path: Path) -> None:
    """The crawl of a Hub gives the number to every model, without a request for these files."""
    catalogue = from_generator(30)
    server = replica(catalogue)
    hub = source(tmp_path)
    hub.prepare()
    found = {row["model_id"]: row["adapter_files"] for row in cards(hub).to_pylist()}
    assert found == {m.id: int("adapter_config.json" in m.files) for m in catalogue.models.values()}
    assert not any(name == "adapter_config.json" for _, _, name in server.counts.served)


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.list_(pa.struct([("rfilename", pa.string())]))])
def test_a_file_may_have_a_column_siblings(tmp_path: Path, kind: pa.DataType) -> None:
    """Names, or the structs of the API; null and empty lists are not known."""
    listed: list[Any] = [["README.md", "adapter_config.json"], ["README.md"], [], None]
    if pa.types.is_struct(kind.value_type):
        listed = [names and [{"rfilename": name} for name in names] for names in listed]
    table = pa.table({"modelId": ["a/0", "a/1", "a/2", "a/3"], "card": ["x"] * 4, "siblings": pa.array(listed, kind)})
    pq.write_table(table, tmp_path / "cards.parquet")
    (batch,) = Files(str(tmp_path / "cards.parquet")).batches()
    assert batch.column("adapter_files").to_pylist() == [1, 0, None, None]


def test_a_column_siblings_of_another_kind_is_refused(tmp_path: Path) -> None:
    """The error names the column."""
    pq.write_table(pa.table({"modelId": ["a/0"], "card": ["x"], "siblings": [7]}), tmp_path / "cards.parquet")
    with pytest.raises(BadInputError, match="siblings"):
        Files(str(tmp_path / "cards.parquet")).prepare()


def test_real_models_with_adapter_files_rarely_cite_anything(shared: Path, tmp_path: Path) -> None:
    """In April 2025 hardly one card in a hundred of such models cites a technique."""
    texts = {}
    for file in sorted((shared / "real/model_cards").glob("*.parquet")):
        texts |= {row["modelId"]: row["card"] for row in pq.read_table(file, columns=["modelId", "card"]).to_pylist()}
    models = []
    with gzip.open(shared / "real/hub_listing_2025-04.jsonl.gz", "rt", encoding="utf-8") as lines:
        for item in (row for row in map(json.loads, lines) if "id" in row):
            names = [re.findall(r"rfilename=(['\"])(.*?)\1", str(s))[0][1] for s in item.get("siblings") or []]
            models.append({"modelId": item["id"], "card": texts.get(item["id"]), "siblings": names})
    pq.write_table(pa.Table.from_pylist(models), tmp_path / "cards.parquet")
    pairs = list(tagged(Files(str(tmp_path / "cards.parquet")).batches()))
    listed, mentions = (pa.Table.from_batches([pair[i] for pair in pairs]) for i in (0, 1))
    table = funnel(Evidence(listed, mentions, load_taxonomy().facts())).to_pylist()
    steps = {row["step"]: row for row in table if row["population"] == "adapter_files"}
    assert steps["cites"]["base"] == 329
    assert steps["cites"]["share"] < 0.02 < steps["card"]["share"]
