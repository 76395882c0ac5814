"""The instruments together: skipped, failing, killed and resumed."""

from __future__ import annotations

import json
from pathlib import Path

import planted
import pytest
from civitai_replica import CivitaiReplica, models_of
from collect_once import CLASSES
from github_replica import File, GithubReplica, Window, corpus_of
from serving import Faults, serve

from peft_census.collect.instruments import PROBLEMS, Wanted, checked_config, collect, content_sha256
from peft_census.errors import UsageError

ROOT = Path(__file__).parents[2]
FILES = {"LoraConfig": 900, "LoHaConfig": 250, "IA3Config": 150}
TYPES = {"LORA": 3000, "LoCon": 300, "Checkpoint": 900}


def test_no_token_skips_github_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token GitHub is skipped with one line; nothing is asked and no count is made up."""
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    lines: list[str] = []
    found = collect(Wanted(("github", "benchmark")), CLASSES, {}, tmp_path, lines.append)
    assert found.about["github"] == {"state": "skipped", "reason": "GITHUB_TOKEN is not set"}
    assert len(lines) == 1
    assert "GITHUB_TOKEN" in lines[0]
    assert list(found.tables) == ["benchmark"]
    assert found.gaps == []


@pytest.mark.parametrize("wanted", [Wanted(("gitlab",)), Wanted(("github",), readings=0), Wanted((), sample=-1)])
def test_bad_wishes_are_refused(wanted: Wanted) -> None:
    """Unknown instruments and senseless numbers are refused before anything is asked."""
    with pytest.raises(UsageError):
        checked_config(wanted)


def test_one_dead_source_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that does not answer is a gap with its reason; the others are read."""
    with serve(CivitaiReplica([])) as gone:
        pass
    monkeypatch.setenv("CIVITAI_API_URL", gone)
    found = collect(Wanted(("civitai", "benchmark")), CLASSES, {}, tmp_path)
    assert found.about["civitai"]["state"] == "failed"
    assert len(found.gaps) == 1
    assert list(found.tables) == ["benchmark"]


def test_a_broken_crawl_is_partial_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crawl that breaks off is kept and marked partial; the same call later completes it."""
    models = models_of({"LORA": 650})
    with serve(CivitaiReplica(models, dies_after=3)) as url:
        port = int(url.rsplit(":", 1)[1])
        monkeypatch.setenv("CIVITAI_API_URL", url)
        first = collect(Wanted(("civitai",)), CLASSES, {}, tmp_path)
    with serve(CivitaiReplica(models), port):
        second = collect(Wanted(("civitai",)), CLASSES, {}, tmp_path)
    assert (first.about["civitai"]["state"], first.tables["civitai"].num_rows, len(first.gaps)) == ("partial", 300, 1)
    assert (second.about["civitai"]["state"], second.tables["civitai"].num_rows, second.gaps) == ("read", 650, [])


def test_problems_are_logged_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request that had to be made again is one JSON line, and a token in a server's words is blotted out."""
    replica = GithubReplica([], faults=Faults(error=1.0))
    with serve(replica) as url:
        monkeypatch.setenv("GITHUB_API_URL", url)
        monkeypatch.setenv("GITHUB_TOKEN", planted.GITHUB)  # the replica's fault repeats it
        found = collect(Wanted(("github",)), CLASSES, {}, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / PROBLEMS).read_text("utf-8").splitlines()]
    assert len(lines) == replica.number
    assert {(line["stage"], line["where"]) for line in lines} == {("github", "/search/code")}
    assert all(line["what"] == "status 502: Server Error; you sent Bearer (secret)" for line in lines)
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
        plain = collect(Wanted(("github",), readings=2), CLASSES, {}, tmp_path / "raw")
        before = replica.number
        more = collect(Wanted(("github",), readings=2, calibrate=tmp_path / "peft"), CLASSES, {}, tmp_path / "raw")
    assert before == plain.tables["github_counts"].num_rows == 2 * (3 * 3 + 1)
    assert replica.number - before == 2 * 3
    rows = [r for r in more.tables["github_counts"].to_pylist() if r["scope"] == "huggingface/peft"]
    lora = {r["measure"]: (r["total_count"], r["local_count"]) for r in rows if r["technique"] == "lora"}
    assert lora == {"class_python": (1, 1), "phrase": (1, 1)}


def test_the_content_hash_follows_the_content(tmp_path: Path) -> None:
    """The same content has the same hash; another PEFT type map, hence other rows, another."""
    first = content_sha256(collect(Wanted(("benchmark",)), CLASSES, {"LORA": "lora"}, tmp_path))
    same = content_sha256(collect(Wanted(("benchmark",)), CLASSES, {"LORA": "lora"}, tmp_path))
    other = content_sha256(collect(Wanted(("benchmark",)), CLASSES, {"LORA": "x"}, tmp_path))
    assert first == same != other
