"""The weekly census: its workflow is sound, and its own commands run against the replicas."""

from __future__ import annotations

import configparser
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import planted
import pyarrow as pa
import pytest
import yaml
from civitai_replica import CivitaiReplica, models_of
from github_replica import GithubReplica, Window, corpus_of
from helpers import REPO
from serving import serve

from peft_census.collect.hub.options import ADAPTER_TAGS
from peft_census.snapshot.manifest import Retrieval
from peft_census.snapshot.snapshot import Snapshot, find_snapshot
from tests.replica.catalogue import from_generator
from tests.replica.hub import serving

WORKFLOW = REPO / ".github/workflows/census.yml"
SECRETS = {"HF_TOKEN": planted.HUB, "CIVITAI_TOKEN": planted.CIVITAI}
GITHUB_TOKEN = planted.GITHUB


def workflow() -> dict[str, Any]:
    """The parsed workflow; YAML reads the key ``on`` as True."""
    loaded: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return loaded


def steps(job: str) -> list[dict[str, Any]]:
    """The steps of a job."""
    found: list[dict[str, Any]] = workflow()["jobs"][job]["steps"]
    return found


def test_the_checks_can_fail(tmp_path: Path) -> None:
    """A block with an unquoted variable, and one with an expression inside, are both named."""
    bad = tmp_path / "bad.yml"
    run = ["rm $TARGET", "echo ${{ github.event.issue.title }}"]
    bad.write_text(yaml.safe_dump({"jobs": {"one": {"steps": [{"name": r, "run": r} for r in run]}}}), "utf-8")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, str(REPO / "scripts/check_shell.py"), str(bad)]
    done = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "SC2086" in done.stdout and "an expression inside run" in done.stdout


def test_tokens_are_given_to_single_steps() -> None:
    """No token stands in the environment of a job or of the whole workflow; each is in the steps that need it."""
    text = workflow()
    assert "env" not in text
    assert all("env" not in job for job in text["jobs"].values())
    holders = {
        (job, step.get("name")): sorted(k for k, v in step.get("env", {}).items() if "secrets." in v or ".token" in v)
        for job in text["jobs"]
        for step in steps(job)
    }
    assert {k: v for k, v in holders.items() if v} == {
        ("census", "Census"): ["CIVITAI_TOKEN", "GITHUB_TOKEN", "HF_TOKEN"],
        ("propose", "Commit, push, open"): ["GH_TOKEN"],
    }


def test_only_the_last_job_may_write() -> None:
    """What reads cards and installs packages may not write to the repository."""
    jobs = workflow()["jobs"]
    assert workflow()["permissions"] == {}
    rights = {name: job["permissions"] for name, job in jobs.items()}
    assert rights == {
        "keep": {},
        "census": {"contents": "read"},
        "propose": {"contents": "write", "pull-requests": "write"},
    }
    assert not [step for step in steps("propose") if re.search(r"\b(make|pip|python)\b", step.get("run", ""))]


class Clone:
    """A fresh clone with what the runner of GitHub would give it: a work tree, an environment, a fake ``gh``."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.outputs = folder / "clone", {}
        self.temp = folder / "runner"
        self.temp.mkdir()
        (folder / "bin").mkdir()
        (folder / "home").mkdir()
        self.summary, self.gh = folder / "summary.md", folder / "gh.txt"
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(folder / "origin.git"), where=folder)
        self.git("clone", "--quiet", str(folder / "origin.git"), str(self.folder), where=folder)
        for name in ("Makefile", "pyproject.toml", "constraints.txt", ".gitignore"):
            shutil.copy(REPO / name, self.folder / name)
        shutil.copytree(REPO / "scripts", self.folder / "scripts")
        shutil.copytree(REPO / "requirements", self.folder / "requirements")
        self.git("add", "--all")
        self.git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "first")
        self.git("push", "--quiet", "origin", "HEAD:main")
        tools = self.folder / ".venv/bin"
        tools.mkdir(parents=True)
        self.script(tools / "python", f'exec {sys.executable} "$@"')
        self.script(tools / "peft-census", f'exec {sys.executable} -m peft_census "$@"')
        (self.folder / ".venv/runtime").touch()
        self.script(folder / "bin/gh", f'printf "%s\\n" "$*" >> {self.gh}\ntest "$2" != create || test -z "$GH_FAILS"')
        self.env = {
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "PYTHONPATH": str(REPO),
            "LC_ALL": "C.UTF-8",
            "GH_FAILS": "",
            "PEFT_CENSUS_CHARTS": "none",
            "GITHUB_OUTPUT": str(self.temp / "output"),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            **env,
        }

    @staticmethod
    def script(file: Path, line: str) -> None:
        """Writes an executable."""
        file.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        file.chmod(0o755)

    def git(self, *words: str, where: Path | None = None) -> str:
        """Runs git and returns what it said."""
        done = subprocess.run(["git", *words], cwd=where or self.folder, capture_output=True, text=True, check=True)
        return done.stdout

    def expand(self, text: str) -> str:
        """Replaces the expressions of the workflow by what GitHub would put in."""
        values = {
            "github.token": GITHUB_TOKEN,
            "runner.temp": str(self.temp),
            "github.event.repository.default_branch": "main",
            "needs.census.outputs.snapshot": self.outputs.get("snapshot", ""),
            **{f"secrets.{name}": value for name, value in SECRETS.items()},
        }
        return re.sub(r"\$\{\{ ([a-z_.A-Z]+) \}\}", lambda m: values[m[1]], text)

    def run(self, job: str) -> list[subprocess.CompletedProcess[str]]:
        """Runs the commands of a job, stopping at the first that fails, and returns what each said."""
        done = []
        for step in (s for s in steps(job) if "run" in s):
            env = {**self.env, **{k: self.expand(v) for k, v in step.get("env", {}).items()}}
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            told = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
            done.append(told)
            if told.returncode:
                break
        output = Path(self.env["GITHUB_OUTPUT"])
        lines = output.read_text(encoding="utf-8").splitlines() if output.exists() else []
        self.outputs = dict(line.split("=", 1) for line in lines)
        output.unlink(missing_ok=True)
        return done


@pytest.mark.campaign
def test_two_weeks_of_the_workflow_against_the_replicas(tmp_path: Path) -> None:
    """Its commands seal a snapshot with a gap, propose its public copy, and next week compare with it.

    Nothing that leaves the job holds a token.
    """
    catalogue = from_generator(60)
    github = GithubReplica(corpus_of({"LoraConfig": 30, "LoHaConfig": 5}), Window(100_000, 60))
    with (
        serving(catalogue) as hub,
        serve(github) as github_url,
        serve(CivitaiReplica(models_of({"LORA": 30, "Checkpoint": 9}))) as civitai_url,
    ):
        endpoints = {"HF_ENDPOINT": hub.base, "GITHUB_API_URL": github_url, "CIVITAI_API_URL": civitai_url}
        clone = Clone(tmp_path, endpoints)
        listed = [m for m in catalogue.models.values() if set(m.tags) & set(ADAPTER_TAGS) and "README.md" in m.files]
        broken = min(m.id for m in listed if not m.gated)
        hub.faults.always[f"{broken}/resolve"] = 404
        first = clone.run("census")
        assert [d.returncode for d in first] == [0, 0, 0], first[-1].stderr
        one = dict(clone.outputs)
        assert one["changed"] == "true" and one["snapshot"].endswith("-public")
        text = (clone.folder / "changes.md").read_text("utf-8")
        assert "hub: 1 card: HTTP 404" in text and "first snapshot" in text
        proposed = clone.run("propose")
        assert [d.returncode for d in proposed] == [0], proposed[-1].stderr
        branch = f"census/{one['snapshot']}"
        kept = clone.git("ls-tree", "-r", "--name-only", f"origin/{branch}").splitlines()
        assert f"data/snapshots/{one['snapshot']}/models.parquet" in kept
        assert not [f for f in kept if f.startswith("data/") and one["snapshot"] not in f]
        assert f"pr create --base main --head {branch}" in clone.gh.read_text("utf-8")

        hub.faults.always.clear()
        again = clone.run("census")
        assert [d.returncode for d in again] == [0, 0, 0], again[-1].stderr
        two = dict(clone.outputs)
        assert two["changed"] == "true" and two["snapshot"] != one["snapshot"]
        text = (clone.folder / "changes.md").read_text("utf-8")
        assert f"`{one['snapshot']}`" in text and "None: everything that was listed was read." in text
        assert "## LoRA: unchanged" in text and "cards that can be read now but could not be read before" in text
        unchanged = clone.run("census")
        assert [d.returncode for d in unchanged] == [0, 0, 0], unchanged[-1].stderr
        assert clone.outputs == {"snapshot": two["snapshot"], "changed": "false"}
    said = "".join(d.stdout + d.stderr for d in (*first, *proposed, *again))
    for secret in (*SECRETS.values(), GITHUB_TOKEN):
        assert secret not in said
    leaving = [clone.summary, clone.folder / "changes.md"]
    leaving += [f for f in (clone.folder / "data/snapshots" / one["snapshot"]).rglob("*") if f.is_file()]
    for file in leaving:
        content = file.read_bytes()
        assert not [s for s in SECRETS.values() if s.encode() in content], file


def copy_of(specimen: Snapshot, name: str, kind: str, population: str | None, day: str) -> Snapshot:
    """Returns a public copy of another source and day."""
    details = {"population": population} if population else {}
    read = Retrieval(date.fromisoformat(day), date.fromisoformat(day))
    source = replace(specimen.manifest.source, kind=kind, details=details, retrieved=read)
    return replace(specimen, manifest=replace(specimen.manifest, snapshot_id=name, source=source))


def test_it_compares_with_the_last_snapshot_of_the_same_kind_by_date(specimen_snapshots: Path) -> None:
    """Not with a later id, another source, another population, or a later snapshot."""
    specimen = find_snapshot("latest", specimen_snapshots)
    changes = runpy.run_path(str(REPO / "scripts/changes.py"), run_name="changes")
    new = copy_of(specimen, "2026-11-20-new", "hub", "adapters", "2026-11-23")
    earlier = [
        copy_of(specimen, "2026-11-15-a", "hub", "adapters", "2026-11-09"),
        copy_of(specimen, "2026-11-02-b", "hub", "adapters", "2026-11-16"),
        copy_of(specimen, "2026-11-21-later", "hub", "adapters", "2026-11-30"),
        copy_of(specimen, "undated-demonstration", "files", None, "2026-11-22"),
        copy_of(specimen, "2026-11-19-c", "hub", "all", "2026-11-22"),
    ]
    assert changes["previous"](new, earlier) == "2026-11-02-b"
    assert changes["previous"](new, earlier[2:]) is None


def test_every_gap_and_skipped_source_is_in_the_text(specimen_snapshots: Path) -> None:
    """By source, with the count; a server's own words are not."""
    specimen = find_snapshot("latest", specimen_snapshots)
    rows = [
        ("hub", "text", None, 900), ("hub", "no_card", "no README.md", 40), ("hub", "failed", "HTTP 404", 1),
        *(("hub", "failed", f"HTTP {n}", n) for n in range(500, 540)), ("github", "read", None, 40),
        ("github", "incomplete", None, 5), ("civitai", "skipped", None, 0),
    ]  # fmt: skip
    table = pa.table({name: [row[i] for row in rows] for i, name in enumerate(("source", "status", "reason", "n"))})
    new = replace(copy_of(specimen, "n", "hub", "all", "2026-11-23"), in_memory={"coverage": table})
    told = {"civitai": {"state": "skipped", "reason": "no key"}, "benchmark": {"state": "failed", "reason": "words"}}
    changes = runpy.run_path(str(REPO / "scripts/changes.py"), run_name="changes")
    lines = changes["gaps"](new, {"instruments": told})
    assert "hub: 1 card: HTTP 404" in lines and "hub: 539 cards: HTTP 539" in lines and "github: 5 incomplete" in lines
    assert lines[-2:] == ["civitai: skipped: no key", "benchmark: failed"] and len(lines) == 44


def test_a_census_that_was_stopped_while_listing_proposes_nothing(tmp_path: Path) -> None:
    """Its output is empty; the text says why."""
    (tmp_path / "census.json").write_text("")
    command = [sys.executable, REPO / "scripts/changes.py", "census.json", "--snapshots", "s", "--text", "t.md"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "snapshot=\nchanged=false\n"), done.stderr
    assert "reached its time limit" in (tmp_path / "t.md").read_text()


def test_a_second_proposal_of_one_snapshot_renews_the_first(tmp_path: Path) -> None:
    """Where the pull request is there already, its text is replaced."""
    clone = Clone(tmp_path, {"GH_FAILS": "yes"})
    (clone.folder / "data/snapshots/2026-11-23-x-public").mkdir(parents=True)
    (clone.folder / "data/snapshots/2026-11-23-x-public/manifest.json").write_text("{}", encoding="utf-8")
    (clone.folder / "changes.md").write_text("text", encoding="utf-8")
    clone.outputs = {"snapshot": "2026-11-23-x-public"}
    assert [d.returncode for d in clone.run("propose")] == [0]
    assert "pr edit census/2026-11-23-x-public --body-file changes.md" in clone.gh.read_text("utf-8")


@pytest.mark.parametrize(("gaps", "code"), [("stop", 2), ("publish", 0)])
def test_make_takes_gaps_for_an_error_unless_told(tmp_path: Path, gaps: str, code: int) -> None:
    """``make census`` fails on exit code 3, and on nothing less with GAPS=publish; real failures always stop it."""
    clone = Clone(tmp_path, {})
    clone.script(clone.folder / ".venv/bin/peft-census", "exit ${ENDS:-3}")
    for ends, expected in (("3", code), ("1", 2), ("2", 2), ("0", 0)):
        env = {**clone.env, "ENDS": ends}
        done = subprocess.run(
            ["make", "census", f"GAPS={gaps}"], cwd=clone.folder, env=env, check=False, capture_output=True
        )
        assert done.returncode == expected, ends


def blocks(language: str) -> list[str]:
    """The blocks of one language in docs/schedule.md."""
    text = (REPO / "docs/schedule.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_units_of_systemd_are_well_formed() -> None:
    """Service and timer parse, name each other, and let exit code 3 pass as success."""
    units = {}
    for block in blocks("ini"):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(block)
        units[next(s for s in parser.sections() if s in ("Service", "Timer"))] = parser
    assert set(units) == {"Service", "Timer"}
    assert units["Service"]["Service"]["Type"] == "oneshot"
    assert units["Timer"]["Timer"]["OnCalendar"]
    assert units["Timer"]["Timer"]["Persistent"] == "true"
    assert "GAPS=publish" in units["Service"]["Service"]["ExecStart"]


def test_the_line_for_cron_has_five_fields_and_runs_make() -> None:
    """The crontab shown is one that cron takes: no per cent sign, an absolute folder, a weekly time."""
    lines = [line for block in blocks("crontab") for line in block.splitlines() if line and not line.startswith("#")]
    timed = [line for line in lines if re.match(r"[\d*]", line)]
    assert len(timed) == 1
    assert re.match(r"\d+ \d+ \* \* \d cd /\S+ && ", timed[0]) and "%" not in timed[0]
    assert "GAPS=publish" in timed[0]


def test_the_docs_name_every_secret_of_the_workflow() -> None:
    """Whoever sets it up learns of each secret what it is for."""
    text = (REPO / "docs/schedule.md").read_text(encoding="utf-8")
    wanted = set(re.findall(r"secrets\.([A-Z_]+)", WORKFLOW.read_text(encoding="utf-8")))
    assert wanted == set(SECRETS)
    assert all(f"`{name}`" in text for name in wanted)
    cron = [entry["cron"] for entry in workflow()[True]["schedule"]]  # type: ignore[index]
    assert json.dumps(cron[0])[1:-1] in text
