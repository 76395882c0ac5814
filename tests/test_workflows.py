"""The workflow of the tests: read-only, no secret, GitHub's own actions, and the commands that a person runs by hand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import REPO

WORKFLOWS = sorted((REPO / ".github/workflows").glob("*.yml"))
TESTS = REPO / ".github/workflows/tests.yml"


def jobs(file: Path = TESTS) -> dict[str, Any]:
    """The jobs of a workflow."""
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]
    return found


def steps(file: Path = TESTS) -> list[dict[str, Any]]:
    """All steps of all jobs."""
    return [step for job in jobs(file).values() for step in job["steps"]]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
@pytest.mark.parametrize(
    "tool",
    [
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
        ("zizmor", "--offline", "--no-progress", "--quiet"),
        (sys.executable, str(REPO / "scripts/check_shell.py")),
    ],
    ids=["schema", "security", "shell"],
)
def test_every_workflow_passes_its_checks(file: Path, tool: tuple[str, ...]) -> None:
    """GitHub's schema, zizmor's audits and shellcheck find nothing."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if shutil.which(tool[0], path=path) is None:
        pytest.skip(f"{tool[0]} is not installed; `make check` installs it")
    told = [*tool, str(file)]
    done = subprocess.run(told, cwd=REPO, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_may_read_the_code_and_nothing_else() -> None:
    """What runs on a stranger's pull request has no secret and can write nothing."""
    text = TESTS.read_text(encoding="utf-8")
    assert "secrets." not in text and "github.token" not in text and "pull_request_target" not in text
    assert yaml.safe_load(text)["permissions"] == {}
    assert all(job["permissions"] == {"contents": "read"} and job["timeout-minutes"] <= 60 for job in jobs().values())


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_checked_out_code_comes_without_the_token(file: Path) -> None:
    """Every checkout leaves the credentials behind; every action is GitHub's own and names its commit."""
    used = [(step["uses"], step.get("with", {})) for step in steps(file) if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z/-]+@[0-9a-f]{40}", name) for name, _ in used)
    checkouts = [told for name, told in used if name.startswith("actions/checkout@")]
    assert checkouts and all(told["persist-credentials"] is False for told in checkouts)


def test_every_supported_python_is_tried() -> None:
    """From the lowest that pyproject.toml allows on; the checks run on that one."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pythons = jobs()["tests"]["strategy"]["matrix"]["python"]
    assert project["requires-python"] == f">={pythons[0]}" and pythons == ["3.11", "3.12", "3.13"]
    assert [s["if"] for s in jobs()["tests"]["steps"] if "make check" in s.get("run", "")] == [
        f"matrix.python == '{pythons[0]}'"
    ]


def test_its_commands_exist() -> None:
    """Every target of make and every script that it names is in this repository."""
    commands = "\n".join(step["run"] for step in steps() if "run" in step)
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    targets, scripts = re.findall(r"\bmake (\w+)", commands), re.findall(r"python (scripts/\S+)", commands)
    assert {"check", "test", "audit"} <= set(targets) and scripts
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    assert all((REPO / script).is_file() for script in scripts)
