"""The structure of the package: which room may import which, lazy imports, and sizes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import REPO

PACKAGE = REPO / "peft_census"
MODULES = sorted(PACKAGE.rglob("*.py"))

STAGES = {"collect", "tag", "count", "publish"}
MAY_IMPORT = {
    "errors": set(),
    "snapshot": {"errors"},
    "collect": {"snapshot", "errors"},
    "tag": {"snapshot", "errors"},
    "count": {"snapshot", "errors"},
    "publish": {"count", "snapshot", "errors"},
    "pipeline": {*STAGES, "snapshot", "errors"},
    "cli": {"pipeline", *STAGES, "snapshot", "errors"},
    "__init__": {"pipeline"},
    "__main__": {"cli"},
}
"""Room to the other rooms that it may import."""

NETWORK = {"requests", "huggingface_hub", "httpx", "httpx2", "urllib.request", "http.client", "socket", "tenacity"}
OPTIONAL = {"pyspark", "py4j", "mlcroissant", "ppi_py"}
"""Packages of the extras; only these are imported inside functions."""

DISTRIBUTION = {"yaml": "pyyaml", "PIL": "pillow", "ppi_py": "ppi-python", "py4j": "pyspark"}
"""Import name to the name of the package, where they differ by more than a dash."""


def imported(file: Path) -> Iterator[tuple[ast.stmt, str]]:
    """Yields each import of ``file`` with its statement: ``a.b`` for ``import a.b`` and for ``from a import b``."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def room(file: Path) -> str:
    """Returns the room of a module: the folder or module on the top floor."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def package_of(name: str) -> str:
    """Returns the name of the distribution that a module belongs to."""
    top = name.partition(".")[0]
    return DISTRIBUTION.get(top, top).replace("_", "-").lower()


def requirements(section: list[str]) -> set[str]:
    """Returns the names in a list of requirements."""
    return {re.split(r"[><=;\[ ]", text)[0].replace("_", "-").lower() for text in section}


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_room_imports_only_the_rooms_below_it(file: Path) -> None:
    """cli imports pipeline, pipeline the stages, these snapshot and errors; of the stages only publish imports count."""
    for _, name in imported(file):
        parts = name.split(".")
        if (
            parts[0] == "peft_census"
            and (PACKAGE / parts[1]).with_suffix(".py" if parts[1] == "errors" else "").exists()
        ):
            assert parts[1] in MAY_IMPORT[room(file)] | {room(file)}, f"{file} imports {name}"


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_only_collect_uses_the_network_and_only_publish_draws(file: Path) -> None:
    """HTTP clients are imported in collect, Matplotlib and Jinja in publish."""
    names = {name for _, name in imported(file)}
    if room(file) != "publish":
        assert not {n.split(".")[0] for n in names} & {"matplotlib", "jinja2"}
    if room(file) != "collect":
        assert not {n for n in names if n in NETWORK or n.split(".")[0] in NETWORK}


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_are_at_the_top(file: Path) -> None:
    """Inside functions a module imports only optional extras."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {node for f in functions for node in ast.walk(f) if isinstance(node, ast.Import | ast.ImportFrom)}
    lines = {node.lineno for node in inside}
    names = [name for node, name in imported(file) if node.lineno in lines]
    assert [name for name in names if name.split(".")[0] not in OPTIONAL] == []


def test_the_top_floor_has_at_most_eight_entries() -> None:
    """Seven rooms and errors.py, beside the files that Python needs."""
    found = {p.name for p in PACKAGE.iterdir() if not p.name.startswith(("_", "."))} - {"py.typed"}
    assert found == {"cli", "pipeline", "snapshot", "collect", "tag", "count", "publish", "errors.py"}


def test_modules_stay_small() -> None:
    """No module has more than 330 lines."""
    sizes = {str(f.relative_to(PACKAGE)): len(f.read_text(encoding="utf-8").splitlines()) for f in MODULES}
    assert {name: n for name, n in sizes.items() if n > 330} == {}


def test_every_imported_package_is_declared() -> None:
    """pyproject.toml names each package that the code imports; those of the extras are imported in functions."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runtime = requirements(project["dependencies"])
    extras = {name: requirements(section) for name, section in project["optional-dependencies"].items()}
    own = {
        "peft-census",
        "tests",
        "benchmarks",
        "scripts",
        *(f.stem.replace("_", "-") for f in (REPO / "tests").rglob("*.py")),
    }

    def used(*folders: str) -> set[str]:
        names = {name for folder in folders for f in (REPO / folder).rglob("*.py") for _, name in imported(f)}
        return {package_of(n) for n in names if n.split(".")[0] not in sys.stdlib_module_names} - own

    optional = {package_of(name) for name in OPTIONAL}
    assert used("peft_census") - optional == runtime
    assert optional <= set().union(*extras.values())
    assert used("tests") <= runtime | extras["test"] | extras["spark"] | extras["s3-server"] | extras["fuzz"]
    assert used("benchmarks") <= runtime | extras["bench"]


def in_new_process(code: str) -> str:
    """Runs Python code in a new process and returns what it prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO).stdout


def test_help_imports_nothing_heavy() -> None:
    """`peft-census --help` loads none of the large packages."""
    code = (
        "import sys; from click.testing import CliRunner; from peft_census.cli.main import main;"
        "r = CliRunner().invoke(main, ['--help']); assert r.exit_code == 0;"
        "print(sorted({'pyarrow', 'pandas', 'matplotlib', 'pydantic', 'huggingface_hub'} & set(sys.modules)))"
    )
    assert in_new_process(code).strip() == "[]"


def test_the_package_loads_its_api_when_it_is_used() -> None:
    """`import peft_census` loads none of the large packages; each name of the API is found."""
    code = (
        "import sys, peft_census;"
        "print(sorted({'pyarrow', 'pandas', 'pydantic'} & set(sys.modules)), set(peft_census.__all__) <= set(dir(peft_census)));"
        "print([n for n in peft_census.__all__ if not callable(getattr(peft_census, n))], hasattr(peft_census, 'nothing'))"
    )
    assert in_new_process(code).splitlines() == ["[] True", "[] False"]
