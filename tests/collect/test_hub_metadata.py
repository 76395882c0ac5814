"""SOURCE=hub-metadata: models as cards of their front matter, from the Hub's dataset or a file of it."""

from __future__ import annotations

import gzip
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from peft_census import load_snapshot
from peft_census.collect.hub.metadata import DATASET, METADATA, MetadataFile, metadata_cards
from peft_census.errors import DONE, BadInputError
from peft_census.tag import tag
from peft_census.tag.front_matter import read_front_matter
from tests.collect.conftest import Start
from tests.replica.catalogue import Dataset, from_generator

DAY = datetime(2026, 11, 1, tzinfo=UTC)
README = {"rfilename": "README.md"}
ADAPTER = [README, {"rfilename": "adapter_config.json"}, {"rfilename": "adapter_model.safetensors"}]


def model(model_id: str | None, card: Any = None, **more: Any) -> dict[str, Any]:
    """A row of the dataset, with a column that nothing reads."""
    text = card if card is None or isinstance(card, str) else json.dumps(card)
    defaults = {
        "createdAt": DAY,
        "lastModified": DAY,
        "siblings": [README],
        "tags": [],
        "baseModels": None,
        "spaces": ["x/y"],
    }
    return {"id": model_id, "cardData": text, **defaults, **more}


ROWS = [
    model("a/tagged", {"tags": ["lora", "peft"], "base_model": "meta/Llama-3"}, siblings=ADAPTER, downloads=5),
    model(
        "a/name", {"tags": ["base_model:adapter:x/my-lora"]}, siblings=[README], tags=["base_model:adapter:x/my-lora"]
    ),
    model("b/prose", None),
    model("b/none", None, siblings=[{"rfilename": "model.bin"}]),
    model("c/broken", "{not json", baseModels={"relation": "adapter", "models": [{"id": "q/Qwen"}]}),
    model("c/unlisted", {"license": "mit"}, siblings=None),
]


def parquet(rows: list[dict[str, Any]]) -> bytes:
    """The dataset's file of models."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


@pytest.fixture
def models_file(tmp_path: Path) -> Path:
    (tmp_path / "models.parquet").write_bytes(parquet(ROWS))
    return tmp_path / "models.parquet"


def test_models_are_cards_of_their_front_matter(models_file: Path) -> None:
    """JSON becomes front matter that the tagger reads as in a card; a machine tag stays a name; no file, no card."""
    source = MetadataFile(str(models_file), layout=METADATA)
    info = source.prepare()
    assert (info.kind, source.total()) == ("hub-metadata", 6)
    (cards,) = source.batches()
    rows = {row["model_id"]: row for row in cards.to_pylist()}
    assert rows["a/tagged"]["card"] == "---\ntags:\n- lora\n- peft\nbase_model: meta/Llama-3\n---\n"
    assert {m: (r["status"], r["reason"], r["adapter_files"]) for m, r in rows.items()} == {
        "a/tagged": ("text", None, 2),
        "a/name": ("text", None, 0),
        "b/prose": ("text", None, 0),
        "b/none": ("no_card", "null", 0),
        "c/broken": ("text", None, 0),
        "c/unlisted": ("text", None, None),
    }
    assert rows["c/broken"]["tags"] == ["base_model:adapter:q/Qwen"]
    found = [(m["model_id"], m["technique"], m["evidence_level"], m["location"]) for m in tag(cards).to_pylist()]
    assert ("a/tagged", "lora", "tagged", "front_matter") in found
    assert {(model_id, location) for model_id, _, _, location in found} == {
        ("a/tagged", "front_matter"),
        ("a/name", "name"),
    }


@pytest.mark.parametrize(
    "data",
    [
        {"language": "no", "tags": ["1.0", "null", "2024-13-45"]},
        {"text": "first\n---\nlast: x", "tags": ["lora"]},
        {"a": "\ud800", "tags": ["lora"]},
        {"tags": ["lora"], "名前": "模型 🙂"},
        ["a", "list"],
        {},
    ],
)
def test_any_json_is_read(data: Any) -> None:
    """A YAML parser gets from the front matter what the JSON says; what cannot be written is kept as it is."""
    (card,) = metadata_cards(pa.RecordBatch.from_pylist([{"id": "a/b", "cardData": json.dumps(data)}])).to_pylist()
    block = card["card"].removeprefix("---\n").removesuffix("\n---\n")
    assert (yaml.safe_load(block) or {}) == data or block == json.dumps(data)
    assert card["status"] == "text"


def test_a_census_of_a_file(run: Any, models_file: Path) -> None:
    """Adapter files, base models and tags of every model are in the snapshot, which joins with cards by id."""
    assert run("census", "--source", f"hub-metadata@{models_file}", "--quiet").exit_code == DONE
    snapshot = load_snapshot()
    models = snapshot.models.set_index("model_id")
    assert models.base_model.dropna().to_dict() == {
        "a/tagged": "meta/Llama-3",
        "a/name": "x/my-lora",
        "c/broken": "q/Qwen",
    }
    assert models.adapter_files["a/tagged"] == 2
    assert snapshot.coverage[["status", "n"]].values.tolist() == [["no_card", 1], ["text", 5]]
    assert "front matter only" in run("show").stdout


def test_the_dataset_of_the_hub(replica: Start, run: Any) -> None:
    """Without a file the models come from the dataset on the Hub, at a pinned commit; only its models are read."""
    dataset = Dataset(DATASET)
    dataset.commit({"models.parquet": parquet(ROWS), "datasets.parquet": b"no", "data/train-0.parquet": b"no"})
    replica(from_generator(1)).datasets[DATASET] = dataset
    assert run("census", "--source", "hub-metadata", "--quiet").exit_code == DONE
    assert load_snapshot().manifest.source.revision == dataset.main
    assert f"hub-metadata {DATASET}@{dataset.main}" in run("estimate", "--source", "hub-metadata").stdout
    old = dataset.main
    dataset.commit({"models.parquet": parquet(ROWS[:2])})
    shrunk = run("census", "--source", "hub-metadata", "--quiet")
    assert f"SOURCE=hub-metadata@{old}" in shrunk.stderr
    assert run("census", "--source", f"hub-metadata@{old}", "--quiet").exit_code == DONE


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"modelId": "a/b", "card": "x"}], "column 'id' is missing"),
        ([{"id": "a/b", "tags": ["lora"]}], "column 'cardData' is missing"),
        ([model(" ", {})], "row 0 has no id"),
        ([model("a/b", {}, siblings=[1])], "column 'siblings' has type"),
        ([model("a/b", {}), model("a/b", {})], "occurs more than once"),
    ],
)
def test_a_wrong_file_is_named(run: Any, tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    """The error names the file and its own column."""
    (tmp_path / "models.parquet").write_bytes(parquet(rows))
    result = run("census", "--source", "hub-metadata@models.parquet", "--quiet")
    assert result.exit_code == BadInputError.exit_code
    assert "models.parquet" in result.stderr and message in result.stderr


def test_options_of_the_api_do_not_apply(run: Any, models_file: Path) -> None:
    """A file has no population; nor has the dataset."""
    for source in ("hub-metadata", f"hub-metadata@{models_file}"):
        assert "--population" in run("census", "--source", source, "--population", "all").stderr


def test_real_models(run: Any, shared: Path, tmp_path: Path) -> None:
    """Real models of spring 2025: files and base models of all; the front matter says what that of the card says."""
    rows = []
    for line in gzip.decompress((shared / "real/hub_listing_2025-04.jsonl.gz").read_bytes()).splitlines():
        record = json.loads(line)
        if "id" not in record:
            continue
        data = yaml.load(record["card_data"], Loader=yaml.CBaseLoader) if record["card_data"] else None
        files = [{"rfilename": re.findall(r"rfilename=(['\"])(.*?)\1", text)[0][1]} for text in record["siblings"]]
        same = {key: record[key] for key in ("author", "sha", "downloads", "likes", "library_name", "tags")}
        rows.append({"id": record["id"], "cardData": data and json.dumps(data), "siblings": files, **same})
    (tmp_path / "models.parquet").write_bytes(parquet(rows))
    assert run("census", "--source", "hub-metadata@models.parquet", "--quiet").exit_code == DONE
    models = load_snapshot().models
    assert len(models) == 914
    assert (models.adapter_files > 0).sum() == 329
    assert models.base_model.notna().sum() == 906

    (shards,) = MetadataFile("models.parquet", 10_000, layout=METADATA).batches()
    written = dict(zip(shards["model_id"].to_pylist(), shards["card"].to_pylist(), strict=True))
    cards = pq.read_table(shared / "real/model_cards/hub-2025-04.parquet", columns=["modelId", "card"]).to_pylist()
    pairs = [
        (read_front_matter(c["card"]), read_front_matter(written[c["modelId"]] or ""))
        for c in cards
        if c["modelId"] in written
    ]
    parsed = [(card, ours) for card, ours in pairs if card.status == "parsed" and card.data]
    assert len(parsed) > 500
    for key in ("tags", "base_model", "language"):  # the Hub removes repeated tags
        assert [set(ours.strings(key)) for _, ours in parsed] == [set(card.strings(key)) for card, _ in parsed]
