"""GitHub and Civitai: a collection that is killed repeatedly, with injected faults, is complete at the end."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import planted
import pytest
from civitai_replica import CivitaiReplica, models_of
from collect_once import CLASSES, CONFIG
from github_replica import GithubReplica, Window, corpus_of
from helpers import REPO
from serving import Faults, Replica, serve

from peft_census.collect.instrument import InstrumentRun
from peft_census.collect.instruments import collect
from peft_census.snapshot.instruments import CivitaiDescription, GithubDescription
from tests.hostile import DONE, SEED, sized

FILES = {"LoraConfig": 900, "LoHaConfig": 250, "IA3Config": 150}
TYPES = {"LORA": 3000, "LoCon": 300, "Checkpoint": 900}
KILLS = sized(6, 20)
PROOF = 2
"""Answers more than those kept: the end of the listing of Civitai is proved by two halves of a page, kept as one answer,
and a kill between them costs the first."""

pytestmark = pytest.mark.campaign


def weather(dice: random.Random) -> Faults:
    """Returns a random mixture of all faults."""
    rates = {name: dice.choice((0.01, 0.02, 0.04)) for name in ("error", "reset", "truncate", "html")}
    return Faults(dice.randrange(10**9), **rates, slow_s=0.004)


def _kill_once(replicas: list[Replica], raw: Path, env: dict[str, str], after: int) -> bool:
    """Starts a collection, kills it after some requests; True when it ended by itself first."""
    before = sum(r.number for r in replicas)
    with subprocess.Popen([sys.executable, REPO / "tests/replica/collect_once.py", raw], env=env) as process:
        while process.poll() is None and sum(r.number for r in replicas) < before + after:
            time.sleep(0.002)
        ended = process.poll() is not None
        process.kill()
    return ended


@pytest.mark.parametrize("seed", range(SEED, SEED + sized(1, 7)))
def test_instruments_killed_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Killed at random moments under random faults, the collection ends with what an undisturbed one holds.

    Each kill may cost the one answer that was under way, no more.
    """
    draw = random.Random(seed)
    faults = weather(draw)
    github = GithubReplica(corpus_of(FILES, notebooks=0.2), Window(30, 1.0), faults)
    civitai = CivitaiReplica(models_of(TYPES, nsfw=0.2, ties=3), faults)
    with serve(github) as one, serve(civitai) as two:
        env = {
            **os.environ,
            "GITHUB_API_URL": one,
            "CIVITAI_API_URL": two,
            "GITHUB_TOKEN": planted.GITHUB,
            "PYTHONPATH": str(REPO),
        }
        ended = [_kill_once([github, civitai], tmp_path / "killed", env, draw.randint(1, 6)) for _ in range(KILLS)]
        for name in ("GITHUB_API_URL", "CIVITAI_API_URL", "GITHUB_TOKEN"):
            monkeypatch.setenv(name, env[name])
        resumed = collect(InstrumentRun(CONFIG, CLASSES, {}, tmp_path / "killed"))
        answers = sum(github.served.values()) + sum(civitai.served.values())
        calm = collect(InstrumentRun(CONFIG, CLASSES, {}, tmp_path / "calm"))
    DONE["collections of instruments killed (kill -9) and resumed"] += KILLS
    DONE["faults injected into GitHub and Civitai"] += github.faulted.total() + civitai.faulted.total()
    assert not any(ended)
    assert resumed.gaps == ()
    assert {n: d.state for n, d in resumed.descriptions.items()} == {"github": "read", "civitai": "read"}
    for name, table in calm.tables.items():
        assert resumed.tables[name].drop_columns("asked_at").equals(table.drop_columns("asked_at")), name
    of_github, of_civitai = resumed.descriptions["github"], resumed.descriptions["civitai"]
    assert isinstance(of_github, GithubDescription) and isinstance(of_civitai, CivitaiDescription)
    assert of_github.sample is not None
    kept = sum(d.asked.requests_kept for d in (of_github, of_github.sample, of_civitai))
    assert kept <= answers <= kept + KILLS + PROOF
    assert github.refused == 0
