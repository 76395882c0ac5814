"""The bundled snapshot of real cards: small, intact, and what today's code makes of the same cards."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import REPO, SHARED

from peft_census.pipeline.counting import count_again
from peft_census.snapshot.schema import check
from peft_census.snapshot.snapshot import read_snapshot
from scripts.ship_snapshot import SOURCE

SHIPPED = sorted((REPO / "data" / "snapshots").glob("*-public"))


def test_one_small_snapshot_is_shipped() -> None:
    """The notebooks read it. It stays small because everybody clones it."""
    assert len(SHIPPED) == 1
    assert sum(f.stat().st_size for f in SHIPPED[0].rglob("*") if f.is_file()) < 3_000_000


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_it_is_intact_and_counts_as_today(path: Path) -> None:
    """Its bytes are those of the manifest, and today's rules give its shares; after a change: `make shipped`."""
    shipped = read_snapshot(path)
    shipped.verify()
    for name in shipped.manifest.tables:
        check(name, shipped.table(name), public=True)
    techniques = shipped.manifest.taxonomy.techniques
    mentions = shipped.table("mentions")
    assert mentions["matched"].to_pylist() == [techniques[t].name for t in mentions["technique"].to_pylist()]
    assert "AdapterHub/bert-base-uncased-pf-anli_r3" in shipped.table("models")["model_id"].to_pylist()
    assert count_again(shipped).equals(shipped.table("shares"))


@pytest.mark.campaign
def test_todays_code_gives_the_same_id(run: Any, shared: Path, tmp_path: Path) -> None:
    """An id holds the hash of all mentions and counts; after a change of tagger, rules or schema: `make shipped`."""
    for folder in SHARED.glob("real/*_cards"):
        shutil.copytree(folder, tmp_path.parent / "shared/real" / folder.name)
    result = run("census", "--source", SOURCE, "--out", "again", "--no-cache", "--quiet")
    assert result.exit_code == 0, result.output
    made = next((tmp_path / "again").glob("2*"))
    assert f"{made.name}-public" == SHIPPED[0].name
