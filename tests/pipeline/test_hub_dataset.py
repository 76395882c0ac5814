"""The dataset folder: readable by its viewers, nothing private, uploaded in one commit or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import planted
import pyarrow.parquet as pq
import pytest
import yaml
from helpers import write_cards
from hub_upload import Uploads, serving_uploads

TOKEN = planted.HUB
REPO = "me/census"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of huggingface_hub
MODEL = "some-owner/some-model"
SECRET = ("Zuse", "Konrad Street")


@pytest.fixture
def snapshot(run: Any, tmp_path: Path) -> str:
    """A snapshot of two cards whose words must not be published."""
    rows = [
        {
            "modelId": f"{MODEL}-{i}",
            "card": "---\ntags: [lora]\nlanguage: 12 Konrad Street\n---\nTrained with LoRA on a Zuse Z3.",
        }
        for i in range(2)
    ]
    write_cards(tmp_path / "cards.parquet", rows)
    return str(json.loads(run("census", "-s", "cards.parquet", "--json").stdout)["snapshot_path"])


@pytest.fixture
def hub() -> Iterator[Uploads]:
    """A replica of the Hub that takes uploads."""
    with serving_uploads() as uploads:
        yield uploads


@pytest.fixture
def push(run: Any, hub: Uploads, snapshot: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs ``publish --for hub`` with the replica as the Hub and the planted token."""
    for name in [name for name in os.environ if name.startswith("HF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_ENDPOINT", hub.base)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "hf"))
    return partial(run, "publish", "--for", "hub", "--repo", REPO, "--snapshot", snapshot, "--out", "dataset")


def test_the_folder_is_what_the_viewer_and_people_need(run: Any, snapshot: str) -> None:
    """README with configs for every table, each of which opens; dictionary, metadata, citation; nothing is sent."""
    result = run("publish", "--for", "hub", "--repo", REPO, "--snapshot", snapshot, "--out", "dataset")
    assert result.exit_code == 0, result.output
    assert "nothing was sent" in result.stdout
    text = Path("dataset/README.md").read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["license"] == "cc-by-4.0" and front["size_categories"] == ["n<1K"]
    names = {c["config_name"] for c in front["configs"]}
    assert names == {p.stem for p in Path("dataset/data").glob("*.parquet")} >= {"models", "mentions", "shares"}
    for config in front["configs"]:
        pq.read_table(Path("dataset") / config["data_files"])
    for name in ("data-dictionary.md", "croissant.json", "citation.bib", "CITATION.cff", "report/report.html"):
        assert Path("dataset", name).stat().st_size > 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib, inside mlcroissant
def test_the_metadata_is_valid_and_reads_the_tables(run: Any, snapshot: str) -> None:
    """mlcroissant finds no error in it and yields the rows of a table."""
    mlc = pytest.importorskip("mlcroissant")
    run("publish", "--for", "hub", "--repo", REPO, "--snapshot", snapshot, "--out", "dataset")
    found = mlc.Dataset(jsonld="dataset/croissant.json")
    assert not found.metadata.ctx.issues.errors
    rows = list(found.records("shares"))
    assert len(rows) == pq.read_table("dataset/data/shares.parquet").num_rows > 0
    assert rows[0]["shares/technique"] == b"lora"


def test_nothing_private_is_in_any_file(run: Any, snapshot: str) -> None:
    """Ids of models are there, and no word of a card in any byte of the folder."""
    run("publish", "--for", "hub", "--repo", REPO, "--snapshot", snapshot, "--out", "dataset")
    for file in Path("dataset").rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert not [s for s in SECRET if s.encode() in data], file
    for table in ("models", "mentions"):
        cells = str(pq.read_table(f"dataset/data/{table}.parquet").to_pylist())
        assert not [s for s in SECRET if s in cells]
        assert f"{MODEL}-0" in cells


def test_the_readme_says_what_is_in_it_and_how_to_be_left_out(run: Any, snapshot: str) -> None:
    """Accounts are named, the licence covers labels and not cards, and there is an address for objections."""
    run("publish", "--for", "hub", "--repo", REPO, "--snapshot", snapshot, "--out", "dataset")
    text = Path("dataset/README.md").read_text()
    assert "names of Hub accounts" in text and "The cards are not part of this data set" in text
    assert f"https://huggingface.co/datasets/{REPO}/discussions" in text
    tables = {p.stem for p in Path("dataset/data").glob("*.parquet")}
    assert not tables & {"github_counts", "github_files", "github_imports", "civitai", "benchmark"}


def test_an_upload_is_one_commit(push: Any, hub: Uploads) -> None:
    """All files arrive whole in one commit, what is stale goes, and the token is neither printed nor written."""
    hub.files = {"old.csv": b"stale", ".gitattributes": b"*.parquet lfs"}
    done = push("--push", "--json")
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert len(hub.commits) == 1 and facts["commit"].endswith("/commit/" + f"{1:040x}")
    assert {n: (Path("dataset") / n).read_bytes() for n in facts["files"]} == {
        n: c for n, c in hub.files.items() if n != ".gitattributes"
    }
    assert "old.csv" not in hub.files and ".gitattributes" in hub.files
    assert {header for _, path, header in hub.requests if path.startswith("/api/datasets")} == {f"Bearer {TOKEN}"}
    assert TOKEN not in done.stdout + done.stderr
    assert planted.leaks(Path("dataset")) == []


def test_an_unchanged_folder_makes_no_commit(push: Any, hub: Uploads) -> None:
    """The second upload of the same snapshot sends no file and adds nothing."""
    assert push("--push").exit_code == 0
    sent = len(hub.blobs)
    again = push("--push")
    assert again.exit_code == 0, again.stderr
    assert len(hub.commits) == 1 and len(hub.blobs) == sent


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        ({"/api/": 401}, "HTTP 401"),
        ({"/api/": 403}, "HTTP 403"),
        ({"/commit/": 409}, "HTTP 409"),
        ({"/commit/": 413}, "HTTP 413"),
        ({"/commit/": 500}, "HTTP 500"),
    ],
)
def test_a_refused_upload_commits_nothing_and_says_what_to_do(
    push: Any, hub: Uploads, fails: dict[str, int], words: str
) -> None:
    """Exit code 1, the status and the next step; neither a traceback, nor the token, nor the server's words."""
    hub.fails = fails
    done = push("--push")
    assert done.exit_code == 1
    assert words in done.stderr and REPO in done.stderr
    assert hub.commits == []
    for secret in ("Traceback", TOKEN):
        assert secret not in done.stdout + done.stderr
    assert Path("dataset/README.md").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--for", "hub"), "for which repository"),
        (("--for", "hub", "--repo", "../../etc"), "not a repository id"),
        (("--for", "hub", "--repo", "alone"), "not a repository id"),
        (("--for", "page", "--push"), "need --for hub"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Any, snapshot: str, arguments: tuple[str, ...], words: str) -> None:
    """A missing or impossible repository is told with exit code 2 and nothing is written."""
    result = run("publish", *arguments, "--snapshot", snapshot, "--out", "dataset")
    assert result.exit_code == 2 and words in result.stderr
    assert not Path("dataset").exists()


def test_a_specimen_is_not_uploaded(run: Any, specimen: str) -> None:
    """Its shares mean nothing; nothing is sent."""
    result = run("publish", "--for", "hub", "--repo", REPO, "--push", "--out", "dataset")
    assert result.exit_code == 2 and "shares mean nothing" in result.stderr


def test_a_folder_of_something_else_is_not_replaced(run: Any, snapshot: str) -> None:
    """What publishing did not write stays; its own earlier folder is replaced."""
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work")
    result = run("publish", "--for", "hub", "--repo", REPO, "--snapshot", snapshot, "--out", "mine")
    assert result.exit_code == 1 and Path("mine/thesis.txt").read_text() == "years of work"
    for _ in range(2):
        assert run("publish", "--for", "hub", "--repo", REPO, "--snapshot", snapshot, "--out", "ours").exit_code == 0
