"""The registry of card sources: one module and one line per source."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest
from helpers import REPO

from peft_census.collect import registry
from peft_census.collect.hub.options import HubOptions
from peft_census.collect.registry import NAMED, SourceRequest, make_source
from peft_census.collect.specimen import Specimen
from peft_census.errors import UsageError


def test_a_module_and_a_line_add_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module with ``open_source`` that the registry names is a source; it gets everything that was asked for."""
    requests: list[SourceRequest] = []

    def open_source(request: SourceRequest) -> Specimen:
        requests.append(request)
        return Specimen(request.batch_rows)

    module = ModuleType("new_source")
    module.open_source = open_source  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "new_source", module)
    monkeypatch.setitem(NAMED, "new", "new_source")
    source = make_source("new@v2", tmp_path, 7, keep_first=True, quiet=True)
    assert isinstance(source, Specimen) and source.batch_rows == 7
    assert requests == [SourceRequest("new@v2", tmp_path, 7, keep_first=True, quiet=True)]
    assert (requests[0].name, requests[0].revision, registry.is_named("new@v2")) == ("new", "v2", True)


@pytest.mark.parametrize("spec", NAMED)
def test_every_name_opens_a_source(spec: str, tmp_path: Path) -> None:
    """Opening a source asks nothing of a server: ``prepare`` does."""
    source = make_source(spec, tmp_path, 10)
    assert all(callable(getattr(source, name)) for name in ("prepare", "total", "batches"))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (HubOptions(ids=Path("ids.txt")), "--ids"),
        (HubOptions("all"), "--population"),
        (HubOptions(adapter_configs=3), "--adapter-configs"),
        (HubOptions(accept_shrunk=True), "--accept-shrunk"),
    ],
)
def test_an_option_of_the_hub_needs_a_source_of_the_hub(options: HubOptions, named: str, tmp_path: Path) -> None:
    """Any option that differs from its default is named."""
    with pytest.raises(UsageError, match=f"{named} goes with a source of the Hub"):
        make_source("specimen", tmp_path, 10, hub=options)


def test_the_registry_does_not_read_the_settings() -> None:
    """The folder for raw data and the batch size are parameters."""
    tree = ast.parse((REPO / "peft_census" / "collect" / "registry.py").read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "peft_census.pipeline.settings" not in imported
