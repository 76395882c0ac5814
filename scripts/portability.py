"""Builds the wheel and runs the specimen census from it in empty environments: Pythons, lowest and newest versions.

    python scripts/portability.py [--tests]

Every interpreter of PYTHONS that is on PATH is tried with the newest versions of the dependencies, the first one with
the lowest that pyproject.toml allows as well. Then the census runs under other time zones, locales and paths. All must
come to the same snapshot id. With --tests the tests of tagging and counting run on the lowest versions.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")
CORE = ("tests/tag", "tests/count", "tests/test_snapshot.py", "tests/test_cli.py")
TEST_TOOLS = ("pytest", "hypothesis", "pillow", "ppi-python")
PLACES: dict[str, dict[str, str]] = {
    "east of the date line": {"TZ": "Pacific/Kiritimati"},
    "a half-hour location": {"TZ": "America/St_Johns"},
    "Turkish letters": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "plain C": {"LC_ALL": "C", "LANG": "C"},
    "ASCII output": {"PYTHONIOENCODING": "ascii:backslashreplace", "PYTHONUTF8": "0", "LC_ALL": "POSIX"},
    "no home": {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent", "MPLCONFIGDIR": ""},
    "hash seed": {"PYTHONHASHSEED": "7"},
    "optimised": {"PYTHONOPTIMIZE": "2"},
}
"""Circumstances that must not matter, by the environment that makes them."""


def find_python(name: str) -> str | None:
    """Returns an interpreter of that name that runs: from PATH, or one that pyenv keeps."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/*/bin/{name}")
    for found in (shutil.which(name), *map(str, sorted(kept))):
        if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
            return found
    return None


def run(*command: object, **more: object) -> str:
    """Runs a command and returns its output; a failure ends everything with what it said."""
    done = subprocess.run([str(c) for c in command], text=True, capture_output=True, **more)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return str(done.stdout)


def census(program: Path, folder: Path, **environment: str) -> str:
    """Runs the specimen census in an empty folder and returns the snapshot's id."""
    folder.mkdir(parents=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    told = json.loads(run(program, "census", "--json", "--quiet", cwd=folder, env=env))
    if not (
        Path(told["snapshot_path"]) if Path(told["snapshot_path"]).is_absolute() else folder / told["snapshot_path"]
    ).is_dir():
        sys.exit(f"{folder}: no snapshot")
    return str(told["snapshot_id"])


def has_locale(environment: dict[str, str]) -> bool:
    """Says whether this machine has the locale that an environment asks for; without it Python falls back to C."""
    asked = [sys.executable, "-c", "import locale; locale.setlocale(locale.LC_ALL, '')"]
    return subprocess.run(asked, env={**os.environ, **environment}, capture_output=True).returncode == 0


def make_wheel(room: Path) -> Path:
    """Builds the wheel with tools in an environment of their own."""
    tools = room / "tools/bin"
    run(sys.executable, "-m", "venv", room / "tools")
    run(tools / "pip", "install", "-q", "uv", "build", "hatchling")
    run(tools / "python", "-m", "build", "--wheel", "--no-isolation", "--outdir", room / "dist", REPO)
    return next((room / "dist").glob("*.whl"))


def install(room: Path, python: str, place: Path, *what: object) -> None:
    """Makes an empty environment where there is none and installs into it."""
    uv = room / "tools/bin/uv"
    if not place.exists():
        run(uv, "venv", "-q", "--python", python, place)
    run(uv, "pip", "install", "-q", "--python", place / "bin/python", *what)


def try_versions(room: Path, there: dict[str, str]) -> dict[str, str]:
    """Runs the census on every interpreter with the newest versions, on the first with the lowest as well."""
    wheel, lead, ids = make_wheel(room), next(iter(there)), {}
    for name, python in there.items():
        for versions in ("highest", "lowest-direct")[: 2 if name == lead else 1]:
            place = room / f"{name}-{versions}"
            install(room, python, place, "--resolution", versions, wheel)
            ids[f"{name}, {versions} versions"] = census(place / "bin/peft-census", room / f"run-{name}-{versions}")
    return ids


def main() -> None:
    """Tries everything and prints one line for each."""
    there = {name: found for name in PYTHONS if (found := find_python(name))}
    lead = next(iter(there))
    with tempfile.TemporaryDirectory() as room_name:
        room = Path(room_name)
        ids = try_versions(room, there)
        first = room / f"{lead}-highest/bin/peft-census"
        for what, environment in PLACES.items():
            ids[what] = census(first, room / f"run {what}", **environment)
        ids["a path with spaces and letters"] = census(first, room / "ünï cödé 名前 'quoted'")
        for what, snapshot in ids.items():
            print(f"{snapshot}  {what}", flush=True)
        if "--tests" in sys.argv:
            lowest = room / f"{lead}-lowest-direct"
            install(room, there[lead], lowest, *TEST_TOOLS)
            told = run(lowest / "bin/python", "-m", "pytest", "-q", *CORE, cwd=REPO).splitlines()
            print(f"{told[-1]} (lowest versions)")
    if missing := [name for name in PYTHONS if name not in there]:
        print(f"not on this machine: {', '.join(missing)}")
    if absent := [e["LC_ALL"] for e in PLACES.values() if "LC_ALL" in e and not has_locale(e)]:
        print(f"locales that are not installed here, so that C stood in for them: {', '.join(absent)}")
    if len(set(ids.values())) != 1:
        sys.exit("the snapshots differ")


if __name__ == "__main__":
    main()
