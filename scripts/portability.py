"""Runs the census of the bundled cards from the wheel, in new environments; each must give the same snapshot id.

    python scripts/portability.py [--tests]

The environments: each Python of PYTHONS that is installed, with the newest versions of the dependencies; the first one
also with the lowest versions that pyproject.toml allows; then other time zones, locales and paths. With --tests the
tests of tagging and counting also run with the lowest versions.
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
CORE = ("tests/tag", "tests/count", "tests/snapshot/test_snapshot.py", "tests/cli/test_cli.py")
TEST_TOOLS = ("pytest", "hypothesis", "pillow", "ppi-python")
PLACES: dict[str, dict[str, str]] = {
    "east of the date line": {"TZ": "Pacific/Kiritimati"},
    "a half-hour time zone": {"TZ": "America/St_Johns"},
    "Turkish letters": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "plain C": {"LC_ALL": "C", "LANG": "C"},
    "ASCII output": {"PYTHONIOENCODING": "ascii:backslashreplace", "PYTHONUTF8": "0", "LC_ALL": "POSIX"},
    "no home": {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent", "MPLCONFIGDIR": ""},
    "hash seed": {"PYTHONHASHSEED": "7"},
    "optimised": {"PYTHONOPTIMIZE": "2"},
}
"""Conditions that must not change the result, with their environment variables."""


def find_python(name: str) -> str | None:
    """Returns an interpreter of that name that runs: from PATH, or from pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/*/bin/{name}")
    for path in (shutil.which(name), *map(str, sorted(pyenv))):
        if path and subprocess.run([path, "--version"], capture_output=True).returncode == 0:
            return path
    return None


def run(*command: object, **more: object) -> str:
    """Runs a command and returns its output; if it fails, exits with what it printed."""
    done = subprocess.run([str(c) for c in command], text=True, capture_output=True, **more)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return str(done.stdout)


def census(program: Path, folder: Path, **environment: str) -> str:
    """Runs the census of the bundled cards in an empty folder and returns the snapshot id."""
    folder.mkdir(parents=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    result = json.loads(run(program, "census", "--json", "--quiet", cwd=folder, env=env))
    if not (folder / result["snapshot_path"]).is_dir():
        sys.exit(f"{folder}: no snapshot")
    return str(result["snapshot_id"])


def has_locale(environment: dict[str, str]) -> bool:
    """Returns whether this machine has the locale of an environment; without it Python uses C."""
    command = [sys.executable, "-c", "import locale; locale.setlocale(locale.LC_ALL, '')"]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True).returncode == 0


def make_wheel(tmpdir: Path) -> Path:
    """Builds the wheel with tools in a separate environment."""
    tools = tmpdir / "tools/bin"
    run(sys.executable, "-m", "venv", tmpdir / "tools")
    run(tools / "pip", "install", "-q", "uv", "build", "hatchling")
    run(tools / "python", "-m", "build", "--wheel", "--no-isolation", "--outdir", tmpdir / "dist", REPO)
    return next((tmpdir / "dist").glob("*.whl"))


def install(tmpdir: Path, python: str, place: Path, *what: object) -> None:
    """Creates the environment ``place`` if it does not exist, and installs into it."""
    uv = tmpdir / "tools/bin/uv"
    if not place.exists():
        run(uv, "venv", "-q", "--python", python, place)
    run(uv, "pip", "install", "-q", "--python", place / "bin/python", *what)


def try_versions(tmpdir: Path, pythons: dict[str, str]) -> dict[str, str]:
    """Runs the census on each Python with the newest versions, and on the first also with the lowest."""
    wheel, lead, ids = make_wheel(tmpdir), next(iter(pythons)), {}
    for name, python in pythons.items():
        for versions in ("highest", "lowest-direct")[: 2 if name == lead else 1]:
            place = tmpdir / f"{name}-{versions}"
            install(tmpdir, python, place, "--resolution", versions, wheel)
            ids[f"{name}, {versions} versions"] = census(place / "bin/peft-census", tmpdir / f"run-{name}-{versions}")
    return ids


def main() -> None:
    """Runs all and prints one line for each."""
    pythons = {name: path for name in PYTHONS if (path := find_python(name))}
    lead = next(iter(pythons))
    with tempfile.TemporaryDirectory() as name:
        tmpdir = Path(name)
        ids = try_versions(tmpdir, pythons)
        first = tmpdir / f"{lead}-highest/bin/peft-census"
        for what, environment in PLACES.items():
            ids[what] = census(first, tmpdir / f"run {what}", **environment)
        ids["a path with spaces and letters"] = census(first, tmpdir / "ünï cödé 名前 'quoted'")
        for what, snapshot in ids.items():
            print(f"{snapshot}  {what}", flush=True)
        if "--tests" in sys.argv:
            lowest = tmpdir / f"{lead}-lowest-direct"
            install(tmpdir, pythons[lead], lowest, *TEST_TOOLS)
            lines = run(lowest / "bin/python", "-m", "pytest", "-q", *CORE, cwd=REPO).splitlines()
            print(f"{lines[-1]} (lowest versions)")
    if missing := [name for name in PYTHONS if name not in pythons]:
        print(f"not on this machine: {', '.join(missing)}")
    if absent := [e["LC_ALL"] for e in PLACES.values() if "LC_ALL" in e and not has_locale(e)]:
        print(f"locales that are not installed, so that C was used instead: {', '.join(absent)}")
    if len(set(ids.values())) != 1:
        sys.exit("the snapshots differ")


if __name__ == "__main__":
    main()
