"""The notebooks run on a new snapshot; git stores them without output."""

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
def test_notebooks_have_no_output(file: Path) -> None:
    """No output and no execution count is committed."""
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.name)
def test_notebooks_start_with_their_needs_and_end_with_a_chart(file: Path) -> None:
    """The first cell lists what the notebook needs; the last cell draws a chart."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    assert "**Needs:**" in "".join(cells[0]["source"])
    assert "chart" in "".join(cells[-1]["source"]) and cells[-1]["cell_type"] == "code"


@pytest.mark.parametrize("kind", ["specimen", "shipped"])
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.name)
def test_notebooks_run(
    file: Path, kind: str, specimen_snapshots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All code cells run in order on a snapshot of the specimen and on the snapshot in git; the last shows a chart."""
    monkeypatch.chdir(tmp_path)
    if kind == "specimen":
        shutil.copytree(specimen_snapshots, tmp_path / "data/snapshots")
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
