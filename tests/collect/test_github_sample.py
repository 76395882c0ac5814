"""The sample of files behind the repository shares, against the replica."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import planted
import pytest
from github_replica import File, GithubReplica, Moods, Window, corpus_of
from serving import Faults, Reply, Request, serve

from peft_census.collect.github.sample import Slice, describe_frames, imports_table, sample_files
from peft_census.collect.github.search import github_client
from peft_census.collect.instrument import InstrumentConfig, InstrumentRun
from peft_census.collect.instruments import CollectedInstruments, collect
from peft_census.collect.response_store import Campaign, open_campaign
from peft_census.snapshot.schema import check

CLASSES = {"lora": "LoraConfig", "loha": "LoHaConfig", "ia3": "IA3Config"}
MANY = {"LoraConfig": 1900, "LoHaConfig": 300, "IA3Config": 200}


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    """Gives an empty campaign."""
    with open_campaign(tmp_path / "l.sqlite", "github", {}) as opened:
        yield opened


def _sample(replica: GithubReplica, campaign: Campaign, monkeypatch: pytest.MonkeyPatch, requests: int) -> None:
    with serve(replica) as url:
        monkeypatch.setenv("GITHUB_API_URL", url)
        monkeypatch.setenv("GITHUB_TOKEN", planted.GITHUB)
        client = github_client()
        assert client is not None
        sample_files(client, campaign, requests, seed=7)


def test_slices_halve_without_gap_or_overlap() -> None:
    """The two halves of a slice cover it exactly, down to single sizes."""
    todo = [Slice("python", 0, 5000)]
    sizes = []
    while todo:
        piece = todo.pop()
        if piece.low == piece.high:
            sizes.append(piece.low)
        else:
            todo += piece.halves()
    assert sorted(sizes) == list(range(5001))


def test_a_large_budget_reads_the_whole_frame(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """2,400 files, more than one query can show, are all found, each once, and none beyond the cap is asked."""
    corpus = corpus_of(MANY, notebooks=0.1)
    replica = GithubReplica(corpus, Window(100_000, 60), Faults(2, error=0.05, reset=0.02, truncate=0.02))
    _sample(replica, campaign, monkeypatch, 400)
    table = imports_table(campaign, CLASSES)
    check("github_imports", table)
    assert {(r["repository"], r["blob_sha"]) for r in table.to_pylist()} == {(f.repository, f.sha) for f in corpus}
    assert {t for r in table["techniques"].to_pylist() for t in r} == set(CLASSES)
    assert 422 not in replica.statuses


def _collect(raw: Path) -> CollectedInstruments:
    config = InstrumentConfig(("github",), readings=1, sample=200)
    return collect(InstrumentRun(config, CLASSES, {}, raw))


@pytest.mark.parametrize("wrong", ["half", "no_list", "malformed"])
def test_pages_that_lack_results_are_a_gap_until_they_are_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """Pages with half of their results, or in another format, are noticed; the next run reads them again."""
    broken, sound = (GithubReplica(corpus_of(MANY), Window(100_000, 60)) for _ in range(2))
    answer = broken.reply

    def spoilt(request: Request) -> Reply:
        reply = answer(request)
        if request.all("per_page") != ["100"] or not isinstance(reply.body, dict):
            return reply
        items = reply.body["items"]
        changed = {"half": items[: len(items) // 2], "no_list": {"0": 1}, "malformed": [{"name": "x"} for _ in items]}
        return Reply({**reply.body, "items": changed[wrong]}, reply.status, reply.headers)

    monkeypatch.setattr(broken, "reply", spoilt)
    monkeypatch.setenv("GITHUB_TOKEN", planted.GITHUB)
    with serve(broken) as url:
        port = int(url.rpartition(":")[2])
        monkeypatch.setenv("GITHUB_API_URL", url)
        if wrong == "half":
            found = _collect(tmp_path)
            assert len(found.gaps) == 1 and "on no page of results" in found.gaps[0]
            assert found.descriptions["github"].state == "partial"
        else:
            assert _collect(tmp_path).gaps
    with serve(sound, port):
        again = _collect(tmp_path)
    assert (again.gaps, again.descriptions["github"].state) == ((), "read")
    assert again.tables["github_imports"].num_rows == 2400


def test_a_small_budget_is_kept(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small budget reads part of the frame, says how large the frame is, and asks no more than that."""
    replica = GithubReplica(corpus_of(MANY), Window(100_000, 60))
    _sample(replica, campaign, monkeypatch, 20)
    frames = describe_frames(campaign)
    assert replica.number <= 20
    assert frames["python"].files_in_frame == 2400
    assert 0 < imports_table(campaign, CLASSES).num_rows < 2400


def test_the_same_seed_gives_the_same_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs with one seed read the same files."""
    tables = []
    for n in range(2):
        with open_campaign(tmp_path / f"{n}.sqlite", "github", {}) as campaign:
            _sample(GithubReplica(corpus_of(MANY), Window(100_000, 60)), campaign, monkeypatch, 30)
            tables.append(imports_table(campaign, CLASSES).drop_columns("asked_at"))
    assert tables[0].equals(tables[1])


def test_a_second_run_asks_nothing(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished sample is read from the ledger."""
    replica = GithubReplica(corpus_of(MANY), Window(100_000, 60))
    _sample(replica, campaign, monkeypatch, 30)
    before = replica.number
    _sample(replica, campaign, monkeypatch, 30)
    assert replica.number == before


def test_incomplete_pages_are_asked_again(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """Totals of incomplete pages do not mislead the draw: the frame is found whole all the same."""
    replica = GithubReplica(corpus_of(MANY), Window(100_000, 60), moods=Moods(incomplete=0.15))
    _sample(replica, campaign, monkeypatch, 500)
    assert describe_frames(campaign)["python"].files_in_frame == 2400


def test_copies_keep_their_blob(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file copied to another repository is two rows with one blob; a lookalike takes nothing from peft."""
    text = "import peft\nconfig = peft.LoraConfig()\n"
    files = [
        File("a/a", "x.py", text),
        File("b/b", "y.py", text),
        File("c/c", "z.py", "import os\nfrom .peft import LoraConfig\n"),
        File("d/d", "q.py", ">>> from peft import IA3Config\n"),
    ]
    _sample(GithubReplica(files, Window(1000, 60)), campaign, monkeypatch, 10)
    rows = imports_table(campaign, CLASSES).to_pylist()
    assert [(r["repository"], r["techniques"], r["example_techniques"], r["uses_peft"]) for r in rows] == [
        ("a/a", ["lora"], [], True),
        ("b/b", ["lora"], [], True),
        ("c/c", [], [], False),
        ("d/d", [], ["ia3"], False),
    ]
    assert rows[0]["blob_sha"] == rows[1]["blob_sha"]
