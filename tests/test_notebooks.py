"""The notebooks run on a new snapshot; git stores them without output, and their output on the bundled one as pages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import REPO

from scripts.render_notebooks import NOTEBOOKS, PAGES, render


def cells(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return found


def test_there_are_six_questions() -> None:
    """Each notebook has a question as its title."""
    titles = ["".join(cells(file)[0]["source"]).splitlines()[0] for file in NOTEBOOKS]
    assert len(titles) == 6
    assert all(title.startswith(f"# {i}. ") and title.endswith("?") for i, title in enumerate(titles, 1))


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.name)
def test_notebooks_have_no_output(file: Path) -> None:
    """No output and no execution count is committed."""
    for cell in cells(file):
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.name)
def test_notebooks_start_with_their_needs_and_end_with_a_chart(file: Path) -> None:
    """The first cell lists what the notebook needs; the last cell draws a chart."""
    assert "**Needs:**" in "".join(cells(file)[0]["source"])
    assert "chart" in "".join(cells(file)[-1]["source"]) and cells(file)[-1]["cell_type"] == "code"


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.name)
def test_notebooks_run_on_the_specimen(
    file: Path, specimen_snapshots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All code cells run in order, none shows an empty table, and the last shows a chart."""
    shutil.copytree(specimen_snapshots, tmp_path / "data/snapshots")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    (page, *charts) = render(file, names).values()
    assert names["snapshot"].manifest.specimen
    assert charts and all(chart.count("<svg") == 1 and names["snapshot"].id in chart for chart in charts)
    assert page.rstrip().endswith(".svg)")


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.name)
def test_the_pages_show_what_the_notebooks_give_today(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/notebooks/ is the output on the bundled snapshot; after a change: `make notebooks`."""
    shipped = next((REPO / "data/snapshots").glob("*-public"))
    shutil.copytree(shipped, tmp_path / "data/snapshots" / shipped.name)
    monkeypatch.chdir(tmp_path)
    for name, text in render(file).items():
        assert (PAGES / name).is_file()
        if name.endswith(".md"):  # the bytes of a drawing depend on the release of Matplotlib
            assert (PAGES / name).read_text(encoding="utf-8") == text
