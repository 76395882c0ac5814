"""Checks each ``run:`` block of the workflows with shellcheck.

In: workflow files. Out: what shellcheck finds, with the name of the step; exit code 1 if it finds something. A GitHub
expression inside a block is an error, because its value would be run as a command; pass it through ``env:`` instead.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml


def blocks(file: Path) -> Iterator[tuple[str, str]]:
    """Yields the name and the commands of each step that runs commands."""
    workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
    for job_id, job in workflow["jobs"].items():
        for number, step in enumerate(job.get("steps", []), 1):
            if "run" in step:
                yield f"{file}, job {job_id}, step {step.get('name', number)}", step["run"]


def lint(name: str, commands: str) -> str:
    """Returns what is wrong with a block; an empty string if nothing is."""
    if "${{" in commands:
        return f"{name}: an expression inside run; pass it through env"
    command = ["shellcheck", "--shell=bash", "--severity=style", "--format=gcc", "-"]
    done = subprocess.run(command, input=f"set -eo pipefail\n{commands}", capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{name}:\n{done.stdout}{done.stderr}"


def main(files: list[str]) -> int:
    """Returns the exit code."""
    problems = [problem for file in files for name, commands in blocks(Path(file)) if (problem := lint(name, commands))]
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
