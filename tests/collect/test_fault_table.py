"""Every fault of the table has the outcome that the table says, and the next run completes the census."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import planted
import pytest
from civitai_replica import CivitaiReplica, models_of
from github_replica import GithubReplica, Window, corpus_of
from helpers import REPO
from serving import Reply, serve

from peft_census.collect.hub.api import HubApi
from peft_census.collect.hub.options import HubOptions
from peft_census.collect.instrument import InstrumentConfig, InstrumentRun
from peft_census.collect.instruments import CollectedInstruments, collect
from peft_census.errors import SourceError
from peft_census.pipeline.counting import complete_tables
from tests.collect.fault_table import CASES, COMPLETE, GAP, PAGE, PARTIAL, STOPS, Case, table
from tests.replica.catalogue import Catalogue, from_generator
from tests.replica.crawl import QUICK, cards
from tests.replica.faults import Faults
from tests.replica.hub import serving
from tests.replica.raw_hub import serving_raw

LIMITS = replace(QUICK, page_items=PAGE, attempts=4, workers=4, failures_in_a_row=20, longest_backoff=0.02)
SOUND: dict[int, tuple[str, dict[str, int]]] = {}
"""What an undisturbed crawl of so many models gives; the server does not matter."""
HUB_CASES = [case for case in CASES if case.source.startswith("Hub")]


def test_the_docs_show_the_table() -> None:
    """`make docs` writes it."""
    assert table() in (REPO / "docs/reliability.md").read_text(encoding="utf-8")


class Server:
    """A Hub of either make, sound or spoilt."""

    def __init__(self, catalogue: Catalogue, make: str, stack: ExitStack) -> None:
        self.make = make
        self._server: Any = stack.enter_context((serving if make == "replica" else serving_raw)(catalogue))
        self.base: str = self._server.base

    def spoil(self, case: Case) -> None:
        """Makes it wrong as the case says."""
        if self.make == "replica":
            self._server.counts.pages, self._server.faults = 0, deepcopy(case.own)
            self._server.counts.requests.clear()
            self._server.counts.with_token = 0
        else:
            self._server.count_again()
            self._server.spoil = case.raw

    def mend(self) -> None:
        """Makes it sound."""
        self._server.faults, self._server.spoil = Faults(), lambda answer: None


def crawl(raw: Path) -> tuple[str, dict[str, int]]:
    """Crawls once; returns the hash of the content, and the gaps by reason."""
    source = HubApi(raw, HubOptions("all"), LIMITS, quiet=True)
    info = source.prepare()
    failed = Counter(row["reason"] for row in cards(source).to_pylist() if row["status"] == "failed")
    return info.content_sha256, info.gaps | failed


@contextmanager
def without_some(catalogue: Catalogue, case: Case) -> Iterator[None]:
    """Takes 5% of the models out of the catalogue for a while, if the case is about a second crawl."""
    models = dict(catalogue.models)
    for model_id in sorted(models)[::20] if case.again else ():
        catalogue.models.pop(model_id)
    catalogue._sorted.clear()
    yield
    catalogue.models = models
    catalogue._sorted.clear()


@pytest.mark.parametrize("make", ["replica", "another make"])
@pytest.mark.parametrize("case", HUB_CASES, ids=lambda case: case.fault)
def test_the_hub(case: Case, make: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outcome is the one of the table; the next run gives what an undisturbed one gives."""
    if make == "another make" and case.raw is None:
        pytest.skip("only the replica shows this fault")
    monkeypatch.setenv("HF_TOKEN", planted.HUB)
    catalogue = from_generator(case.n)
    with ExitStack() as stack:
        server = Server(catalogue, make, stack)
        monkeypatch.setenv("HF_ENDPOINT", server.base)
        if case.n not in SOUND:
            SOUND[case.n] = crawl(tmp_path / "sound")
        sound = SOUND[case.n]
        assert sound[1] == {}
        if case.again:
            crawl(tmp_path / "raw")
        server.spoil(case)
        with without_some(catalogue, case):
            if case.outcome == STOPS:
                with pytest.raises(SourceError, match=case.says) as caught:
                    crawl(tmp_path / "raw")
                assert caught.value.hint
            else:
                content, gaps = crawl(tmp_path / "raw")
                assert (gaps == {}) == (content == sound[0]) == (case.outcome == COMPLETE)
                assert case.outcome == COMPLETE or any(case.says in reason for reason in gaps)
        server.mend()
        assert crawl(tmp_path / "raw") == sound


def collected(raw: Path, name: str) -> CollectedInstruments:
    """Collects one instrument."""
    config = InstrumentConfig((name,), readings=1)
    return collect(InstrumentRun(config, {"lora": "LoraConfig", "loha": "LoHaConfig"}, {}, raw))


def instrument(name: str) -> CivitaiReplica | GithubReplica:
    """Returns a sound server."""
    if name == "civitai":
        return CivitaiReplica(models_of({"LORA": 500, "LoCon": 130}, ties=2))
    return GithubReplica(corpus_of({"LoraConfig": 60, "LoHaConfig": 6}), Window(100_000, 60))


def spoilt(case: Case, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a server wrong as the case says."""
    if isinstance(case.own, dict):
        server.wrong = case.own
    elif case.own == "dies":
        server.dies_after = 3
    elif case.own == "renamed":
        server.always = "renamed"
    else:
        status = case.own if isinstance(case.own, int) else 200
        body = {"total_count": 9, "incomplete_results": True, "items": [], "message": "no"}
        monkeypatch.setattr(server, "reply", lambda request: Reply(body, status))


@pytest.mark.parametrize("case", [c for c in CASES if c not in HUB_CASES], ids=lambda c: f"{c.source}: {c.fault}")
def test_the_instruments(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outcome is the one of the table, and the next run is complete."""
    name = case.source.lower()
    monkeypatch.setenv("GITHUB_TOKEN", planted.GITHUB)
    broken = instrument(name)
    spoilt(case, broken, monkeypatch)
    with serve(broken) as url:
        port = int(url.rpartition(":")[2])
        monkeypatch.setenv(f"{name.upper()}_API_URL", url)
        found = collected(tmp_path, name)
    if case.outcome == PARTIAL:
        assert found.descriptions[name].state in ("partial", "failed")
        assert any(case.says in gap for gap in found.gaps)
        assert not complete_tables(found.tables, found.descriptions)
    else:
        assert (case.outcome, found.gaps, found.descriptions[name].state) == (COMPLETE, (), "read")
    with serve(instrument(name), port):
        again = collected(tmp_path, name)
    assert (again.gaps, again.descriptions[name].state) == ((), "read")
    assert len(complete_tables(again.tables, again.descriptions)) == 1


def test_a_gap_of_the_listing_is_in_the_coverage_and_on_the_page(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command exits with 3 and names the gap; the snapshot, its page and its public copy do so too."""
    with serving(from_generator(30), faults=Faults(malformed=({"id": "a b"},))) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.base)
        result = run("census", "--source", "hub-api", "--population", "all", "--quiet")
    reason = "an item of the listing has a model id that is not valid"
    assert result.exit_code == 3 and f"gap: 1 card: {reason}" in result.stderr
    (folder,) = (tmp_path / "data/snapshots").glob("[!.]*")
    assert f",missing,{reason},1" in (folder / "report/coverage.csv").read_text(encoding="utf-8")
    page = (folder / "report/report.html").read_text(encoding="utf-8")
    assert "missing from the listing" in page and "the listing is incomplete" in page
    assert GAP in table()
