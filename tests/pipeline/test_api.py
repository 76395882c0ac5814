"""The Python API tags whatever kind of table one has."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import peft_census
from peft_census.errors import BadInputError, UsageError

TEXTS = ["Fine-tuned with LoRA on my own data.", None, "Nothing here.", "We trained it with AdaLoRA, not LoRA."]
IDS = ["a/1", "a/2", "b/1", "b/2"]
FOUND = [("a/1", "lora"), ("b/2", "adalora"), ("b/2", "lora")]


def pairs(rows: Any) -> list[tuple[str, str]]:
    return [(row["model_id"], row["technique"]) for row in rows]


@pytest.mark.parametrize("name", ["model_id", "modelId"])
def test_the_result_is_of_the_same_kind(name: str) -> None:
    """pandas, Polars and Arrow tables, with either name of the column of ids."""
    data = {name: IDS, "card": TEXTS, "downloads": [1, 2, 3, 4]}
    frame = peft_census.tag_cards(pd.DataFrame(data))
    assert isinstance(frame, pd.DataFrame) and pairs(frame.to_dict("records")) == FOUND
    polars = peft_census.tag_cards(pl.DataFrame(data))
    assert isinstance(polars, pl.DataFrame) and pairs(polars.to_dicts()) == FOUND
    table = peft_census.tag_cards(pa.table(data))
    assert isinstance(table, pa.Table) and pairs(table.to_pylist()) == FOUND
    batch = peft_census.tag_cards(pa.RecordBatch.from_pydict(data))
    assert isinstance(batch, pa.RecordBatch) and pairs(batch.to_pylist()) == FOUND


def test_texts_alone() -> None:
    """A list of texts, or a table without ids: the id is the position."""
    expected = [(str(IDS.index(model)), technique) for model, technique in FOUND]
    assert pairs(peft_census.tag_cards(TEXTS)) == expected
    assert pairs(peft_census.tag_cards(pd.DataFrame({"card": TEXTS})).to_dict("records")) == expected
    assert peft_census.tag_cards([]) == []
    assert peft_census.tag_cards(pa.RecordBatch.from_pydict({"card": pa.array([], pa.string())})).num_rows == 0


def test_bytes_with_invalid_text_are_repaired() -> None:
    """As in a census, unreadable bytes are replaced."""
    table = pa.table({"card": pa.array([b"Trained with LoRA \xff."])})
    assert pairs(peft_census.tag_cards(table).to_pylist()) == [("0", "lora")]


def test_a_table_without_texts_is_refused() -> None:
    """The error says what is missing, or which type is wrong."""
    with pytest.raises(UsageError, match="no column 'card', only text"):
        peft_census.tag_cards(pd.DataFrame({"text": ["x"]}))
    with pytest.raises(BadInputError, match="'card' has type int64"):
        peft_census.tag_cards(pd.DataFrame({"card": [1]}))
