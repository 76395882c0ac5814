"""One store for all sources of the Hub: nothing is fetched twice, and old shards are compacted without a loss."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from peft_census.collect.file_store import INDEX, FileStore
from peft_census.collect.hub.api import HubApi
from peft_census.collect.hub.api_with_dump import HubApiWithDump
from peft_census.collect.hub.options import HubOptions
from peft_census.collect.raw_shards import Outcome, Shards
from peft_census.errors import BusyError
from tests.collect.conftest import Start
from tests.replica.catalogue import from_generator
from tests.replica.crawl import QUICK, cards

ALL = HubOptions("all")


def test_a_card_that_one_source_read_is_not_fetched_by_another(replica: Start, tmp_path: Path) -> None:
    """hub-api, then hub, then another population, then a lost crawl state: no request for a README.md."""
    server = replica(from_generator(60))
    first = HubApi(tmp_path, ALL, QUICK, quiet=True)
    info = first.prepare()
    server.counts.asked.clear()
    second = HubApiWithDump(tmp_path, ALL, QUICK, quiet=True)
    assert second.prepare().content_sha256 == info.content_sha256 and cards(second) == cards(first)
    some = HubApi(tmp_path, HubOptions("adapters"), QUICK, quiet=True)
    some.prepare()
    assert 0 < sum(row["status"] == "text" for row in cards(some).to_pylist()) < 60
    for file in first.folder.glob("ledger.sqlite*"):
        file.unlink()
    again = HubApi(tmp_path, ALL, QUICK, quiet=True)
    assert again.prepare() == info and cards(again) == cards(first)
    gated = {m.id for m in server.catalogue.models.values() if m.gated}
    assert {model for model, file in server.counts.asked if file == "README.md"} <= gated


def test_a_configuration_that_another_crawl_read_is_not_fetched(replica: Start, tmp_path: Path) -> None:
    """Each reading would count as a download."""
    server = replica(from_generator(60))
    for population in ("all", "adapters"):
        source = HubApi(tmp_path, HubOptions(population, adapter_configs=100), QUICK, quiet=True)
        source.prepare()
        assert sum(row["adapter_config"] is not None for row in cards(source).to_pylist()) > 5
    asked = [n for (_, file), n in server.counts.asked.items() if file == "adapter_config.json"]
    assert asked and max(asked) == 1


def test_a_text_of_a_dump_is_not_a_text_at_a_commit(tmp_path: Path) -> None:
    """hub-api reads such a card itself; the text of the commit is preferred from then on."""
    with FileStore(tmp_path) as store:
        store.write([Outcome("o/m", "a", "text", text="from the dump")])
        assert store.find("o/m", "a") is None
        store.write([Outcome("o/m", "a", "text", revision="a", text="read")])
        found = store.find("o/m", "a")
        assert found is not None and found.text == "read"


def test_two_crawls_of_one_endpoint_at_once(replica: Start, tmp_path: Path) -> None:
    """The second one is told which process is running."""
    replica(from_generator(5))
    with (
        HubApi(tmp_path, ALL, QUICK, quiet=True).session(),
        pytest.raises(BusyError),
        HubApi(tmp_path, HubOptions("adapters"), QUICK, quiet=True).session(),
    ):
        pass


def test_a_crawl_compacts_what_no_crawl_refers_to(replica: Start, tmp_path: Path) -> None:
    """After edits of most cards their earlier texts are gone; a process that reads meanwhile still finds its files."""
    catalogue = from_generator(60)
    replica(catalogue)
    source = HubApi(tmp_path, ALL, QUICK, quiet=True)
    source.prepare()
    before = cards(source)
    old = sorted(source.store_folder("cards").glob("*.parquet"))
    for model_id in sorted(catalogue.models)[:50]:
        catalogue.change(model_id, "A new card about LoRA.")
    later = HubApi(tmp_path, ALL, QUICK, quiet=True)
    later.prepare()
    whole = cards(later)
    assert whole != before and all(file.exists() for file in old)
    last = HubApi(tmp_path, ALL, QUICK, quiet=True)
    last.prepare()
    assert not any(file.exists() for file in old)
    shards = Shards(source.store_folder("cards"))
    stored = {o.model_id: o.sha for n in shards.numbers() for o in shards.outcomes(n) if o.text}
    assert stored == {m: catalogue.models[m].sha for m in stored} and len(stored) > 40
    assert cards(last) == whole


TEXTS = {f"o/m{i}": f"Card {i}." for i in range(6)}
LIVE = [(o.model_id, o.sha, o.text_sha256 or "") for i, o in enumerate(
    Outcome(m, "new", "text", text=text) for m, text in TEXTS.items()) if i % 3 != 2]  # fmt: skip
COMPACT = f"""
import os, signal, sys
from pathlib import Path
from peft_census.collect.file_store import FileStore
left = int(sys.argv[2])
def count(statement):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
with FileStore(Path(sys.argv[1])) as store:
    store._db.set_trace_callback(count)
    store.compact({LIVE!r})
    print(int(sys.argv[2]) - left)
"""


def two_shards(folder: Path) -> None:
    """Writes old texts of all models, then their present ones."""
    with FileStore(folder) as store:
        store.write([Outcome(m, "old", "text", revision="old", text=f"Old {text}") for m, text in TEXTS.items()])
        some = list(TEXTS.items())
        for part in (some[:3], some[3:]):
            store.write([Outcome(m, "new", "text", revision="new", text=text) for m, text in part])
            store.write([Outcome(m, "next", "text", revision="next", text=text) for m, text in part])


@pytest.mark.campaign
def test_a_killed_compaction_loses_nothing(tmp_path: Path) -> None:
    """kill -9 before any statement; the next run finds every text, and compacts to the same rows."""
    two_shards(tmp_path / "whole")
    command = [sys.executable, "-c", COMPACT]
    done = subprocess.run([*command, tmp_path / "whole", "999"], capture_output=True, text=True, check=True)
    statements = int(done.stdout)
    assert statements > 15
    for n in range(1, statements, 3):
        folder = tmp_path / str(n)
        two_shards(folder)
        assert subprocess.run([*command, folder, str(n)], check=False).returncode == -9
        with FileStore(folder) as store:
            store.reconcile()
            assert [store.text(*reference) for reference in LIVE] == [TEXTS[m] for m, _, _ in LIVE], n
            store.compact(LIVE)
            store.reconcile()
            assert [store.text(*reference) for reference in LIVE] == [TEXTS[m] for m, _, _ in LIVE], n
        kept = Shards(folder)
        rows = [o for number in kept.numbers() for o in kept.outcomes(number)]
        assert {(o.model_id, o.sha) for o in rows} >= {(m, s) for m, s, _ in LIVE} and len(rows) < 3 * len(TEXTS)
        assert (folder / INDEX).is_file()
