"""The instruments together: skipped, failing, resumed, described."""

from __future__ import annotations

import json
from pathlib import Path

import planted
import pytest
from civitai_replica import CivitaiReplica, models_of
from collect_once import CLASSES
from github_replica import File, GithubReplica, Window, corpus_of
from serving import Faults, serve

from peft_census.collect.instrument import PROBLEMS, InstrumentConfig, InstrumentRun
from peft_census.collect.instruments import CollectedInstruments, checked_config, collect
from peft_census.count import instrument_shares
from peft_census.errors import SnapshotError, UsageError
from peft_census.pipeline.counting import complete_tables
from peft_census.snapshot.instruments import CivitaiDescription, NotRead, read_descriptions
from peft_census.snapshot.records import to_json

ROOT = Path(__file__).parents[2]
FILES = {"LoraConfig": 900, "LoHaConfig": 250, "IA3Config": 150}
TYPES = {"LORA": 3000, "LoCon": 300, "Checkpoint": 900}


def test_no_token_skips_github_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token GitHub is skipped with one line; nothing is asked and no count is made up."""
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    lines: list[str] = []
    found = collect(InstrumentRun(InstrumentConfig(("github", "benchmark")), CLASSES, {}, tmp_path, lines.append))
    assert found.descriptions["github"] == NotRead("skipped", "GITHUB_TOKEN is not set")
    assert len(lines) == 1
    assert "GITHUB_TOKEN" in lines[0]
    assert list(found.tables) == ["benchmark"]
    assert found.gaps == ()


def _collect(config: InstrumentConfig, raw: Path) -> CollectedInstruments:
    return collect(InstrumentRun(config, CLASSES, {}, raw))


@pytest.mark.parametrize(
    "config",
    [InstrumentConfig(("gitlab",)), InstrumentConfig(("github",), readings=0), InstrumentConfig((), sample=-1)],
)
def test_bad_configurations_are_refused(config: InstrumentConfig) -> None:
    """Unknown instruments and invalid numbers are errors before any request."""
    with pytest.raises(UsageError):
        checked_config(config)


def test_one_dead_source_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that does not answer is a gap with its reason; the others are read."""
    with serve(CivitaiReplica([])) as gone:
        pass
    monkeypatch.setenv("CIVITAI_API_URL", gone)
    found = _collect(InstrumentConfig(("civitai", "benchmark")), tmp_path)
    assert found.descriptions["civitai"].state == "failed"
    assert len(found.gaps) == 1
    assert list(found.tables) == ["benchmark"]


def test_a_broken_crawl_is_partial_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crawl that breaks off is kept and marked partial; the same call later completes it."""
    models = models_of({"LORA": 650})
    with serve(CivitaiReplica(models, dies_after=3)) as url:
        port = int(url.rsplit(":", 1)[1])
        monkeypatch.setenv("CIVITAI_API_URL", url)
        first = _collect(InstrumentConfig(("civitai",)), tmp_path)
    with serve(CivitaiReplica(models), port):
        second = _collect(InstrumentConfig(("civitai",)), tmp_path)
    assert (first.descriptions["civitai"].state, first.tables["civitai"].num_rows, len(first.gaps)) == (
        "partial",
        300,
        1,
    )
    assert (second.descriptions["civitai"].state, second.tables["civitai"].num_rows, second.gaps) == ("read", 650, ())


def test_problems_are_logged_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every failed attempt is one JSON line, and a token in a server's message is redacted."""
    replica = GithubReplica([], faults=Faults(error=1.0))
    with serve(replica) as url:
        monkeypatch.setenv("GITHUB_API_URL", url)
        monkeypatch.setenv("GITHUB_TOKEN", planted.GITHUB)  # the replica's fault repeats it
        found = _collect(InstrumentConfig(("github",)), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / PROBLEMS).read_text("utf-8").splitlines()]
    assert len(lines) == replica.number
    assert {(line["stage"], line["where"]) for line in lines} == {("github", "/search/code")}
    assert all(line["what"] == "HTTP 502: Server Error; you sent Bearer (secret)" for line in lines)
    assert len(found.gaps) == 2


def test_a_calibration_joins_an_earlier_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for a calibration or a sample later costs only what is new; the readings stay."""
    init = tmp_path / "peft" / "src" / "peft" / "__init__.py"
    init.parent.mkdir(parents=True)
    init.write_text("from peft import LoraConfig\n", encoding="utf-8")
    replica = GithubReplica([*corpus_of(FILES), File("huggingface/peft", "src/peft/__init__.py", init.read_text())])
    replica.window = Window(100_000, 60)
    with serve(replica) as url:
        monkeypatch.setenv("GITHUB_API_URL", url)
        monkeypatch.setenv("GITHUB_TOKEN", planted.GITHUB)
        plain = _collect(InstrumentConfig(("github",), readings=2), tmp_path / "raw")
        before = replica.number
        more = _collect(InstrumentConfig(("github",), readings=2, calibrate=tmp_path / "peft"), tmp_path / "raw")
    assert before == plain.tables["github_counts"].num_rows == 2 * (3 * 3 + 1)
    assert replica.number - before == 2 * 3
    rows = [r for r in more.tables["github_counts"].to_pylist() if r["scope"] == "huggingface/peft"]
    lora = {r["measure"]: (r["total_count"], r["local_count"]) for r in rows if r["technique"] == "lora"}
    assert lora == {"class_python": (1, 1), "phrase": (1, 1)}


def test_the_content_hash_follows_the_content(tmp_path: Path) -> None:
    """The same content has the same hash; another PEFT type map, hence other rows, another."""
    config = InstrumentConfig(("benchmark",))
    first, same, other = (
        collect(InstrumentRun(config, CLASSES, {"LORA": technique}, tmp_path)).content_sha256()
        for technique in ("lora", "lora", "x")
    )
    assert first == same != other


def test_descriptions_come_back_from_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the manifest keeps of each instrument is read again as the same records; a replica is marked as one."""
    github, civitai = GithubReplica(corpus_of(FILES), Window(100_000, 60)), CivitaiReplica(models_of({"LORA": 5}))
    with serve(github) as one, serve(civitai) as two:
        monkeypatch.setenv("GITHUB_API_URL", one)
        monkeypatch.setenv("GITHUB_TOKEN", planted.GITHUB)
        monkeypatch.setenv("CIVITAI_API_URL", two)
        found = _collect(InstrumentConfig(("github", "civitai", "benchmark"), readings=1, sample=4), tmp_path)
    data = json.loads(json.dumps(to_json(found.descriptions)))
    assert read_descriptions(data, "manifest.json") == found.descriptions
    described = found.descriptions["civitai"]
    assert isinstance(described, CivitaiDescription)
    assert (described.asked.replica, described.asked.endpoint, described.asked.requests_kept) == (True, "127.0.0.1", 2)
    del data["civitai"]["frame"]
    with pytest.raises(SnapshotError, match=r"manifest\.json: civitai"):
        read_descriptions(data, "manifest.json")


def test_a_partial_source_gets_no_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """100 of 650 models are kept as rows, but what a part of a source says is not counted as the source's share."""
    replica = CivitaiReplica(models_of({"LORA": 500, "LoCon": 150}))
    replica.always = "renamed"
    with serve(replica) as url:
        monkeypatch.setenv("CIVITAI_API_URL", url)
        found = _collect(InstrumentConfig(("civitai",)), tmp_path)
    assert (found.descriptions["civitai"].state, found.tables["civitai"].num_rows) == ("partial", 100)
    assert not complete_tables(found.tables, found.descriptions)
    assert instrument_shares(complete_tables(found.tables, found.descriptions)).num_rows == 0
