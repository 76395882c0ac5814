"""The walls of the house: who may import whom, and what --help costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import REPO

PACKAGE = REPO / "peft_census"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = ("collect", "tag", "count", "publish")
"""``scale`` is no room: like the modules at top level it joins them."""


def imports(file: Path) -> set[str]:
    """Returns the full names of everything that ``file`` imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: relative import"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def room(file: Path) -> str:
    """Returns the subpackage that ``file`` is in, or ''."""
    first = file.relative_to(PACKAGE).parts[0]
    return first if first in ROOMS else ""


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_walls_stand(file: Path) -> None:
    """collect, tag and count never import one another; publish may import count; nobody imports cli."""
    found = imports(file)
    allowed = {"collect": {"collect"}, "tag": {"tag"}, "count": {"count"}, "publish": {"publish", "count"}}
    for other in ROOMS:
        reaches = any(name == f"peft_census.{other}" or name.startswith(f"peft_census.{other}.") for name in found)
        if reaches and room(file):
            assert other in allowed[room(file)], f"{file} imports {other}"
    assert not any(name.startswith("peft_census.cli.main") for name in found)
    if room(file) != "publish":
        assert not {n.split(".")[0] for n in found} & {"matplotlib", "jinja2"}
    if room(file) != "collect":
        network = {
            "requests",
            "huggingface_hub",
            "httpx",
            "httpx2",
            "urllib.request",
            "http.client",
            "socket",
            "tenacity",
        }
        assert not {n for n in found if n in network or n.split(".")[0] in network}


def test_help_is_instant_because_it_imports_nothing_heavy() -> None:
    """Asking for help loads neither pyarrow nor pandas nor matplotlib."""
    code = (
        "import sys; from click.testing import CliRunner; from peft_census.cli.main import main;"
        "r = CliRunner().invoke(main, ['--help']); assert r.exit_code == 0;"
        "print(sorted({'pyarrow', 'pandas', 'matplotlib', 'huggingface_hub'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO)
    assert done.stdout.strip() == "[]"


def test_modules_stay_small() -> None:
    """No module grows beyond what one reads in a sitting."""
    assert {str(f.relative_to(PACKAGE)): n for f in MODULES if (n := len(f.read_text().splitlines())) > 330} == {}
