"""Which source of cards a name means: the one list of them, and what opens each.

To add a source, write its class in a file of its own and name it in ``NAMED``, or, where it is known by a file's
ending, in ``make_source``. Nothing else in the project knows the sources by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peft_census.errors import UsageError
from peft_census.settings import settings

if TYPE_CHECKING:
    from peft_census.collect.base import Source
    from peft_census.collect.hub.api import HubApi
    from peft_census.collect.hub.dump import HubDump

OTHER_FORMATS = (".csv", ".tsv", ".json", ".jsonl", ".xlsx")
"""Endings of files that people have cards in and that no source reads."""


@dataclass(frozen=True)
class Wish:
    """What was asked for.

    Args:
        spec: the source's name, with a revision behind ``@`` where it takes one.
        quiet: no progress while collecting.
        hub: what to take from the Hub; fields of ``collect.hub_api.Selection``.
    """

    spec: str
    quiet: bool = False
    hub: dict[str, Any] = field(default_factory=dict)


def open_specimen(wish: Wish) -> Source:
    """Returns the bundled made-up cards."""
    from peft_census.collect.specimen import Specimen

    return Specimen(settings().batch_rows)


def open_hub(wish: Wish) -> HubApi | HubDump:
    """Returns a source of the Hub."""
    from peft_census.collect.hub.api import Selection
    from peft_census.collect.hub.sources import hub_source

    return hub_source(wish.spec, settings().raw, settings().batch_rows, Selection(**wish.hub), wish.quiet)


NAMED: dict[str, Callable[[Wish], Source]] = {
    "specimen": open_specimen,
    "hub-dump": open_hub,
    "hub-api": open_hub,
    "hub": open_hub,
}
"""Sources that have a name. What is no name is a path to Parquet."""


def is_named(spec: str) -> bool:
    """Returns whether ``spec`` is the name of a source and not a path."""
    return spec.partition("@")[0] in NAMED


def make_source(spec: str, keep_first: bool = False, quiet: bool = False, **hub: Any) -> Source:
    """Returns the source that ``spec`` names, or one over the Parquet at that path.

    Args:
        spec: the name or path.
        keep_first: of models that occur twice keep the first row.
        quiet: no progress while collecting.
        hub: what to take from the Hub; fields of ``collect.hub_api.Selection``.

    Raises:
        UsageError: there is no such source, or it does not have what was asked for.
    """
    if spec == "":
        raise UsageError("the source is empty", f"give a Parquet file, a folder, a glob, or {_names()}.")
    opens = NAMED.get(spec.partition("@")[0])
    given = [name for name, value in hub.items() if value not in (None, 0, "adapters")]
    if given and opens is not open_hub:
        option = "--" + given[0].replace("_", "-")
        raise UsageError(f"{option} goes with a source of the Hub, not with {spec!r}", "add --source hub-api.")
    if opens is not None:
        return opens(Wish(spec, quiet, hub))
    _check_path(spec)
    from peft_census.collect.parquet import Files

    return Files(spec, settings().batch_rows, keep_first)


def _check_path(spec: str) -> None:
    """Raises UsageError for what cannot be Parquet and is likely a slip."""
    path = Path(spec)
    if path.is_file() and path.suffix.lower() in OTHER_FORMATS:
        raise UsageError(
            f"{spec}: cards are read from Parquet, not from {path.suffix}",
            "docs/recipes.md (Run it on my own list) shows how to convert it.",
        )
    if not path.exists() and (near := get_close_matches(spec.lower(), NAMED, 1, 0.7)):
        raise UsageError(f"no source and no file {spec!r}", f"did you mean {near[0]}? The names are {_names()}.")


def _names() -> str:
    return ", ".join(NAMED)
