"""The notebooks run on a fresh snapshot and carry no output in git."""

from __future__ import annotations

import json
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
def test_notebooks_run_on_the_specimen(run: Any, file: Path) -> None:
    """Every code cell runs, in order, on a snapshot of the specimen."""
    assert run("census", "--quiet").exit_code == 0
    names: dict[str, Any] = {}
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), str(file), "exec"), names)
    assert names["snapshot"].manifest["specimen"]
