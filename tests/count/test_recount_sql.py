"""The counted tables, counted again in SQL from ``models`` and ``mentions`` by the definitions of docs/definitions.md.

The queries in ``recount`` share no code with the package. All cells are compared, intervals included.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from helpers import REPO, make_once

from peft_census.collect.parquet import Files
from peft_census.count import headline
from peft_census.pipeline.census import run_census
from peft_census.snapshot.snapshot import Snapshot, find_snapshot

QUERIES = Path(__file__).parent / "recount"
KEYS = {
    "shares": ("rule", "technique"),
    "breakdown": ("rule", "dimension", "value", "technique"),
    "monthly": ("rule", "month", "technique"),
    "agreement": ("variants", "technique"),
    "adoption": ("technique", "anchor", "month"),
}
WORDS = {"method", "citing_that_are_method", "being_that_cite_method"}
"""The names of methods, which are not counted."""


@pytest.fixture(scope="module", params=["specimen", "recent_cards"])
def snapshot(
    request: pytest.FixtureRequest, specimen_snapshots: Path, tmp_path_factory: pytest.TempPathFactory
) -> Snapshot:
    """A snapshot of the specimen, and one of real cards of public repositories."""
    if request.param == "specimen":
        return find_snapshot("latest", specimen_snapshots)
    cards = REPO.parent / "shared/real/recent_cards"
    if not cards.is_dir():
        pytest.skip("real material (../shared) is not here")
    make = lambda folder: run_census(Files(str(cards), 2_048, keep_first=True), folder)  # noqa: E731
    return find_snapshot("latest", make_once(tmp_path_factory, "recent-snapshots", make))


@pytest.fixture(scope="module")
def database(snapshot: Snapshot) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the votes of every card, counted in SQL."""
    facts = snapshot.manifest.taxonomy.techniques
    families = tomllib.loads((REPO / "peft_census/count/families.toml").read_text(encoding="utf-8"))["family"]
    tables = {
        "models": snapshot.table("models"),
        "mentions": snapshot.table("mentions"),
        "techniques": pa.Table.from_pylist(
            [
                {
                    "id": t,
                    "kind": f.kind,
                    "variant_of": f.variant_of,
                    "paper_month": f.paper_month,
                    "released": f.released,
                    "selector": f.selector,
                }
                for t, f in facts.items()
            ]
        ),
        "families": pa.Table.from_pylist(
            [{"family": f["id"], "position": i, "word": w} for i, f in enumerate(families) for w in f["words"]]
        ),
    }
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        for query in ("votes", "groups"):
            connection.execute((QUERIES / f"{query}.sql").read_text(encoding="utf-8"))
        yield connection


def keyed(rows: list[dict[str, Any]], name: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    found = {tuple(row[key] for key in KEYS[name]): row for row in rows}
    assert len(found) == len(rows), "two rows of one key"
    return found


@pytest.mark.parametrize("name", KEYS)
def test_a_table_is_recounted_in_sql(name: str, snapshot: Snapshot, database: duckdb.DuckDBPyConnection) -> None:
    """Every row and every cell is the same."""
    table = snapshot.table(name)
    by_sql = database.sql((QUERIES / f"{name}.sql").read_text(encoding="utf-8")).to_arrow_table()
    assert set(by_sql.schema.names) == set(table.schema.names) - WORDS
    counted, recounted = keyed(table.to_pylist(), name), keyed(by_sql.to_pylist(), name)
    assert recounted.keys() == counted.keys()
    for key, row in recounted.items():
        for column, value in row.items():
            expected = counted[key][column]
            same = value == expected if not isinstance(value, float) else value == pytest.approx(expected, abs=1e-9)
            assert same, (key, column)
    assert counted or not snapshot.manifest.specimen, "the specimen has rows in every table"


def test_the_query_of_the_docs_gives_the_headline(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SQL of docs/definitions.md, run in the folder of a snapshot, counts what the headline counts."""
    monkeypatch.chdir(snapshot.path)
    (query,) = re.findall(r"```sql\n(.*?)```", (REPO / "docs/definitions.md").read_text(encoding="utf-8"), re.DOTALL)
    head = headline(snapshot.table("shares"))
    with duckdb.connect() as connection:
        assert connection.sql(query).fetchall() == [(head.n, head.base)]
