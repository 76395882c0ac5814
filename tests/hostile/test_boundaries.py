"""Tokens stay in, other hosts stay out, and no name from outside becomes a place on this disk."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import planted
import pytest
from civitai_replica import CivitaiReplica, models_of
from github_replica import GithubReplica, Window, corpus_of
from helpers import write_cards
from serving import Faults as WebFaults
from serving import serve

from peft_census.collect.http.hub import Limits
from peft_census.errors import CensusError
from tests.collect.conftest import Start
from tests.replica.catalogue import Record, commit_of, from_generator
from tests.replica.crawl import QUICK
from tests.replica.faults import Faults

DEVICES = ("CON", "nul.txt", "aux/con", "com1/LPT9", "a/PRN")
"""Names that Windows keeps for devices, which are lawful ids of models."""


def record(model_id: str, n: int, text: str, tags: tuple[str, ...] = ("peft",), **extra: Any) -> Record:
    """A model of the replica."""
    day = f"2024-01-{n + 1:02}T00:00:00.000Z"
    return Record(model_id, commit_of(n), f"{n:024x}", day, day, {"README.md": text.encode(), ".gitattributes": b""}, tags, **extra)  # fmt: skip


def names_below(folder: Path) -> set[str]:
    return {part for path in folder.rglob("*") for part in path.relative_to(folder).parts}


def allowed_everywhere(name: str) -> bool:
    """Says whether every file system takes ``name``: plain characters, no device of Windows."""
    plain = re.fullmatch(r"[A-Za-z0-9._-]{0,119}[A-Za-z0-9_-]", name)
    return bool(plain) and not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)


@pytest.fixture
def chatty(replica: Start, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Hub that puts the token it was sent into everything it answers."""
    monkeypatch.setenv("HF_TOKEN", planted.HUB)
    catalogue = from_generator(20)
    said = f"you sent Bearer {planted.HUB}"
    for n, name in enumerate(("chatty/one", "chatty/two")):
        catalogue.put(record(name, n, f"---\ntags: [lora, {said}]\n---\nTrained with LoRA. {said}.", ("peft", said), library_name=said, pipeline_tag=said, extra={"author": said}))  # fmt: skip
    malformed = ({"id": f"a/{planted.HUB}/{planted.HUB}"}, {"id": planted.HUB, "tags": [said]})
    return replica(
        catalogue, faults=Faults(error=0.2, malformed=malformed, always={"owner-003": 500, "owner-004": 403})
    )


def test_a_hub_that_repeats_the_token_does_not_get_it_into_anything(
    chatty: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Ledger, shards, problems, snapshot, page, public copy, output and log lines are free of it."""
    monkeypatch.setattr(Limits.__init__, "__defaults__", tuple(vars(QUICK).values()))
    caplog.set_level(logging.DEBUG)
    done = run("census", "--source", "hub-api", "--population", "all")
    assert done.exit_code == 3, done.output
    assert run("publish", "--for", "analysts", "--out", "public").exit_code == 0
    shown = run("explain", "chatty/one", "--json")
    assert shown.exit_code == 0 and json.loads(shown.stdout)["status"] == "text" and "lora" in shown.stdout
    assert chatty.counts.with_token == chatty.counts.requests.total() > 0
    assert planted.leaks(tmp_path) == []
    assert not planted.holds(done.output + shown.output + caplog.text)


def test_servers_that_repeat_the_token_in_errors(tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub and Civitai that fail half the time and quote the header: nothing of it is kept or printed."""
    write_cards(tmp_path / "cards.parquet", [{"modelId": "a/b", "card": "Trained with LoRA."}])
    github = GithubReplica(corpus_of({"LoraConfig": 3}), Window(100_000, 60), faults=WebFaults(error=0.4, seed=2))
    civitai = CivitaiReplica(models_of({"LORA": 5}), faults=WebFaults(error=0.4, seed=3))
    with serve(github) as github_url, serve(civitai) as civitai_url:
        monkeypatch.setenv("GITHUB_API_URL", github_url)
        monkeypatch.setenv("CIVITAI_API_URL", civitai_url)
        done = run("census", "-s", "cards.parquet", "--with", "github,civitai", "--readings", "1")
    assert done.exit_code in (0, 3), done.output
    assert {h.get("authorization") for h in (*github.seen, *civitai.seen)} == {f"Bearer {planted.GITHUB}", f"Bearer {planted.CIVITAI}"}  # fmt: skip
    assert planted.leaks(tmp_path) == [] and not planted.holds(done.output)


ADDRESSES = (
    "https://me:{}@hub.example",
    "https://{}@hub.example/path",
    "https://hub.example?key={}",
    "https://hub.example#{}",
)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("HF_ENDPOINT", ("census", "--source", "hub-api")), ("HF_ENDPOINT", ("census", "--source", "hub-dump")),
        ("HF_ENDPOINT", ("estimate", "--source", "hub")), ("HF_ENDPOINT", ("reproduce", "beyond-lora", "--dry-run")),
        ("GITHUB_API_URL", ("census", "--with", "github")), ("CIVITAI_API_URL", ("census", "--with", "civitai")),
    ],
)  # fmt: skip
def test_an_address_with_a_password_is_refused_and_not_repeated(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, verb: tuple[str, ...], address: str
) -> None:
    """It would get into the names of folders and into messages: exit code 2, host named, secret not."""
    monkeypatch.setenv(name, address.format(planted.token("pw")))
    done = run(*verb)
    assert done.exit_code == 2, done.output
    assert "hub.example" in done.stderr and not planted.holds(done.output)
    assert planted.leaks(tmp_path) == [] and not list(tmp_path.rglob("*hub.example*"))


def test_an_upload_to_such_an_address_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is sent."""
    from peft_census.collect.hub.upload import push_folder

    monkeypatch.setenv("HF_ENDPOINT", ADDRESSES[0].format(planted.token("pw")))
    with pytest.raises(CensusError, match="HF_ENDPOINT") as caught:
        push_folder(tmp_path, "me/x", "message")
    assert not planted.holds(str(caught.value))


def test_a_password_in_a_source_is_refused_and_not_repeated(run: Any) -> None:
    """Also where a URL with a password was given in the place of a file."""
    done = run("census", "--source", f"https://me:{planted.token('pw')}@hub.example/cards.parquet")
    assert done.exit_code == 2 and "password is not accepted" in done.stderr
    assert not planted.holds(done.output)
