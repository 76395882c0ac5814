"""``verify`` finds each kind of damage, repairs what it can, and changes nothing without ``--repair``."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from helpers import write_cards

from peft_census.collect.file_store import INDEX, FileStore
from peft_census.collect.ledger import Ledger
from peft_census.collect.ledger_rows import ListedModel
from peft_census.collect.raw_shards import Outcome, Shards
from peft_census.errors import BusyError, SourceError
from peft_census.pipeline.verify import Kind, verify
from peft_census.snapshot.lock import exclusive_lock

SNAPSHOTS, RAW = Path("data/snapshots"), Path("data/raw")
CRAWL, STORE = RAW / "hub/all", RAW / "hub/cards"


@pytest.fixture
def intact(run: Any, tmp_path: Path) -> Path:
    """A snapshot, and a crawl of six models in two raw files."""
    write_cards(tmp_path / "cards.parquet", [{"modelId": f"a/m{i}", "card": "Trained with LoRA."} for i in range(3)])
    snapshot = Path(json.loads(run("census", "-s", "cards.parquet", "--json").stdout)["snapshot_path"])
    ledger = Ledger(CRAWL)
    crawl = ledger.open_crawl(1e9)
    ids = [f"a/m{i}" for i in range(6)]
    ledger.add_page(crawl, "all", [ListedModel(i, "s") for i in ids], 0, None)
    ledger.close_listing(crawl, "missing")
    with FileStore(STORE) as store:
        for part in (ids[:3], ids[3:]):
            outcomes = [Outcome(i, "s", "text", revision="s", text=f"Card of {i}.") for i in part]
            store.write(outcomes)
            ledger.record(crawl, "cards", outcomes)
    ledger.finish(crawl)
    ledger.close()
    return snapshot


def tree(folder: Path) -> dict[str, bytes]:
    """The bytes of all files except locks."""
    beside = (".lock", "lock")
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.name not in beside}


def to_read() -> int:
    """How many cards the next run reads."""
    with FileStore(STORE) as store:
        store.reconcile()
    with Ledger(CRAWL) as ledger:
        ledger.files.forget_lost("cards", STORE / INDEX)
        return ledger.n_to_read(ledger.last_crawl())


def test_intact_folders_have_no_finding(run: Any, intact: Path) -> None:
    """Everything is checked, nothing is found, nothing is changed."""
    before = tree(Path("data"))
    result = run("verify", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"snapshots": 1, "ledgers": 2, "shards": 2, "findings": []}
    assert run("verify", "--repair").exit_code == 0
    assert tree(Path("data")) == before
    assert to_read() == 0


def spoil_table(snapshot: Path) -> None:
    file = snapshot / "mentions.parquet"
    file.write_bytes(file.read_bytes()[:-9])


def spoil_manifest(snapshot: Path) -> None:
    (snapshot / "manifest.json").write_text("{")


def lose_table(snapshot: Path) -> None:
    (snapshot / "shares.parquet").unlink()


def leave_half(snapshot: Path) -> None:
    (SNAPSHOTS / ".snapshot.abc.partial").mkdir()
    (SNAPSHOTS / ".snapshot.abc.partial/models.parquet").write_bytes(b"PAR1")
    (SNAPSHOTS / ".snapshot.abc.partial/lock").touch()


def leave_half_shard(snapshot: Path) -> None:
    (STORE / ".000003.parquet.9.partial").write_bytes(b"PAR1")
    os.utime(STORE / ".000003.parquet.9.partial", (1e9, 1e9))


def shard(number: int) -> Path:
    return sorted(STORE.glob("*.parquet"))[number]


def lose_shard(snapshot: Path) -> None:
    shard(0).unlink()


def cut_shard(snapshot: Path) -> None:
    shard(1).write_bytes(shard(1).read_bytes()[:40])


def swap_shards(snapshot: Path) -> None:
    shard(0).write_bytes(shard(1).read_bytes())


def spoil_ledger(snapshot: Path, database: Path = CRAWL / "ledger.sqlite") -> None:
    data = bytearray(database.read_bytes())
    data[:4096] = os.urandom(4096)
    database.write_bytes(bytes(data))
    for more in ("-wal", "-shm"):
        database.with_name(database.name + more).unlink(missing_ok=True)


def spoil_index(snapshot: Path) -> None:
    spoil_ledger(snapshot, STORE / INDEX)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (spoil_table, "changed since it was written"),
        (spoil_manifest, "not a snapshot manifest"),
        (lose_table, "missing"),
        (leave_half, "partial file"),
        (leave_half_shard, "partial file"),
        (lose_shard, "is missing"),
        (cut_shard, "damaged raw file"),
        (swap_shards, "damaged raw file"),
        (spoil_ledger, "damaged database"),
        (spoil_index, "damaged database"),
    ],
)
def test_each_kind_of_damage_is_found_and_repaired(run: Any, intact: Path, damage: Any, words: str) -> None:
    """Exit code 3 and no change without --repair; after a repair everything is intact and nothing was deleted."""
    damage(intact)
    before = tree(Path("data"))
    result = run("verify")
    assert result.exit_code == 3 and words in result.stdout and "with --repair" in result.stdout
    assert tree(Path("data")) == before
    repaired = run("verify", "--repair", "--json")
    findings = json.loads(repaired.stdout)["findings"]
    assert repaired.exit_code == 3 and [f["repaired"] for f in findings] == [True] and words in findings[0]["what"]
    after = run("verify")
    assert after.exit_code == 0, after.stdout
    if damage not in (leave_half, leave_half_shard):
        kept = [v for k, v in tree(Path("data")).items()]
        lost = [k for k, v in before.items() if v not in kept and not k.endswith((".sqlite", ".sha256"))]
        assert lost == []


@pytest.mark.parametrize(("damage", "again"), [(lose_shard, 3), (cut_shard, 3), (swap_shards, 3), (spoil_index, 0)])
def test_what_a_damaged_shard_held_is_read_again(run: Any, intact: Path, damage: Any, again: int) -> None:
    """The next run reads exactly its models again."""
    damage(intact)
    assert run("verify", "--repair").exit_code == 3
    assert to_read() == again


def flip(file: Path, bit: int) -> None:
    """Inverts one bit of a file."""
    data = bytearray(file.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)


def test_any_flipped_bit_is_found(intact: Path) -> None:
    """In a table, the manifest, the report, the crawl state and the raw files; back as it was, all is intact."""
    stored = [*RAW.rglob("*.parquet"), *RAW.rglob("*.sqlite"), *(f for f in intact.rglob("*") if f.is_file())]
    assert {"manifest.json", "ledger.sqlite", "models.parquet", "report.html"} <= {f.name for f in stored}
    dice = random.Random(7)
    for file in stored:
        bits = 8 * file.stat().st_size
        for bit in (0, bits - 1, *dice.sample(range(bits), 3)):
            flip(file, bit)
            assert verify(SNAPSHOTS, RAW).findings, (file, bit)
            flip(file, bit)
    assert verify(SNAPSHOTS, RAW).findings == []


def test_what_is_damaged_is_not_counted(run: Any, intact: Path) -> None:
    """A command that reads a table, a manifest or a raw file with a flipped bit names it and exits with 1."""
    for name in ("models.parquet", "manifest.json"):
        flip(intact / name, 4000)
        refused = run("count", "--table", "monthly") if name == "manifest.json" else run("explain", "a/m1")
        assert refused.exit_code == 1 and f"{name}: changed since it was written" in refused.stderr, refused.output
        flip(intact / name, 4000)
    place = Shards(STORE).outcomes(1)[0]
    assert place.text == "Card of a/m0."
    flip(shard(0), 400)
    with pytest.raises(SourceError, match="damaged raw shard"):
        Shards(STORE).text((1, 0))
    flip(CRAWL / "ledger.sqlite", 60_000)
    with pytest.raises(SourceError, match=r"ledger\.sqlite: damaged"):
        Ledger(CRAWL)


def test_a_damaged_snapshot_is_made_again(run: Any, intact: Path) -> None:
    """After the repair the census writes the same snapshot, byte for byte."""
    before = tree(intact)
    spoil_table(intact)
    run("verify", "--repair")
    assert not intact.exists()
    assert run("census", "-s", "cards.parquet", "--quiet").exit_code == 0
    assert tree(intact) == before


def test_a_snapshot_of_another_schema_is_not_changed(run: Any, intact: Path) -> None:
    """It is not damaged: the remedy says what to do, and --repair exits with 1."""
    manifest = json.loads((intact / "manifest.json").read_text())
    (intact / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 1}))
    assert run("verify").exit_code == 3
    result = run("verify", "--repair")
    assert result.exit_code == 1 and "written with schema 1" in result.stdout and intact.is_dir()


def test_nothing_is_repaired_while_a_census_runs(intact: Path) -> None:
    """While another process holds the lock a check works and a repair is refused."""
    leave_half(intact)
    with exclusive_lock(SNAPSHOTS / ".lock"):
        assert [f.kind for f in verify(SNAPSHOTS, RAW).findings] == [Kind.LEFTOVER]
        with pytest.raises(BusyError):
            verify(SNAPSHOTS, RAW, repair=True)
    assert (SNAPSHOTS / ".snapshot.abc.partial").is_dir()


def test_missing_folders_have_no_finding(run: Any) -> None:
    """Without folders there is nothing to find."""
    result = run("verify")
    assert result.exit_code == 0 and "everything is intact" in result.stdout


def test_another_database_is_only_checked(run: Any, intact: Path) -> None:
    """Another SQLite file in the raw folder is checked and not changed."""
    file = RAW / "tags.sqlite"
    with closing(sqlite3.connect(file)) as base:
        base.executescript("create table t (x); insert into t values (1);")
    before = file.read_bytes()
    assert run("verify", "--repair").exit_code == 0
    assert file.read_bytes() == before
