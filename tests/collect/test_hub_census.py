"""From the Hub to a snapshot, by the command line: the same bytes under every fault."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from peft_census.collect.base import card_status
from peft_census.collect.http.rate_limit import Clock, TimeIsUpError
from peft_census.collect.hub.api import NOT_READ, HubApi
from peft_census.collect.hub.options import HubOptions
from peft_census.pipeline.census import run_census
from peft_census.pipeline.settings import settings
from peft_census.snapshot.snapshot import Snapshot
from tests.collect.conftest import Start
from tests.replica.catalogue import Record, from_generator, from_real, from_specimen
from tests.replica.crawl import QUICK, cards
from tests.replica.faults import Faults, Windows

REPO = Path(__file__).parents[2]


def snapshot(folder: Path) -> Snapshot:
    """Crawls into a new folder and writes a snapshot."""
    source = HubApi(folder / "raw", HubOptions("all"), QUICK, quiet=True)
    return run_census(source, folder / "snapshots").snapshot


@pytest.mark.campaign
@pytest.mark.parametrize("models", [100, pytest.param(20_000, marks=pytest.mark.slow)])
def test_the_snapshot_of_a_faulty_crawl_is_byte_identical(
    replica: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: int
) -> None:
    """Every file is compared, page and charts included."""
    monkeypatch.setenv("PEFT_CENSUS_CHARTS", "headline")
    settings.cache_clear()
    server = replica(from_generator(models))
    smooth = snapshot(tmp_path / "smooth")
    server.faults = Faults(error=0.05, reset=0.02, truncated=0.02, wrong_length=0.02, html=0.02)
    quota = {"api": max(20, models // 400), "resolvers": max(100, models // 5), "pages": 10}
    server.windows = Windows(quota, 1.0)
    rough = snapshot(tmp_path / "rough")
    settings.cache_clear()
    assert any(p.name == "headline.svg" for p in smooth.path.rglob("*"))
    files = sorted(str(p.relative_to(smooth.path)) for p in smooth.path.rglob("*") if p.is_file())
    assert len(files) > 5
    assert files == sorted(str(p.relative_to(rough.path)) for p in rough.path.rglob("*") if p.is_file())
    assert [f for f in files if (smooth.path / f).read_bytes() != (rough.path / f).read_bytes()] == []


def test_a_census_with_failures_ends_with_code_3_and_a_hint(replica: Start, run: Any) -> None:
    """The gaps are named by reason, and the same command closes them."""
    catalogue = from_generator(60)
    for model_id in [m.id for m in catalogue.models.values() if m.gated]:
        catalogue.delete(model_id)
    server = replica(catalogue)
    server.faults.always["owner-007/model-0000007/resolve"] = 404
    arguments = ("census", "--source", "hub-api", "--population", "all", "--quiet", "--json")
    first = run(*arguments)
    assert first.exit_code == 3
    assert "gap: 1 card: HTTP 404" in first.stderr
    assert "run the same command again" in first.stderr
    server.faults.always.clear()
    second = run(*arguments)
    assert second.exit_code == 0
    assert json.loads(second.stdout)["snapshot_id"] != json.loads(first.stdout)["snapshot_id"]


def test_a_model_deleted_upstream_is_in_no_later_snapshot(replica: Start, run: Any, tmp_path: Path) -> None:
    """No table or page of the next snapshot has its id, its author or its labels."""
    catalogue = from_generator(40)
    day = "2025-01-01T00:00:00.000Z"
    words = b"Trained with LoRA by a whimsical person."
    catalogue.put(
        Record("regretful-owner/withdrawn-model", "b" * 40, "c" * 24, day, day, {"README.md": words}, ("lora",))
    )
    replica(catalogue)
    arguments = ("census", "--source", "hub-api", "--population", "all", "--quiet", "--json")

    def known(path: str) -> list[str]:
        tables = {p.name: str(pq.read_table(p).to_pylist()) for p in Path(path).rglob("*.parquet")}
        texts = {p.name: p.read_text("utf-8") for p in Path(path).rglob("*") if p.suffix in (".html", ".csv", ".json")}
        found = {**tables, **texts}.items()
        return [name for name, text in found if "regretful-owner" in text or "withdrawn-model" in text]

    assert "models.parquet" in known(json.loads(run(*arguments).stdout)["snapshot_path"])
    catalogue.delete("regretful-owner/withdrawn-model")
    later = json.loads(run(*arguments).stdout)["snapshot_path"]
    assert known(later) == []
    assert len(pq.read_table(Path(later, "models.parquet"))) == 40


def test_the_command_line_prints_the_estimate(replica: Start, run: Any) -> None:
    """The estimate is printed as text or as JSON."""
    replica(from_generator(60))
    told = run("estimate", "--source", "hub-api", "--population", "all", "--quiet", "--json")
    assert json.loads(told.stdout)["changes"]["listed"] == 60
    text = run("estimate", "--source", "hub", "--population", "all", "--quiet").stdout
    assert "requests" in text and "minutes" in text


def stopping(requests: int) -> Clock:
    """Returns a clock whose time is up after so many requests."""
    left = count(requests, -1)

    def check() -> None:
        if next(left) <= 0:
            raise TimeIsUpError("stopped after 5 minutes", "run again")

    return Clock(check=check)


def test_a_crawl_whose_time_is_up_counts_the_rest_as_a_gap(replica: Start, tmp_path: Path) -> None:
    """What was read is counted; the next run reads only the rest and gives what an undisturbed one gives."""
    server = replica(from_generator(60))
    whole = HubApi(tmp_path / "whole", HubOptions("all"), QUICK, quiet=True).prepare()
    before, asked = server.readme_requests(), sum(server.counts.requests.values())
    stopped = HubApi(tmp_path / "raw", HubOptions("all"), QUICK, quiet=True, clock=stopping(30))
    stopped.prepare()
    rows = cards(stopped).select(["status", "reason"]).to_pylist()
    unread = [row for row in rows if row["reason"] == NOT_READ]
    assert len(rows) == 60 and 0 < len(unread) < 60 and {row["status"] for row in unread} == {"failed"}
    assert sum(server.counts.requests.values()) - asked <= 2 * 30  # each card takes a redirect
    again = HubApi(tmp_path / "raw", HubOptions("all"), QUICK, quiet=True)
    assert again.prepare() == whole
    assert server.readme_requests() - before == before


def test_a_time_limit_before_the_listing_ends_writes_nothing(replica: Start, run: Any) -> None:
    """Exit code 3, one line that says how to resume, and no snapshot of half a population."""
    replica(from_generator(20))
    result = run("census", "--source", "hub-api", "--stop-after", "0", "--json")
    assert result.exit_code == 3 and "stopped after 0 minutes" in result.stderr and result.stdout == ""
    assert not list(Path("data/snapshots").glob("[!.]*"))


def test_a_dry_run_prints_the_estimate(replica: Start, run: Any) -> None:
    """The same as estimate; no card is read and nothing is written."""
    server = replica(from_generator(20))
    dry = run("census", "--source", "hub-api", "--dry-run", "--quiet")
    assert dry.exit_code == 0 and "requests  " in dry.stdout and "time      about" in dry.stdout
    assert server.readme_requests() == 0 and not Path("data/snapshots").exists()
    assert "the cards are on this machine" in run("census", "--dry-run").stdout


def test_a_list_of_ones_own_says_which_ids_are_not_there(replica: Start, run: Any, tmp_path: Path) -> None:
    """A misspelt id is named at the end of the run, with the numbers of gated models and models without a card."""
    catalogue = from_generator(60)
    replica(catalogue)
    gated = next(m.id for m in catalogue.models.values() if m.gated)
    there = next(m.id for m in catalogue.models.values() if not m.gated and "README.md" in m.files)
    (tmp_path / "ids.txt").write_text(f"{there}\n{gated}\nowner/slip  # mine\n")
    text = run("census", "--source", "hub-api", "--ids", "ids.txt", "--quiet").stdout
    assert "3 models listed, 1 with a card to read (1 gated, 1 gone)" in text
    assert "deleted, private or nonexistent: owner/slip" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("--source", "hub-dump", "--population", "all"),
        ("--source", "hub-dump@../x"),
        ("--source", "hub-api@main"),
        ("--source", "hub-api", "--ids", "absent.txt"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(run: Any, arguments: tuple[str, ...]) -> None:
    """The error comes before any request."""
    assert run("census", *arguments).exit_code == 2


def test_the_specimen_can_be_read_through_the_replica(replica: Start, tmp_path: Path) -> None:
    """Its cards come out of the API unchanged, except for byte-order marks."""
    path = REPO / "data" / "specimen" / "cards.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if not rows:
        pytest.skip("the specimen is empty")
    replica(from_specimen(path))
    source = HubApi(tmp_path, HubOptions("all"), QUICK, quiet=True)
    source.prepare()
    found = {r["model_id"]: r["card"] for r in cards(source).to_pylist() if r["status"] == "text"}
    assert found == {r["model_id"]: r["text"].removeprefix("\ufeff") for r in rows if r["model_id"] in found}
    assert len(found) == sum(card_status(r["text"])[0] == "text" for r in rows)


def test_real_records_can_be_read_through_the_replica(replica: Start, tmp_path: Path, shared: Path) -> None:
    """Real ids, tags, dates and cards are listed and read without a problem."""
    catalogue = from_real(shared / "real")
    replica(catalogue)
    source = HubApi(tmp_path, HubOptions("adapters"), QUICK, quiet=True)
    source.prepare()
    rows = cards(source).to_pylist()
    assert len(rows) > 100
    assert {r["status"] for r in rows} <= {"text", "no_card", "gated"}
    readme = {r["model_id"]: catalogue.models[r["model_id"]].files["README.md"] for r in rows if r["status"] == "text"}
    assert all(r["card"].encode() == readme[r["model_id"]] for r in rows if r["status"] == "text")
    assert (source.folder / "problems.jsonl").read_text(encoding="utf-8") == ""
