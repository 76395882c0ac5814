"""Tokens stay in, other hosts stay out, and no name from outside becomes a place on this disk."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import planted
import pytest
from civitai_replica import CivitaiReplica, models_of
from github_replica import GithubReplica, Window, corpus_of
from helpers import write_cards
from serving import Faults as WebFaults
from serving import serve

from peft_census.collect.http.hub import HubClient, Limits
from peft_census.collect.http.rest import RestClient, pace_for
from peft_census.errors import CensusError
from tests.collect.conftest import Start
from tests.hostile.conftest import environment
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


def test_errors_blot_out_what_stands_before_a_host(run: Any) -> None:
    """Also where a password was given in the place of a file."""
    done = run("census", "--source", f"https://me:{planted.token('pw')}@hub.example/cards.parquet")
    assert done.exit_code == 2 and "https://(secret)@hub.example/cards.parquet" in done.stderr


def test_a_token_in_the_settings_is_named_by_its_key_alone(run: Any, tmp_path: Path) -> None:
    """Tokens are no settings; the message does not repeat them, nor does one about the file's grammar."""
    for text in (f'hf_token = "{planted.HUB}"\n', f"hf_token = {planted.HUB}\n", f'[a]\nx = "{planted.HUB}\n'):
        (tmp_path / "census.toml").write_text(text, encoding="utf-8")
        done = run("show")
        assert done.exit_code == 2 and "census.toml" in done.stderr and not planted.holds(done.output)
    (tmp_path / "census.toml").unlink()  # this test wrote the token there itself


def test_a_proxy_with_a_password_is_not_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A proxy that does not answer is told by the kind of fault."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://me:{planted.token('pw')}@127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    reported: list[str] = []
    hub = HubClient(QUICK, lambda where, what: reported.append(f"{where} {what}"), "https://hub.example")
    web = RestClient("https://hub.example", pace_for("http://127.0.0.1", 0), report=lambda *said: reported.extend(said))
    for ask in (lambda: hub.get("/api/models", 100), lambda: web.get("/x", [])):
        with pytest.raises(CensusError) as caught:
            ask()
        reported.append(str(caught.value))
    assert len(reported) > 4 and not planted.holds(" ".join(reported))


def test_the_traceback_of_a_fault_of_our_own_shows_no_token(tmp_path: Path) -> None:
    """Where the program itself is wrong, in the middle of a crawl, what Python prints holds no token."""
    code = (
        "import peft_census.collect.http.hub as c, peft_census.cli.main as cli\n"
        "def broken(self, response, most): raise RuntimeError(f'broken with {self!r} {response!r} {response.request!r} {response.request.headers!r}')\n"
        "c.HubClient._read = broken\n"
        "cli.main()\n"
    )
    from tests.replica.hub import serving

    with serving(from_generator(3)) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, "census", "--source", "hub-api"], cwd=tmp_path, capture_output=True, text=True,
            env=environment(HF_ENDPOINT=server.base, HF_TOKEN=planted.HUB, HF_HOME=str(tmp_path)), check=False,
        )  # fmt: skip
        assert server.counts.with_token > 0
    assert "Traceback" in done.stderr and "broken with" in done.stderr
    assert not planted.holds(done.stdout + done.stderr) and planted.leaks(tmp_path) == []


def test_no_name_from_outside_becomes_a_name_on_this_disk(
    replica: Start, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models named like devices, files named like paths: whatever is written could be written anywhere."""
    catalogue = from_generator(5)
    for n, name in enumerate(DEVICES):
        made = record(name, n, "Trained with LoRA.")
        catalogue.put(made)
        made.files.update({"../../evil.txt": b"x", "C:\\evil": b"x", "a\0b": b"x"})
    malformed = tuple({"id": i} for i in ("../../evil", "/abs/evil", "a/..", "C:\\evil", "a:b/evil", "evil\0", "~/evil", "a/b/evil", "%2e%2e/evil"))  # fmt: skip
    replica(catalogue, faults=Faults(malformed=malformed))
    done = run("census", "--source", "hub-api", "--population", "all", "--json")
    assert done.exit_code in (0, 3), done.output
    assert json.loads(done.stdout)["cards"] >= len(DEVICES)
    assert run("explain", "CON").exit_code == 0
    assert run("publish", "--for", "hub", "--repo", "me/x", "--out", "hub").exit_code == 0
    strange = {n for n in names_below(tmp_path) if not allowed_everywhere(n.removeprefix("."))}
    assert strange == set() and not [n for n in names_below(tmp_path) if "evil" in n]


@pytest.mark.parametrize(
    "revision", ["../../main", "..", "a/../b", "-x", "main?x=1", "a b", "%2e%2e", "\x00", "x" * 200, ""]
)
def test_a_revision_that_is_none_is_refused(run: Any, tmp_path: Path, revision: str) -> None:
    """Nothing is asked and no folder made."""
    done = run("census", "--source", f"hub-dump@{revision}")
    assert done.exit_code == 2 and "revision" in done.stderr
    assert not (tmp_path / "data").exists() or names_below(tmp_path / "data") <= {"snapshots", ".lock"}
