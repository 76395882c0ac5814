"""Renders the notebooks with their output as the pages docs/notebooks/: make notebooks.

Each notebook runs in this process, on the bundled public copy alone, as in the test that compares the pages with it.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from peft_census.publish.text.table import Table

REPO = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((REPO / "notebooks").glob("*.ipynb"))
PAGES = REPO / "docs" / "notebooks"


def run_cell(source: str, file: str, names: dict[str, Any]) -> Any:
    """Runs a cell and returns the value of its last expression, as a notebook would show it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, file, "exec"), names)  # noqa: S102 (our own notebooks)
    return eval(compile(ast.Expression(last.value), file, "eval"), names) if last else None  # noqa: S307


def render(file: Path, names: dict[str, Any] | None = None) -> dict[str, str]:
    """Runs a notebook on the snapshots of the working directory.

    Returns:
        File name to text: the page, and the drawing of each chart.

    Raises:
        ValueError: a cell shows an empty table.
    """
    names = {} if names is None else names
    page = [f"<!-- Made from notebooks/{file.name} by `make notebooks`; do not edit. -->"]
    files: dict[str, str] = {}
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            page.append(source)
            continue
        page.append(f"```python\n{source}\n```")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), pd.option_context("display.precision", 3):
            shown = run_cell(source, str(file), names)
            if isinstance(shown, pd.DataFrame):
                if shown.empty:
                    raise ValueError(f"{file.name}: an empty table is shown by\n{source}")
                page.append(_table(shown))
        if printed.getvalue():
            page.insert(-1 if isinstance(shown, pd.DataFrame) else len(page), _text(printed.getvalue()))
        if hasattr(shown, "_repr_svg_") and shown._repr_svg_():
            name = f"{file.stem}-{shown.name}.svg"
            files[name] = shown._repr_svg_()
            page.append(f"![{shown.claim.alt_text}]({name})")
        elif shown is not None and not isinstance(shown, pd.DataFrame):
            page.append(_text(str(shown)))
    return {f"{file.stem}.md": "\n\n".join(page) + "\n", **files}


def _table(frame: pd.DataFrame) -> str:
    """Returns a table in Markdown; the index is left out where it only counts the rows."""
    shown = frame if isinstance(frame.index, pd.RangeIndex) or frame.index.dtype.kind == "i" else frame.reset_index()
    numeric = [i for i, kind in enumerate(shown.dtypes) if kind.kind in "if"]
    rows = [[_cell(value) for value in row] for row in shown.itertuples(index=False)]
    return "\n".join(Table(list(map(str, shown.columns)), rows, numeric).markdown())


def _cell(value: Any) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float) and not value.is_integer() and abs(value) < 1000:
        return f"{value:.3g}" if abs(value) >= 0.001 else "<0.001"
    return f"{value:,.0f}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _text(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"


def main() -> None:
    """Writes all pages again."""
    (shipped,) = (REPO / "data" / "snapshots").glob("*-public")
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(shipped, Path(folder) / "data" / "snapshots" / shipped.name)
        os.chdir(folder)
        for file in NOTEBOOKS:
            for name, text in render(file).items():
                (PAGES / name).write_text(text, encoding="utf-8", newline="\n")
            print(f"docs/notebooks/{file.stem}.md", file=sys.stderr)
        os.chdir(REPO)


if __name__ == "__main__":
    main()
