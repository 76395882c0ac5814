"""The doctor finds each kind of damage, mends what can be mended, and touches nothing unless asked."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from helpers import write_cards

from peft_census.collect.ledger import Ledger
from peft_census.collect.ledger_rows import ListedModel
from peft_census.collect.raw_shards import Outcome, Shards
from peft_census.errors import BusyError
from peft_census.pipeline.verify import examine
from peft_census.snapshot.lock import exclusive_lock

SNAPSHOTS, RAW = Path("data/snapshots"), Path("data/raw")
CRAWL = RAW / "hub/all"


@pytest.fixture
def house(run: Any, tmp_path: Path) -> Path:
    """A sealed snapshot, and a crawl of six models in two raw files."""
    write_cards(tmp_path / "cards.parquet", [{"modelId": f"a/m{i}", "card": "Trained with LoRA."} for i in range(3)])
    sealed = Path(json.loads(run("census", "-s", "cards.parquet", "--json").stdout)["snapshot_path"])
    ledger, shards = Ledger(CRAWL), Shards(CRAWL / "cards")
    crawl = ledger.open_crawl(1e9)
    ids = [f"a/m{i}" for i in range(6)]
    ledger.add_page(crawl, "all", [ListedModel(i, "s") for i in ids], 0, None)
    ledger.close_listing(crawl, "missing")
    for part in (ids[:3], ids[3:]):
        number, ordered = shards.write([Outcome(i, "s", "text", text=f"Card of {i}.") for i in part])
        ledger.record(crawl, "cards", ordered, number)
    ledger.finish(crawl)
    ledger.close()
    return sealed


def tree(folder: Path) -> dict[str, bytes]:
    """All bytes but locks and what SQLite keeps beside an open file."""
    beside = (".lock", "lock", "ledger.sqlite-wal", "ledger.sqlite-shm", "tags.sqlite-wal", "tags.sqlite-shm")
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.name not in beside}


def to_read() -> int:
    ledger = Ledger(CRAWL)
    try:
        return ledger.n_to_read(ledger.last_crawl())
    finally:
        ledger.close()


def test_a_whole_house_is_well(run: Any, house: Path) -> None:
    """Nothing is found, nothing is touched, everything was looked at."""
    before = tree(Path("data"))
    result = run("doctor", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"snapshots": 1, "ledgers": 1, "shards": 2, "findings": []}
    assert run("doctor", "--repair").exit_code == 0
    assert tree(Path("data")) == before
    assert to_read() == 0


def spoil_table(sealed: Path) -> None:
    file = sealed / "mentions.parquet"
    file.write_bytes(file.read_bytes()[:-9])


def spoil_manifest(sealed: Path) -> None:
    (sealed / "manifest.json").write_text("{")


def lose_table(sealed: Path) -> None:
    (sealed / "shares.parquet").unlink()


def leave_half(sealed: Path) -> None:
    (SNAPSHOTS / ".partial-abc").mkdir()
    (SNAPSHOTS / ".partial-abc/models.parquet").write_bytes(b"PAR1")


def leave_half_shard(sealed: Path) -> None:
    (CRAWL / "cards/000003.partial").write_bytes(b"PAR1")


def shard(number: int) -> Path:
    return sorted((CRAWL / "cards").glob("*.parquet"))[number]


def lose_shard(sealed: Path) -> None:
    shard(0).unlink()


def cut_shard(sealed: Path) -> None:
    shard(1).write_bytes(shard(1).read_bytes()[:40])


def swap_shards(sealed: Path) -> None:
    shard(0).write_bytes(shard(1).read_bytes())


def spoil_ledger(sealed: Path) -> None:
    data = bytearray((CRAWL / "ledger.sqlite").read_bytes())
    data[:4096] = os.urandom(4096)
    (CRAWL / "ledger.sqlite").write_bytes(bytes(data))
    for more in ("-wal", "-shm"):
        (CRAWL / f"ledger.sqlite{more}").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (spoil_table, "changed since it was written"),
        (spoil_manifest, "not a snapshot manifest"),
        (lose_table, "changed since it was written"),
        (leave_half, "left half-made"),
        (leave_half_shard, "left half-made"),
        (lose_shard, "is gone"),
        (cut_shard, "damaged raw file"),
        (swap_shards, "as the ledger says"),
        (spoil_ledger, "damaged database"),
    ],
)
def test_each_kind_of_damage_is_found_and_mended(run: Any, house: Path, damage: Any, words: str) -> None:
    """Found and said with exit code 3; untouched until --repair; after it all is well, and nothing was thrown away."""
    damage(house)
    before = tree(Path("data"))
    result = run("doctor")
    assert result.exit_code == 3 and words in result.stdout and "with --repair" in result.stdout
    assert tree(Path("data")) == before
    mended = run("doctor", "--repair", "--json")
    findings = json.loads(mended.stdout)["findings"]
    assert mended.exit_code == 3 and [f["mended"] for f in findings] == [True] and words in findings[0]["what"]
    after = run("doctor")
    assert after.exit_code == 0, after.stdout
    if damage not in (leave_half, leave_half_shard):
        kept = [v for k, v in tree(Path("data")).items()]
        lost = [k for k, v in before.items() if v not in kept and not k.endswith(".sqlite")]
        assert lost == []


@pytest.mark.parametrize(("damage", "again"), [(lose_shard, 3), (cut_shard, 3), (swap_shards, 3)])
def test_what_a_damaged_shard_held_is_read_again(run: Any, house: Path, damage: Any, again: int) -> None:
    """Exactly its models are to be read; the others keep their texts."""
    damage(house)
    assert run("doctor", "--repair").exit_code == 3
    assert to_read() == again


def test_a_damaged_snapshot_is_made_again_alike(run: Any, house: Path) -> None:
    """After the repair the census seals the same snapshot, byte for byte."""
    before = tree(house)
    spoil_table(house)
    run("doctor", "--repair")
    assert not house.exists()
    assert run("census", "-s", "cards.parquet", "--quiet").exit_code == 0
    assert tree(house) == before


def test_a_snapshot_of_another_schema_is_left_to_its_owner(run: Any, house: Path) -> None:
    """It is not damaged: the doctor says what to do, and --repair, which cannot, leaves with 1."""
    manifest = json.loads((house / "manifest.json").read_text())
    (house / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 1}))
    assert run("doctor").exit_code == 3
    result = run("doctor", "--repair")
    assert result.exit_code == 1 and "written with schema 1" in result.stdout and house.is_dir()


def test_nothing_is_mended_under_the_hands_of_a_running_census(house: Path) -> None:
    """While another process holds the lock a repair is refused; looking is not."""
    leave_half(house)
    with exclusive_lock(SNAPSHOTS / ".lock"):
        assert len(examine(SNAPSHOTS, RAW).findings) == 1
        with pytest.raises(BusyError):
            examine(SNAPSHOTS, RAW, repair=True)
    assert (SNAPSHOTS / ".partial-abc").is_dir()


def test_an_empty_place_is_well(run: Any) -> None:
    """Before the first census there is nothing to find."""
    result = run("doctor")
    assert result.exit_code == 0 and "all is well" in result.stdout


def test_a_foreign_database_is_only_looked_at(run: Any, house: Path) -> None:
    """Any other SQLite file in the raw folder is checked and left as it is."""
    file = RAW / "tags.sqlite"
    with closing(sqlite3.connect(file)) as base:
        base.executescript("create table t (x); insert into t values (1);")
    before = file.read_bytes()
    assert run("doctor", "--repair").exit_code == 0
    assert file.read_bytes() == before
