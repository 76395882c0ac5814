"""The census with its instruments, through the command line and against the replicas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import planted
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from civitai_replica import BLOG_TYPES, CivitaiReplica, models_of
from click.testing import CliRunner, Result
from github_replica import BLOG_IMPORTS, GithubReplica, Window, corpus_of
from serving import serve

from peft_census.cli.main import main
from peft_census.pipeline.settings import settings


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Gives a file of two cards, and a raw folder of its own."""
    monkeypatch.setenv("PEFT_CENSUS_RAW", str(tmp_path / "raw"))
    monkeypatch.setenv("PEFT_CENSUS_SNAPSHOTS", str(tmp_path / "out"))
    settings.cache_clear()
    texts = ["# A\n\nTrained with LoRA.", "# B\n\nTrained with AdaLoRA."]
    pq.write_table(pa.table({"modelId": ["a/a", "b/b"], "card": texts}), tmp_path / "cards.parquet")
    yield tmp_path / "cards.parquet"
    settings.cache_clear()


def _run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args])


def test_the_published_shapes_come_out_side_by_side(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas loaded in the published proportions give 95.0, 71.1 and 71.3 / 3.7 / 3.5 % in one report."""
    github = GithubReplica(corpus_of(BLOG_IMPORTS), Window(100_000, 60))
    with serve(github) as one, serve(CivitaiReplica(models_of(BLOG_TYPES, nsfw=0.3, ties=3))) as two:
        monkeypatch.setenv("GITHUB_API_URL", one)
        monkeypatch.setenv("GITHUB_TOKEN", planted.GITHUB)
        monkeypatch.setenv("CIVITAI_API_URL", two)
        wishes = ("--with", "github civitai", "--with", "benchmark", "--sample", "20", "--readings", "1")
        first = _run("census", "--source", cards, "--json", "--quiet", *wishes)
        asked = github.number
        second = _run("census", "--source", cards, "--json", "--quiet", *wishes)
    assert first.exit_code == second.exit_code == 0, first.output
    facts = json.loads(first.stdout)
    assert json.loads(second.stdout)["unchanged"]
    assert github.number == asked
    assert {n: a["state"] for n, a in facts["instruments"].items()} == dict.fromkeys(
        ("github", "civitai", "benchmark"), "read"
    )
    folder = Path(facts["snapshot_path"])
    shares = {c["id"]: c["share"] for c in json.loads((folder / "report" / "claims.json").read_text("utf-8"))}
    wanted = {
        "civitai.identified.lora": 95.0,
        "civitai.all.lora": 71.1,
        "github.phrase.lora": 71.3,
        "github.phrase.loha": 3.7,
    }
    assert {k: round(100 * shares[k], 1) for k in wanted} == wanted
    phrase = [r for r in pq.read_table(folder / "github_counts.parquet").to_pylist() if r["measure"] == "phrase"]
    hits = {r["technique"]: r["total_count"] for r in phrase if r["scope"] == "all"}
    assert round(100 * hits["adalora"] / sum(hits.values()), 1) == 3.5
    page = (folder / "report" / "report.html").read_text("utf-8")
    assert "Other data sources" in page
    assert {"github_counts", "github_imports", "civitai", "benchmark"} <= {f.stem for f in folder.glob("*.parquet")}
    coverage = pq.read_table(folder / "coverage.parquet").to_pylist()
    assert {(r["source"], r["n"]) for r in coverage if r["source"] in ("civitai", "benchmark")} == {
        ("civitai", 10000),
        ("benchmark", 94),
    }


def test_instruments_change_the_snapshot_id(cards: Path) -> None:
    """The same cards with and without an instrument are two snapshots."""
    ids = [
        json.loads(_run("census", "--source", cards, "--json", "--quiet", *more).stdout)["snapshot_id"]
        for more in ((), ("--with", "benchmark"))
    ]
    assert ids[0] != ids[1]


def test_no_token_is_one_line_and_a_row_of_the_coverage(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token the run is done, says in one line what was skipped, and the coverage holds it."""
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    done = _run("census", "--source", cards, "--with", "github")
    assert done.exit_code == 0
    assert [line for line in done.stderr.splitlines() if "GITHUB_TOKEN" in line] == [
        "github: skipped, GITHUB_TOKEN is not set (code search needs a token; it needs no scope)"
    ]
    facts = json.loads(_run("census", "--source", cards, "--with", "github", "--json", "--quiet").stdout)
    rows = pq.read_table(Path(facts["snapshot_path"]) / "coverage.parquet").to_pylist()
    assert {"source": "github", "status": "skipped", "reason": "GITHUB_TOKEN is not set", "n": 0} in rows


def test_a_dead_instrument_is_a_gap(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instrument that does not answer ends the run with exit code 3, one line and a snapshot all the same."""
    with serve(CivitaiReplica([])) as gone:
        pass
    monkeypatch.setenv("CIVITAI_API_URL", gone)
    done = _run("census", "--source", cards, "--with", "civitai", "--json", "--quiet")
    assert done.exit_code == 3
    facts = json.loads(done.stdout)
    assert facts["instruments"]["civitai"]["state"] == "failed"
    assert len(facts["instrument_gaps"]) == 1
    assert "gap: civitai" in done.stderr


@pytest.mark.parametrize(
    "wishes",
    [
        ("--with", "gitlab"),
        ("--with", "civitai", "--civitai", "many"),
        ("--with", "civitai", "--civitai-order", "Newest"),
        ("--with", "benchmark", "--benchmark", "/nowhere"),
        ("--with", "github", "--readings", "0"),
    ],
)
def test_bad_wishes_are_usage_errors(cards: Path, wishes: tuple[str, ...]) -> None:
    """An unknown instrument, a lossy order or a folder without results ends with exit code 2 and no traceback."""
    done = _run("census", "--source", cards, *wishes)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")


def test_the_estimate_asks_nothing() -> None:
    """The estimate names requests and minutes for each instrument, from the taxonomy alone."""
    done = _run("estimate", "--with", "github,civitai,benchmark", "--civitai", "10000", "--sample", "200", "--json")
    costs = json.loads(done.stdout)
    assert (costs["civitai"]["requests"], costs["civitai"]["minutes"]) == (100, 1.8)
    assert costs["github"]["requests"] > 45 * 3 * 3 + 200
    assert costs["github"]["minutes"] == pytest.approx(costs["github"]["requests"] * 7 / 60, abs=0.1)
    assert "Civitai reports no total" in _run("estimate", "--with", "civitai").stdout
