"""The one list of card sources by name, and the function that opens one.

To add a source, write a module in ``collect`` with a function ``open_source(request)`` and add its line to ``NAMED``.
A spec that is not a name is a path to Parquet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from peft_census.collect.http.rate_limit import SYSTEM_CLOCK, Clock
from peft_census.collect.hub.options import HubOptions
from peft_census.errors import UsageError

if TYPE_CHECKING:
    from peft_census.collect.base import Source

NAMED = {
    "specimen": "peft_census.collect.specimen",
    "hub-dump": "peft_census.collect.hub.dump",
    "hub-metadata": "peft_census.collect.hub.metadata",
    "hub-api": "peft_census.collect.hub.api",
    "hub": "peft_census.collect.hub.api_with_dump",
}
"""Name to module. A module loads when its source is opened: ``--help`` prints the names and must not load Arrow."""

PARQUET = "peft_census.collect.parquet"
OTHER_FORMATS = (".csv", ".tsv", ".json", ".jsonl", ".xlsx")
"""Endings of files that people have cards in and that no source reads."""


@dataclass(frozen=True)
class SourceRequest:
    """What a source is opened with.

    Args:
        spec: its name, followed by ``@`` and a revision if it takes one; or a path.
        raw: the folder for raw data.
        batch_rows: rows per batch.
        keep_first: keep the first row of each model that occurs twice.
        quiet: no progress bars.
        hub: the options of the Hub's sources.
        clock: to wait with.
    """

    spec: str
    raw: Path
    batch_rows: int
    keep_first: bool = False
    quiet: bool = False
    hub: HubOptions = field(default_factory=HubOptions)
    clock: Clock = SYSTEM_CLOCK

    @property
    def name(self) -> str:
        """The spec without its revision."""
        return self.spec.partition("@")[0]

    @property
    def revision(self) -> str | None:
        """The revision in the spec; None if it has none."""
        _, separator, revision = self.spec.partition("@")
        return revision if separator else None


def is_named(spec: str) -> bool:
    """Returns whether ``spec`` is the name of a source and not a path."""
    return spec.partition("@")[0] in NAMED


def make_source(
    spec: str,
    raw: Path,
    batch_rows: int,
    keep_first: bool = False,
    quiet: bool = False,
    hub: HubOptions | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Source:
    """Returns the source that ``spec`` names, or one over the Parquet at that path; arguments as for SourceRequest.

    Raises:
        UsageError: there is no such source, or it does not have the options given.
    """
    if spec == "":
        raise UsageError("the source is empty", f"give a Parquet file, a folder, a glob, or {', '.join(NAMED)}.")
    request = SourceRequest(spec, raw, batch_rows, keep_first, quiet, hub or HubOptions(), clock)
    module = NAMED.get(request.name, PARQUET)
    given = request.hub.given()
    if given and not module.startswith("peft_census.collect.hub."):
        option = "--" + given[0].replace("_", "-")
        raise UsageError(f"{option} goes with a source of the Hub, not with {spec!r}", "add --source hub-api.")
    if module == PARQUET:
        _check_path(spec)
    source: Source = import_module(module).open_source(request)
    return source


def _check_path(spec: str) -> None:
    """Raises UsageError for a path that cannot be Parquet and is probably a mistake."""
    path = Path(spec)
    if path.is_file() and path.suffix.lower() in OTHER_FORMATS:
        raise UsageError(
            f"{spec}: cards are read from Parquet, not from {path.suffix}",
            "docs/recipes.md (Run it on my own list) shows how to convert it.",
        )
    if not path.exists() and (near := get_close_matches(spec.lower(), NAMED, 1, 0.7)):
        hint = f"did you mean {near[0]}? The names are {', '.join(NAMED)}."
        raise UsageError(f"there is no source and no file {spec!r}", hint)
