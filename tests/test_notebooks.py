"""The notebooks run on a fresh snapshot and carry no output in git."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import REPO

NOTEBOOKS = sorted((REPO / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.name)
def test_notebooks_carry_no_output(file: Path) -> None:
    """No output and no execution count is committed."""
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.name)
def test_notebooks_begin_with_their_needs_and_end_with_a_chart(file: Path) -> None:
    """The first cell says what is needed, the last draws."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    assert "**Needs:**" in "".join(cells[0]["source"])
    assert "chart" in "".join(cells[-1]["source"]) and cells[-1]["cell_type"] == "code"


@pytest.mark.parametrize("kind", ["specimen", "shipped"])
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.name)
def test_notebooks_run(run: Any, file: Path, kind: str, tmp_path: Path) -> None:
    """Every code cell runs, in order, on a snapshot of the specimen and on the one in git; the last shows a chart."""
    if kind == "specimen":
        assert run("census", "--quiet").exit_code == 0
    else:
        shipped = next((REPO / "data/snapshots").glob("*-public"))
        shutil.copytree(shipped, tmp_path / "data/snapshots" / shipped.name)
    names: dict[str, Any] = {}
    shown: Any = None
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            shown = run_cell("".join(cell["source"]), str(file), names)
    assert names["snapshot"].manifest.specimen is (kind == "specimen")
    assert shown._repr_svg_().count("<svg") == 1
    assert names["snapshot"].id in shown.svg


def run_cell(source: str, file: str, names: dict[str, Any]) -> Any:
    """Runs a cell and returns the value of its last expression, as a notebook would show it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, file, "exec"), names)
    return eval(compile(ast.Expression(last.value), file, "eval"), names) if last else None
